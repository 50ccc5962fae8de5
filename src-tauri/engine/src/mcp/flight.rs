//! What is in flight on one connection: our calls and requests, and the questions kept for their handler.
//!
//! Plain state; the tap holds the lock and decides when it changes.

use std::collections::HashMap;

use jiff::Timestamp;
use rmcp::model::RequestId;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    CallRef, LogLevel, News, Origin,
    receipt::{Carried, Delivery, Receipt},
    required::Addresses,
};

/// A question kept until the handler takes it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: String,
    pub(super) params: Value,
    /// The origin, where the arrival alone decides it.
    pub(super) origin: Option<(Origin, u32)>,
    /// Fires when the stream it came on broke for good.
    pub(super) lost: CancellationToken,
    pub(super) bytes: usize,
    pub(super) arrival: u64,
    pub(super) arrived_at: Timestamp,
    pub(super) receipt: Receipt,
}

/// A JSON-RPC error as received.
#[derive(Debug, Clone)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Value>,
}

pub(super) struct Waiting {
    pub(super) call: Option<Uuid>,
    /// The library may need to see the result too.
    pub(super) show: bool,
    pub(super) outcome: Option<Result<Value, RpcError>>,
    pub(super) lost: CancellationToken,
}

pub(super) struct InFlight {
    pub(super) call: CallRef,
    pub(super) questions: u32,
    pub(super) news: Option<mpsc::Sender<News>>,
    /// The level of log messages that its caller asked for, from 2026-07-28 on.
    pub(super) level: Option<String>,
    pub(super) ended: CancellationToken,
}

#[derive(Default)]
pub(super) struct State {
    /// In the order they began.
    pub(super) calls: Vec<InFlight>,
    pub(super) waiting: HashMap<String, Waiting>,
    pub(super) progress_tokens: HashMap<String, Uuid>,
    pub(super) questions: HashMap<u64, Question>,
    /// Questions whose reply has not been handed to the transport yet.
    pub(super) replies: HashMap<RequestId, Delivery>,
    pub(super) addresses: Addresses,
    pub(super) next_token: u64,
    pub(super) open_questions: usize,
    pub(super) open_bytes: usize,
    pub(super) discover: Vec<String>,
    pub(super) initialize: Vec<String>,
    pub(super) initialize_sent: bool,
    pub(super) spoke: bool,
    pub(super) late_discover: bool,
}

impl State {
    /// The call that a notification belongs to: the one whose response it came on, or the only one in flight.
    pub(super) fn call_told(&self, response: Option<&str>) -> Option<&InFlight> {
        let call = match response {
            Some(key) => self.waiting.get(key)?.call?,
            None => match self.open_calls().as_slice() {
                [only] => only.call_id,
                _ => return None,
            },
        };
        self.calls.iter().find(|in_flight| in_flight.call.call_id == call)
    }

    /// The calls whose callers asked for log messages like this one.
    pub(super) fn calls_asking<'a>(&'a self, params: &'a Value) -> impl Iterator<Item = &'a InFlight> {
        let asked = |in_flight: &&InFlight| {
            in_flight.level.as_deref().is_some_and(|level| LogLevel::is_at_least(params, level))
        };
        self.calls.iter().filter(asked)
    }

    /// Whether anything is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.calls.is_empty() || self.open_questions > 0 || !self.waiting.is_empty()
    }

    fn open_calls(&self) -> Vec<CallRef> {
        let open = |call_id: Uuid| {
            self.waiting.values().any(|waiting| waiting.call == Some(call_id) && waiting.outcome.is_none())
        };
        let calls = self.calls.iter().map(|in_flight| &in_flight.call);
        calls.filter(|call| open(call.call_id)).cloned().collect()
    }

    pub(super) fn only_or_one_of(&mut self, pipe: bool) -> (Origin, u32) {
        let open = self.open_calls();
        match open.as_slice() {
            [] => (Origin::None, 1),
            [only] if pipe => {
                let call_id = only.call_id;
                let round = self.count(call_id);
                open.into_iter().next().map_or((Origin::None, 1), |call| (Origin::Call(call), round))
            }
            _ => (Origin::OneOf(open), 1),
        }
    }

    pub(super) fn of_request(&mut self, key: &str) -> (Origin, u32) {
        let Some(call_id) = self.waiting.get(key).and_then(|waiting| waiting.call) else {
            return (Origin::None, 1);
        };
        let round = self.count(call_id);
        let found = self.calls.iter().find(|in_flight| in_flight.call.call_id == call_id);
        found.map_or((Origin::None, 1), |in_flight| (Origin::Call(in_flight.call.clone()), round))
    }

    /// Takes the reply to a question.
    pub(super) fn reply(&mut self, id: Option<&RequestId>) -> Carried {
        id.and_then(|id| self.replies.remove(id)).into_iter().collect::<Vec<_>>().into()
    }

    fn count(&mut self, call_id: Uuid) -> u32 {
        let found = self.calls.iter_mut().find(|in_flight| in_flight.call.call_id == call_id);
        found.map_or(1, |in_flight| {
            in_flight.questions = in_flight.questions.saturating_add(1);
            in_flight.questions
        })
    }
}

/// Ids compare by text: some servers send our numbers back as strings.
pub(super) fn key_of(id: &RequestId) -> String {
    id.to_string()
}

pub(super) fn json_key(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
