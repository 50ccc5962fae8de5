//! A server asks the person: receive → evaluate → the person → the browser, where it is an address → reply.
//!
//! Nobody but a person answers: rules deny or ask, and an allow is an ask.

use samplegate_core::{
    audit::{self, Content, DecidedBy, Gate, Kind, Outcome, Released, Role},
    canonical::Sha256Hex,
    elicitation::{Dialog, Effect, Elicitation, Input},
    policy::Verdict,
};
use serde_json::{Value, json};

use super::{End, Ended, Looked, Pipeline, Question, docket::Docket, gates::by_you, intake::Evaluated};
use crate::{
    mcp::{Asked, Refusal},
    review_queue::{Decision, elicitation_findings},
};

/// What a server is told where there is no input.
struct No {
    end: End,
    /// The protocol's action; none: an error is told.
    action: Option<&'static str>,
}

impl From<End> for No {
    fn from(end: End) -> Self {
        let action = match (end.outcome, end.by) {
            (Outcome::Withdrawn, _) | (_, None) => None,
            // Nobody looked at it, so nobody said no: the server may ask again.
            (_, Some(DecidedBy::Timeout | DecidedBy::Nobody | DecidedBy::Drift)) => Some("cancel"),
            (_, Some(DecidedBy::Person | DecidedBy::Rule | DecidedBy::Limit)) => Some("decline"),
        };
        Self { end, action }
    }
}

impl Pipeline {
    pub(super) async fn elicitation(&self, asked: Asked) -> Result<Value, Refusal> {
        let (withdrawn, origin) = (asked.withdrawn.clone(), asked.origin.clone());
        let mut question = match self.receive_elicitation(asked).await {
            Ok(question) => question,
            Err(end) => {
                if end.outcome == Outcome::Denied {
                    self.ends.note(&origin, &Ended::from(&end));
                }
                return answer_of(No::from(end));
            }
        };
        let asked = tokio::select! {
            biased;
            () = withdrawn.cancelled() => Err(End::withdrawn().into()),
            asked = self.ask_person(&mut question) => asked,
        };
        let replied = self.reply_input(question, asked).await;
        let ended = replied.as_ref().map_or_else(|no| Ended::from(&no.end), |_| Ended::released());
        self.ends.note(&origin, &ended);
        replied.or_else(answer_of)
    }

    async fn receive_elicitation(&self, asked: Asked) -> Result<Question<Effect>, End> {
        let read = Elicitation::parse(asked.params.clone(), &asked.server.protocol_version);
        let read = read.map_err(|error| error.to_string());
        let told = |elicitation: &Elicitation| (elicitation.content_class().to_owned(), elicitation.first_line());
        let (asked, mut record, elicitation) = self.log_received(asked, Kind::Elicitation, read, told).await?;
        let findings = elicitation_findings(&elicitation);
        let seen = asked.sight.settled().await;
        let docket = Docket::elicitation(&asked, &elicitation, seen);
        let evaluated = self.evaluate(&asked, &mut record, &docket, findings.clone()).await?;
        let Evaluated { evaluation, submission, .. } = evaluated;
        let (entry, decisions) = self.queue.submit_elicitation(submission, Dialog::new(elicitation));
        let looked = Looked { findings, answer: None };
        Ok(Question { asked, record, entry, decisions, docket, evaluation, looked, raised: None, attempt: 0 })
    }

    /// Nothing goes back, and nothing is opened, before this.
    async fn ask_person(&self, question: &mut Question<Effect>) -> Result<Box<Input>, No> {
        let evaluation = self.may_decide(question, Gate::Request, question.evaluation.clone()).await?;
        let decision = match evaluation.verdict {
            Verdict::Deny => self.rule_denies(question, Gate::Request, &evaluation).await?,
            // Policy never allows one; a person answers whatever it says.
            Verdict::Allow | Verdict::Ask => {
                self.person_decides(question, Gate::Request, evaluation.by, &evaluation.reason).await?
            }
        };
        let input = self.log_decision(question, decision).await?;
        if let Some(address) = input.opens() {
            self.open(address).map_err(|error| {
                let why = format!("the browser could not be opened: {error}");
                No { end: End { decided: false, ..End::failed(-32603, why) }, action: Some("cancel") }
            })?;
        }
        Ok(input)
    }

    async fn log_decision(
        &self,
        question: &mut Question<Effect>,
        decision: Decision<Effect>,
    ) -> Result<Box<Input>, No> {
        let mut event = self.decision_event(question, Gate::Request, &decision, None);
        match decision.effect {
            Effect::Accept(input) => {
                if decision.what == audit::Decision::Approved {
                    // An address is approved as it was shown.
                    event.approved_sha256 = Some(Sha256Hex::of_json(&question.asked.params));
                    question.record.note_with(event, Role::Approved, Content::json(&question.asked.params));
                } else {
                    question.record.note_with(event, Role::Answer, Content::json(&input.result()));
                }
                // Durable before the browser is opened; what goes back is logged once more, when it goes.
                question.record.flush().await?;
                Ok(input)
            }
            Effect::Decline => {
                let why = by_you("declined", &event);
                let end = Self::person_refuses(question, event, why).await?;
                Err(No { end, action: Some("decline") })
            }
            Effect::Cancel => {
                let why = by_you("cancelled", &event);
                event.reason.get_or_insert_with(|| "cancelled: neither yes nor no".into());
                let end = Self::person_refuses(question, event, why).await?;
                Err(No { end, action: Some("cancel") })
            }
            Effect::End => Err(End::withdrawn().into()),
        }
    }

    /// The last step: the log first, then the server.
    async fn reply_input(&self, mut question: Question<Effect>, asked: Result<Box<Input>, No>) -> Result<Value, No> {
        let result = match &asked {
            Ok(input) => Some(input.result()),
            Err(no) => no.action.map(|action| json!({"action": action})),
        };
        let mut replied = asked.map(|input| input.result());
        if let Some(result) = &result {
            let class = replied.is_ok().then(|| question.class());
            let event = Released {
                edited: false,
                model: None,
                answer_class: class,
                released_sha256: Some(Sha256Hex::of_json(result)),
            };
            question.record.released(event, result);
            if let Err(end) = question.record.flush().await {
                replied = Err(end.into());
            }
        }
        self.close(question, replied.as_ref().map(|_| "answered by you").map_err(|no| &no.end));
        replied
    }

    /// Opens an address in the person's browser. Nothing of it is fetched here.
    fn open(&self, address: &str) -> std::io::Result<()> {
        crate::browser::open(address, self.browser.as_deref())
    }
}

impl Question<Effect> {
    fn class(&self) -> String {
        let is_url = self.asked.params.get("mode").and_then(Value::as_str) == Some("url");
        if is_url { "url".into() } else { "form".into() }
    }
}

/// What the server gets: a refusal is an answer here, unless nobody waits or its params are wrong.
fn answer_of(no: No) -> Result<Value, Refusal> {
    match no.action {
        Some(action) => Ok(json!({"action": action})),
        None if no.end.outcome == Outcome::Withdrawn => Err(Refusal::new(no.end.code, "withdrawn")),
        None => Err(Refusal::new(no.end.code, no.end.why)),
    }
}
