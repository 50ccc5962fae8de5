//! What servers log, kept for the windows and passed on as it comes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::sync::broadcast;

use crate::{
    engine::{Engine, roots},
    mcp::ServerEvent,
    pipeline::now,
    wire::{LogLine, Topic},
};

/// How many log lines of a server are kept.
const LOG_LINES: usize = 500;
/// The level of lines that a server's process writes to stderr.
const STDERR: &str = "stderr";

/// The last log lines of each server.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Logs {
    lines: Arc<Mutex<HashMap<String, VecDeque<LogLine>>>>,
    live: broadcast::Sender<(String, LogLine)>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { lines: Arc::default(), live: broadcast::Sender::new(LOG_LINES) }
    }
}

impl Engine {
    /// The log lines and progress of servers from now on, each with its server's name, but not what processes write to
    /// stderr. Who reads too slowly misses some.
    pub fn follow_logs(&self) -> broadcast::Receiver<(String, LogLine)> {
        self.logs.live.subscribe()
    }

    pub(super) fn log_lines(&self, server: &str) -> Vec<LogLine> {
        let lines = self.logs.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(server).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    pub(in crate::engine) fn log_event(&self, server: &str, event: ServerEvent) {
        let (level, text) = match event {
            ServerEvent::Log { level, logger, data } => {
                let text = match data {
                    Value::String(text) => text,
                    // FastMCP and others wrap the text.
                    Value::Object(mut fields) if fields.get("msg").is_some_and(Value::is_string) => {
                        fields.remove("msg").and_then(|text| text.as_str().map(ToOwned::to_owned)).unwrap_or_default()
                    }
                    other => other.to_string(),
                };
                (level.as_str().to_owned(), logger.map_or(text.clone(), |logger| format!("{logger}: {text}")))
            }
            ServerEvent::Progress { call_id, progress, total, message } => {
                self.runs.progress(call_id, progress, total, message.clone());
                self.tell(Topic::Calls, Some(call_id.to_string()));
                let amount = total.map_or(format!("{progress}"), |total| format!("{progress}/{total}"));
                ("progress".into(), message.map_or(amount.clone(), |message| format!("{amount} {message}")))
            }
            ServerEvent::AddressDone { call_id } => {
                if let Some(call_id) = call_id {
                    self.runs.address_done(call_id);
                    self.tell(Topic::Calls, Some(call_id.to_string()));
                }
                ("info".into(), "it says that what was opened in the browser is done".into())
            }
            ServerEvent::Stderr(line) => (STDERR.into(), line),
            ServerEvent::ToolsChanged | ServerEvent::PromptsChanged | ServerEvent::ResourcesChanged => {
                self.tell(Topic::Servers, Some(server.into()));
                return;
            }
            ServerEvent::BadLine(line) => ("warning".into(), format!("not a message, left out: {line}")),
            ServerEvent::Oversized { bytes, .. } => ("error".into(), format!("a message of {bytes} bytes was refused")),
            ServerEvent::TooManyQuestions { method } => {
                ("error".into(), format!("{method} was refused: too many are open"))
            }
            ServerEvent::Roots { told, missing } => {
                (if missing.is_empty() { "info" } else { "warning" }.into(), roots::sentence(&told, &missing))
            }
            ServerEvent::NotDeclared { method } => ("error".into(), format!("{method} was asked and is not offered")),
            ServerEvent::WantsMore { scopes } => {
                ("warning".into(), format!("it wants more than was granted at sign-in: {}", scopes.join(" ")))
            }
        };
        let line = LogLine { at: now(), level, text };
        if self.runs.log(server, &line) {
            self.tell(Topic::Calls, None);
        }
        if line.level != STDERR {
            // Nobody listening is no error.
            let _ = self.logs.live.send((server.to_owned(), line.clone()));
        }
        let mut lines = self.logs.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines.entry(server.to_owned()).or_default();
        lines.push_back(line);
        if lines.len() > LOG_LINES {
            lines.pop_front();
        }
    }
}
