//! The two gates: what the policy lets through goes on, what it denies ends, what it asks waits for a person.

use samplegate_core::{
    audit::{Content, Decided, DecidedBy, Decision as Decided_, Evaluated, Gate, Role},
    policy::{Evaluation, Grant, Scope, Verdict},
    review::{ActionKind, Effect, Event, NotNow},
};
use uuid::Uuid;

use super::{End, NEWEST_PROTOCOL, Passed, Pipeline, Question};
use crate::{
    review_queue::{Decision, Wanted},
    secrets::SecretError,
};

impl Pipeline {
    /// Nothing reaches a model before this.
    pub(super) async fn request_gate(&self, question: &mut Question) -> Result<Passed, End> {
        let evaluation = self.may_decide(question, Gate::Request, question.evaluation.clone()).await?;
        match evaluation.verdict {
            Verdict::Deny => self.rule_denies(question, Gate::Request, &evaluation).await,
            Verdict::Allow => {
                let event = match &evaluation.answer {
                    Some(text) => Event::AnswerByHand(text.clone()),
                    None => Event::Approve,
                };
                match question.entry.apply(event) {
                    Ok(effect) => {
                        let decision = Decision::by_rule(effect, evaluation.answer.is_some());
                        self.carry_out(question, Gate::Request, decision, Some(&evaluation)).await
                    }
                    // E.g. no model is configured: the person can still answer.
                    Err(_) => {
                        let why = format!("{} But no model is configured that could be asked.", evaluation.reason);
                        self.person_decides(question, Gate::Request, evaluation.by, &why).await
                    }
                }
            }
            Verdict::Ask => self.person_decides(question, Gate::Request, evaluation.by, &evaluation.reason).await,
        }
    }

    /// Nothing returns to a server before this.
    pub(super) async fn answer_gate(&self, question: &mut Question, evaluation: &Evaluation) -> Result<Passed, End> {
        let evaluation = &self.may_decide(question, Gate::Answer, evaluation.clone()).await?;
        match evaluation.verdict {
            Verdict::Deny => self.rule_denies(question, Gate::Answer, evaluation).await,
            Verdict::Allow => match question.entry.return_by_rule() {
                Ok((effect, tool_calls)) => {
                    let decision = Decision { tool_calls, ..Decision::by_rule(effect, false) };
                    self.carry_out(question, Gate::Answer, decision, Some(evaluation)).await
                }
                // The rule said that nobody is asked, so there is nobody who could edit it.
                Err(NotNow::NotCarried(why)) => {
                    self.fails(question, format!("the answer cannot be returned: {why}")).await
                }
                Err(_) => self.person_decides(question, Gate::Answer, evaluation.by, &evaluation.reason).await,
            },
            Verdict::Ask => self.person_decides(question, Gate::Answer, evaluation.by, &evaluation.reason).await,
        }
    }

    /// The model gave no answer: a person may write one or ask again.
    pub(super) async fn no_answer(&self, question: &mut Question, why: &str) -> Result<Passed, End> {
        if self.queue.has_reviewer() {
            self.person_decides(question, Gate::Answer, DecidedBy::Nobody, "The model gave no answer.").await
        } else {
            self.fails(question, format!("the model failed: {why}")).await
        }
    }

    /// Ends the question without an answer, unless a person decided at this very moment.
    async fn fails(&self, question: &mut Question, why: String) -> Result<Passed, End> {
        if question.entry.apply(Event::Withdraw).is_err() {
            return self.decided_already(question, Gate::Answer).await;
        }
        Err(End::failed(-32603, why))
    }

    /// `asks` is who asks for a person, and so who denies where nobody can be asked; `why` says why in a sentence.
    async fn person_decides(
        &self,
        question: &mut Question,
        gate: Gate,
        asks: DecidedBy,
        why: &str,
    ) -> Result<Passed, End> {
        self.before_anybody_looks(question).await?;
        if !self.queue.has_reviewer() {
            if question.entry.apply(Event::Deny).is_err() {
                return self.decided_already(question, gate).await;
            }
            let by = match asks {
                DecidedBy::Limit | DecidedBy::Drift => asks,
                DecidedBy::Nobody | DecidedBy::Rule | DecidedBy::Person | DecidedBy::Timeout => DecidedBy::Nobody,
            };
            let end = End::denied(by, format!("{why} Nobody was there to be asked."));
            question.record.note(decided(gate, Decided_::Denied, by, None, Some(end.why.clone()), Vec::new()));
            question.record.flush().await?;
            return Err(end);
        }
        let minutes = self.config.settings().general.deadline_minutes;
        let decision = tokio::select! {
            decision = question.decisions.recv() => decision,
            () = deadline(minutes) => {
                let end = End::denied(DecidedBy::Timeout, "nobody answered in time");
                // A decision that comes at this very moment is too late: the state machine is closed here.
                if question.entry.apply(Event::Deny).is_ok() {
                    question.record.note(decided(gate, Decided_::Denied, DecidedBy::Timeout, None, Some(end.why.clone()), Vec::new()));
                    question.record.flush().await?;
                    return Err(end);
                }
                question.decisions.recv().await
            }
        };
        let decision = decision.ok_or_else(End::withdrawn)?;
        self.carry_out(question, gate, decision, None).await
    }

    /// Writes a decision to the log; only then gives what may be done.
    pub(super) async fn carry_out(
        &self,
        question: &mut Question,
        gate: Gate,
        decision: Decision,
        evaluation: Option<&Evaluation>,
    ) -> Result<Passed, End> {
        let (by, reviewer, rules) = match evaluation {
            None => (DecidedBy::Person, Some(self.reviewer.clone()), Vec::new()),
            Some(evaluation) => (DecidedBy::Rule, None, evaluation.matched()),
        };
        let what = match (decision.kind, decision.edited) {
            (ActionKind::Deny, _) => Decided_::Denied,
            (ActionKind::AnswerByHand, _) => Decided_::AnsweredByHand,
            (ActionKind::AskAgain, _) => Decided_::AskedAgain,
            (ActionKind::Stop, _) => Decided_::Stopped,
            (_, true) => Decided_::Edited,
            (_, false) => Decided_::Approved,
        };
        let reason = decision.reason.clone().or_else(|| evaluation.map(|evaluation| evaluation.reason.clone()));
        let mut event = decided(gate, what, by, reviewer, reason.clone(), rules);
        if let Some(wanted) = &decision.grant {
            self.grant(question, wanted, &mut event);
        }
        match decision.effect {
            Effect::Send(approved) => {
                event.approved_sha256 = Some(approved.sha256());
                question.record.note_with(event, Role::Approved, Content::json(approved.object()));
                // Made durable together with `sent`, before anything goes out.
                Ok(Passed::Send(approved))
            }
            Effect::Release(released) => {
                event.tool_calls = decision.tool_calls;
                if decision.kind == ActionKind::AnswerByHand
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

    /// Makes the grant that a person gave with a decision: both are written in one transaction, or neither.
    fn grant(&self, question: &mut Question, wanted: &Wanted, event: &mut Decided) {
        let now = jiff::Timestamp::now();
        let Wanted { offer, scope, answers } = wanted;
        let Some((about, until)) = offer.about.as_ref().zip(offer.until(*scope, now)) else { return };
        let grant = Grant {
            id: Uuid::now_v7().to_string(),
            gates: offer.gates(*answers),
            server: offer.server.clone(),
            tool: about.tool.clone(),
            until,
            shape: about.shape.clone(),
            given_at: now,
            reviewer: self.reviewer.clone(),
            question: question.record.id().to_string(),
        };
        event.scope = Some(scope.as_str().into());
        event.grant = Some(grant.id.clone());
        event.granted = serde_json::to_value(&grant).ok();
        question.record.granted(grant, &self.instance);
    }

    async fn rule_denies(&self, question: &mut Question, gate: Gate, evaluation: &Evaluation) -> Result<Passed, End> {
        if question.entry.apply(Event::Deny).is_err() {
            // A person was faster (it was paused): the first answer wins.
            return self.decided_already(question, gate).await;
        }
        let reason = Some(evaluation.reason.clone());
        question.record.note(decided(gate, Decided_::Denied, evaluation.by, None, reason, evaluation.matched()));
        question.record.flush().await?;
        Err(End::denied(evaluation.by, evaluation.reason.clone()))
    }

    async fn decided_already(&self, question: &mut Question, gate: Gate) -> Result<Passed, End> {
        let decision = question.decisions.recv().await.ok_or_else(End::withdrawn)?;
        self.carry_out(question, gate, decision, None).await
    }

    /// While paused, nothing is decided but what a person decides. What was allowed before a pause is judged again after
    /// it: what allowed it may have been revoked meanwhile, or be over.
    async fn may_decide(&self, question: &mut Question, gate: Gate, judged: Evaluation) -> Result<Evaluation, End> {
        let mut paused = self.queue.paused();
        if !*paused.borrow() || (judged.verdict == Verdict::Ask && self.queue.has_reviewer()) {
            return Ok(judged);
        }
        self.before_anybody_looks(question).await?;
        // An error means that the queue is gone, and with it the pause.
        let _ = paused.wait_for(|paused| !paused).await;
        let (again, offer) = self.judge(question, gate).await?;
        if again.verdict <= judged.verdict {
            return Ok(judged);
        }
        question.record.note(Evaluated {
            gate,
            verdict: again.verdict,
            rules: again.matched(),
            reason: Some(again.reason.clone()),
            findings: None,
        });
        question.entry.judged((&again).into(), offer);
        question.evaluation = again.clone();
        Ok(again)
    }

    /// Makes durable what led here, and then tells the windows: what a person is shown comes after it in the log.
    async fn before_anybody_looks(&self, question: &mut Question) -> Result<(), End> {
        question.record.flush().await?;
        question.entry.waits();
        self.queue.touch(&question.entry);
        Ok(())
    }
}

impl Decision {
    fn by_rule(effect: Effect, fixed_text: bool) -> Self {
        let kind = match (&effect, fixed_text) {
            (Effect::Release(_), true) => ActionKind::AnswerByHand,
            (Effect::Release(_), false) => ActionKind::Return,
            (Effect::Send(_) | Effect::Show | Effect::StopModel | Effect::Refuse | Effect::End, _) => {
                ActionKind::Approve
            }
        };
        Self { effect, kind, gate: Gate::Request, edited: false, reason: None, tool_calls: None, grant: None }
    }
}

pub(super) fn decided(
    gate: Gate,
    decision: Decided_,
    by: DecidedBy,
    reviewer: Option<String>,
    reason: Option<String>,
    rules: Vec<String>,
) -> Decided {
    Decided {
        gate,
        decision,
        by,
        reviewer,
        reason,
        rules,
        scope: Some(Scope::Once.as_str().into()),
        grant: None,
        granted: None,
        approved_sha256: None,
        tool_calls: None,
    }
}

async fn deadline(minutes: Option<u32>) {
    match minutes {
        Some(minutes) => tokio::time::sleep(std::time::Duration::from_secs(u64::from(minutes) * 60)).await,
        None => std::future::pending().await,
    }
}

/// What to tell a person about a key that cannot be had.
pub(super) fn no_key(model: &str, error: &SecretError) -> String {
    format!("the key of {model} cannot be read: {error}")
}
