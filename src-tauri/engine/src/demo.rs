//! The built-in demo server: a real MCP server on stdin and stdout to try sampling on, with no network and no key.
//!
//! Data flow: lines in → requests answered, replies handed to the tool that waits for them → lines out. It speaks the
//! revisions up to 2025-11-25, in which a server may ask in the middle of a call. Written by hand, because all it needs
//! is a dozen messages, and because a second implementation beside the client's library keeps both honest.
//!
//! Absent: anything a tool does in earnest. No money moves.

mod tools;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    sync::{mpsc, oneshot},
};

/// The revisions it speaks, newest last.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Serves on stdin and stdout until stdin ends.
///
/// # Errors
/// Stdin cannot be read.
pub async fn serve_stdio() -> io::Result<()> {
    let (out, mut lines) = mpsc::unbounded_channel::<Value>();
    tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(message) = lines.recv().await {
            let line = format!("{message}\n");
            if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                return;
            }
        }
    });
    let client = Client { out, waiting: Arc::default(), next: Arc::default() };
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = input.next_line().await? {
        match serde_json::from_str::<Value>(&line) {
            Ok(Value::Object(message)) => client.take(message),
            Ok(_) | Err(_) => client.send(json!({
                "id": null,
                "error": {"code": -32700, "message": "not a JSON-RPC message"},
            })),
        }
    }
    Ok(())
}

/// The requests of ours that are not answered yet.
type Waiting = HashMap<u64, oneshot::Sender<Map<String, Value>>>;

/// The client at the other end.
#[derive(Clone)]
struct Client {
    out: mpsc::UnboundedSender<Value>,
    waiting: Arc<Mutex<Waiting>>,
    next: Arc<AtomicU64>,
}

impl Client {
    fn send(&self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        // The writer is gone only when stdout is: nobody listens any more.
        let _ = self.out.send(message);
    }

    /// Takes a request, a notification or a reply.
    fn take(&self, mut message: Map<String, Value>) {
        let id = message.get("id").cloned();
        let Some(method) = message.get("method").and_then(Value::as_str).map(ToOwned::to_owned) else {
            let waiting = id.and_then(|id| id.as_u64()).and_then(|id| self.waiting().remove(&id));
            if let Some(waiting) = waiting {
                let _ = waiting.send(message);
            }
            return;
        };
        // Notifications need no answer.
        let Some(id) = id else { return };
        let params = message.remove("params").unwrap_or_default();
        let client = self.clone();
        tokio::spawn(async move {
            match client.answer(&method, &params).await {
                Ok(result) => client.send(json!({"id": id, "result": result})),
                Err((code, message)) => client.send(json!({"id": id, "error": {"code": code, "message": message}})),
            }
        });
    }

    async fn answer(&self, method: &str, params: &Value) -> Result<Value, (i64, String)> {
        match method {
            "initialize" => {
                let asked = params["protocolVersion"].as_str().unwrap_or_default();
                let version = VERSIONS.into_iter().find(|version| *version == asked).unwrap_or(VERSIONS[3]);
                Ok(json!({
                    "protocolVersion": version,
                    "capabilities": {"tools": {}, "logging": {}},
                    "serverInfo": {
                        "name": "samplegate-demo",
                        "title": "Samplegate demo",
                        "version": env!("CARGO_PKG_VERSION"),
                    },
                }))
            }
            "ping" | "logging/setLevel" => Ok(json!({})),
            "tools/list" => Ok(json!({"tools": tools::list()})),
            "tools/call" => {
                let name = params["name"].as_str().unwrap_or_default();
                tools::call(self, name, &params["arguments"])
                    .await
                    .unwrap_or_else(|| Err((-32602, format!("there is no tool {name:?}"))))
            }
            other => Err((-32601, format!("Method not found: {other}"))),
        }
    }

    /// Asks the client to let a model write something. An error is the client's refusal.
    async fn sample(&self, params: Value) -> Result<String, String> {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        self.waiting().insert(id, reply);
        self.send(json!({"id": id, "method": "sampling/createMessage", "params": params}));
        let message = replied.await.map_err(|_| "the client went away".to_owned())?;
        if let Some(error) = message.get("error") {
            return Err(error["message"].as_str().unwrap_or("refused").to_owned());
        }
        let content = &message.get("result").unwrap_or(&Value::Null)["content"];
        let first = content.as_array().and_then(|blocks| blocks.first()).unwrap_or(content);
        first["text"].as_str().map(ToOwned::to_owned).ok_or_else(|| "the answer holds no text".to_owned())
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
