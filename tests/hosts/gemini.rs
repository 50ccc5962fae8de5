//! Gemini CLI, a host that people use and that has no sampling, without its model: a server in its place makes it call
//! a tool.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Json, Request},
    http::{Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use support::servers::given;
use tokio::process::Command;

use crate::serving::{ANSWER, Serving, log, servers};

/// It starts slowly, and looks for things on the network first.
const PATIENCE: Duration = Duration::from_secs(180);

/// What stands in for the model: calls this tool once, and then says what it returned.
async fn model(tool: &'static str, arguments: Value) -> (String, Arc<Mutex<Vec<Value>>>) {
    let got = Arc::<Mutex<Vec<Value>>>::default();
    let kept = got.clone();
    let app = Router::new().fallback(move |uri: Uri, request: Request| {
        let (kept, arguments) = (kept.clone(), arguments.clone());
        async move {
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let returned = body["contents"].as_array().into_iter().flatten().find_map(|content| {
                content["parts"].as_array()?.iter().find_map(|part| part.get("functionResponse").cloned())
            });
            kept.lock().unwrap().push(body);
            let part = match returned {
                Some(returned) => json!({"text": returned.to_string()}),
                None => json!({"functionCall": {"name": tool, "args": arguments}}),
            };
            answer(&uri, &part)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, got)
}

fn answer(uri: &Uri, part: &Value) -> Response {
    let answer = json!({
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": "fake",
    });
    if uri.path().contains("stream") {
        ([(header::CONTENT_TYPE, "text/event-stream")], format!("data: {answer}\r\n\r\n")).into_response()
    } else {
        Json(answer).into_response()
    }
}

/// Runs it with this server of its configuration; gives what it printed.
async fn gemini(server: &Value, model: &str) -> Value {
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (settings, work) = (folder(".gemini"), folder("work"));
    let configured = json!({
        "mcpServers": {"gate": server},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"disableAutoUpdate": true, "disableUpdateNag": true},
    });
    std::fs::write(settings.join("settings.json"), configured.to_string()).unwrap();
    let program = given("SAMPLEGATE_TEST_HOSTS").join(".bin/gemini");
    let mut command = Command::new(program);
    command.args(["--prompt", "Use the tool.", "--model", "gemini-2.5-flash"]);
    command.args(["--approval-mode", "yolo", "--output-format", "json"]);
    command.current_dir(&work).env("HOME", home.path()).env("GEMINI_CLI_HOME", home.path());
    command.env("GEMINI_API_KEY", "none").env("GOOGLE_GEMINI_BASE_URL", model);
    command.env("GEMINI_CLI_TRUST_WORKSPACE", "true").env("NO_COLOR", "1").env_remove("CI");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ended in time").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let object = printed.find('{').unwrap_or_else(|| panic!("no JSON: {printed}"));
    serde_json::from_str(&printed[object..]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_sampling_calls_tools_that_sample() {
    let serving = Serving::start(servers).await;
    serving.ready(&["three", "four", "everything", "files", "memory"]).await;
    let [over_http, bridge] = serving.ways(None);
    let command = bridge["command"].as_array().unwrap();
    let stdio = json!({"command": command[0], "args": command[1..], "trust": true});
    let headers = json!({"Authorization": format!("Bearer {}", over_http["token"].as_str().unwrap())});
    let http = json!({"httpUrl": over_http["url"], "headers": headers, "trust": true});
    for (server, tool, arguments) in [
        (&stdio, "mcp_gate_three__generate_keywords", json!({"topic": "tea"})),
        (&http, "mcp_gate_four__generate_keywords", json!({"topic": "tea"})),
        (&stdio, "mcp_gate_everything__trigger-sampling-request", json!({"prompt": "Hello"})),
    ] {
        let (url, got) = model(tool, arguments).await;
        let printed = gemini(server, &url).await;
        assert!(printed["response"].as_str().unwrap().contains(ANSWER), "{tool}: {printed}");
        let offered = got.lock().unwrap()[0]["tools"].to_string();
        for tool in ["three__confirm_payment", "files__read_text_file", "memory__read_graph"] {
            assert!(offered.contains(tool), "{tool} is not offered: {offered}");
        }
    }
    let questions = log(serving.home.path()).await;
    assert_eq!(questions.len(), 2 + 2 + 1);
    assert!(questions.iter().all(|question| question["outcome"] == "released"), "{questions:?}");
}
