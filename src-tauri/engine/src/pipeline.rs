//! One question, a straight line: receive → evaluate → gate → effect → gate → reply.
//!
//! What is the same for all kinds of questions is here, in `intake` and in `gates`; each kind has a file that reads from
//! top to bottom: [`Pipeline::sampling`]. The events of every step are durable in the audit log before its
//! effect, all that lead to one effect in one commit; if that write fails, the answer is no. What a person decides
//! comes from the [`ReviewQueue`]; what a rule decides is applied to the same state machine, so there is one way for a
//! request to reach a model and one for an answer to reach a server. A host that answers itself is a model like others.
//!
//! Invariants: every question ends exactly once, and its end is in the log; an unknown kind of question is refused.

mod ask;
mod docket;
mod elicitation;
mod gates;
mod history;
mod host;
mod intake;
mod opinion;
mod record;
mod remarks;
mod sampling;
mod tool_call;

pub(crate) use ask::key_name;
pub(crate) use docket::suspended;
pub use history::{Dry, DryRow, Missed, NotProposed, Proposed, dry_run, propose};
pub(crate) use intake::{call_view, now};
pub use opinion::OpinionError;
pub(crate) use remarks::RECORD_DUE;

use std::{
    collections::HashMap,
    ffi::OsString,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use samplegate_core::{
    answer::SamplingAnswer,
    audit::{Closed, DecidedBy, Outcome, Place, Replied, ReplyFailed},
    inspect::{Finding, FindingKind},
    policy::Evaluation,
    request::ToolUse,
    tool_call::CallAnswer,
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    config::Config,
    mcp::{Asked, Asker, Origin, Receipt, Refusal, Sent},
    provider,
    review_queue::{Decision, Entry, ReviewQueue},
    secrets::Secrets,
    store::{GuardChange, Store},
    upstream::{Turn, Upstream},
    wire::EndedView,
};
use record::Record;

/// The newest protocol revision: results are shown in its form.
pub const NEWEST_PROTOCOL: &str = "2026-07-28";

/// Answers the questions of all servers. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    /// The settings as they are now.
    pub config: Config,
    /// The audit log.
    pub store: Store,
    /// Where questions wait for a person.
    pub queue: ReviewQueue,
    /// Where keys are.
    pub secrets: Secrets,
    /// Sends approved bytes to models.
    pub models: provider::Client,
    /// Who decides here.
    pub reviewer: String,
    /// Where they are shown questions.
    pub place: Place,
    /// The variable `BROWSER`: what opens the addresses that the person accepts; none: the system's.
    pub browser: Option<OsString>,
    /// The name of this process's lock, for closing its questions should it die.
    pub instance: String,
    /// What came of the questions of each call, until the call is over.
    pub ends: Ends,
    /// The hosts that may be asked themselves, by the calls that they make.
    pub upstream: Upstream,
    /// Why the log could not be written the last time it was tried; none: it could.
    pub log_trouble: LogTrouble,
    /// Last words to the log that nobody waits for.
    pub tail: TaskTracker,
}

/// Why the log could not be written the last time it was tried.
pub type LogTrouble = Arc<Mutex<Option<String>>>;

/// How a question ended without a reply that was reviewed. What the asker is told of it depends on what was asked.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    by: Option<DecidedBy>,
    why: String,
    /// As a JSON-RPC error: the code.
    code: i64,
    /// Whether a `decided` event tells by whom and why already.
    decided: bool,
    /// What the asker is told instead of what follows from the rest.
    told: Option<Refusal>,
}

impl End {
    fn denied(by: DecidedBy, why: impl Into<String>) -> Self {
        let outcome = if by == DecidedBy::Timeout { Outcome::TimedOut } else { Outcome::Denied };
        Self { outcome, by: Some(by), why: why.into(), code: -1, decided: true, told: None }
    }

    fn failed(code: i64, why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, by: None, why: why.into(), code, decided: false, told: None }
    }

    fn withdrawn() -> Self {
        let why = "withdrawn by the server".into();
        Self { outcome: Outcome::Withdrawn, by: None, why, code: -32000, decided: false, told: None }
    }

    fn view(&self) -> EndedView {
        EndedView { outcome: self.outcome.as_str().into(), why: self.why.clone() }
    }

    fn closed(&self) -> Closed {
        match self.decided {
            true => Closed { outcome: self.outcome, decided_by: None, reason: None },
            false => Closed { outcome: self.outcome, decided_by: self.by, reason: Some(self.why.clone()) },
        }
    }
}

/// A question under way. `E` is what its state machine says is to be done.
struct Question<E> {
    asked: Asked,
    record: Record,
    entry: Arc<Entry>,
    decisions: mpsc::UnboundedReceiver<Decision<E>>,
    /// The host whose call led here, where it may answer itself.
    host: Option<Turn>,
    /// What the policy looks at.
    docket: docket::Docket,
    /// What it said about the request.
    evaluation: Evaluation,
    /// What it was judged on at the gate it stands at.
    looked: Looked,
    /// The kind of the finding in the request as received that raises the verdict.
    raised: Option<FindingKind>,
    /// The rules with a number of uses that let it through.
    used: Vec<String>,
    /// How often a model was asked.
    attempt: u32,
}

/// What inspection and policy looked at.
struct Looked {
    findings: Vec<Finding>,
    /// What would be returned, at the answer gate.
    answer: Option<Given>,
}

/// What came of an approved question.
enum Given {
    /// A model's answer.
    Sampling(SamplingAnswer),
    /// A tool's result.
    Result(CallAnswer),
}

impl Given {
    /// The tools that a model's answer calls.
    fn tool_uses(&self) -> impl Iterator<Item = &ToolUse> {
        let answer = match self {
            Self::Sampling(answer) => Some(answer),
            Self::Result(_) => None,
        };
        answer.into_iter().flat_map(SamplingAnswer::tool_uses)
    }
}

impl Asker for Pipeline {
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Value, Refusal>> {
        let host = self.upstream.turn(&asked);
        match asked.method.as_str() {
            host::SAMPLE => self.sampling(asked, host).boxed(),
            host::ELICIT => self.elicitation(asked, host).boxed(),
            other => {
                let refusal = Refusal::new(-32601, format!("{other} is not offered"));
                futures::future::ready(Err(refusal)).boxed()
            }
        }
    }

    fn roots(&self, server: &str) -> Vec<String> {
        self.config.settings().servers.get(server).map(|server| server.roots.clone()).unwrap_or_default()
    }

    fn session_ended(&self, session: Uuid) {
        self.scope_ended(session);
    }
}

impl Pipeline {
    /// Ends a question: in the windows now, in the log once it is known what became of the reply.
    fn close<E>(&self, question: Question<E>, ended: Result<&str, &End>) {
        let (view, closed) = match ended {
            Ok(why) => (
                EndedView { outcome: Outcome::Released.as_str().into(), why: why.into() },
                Closed { outcome: Outcome::Released, decided_by: None, reason: None },
            ),
            Err(end) => (end.view(), end.closed()),
        };
        self.queue.end(&question.entry, view);
        self.conclude(question.record, closed, question.asked.receipt);
    }

    /// A call or a connection is over, and with it what was granted for it. Its id never comes again, so nothing waits
    /// for this; should it fail, the next process tidies up.
    pub(crate) fn scope_ended(&self, id: Uuid) {
        let store = self.store.clone();
        self.tail.spawn(async move {
            if let Err(error) = store.change_soon(GuardChange::EndScope { id: id.to_string() }).await {
                tracing::error!("what was granted for a call or a connection could not be ended: {error}");
            }
        });
    }

    /// Writes the last words once it is known what became of the reply. Nobody waits for them; shutdown does.
    fn conclude(&self, mut record: Record, closed: Closed, receipt: Receipt) {
        self.tail.spawn(async move {
            let sent = receipt.sent().await;
            record.last_words(closed, sent).await;
        });
    }
}

impl Record {
    async fn last_words(&mut self, mut closed: Closed, sent: Sent) {
        let released = closed.outcome == Outcome::Released;
        match sent {
            Sent::Written => self.note(Replied {}),
            Sent::Failed(why) => {
                if released {
                    closed.outcome = Outcome::Failed;
                    closed.reason = Some(format!("the answer was released and did not reach the server: {why}"));
                }
                self.note(ReplyFailed { why });
            }
            Sent::Unwanted(why) if released => {
                closed.outcome = Outcome::Withdrawn;
                closed.reason = Some(format!("not sent any more: {why}"));
                self.note(ReplyFailed { why });
            }
            // A refusal that nobody waits for.
            Sent::Unwanted(_) | Sent::Nothing => {}
        }
        // A question the log knows must not stay open in it because a disk was full for a moment. Should it fail for
        // good, the next process that hosts servers closes it as interrupted.
        for pause in [0, 1, 2, 4] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            self.note(closed.clone());
            match self.flush_soon().await {
                Ok(()) => return,
                Err(end) => {
                    tracing::error!(question = %self.id(), "the end of a question could not be logged: {}", end.why);
                }
            }
            if !self.is_durable() {
                return;
            }
        }
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// Who refused it, where somebody did.
    pub by: Option<DecidedBy>,
    /// Why, in words for the person.
    pub why: String,
}

impl Ended {
    fn released() -> Self {
        Self { outcome: Outcome::Released, by: None, why: "returned to the server".into() }
    }
}

impl From<&End> for Ended {
    fn from(end: &End) -> Self {
        Self { outcome: end.outcome, by: end.by, why: end.why.clone() }
    }
}

/// What came of the questions of each call.
#[derive(Debug, Clone, Default)]
pub struct Ends(Arc<Mutex<HashMap<Uuid, Vec<Ended>>>>);

impl Ends {
    fn note(&self, origin: &Origin, ended: &Ended) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = match origin {
            Origin::Call(call) => std::slice::from_ref(call),
            Origin::OneOf(calls) => calls,
            Origin::None => &[],
        };
        for call in calls {
            // A question that ends after its call is nobody's business any more.
            if let Some(known) = ends.get_mut(&call.call_id) {
                known.push(ended.clone());
            }
        }
    }

    /// Remembers what comes of this call's questions from now on, until [`Ends::take`].
    pub fn begin(&self, call_id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(call_id, Vec::new());
    }

    /// Takes what came of a call's questions.
    pub fn take(&self, call_id: Uuid) -> Vec<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&call_id).unwrap_or_default()
    }
}
