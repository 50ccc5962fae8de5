//! Roots are told to who may ask, as they are at that moment.

use super::*;

fn with_roots(start: &str) -> ServerSpec {
    ServerSpec { declare: Declare { roots: true, ..Declare::default() }, ..raw_server(start) }
}

impl Bench {
    fn set_roots(&self, roots: &[&std::path::Path]) {
        *self.roots.lock().expect("no poison") = roots.iter().map(|root| root.display().to_string()).collect();
    }

    async fn with_roots(&self, start: &str) -> Connection {
        let (spec, never) = (with_roots(start), CancellationToken::new());
        self.connector.open(&spec, EraHint::Unknown, &never).await.expect("a connection")
    }
}

fn uris(result: &Value) -> Vec<&str> {
    let roots = result["roots"].as_array().expect("roots");
    roots.iter().map(|root| root["uri"].as_str().expect("a URI")).collect()
}

#[tokio::test]
async fn an_older_server_asks_and_hears_of_changes() {
    let mut bench = bench(Answer::Never);
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a b"), folder.path().join("ü"));
    std::fs::create_dir(&a).expect("a folder");
    std::fs::write(&b, "a file is no root").expect("a file");
    bench.set_roots(&[&a, &b]);
    let connection = bench.with_roots("2025-06-18").await;
    let asked = told(&call(&connection, "capabilities").await.expect("a result"));
    assert_eq!(asked, json!({"roots": {"listChanged": true}}));
    for _ in 0..2 {
        let result = told(&call(&connection, "ask_undeclared").await.expect("a result"));
        assert_eq!(uris(&result), [samplegate_core::settings::root_uri(&a.display().to_string())]);
        assert_eq!(result["roots"][0]["name"], "a b");
    }
    let event = bench.event(|event| matches!(event, ServerEvent::Roots { .. })).await;
    let (known, missing) = (vec![a.display().to_string()], vec![b.display().to_string()]);
    assert_eq!(event, ServerEvent::Roots { told: known, missing });
    assert!(bench.asked.try_recv().is_err(), "nobody is asked");

    std::fs::remove_file(&b).expect("a file");
    std::fs::create_dir(&b).expect("a folder");
    connection.roots_changed().await;
    assert_eq!(told(&call(&connection, "heard_of_roots").await.expect("a result")), 1);
    let result = told(&call(&connection, "ask_undeclared").await.expect("a result"));
    assert_eq!(uris(&result).len(), 2);
    // What was told twice was noted once, so this is the next.
    let event = bench.event(|event| matches!(event, ServerEvent::Roots { .. })).await;
    assert!(matches!(event, ServerEvent::Roots { missing, .. } if missing.is_empty()));
    connection.close().await;
}

#[tokio::test]
async fn a_newer_server_asks_in_results_and_hears_of_nothing() {
    let mut bench = bench(Answer::Never);
    let folder = tempfile::tempdir().expect("a folder");
    bench.set_roots(&[folder.path()]);
    let connection = bench.with_roots("2026-07-28").await;
    let result = told(&call(&connection, "roots_in_result").await.expect("a result"));
    assert_eq!(uris(&result["r"]), [samplegate_core::settings::root_uri(&folder.path().display().to_string())]);
    let alone = told(&call(&connection, "ask_roots_outside").await.expect("a result"));
    assert_eq!(alone["code"], -32601);
    connection.roots_changed().await;
    assert_eq!(told(&call(&connection, "heard_of_roots").await.expect("a result")), 0);
    assert!(bench.asked.try_recv().is_err(), "nobody is asked");
    connection.close().await;

    let undeclared = bench.open("2026-07-28").await;
    let refused = call(&undeclared, "roots_in_result").await;
    assert!(matches!(refused, Err(CallError::NotDeclared { method }) if method == "roots/list"));
    undeclared.close().await;
}
