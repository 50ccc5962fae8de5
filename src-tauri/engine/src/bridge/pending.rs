//! What has no answer yet: requests of the host, and questions put to it.
//!
//! Invariants:
//! - A request is settled once. Whoever settles it, and nobody else, may write its answer; after a cancellation nobody
//!   does.
//! - The host's answer goes to the session that asked. Ids begin anew with each session, so a question whose id the
//!   host still knows from a lost one is not put to it.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) id: Value,
    /// It belongs to the session, which has to be told when it is given up; else the end of its stream tells.
    pub(super) in_session: bool,
    /// It is a subscription, which waits as long as the host likes.
    pub(super) listens: bool,
    /// The server has it.
    pub(super) arrived: CancellationToken,
    /// Nobody waits for it any more.
    pub(super) given_up: CancellationToken,
}

#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<String, Waiting>>);

impl Pending {
    /// Takes up a request; none if one with the same id waits already.
    pub(super) fn begin(&self, id: &Value, in_session: bool, listens: bool) -> Option<Waiting> {
        let waiting = Waiting {
            id: id.clone(),
            in_session,
            listens,
            arrived: CancellationToken::new(),
            given_up: CancellationToken::new(),
        };
        match self.lock().entry(id.to_string()) {
            Entry::Vacant(free) => Some(free.insert(waiting).clone()),
            Entry::Occupied(_) => None,
        }
    }

    /// Ends the waiting of a request.
    pub(super) fn settle(&self, id: &Value) -> Option<Waiting> {
        self.lock().remove(&id.to_string())
    }

    pub(super) fn waits(&self, id: &Value) -> bool {
        self.lock().contains_key(&id.to_string())
    }

    /// All that wait, subscriptions included.
    pub(super) fn all(&self) -> Vec<Waiting> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Questions that were put to the host, each with what tells that the session that asked is lost.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<HashMap<String, CancellationToken>>);

impl Questions {
    /// Takes up a question; false if an older one of the same id is open.
    pub(super) fn begin(&self, id: &Value, lost: &CancellationToken) -> bool {
        match self.lock().entry(id.to_string()) {
            Entry::Vacant(free) => drop(free.insert(lost.clone())),
            // The same session asks again: on a stream that was taken up twice.
            Entry::Occupied(open) if !open.get().is_cancelled() => {}
            Entry::Occupied(_) => return false,
        }
        true
    }

    /// Takes a question out; true if whoever asked is still there for the answer.
    pub(super) fn settle(&self, id: &Value) -> bool {
        self.lock().remove(&id.to_string()).is_some_and(|lost| !lost.is_cancelled())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
