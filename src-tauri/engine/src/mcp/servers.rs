//! Keeps the configured servers running: starts, stops and restarts them as the configuration changes or they fail.
//!
//! One task per server owns its connection; everyone else sees a snapshot and the word "changed". A server that fails
//! is started again after a pause that doubles up to a cap and is forgotten once it ran long enough.

mod keep;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Asker, ClientSettings, Connection, Connector, EraHint, Events, Noted, ServerIdentity, ServerSpec, Spawner,
    lines::Lines,
};
use crate::secrets::Secrets;
use keep::Keep;

/// How patient the supervisor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The pause after the first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// A server that ran this long starts with the first pause again.
    pub stable_after: Duration,
    /// How often it is looked whether a person signed in in another process, while a server waits for that.
    pub look_again: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            stable_after: Duration::from_secs(60),
            look_again: Duration::from_secs(2),
        }
    }
}

impl Timing {
    pub(super) fn after(self, pause: Duration) -> Duration {
        (pause * 2).min(self.longest_pause)
    }
}

/// A server and how it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerStatus {
    /// Its configured name.
    pub name: String,
    /// How it is.
    pub state: ServerState,
}

/// How a server is.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerState {
    /// Its variables or headers are being read: a locked keychain keeps it here until a person unlocks it.
    Unlocking,
    /// The process starts or the handshake runs.
    Starting,
    /// It can be called.
    Ready {
        /// Who it says it is.
        identity: ServerIdentity,
        /// Its tools, as the JSON it listed.
        tools: Vec<Value>,
        /// Why they could not be listed the last time, where they were not; it is asked again.
        trouble: Option<String>,
    },
    /// A person has to sign in first.
    NeedsSignIn {
        /// What to do.
        why: String,
    },
    /// It could not be reached, or it ended.
    Failed {
        /// Why.
        why: String,
        /// The last lines on standard error.
        stderr: Vec<String>,
        /// When it is tried again by itself; never, where a person has to mend something first.
        retry_at: Option<Timestamp>,
    },
    /// Switched off.
    Disabled,
}

/// All servers.
pub struct Servers {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) connector: Connector,
    pub(super) secrets: Secrets,
    /// The hosts' own connections.
    pub(super) lines: Lines,
    pub(super) timing: Timing,
    changed: watch::Sender<u64>,
    servers: Mutex<BTreeMap<String, Entry>>,
    /// What each server spoke last, by name.
    eras: Mutex<BTreeMap<String, EraHint>>,
}

struct Entry {
    spec: ServerSpec,
    state: ServerState,
    connection: Option<Arc<Connection>>,
    /// `None` while disabled.
    run: Option<Run>,
}

/// A server's task.
struct Run {
    stop: CancellationToken,
    restart: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Run {
    /// Tells the task to end; it has when the handle says so.
    fn stop(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

impl Servers {
    /// No servers yet. Call within a tokio runtime.
    ///
    /// # Errors
    /// When the system gives no thread to start children from.
    pub fn new(settings: ClientSettings, timing: Timing, asker: Arc<dyn Asker>, secrets: Secrets) -> io::Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                connector: Connector { settings, spawner: Spawner::start()?, asker, events: Events::default() },
                secrets,
                lines: Lines::default(),
                timing,
                changed: watch::Sender::new(0),
                servers: Mutex::default(),
                eras: Mutex::default(),
            }),
        })
    }

    /// Makes the running servers match: starts what is new or enabled, stops what is gone or disabled, restarts what
    /// is configured differently. Returns when what had to stop has stopped.
    pub async fn apply(&self, wanted: Vec<(ServerSpec, bool)>) {
        let mut stopping = Vec::new();
        {
            let mut servers = self.inner.servers();
            let gone: Vec<String> =
                servers.keys().filter(|name| !wanted.iter().any(|(spec, _)| spec.name == **name)).cloned().collect();
            for name in gone {
                stopping.extend(servers.remove(&name).and_then(|entry| entry.run).map(Run::stop));
            }
            for (spec, enabled) in wanted {
                let old = servers.remove(&spec.name);
                let entry = match old {
                    Some(old) if old.spec == spec && old.run.is_some() == enabled => old,
                    old => {
                        if old.as_ref().is_some_and(|old| old.spec != spec) {
                            self.inner.eras().remove(&spec.name);
                        }
                        let before = old.and_then(|old| old.run).map(Run::stop);
                        let mut entry = Entry { spec, state: ServerState::Disabled, connection: None, run: None };
                        if enabled {
                            entry.state = ServerState::Starting;
                            entry.run = Some(Inner::start(&self.inner, entry.spec.clone(), before));
                        } else {
                            stopping.extend(before);
                        }
                        entry
                    }
                };
                servers.insert(entry.spec.name.clone(), entry);
            }
        }
        self.inner.note_change();
        self.end_stale_lines(false).await;
        join_all(stopping).await;
    }

    /// How a server is configured, where it is switched on.
    pub(super) fn spec(&self, name: &str) -> Option<ServerSpec> {
        self.inner.servers().get(name).filter(|entry| entry.run.is_some()).map(|entry| entry.spec.clone())
    }

    /// How all servers are, by name.
    pub fn list(&self) -> Vec<ServerStatus> {
        let servers = self.inner.servers();
        servers.iter().map(|(name, entry)| ServerStatus { name: name.clone(), state: entry.state.clone() }).collect()
    }

    /// How one server is.
    pub fn state(&self, name: &str) -> Option<ServerState> {
        self.inner.servers().get(name).map(|entry| entry.state.clone())
    }

    /// The connection to a server that is ready.
    pub fn get(&self, name: &str) -> Option<Arc<Connection>> {
        self.inner.servers().get(name)?.connection.clone()
    }

    /// Waits until a server is neither starting nor about to be; `None` where it is not configured.
    pub async fn settled(&self, name: &str) -> Option<ServerState> {
        let mut changed = self.inner.changed.subscribe();
        loop {
            match self.state(name)? {
                ServerState::Unlocking | ServerState::Starting => {
                    if changed.changed().await.is_err() {
                        return self.state(name);
                    }
                }
                state => return Some(state),
            }
        }
    }

    /// Starts an enabled server again now, whatever it does. Returns whether there is one of that name.
    pub fn restart(&self, name: &str) -> bool {
        let servers = self.inner.servers();
        let run = servers.get(name).and_then(|entry| entry.run.as_ref());
        run.is_some_and(|run| {
            run.restart.notify_one();
            true
        })
    }

    /// Tells a server, on all its connections, that its roots are others now. Waits for nobody.
    pub fn roots_changed(&self, name: &str) {
        for connection in self.get(name).into_iter().chain(self.open_lines(name)) {
            tokio::spawn(async move { connection.roots_changed().await });
        }
    }

    /// Sees a new number whenever anything in [`Servers::list`] changed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Hears all events from now on.
    pub fn events(&self) -> broadcast::Receiver<Noted> {
        self.inner.connector.events.subscribe()
    }

    /// What each server spoke last, to be kept for [`Servers::remember_eras`] in a later process.
    pub fn eras(&self) -> BTreeMap<String, EraHint> {
        self.inner.eras().clone()
    }

    /// Tells what an earlier process learnt; call it before [`Servers::apply`].
    pub fn remember_eras(&self, eras: BTreeMap<String, EraHint>) {
        self.inner.eras().extend(eras);
    }

    /// Ends all connections at once and waits for their processes.
    pub async fn shutdown(&self) {
        let stopping: Vec<_> = {
            let mut servers = self.inner.servers();
            servers.values_mut().filter_map(|entry| entry.run.take()).map(Run::stop).collect()
        };
        self.end_stale_lines(true).await;
        join_all(stopping).await;
        for entry in self.inner.servers().values_mut() {
            entry.state = ServerState::Disabled;
            entry.connection = None;
        }
        self.inner.note_change();
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for entry in self.inner.servers().values() {
            if let Some(run) = &entry.run {
                run.stop.cancel();
            }
        }
        drop(self.inner.lines.end(|_, _, _, _, _| true));
    }
}

impl Inner {
    fn servers(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn eras(&self) -> MutexGuard<'_, BTreeMap<String, EraHint>> {
        self.eras.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_change(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }

    fn start(inner: &Arc<Self>, spec: ServerSpec, before: Option<JoinHandle<()>>) -> Run {
        let stop = CancellationToken::new();
        let restart = Arc::new(Notify::new());
        let keep = Keep { inner: inner.clone(), spec, stop: stop.clone(), restart: restart.clone() };
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // The old process may hold what the new one needs.
                let _ = before.await;
            }
            keep.running().await;
        });
        Run { stop, restart, task }
    }
}
