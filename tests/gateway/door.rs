//! Who is let in.

use samplegate_engine::engine::{Engine, GatewayState};
use serde_json::{Value, json};
use support::home::options;

use crate::host::{Era, Host, listening, passing, token};

async fn knock(port: u16, headers: &[(&str, &str)]) -> (u16, Option<String>) {
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "h", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let mut request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/mcp")).json(&message);
    request = request.header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_host_with_its_token_from_this_computer_is_let_in() {
    let (home, port) = listening("").await;
    let good = format!("Bearer {}", token(&home, "h"));
    assert_eq!(knock(port, &[("authorization", &good)]).await, (200, None));
    for headers in [vec![], vec![("authorization", "Bearer sgh_wrong")], vec![("authorization", "Basic x")]] {
        let (status, challenge) = knock(port, &headers).await;
        assert_eq!(status, 401);
        assert!(challenge.unwrap().starts_with("Bearer"));
    }
    for header in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
        assert_eq!(knock(port, &[("authorization", &good), header]).await.0, 403, "{header:?}");
    }
    assert_eq!(knock(port, &[("authorization", &good), ("origin", "http://localhost:5173")]).await.0, 200);
    home.engine.remove_host("h").unwrap();
    assert_eq!(knock(port, &[("authorization", &good)]).await.0, 401);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_finds_it_while_it_listens() {
    let (home, port) = listening("").await;
    let path = home.folder.path().join("run/gateway.json");
    let found: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(found["port"], port);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
    let bearer = format!("Bearer {}", found["token"].as_str().unwrap());
    assert_eq!(knock(port, &[("authorization", &bearer), ("x-samplegate-host", "editor")]).await.0, 200);
    assert_eq!(knock(port, &[("authorization", &bearer), ("x-samplegate-host", "terminal")]).await.0, 401);
    home.engine.shutdown().await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_one_hosts_at_one_endpoint() {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let (one, other) = (token(&home, "one"), token(&home, "other"));
    let host = Host::connect(Era::Legacy, port, Some("s"), &one).await;
    let session = host.session_id();
    let send = |token: String, path: &str| {
        let message = json!({"jsonrpc": "2.0", "id": 9, "method": "ping"});
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}{path}")).json(&message);
        let request = request.header("accept", "application/json, text/event-stream").bearer_auth(token);
        let request = request.header("mcp-session-id", &session);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(send(one.clone(), "/mcp/s").await, 200);
    assert_eq!(send(other, "/mcp/s").await, 404);
    assert_eq!(send(one.clone(), "/mcp").await, 404);
    assert_eq!(send(one.clone(), "/mcp/unknown").await, 404);
    host.end().await;
    assert_eq!(send(one, "/mcp/s").await, 404);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_too_many_takes_the_place_of_the_one_that_was_not_used_for_the_longest() {
    let (home, port) = listening("").await;
    let (greedy, other) = (token(&home, "greedy"), token(&home, "other"));
    let elsewhere = Host::connect(Era::Legacy, port, None, &other).await;
    let listens = Host::connect(Era::Legacy, port, None, &greedy).await;
    let _stream = listens.listen(&[]).await;
    let (used, unused) =
        (Host::connect(Era::Legacy, port, None, &greedy).await, Host::connect(Era::Legacy, port, None, &greedy).await);
    let bearer = format!("Bearer {greedy}");
    for _ in 3..256 {
        assert_eq!(knock(port, &[("authorization", &bearer)]).await.0, 200);
    }
    used.ask("ping", json!({})).await;
    assert_eq!(knock(port, &[("authorization", &bearer)]).await.0, 200);
    let gone = reqwest::Client::new().delete(&unused.url).bearer_auth(&greedy);
    let gone = gone.header("mcp-session-id", unused.session_id()).send().await.unwrap();
    assert_eq!(gone.status(), 404, "its host is told to begin a new one");
    for host in [listens, used, elsewhere] {
        host.ask("ping", json!({})).await;
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_and_taken_up_when_it_is_free() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), format!("[gateway]\nport = {port}\n")).unwrap();
    let engine = Engine::start(options(folder.path())).await.unwrap();
    engine.serve_gateway(None);
    let mut states = engine.gateway();
    states.wait_for(|state| matches!(state, GatewayState::Failed { .. })).await.unwrap();
    let trouble = engine.status().trouble;
    assert!(trouble.iter().any(|one| one.text.contains(&port.to_string())), "{trouble:?}");
    drop(taken);
    states.wait_for(|state| *state == GatewayState::Listening { port }).await.unwrap();
    assert_eq!(engine.status().trouble, []);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_2026_07_28_say_what_they_have_to() {
    let (home, port) = listening(&passing("s", Era::Stateless, &[])).await;
    let token = token(&home, "h");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    });
    let send = async |headers: &[(&str, &str)], method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 5, "method": method, "params": params});
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/mcp/s")).json(&message);
        let mut request = request.header("accept", "application/json, text/event-stream").bearer_auth(&token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        // What takes a moment comes as a stream; a refusal never does.
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
        (status, body["error"]["code"].as_i64())
    };
    let version = ("mcp-protocol-version", "2026-07-28");
    let list = ("mcp-method", "tools/list");
    assert_eq!(send(&[version, list], "tools/list", json!({"_meta": meta})).await, (200, None));
    for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
        let said = send(&[version, ("mcp-method", gone), ("mcp-name", "u:x")], gone, json!({"_meta": meta})).await;
        assert_eq!(said, (404, Some(-32601)), "{gone}");
    }
    assert_eq!(send(&[version], "tools/list", json!({"_meta": meta})).await, (400, Some(-32020)));
    assert_eq!(send(&[list], "tools/list", json!({"_meta": meta})).await, (400, Some(-32020)));
    assert_eq!(send(&[version, list], "tools/list", json!({})).await, (400, Some(-32602)));
    assert_eq!(send(&[version, ("mcp-method", "ping")], "ping", json!({"_meta": meta})).await, (404, Some(-32601)));
    let mut future = meta.clone();
    future["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
    let headers = [("mcp-protocol-version", "2099-01-01"), list];
    assert_eq!(send(&headers, "tools/list", json!({"_meta": future})).await, (400, Some(-32022)));
    home.stop().await;
}
