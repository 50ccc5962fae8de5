//! A question as the policy judges it: taken once at intake, judged at both gates.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    audit::{DecidedBy, Kind},
    elicitation::Elicitation,
    inspect::{self, Finding, FindingKind, Fingerprint, Recent},
    limits::{self, Checked, Demand},
    model_format::Usage,
    policy::{self, Calling, Case, Evaluation, Facts, Gate, Hints, Offer, Rules, Standing, Suspension},
    price,
    request::{Block, SamplingRequest},
    review::ModelRef,
    settings::{PinAt, Server, Settings, ToolCalls},
    tokens,
    tool_call::ToolCall,
};
use serde_json::Value;

use super::{
    Given,
    intake::{arguments, target},
    remarks::{remarks, trifecta},
};
use crate::{
    mcp::{Asked, CallKind, Origin, Seen},
    store::{Asking, Before, Entry, Pinned},
};

/// What the policy looks at, besides the settings and what was there before.
#[derive(Debug, Clone)]
pub(super) struct Docket {
    kind: Kind,
    server: String,
    host: Option<String>,
    tool: Option<String>,
    /// Whether it is a tool that is called, and not a prompt or a resource, which may have the same name.
    is_tool: bool,
    arguments: Option<Value>,
    call_id: Option<String>,
    session: Option<String>,
    facts: Facts,
    fingerprint: Fingerprint,
    demand: Demand,
    model: Option<ModelRef>,
    /// What the connection saw of what the server is.
    seen: Option<Arc<Seen>>,
    /// Of a tool call, what the server says about the tool; none: it is none.
    call: Option<Hints>,
    /// Whether the person leaves it to the host, which answers.
    pub(super) passes: bool,
}

impl Docket {
    pub(super) fn new(
        asked: &Asked,
        request: &SamplingRequest,
        model: Option<&ModelRef>,
        seen: Option<Arc<Seen>>,
    ) -> Self {
        // Of several calls, it may be in the deepest.
        let depth = match &asked.origin {
            Origin::Call(call) => call.chain.depth(),
            Origin::OneOf(calls) => calls.iter().map(|call| call.chain.depth()).max().unwrap_or_default(),
            Origin::None => 0,
        };
        let rest = Self::of(&asked.server.name, &asked.params, request, model);
        Self { demand: Demand { depth: depth as u64, ..rest.demand }, ..rest }.asked_by(asked, seen)
    }

    /// A question to the person. No model is asked, so it costs nothing but their time.
    pub(super) fn elicitation(asked: &Asked, elicitation: &Elicitation, seen: Option<Arc<Seen>>) -> Self {
        Self::of_elicitation(&asked.server.name, elicitation).asked_by(asked, seen)
    }

    /// Where a question comes from.
    fn asked_by(self, asked: &Asked, seen: Option<Arc<Seen>>) -> Self {
        let call = match &asked.origin {
            Origin::Call(call) => Some(call),
            Origin::OneOf(_) | Origin::None => None,
        };
        Self {
            host: call.map(|call| call.host.clone()),
            tool: call.map(|call| target(call).to_owned()),
            is_tool: call.is_some_and(|call| matches!(call.kind, CallKind::Tool { .. })),
            arguments: arguments(&asked.origin).cloned(),
            call_id: call.map(|call| call.call_id.to_string()),
            session: asked.session.map(|session| session.to_string()),
            seen,
            ..self
        }
    }

    fn of_elicitation(server: &str, elicitation: &Elicitation) -> Self {
        let bytes = elicitation.params().to_string().len();
        let facts = Facts { prompt: elicitation.message().to_owned(), bytes, ..Facts::default() };
        Self::bare(Kind::Elicitation, server, facts, elicitation.params())
    }

    /// A request for a model's answer that is over, as the log keeps it.
    pub(super) fn past(entry: &Entry, params: &Value, request: &SamplingRequest, model: Option<&ModelRef>) -> Self {
        Self::of(&entry.summary.server, params, request, model).logged_in(entry)
    }

    /// A question to the person that is over, as the log keeps it.
    pub(super) fn past_elicitation(entry: &Entry, elicitation: &Elicitation) -> Self {
        Self::of_elicitation(&entry.summary.server, elicitation).logged_in(entry)
    }

    /// Where a question came from, as far as the log keeps it.
    fn logged_in(self, entry: &Entry) -> Self {
        let summary = &entry.summary;
        Self {
            host: summary.host.clone(),
            tool: summary.tool.clone(),
            arguments: entry.arguments.clone(),
            call_id: summary.call_id.clone(),
            ..self
        }
    }

    /// A tool call that is over, as the log keeps it; `hints` are not in it.
    pub(super) fn past_call(entry: &Entry, call: &ToolCall, hints: Hints) -> Self {
        Self { host: entry.summary.host.clone(), ..Self::of_tool(call, hints) }
    }

    /// What costs nothing but a person's time, with nothing known of where it comes from.
    fn bare(kind: Kind, server: &str, facts: Facts, params: &Value) -> Self {
        Self {
            kind,
            server: server.to_owned(),
            host: None,
            tool: None,
            is_tool: false,
            arguments: None,
            call_id: None,
            session: None,
            fingerprint: Fingerprint::of(params),
            demand: Demand { bytes: facts.bytes as u64, free: true, ..Demand::default() },
            facts,
            model: None,
            seen: None,
            call: None,
            passes: false,
        }
    }

    fn of(server: &str, params: &Value, request: &SamplingRequest, model: Option<&ModelRef>) -> Self {
        let bytes = params.to_string().len();
        // The price list is read with its first price: here, and not while the log's one writer waits for it.
        let _ = cost(model, Usage { input: 1, output: 1, cached: 0 });
        let uses = request.messages().iter().flat_map(|message| &message.blocks);
        let uses = uses.filter(|block| matches!(block, Block::ToolUse(_))).count();
        Self {
            demand: Demand {
                bytes: bytes as u64,
                max_tokens: request.max_tokens(),
                tokens_in: tokens::estimate(request),
                rounds: uses as u64,
                depth: 0,
                free: model.is_none(),
            },
            model: model.cloned(),
            ..Self::bare(Kind::Sampling, server, Facts::of(request, bytes), request.params())
        }
    }

    /// A tool call that a host makes.
    pub(super) fn of_call(asked: &Asked, host: &str, call: &ToolCall, seen: Option<Arc<Seen>>) -> Self {
        let tool = seen.as_ref().and_then(|seen| listed_tool(seen, call.name()));
        let hints = tool.map_or_else(Hints::default, |tool| Hints::of(&tool["annotations"]));
        Self {
            host: Some(host.to_owned()),
            session: asked.session.map(|session| session.to_string()),
            seen,
            ..Self::of_tool(call, hints)
        }
    }

    fn of_tool(call: &ToolCall, hints: Hints) -> Self {
        let facts = Facts::of_call(call.params().to_string().len()).with_besides(call.besides());
        Self {
            tool: Some(call.name().to_owned()),
            is_tool: true,
            arguments: Some(call.arguments().clone()).filter(|arguments| !arguments.is_null()),
            call: Some(hints),
            ..Self::bare(Kind::ToolCall, call.server(), facts, call.params())
        }
    }

    /// Who asks, as the counts are kept.
    pub(super) fn asking(&self, question: samplegate_core::audit::QuestionId, at: Timestamp) -> Asking {
        Asking {
            question,
            server: self.server.clone(),
            caller: self.host.clone().filter(|_| self.call.is_some()),
            tool: self.called_tool(),
            session: self.session.clone(),
            call_id: self.call_id.clone(),
            at,
            // An agent that does the same again is at work; a server that asks the same again is to be looked at.
            fingerprint: Some(self.fingerprint).filter(|_| self.call.is_none()),
        }
    }

    /// How it relates to what its server asked lately.
    pub(super) fn behaviour(&self, before: &Before, at: Timestamp) -> Vec<Finding> {
        if self.call.is_some() {
            return Vec::new();
        }
        let now = Recent { fingerprint: self.fingerprint, at_ms: Some(at.as_millisecond()) };
        inspect::behaviour(now, &before.recent)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Of what is asked.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The server's name and the tool's, as grants are about them.
    pub(super) fn about(&self) -> (String, Option<String>) {
        (self.server.clone(), self.called_tool())
    }

    fn called_tool(&self) -> Option<String> {
        self.tool.clone().filter(|_| self.is_tool)
    }

    /// What the limits say.
    pub(super) fn check(&self, settings: &Settings, before: &Before) -> Checked {
        let none = limits::Limits::default();
        if self.call.is_some() {
            let host = self.host.as_ref().and_then(|host| settings.hosts.get(host));
            return limits::check_calls(host.map_or(&none, |host| &host.limits), before.asker, self.demand.bytes);
        }
        let own = settings.servers.get(&self.server).map_or(&none, |server| &server.limits);
        limits::check((own, before.asker), (&settings.limits, before.all), self.demand, |read, written| {
            cost(self.model.as_ref(), Usage { input: read, output: written, cached: 0 })
        })
    }

    /// Judges it at a gate, and says how far a person's decision may reach. At the answer gate `answer` is what would be
    /// returned.
    pub(super) fn judge(
        &self,
        gate: Gate,
        now: Now<'_>,
        findings: &[Finding],
        answer: Option<(&Given, Option<FindingKind>)>,
        limits: &Checked,
    ) -> (Evaluation, Offer) {
        let with_answer = answer.map(|(answer, _)| match answer {
            Given::Sampling(answer) => self.facts.clone().with_answer(answer),
            Given::Result(result) => self.facts.clone().with_result(result),
        });
        let facts = with_answer.as_ref().unwrap_or(&self.facts);
        let server = now.settings.servers.get(&self.server);
        let today = now.at.to_zoned(TimeZone::system()).date();
        let suspended = server.and_then(|server| self.suspended(server, now.before, today));
        let judged = self.case(gate, facts, findings, now.settings, now.at);
        let calls = answer.iter().flat_map(|(answer, _)| answer.tool_uses().map(|call| &call.name));
        let risks = calls.filter_map(|call| Some(server?.risk_of(Some(call))));
        let denied = server.and_then(|server| self.denied_trifecta(server));
        let case = Case {
            raised_before: answer.and_then(|(_, raised)| raised),
            risk: risks.fold(judged.risk, policy::Risk::max),
            suspended,
            ..judged
        };
        let standing = Standing { rules: now.rules, uses: &now.before.uses, grants: &now.before.grants, limits };
        let about_a_tool = Case { tool: case.tool.filter(|_| self.is_tool), ..case };
        let mut evaluation = policy::evaluate(&case, standing);
        let drift = now.before.pin.as_ref().and_then(|pin| pin.drift.as_deref());
        if suspended == Some(Suspension::Drift)
            && evaluation.by == DecidedBy::Drift
            && let Some(drift) = drift
        {
            evaluation.reason =
                format!("This server changed since you approved it: {drift}. Its rules and grants are suspended.");
        }
        if let Some(why) = denied.filter(|_| evaluation.reason == policy::TRIFECTA) {
            evaluation.reason = format!("{} {why}", evaluation.reason);
        }
        let missed = evaluation.missed.map(|how| format!("A grant of yours does not cover it: {how}."));
        (evaluation, Offer { missed, ..policy::offer(&about_a_tool, standing) })
    }

    /// The case at a gate, at a moment, as far as the question and the settings tell. `facts` are the docket's, with the
    /// answer at the answer gate.
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
            kind: self.kind,
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
            suspended: server.filter(|server| is_due(server, local.date())).map(|_| Suspension::ReviewDue),
            trifecta: server.is_some_and(|server| self.denied_trifecta(server).is_some()),
            passes: self.passes,
            calling: self.call.map(|hints| calling(self.host.as_deref(), hints, settings)),
        }
    }

    /// The tool whose call led here; none where that is not known for certain.
    pub(super) fn tool(&self) -> Option<&str> {
        self.tool.as_deref()
    }

    /// The host whose call led here.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The configured name of the model that would be asked.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.name.as_str())
    }

    /// What rules look at in it.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
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

    fn suspended(&self, server: &Server, before: &Before, today: jiff::civil::Date) -> Option<Suspension> {
        if before.pin.is_none() {
            return suspended(server, None, today);
        }
        let Some(seen) = &self.seen else { return Some(Suspension::Unseen) };
        let differs = before.pin.as_ref().is_some_and(|pin| pin.sha256 != seen.sha256);
        let drift = differs.then_some(Suspension::Drift);
        let flagged = seen.flagged.map(|_| Suspension::Flagged);
        drift.or_else(|| suspended(server, before.pin.as_ref(), today)).or(flagged)
    }
}

/// In millionths of a US dollar; none where no model is asked or its price is not known.
fn cost(model: Option<&ModelRef>, usage: Usage) -> Option<u64> {
    let model = model?;
    price::cost_microusd(&model.provider, &model.model, usage, std::time::SystemTime::now())
}

/// How a host's tool calls are judged; one that is not configured has the defaults.
fn calling(host: Option<&str>, hints: Hints, settings: &Settings) -> Calling {
    let host = host.and_then(|host| settings.hosts.get(host));
    Calling {
        mode: host.map_or(ToolCalls::default(), |host| host.tool_calls),
        results: host.is_some_and(|host| host.review_results),
        hints,
    }
}

/// A tool as its server lists it.
pub(super) fn listed_tool<'a>(seen: &'a Seen, name: &str) -> Option<&'a Value> {
    seen.identity.tools.iter().find(|tool| tool["name"].as_str() == Some(name))
}

/// Why what was allowed earlier about this server does not count now: the database says what was approved, and whether
/// any process saw the server differ from that. A connection must be to exactly what was approved besides.
pub(crate) fn suspended(server: &Server, pin: Option<&Pinned>, today: jiff::civil::Date) -> Option<Suspension> {
    let Some(pin) = pin else {
        return Some(match server.pin {
            PinAt::First => Suspension::Unseen,
            PinAt::Approval => Suspension::Unapproved,
        });
    };
    let due = is_due(server, today).then_some(Suspension::ReviewDue);
    pin.drift.as_ref().map(|_| Suspension::Drift).or(due)
}

fn is_due(server: &Server, today: jiff::civil::Date) -> bool {
    server.record.as_ref().is_some_and(|record| record.is_due(today))
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
