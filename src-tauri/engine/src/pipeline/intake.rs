//! The first step: from what a server asked to a question in the queue.

use std::sync::Arc;

use samplegate_core::{
    audit::{Closed, DecidedBy, Evaluated, Gate, Kind, NewEvent, Outcome, Received, format_time},
    canonical::Sha256Hex,
    inspect::{self, Finding, Place},
    limits::Checked,
    policy::{Evaluation, Offer, UNMATCHED, Verdict},
    request::SamplingRequest,
    review::{Effect, Review},
    settings::{SamplingTools, Server},
};
use serde_json::Value;

use super::{
    End, Looked, Pipeline, Question,
    docket::{Docket, Now},
    record::Record,
};
use crate::{
    mcp::{Asked, CallKind, CallRef, Origin, TransportKind},
    review_queue::Submission,
    store::{Admitted, question_id},
    wire::{self, CallView, EvaluationView, ProvenanceView},
};

impl Pipeline {
    /// Logs that a model's answer was asked for, checks it, evaluates it and puts it into the queue.
    pub(super) async fn receive_sampling(&self, asked: Asked) -> Result<Question<Effect>, End> {
        let at = asked.arrived_at;
        let id = question_id(at).map_err(|error| End::failed(-32603, error.to_string()))?;
        let mut record = Record::new(self.store.clone(), Arc::clone(&self.log_trouble), id);
        let settings = self.config.settings();
        let server = settings.servers.get(&asked.server.name);
        let parsed = SamplingRequest::parse(asked.params.clone())
            .map_err(|error| error.to_string())
            .and_then(|request| check_tools(request, server));
        let event = Received {
            context_class: parsed.as_ref().ok().map(SamplingRequest::content_class),
            first_line: parsed.as_ref().ok().map(SamplingRequest::first_line),
            ..received(self, &asked, Kind::Sampling)
        };
        record.received(event, &asked.params, arguments(&asked.origin));
        let request = match parsed {
            Ok(request) => request,
            Err(why) => {
                record.flush().await?;
                let closed = Closed { outcome: Outcome::Failed, decided_by: None, reason: Some(why.clone()) };
                self.conclude(record, closed, asked.receipt);
                return Err(End::failed(-32602, why));
            }
        };
        let findings = inspect::inspect(Place::Request, request.params());
        let raised = inspect::raises(&findings, Gate::Request).map(|finding| finding.kind);
        let model = self.queue.desk().choose(&asked.server.name, &request);
        let seen = asked.sight.settled().await;
        let docket = Docket::new(&asked, &request, model.as_ref(), seen);
        let (evaluation, offer, mut limits, behaviour) = self.admit(&mut record, &docket, findings.clone(), at).await?;
        // Who decides has to know why, where it is more than that nobody else does. A grant that falls short is told where
        // the scope is chosen.
        if evaluation.verdict == Verdict::Ask && evaluation.reason != UNMATCHED && evaluation.missed.is_none() {
            limits.notes.insert(0, evaluation.reason.clone());
        }
        limits.notes.extend(docket.remarks(&self.config.settings(), at));
        limits.notes.extend(self.queue.desk().no_model_allowed(&asked.server.name));
        let offered = limits.lowered.map_or_else(|| request.clone(), |cap| request.clone().with_max_tokens(cap));
        let submission = Submission {
            id,
            received_at: at,
            arrival: asked.arrival,
            provenance: provenance(&asked),
            evaluation: EvaluationView::from(&evaluation),
            notes: limits.notes,
            behaviour,
            fingerprint: docket.fingerprint(),
            offer,
        };
        let review = Review::new(request, offered, model, asked.server.protocol_version.clone());
        let (entry, decisions) = self.queue.submit_sampling(submission, review);
        let looked = Looked { findings, answer: None };
        Ok(Question { asked, record, entry, decisions, docket, evaluation, looked, raised, attempt: 0 })
    }

    /// Limits and policy, judged and written in one transaction with what was noted before: what other questions, of
    /// this process or another, have used is neither more nor less than what it is judged by.
    pub(super) async fn admit(
        &self,
        record: &mut Record,
        docket: &Docket,
        findings: Vec<Finding>,
        at: jiff::Timestamp,
    ) -> Result<(Evaluation, Offer, Checked, Vec<Finding>), End> {
        let (current, docket, id) = (self.config.current(), docket.clone(), record.id());
        let asking = docket.asking(id, at);
        record
            .admit(asking, move |before| {
                let limits = docket.check(&current.settings, before);
                let behaviour = docket.behaviour(before, at);
                let findings: Vec<Finding> = findings.iter().chain(&behaviour).cloned().collect();
                let now = Now { settings: &current.settings, rules: &current.rules, before, at };
                let (evaluation, offer) = docket.judge(Gate::Request, now, &findings, None, &limits);
                let event = Evaluated {
                    gate: Gate::Request,
                    verdict: evaluation.verdict,
                    rules: evaluation.matched(),
                    reason: Some(evaluation.reason.clone()),
                    findings: serde_json::to_value(&findings).ok(),
                };
                let lets_through = evaluation.verdict == Verdict::Allow;
                let used = current
                    .rules
                    .all()
                    .iter()
                    .filter(|rule| lets_through && rule.uses.is_some() && evaluation.rules.contains(&rule.id));
                let admitted = Admitted {
                    events: vec![NewEvent::new(id, at, event)],
                    counts: limits.denies.is_empty().then_some(limits.reserved),
                    used: used.map(|rule| rule.id.clone()).collect(),
                };
                (admitted, (evaluation, offer, limits, behaviour))
            })
            .await
    }

    /// What the policy says, at this moment, about what stands at a gate.
    pub(super) async fn judge<E>(&self, question: &Question<E>, gate: Gate) -> Result<(Evaluation, Offer), End> {
        let (server, tool) = question.docket.about();
        let mut before = self.store.standing(server, tool).await.map_err(|error| {
            End::denied(DecidedBy::Nobody, format!("the audit log cannot be read, so the answer is no: {error}"))
        })?;
        // What a person changed is not what was granted.
        if question.entry.is_changed() {
            before.grants.clear();
        }
        // Its use of a rule is counted since it was admitted.
        if gate == Gate::Request {
            before.uses.clear();
        }
        let current = self.config.current();
        let now =
            Now { settings: &current.settings, rules: &current.rules, before: &before, at: jiff::Timestamp::now() };
        let Looked { findings, answer } = &question.looked;
        let answer = answer.as_ref().filter(|_| gate == Gate::Answer).map(|answer| (answer, question.raised));
        Ok(question.docket.judge(gate, now, findings, answer, &Checked::default()))
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

pub(super) fn received(pipeline: &Pipeline, asked: &Asked, kind: Kind) -> Received {
    let (call, one_of) = match &asked.origin {
        Origin::Call(call) => (Some(call), None),
        Origin::OneOf(calls) => (None, u32::try_from(calls.len()).ok()),
        Origin::None => (None, None),
    };
    Received {
        kind,
        host: call.map(|call| call.host.clone()),
        server: asked.server.name.clone(),
        tool: call.map(|call| target(call).to_owned()),
        call_id: call.map(|call| call.call_id.to_string()),
        round: asked.round,
        one_of,
        context_class: None,
        owner: Some(pipeline.instance.clone()),
        request_sha256: Some(Sha256Hex::of_json(&asked.params)),
        first_line: None,
    }
}

/// The arguments of the call that led here, where it is known for certain and has some.
pub(super) fn arguments(origin: &Origin) -> Option<&Value> {
    match origin {
        Origin::Call(CallRef {
            kind: CallKind::Tool { arguments, .. } | CallKind::Prompt { arguments, .. }, ..
        }) => Some(arguments).filter(|arguments| !arguments.is_null()),
        Origin::Call(CallRef { kind: CallKind::Resource { .. }, .. }) | Origin::OneOf(_) | Origin::None => None,
    }
}

/// The name of what is called: the tool, the prompt, or the resource's URI.
pub(crate) fn target(call: &CallRef) -> &str {
    match &call.kind {
        CallKind::Tool { name, .. } | CallKind::Prompt { name, .. } => name,
        CallKind::Resource { uri } => uri,
    }
}

pub(crate) fn call_view(call: &CallRef) -> CallView {
    let (kind, arguments) = match &call.kind {
        CallKind::Tool { arguments, .. } => (wire::CallKind::Tool, arguments.clone()),
        CallKind::Prompt { arguments, .. } => (wire::CallKind::Prompt, arguments.clone()),
        CallKind::Resource { .. } => (wire::CallKind::Resource, Value::Null),
    };
    CallView {
        call_id: call.call_id.to_string(),
        host: call.host.clone(),
        kind,
        name: target(call).to_owned(),
        arguments,
    }
}

pub(super) fn provenance(asked: &Asked) -> ProvenanceView {
    let (call, one_of) = match &asked.origin {
        Origin::Call(call) => (Some(call_view(call)), Vec::new()),
        Origin::OneOf(calls) => (None, calls.iter().map(call_view).collect()),
        Origin::None => (None, Vec::new()),
    };
    let server = &asked.server;
    let says = [server.title.as_ref().or(server.reported_name.as_ref()), server.version.as_ref()];
    let says: Vec<&str> = says.into_iter().flatten().map(String::as_str).collect();
    ProvenanceView {
        host: call.as_ref().map(|call| call.host.clone()),
        call,
        one_of,
        server: server.name.clone(),
        server_says: (!says.is_empty()).then(|| says.join(" ")),
        protocol: server.protocol_version.clone(),
        transport: match server.transport {
            TransportKind::Stdio => "stdio".into(),
            TransportKind::Http => "http".into(),
            TransportKind::Sse => "sse".into(),
        },
        round: asked.round,
    }
}

impl From<&Evaluation> for EvaluationView {
    fn from(evaluation: &Evaluation) -> Self {
        Self {
            verdict: evaluation.verdict.into(),
            matched: evaluation.sentences.clone(),
            reason: evaluation.reason.clone(),
        }
    }
}

/// Now, as the log prints it.
pub(crate) fn now() -> String {
    format_time(jiff::Timestamp::now())
}
