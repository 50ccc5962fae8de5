//! The two gates of a tool call.

use samplegate_core::{
    audit::{self, Gate},
    policy::Evaluation,
    tool_call::{Effect, Event, ReleasedResult},
};

use super::{
    super::{End, Pipeline, Question, gates::Instead},
    Passed, withdrawn_by_host,
};
use crate::review_queue::{Decision, Entry};

impl Pipeline {
    /// Nothing reaches a server before this.
    pub(super) async fn call_gate(&self, question: &mut Question<Effect>) -> Result<Passed, End> {
        let judged = question.evaluation.clone();
        self.at_gate_of_call(question, Gate::Request, judged, Event::Approve).await
    }

    /// Nothing returns to a host before this.
    pub(super) async fn result_gate(
        &self,
        question: &mut Question<Effect>,
        judged: Evaluation,
    ) -> Result<Box<ReleasedResult>, End> {
        match self.at_gate_of_call(question, Gate::Answer, judged, Event::Return).await? {
            Passed::Release(released) => Ok(released),
            Passed::Call(_) => Err(withdrawn_by_host()),
        }
    }

    /// `lets_through` is what a rule does where it allows.
    async fn at_gate_of_call(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        judged: Evaluation,
        lets_through: Event,
    ) -> Result<Passed, End> {
        let allow = |entry: &Entry, evaluation: &Evaluation| match entry.apply_to_call(lets_through) {
            Ok(effect) => Ok(Decision::by_rule(effect, gate, audit::Decision::Approved)),
            // A person was faster: it was paused, or the server was at work.
            Err(_) => Err(Instead::Person(evaluation.reason.clone())),
        };
        let (decision, by_rule) = self.at_gate(question, gate, judged, allow).await?;
        self.carry_out_call(question, gate, decision, by_rule.as_ref()).await
    }

    /// Writes a decision to the log; only then gives what may be done.
    pub(super) async fn carry_out_call(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        decision: Decision<Effect>,
        evaluation: Option<&Evaluation>,
    ) -> Result<Passed, End> {
        let event = self.decision_event(question, gate, &decision, evaluation);
        match decision.effect {
            Effect::Call(approved) => {
                Self::note_approval(question, event, approved.object(), approved.sha256());
                Ok(Passed::Call(approved))
            }
            Effect::Release(released) => {
                question.record.note(event);
                // Made durable together with `released`, before the reply.
                Ok(Passed::Release(released))
            }
            Effect::Refuse => Err(Self::person_denies(question, event).await?),
            Effect::Show | Effect::End => Err(withdrawn_by_host()),
        }
    }
}
