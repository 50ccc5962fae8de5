//! Roots: told to servers that may ask, as they are picked, while everything runs.

use samplegate_core::settings::root_uri;
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    servers::{OverHttp, python},
};

/// Two folders whose names a URI cannot hold as they are.
fn folders() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a b#c", "ü"].map(|name| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path.display().to_string()
    });
    (folder, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_reads_the_roots_and_those_that_change_while_it_runs() {
    let (_folder, a, b) = folders();
    let home = Running::start(&format!("[servers.s]\nroots = [{a:?}]\n{}", python("fastmcp3_prompts.py", &[]))).await;
    let ask = async || {
        let result = home.call("s", "roots", json!({})).await.unwrap().result.unwrap();
        result["structuredContent"]["result"].clone()
    };
    assert_eq!(ask().await, json!([root_uri(&a)]));
    let before = home.engine.ready("s").await.unwrap().session();
    home.set(|settings| settings.servers.get_mut("s").unwrap().roots.push(b.clone()));
    assert_eq!(ask().await, json!([root_uri(&a), root_uri(&b)]));
    assert_eq!(home.engine.ready("s").await.unwrap().session(), before, "it runs on");
    let told = format!("asked for its roots and was told {a}, {b}");
    home.eventually(|| home.engine.list_servers().remove(0).log.into_iter().find(|line| line.text == told)).await;
    let changes = home.engine.store().changes(None, 50).await.unwrap();
    assert!(format!("{changes:?}").contains("servers.s.roots"), "what was picked is in the log");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_newest_revision_asks_in_a_result() {
    let (_folder, a, _) = folders();
    let server = OverHttp::start("conforming.py").await;
    let home = Running::start(&format!("[servers.s]\nroots = [{a:?}]\n{}", server.lines())).await;
    let call = home.call("s", "test_input_required_result_list_roots", Value::Null);
    assert_eq!(text(&call.await.unwrap().result.unwrap()), root_uri(&a));
    home.stop().await;
}
