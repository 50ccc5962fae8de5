//! A question as the policy judges it: taken once at intake, judged at both gates.

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    inspect::{Finding, FindingKind},
    limits::{self, Checked, Demand},
    model_format::Usage,
    policy::{self, Case, Evaluation, Facts, Gate, Rules, Standing, Suspension},
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
    remarks::{remarks, trifecta},
};
use crate::{
    mcp::{Asked, Origin},
    store::{Asking, Before},
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
        let bytes = asked.params.to_string().len();
        let uses = request.messages().iter().flat_map(|message| &message.blocks);
        let uses = uses.filter(|block| matches!(block, Block::ToolUse(_))).count();
        Self {
            server: asked.server.name.clone(),
            host: call.map(|call| call.host.clone()),
            tool: call.map(|call| target(call).to_owned()),
            arguments: arguments(&asked.origin).cloned(),
            call_id: call.map(|call| call.call_id.to_string()),
            session: asked.session.map(|session| session.to_string()),
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
        let server = now.settings.servers.get(&self.server);
        let with_answer = answer.map(|(text, _)| self.facts.clone().with_answer(text));
        let local = now.at.to_zoned(TimeZone::system()).datetime();
        let denied = server.and_then(|server| self.denied_trifecta(server));
        let case = Case {
            gate,
            kind: KIND,
            host: self.host.as_deref(),
            server: &self.server,
            tool: self.tool.as_deref(),
            arguments: self.arguments.as_ref(),
            call_id: self.call_id.as_deref(),
            session: self.session.as_deref(),
            facts: with_answer.as_ref().unwrap_or(&self.facts),
            model: self.model.as_ref().map(|model| model.name.as_str()),
            findings,
            raised_before: answer.and_then(|(_, raised)| raised),
            now: now.at,
            local,
            // A server that is configured no more may not sample any more.
            sampling: server.map_or_else(Default::default, |server| server.sampling),
            gates: server.map_or_else(Default::default, |server| server.gates),
            risk: server.map_or(policy::Risk::High, |server| server.risk_of(self.tool.as_deref())),
            suspended: server.and_then(|server| suspended(server, local.date())),
            trifecta: denied.is_some(),
        };
        let mut evaluation = policy::evaluate(
            &case,
            Standing { rules: now.rules, uses: &now.before.uses, grants: &now.before.grants, limits },
        );
        if let Some(why) = denied.filter(|_| evaluation.verdict == policy::Verdict::Deny) {
            evaluation.reason = format!("{} {why}", evaluation.reason);
        }
        evaluation
    }

    /// Which tools bring the lethal trifecta together, where the record does not allow that.
    fn denied_trifecta(&self, server: &Server) -> Option<String> {
        let allowed = server.record.as_ref().is_some_and(|record| record.allow_trifecta);
        trifecta(server, &self.facts).filter(|_| !allowed)
    }

    /// What the person should know besides.
    pub(super) fn remarks(&self, settings: &Settings, at: Timestamp) -> Vec<String> {
        let today = at.to_zoned(TimeZone::system()).date();
        settings.servers.get(&self.server).map(|server| remarks(server, &self.facts, today)).unwrap_or_default()
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
