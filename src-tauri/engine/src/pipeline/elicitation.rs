//! A server asks the person: receive → evaluate → the person → the browser, where it is an address → reply.
//!
//! Nobody but a person answers: rules deny or ask, and an allow is an ask. Where the host answers itself, it is another
//! person that is asked in the end: the one who sits at the host.

use samplegate_core::{
    audit::{self, Answered, Content, DecidedBy, Gate, Kind, Outcome, Released, Role, Sent},
    canonical::Sha256Hex,
    elicitation::{Dialog, DialogError, Effect, Elicitation, Event, Input},
    policy::Evaluation,
    review::HOST,
    settings::HostMode,
};
use serde_json::{Value, json};

use super::{
    End, Ended, Looked, Pipeline, Question,
    docket::Docket,
    gates::{Instead, by_you},
    host,
    intake::Evaluated,
};
use crate::{
    mcp::{Asked, Refusal},
    review_queue::{Decision, Entry, elicitation_findings},
    upstream::{HostError, Turn},
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

/// What a decision lets through.
enum Passed {
    /// This may go to the server.
    Input(Box<Input>),
    /// The host may be asked with these params.
    On(Value),
}

impl Pipeline {
    pub(super) async fn elicitation(&self, asked: Asked, host: Option<Turn>) -> Result<Value, Refusal> {
        let (withdrawn, origin) = (asked.withdrawn.clone(), asked.origin.clone());
        let mut question = match self.receive_elicitation(asked, host).await {
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

    async fn receive_elicitation(&self, asked: Asked, mut host: Option<Turn>) -> Result<Question<Effect>, End> {
        let read = Elicitation::parse(asked.params.clone(), &asked.server.protocol_version);
        let read = read.map_err(|error| error.to_string());
        let told = |elicitation: &Elicitation| (elicitation.content_class().to_owned(), elicitation.first_line());
        let (asked, mut record, elicitation) = self.log_received(asked, Kind::Elicitation, read, told).await?;
        let findings = elicitation_findings(&elicitation);
        let seen = self.seen(&asked).await;
        let (answers, why_here) = self.who_answers(
            &asked,
            host.as_ref(),
            |host| host.elicitation,
            |side| side.cannot_elicit(&elicitation).map(ToOwned::to_owned),
        );
        if answers == HostMode::Answer {
            host = None;
        }
        let mut docket = Docket::elicitation(&asked, &elicitation, seen);
        docket.passes = answers == HostMode::Pass;
        let evaluated = self.evaluate(&asked, &mut record, &docket, findings.clone()).await?;
        let Evaluated { evaluation, mut submission, used, .. } = evaluated;
        submission.notes.extend(why_here);
        let dialog = Dialog::new(elicitation);
        let dialog = if host.is_some() { dialog.with_host() } else { dialog };
        let (entry, decisions) = self.queue.submit_elicitation(submission, dialog);
        let looked = Looked { findings, answer: None };
        Ok(Question {
            asked,
            record,
            entry,
            decisions,
            host,
            docket,
            evaluation,
            looked,
            raised: None,
            used,
            attempt: 0,
        })
    }

    /// Nothing goes back, and nothing is opened, before this.
    async fn ask_person(&self, question: &mut Question<Effect>) -> Result<Box<Input>, No> {
        let judged = question.evaluation.clone();
        // Policy allows only what is left to the host.
        let allow = |entry: &Entry, evaluation: &Evaluation| match entry.apply_to_dialog(Event::PassOn) {
            Ok(effect) => Ok(Decision::by_rule(effect, Gate::Request, audit::Decision::Approved)),
            Err(_) => Err(Instead::Person(evaluation.reason.clone())),
        };
        let (decision, by_rule) = self.at_gate(question, Gate::Request, judged, allow).await?;
        let input = match self.log_decision(question, decision, by_rule.as_ref()).await? {
            Passed::Input(input) => input,
            Passed::On(params) => self.ask_host(question, params).await?,
        };
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
        by_rule: Option<&Evaluation>,
    ) -> Result<Passed, No> {
        let mut event = self.decision_event(question, Gate::Request, &decision, by_rule);
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
                Ok(Passed::Input(input))
            }
            Effect::PassOn => {
                let params = question.entry.for_host().ok_or_else(End::withdrawn)?;
                Self::note_approval(question, event, &params, Sha256Hex::of_json(&params));
                Ok(Passed::On(params))
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

    /// The host asks its person, unless one here is faster.
    async fn ask_host(&self, question: &mut Question<Effect>, params: Value) -> Result<Box<Input>, No> {
        let Some(host) = &mut question.host else { return Err(End::withdrawn().into()) };
        let name = host.host().to_owned();
        let mut asking = host.ask(host::ELICIT, params.clone());
        question.attempt += 1;
        question.record.note(Sent {
            provider: Some(HOST.into()),
            model: Some(name),
            attempt: question.attempt,
            sent_sha256: Some(Sha256Hex::of_json(&params)),
            wire_sha256: None,
        });
        question.record.flush().await?;
        self.queue.touch(&question.entry);
        let answered = tokio::select! {
            biased;
            decision = question.decisions.recv() => return self.decided_meanwhile(question, decision).await,
            answered = &mut asking => answered,
        };
        drop(asking);
        let applied = match answered {
            Ok(result) => question.entry.apply_to_dialog(Event::OfHost(result)),
            Err(error) => return self.no_input(question, &error).await,
        };
        match applied {
            Ok(Effect::Accept(input)) => {
                let result = input.result();
                let class = result["action"].as_str().map(ToOwned::to_owned);
                let event = Answered { answer_class: class, ..Answered::default() };
                question.record.note_with(event, Role::Answer, Content::json(&result));
                Ok(input)
            }
            Ok(Effect::PassOn | Effect::Decline | Effect::Cancel | Effect::End) => Err(End::withdrawn().into()),
            Err(DialogError::NoAnswer(why)) => self.no_input(question, &HostError::Rubbish(why)).await,
            Err(_) => {
                let decision = question.decisions.recv().await;
                self.decided_meanwhile(question, decision).await
            }
        }
    }

    async fn decided_meanwhile(
        &self,
        question: &mut Question<Effect>,
        decision: Option<Decision<Effect>>,
    ) -> Result<Box<Input>, No> {
        let decision = decision.ok_or_else(End::withdrawn)?;
        match self.log_decision(question, decision, None).await? {
            Passed::Input(input) => Ok(input),
            Passed::On(_) => Err(End::withdrawn().into()),
        }
    }

    /// The host gave no answer that could go back; its refusal is its last word.
    async fn no_input(&self, question: &mut Question<Effect>, error: &HostError) -> Result<Box<Input>, No> {
        question.record.note(Answered { error: Some(error.to_string()), ..Answered::default() });
        let end = host::no_answer(error, question.docket.passes);
        match Self::fails(question, end).await {
            Ok(decision) => self.decided_meanwhile(question, Some(decision)).await,
            Err(end) => Err(No { end, action: None }),
        }
    }

    /// The last step: the log first, then the server.
    async fn reply_input(&self, mut question: Question<Effect>, asked: Result<Box<Input>, No>) -> Result<Value, No> {
        let result = match &asked {
            Ok(input) => Some(input.result()),
            Err(no) => no.action.map(|action| json!({"action": action})),
        };
        let how = match &asked {
            Ok(input) if input.is_of_host() => "answered in the host",
            Ok(_) | Err(_) => "answered by you",
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
        self.close(question, replied.as_ref().map(|_| how).map_err(|no| &no.end));
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
        None => Err(no.end.told.unwrap_or_else(|| Refusal::new(no.end.code, no.end.why))),
    }
}
