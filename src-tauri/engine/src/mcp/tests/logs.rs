//! Log messages find the calls they belong to, as far as the protocol tells.

use super::*;
use crate::mcp::connection::LOG_LEVEL_KEY;

/// A call of this tool whose caller asked for log messages of this level, and what it is told.
fn asking(name: &str, arguments: &Value, level: Option<&str>) -> (CallRef, serde_json::Map<String, Value>) {
    let mut params = json!({"name": name, "arguments": arguments});
    if let Some(level) = level {
        params["_meta"] = json!({LOG_LEVEL_KEY: level});
    }
    let Value::Object(params) = params else { unreachable!() };
    (with_arguments(name, arguments.clone()), params)
}

/// Who of these callers is told, each having asked for this level: they wait while another call logs a warning.
async fn told_of(start: &str, levels: &[Option<&str>]) -> Vec<bool> {
    let bench = bench(Answer::Never);
    let connection = Arc::new(bench.open(start).await);
    let cancel = CancellationToken::new();
    let (mut heard, mut waiting) = (Vec::new(), Vec::new());
    for level in levels {
        let (call, params) = asking("wait", &json!({"seconds": 600}), *level);
        let (tell, news) = mpsc::channel(8);
        let (connection, cancel) = (connection.clone(), cancel.clone());
        waiting.push(tokio::spawn(async move { connection.relay_call(call, params, cancel, tell).await }));
        heard.push(news);
    }
    let (call, params) = asking("log_among", &json!({"calls": levels.len() + 1}), None);
    let (tell, own) = mpsc::channel(8);
    let logged = connection.relay_call(call, params, CancellationToken::new(), tell).await;
    assert_eq!(told(&logged.expect("a result")), "logged");
    // All that was told was told before the result.
    heard.push(own);
    let whose = json!({"level": "warning", "data": "whose?"});
    let told = heard.iter_mut().map(|news| news.try_recv().is_ok_and(|news| news.params == whose)).collect();
    cancel.cancel();
    for call in waiting {
        assert!(matches!(call.await.expect("a call"), Err(CallError::Cancelled)));
    }
    connection.close().await;
    told
}

#[tokio::test]
async fn among_several_calls_of_the_newest_revision_those_that_asked_are_told() {
    let levels = [Some("debug"), Some("warning"), Some("error"), None];
    assert_eq!(told_of("2026-07-28", &levels).await, [true, true, false, false, false]);
    assert_eq!(told_of("2026-07-28", &[]).await, [true], "the only one is told whatever it asked");
}

#[tokio::test]
async fn among_several_calls_of_an_older_revision_nobody_is_told_by_guess() {
    let levels = [Some("debug"), None];
    assert_eq!(told_of("2025-11-25", &levels).await, [false, false, false]);
}
