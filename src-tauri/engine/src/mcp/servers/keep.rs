//! Keeps one server running.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Inner, ServerState};
use crate::{
    mcp::{
        CallError, ConnectError, Connection, EraHint, Noted, ServerEvent, ServerSpec, TransportSpec, oauth::SignedIn,
        retry::Retry,
    },
    secrets::SecretError,
};

/// Changes of a list within this time are one.
const SETTLE: Duration = Duration::from_millis(100);

/// What a run of a server led to.
enum End {
    Stopped,
    Restart,
    NeedsSignIn { why: String },
    Failed { why: String, stderr: Vec<String>, hopeless: bool },
}

/// Keeps one server running.
pub(super) struct Keep {
    pub(super) inner: Arc<Inner>,
    pub(super) spec: ServerSpec,
    pub(super) stop: CancellationToken,
    pub(super) restart: Arc<Notify>,
}

impl Keep {
    pub(super) async fn running(&self) {
        let timing = self.inner.timing;
        let mut pause = timing.first_pause;
        loop {
            let started = Instant::now();
            let (why, stderr, hopeless) = match self.once().await {
                End::Stopped => return,
                End::NeedsSignIn { why } => {
                    self.set(ServerState::NeedsSignIn { why }, None);
                    tokio::select! {
                        () = self.signed_in_elsewhere() => {}
                        () = self.restart.notified() => {}
                        () = self.stop.cancelled() => return,
                    }
                    pause = timing.first_pause;
                    continue;
                }
                End::Restart => {
                    pause = timing.first_pause;
                    continue;
                }
                End::Failed { why, stderr, hopeless } => (why, stderr, hopeless),
            };
            if started.elapsed() >= timing.stable_after {
                pause = timing.first_pause;
            }
            let retry_at = if hopeless { None } else { Timestamp::now().checked_add(pause).ok() };
            self.set(ServerState::Failed { why, stderr, retry_at }, None);
            tokio::select! {
                () = tokio::time::sleep(pause), if !hopeless => pause = timing.after(pause),
                () = self.restart.notified() => pause = timing.first_pause,
                () = self.stop.cancelled() => return,
            }
        }
    }

    async fn once(&self) -> End {
        let mut events = self.inner.connector.events.subscribe();
        let era = self.inner.eras().get(&self.spec.name).copied().unwrap_or_default();
        let opened = tokio::select! {
            opened = self.open(era) => opened,
            () = self.restart.notified() => return End::Restart,
        };
        let connection = match opened {
            Ok(connection) => Arc::new(connection),
            Err(_) if self.stop.is_cancelled() => return End::Stopped,
            Err(error @ ConnectError::AuthorizationRequired { .. }) => {
                return End::NeedsSignIn { why: error.to_string() };
            }
            Err(error) => {
                let hopeless = matches!(
                    error,
                    ConnectError::CommandNotFound { .. }
                        | ConnectError::Address(_)
                        | ConnectError::NotKept { .. }
                        // Asked again and again, it would prompt again and again.
                        | ConnectError::Secret(SecretError::Locked(_))
                );
                return End::Failed { why: error.to_string(), stderr: error.stderr().to_vec(), hopeless };
            }
        };
        self.inner.eras().insert(self.spec.name.clone(), connection.era_hint());
        let end = self.serve(&connection, &mut events).await;
        connection.close().await;
        self.inner.connector.asker.session_ended(connection.session());
        end
    }

    async fn open(&self, era: EraHint) -> Result<Connection, ConnectError> {
        if !self.spec.kept.is_empty() || self.signed_in().is_some() {
            self.set(ServerState::Unlocking, None);
        }
        let connector = &self.inner.connector;
        let unlocked = async {
            let spec = self.spec.unlocked(&self.inner.secrets).await?;
            connector.read_sign_in(&spec).await?;
            Ok::<_, ConnectError>(spec)
        };
        let unlocked = self.stop.run_until_cancelled(unlocked).await;
        let stopped = || ConnectError::Closed { why: "it was stopped".to_owned(), stderr: Vec::new() };
        let spec = unlocked.ok_or_else(stopped)??;
        self.set(ServerState::Starting, None);
        connector.open(&spec, era, &self.stop).await
    }

    /// What is known of the person's sign-in.
    fn signed_in(&self) -> Option<SignedIn> {
        let TransportSpec::Http { url, .. } = &self.spec.transport else { return None };
        self.inner.connector.settings.sign_ins.as_ref()?.of(&self.spec.name, url)
    }

    /// Waits until a person has signed in, in another process of this home.
    async fn signed_in_elsewhere(&self) {
        let before = self.signed_in();
        loop {
            tokio::time::sleep(self.inner.timing.look_again).await;
            let now = self.signed_in();
            if now != before && now.is_some_and(|now| now.valid) {
                return;
            }
        }
    }

    async fn serve(&self, connection: &Arc<Connection>, events: &mut broadcast::Receiver<Noted>) -> End {
        let mut tools = Vec::new();
        let mut retry = Retry::new(self.inner.timing);
        loop {
            // Listing may take as long as it likes; it must not keep the server from being stopped.
            let listed = tokio::select! {
                listed = connection.tools() => listed,
                () = self.stop.cancelled() => return End::Stopped,
                () = self.restart.notified() => return End::Restart,
            };
            let (trouble, after_all) = retry.listed(&listed);
            match listed {
                Ok(listed) => tools = listed,
                Err(CallError::Closed { why, stderr }) => {
                    return End::Failed { why, stderr, hopeless: false };
                }
                // What it listed before may be there still.
                Err(_) => {}
            }
            if after_all {
                connection.tools_came();
            }
            let identity = connection.identity().clone();
            self.set(ServerState::Ready { identity, tools: tools.clone(), trouble }, Some(connection.clone()));
            tokio::select! {
                why = connection.closed() => {
                    return End::Failed { why, stderr: connection.stderr(), hopeless: false };
                }
                () = self.stop.cancelled() => return End::Stopped,
                () = self.restart.notified() => return End::Restart,
                () = retry.due() => {}
                () = self.tools_changed(events) => {
                    // Several changes at once are one; those up to now are in the next listing.
                    tokio::time::sleep(SETTLE).await;
                    *events = self.inner.connector.events.subscribe();
                }
            }
        }
    }

    async fn tools_changed(&self, events: &mut broadcast::Receiver<Noted>) {
        loop {
            match events.recv().await {
                Ok(noted) if noted.server == self.spec.name && noted.event == ServerEvent::ToolsChanged => {
                    return;
                }
                Ok(_) => {}
                // It may have been among what was missed. The pause bounds what a flood can cause.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    tokio::time::sleep(self.inner.timing.first_pause).await;
                    return;
                }
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    fn set(&self, state: ServerState, connection: Option<Arc<Connection>>) {
        let mut servers = self.inner.servers();
        // Stopping happens under the same lock, so a task that was stopped writes nothing any more.
        if self.stop.is_cancelled() {
            return;
        }
        if let Some(entry) = servers.get_mut(&self.spec.name) {
            entry.state = state;
            entry.connection = connection;
        }
        drop(servers);
        self.inner.note_change();
    }
}
