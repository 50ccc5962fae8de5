//! What the engine does by itself, for as long as it runs: it follows the settings and the servers.

use samplegate_core::audit::{NewEvent, Note, Place};
use tokio::sync::broadcast;

use super::{Engine, roots};
use crate::{mcp::ServerEvent, wire::Topic};

impl Engine {
    /// Settings → servers; servers' events → logs, notes and windows. All end with `stop`.
    pub(super) fn spawn_watchers(&self) {
        // Where no server may start nobody waits for a change, and to end watching takes longer than most commands do.
        let idle = self.only.as_deref().is_some_and(<[String]>::is_empty);
        if !idle && let Err(error) = self.config.watch() {
            tracing::warn!("changes of the configuration file are not seen until a restart: {error}");
        }
        let engine = self.clone();
        self.spawn(async move {
            let mut settings = engine.config.subscribe();
            let mut roots = roots::Told::default();
            loop {
                engine.apply_servers().await;
                engine.tell_roots(&mut roots);
                engine.note_renewals();
                for topic in [Topic::Servers, Topic::Models, Topic::Hosts, Topic::Rules, Topic::Status] {
                    engine.tell(topic, None);
                }
                if settings.changed().await.is_err() {
                    return;
                }
            }
        });
        if self.options.place == Place::Window {
            let engine = self.clone();
            self.spawn(async move { engine.watch_grants().await });
        }
        let engine = self.clone();
        self.spawn(async move {
            let mut changed = engine.servers.changed();
            while changed.changed().await.is_ok() {
                for name in engine.config.settings().servers.keys() {
                    if let Some(connection) = engine.servers.get(name) {
                        engine.compare_new(name, connection.sight().now()).await;
                    }
                }
                engine.tell(Topic::Servers, None);
                engine.tell(Topic::Status, None);
            }
        });
        let engine = self.clone();
        self.spawn(async move {
            let mut events = engine.servers.events();
            loop {
                match events.recv().await {
                    Ok(noted) => engine.note_event(&noted.server, noted.event).await,
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::warn!("{missed} log lines of servers came too fast and were left out");
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
    }

    async fn note_event(&self, server: &str, event: ServerEvent) {
        let (topic, text) = match &event {
            ServerEvent::Oversized { bytes, method, .. } => (
                "oversized_message",
                format!("a message of {bytes} bytes ({}) was refused", method.as_deref().unwrap_or("method unknown")),
            ),
            ServerEvent::NotDeclared { method } => ("not_declared", format!("{method} was asked and is not offered")),
            ServerEvent::Roots { told, missing } => ("roots", roots::sentence(told, missing)),
            ServerEvent::WantsMore { scopes } => {
                ("step_up", format!("it wants more than was granted at sign-in: {}", scopes.join(" ")))
            }
            ServerEvent::TooManyQuestions { method } => {
                ("too_many_questions", format!("{method} was refused: too many are open"))
            }
            ServerEvent::Log { .. }
            | ServerEvent::AddressDone { .. }
            | ServerEvent::Progress { .. }
            | ServerEvent::Stderr(_)
            | ServerEvent::ToolsChanged
            | ServerEvent::PromptsChanged
            | ServerEvent::ResourcesChanged
            | ServerEvent::BadLine(_) => {
                self.log_event(server, event);
                return;
            }
        };
        let note = Note { topic: topic.into(), server: Some(server.into()), text: Some(text) };
        if let Err(error) = self.store.append(vec![NewEvent::note(jiff::Timestamp::now(), note)]).await {
            tracing::error!("a note could not be logged: {error}");
        }
        self.log_event(server, event);
    }
}
