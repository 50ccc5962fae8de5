//! The pipe against an HTTP server that does exactly what a test says.

mod ends;
mod raw;
mod sessions;
mod streams;

use std::{path::Path, sync::Arc, time::Duration};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::raw::{Gateway, Reply};
use super::{Alone, Options, Places, StartAlone, run};

const PATIENCE: Duration = Duration::from_secs(30);

/// A bridge with a host at its end.
struct Host {
    input: Option<DuplexStream>,
    output: Lines<BufReader<DuplexStream>>,
    running: JoinHandle<()>,
    end: CancellationToken,
}

impl Host {
    fn start(runtime: &Path, alone: StartAlone) -> Self {
        let (input, bridge_input) = tokio::io::duplex(1024);
        let (bridge_output, output) = tokio::io::duplex(1024);
        let end = CancellationToken::new();
        let options = Options {
            runtime: runtime.to_owned(),
            server: Some("one".into()),
            host: Some("editor".into()),
            alone,
            note: Box::new(|_| {}),
            end: end.clone(),
        };
        let running = tokio::spawn(async move {
            run(options, BufReader::new(bridge_input), bridge_output).await.unwrap();
        });
        Self { input: Some(input), output: BufReader::new(output).lines(), running, end }
    }

    /// A bridge to this gateway, which must not start one of its own.
    fn of(gateway: &Gateway) -> Self {
        Self::start(gateway.runtime(), Box::new(|| Box::pin(async { Err("no gateway of our own".to_owned()) })))
    }

    async fn say(&mut self, line: impl ToString) {
        let line = format!("{}\n", line.to_string());
        self.input.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("nothing came");
        serde_json::from_str(&line.unwrap().expect("the output ended")).unwrap()
    }

    /// Opens a session.
    async fn initialize(&mut self) {
        self.say(initialize()).await;
        assert_eq!(self.hear().await["id"], 0);
        self.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }

    /// Closes the input, and gives back what still came.
    async fn leave(mut self) -> Vec<Value> {
        self.input = None;
        let mut rest = Vec::new();
        while let Some(line) = self.output.next_line().await.unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        tokio::time::timeout(PATIENCE, self.running).await.expect("it does not end").unwrap();
        rest
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
           "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "h", "version": "1"}}})
}

fn call(id: impl Into<Value>, name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": name}})
}

/// The same, as 2026-07-28 has it.
fn whole_call(id: impl Into<Value>, name: &str) -> Value {
    let mut call = call(id, name);
    call["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    call
}

fn cancelled(id: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id.into()}})
}

fn result(id: &Value, result: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result.into()})
}

/// A server of sessions: answers `initialize` with a session, takes notifications, and leaves the rest to the test.
fn in_sessions(rest: impl Fn(&raw::Seen) -> Reply + Send + Sync + 'static) -> raw::Behaviour {
    Arc::new(move |seen| match seen.message["method"].as_str() {
        Some("initialize") => {
            let capabilities = json!({"tools": {"listChanged": true}, "prompts": {}});
            let answer = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities});
            Reply::Json(StatusCode::OK, Some(format!("session-{}", seen.number)), result(&seen.message["id"], answer))
        }
        Some(method) if method.starts_with("notifications/") => Reply::Status(StatusCode::ACCEPTED),
        _ => rest(seen),
    })
}
