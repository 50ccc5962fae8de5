//! A question as the policy judges it: taken once at intake, judged at both gates.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    audit::DecidedBy,
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
    mcp::{Asked, Origin, Seen},
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
    /// What the connection saw of what the server is.
    seen: Option<Arc<Seen>>,
}

impl Docket {
    pub(super) fn new(
        asked: &Asked,
        request: &SamplingRequest,
        model: Option<&ModelRef>,
        seen: Option<Arc<Seen>>,
    ) -> Self {
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
            seen,
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
        let suspended = server.and_then(|server| self.suspended(server, now.before, local.date()));
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
            suspended,
            trifecta: server.is_some_and(|server| self.is_trifecta(server)),
        };
        let standing = Standing { rules: now.rules, uses: &now.before.uses, grants: &now.before.grants, limits };
        let mut evaluation = policy::evaluate(&case, standing);
        let drift = now.before.pin.as_ref().and_then(|pin| pin.drift.as_deref());
        if suspended == Some(Suspension::Drift)
            && evaluation.by == DecidedBy::Drift
            && let Some(drift) = drift
        {
            evaluation.reason =
                format!("This server changed since you approved it: {drift}. Its rules and grants are suspended.");
        }
        evaluation
    }

    /// Whether hidden or misleading text was found in what the server says about its tools.
    pub(super) fn is_flagged(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.flagged.is_some())
    }

    /// Why what was allowed earlier does not count. The database says what was approved and whether any process saw the
    /// server differ from that; this connection must be to exactly what was approved besides.
    fn suspended(&self, server: &Server, before: &Before, today: jiff::civil::Date) -> Option<Suspension> {
        let (Some(pin), Some(seen)) = (&before.pin, &self.seen) else { return Some(Suspension::Unseen) };
        if pin.drift.is_some() || pin.sha256 != seen.sha256 {
            return Some(Suspension::Drift);
        }
        let due = server.record.as_ref().is_some_and(|record| record.is_due(today));
        let flagged = seen.flagged.map(|_| Suspension::Flagged);
        if due { Some(Suspension::ReviewDue) } else { flagged }
    }

    fn is_trifecta(&self, server: &Server) -> bool {
        let allowed = server.record.as_ref().is_some_and(|record| record.allow_trifecta);
        !allowed && is_trifecta(self.facts.tools.iter().map(|tool| server.labels_of(tool)))
    }
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
