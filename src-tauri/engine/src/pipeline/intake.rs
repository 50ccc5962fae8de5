//! The first step, of whatever kind a question is: from what was asked to how it is put into the queue.

use std::sync::Arc;

use samplegate_core::{
    audit::{self, Closed, DecidedBy, Gate, Kind, NewEvent, Outcome, Received, format_time},
    canonical::Sha256Hex,
    exact,
    inspect::Finding,
    limits::Checked,
    policy::{Evaluation, Offer, UNMATCHED, Verdict},
};
use serde_json::Value;

use super::{
    End, Looked, Pipeline, Question,
    docket::{Docket, Now},
    record::Record,
};
use crate::{
    mcp::{Asked, CallKind, CallRef, Origin, Seen, TransportKind},
    review_queue::Submission,
    store::{Admitted, question_id},
    wire::{self, CallView, EvaluationView, ProvenanceView},
};

/// A question that was judged by what was there before it.
pub(super) struct Evaluated {
    pub(super) evaluation: Evaluation,
    /// How it is put into the queue.
    pub(super) submission: Submission,
    /// maxTokens, where a limit lowers it.
    pub(super) lowered: Option<u32>,
    /// The rules with a number of uses that let it through.
    pub(super) used: Vec<String>,
}

/// What was found out, and written, in the transaction that admits a question.
struct Admission {
    evaluation: Evaluation,
    offer: Offer,
    limits: Checked,
    behaviour: Vec<Finding>,
    used: Vec<String>,
}

impl Pipeline {
    /// Logs what was asked. What could not be read ends here: its failure is logged, and the asker is told the place and
    /// the reason. `told` gives, of what was read, its content in a word and its first line.
    pub(super) async fn log_received<T>(
        &self,
        asked: Asked,
        kind: Kind,
        read: Result<T, String>,
        told: impl FnOnce(&T) -> (String, String),
    ) -> Result<(Asked, Record, T), End> {
        let id = question_id(asked.arrived_at).map_err(|error| End::failed(-32603, error.to_string()))?;
        let mut record = Record::new(self.store.clone(), Arc::clone(&self.log_trouble), id);
        let (context_class, first_line) = read.as_ref().map(told).ok().unzip();
        let event = Received { context_class, first_line, ..received(self, &asked, kind) };
        record.received(event, &asked.params, arguments(&asked.origin));
        match read {
            Ok(read) => Ok((asked, record, read)),
            Err(why) => {
                record.flush().await?;
                let closed = Closed { outcome: Outcome::Failed, decided_by: None, reason: Some(why.clone()) };
                self.conclude(record, closed, asked.receipt);
                Err(End::failed(-32602, why))
            }
        }
    }

    /// What the server of a question was seen to be. Where nobody is there to look, more time is worth more than a denial.
    pub(super) async fn seen(&self, asked: &Asked) -> Option<Arc<Seen>> {
        if self.queue.has_reviewer() { asked.sight.settled().await } else { asked.sight.settled_alone().await }
    }

    /// Has a question judged, and says how it is put into the queue.
    pub(super) async fn evaluate(
        &self,
        asked: &Asked,
        record: &mut Record,
        docket: &Docket,
        findings: Vec<Finding>,
    ) -> Result<Evaluated, End> {
        let admitted = self.admit(record, docket, findings, asked.arrived_at).await?;
        let Admission { evaluation, offer, limits, behaviour, used } = admitted;
        let mut notes = limits.notes;
        // Who decides has to know why, where it is more than that nobody else does. A grant that falls short is told where
        // the scope is chosen.
        if evaluation.verdict == Verdict::Ask && evaluation.reason != UNMATCHED && evaluation.missed.is_none() {
            notes.insert(0, evaluation.reason.clone());
        }
        notes.extend(exact::remark(&asked.params));
        // A tool call is what is asked itself.
        if docket.kind() != Kind::ToolCall {
            notes.extend(arguments(&asked.origin).and_then(exact::remark_on_call));
        }
        let submission = Submission {
            id: record.id(),
            received_at: asked.arrived_at,
            arrival: asked.arrival,
            provenance: provenance(asked),
            evaluation: EvaluationView::from(&evaluation),
            notes,
            behaviour,
            fingerprint: docket.fingerprint(),
            offer: self.offered(offer),
        };
        Ok(Evaluated { evaluation, submission, lowered: limits.lowered, used })
    }

    /// Limits and policy, judged and written in one transaction with what was noted before: what other questions, of
    /// this process or another, have used is neither more nor less than what it is judged by.
    async fn admit(
        &self,
        record: &mut Record,
        docket: &Docket,
        findings: Vec<Finding>,
        at: jiff::Timestamp,
    ) -> Result<Admission, End> {
        let (current, docket, id) = (self.config.current(), docket.clone(), record.id());
        let asking = docket.asking(id, at);
        record
            .admit(asking, move |before| {
                let limits = docket.check(&current.settings, before);
                let behaviour = docket.behaviour(before, at);
                let findings: Vec<Finding> = findings.iter().chain(&behaviour).cloned().collect();
                let now = Now { settings: &current.settings, rules: &current.rules, before, at };
                let (evaluation, offer) = docket.judge(Gate::Request, now, &findings, None, &limits);
                let event = audit::Evaluated {
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
                let used: Vec<String> = used.map(|rule| rule.id.clone()).collect();
                let admitted = Admitted {
                    events: vec![NewEvent::new(id, at, event)],
                    counts: limits.denies.is_empty().then_some(limits.reserved),
                    used: used.clone(),
                };
                (admitted, Admission { evaluation, offer, limits, behaviour, used })
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
        let current = self.config.current();
        // A use is a question that a rule let through when it was admitted, and is counted since; at the answer gate it
        // says no more about any other.
        let counted = current.rules.all().iter().filter(|rule| gate == Gate::Answer && rule.uses.is_some());
        let left = |rule: &str| if question.used.iter().any(|used| used == rule) { 0 } else { u64::MAX };
        before.uses = counted.map(|rule| (rule.id.clone(), left(&rule.id))).collect();
        let now =
            Now { settings: &current.settings, rules: &current.rules, before: &before, at: jiff::Timestamp::now() };
        let Looked { findings, answer } = &question.looked;
        let answer = answer.as_ref().filter(|_| gate == Gate::Answer).map(|answer| (answer, question.raised));
        let (evaluation, offer) = question.docket.judge(gate, now, findings, answer, &Checked::default());
        Ok((evaluation, self.offered(offer)))
    }

    /// While the tray app runs, only its windows grant what holds in other processes: whoever can run the command could
    /// otherwise press its keys.
    fn offered(&self, offer: Offer) -> Offer {
        match self.config.app_runs_elsewhere() {
            true => offer.within_process("The app is running: what holds for longer is granted in its windows."),
            false => offer,
        }
    }
}

fn received(pipeline: &Pipeline, asked: &Asked, kind: Kind) -> Received {
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

fn provenance(asked: &Asked) -> ProvenanceView {
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
            suspended: evaluation.suspended.map(Into::into),
        }
    }
}

/// Now, as the log prints it.
pub(crate) fn now() -> String {
    format_time(jiff::Timestamp::now())
}
