//! The way back to the hosts whose calls are under way, for those that answer what is asked in them.
//!
//! The gateway enters a [`Way`] when a call begins and takes it out when it ends. A question that is certain to belong to
//! the call finds it by [`Upstream::turn`], and with it gets its [`Turn`]: to ask the host, or to be answered another way,
//! which the host's side hears too, because a host of 2026-07-28 is asked all that it is asked at once.
//!
//! Invariant: a question that is one of several calls' finds no way, so it is never passed on by guess.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use samplegate_core::upstream::HostSide;
use serde_json::Value;
use uuid::Uuid;

use crate::mcp::{Asked, CallRef, Origin, RoundPlace};

/// Asks the host of one call, in the way of its era.
pub(crate) trait HostAsker: Send + Sync {
    /// Asks it. Nothing goes out before this is polled; when it is dropped, the host is told as far as its era has a way.
    fn ask(&self, question: HostQuestion) -> BoxFuture<'static, Result<Value, HostError>>;

    /// One of the questions that came together is not asked, or not yet.
    fn passed_by(&self, place: &RoundPlace);
}

/// What a host is asked.
#[derive(Debug, Clone)]
pub(crate) struct HostQuestion {
    /// The protocol's method.
    pub(crate) method: &'static str,
    /// The params as the host gets them.
    pub(crate) params: Value,
    /// Its place among those that came together, where the server asks in rounds.
    pub(crate) place: Option<RoundPlace>,
}

/// Why a host gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum HostError {
    /// It answered with a JSON-RPC error.
    #[error("the host answered with error {code}: {message}")]
    Refused {
        /// The code.
        code: i64,
        /// The message.
        message: String,
        /// The data.
        data: Option<Value>,
    },
    /// What it answered is no answer.
    #[error("what the host answered cannot be given to the server: {0}")]
    Rubbish(String),
    /// It cannot be reached any more.
    #[error("the host is gone")]
    Gone,
}

/// The way back to the host of a call.
pub(crate) struct Way {
    /// The host's name.
    pub(crate) host: String,
    /// What it says of itself.
    pub(crate) side: HostSide,
    /// Who asks it.
    pub(crate) asker: Box<dyn HostAsker>,
}

/// The ways back, by call. Cheap to clone.
#[derive(Clone, Default)]
pub struct Upstream(Arc<Mutex<HashMap<Uuid, Arc<Way>>>>);

impl Upstream {
    fn ways(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Way>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins whose host may be asked, until what this gives is dropped.
    #[must_use]
    pub(crate) fn begin(&self, call: Uuid, way: Way) -> UnderWay {
        self.ways().insert(call, Arc::new(way));
        UnderWay { upstream: self.clone(), call }
    }

    /// The host's turn at a question, where it certainly belongs to a call whose host may be asked.
    pub(crate) fn turn(&self, asked: &Asked) -> Option<Turn> {
        let Origin::Call(CallRef { call_id, .. }) = &asked.origin else { return None };
        let way = self.ways().get(call_id).cloned()?;
        Some(Turn { way, place: asked.place.clone(), told: false })
    }
}

/// Keeps a call's way until it is dropped.
pub(crate) struct UnderWay {
    upstream: Upstream,
    call: Uuid,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.upstream.ways().remove(&self.call);
    }
}

/// A question that a host may be asked. Dropped unasked, it passed the host by.
pub(crate) struct Turn {
    way: Arc<Way>,
    place: Option<RoundPlace>,
    told: bool,
}

impl Turn {
    /// The host's name.
    pub(crate) fn host(&self) -> &str {
        &self.way.host
    }

    /// What the host says of itself.
    pub(crate) fn side(&self) -> &HostSide {
        &self.way.side
    }

    /// Asks the host; see [`HostAsker::ask`].
    pub(crate) fn ask(&mut self, method: &'static str, params: Value) -> BoxFuture<'static, Result<Value, HostError>> {
        self.told = true;
        self.way.asker.ask(HostQuestion { method, params, place: self.place.clone() })
    }

    /// Others that came with it need not wait for this one: a person is asked first, or answers.
    pub(crate) fn pass_by(&mut self) {
        if let Some(place) = self.place.as_ref().filter(|_| !self.told) {
            self.way.asker.passed_by(place);
        }
        self.told = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pass_by();
    }
}
