//! A server asks for a model's answer: request gate → model → answer gate → reply.

mod gates;

use samplegate_core::{
    audit::{Gate, Kind, Outcome, Released},
    canonical::Sha256Hex,
    inspect::{self, Place},
    policy::Evaluation,
    request::SamplingRequest,
    review::{ApprovedRequest, Effect, ModelRef, ReleasedResponse, Review},
    settings::{HostMode, SamplingTools, Server},
};
use serde_json::{Value, json};

use super::{End, Ended, Looked, Pipeline, Question, docket::Docket, intake::Evaluated};
use crate::{
    mcp::{Asked, Refusal},
    upstream::Turn,
};

pub(super) const REJECTED: &str = "User rejected sampling request";

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
    pub(super) async fn sampling(&self, asked: Asked, host: Option<Turn>) -> Result<Value, Refusal> {
        let withdrawn = asked.withdrawn.clone();
        let origin = asked.origin.clone();
        let mut question = match self.receive_sampling(asked, host).await {
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

    /// Logs that a model's answer was asked for, checks it, evaluates it and puts it into the queue.
    async fn receive_sampling(&self, asked: Asked, mut host: Option<Turn>) -> Result<Question<Effect>, End> {
        let at = asked.arrived_at;
        let settings = self.config.settings();
        let server = settings.servers.get(&asked.server.name);
        let read = SamplingRequest::parse(asked.params.clone())
            .map_err(|error| error.to_string())
            .and_then(|request| check_tools(request, server));
        let told = |request: &SamplingRequest| (request.content_class(), request.first_line());
        let (asked, mut record, request) = self.log_received(asked, Kind::Sampling, read, told).await?;
        let findings = inspect::inspect(Place::Request, request.params());
        let raised = inspect::raises(&findings, Gate::Request).map(|finding| finding.kind);
        let own = host.as_ref().map(|host| ModelRef::of_host(host.host()));
        let (answers, why_here) = self.who_answers(
            &asked,
            host.as_ref(),
            |host| host.sampling,
            |side| {
                let cannot = side.cannot_sample(&request).map(ToOwned::to_owned);
                cannot.or_else(|| settings.forbids_model(&asked.server.name, &own.as_ref()?.name))
            },
        );
        let model = match answers {
            HostMode::Answer => self.queue.desk().choose(&asked.server.name, &request),
            HostMode::Gate | HostMode::Pass => own,
        };
        if answers == HostMode::Answer {
            host = None;
        }
        let seen = self.seen(&asked).await;
        let mut docket = Docket::new(&asked, &request, model.as_ref(), seen);
        docket.passes = answers == HostMode::Pass;
        let evaluated = self.evaluate(&asked, &mut record, &docket, findings.clone()).await?;
        let Evaluated { evaluation, mut submission, lowered, used } = evaluated;
        submission.notes.extend(docket.remarks(&self.config.settings(), at));
        submission.notes.extend(why_here);
        if host.is_none() {
            submission.notes.extend(self.queue.desk().no_model_allowed(&asked.server.name));
        }
        let offered = lowered.map_or_else(|| request.clone(), |cap| request.clone().with_max_tokens(cap));
        let review = Review::new(request, offered, model, asked.server.protocol_version.clone());
        let (entry, decisions) = self.queue.submit_sampling(submission, review);
        let looked = Looked { findings, answer: None };
        Ok(Question { asked, record, entry, decisions, host, docket, evaluation, looked, raised, used, attempt: 0 })
    }

    /// The two gates, and the model between them.
    async fn review(&self, question: &mut Question<Effect>) -> Result<ReleasedResponse, End> {
        let mut approved = match self.request_gate(question).await? {
            Passed::Send(approved) => approved,
            Passed::Release(released) => return Ok(*released),
        };
        loop {
            let passed = match self.ask_model(question, &approved).await? {
                Came::Answer(evaluation) => self.answer_gate(question, evaluation).await?,
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

/// Tools in a request need the capability that was declared for them (MCP, sampling with tools).
fn check_tools(request: SamplingRequest, server: Option<&Server>) -> Result<SamplingRequest, String> {
    let allowed = server.map_or(&SamplingTools::None, |server| &server.sampling_tools);
    if allowed.is_none() && request.needs_tools() {
        return Err("tools: this client has not declared sampling.tools".into());
    }
    match request.tools().iter().find(|tool| !allowed.allows(&tool.name)) {
        Some(tool) if !allowed.is_none() => {
            Err(format!("tools: {:?} may not be used in sampling by this server", tool.name))
        }
        Some(_) | None => Ok(request),
    }
}

/// A refusal as the protocol has it; what a person typed is not told.
fn refusal(end: &End) -> Refusal {
    if let Some(told) = &end.told {
        return told.clone();
    }
    match (end.outcome, end.by) {
        (Outcome::Withdrawn, _) => Refusal::new(end.code, "withdrawn"),
        (_, Some(by)) => {
            Refusal { code: end.code, message: REJECTED.into(), data: Some(json!({"reason": by.as_str()})) }
        }
        (_, None) => Refusal::new(end.code, end.why.clone()),
    }
}
