//! The gateway with one server behind it, as the suite can reach it: it knows no tokens, so they are put on here.

use std::process::Stdio;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Uri, header},
    response::Response,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use support::servers::samplegate;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// `samplegate serve`, and what puts the host's token on every request to it.
pub(crate) struct Gateway {
    url: String,
    _serving: Child,
    _home: tempfile::TempDir,
}

impl Gateway {
    /// Serves one server to one host that answers questions itself, so that they pass through.
    pub(crate) async fn before(server: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let samplegate = |args: &[&str]| {
            let mut command = Command::new(samplegate());
            command.arg("--home").arg(home.path()).args(args).stdin(Stdio::null()).kill_on_drop(true);
            command
        };
        let run = async |args: &[&str]| {
            let ran = samplegate(args).output().await.unwrap();
            assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8(ran.stdout).unwrap()
        };
        run(&["server", "add", "reference", "--url", server, "--sampling", "ask", "--limit", "none"]).await;
        let added = run(&["host", "add", "suite", "--sampling", "pass", "--elicitation", "pass"]).await;
        let token = serde_json::from_str::<Value>(&added).unwrap()["token"].as_str().unwrap().to_owned();

        let mut serving = samplegate(&["serve", "--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
        let endpoint = loop {
            let line = lines.next_line().await.unwrap().expect("the gateway listens before it ends");
            if let Some(at) = line.find("http://") {
                break line[at..].split_whitespace().next().unwrap().trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let base = endpoint.strip_suffix("/mcp").unwrap().to_owned();

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Way {
            base,
            authorization: HeaderValue::try_from(format!("Bearer {token}")).unwrap(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        tokio::spawn(axum::serve(listener, Router::new().fallback(pass).with_state(way)).into_future());
        Self { url: format!("http://127.0.0.1:{port}/mcp/reference"), _serving: serving, _home: home }
    }

    /// Where the suite finds the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The way to the gateway.
#[derive(Clone)]
struct Way {
    base: String,
    authorization: HeaderValue,
    client: Client<HttpConnector, Body>,
}

/// Passes a request on as it is, with the token; the response streams back.
async fn pass(State(way): State<Way>, mut request: Request) -> Response {
    *request.uri_mut() = format!("{}{}", way.base, request.uri()).parse::<Uri>().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, way.authorization);
    match way.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => Response::builder().status(502).body(error.to_string().into()).unwrap(),
    }
}
