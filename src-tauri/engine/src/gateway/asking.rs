//! How a host is asked: in its session by a request of ours on the stream of its call, from 2026-07-28 on in the result of
//! its call.
//!
//! A request that nobody waits for any more is cancelled at the host. In results there is no way to say so: what the host
//! answers then is thrown away.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use super::session::Session;
use crate::{
    mcp::RoundPlace,
    upstream::{HostAsker, HostError, HostQuestion},
};

/// Asks a host of the older era, on the stream of one of its calls.
pub(super) struct InSession {
    pub(super) session: Arc<Session>,
    /// The stream ends with the call's response, whoever still knows of it.
    pub(super) out: mpsc::WeakSender<Value>,
}

impl HostAsker for InSession {
    fn ask(&self, question: HostQuestion) -> BoxFuture<'static, Result<Value, HostError>> {
        let (session, out) = (self.session.clone(), self.out.clone());
        async move {
            let (id, answer) = session.expect();
            let mut request = Request { session: session.clone(), out, id, is_over: false };
            let HostQuestion { method, params, place: _ } = question;
            let message = json!({"jsonrpc": "2.0", "id": request.id, "method": method, "params": params});
            let sender = request.out.upgrade().ok_or(HostError::Gone)?;
            sender.send(message).await.map_err(|_| HostError::Gone)?;
            drop(sender);
            let answered = session.ended.run_until_cancelled(answer).await;
            request.is_over = true;
            answered.and_then(Result::ok).unwrap_or(Err(HostError::Gone))
        }
        .boxed()
    }

    // Each is asked by itself.
    fn passed_by(&self, _: &RoundPlace) {}
}

/// A request to a host; cancelled there when it is dropped unanswered.
struct Request {
    session: Arc<Session>,
    out: mpsc::WeakSender<Value>,
    id: String,
    is_over: bool,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.session.forget(&self.id);
        let Some(out) = self.out.upgrade().filter(|_| !self.is_over) else { return };
        let params = json!({"requestId": self.id, "reason": "the answer is not needed any more"});
        // A host that does not read hears nothing.
        let _ = out.try_send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    }
}

/// Asks a host from 2026-07-28 on, in the results of one of its calls.
pub(super) struct InResults(mpsc::UnboundedSender<Heard>);

/// What becomes of a question of the call.
enum Heard {
    Asked(HostQuestion, oneshot::Sender<Result<Value, HostError>>),
    PassedBy(RoundPlace),
}

impl HostAsker for InResults {
    fn ask(&self, question: HostQuestion) -> BoxFuture<'static, Result<Value, HostError>> {
        let heard = self.0.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            heard.send(Heard::Asked(question, answer)).map_err(|_| HostError::Gone)?;
            answered.await.unwrap_or(Err(HostError::Gone))
        }
        .boxed()
    }

    fn passed_by(&self, place: &RoundPlace) {
        // The call may be over.
        let _ = self.0.send(Heard::PassedBy(place.clone()));
    }
}

/// The questions of a call that its host has to answer. What a server asks at once goes to the host at once: nothing is
/// given before all of the round were heard of.
pub(super) struct Inputs {
    heard: mpsc::UnboundedReceiver<Heard>,
    open: BTreeMap<String, Open>,
    round: u32,
    of: usize,
    counted: usize,
    /// Names those of servers that give their questions no names.
    next: u64,
}

struct Open {
    method: &'static str,
    params: Value,
    answer: oneshot::Sender<Result<Value, HostError>>,
}

impl Inputs {
    pub(super) fn new() -> (InResults, Self) {
        let (tell, heard) = mpsc::unbounded_channel();
        (InResults(tell), Self { heard, open: BTreeMap::new(), round: 0, of: 0, counted: 0, next: 1 })
    }

    /// Waits until there is something to ask the host. Cancel safe.
    pub(super) async fn wanted(&mut self) {
        loop {
            self.open.retain(|_, open| !open.answer.is_closed());
            if !self.open.is_empty() && self.counted >= self.of {
                return;
            }
            match self.heard.recv().await {
                Some(Heard::Asked(question, answer)) => self.take(question, answer),
                Some(Heard::PassedBy(place)) => self.count(&place),
                None => std::future::pending().await,
            }
        }
    }

    fn take(&mut self, question: HostQuestion, answer: oneshot::Sender<Result<Value, HostError>>) {
        let HostQuestion { method, params, place } = question;
        let key = match place {
            Some(place) => {
                self.count(&place);
                place.key
            }
            None => {
                self.next += 1;
                format!("q{}", self.next - 1)
            }
        };
        self.open.insert(key, Open { method, params, answer });
    }

    fn count(&mut self, place: &RoundPlace) {
        if place.round != self.round {
            (self.round, self.of, self.counted) = (place.round, place.of, 0);
        }
        self.counted += 1;
    }

    /// What the host is asked, as the protocol has it.
    pub(super) fn requests(&self) -> Value {
        let request = |open: &Open| json!({"method": open.method, "params": open.params});
        self.open.iter().map(|(key, open)| (key.clone(), request(open))).collect::<Map<_, _>>().into()
    }

    /// Takes the host's answers. Those to nothing that was asked are passed over, as the protocol says.
    pub(super) fn answer(&mut self, responses: Map<String, Value>) {
        for (key, response) in responses {
            if let Some(open) = self.open.remove(&key) {
                // Whoever asked may not wait any more.
                let _ = open.answer.send(Ok(response));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn place(round: u32, key: &str, of: usize) -> RoundPlace {
        RoundPlace { round, key: key.into(), of }
    }

    fn question(place: Option<RoundPlace>) -> HostQuestion {
        HostQuestion { method: "m", params: json!({"p": 1}), place }
    }

    #[tokio::test]
    async fn all_of_a_round_are_asked_at_once() {
        let (asker, mut inputs) = Inputs::new();
        let one = tokio::spawn(asker.ask(question(Some(place(1, "a", 3)))));
        asker.passed_by(&place(1, "b", 3));
        tokio::task::yield_now().await;
        assert!(inputs.wanted().now_or_never().is_none(), "the third was not heard of");
        let other = tokio::spawn(asker.ask(question(Some(place(1, "c", 3)))));
        inputs.wanted().await;
        let asked = json!({"method": "m", "params": {"p": 1}});
        assert_eq!(inputs.requests(), json!({"a": asked, "c": asked}));
        inputs.answer(json!({"a": 1, "z": 2}).as_object().unwrap().clone());
        assert_eq!(one.await.unwrap(), Ok(json!(1)));
        inputs.wanted().await;
        assert_eq!(inputs.requests(), json!({"c": asked}), "what was not answered is asked again");
        other.abort();
        assert!(other.await.is_err());
        assert!(inputs.wanted().now_or_never().is_none(), "nobody waits for it any more");
        let _next = tokio::spawn(asker.ask(question(Some(place(2, "a", 1)))));
        inputs.wanted().await;
    }

    #[tokio::test]
    async fn questions_without_a_round_are_asked_as_they_come() {
        let (asker, mut inputs) = Inputs::new();
        let one = tokio::spawn(asker.ask(question(None)));
        inputs.wanted().await;
        assert_eq!(inputs.requests()["q1"]["method"], "m");
        drop(inputs);
        assert_eq!(one.await.unwrap(), Err(HostError::Gone));
    }
}
