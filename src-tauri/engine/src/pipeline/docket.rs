//! A question as the policy judges it: taken once at intake, judged at both gates.

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    inspect::{Finding, FindingKind},
    limits::{self, Checked, Demand},
    model_format::Usage,
    policy::{self, Case, Evaluation, Facts, Gate, Rules, Standing, Suspension, is_trifecta},
    price,
    request::{Block, SamplingRequest},
    review::ModelRef,
    settings::{Server, Settings},
    tokens,
};
use serde_json::Value;

use super::{
    KIND,
    intake::{arguments, target},
};
use crate::{
    mcp::{Asked, Origin},
    store::{Asking, Before, Entry},
};

/// What the policy looks at, besides the settings and what was there before.
#[derive(Debug, Clone)]
pub(super) struct Docket {
    server: String,
    host: Option<String>,
    tool: Option<String>,
    arguments: Option<Value>,
    call_id: Option<String>,
    session: Option<String>,
    facts: Facts,
    demand: Demand,
    model: Option<ModelRef>,
}

impl Docket {
    pub(super) fn new(asked: &Asked, request: &SamplingRequest, model: Option<&ModelRef>) -> Self {
        let call = match &asked.origin {
            Origin::Call(call) => Some(call),
            Origin::OneOf(_) | Origin::None => None,
        };
        Self {
            host: call.map(|call| call.host.clone()),
            tool: call.map(|call| target(call).to_owned()),
            arguments: arguments(&asked.origin).cloned(),
            call_id: call.map(|call| call.call_id.to_string()),
            session: asked.session.map(|session| session.to_string()),
            ..Self::of(&asked.server.name, &asked.params, request, model)
        }
    }

    /// A question that is over, as the log keeps it.
    pub(super) fn past(entry: &Entry, params: &Value, request: &SamplingRequest, model: Option<&ModelRef>) -> Self {
        let summary = &entry.summary;
        Self {
            host: summary.host.clone(),
            tool: summary.tool.clone(),
            arguments: entry.arguments.clone(),
            call_id: summary.call_id.clone(),
            ..Self::of(&summary.server, params, request, model)
        }
    }

    fn of(server: &str, params: &Value, request: &SamplingRequest, model: Option<&ModelRef>) -> Self {
        let bytes = params.to_string().len();
        let uses = request.messages().iter().flat_map(|message| &message.blocks);
        let uses = uses.filter(|block| matches!(block, Block::ToolUse(_))).count();
        Self {
            server: server.to_owned(),
            host: None,
            tool: None,
            arguments: None,
            call_id: None,
            session: None,
            facts: Facts::of(request, bytes),
            demand: Demand {
                bytes: bytes as u64,
                max_tokens: request.max_tokens(),
                tokens_in: tokens::estimate(request),
                rounds: uses as u64,
                depth: 0,
                free: model.is_none(),
            },
            model: model.cloned(),
        }
    }

    /// Who asks, as the counts are kept.
    pub(super) fn asking(&self, question: samplegate_core::audit::QuestionId, at: Timestamp) -> Asking {
        Asking {
            question,
            server: self.server.clone(),
            tool: self.tool.clone(),
            session: self.session.clone(),
            call_id: self.call_id.clone(),
            at,
        }
    }

    /// The server's name and the tool's.
    pub(super) fn about(&self) -> (String, Option<String>) {
        (self.server.clone(), self.tool.clone())
    }

    /// What the limits say.
    pub(super) fn check(&self, settings: &Settings, before: &Before) -> Checked {
        let none = limits::Limits::default();
        let own = settings.servers.get(&self.server).map_or(&none, |server| &server.limits);
        limits::check((own, before.server), (&settings.limits, before.all), self.demand, |read, written| {
            let model = self.model.as_ref()?;
            let usage = Usage { input: read, output: written, cached: 0 };
            price::cost_microusd(&model.provider, &model.model, usage, std::time::SystemTime::now())
        })
    }

    /// Judges it at a gate. At the answer gate `answer` is the answer's text.
    pub(super) fn judge(
        &self,
        gate: Gate,
        now: Now<'_>,
        findings: &[Finding],
        answer: Option<(&str, Option<FindingKind>)>,
        limits: &Checked,
    ) -> Evaluation {
        let with_answer = answer.map(|(text, _)| self.facts.clone().with_answer(text));
        let facts = with_answer.as_ref().unwrap_or(&self.facts);
        let raised_before = answer.and_then(|(_, raised)| raised);
        let case = Case { raised_before, ..self.case(gate, facts, findings, now.settings, now.at) };
        policy::evaluate(
            &case,
            Standing { rules: now.rules, uses: &now.before.uses, grants: &now.before.grants, limits },
        )
    }

    /// The case at a gate, at a moment. `facts` are the docket's, with the answer at the answer gate.
    pub(super) fn case<'a>(
        &'a self,
        gate: Gate,
        facts: &'a Facts,
        findings: &'a [Finding],
        settings: &Settings,
        at: Timestamp,
    ) -> Case<'a> {
        let server = settings.servers.get(&self.server);
        let local = at.to_zoned(TimeZone::system()).datetime();
        Case {
            gate,
            kind: KIND,
            host: self.host.as_deref(),
            server: &self.server,
            tool: self.tool.as_deref(),
            arguments: self.arguments.as_ref(),
            call_id: self.call_id.as_deref(),
            session: self.session.as_deref(),
            facts,
            model: self.model.as_ref().map(|model| model.name.as_str()),
            findings,
            raised_before: None,
            now: at,
            local,
            // A server that is configured no more may not sample any more.
            sampling: server.map_or_else(Default::default, |server| server.sampling),
            gates: server.map_or_else(Default::default, |server| server.gates),
            risk: server.map_or(policy::Risk::High, |server| server.risk_of(self.tool.as_deref())),
            suspended: server.and_then(|server| suspended(server, local.date())),
            trifecta: server.is_some_and(|server| self.is_trifecta(server)),
        }
    }

    /// The tool whose call led here; none where that is not known for certain.
    pub(super) fn tool(&self) -> Option<&str> {
        self.tool.as_deref()
    }

    /// What rules look at in it.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    fn is_trifecta(&self, server: &Server) -> bool {
        let allowed = server.record.as_ref().is_some_and(|record| record.allow_trifecta);
        !allowed && is_trifecta(self.facts.tools.iter().map(|tool| server.labels_of(tool)))
    }
}

fn suspended(server: &Server, today: jiff::civil::Date) -> Option<Suspension> {
    server.record.as_ref().filter(|record| record.is_due(today)).map(|_| Suspension::ReviewDue)
}

/// What a question is judged against, at this moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Their rules.
    pub rules: &'a Rules,
    /// What was there before.
    pub before: &'a Before,
    /// When.
    pub at: Timestamp,
}
