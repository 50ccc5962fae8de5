//! A server asks for a model's answer: request gate → model → answer gate → reply.

mod gates;

use samplegate_core::{
    audit::{Outcome, Released},
    canonical::Sha256Hex,
    policy::Evaluation,
    review::{ApprovedRequest, Effect, ReleasedResponse},
};
use serde_json::{Value, json};

use super::{End, Ended, Pipeline, Question};
use crate::mcp::{Asked, Refusal};

const REJECTED: &str = "User rejected sampling request";

/// What the request gate lets through.
pub(super) enum Passed {
    /// This request may go to the model.
    Send(Box<ApprovedRequest>),
    /// This answer may go to the server, no model asked.
    Release(Box<ReleasedResponse>),
}

/// What came of asking the model.
pub(super) enum Came {
    /// An answer, and what the policy says about it.
    Answer(Evaluation),
    /// No answer, and why.
    Failure(String),
    /// A person's own answer, meanwhile.
    Release(Box<ReleasedResponse>),
}

impl Pipeline {
    pub(super) async fn sampling(&self, asked: Asked) -> Result<Value, Refusal> {
        let withdrawn = asked.withdrawn.clone();
        let origin = asked.origin.clone();
        let mut question = match self.receive_sampling(asked).await {
            Ok(question) => question,
            Err(end) => {
                // What could not be read is the server's failure, not a model's.
                if end.outcome == Outcome::Denied {
                    self.ends.note(&origin, &Ended::from(&end));
                }
                return Err(refusal(&end));
            }
        };
        let reviewed = tokio::select! {
            biased;
            () = withdrawn.cancelled() => Err(End::withdrawn()),
            reviewed = self.review(&mut question) => reviewed,
        };
        let replied = self.reply(question, reviewed).await;
        self.ends.note(&origin, &replied.as_ref().map_or_else(Ended::from, |_| Ended::released()));
        replied.map_err(|end| refusal(&end))
    }

    /// The two gates, and the model between them.
    async fn review(&self, question: &mut Question<Effect>) -> Result<ReleasedResponse, End> {
        let mut approved = match self.request_gate(question).await? {
            Passed::Send(approved) => approved,
            Passed::Release(released) => return Ok(*released),
        };
        loop {
            let passed = match self.ask_model(question, &approved).await? {
                Came::Answer(evaluation) => self.answer_gate(question, &evaluation).await?,
                Came::Failure(why) => self.no_answer(question, &why).await?,
                Came::Release(released) => return Ok(*released),
            };
            approved = match passed {
                Passed::Release(released) => return Ok(*released),
                Passed::Send(again) => again,
            };
        }
    }

    /// The last step: the log first, then the server.
    async fn reply(
        &self,
        mut question: Question<Effect>,
        reviewed: Result<ReleasedResponse, End>,
    ) -> Result<Value, End> {
        let released = match reviewed {
            Ok(released) => {
                let result = released.result().clone();
                question.record.released(
                    Released {
                        edited: released.edited(),
                        model: Some(released.answer().model.clone()),
                        answer_class: Some(released.answer().content_class()),
                        released_sha256: Some(Sha256Hex::of_json(&result)),
                    },
                    &result,
                );
                question.record.flush().await.map(|()| result)
            }
            Err(end) => Err(end),
        };
        self.close(question, released.as_ref().map(|_| "returned to the server"));
        released
    }
}

/// A refusal as the protocol has it; what a person typed is not told.
fn refusal(end: &End) -> Refusal {
    match (end.outcome, end.by) {
        (Outcome::Withdrawn, _) => Refusal::new(end.code, "withdrawn"),
        (_, Some(by)) => {
            Refusal { code: end.code, message: REJECTED.into(), data: Some(json!({"reason": by.as_str()})) }
        }
        (_, None) => Refusal::new(end.code, end.why.clone()),
    }
}
