//! Grants: what a person allowed in a review window beyond the one question they looked at.
//!
//! A grant lives in the database, not in the file: it is made with a click, ends by itself, and is revoked in one
//! place. It allows what looks like what was allowed, and falls back to asking when that changes: another system
//! prompt, another model, a request much larger, a server whose identity drifted.
//!
//! [`offer`] says how far a decision may reach: further than once only where a grant would have let this very question
//! through, so nothing is offered that could not hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Case, Standing, evaluate};
use crate::{
    audit::{Gate, Kind, Verdict},
    canonical::Sha256Hex,
    settings::Gates,
    tool_call::argument_names,
};

/// How long a grant of limited time lasts.
pub const MINUTES: i64 = 15;

/// A request, and what it may be answered with, may be this many times as large as the one that was looked at.
const GROWTH: usize = 2;

/// In a list of rules, what stands before the id of a grant. No rule's id may begin so.
const PREFIX: &str = "grant:";

/// How the log names a grant among the rules that matched.
pub fn grant_name(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// The id of the grant that a name in the log means; none where it is a rule's.
pub fn grant_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// How far a decision reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This question only.
    Once,
    /// Whatever this tool call still asks.
    Call,
    /// For 15 minutes.
    Minutes,
    /// Until the server is started anew.
    Session,
    /// Until it is revoked.
    Always,
}

impl Scope {
    /// Every scope, the narrowest first.
    pub const ALL: [Self; 5] = [Self::Once, Self::Call, Self::Minutes, Self::Session, Self::Always];

    /// The name used in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Call => "call",
            Self::Minutes => "minutes",
            Self::Session => "session",
            Self::Always => "always",
        }
    }

    /// Whether what is granted so cannot outlive the process that hosts the server.
    pub fn ends_with_process(self) -> bool {
        match self {
            Self::Once | Self::Call | Self::Session => true,
            Self::Minutes | Self::Always => false,
        }
    }

    /// Until when, as a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Once => "this time only",
            Self::Call => "while this tool call runs",
            Self::Minutes => "for 15 minutes",
            Self::Session => "until the server is started anew",
            Self::Always => "until you revoke it",
        }
    }
}

/// Until when a grant holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "until", rename_all = "snake_case")]
pub enum Until {
    /// While this call runs.
    Call {
        /// Its id.
        call_id: String,
    },
    /// Until this moment.
    Time {
        /// The first moment at which it holds no more.
        at: Timestamp,
    },
    /// While this connection to the server lives.
    Session {
        /// Its id.
        session: String,
    },
    /// Until it is revoked.
    Revoked,
}

impl Until {
    /// The scope that a person chose.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Call { .. } => Scope::Call,
            Self::Time { .. } => Scope::Minutes,
            Self::Session { .. } => Scope::Session,
            Self::Revoked => Scope::Always,
        }
    }

    /// Whether the moment has come at which it holds no more.
    pub fn is_past(&self, now: Timestamp) -> bool {
        matches!(self, Self::Time { at } if *at <= now)
    }

    fn holds(&self, case: &Case<'_>) -> bool {
        match self {
            Self::Call { call_id } => case.call_id == Some(call_id.as_str()),
            Self::Time { .. } => !self.is_past(case.now),
            Self::Session { session } => case.session == Some(session.as_str()),
            Self::Revoked => true,
        }
    }
}

/// What a grant was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// SHA-256 of the system prompt; none: there was none.
    pub system_prompt: Option<Sha256Hex>,
    /// Bytes of the request that was looked at.
    pub bytes: usize,
    /// maxTokens of that request.
    pub max_tokens: u32,
    /// The configured model it was approved for: what was meant for one may not be meant for another.
    pub model: Option<String>,
    /// The tools it brought or had used. A grant covers no others, and never a request for context.
    pub tools: Vec<String>,
    /// Of a tool call: the host that made it, and the names of all that it brought. A grant covers no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallShape>,
}

/// What a grant about tool calls was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallShape {
    /// The host that calls.
    pub host: Option<String>,
    /// The names of the arguments, sorted.
    pub arguments: Vec<String>,
    /// The names of what the call brings besides, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<String>,
}

impl CallShape {
    fn of(case: &Case<'_>) -> Option<Self> {
        let arguments = || case.arguments.map(argument_names).unwrap_or_default();
        let host = || case.host.map(ToOwned::to_owned);
        let besides = || case.facts.besides.clone();
        (case.kind == Kind::ToolCall).then(|| Self { host: host(), arguments: arguments(), besides: besides() })
    }

    /// How this tool call differs from it.
    fn differs(&self, case: &Case<'_>) -> Option<&'static str> {
        let arguments = case.arguments.map(argument_names).unwrap_or_default();
        let differences = [
            (self.host.as_deref() != case.host, "another host calls"),
            (self.arguments != arguments, "it has other arguments"),
            (self.besides != case.facts.besides, "it brings other things besides its arguments"),
        ];
        differences.into_iter().find_map(|(differs, how)| differs.then_some(how))
    }
}

impl Shape {
    /// What a decision about this case was taken on.
    pub fn of(case: &Case<'_>) -> Self {
        Self {
            system_prompt: case.facts.system_prompt_sha256(),
            bytes: case.facts.bytes,
            max_tokens: case.facts.max_tokens,
            model: case.model.map(ToOwned::to_owned),
            tools: case.facts.tools.clone(),
            call: CallShape::of(case),
        }
    }

    /// How this case differs from it; none: it is alike.
    fn differs(&self, case: &Case<'_>, system_prompt: Option<Sha256Hex>) -> Option<&'static str> {
        let facts = case.facts;
        let most = u32::try_from(GROWTH).map_or(u32::MAX, |growth| self.max_tokens.saturating_mul(growth));
        let differences = [
            (system_prompt != self.system_prompt, "the system prompt differs"),
            (case.model != self.model.as_deref(), "another model would be asked"),
            (facts.bytes > self.bytes.saturating_mul(GROWTH), "it is much larger"),
            (facts.max_tokens > most, "it asks for a much longer answer"),
            (!facts.tools.iter().all(|tool| self.tools.contains(tool)), "it uses other tools"),
            (facts.asks_for_context, "it asks for context of servers"),
        ];
        let differs = differences.into_iter().find_map(|(differs, how)| differs.then_some(how));
        differs.or_else(|| self.call.as_ref()?.differs(case))
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The gates it lets through.
    pub gates: Gates,
    /// The server.
    pub server: String,
    /// The tool whose call leads to the question.
    pub tool: String,
    /// Until when.
    #[serde(flatten)]
    pub until: Until,
    /// What it was given for.
    pub shape: Shape,
    /// When it was given.
    pub given_at: Timestamp,
    /// By whom.
    pub reviewer: String,
    /// The question that was looked at, as the log names it.
    pub question: String,
}

impl Grant {
    /// Whether it allows this case, whose system prompt has this digest. Never where the tool is not known for certain.
    pub fn allows(&self, case: &Case<'_>, system_prompt: Option<Sha256Hex>) -> bool {
        self.is_about(case) && self.shape.differs(case, system_prompt).is_none()
    }

    /// Why it does not allow a case that it is about; none where it is not about it, or allows it.
    pub(super) fn misses(&self, case: &Case<'_>, system_prompt: Option<Sha256Hex>) -> Option<&'static str> {
        self.is_about(case).then(|| self.shape.differs(case, system_prompt)).flatten()
    }

    fn is_about(&self, case: &Case<'_>) -> bool {
        // What was granted to a server's questions says nothing about calls of the tool, and the other way round.
        self.shape.call.is_some() == (case.kind == Kind::ToolCall)
            && self.gates.has(case.gate)
            && self.server == case.server
            && case.tool == Some(self.tool.as_str())
            && self.until.holds(case)
    }

    /// The grant in a sentence.
    pub fn sentence(&self) -> String {
        says(&self.server, &self.tool, self.gates, &self.shape, self.until.scope())
    }
}

fn says(server: &str, tool: &str, gates: Gates, shape: &Shape, scope: Scope) -> String {
    if let Some(call) = &shape.call {
        return says_call(server, tool, gates, (call, shape.bytes), scope);
    }
    let (what, and) = match gates {
        Gates::Request => ("requests", "the answers are still shown to you"),
        Gates::Answer => ("answers to requests", "the requests are still shown to you"),
        Gates::Both => ("requests and their answers", "neither is shown to you"),
    };
    let prompt = if shape.system_prompt.is_some() { "the same system prompt" } else { "no system prompt" };
    let model = shape.model.as_ref().map(|model| format!(", for {model}")).unwrap_or_default();
    let size = size(shape.bytes.saturating_mul(GROWTH));
    format!("{server} › {tool}: {what} with {prompt}{model}, up to {size}, {}; {and}", scope.words())
}

fn says_call(server: &str, tool: &str, gates: Gates, (call, bytes): (&CallShape, usize), scope: Scope) -> String {
    let (what, and) = match gates {
        Gates::Request => ("calls", "their results are looked at as before"),
        Gates::Answer => ("results of calls", "the calls are looked at as before"),
        Gates::Both => ("calls and their results", "neither is shown to you"),
    };
    let host = call.host.as_ref().map(|host| format!(" from {host}")).unwrap_or_default();
    let with = match call.arguments.as_slice() {
        [] => "without arguments".to_owned(),
        [name] => format!("with the argument {name}"),
        names => format!("with the arguments {}", names.join(", ")),
    };
    let besides = match call.besides.as_slice() {
        [] => String::new(),
        names => format!(", and {}", names.join(", ")),
    };
    let size = size(bytes.saturating_mul(GROWTH));
    format!("{server} › {tool}: {what}{host} {with}{besides}, up to {size}, {}; {and}", scope.words())
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// How far a decision about a case may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The gate it stands at.
    pub gate: Gate,
    /// The server.
    pub server: String,
    /// What a grant would be given for; none: this question only.
    pub about: Option<About>,
    /// Why it reaches no further than this question, in a sentence.
    pub only_once: Option<String>,
    /// Why a grant that is about it does not cover it, in a sentence.
    pub missed: Option<String>,
}

/// What a grant would be given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The tool.
    pub tool: String,
    /// What is alike.
    pub shape: Shape,
    /// The scopes beyond once, the narrowest first.
    pub scopes: Vec<Scope>,
    /// The call.
    pub call_id: Option<String>,
    /// The connection.
    pub session: Option<String>,
}

impl Offer {
    /// The gates that a decision lets through: with an approval, the answers' only if the person says so too.
    pub fn gates(&self, answers: bool) -> Gates {
        match (self.gate, answers) {
            (Gate::Request, false) => Gates::Request,
            (Gate::Request, true) => Gates::Both,
            (Gate::Answer, _) => Gates::Answer,
        }
    }

    /// What would be allowed, in a sentence; none where this scope is not offered.
    pub fn says(&self, scope: Scope, answers: bool) -> Option<String> {
        let about = self.about.as_ref().filter(|about| about.scopes.contains(&scope))?;
        Some(says(&self.server, &about.tool, self.gates(answers), &about.shape, scope))
    }

    /// What of it ends with the process that hosts the server; `why` says, where that is nothing, why.
    #[must_use]
    pub fn within_process(mut self, why: &str) -> Self {
        if let Some(about) = &mut self.about {
            about.scopes.retain(|scope| scope.ends_with_process());
        }
        if self.about.as_ref().is_some_and(|about| about.scopes.is_empty()) {
            self.about = None;
            self.only_once = Some(why.into());
        }
        self
    }

    /// Until when a grant of this scope holds; none where it is not offered.
    pub fn until(&self, scope: Scope, now: Timestamp) -> Option<Until> {
        let about = self.about.as_ref().filter(|about| about.scopes.contains(&scope))?;
        match scope {
            Scope::Once => None,
            Scope::Call => about.call_id.clone().map(|call_id| Until::Call { call_id }),
            Scope::Minutes => {
                now.checked_add(jiff::SignedDuration::from_mins(MINUTES)).ok().map(|at| Until::Time { at })
            }
            Scope::Session => about.session.clone().map(|session| Until::Session { session }),
            Scope::Always => Some(Until::Revoked),
        }
    }
}

/// How far a decision about this case may reach. Beyond once only where a grant would have let it through.
pub fn offer(case: &Case<'_>, standing: Standing<'_>) -> Offer {
    let once = |why: String| Offer {
        gate: case.gate,
        server: case.server.to_owned(),
        about: None,
        only_once: Some(why),
        missed: None,
    };
    let Some(tool) = case.tool else {
        return once("It is not known for certain which tool call asks.".to_owned());
    };
    if case.raised().is_some() {
        return once("What was flagged is decided each time.".to_owned());
    }
    if case.facts.asks_for_context {
        return once("What asks for context of servers is decided each time.".to_owned());
    }
    let shape = Shape::of(case);
    let candidate = Grant {
        id: String::new(),
        gates: Gates::Both,
        server: case.server.to_owned(),
        tool: tool.to_owned(),
        until: Until::Revoked,
        shape: shape.clone(),
        given_at: case.now,
        reviewer: String::new(),
        question: String::new(),
    };
    let would = evaluate(case, Standing { grants: &[candidate], ..standing });
    if would.verdict != Verdict::Allow || would.grants.is_empty() {
        return once(would.reason);
    }
    let applies = |scope: &Scope| match scope {
        Scope::Once => false,
        // A tool call is over with itself.
        Scope::Call => case.call_id.is_some() && case.kind != Kind::ToolCall,
        Scope::Session => case.session.is_some(),
        Scope::Minutes | Scope::Always => true,
    };
    let about = About {
        tool: tool.to_owned(),
        shape,
        scopes: Scope::ALL.into_iter().filter(applies).collect(),
        call_id: case.call_id.map(ToOwned::to_owned),
        session: case.session.map(ToOwned::to_owned),
    };
    Offer { gate: case.gate, server: case.server.to_owned(), about: Some(about), only_once: None, missed: None }
}
