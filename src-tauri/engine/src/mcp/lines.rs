//! Connections of hosts to servers of the older era: one for each host and server, so that a question tells who asked.
//!
//! A line is opened when a host first needs it, lists the server's tools as the supervised connection does, and ends
//! when it is told to, when the server's configuration changes, or when the connection breaks; the next need opens
//! another one. It is never started again by itself. Servers of 2026-07-28 need none: their questions name the call.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{CallError, Connection, Connector, Era, EraHint, ServerSpec, Servers, Timing, retry::Retry};
use crate::secrets::Secrets;

/// How long a failure is told to all who ask, before it is tried again.
const FAILED_FOR: Duration = Duration::from_secs(2);
/// The word that the tools changed is waited for this long, so that several are one.
const SETTLE: Duration = Duration::from_millis(100);

/// Why there is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct LineError {
    /// Why.
    pub why: String,
    /// The last lines on standard error.
    pub stderr: Vec<String>,
}

/// Lines by server and host.
#[derive(Default)]
pub(super) struct Lines(Mutex<BTreeMap<(String, String), Line>>);

struct Line {
    spec: ServerSpec,
    stop: CancellationToken,
    state: watch::Receiver<State>,
    used_at: Instant,
    task: JoinHandle<()>,
}

#[derive(Clone)]
enum State {
    Opening,
    Ready(Arc<Connection>),
    Failed(LineError, Instant),
}

impl Line {
    fn is_over(&self) -> bool {
        match &*self.state.borrow() {
            State::Opening => false,
            State::Ready(connection) => connection.is_closed() || self.stop.is_cancelled(),
            State::Failed(_, since) => since.elapsed() > FAILED_FOR,
        }
    }

    fn is_busy(&self) -> bool {
        match &*self.state.borrow() {
            State::Opening => true,
            State::Ready(connection) => connection.is_busy(),
            State::Failed(..) => false,
        }
    }

    fn end(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the lines of which this is said.
    pub(super) fn end(&self, which: impl Fn(&str, &str, &ServerSpec, Duration, bool) -> bool) -> Vec<JoinHandle<()>> {
        let mut lines = self.lock();
        let over: Vec<(String, String)> = lines
            .iter()
            .filter(|((server, host), line)| which(server, host, &line.spec, line.used_at.elapsed(), line.is_busy()))
            .map(|(key, _)| key.clone())
            .collect();
        over.iter().filter_map(|key| lines.remove(key)).map(Line::end).collect()
    }
}

impl Servers {
    /// The connection by which a host reaches a server: its own one, where the server is of the older era, and the
    /// shared one else. None: the server is not ready.
    ///
    /// # Errors
    /// The host's own connection could not be made.
    pub async fn for_host(&self, server: &str, host: &str) -> Result<Option<Arc<Connection>>, LineError> {
        let Some(shared) = self.get(server) else { return Ok(None) };
        if shared.identity().era == Era::Stateless {
            return Ok(Some(shared));
        }
        let Some(mut state) = self.line(server, host) else { return Ok(None) };
        let settled = state.wait_for(|state| !matches!(state, State::Opening)).await.map(|state| state.clone());
        match settled {
            Ok(State::Ready(connection)) => Ok(Some(connection)),
            Ok(State::Failed(error, _)) => Err(error),
            Ok(State::Opening) | Err(_) => {
                Err(LineError { why: "the connection was ended".to_owned(), stderr: Vec::new() })
            }
        }
    }

    fn line(&self, server: &str, host: &str) -> Option<watch::Receiver<State>> {
        let spec = self.spec(server)?;
        let key = (server.to_owned(), host.to_owned());
        let mut lines = self.inner.lines.lock();
        if let Some(line) = lines.get_mut(&key).filter(|line| !line.is_over() && line.spec == spec) {
            line.used_at = Instant::now();
            return Some(line.state.clone());
        }
        let before = lines.remove(&key).map(Line::end);
        let (tell, state) = watch::channel(State::Opening);
        let stop = CancellationToken::new();
        let keep = Keep {
            connector: self.inner.connector.clone(),
            secrets: self.inner.secrets.clone(),
            spec: spec.clone(),
            stop: stop.clone(),
            timing: self.inner.timing,
        };
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // The old process may hold what the new one needs.
                let _ = before.await;
            }
            keep.open(tell).await;
        });
        lines.insert(key, Line { spec, stop, state: state.clone(), used_at: Instant::now(), task });
        Some(state)
    }

    /// The open connection of a host's own to a server.
    pub fn open_line(&self, server: &str, host: &str) -> Option<Arc<Connection>> {
        let lines = self.inner.lines.lock();
        match &*lines.get(&(server.to_owned(), host.to_owned()))?.state.borrow() {
            State::Ready(connection) => Some(connection.clone()),
            State::Opening | State::Failed(..) => None,
        }
    }

    /// The open connections of all hosts to a server.
    pub(super) fn open_lines(&self, server: &str) -> Vec<Arc<Connection>> {
        let lines = self.inner.lines.lock();
        let to_it = lines.iter().filter(|((to, _), _)| to == server);
        to_it
            .filter_map(|(_, line)| match &*line.state.borrow() {
                State::Ready(connection) => Some(connection.clone()),
                State::Opening | State::Failed(..) => None,
            })
            .collect()
    }

    /// Ends the lines of hosts that are said to be done, by host and time since it was last used; never one on which
    /// something is under way.
    pub fn end_lines(&self, is_done: impl Fn(&str, Duration) -> bool) {
        drop(self.inner.lines.end(|_, host, _, unused, busy| !busy && is_done(host, unused)));
    }

    /// Ends all lines to one server, whatever is under way on them.
    pub fn end_lines_to(&self, server: &str) {
        drop(self.inner.lines.end(|to, _, _, _, _| to == server));
    }

    /// Ends all lines of one host, whatever is under way on them.
    pub fn end_host(&self, host: &str) {
        drop(self.inner.lines.end(|_, of, _, _, _| of == host));
    }

    /// Ends the lines to servers that are not configured like that any more, or all; returns when they have ended.
    pub(super) async fn end_stale_lines(&self, all: bool) {
        let stale = self.inner.lines.end(|server, _, spec, _, _| all || self.spec(server).as_ref() != Some(spec));
        join_all(stale).await;
    }
}

/// Keeps one line.
struct Keep {
    connector: Connector,
    secrets: Secrets,
    spec: ServerSpec,
    stop: CancellationToken,
    timing: Timing,
}

impl Keep {
    async fn open(&self, tell: watch::Sender<State>) {
        let failed = |why: String, stderr: Vec<String>| State::Failed(LineError { why, stderr }, Instant::now());
        let Some(unlocked) = self.stop.run_until_cancelled(self.spec.unlocked(&self.secrets)).await else { return };
        let opened = match unlocked {
            // Whoever asks for a line has seen which era the server is of.
            Ok(spec) => self.connector.open(&spec, EraHint::Was(Era::Legacy), &self.stop).await,
            Err(error) => Err(error),
        };
        let connection = match opened {
            Ok(connection) => Arc::new(connection),
            Err(error) => {
                tell.send_replace(failed(error.to_string(), error.stderr().to_vec()));
                return;
            }
        };
        let mut news = connection.news();
        // Its questions are judged by what it lists.
        match self.stop.run_until_cancelled(connection.tools()).await {
            Some(Err(CallError::Closed { why, stderr })) => {
                tell.send_replace(failed(why, stderr));
            }
            Some(listed) => {
                let mut retry = Retry::new(self.timing);
                retry.listed(&listed);
                tell.send_replace(State::Ready(connection.clone()));
                self.serve(&connection, &mut news, retry).await;
            }
            None => {}
        }
        connection.close().await;
        self.connector.asker.session_ended(connection.session());
    }

    async fn serve(&self, connection: &Connection, news: &mut broadcast::Receiver<super::News>, mut retry: Retry) {
        loop {
            tokio::select! {
                _ = connection.closed() => return,
                () = self.stop.cancelled() => return,
                () = retry.due() => {
                    let Some(listed) = self.stop.run_until_cancelled(connection.tools()).await else { return };
                    if retry.listed(&listed).1 {
                        connection.tools_came();
                    }
                }
                told = news.recv() => {
                    let changed = match told {
                        Ok(news) => news.method == "notifications/tools/list_changed",
                        Err(broadcast::error::RecvError::Lagged(_)) => true,
                        Err(broadcast::error::RecvError::Closed) => return,
                    };
                    if changed {
                        tokio::time::sleep(SETTLE).await;
                        let listing = connection.tools();
                        tokio::select! {
                            listed = listing => drop(retry.listed(&listed)),
                            _ = connection.closed() => return,
                            () = self.stop.cancelled() => return,
                        }
                    }
                }
            }
        }
    }
}
