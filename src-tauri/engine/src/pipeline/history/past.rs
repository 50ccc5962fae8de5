//! A question of the log as the policy saw it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use samplegate_core::{
    answer::SamplingAnswer,
    audit::Kind,
    elicitation::Elicitation,
    identity::{Pin, tool_name},
    inspect::{self, Finding, Place},
    policy::{Case, DryRun, Facts, Gate, Hints, Replayed},
    request::SamplingRequest,
    settings::Settings,
    tool_call::{CallAnswer, ToolCall},
};
use serde_json::Value;

use super::{super::docket::Docket, Missed};
use crate::{
    review_queue::{Desk, elicitation_findings},
    store::Entry,
};

/// Questions were read by this revision or an older one when they came; what one demanded more is not asked for again.
const PROTOCOL: &str = "2026-07-28";

/// What a question is judged by that the log does not keep.
pub(super) struct Known {
    /// Chooses models.
    pub(super) desk: Desk,
    /// The servers as they were approved, by name.
    pub(super) pins: BTreeMap<String, Pin>,
}

impl Known {
    /// What a server says about a tool.
    fn hints(&self, server: &str, tool: &str) -> Hints {
        let tools = self.pins.get(server).map(|pin| pin.identity.tools.as_slice()).unwrap_or_default();
        let tool = tools.iter().find(|listed| tool_name(listed) == tool);
        tool.map_or_else(Hints::default, |tool| Hints::of(&tool["annotations"]))
    }
}

/// A question as the policy saw it.
pub(super) struct Past {
    pub(super) docket: Docket,
    at: Timestamp,
    pub(super) findings: Vec<Finding>,
    /// What stood at the answer gate, and what is found in it.
    answer: Option<(Facts, Vec<Finding>)>,
}

impl Past {
    pub(super) fn of(entry: &Entry, known: &Known) -> Result<Self, Missed> {
        if !happened(entry, "evaluated").any(|_| true) {
            return Err(Missed::Refused);
        }
        let params = entry.request.as_ref().ok_or(Missed::Pruned)?;
        // What a person wrote stands at no second gate, and a failure is no answer.
        let was_answered = happened(entry, "answered").any(|event| !event["answer_class"].is_null());
        let answer = if was_answered { Some(entry.answer.as_ref().ok_or(Missed::Pruned)?) } else { None };
        match entry.summary.kind {
            Kind::Sampling => Self::sampling(entry, known, params, answer),
            Kind::Elicitation => Self::elicitation(entry, params),
            Kind::ToolCall => Self::tool_call(entry, known, params, answer),
        }
    }

    fn sampling(entry: &Entry, known: &Known, params: &Value, answer: Option<&Value>) -> Result<Self, Missed> {
        let request = SamplingRequest::parse(params.clone()).map_err(|_| Missed::Refused)?;
        let model = known.desk.choose(&entry.summary.server, &request);
        let docket = Docket::past(entry, params, &request, model.as_ref());
        let answer = answer.and_then(|result| {
            let answer = SamplingAnswer::from_result(result).ok()?;
            let approved = approved_params(entry);
            let findings = inspect::inspect_in(Place::Answer, result, Some(approved.as_ref().unwrap_or(params)));
            Some((docket.facts().clone().with_answer(&answer), findings))
        });
        let findings = inspect::inspect(Place::Request, request.params());
        Ok(Self { docket, at: entry.summary.at, findings, answer })
    }

    fn elicitation(entry: &Entry, params: &Value) -> Result<Self, Missed> {
        let elicitation = Elicitation::parse(params.clone(), PROTOCOL).map_err(|_| Missed::Refused)?;
        let docket = Docket::past_elicitation(entry, &elicitation);
        Ok(Self { docket, at: entry.summary.at, findings: elicitation_findings(&elicitation), answer: None })
    }

    fn tool_call(entry: &Entry, known: &Known, params: &Value, answer: Option<&Value>) -> Result<Self, Missed> {
        let server = &entry.summary.server;
        let call = ToolCall::parse(server, params).map_err(|_| Missed::Refused)?;
        let docket = Docket::past_call(entry, &call, known.hints(server, call.name()));
        let answer = answer.map(|logged| {
            let answer = CallAnswer::from_logged(logged);
            let findings = inspect::inspect(Place::ToolResult, answer.value());
            (docket.facts().clone().with_result(&answer), findings)
        });
        let findings = inspect::inspect(Place::Request, call.params());
        Ok(Self { docket, at: entry.summary.at, findings, answer })
    }

    pub(super) fn request(&self, settings: &Settings) -> Case<'_> {
        self.docket.case(Gate::Request, self.docket.facts(), &self.findings, settings, self.at)
    }

    pub(super) fn judge(&self, run: &mut DryRun, settings: &Settings) -> Replayed {
        let request = self.request(settings);
        let raised = inspect::raises(&self.findings, Gate::Request).map(|finding| finding.kind);
        let answer = self.answer.as_ref().map(|(facts, findings)| Case {
            raised_before: raised,
            ..self.docket.case(Gate::Answer, facts, findings, settings, self.at)
        });
        run.judge(&request, answer.as_ref())
    }
}

/// The events of this name.
fn happened<'a>(entry: &'a Entry, name: &'a str) -> impl Iterator<Item = &'a Value> {
    entry.events.iter().filter(move |event| event["event"] == name)
}

/// The params as approved: what is logged holds the model and the provider beside them.
fn approved_params(entry: &Entry) -> Option<Value> {
    let mut params = entry.approved.as_ref()?.as_object()?.clone();
    params.remove("model");
    params.remove("provider");
    Some(Value::Object(params))
}
