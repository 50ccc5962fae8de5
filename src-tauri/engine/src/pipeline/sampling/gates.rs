//! The two gates of a request for a model's answer.

use samplegate_core::{
    audit::{self, Content, DecidedBy, Gate, Role},
    policy::Evaluation,
    review::{Effect, Event, NotNow},
};

use super::{
    super::{End, NEWEST_PROTOCOL, Pipeline, Question, gates::Instead},
    Passed,
};
use crate::review_queue::{Decision, Entry};

impl Pipeline {
    /// Nothing reaches a model before this.
    pub(in crate::pipeline) async fn request_gate(&self, question: &mut Question<Effect>) -> Result<Passed, End> {
        let judged = question.evaluation.clone();
        let allow = |entry: &Entry, evaluation: &Evaluation| {
            let (event, what) = match &evaluation.answer {
                Some(text) => (Event::AnswerByHand(text.clone()), audit::Decision::AnsweredByHand),
                None => (Event::Approve, audit::Decision::Approved),
            };
            match entry.apply(event) {
                Ok(effect) => Ok(Decision::by_rule(effect, Gate::Request, what)),
                // E.g. no model is configured: the person can still answer.
                Err(_) => {
                    let why = format!("{} But no model is configured that could be asked.", evaluation.reason);
                    Err(Instead::Person(why))
                }
            }
        };
        let (decision, by_rule) = self.at_gate(question, Gate::Request, judged, allow).await?;
        self.carry_out(question, Gate::Request, decision, by_rule.as_ref()).await
    }

    /// Nothing returns to a server before this.
    pub(in crate::pipeline) async fn answer_gate(
        &self,
        question: &mut Question<Effect>,
        judged: Evaluation,
    ) -> Result<Passed, End> {
        let allow = |entry: &Entry, evaluation: &Evaluation| match entry.return_by_rule() {
            Ok((effect, tool_calls)) => {
                let decision = Decision::by_rule(effect, Gate::Answer, audit::Decision::Approved);
                Ok(Decision { tool_calls, ..decision })
            }
            // The rule said that nobody is asked, so there is nobody who could edit it.
            Err(NotNow::NotCarried(why)) => Err(Instead::Nobody(format!("the answer cannot be returned: {why}"))),
            Err(_) => Err(Instead::Person(evaluation.reason.clone())),
        };
        let (decision, by_rule) = self.at_gate(question, Gate::Answer, judged, allow).await?;
        self.carry_out(question, Gate::Answer, decision, by_rule.as_ref()).await
    }

    /// The model gave no answer: a person may write one or ask again.
    pub(in crate::pipeline) async fn no_answer(
        &self,
        question: &mut Question<Effect>,
        why: &str,
    ) -> Result<Passed, End> {
        let decision = if self.queue.has_reviewer() {
            self.person_decides(question, Gate::Answer, DecidedBy::Nobody, "The model gave no answer.").await?
        } else {
            Self::fails(question, End::failed(-32603, format!("the model failed: {why}"))).await?
        };
        self.carry_out(question, Gate::Answer, decision, None).await
    }

    /// Writes a decision to the log; only then gives what may be done.
    pub(in crate::pipeline) async fn carry_out(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        decision: Decision<Effect>,
        evaluation: Option<&Evaluation>,
    ) -> Result<Passed, End> {
        let mut event = self.decision_event(question, gate, &decision, evaluation);
        match decision.effect {
            Effect::Send(approved) => {
                Self::note_approval(question, event, approved.object(), approved.sha256());
                Ok(Passed::Send(approved))
            }
            Effect::Release(released) => {
                event.tool_calls = decision.tool_calls;
                if decision.what == audit::Decision::AnsweredByHand
                    && let Ok(result) = released.answer().to_result(NEWEST_PROTOCOL)
                {
                    question.record.note_with(event, Role::Answer, Content::json(&result));
                } else {
                    question.record.note(event);
                }
                // Made durable together with `released`, before the reply.
                Ok(Passed::Release(released))
            }
            Effect::Refuse => {
                event.tool_calls = decision.tool_calls;
                Err(Self::person_denies(question, event).await?)
            }
            Effect::Show | Effect::StopModel | Effect::End => Err(End::withdrawn()),
        }
    }
}
