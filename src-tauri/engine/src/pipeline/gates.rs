//! A gate, whatever stands at it: what the policy lets through goes on, what it denies ends, what it asks waits for a
//! person.

use samplegate_core::{
    audit::{self, Content, Decided, DecidedBy, Evaluated, Gate, Role},
    canonical::Sha256Hex,
    policy::{Evaluation, Grant, Scope, Verdict},
};
use serde_json::Value;
use uuid::Uuid;

use super::{End, Pipeline, Question};
use crate::{
    review_queue::{Decision, Entry, Wanted},
    secrets::SecretError,
};

/// Who decides instead, where what a rule allows cannot be done.
pub(super) enum Instead {
    /// A person, who is told this.
    Person(String),
    /// Nobody: nothing can go on, and this is why.
    Nobody(String),
}

impl Pipeline {
    /// What is decided about what stands at a gate; where it is a rule that allows it, with what the policy said.
    /// `allow` applies that to the question.
    pub(super) async fn at_gate<E>(
        &self,
        question: &mut Question<E>,
        gate: Gate,
        judged: Evaluation,
        allow: impl FnOnce(&Entry, &Evaluation) -> Result<Decision<E>, Instead>,
    ) -> Result<(Decision<E>, Option<Evaluation>), End> {
        let evaluation = self.may_decide(question, gate, judged).await?;
        let why = match evaluation.verdict {
            Verdict::Deny => return Ok((self.rule_denies(question, gate, &evaluation).await?, None)),
            Verdict::Allow => match allow(&question.entry, &evaluation) {
                Ok(decision) => return Ok((decision, Some(evaluation))),
                Err(Instead::Person(why)) => why,
                Err(Instead::Nobody(why)) => return Ok((Self::fails(question, End::failed(-32603, why)).await?, None)),
            },
            Verdict::Ask => evaluation.reason.clone(),
        };
        Ok((self.person_decides(question, gate, evaluation.by, &why).await?, None))
    }

    /// Waits for a person. `asks` is who asks for one, and so who denies where nobody can be asked; `why` says why in a
    /// sentence.
    pub(super) async fn person_decides<E>(
        &self,
        question: &mut Question<E>,
        gate: Gate,
        asks: DecidedBy,
        why: &str,
    ) -> Result<Decision<E>, End> {
        self.before_anybody_looks(question).await?;
        if !self.queue.has_reviewer() {
            if !question.entry.refuse() {
                return Self::decided_already(question).await;
            }
            let by = match asks {
                DecidedBy::Limit | DecidedBy::Drift => asks,
                DecidedBy::Nobody | DecidedBy::Rule | DecidedBy::Person | DecidedBy::Timeout => DecidedBy::Nobody,
            };
            let end = End::denied(by, format!("{why} Nobody was there to be asked."));
            question.record.note(decided(gate, audit::Decision::Denied, by, None, Some(end.why.clone()), Vec::new()));
            question.record.flush().await?;
            return Err(end);
        }
        let minutes = self.config.settings().general.deadline_minutes;
        let decision = tokio::select! {
            decision = question.decisions.recv() => decision,
            () = deadline(minutes) => {
                let end = End::denied(DecidedBy::Timeout, "nobody answered in time");
                // A decision that comes at this very moment is too late: the state machine is closed here.
                if question.entry.refuse() {
                    question.record.note(decided(gate, audit::Decision::Denied, DecidedBy::Timeout, None, Some(end.why.clone()), Vec::new()));
                    question.record.flush().await?;
                    return Err(end);
                }
                question.decisions.recv().await
            }
        };
        decision.ok_or_else(End::withdrawn)
    }

    /// The event that tells of a decision, with the grant that was made by it; `evaluation` is a rule's.
    pub(super) fn decision_event<E>(
        &self,
        question: &mut Question<E>,
        gate: Gate,
        decision: &Decision<E>,
        evaluation: Option<&Evaluation>,
    ) -> Decided {
        let (by, reviewer, rules) = match evaluation {
            None => (DecidedBy::Person, Some(self.reviewer.clone()), Vec::new()),
            Some(evaluation) => (DecidedBy::Rule, None, evaluation.matched()),
        };
        let reason = decision.reason.clone().or_else(|| evaluation.map(|evaluation| evaluation.reason.clone()));
        let mut event = decided(gate, decision.what, by, reviewer, reason, rules);
        if let Some(wanted) = &decision.grant {
            self.grant(question, wanted, &mut event);
        }
        event
    }

    /// Notes what was approved; it is made durable together with `sent`, before anything goes out.
    pub(super) fn note_approval<E>(question: &mut Question<E>, event: Decided, object: &Value, sha256: Sha256Hex) {
        let event = Decided { approved_sha256: Some(sha256), ..event };
        question.record.note_with(event, Role::Approved, Content::json(object));
    }

    /// How a question ends that a person denied; the log knows of it before anybody else.
    pub(super) async fn person_denies<E>(question: &mut Question<E>, event: Decided) -> Result<End, End> {
        let why = by_you("denied", &event);
        Self::person_refuses(question, event, why).await
    }

    /// How a question ends that a person refused, and `why` in words; the log knows of it before anybody else.
    pub(super) async fn person_refuses<E>(question: &mut Question<E>, event: Decided, why: String) -> Result<End, End> {
        let end = End::denied(event.by, why);
        question.record.note(event);
        question.record.flush().await?;
        Ok(end)
    }

    /// Makes the grant that a person gave with a decision: both are written in one transaction, or neither.
    fn grant<E>(&self, question: &mut Question<E>, wanted: &Wanted, event: &mut Decided) {
        let now = jiff::Timestamp::now();
        let Wanted { offer, scope, answers } = wanted;
        let Some((about, until)) = offer.about.as_ref().zip(offer.until(*scope, now)) else { return };
        // The app started after this was offered: it is a decision for this time only, and the log says so.
        if !scope.ends_with_process() && self.config.app_runs_elsewhere() {
            return;
        }
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

    /// Refuses by rule, limit or drift; a decision, where a person was faster (it was paused): the first answer wins.
    pub(super) async fn rule_denies<E>(
        &self,
        question: &mut Question<E>,
        gate: Gate,
        evaluation: &Evaluation,
    ) -> Result<Decision<E>, End> {
        if !question.entry.refuse() {
            return Self::decided_already(question).await;
        }
        let (reason, rules) = (Some(evaluation.reason.clone()), evaluation.matched());
        question.record.note(decided(gate, audit::Decision::Denied, evaluation.by, None, reason, rules));
        question.record.flush().await?;
        Err(End::denied(evaluation.by, evaluation.reason.clone()))
    }

    /// Ends the question without an answer; a decision, where a person was faster.
    pub(super) async fn fails<E>(question: &mut Question<E>, end: End) -> Result<Decision<E>, End> {
        if question.entry.refuse() {
            return Err(end);
        }
        Self::decided_already(question).await
    }

    /// What a person decided at this very moment.
    pub(super) async fn decided_already<E>(question: &mut Question<E>) -> Result<Decision<E>, End> {
        question.decisions.recv().await.ok_or_else(End::withdrawn)
    }

    /// While paused, nothing is decided but what a person decides. What was allowed before a pause is judged again after
    /// it: what allowed it may have been revoked meanwhile, or be over.
    pub(super) async fn may_decide<E>(
        &self,
        question: &mut Question<E>,
        gate: Gate,
        judged: Evaluation,
    ) -> Result<Evaluation, End> {
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
    async fn before_anybody_looks<E>(&self, question: &mut Question<E>) -> Result<(), End> {
        // Nobody knows how long a person takes.
        if let Some(host) = &mut question.host {
            host.pass_by();
        }
        question.record.flush().await?;
        question.entry.waits();
        self.queue.touch(&question.entry);
        Ok(())
    }
}

/// What a person did, e.g. "denied", and why, where they said so.
pub(super) fn by_you(did: &str, event: &Decided) -> String {
    match &event.reason {
        Some(reason) => format!("{did} by you: {reason}"),
        None => format!("{did} by you"),
    }
}

pub(super) fn decided(
    gate: Gate,
    decision: audit::Decision,
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
