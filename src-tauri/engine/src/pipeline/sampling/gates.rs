//! The two gates of a request for a model's answer.

use samplegate_core::{
    audit::{self, Content, DecidedBy, Gate, Role},
    policy::{Evaluation, Verdict},
    review::{Effect, Event, NotNow},
};

use super::{
    super::{End, NEWEST_PROTOCOL, Pipeline, Question},
    Passed,
};
use crate::review_queue::Decision;

impl Pipeline {
    /// Nothing reaches a model before this.
    pub(in crate::pipeline) async fn request_gate(&self, question: &mut Question<Effect>) -> Result<Passed, End> {
        let evaluation = self.may_decide(question, Gate::Request, question.evaluation.clone()).await?;
        match evaluation.verdict {
            Verdict::Deny => self.rule_denies_it(question, Gate::Request, &evaluation).await,
            Verdict::Allow => {
                let event = match &evaluation.answer {
                    Some(text) => Event::AnswerByHand(text.clone()),
                    None => Event::Approve,
                };
                match question.entry.apply(event) {
                    Ok(effect) => {
                        let what = match evaluation.answer {
                            Some(_) => audit::Decision::AnsweredByHand,
                            None => audit::Decision::Approved,
                        };
                        let decision = Decision::by_rule(effect, Gate::Request, what);
                        self.carry_out(question, Gate::Request, decision, Some(&evaluation)).await
                    }
                    // E.g. no model is configured: the person can still answer.
                    Err(_) => {
                        let why = format!("{} But no model is configured that could be asked.", evaluation.reason);
                        self.person_decides_it(question, Gate::Request, evaluation.by, &why).await
                    }
                }
            }
            Verdict::Ask => self.person_decides_it(question, Gate::Request, evaluation.by, &evaluation.reason).await,
        }
    }

    /// Nothing returns to a server before this.
    pub(in crate::pipeline) async fn answer_gate(
        &self,
        question: &mut Question<Effect>,
        evaluation: &Evaluation,
    ) -> Result<Passed, End> {
        let evaluation = &self.may_decide(question, Gate::Answer, evaluation.clone()).await?;
        match evaluation.verdict {
            Verdict::Deny => self.rule_denies_it(question, Gate::Answer, evaluation).await,
            Verdict::Allow => match question.entry.return_by_rule() {
                Ok((effect, tool_calls)) => {
                    let by_rule = Decision::by_rule(effect, Gate::Answer, audit::Decision::Approved);
                    let decision = Decision { tool_calls, ..by_rule };
                    self.carry_out(question, Gate::Answer, decision, Some(evaluation)).await
                }
                // The rule said that nobody is asked, so there is nobody who could edit it.
                Err(NotNow::NotCarried(why)) => {
                    self.fails(question, format!("the answer cannot be returned: {why}")).await
                }
                Err(_) => self.person_decides_it(question, Gate::Answer, evaluation.by, &evaluation.reason).await,
            },
            Verdict::Ask => self.person_decides_it(question, Gate::Answer, evaluation.by, &evaluation.reason).await,
        }
    }

    /// The model gave no answer: a person may write one or ask again.
    pub(in crate::pipeline) async fn no_answer(
        &self,
        question: &mut Question<Effect>,
        why: &str,
    ) -> Result<Passed, End> {
        if self.queue.has_reviewer() {
            self.person_decides_it(question, Gate::Answer, DecidedBy::Nobody, "The model gave no answer.").await
        } else {
            self.fails(question, format!("the model failed: {why}")).await
        }
    }

    /// Ends the question without an answer, unless a person decided at this very moment.
    async fn fails(&self, question: &mut Question<Effect>, why: String) -> Result<Passed, End> {
        if question.entry.apply(Event::Withdraw).is_err() {
            let decision = Self::decided_already(question).await?;
            return self.carry_out(question, Gate::Answer, decision, None).await;
        }
        Err(End::failed(-32603, why))
    }

    /// Writes a decision to the log; only then gives what may be done.
    pub(in crate::pipeline) async fn carry_out(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        decision: Decision<Effect>,
        evaluation: Option<&Evaluation>,
    ) -> Result<Passed, End> {
        let (by, reason, mut event) = self.decision_event(question, gate, &decision, evaluation);
        match decision.effect {
            Effect::Send(approved) => {
                event.approved_sha256 = Some(approved.sha256());
                question.record.note_with(event, Role::Approved, Content::json(approved.object()));
                // Made durable together with `sent`, before anything goes out.
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
                question.record.note(event);
                question.record.flush().await?;
                Err(End::denied(
                    by,
                    reason.map_or_else(|| "denied by you".into(), |reason| format!("denied by you: {reason}")),
                ))
            }
            Effect::Show | Effect::StopModel | Effect::End => Err(End::withdrawn()),
        }
    }

    async fn person_decides_it(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        asks: DecidedBy,
        why: &str,
    ) -> Result<Passed, End> {
        let decision = self.person_decides(question, gate, asks, why).await?;
        self.carry_out(question, gate, decision, None).await
    }

    async fn rule_denies_it(
        &self,
        question: &mut Question<Effect>,
        gate: Gate,
        evaluation: &Evaluation,
    ) -> Result<Passed, End> {
        let decision = self.rule_denies(question, gate, evaluation).await?;
        self.carry_out(question, gate, decision, None).await
    }
}
