//! The sessions of hosts of the older era: what they said of themselves, the stream they listen on, what is under way.
//!
//! A session ends when the host ends it, when the host is removed, or when it was not used for long and nobody listens;
//! never while a request of it is under way. With it end its requests and their questions. A host has so many at once;
//! a further one takes the place of the one that was not used for the longest.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use samplegate_core::upstream::HostSide;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::Endpoint;
use crate::{mcp::Watch, upstream::HostError};

/// How many messages wait for a stream to send them on, or a stream for its reader.
pub(super) const WAITING: usize = 256;
/// A session that is not used, and whose stream is not open, ends after so long.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// A host has no more sessions, or subscriptions, at once: a server's news go to each, and each costs memory.
pub(super) const MOST_OF_A_HOST: usize = 256;

/// A session.
pub(super) struct Session {
    pub(super) id: String,
    /// Whose it is.
    pub(super) host: String,
    pub(super) endpoint: Endpoint,
    /// What the host says of itself.
    pub(super) side: HostSide,
    /// Fires when it is over.
    pub(super) ended: CancellationToken,
    state: Mutex<State>,
}

struct State {
    /// The level of log messages the host asked for.
    level: Option<String>,
    stream: Option<mpsc::Sender<Value>>,
    /// For the stream, while there is none.
    waiting: VecDeque<Value>,
    running: Vec<Running>,
    /// What the host was asked and did not answer yet, by the request's id.
    asked: HashMap<String, oneshot::Sender<Result<Value, HostError>>>,
    requests: u64,
    /// Resources it wants to hear of, with what keeps that up.
    watches: HashMap<(String, String), Watch>,
    used_at: Instant,
}

struct Running {
    /// The request's id, as JSON.
    id: String,
    cancel: CancellationToken,
    out: mpsc::Sender<Value>,
}

impl Session {
    pub(super) fn new(
        id: String,
        host: &str,
        endpoint: Endpoint,
        side: HostSide,
        ended: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            host: host.to_owned(),
            endpoint,
            side,
            ended,
            state: Mutex::new(State {
                level: None,
                stream: None,
                waiting: VecDeque::new(),
                running: Vec::new(),
                asked: HashMap::new(),
                requests: 0,
                watches: HashMap::new(),
                used_at: Instant::now(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when nobody has used it; none: a request is under way, or somebody listens.
    pub(super) fn unused_since(&self) -> Option<Instant> {
        let state = self.state();
        let listens = state.stream.as_ref().is_some_and(|stream| !stream.is_closed());
        (state.running.is_empty() && !listens).then_some(state.used_at)
    }

    /// Whether nobody has used it for long.
    pub(super) fn is_idle(&self) -> bool {
        self.unused_since().is_some_and(|since| since.elapsed() > IDLE)
    }

    pub(super) fn level(&self) -> Option<String> {
        self.state().level.clone()
    }

    pub(super) fn set_level(&self, level: &str) {
        self.state().level = Some(level.to_owned());
    }

    /// Enters a request; a second one of the same id takes the place of the first in what can be cancelled.
    pub(super) fn begin(&self, id: &Value, cancel: CancellationToken, out: mpsc::Sender<Value>) {
        let mut state = self.state();
        state.used_at = Instant::now();
        state.running.push(Running { id: id.to_string(), cancel, out });
    }

    pub(super) fn end(&self, id: &Value) {
        let id = id.to_string();
        let mut state = self.state();
        state.used_at = Instant::now();
        if let Some(at) = state.running.iter().position(|running| running.id == id) {
            state.running.remove(at);
        }
    }

    /// The host gives a request up.
    pub(super) fn cancel(&self, id: &Value) {
        let id = id.to_string();
        let state = self.state();
        state.running.iter().filter(|running| running.id == id).for_each(|running| running.cancel.cancel());
    }

    /// Takes an id for a request to the host; gives where its answer comes.
    pub(super) fn expect(&self) -> (String, oneshot::Receiver<Result<Value, HostError>>) {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        state.requests += 1;
        let id = format!("samplegate-{}", state.requests);
        state.asked.insert(id.clone(), answer);
        (id, answered)
    }

    /// Nobody waits for the answer to a request of ours any more.
    pub(super) fn forget(&self, id: &str) {
        self.state().asked.remove(id);
    }

    /// The host answers a request of ours. An answer to nothing is passed over.
    pub(super) fn answered(&self, id: &Value, answer: Result<Value, HostError>) {
        let waits = id.as_str().and_then(|id| self.state().asked.remove(id));
        if let Some(waits) = waits {
            // Whoever asked may not wait any more.
            let _ = waits.send(answer);
        }
    }

    /// Sends a notification: on the stream the host listens on; where there is none, beside a response under way; else
    /// it waits for the stream.
    pub(super) fn notify(&self, method: &str, params: &Value) {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if !params.is_null() {
            message["params"] = params.clone();
        }
        let mut state = self.state();
        let beside = state.running.last().map(|running| running.out.clone());
        let streams = state.stream.iter().cloned().chain(beside);
        for stream in streams.collect::<Vec<_>>() {
            match stream.try_send(message) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => message = back,
            }
        }
        // The same word twice says no more.
        if !state.waiting.contains(&message) {
            state.waiting.push_back(message);
        }
        if state.waiting.len() > WAITING {
            state.waiting.pop_front();
        }
    }

    /// Opens the stream the host listens on; an earlier one ends.
    pub(super) fn listen(&self) -> mpsc::Receiver<Value> {
        let (stream, messages) = mpsc::channel(2 * WAITING);
        let mut state = self.state();
        state.used_at = Instant::now();
        for message in state.waiting.drain(..) {
            // There is room for all that can wait.
            let _ = stream.try_send(message);
        }
        state.stream = Some(stream);
        messages
    }

    /// Keeps watching a resource until [`Session::unwatch`].
    pub(super) fn watch(&self, server: &str, uri: &str, guard: Watch) {
        self.state().watches.insert((server.to_owned(), uri.to_owned()), guard);
    }

    pub(super) fn unwatch(&self, server: &str, uri: &str) {
        drop(self.state().watches.remove(&(server.to_owned(), uri.to_owned())));
    }

    pub(super) fn watches(&self, server: &str, uri: &str) -> bool {
        self.state().watches.contains_key(&(server.to_owned(), uri.to_owned()))
    }

    /// Ends it, and what is under way on it.
    pub(super) fn close(&self) {
        self.ended.cancel();
        let mut state = self.state();
        state.stream = None;
        state.watches.clear();
        state.asked.clear();
        state.running.iter().for_each(|running| running.cancel.cancel());
    }
}
