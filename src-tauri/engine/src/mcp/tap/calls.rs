//! Our own calls and requests in flight.

use rmcp::model::RequestId;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Tap;
use crate::mcp::{
    CallRef, News,
    flight::{InFlight, RpcError, key_of},
};

impl Tap {
    /// Fires when this call is over.
    pub(in crate::mcp) fn call_ended(&self, call_id: Uuid) -> CancellationToken {
        let state = self.state();
        let found = state.calls.iter().find(|in_flight| in_flight.call.call_id == call_id);
        found.map(|in_flight| in_flight.ended.clone()).unwrap_or_default()
    }

    /// Enters a call into what is in flight.
    pub(in crate::mcp) fn begin(
        &self,
        call: CallRef,
        news: Option<mpsc::Sender<News>>,
        level: Option<String>,
    ) -> CallGuard<'_> {
        let call_id = call.call_id;
        let ended = CancellationToken::new();
        self.state().calls.push(InFlight { call, questions: 0, news, level, ended: ended.clone() });
        CallGuard { tap: self, call_id, ended, answered: false }
    }

    /// Whether a call, a request or a question is under way.
    pub(in crate::mcp) fn is_busy(&self) -> bool {
        self.state().is_busy()
    }

    /// The outcome of one of our requests, once.
    pub(in crate::mcp) fn outcome(&self, id: &RequestId) -> Option<Result<Value, RpcError>> {
        self.state().waiting.remove(&key_of(id))?.outcome
    }

    /// Forgets a request nobody waits for any more.
    pub(in crate::mcp) fn forget(&self, id: &RequestId) {
        self.state().waiting.remove(&key_of(id));
    }

    /// The response stream of a request broke and will not come back.
    pub(in crate::mcp) fn stream_lost(&self, key: &str) {
        if let Some(waiting) = self.state().waiting.get(key)
            && waiting.outcome.is_none()
        {
            waiting.lost.cancel();
        }
    }
}

/// Keeps a call in flight; when dropped, its questions are withdrawn.
pub(in crate::mcp) struct CallGuard<'a> {
    tap: &'a Tap,
    call_id: Uuid,
    /// Fires when the call is over without a result.
    pub(in crate::mcp) ended: CancellationToken,
    answered: bool,
}

impl CallGuard<'_> {
    /// The server answered; a question it left open stays open until the server withdraws it.
    pub(in crate::mcp) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.tap.state();
        state.calls.retain(|in_flight| in_flight.call.call_id != self.call_id);
        state.waiting.retain(|_, waiting| waiting.call != Some(self.call_id));
        state.progress_tokens.retain(|_, call| *call != self.call_id);
        drop(state);
        if !self.answered {
            self.ended.cancel();
        }
    }
}
