//! A rule: which questions it is about, and what it does with them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Case, FindingsAre, Hours, Risk, ToolsAre,
    grant::grant_of,
    pattern::{Digested, Pattern, Reach},
};
use crate::{
    audit::{Gate, Kind},
    settings::{Gates, InvalidSetting},
};

/// A rule that a person made, as it stands in the file. Every condition that is given must hold; one that is left out holds always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id, named in the audit log.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// Set aside: it matches nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// The text of `answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The gate it is about.
    #[serde(default)]
    pub gate: Gates,
    /// The server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The tool (or prompt, or resource) whose call led to the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Arguments of that call, by name. What is no string is matched as its JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Pattern>,
    /// What is asked for; none: anything that a server asks. A rule about tool calls says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The host whose call led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The text of the messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Pattern>,
    /// The system prompt; where there is none, the empty text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<Pattern>,
    /// The answer's text, at the answer gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Pattern>,
    /// The request has at most this many bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// The request has more bytes of JSON than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_bytes: Option<usize>,
    /// maxTokens is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// maxTokens is more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_tokens: Option<u32>,
    /// The configured model that would be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Which findings there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingsAre>,
    /// The class of the tool, or of its server, whichever is higher: at most this, to let through; at least this, to ask
    /// or deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Of a tool call: whether the server says that the tool only reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Of a tool call: whether the tool may destroy something, by what the server says or leaves unsaid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Which tools the request uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsAre>,
    /// Whether it asks for context of servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_context: Option<bool>,
    /// The time of day, on the person's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// From this moment on it matches nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// How often it may let through; counted in the database, for all processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
    /// What the person wants to remember about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Goes on without a look.
    Allow,
    /// A person decides.
    Ask,
    /// Refused.
    Deny,
    /// Answered with a fixed text; no model is asked.
    Answer,
}

impl Action {
    /// Whether it spares a person's look.
    pub fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Answer)
    }

    /// How much of a text a pattern must describe: all of it to let it through, a part to hold it up.
    pub(super) fn reach(self) -> Reach {
        if self.lets_through() { Reach::Whole } else { Reach::Anywhere }
    }
}

impl Rule {
    /// A rule about everything, to be narrowed down.
    pub fn new(id: impl Into<String>, action: Action) -> Self {
        Self {
            id: id.into(),
            action,
            disabled: false,
            text: None,
            gate: Gates::Both,
            server: None,
            tool: None,
            arguments: BTreeMap::new(),
            kind: None,
            host: None,
            prompt: None,
            system_prompt: None,
            answer: None,
            max_bytes: None,
            over_bytes: None,
            max_tokens: None,
            over_tokens: None,
            model: None,
            findings: None,
            risk: None,
            read_only: None,
            destructive: None,
            tools: None,
            include_context: None,
            hours: None,
            expires: None,
            uses: None,
            note: None,
        }
    }

    /// Whether it is about this case.
    pub fn matches(&self, case: &Case<'_>) -> bool {
        self.matches_prompt(case, &Digested::new(&case.facts.prompt))
    }

    /// As [`Rule::matches`]; `prompt` is the case's. What costs least is looked at first.
    pub(super) fn matches_prompt(&self, case: &Case<'_>, prompt: &Digested<'_>) -> bool {
        !self.disabled
            && self.is_about(case.gate)
            && self.expires.is_none_or(|expires| case.now < expires)
            && self.conditions_hold(case, prompt)
    }

    /// Whether it speaks because something was found.
    pub(super) fn wants_findings(&self) -> bool {
        self.findings.as_ref().is_some_and(|findings| !findings.is_none())
    }

    /// Whether it lets through answers that call tools. That it covers these calls is part of [`Rule::matches`]: at the
    /// answer gate the tools called count as used.
    pub(super) fn releases_tool_calls(&self) -> bool {
        self.action == Action::Allow && self.tools.is_some()
    }

    /// Whether it can say something about questions of this kind: no rule answers for a person.
    pub fn speaks_of(&self, kind: Kind) -> bool {
        self.is_about_kind(kind) && !(kind == Kind::Elicitation && self.action.lets_through())
    }

    /// Whether it can say something at this gate.
    pub(super) fn is_about(&self, gate: Gate) -> bool {
        // A fixed answer is given at the request gate, or not at all.
        self.gate.has(gate) && !(gate == Gate::Answer && self.action == Action::Answer)
    }

    /// Checks what the type system cannot.
    ///
    /// # Errors
    /// Names the rule and what is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        match self.problem() {
            Some((_, error)) => Err(InvalidSetting(format!("rules, {:?}: {error}", self.id))),
            None => Ok(()),
        }
    }

    /// What is wrong with it: the field, as the file names it, and why.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if grant_of(&self.id).is_some() {
            return Some(("id", "an id that begins with \"grant:\" is a grant's: choose another"));
        }
        match (self.action, &self.text, self.gate) {
            (Action::Answer, None, _) => return Some(("text", "action \"answer\" needs a text")),
            (Action::Answer, Some(_), Gates::Answer) => {
                return Some(("gate", "action \"answer\" is for the request gate: no model is asked then"));
            }
            (Action::Answer, Some(_), Gates::Both | Gates::Request) => {}
            (Action::Allow | Action::Ask | Action::Deny, Some(_), _) => {
                return Some(("text", "text goes with action \"answer\""));
            }
            (Action::Allow | Action::Ask | Action::Deny, None, _) => {}
        }
        if self.answer.is_some() && self.gate != Gates::Answer {
            return Some(("answer", "`answer` needs gate = \"answer\": there is no answer at the request gate"));
        }
        if let Some(problem) = self.problem_of_kind() {
            return Some(problem);
        }
        let wants_none = self.findings.as_ref().map(FindingsAre::is_none);
        if !self.action.lets_through() && wants_none == Some(true) {
            return Some((
                "findings",
                "findings = \"none\" goes with action \"allow\" or \"answer\": what is found never lets anything through",
            ));
        }
        if self.action.lets_through() && wants_none == Some(false) {
            return Some((
                "findings",
                "what is found never lets anything through: use findings = \"none\", or leave it out",
            ));
        }
        if self.uses == Some(0) {
            return Some(("uses", "uses is at least 1; remove the rule, or leave `uses` out for no limit"));
        }
        if self.uses.is_some() && !self.action.lets_through() {
            return Some(("uses", "uses goes with action \"allow\" or \"answer\""));
        }
        if self.uses.is_some() && self.gate == Gates::Answer {
            return Some(("uses", "uses is counted at the request gate, and this rule is about answers only"));
        }
        None
    }

    /// What does not go with the kind it is about.
    fn problem_of_kind(&self) -> Option<(&'static str, &'static str)> {
        if self.kind != Some(Kind::ToolCall) {
            let annotation = self.read_only.map(|_| "read_only").or(self.destructive.map(|_| "destructive"));
            return Some((annotation?, "this is about tool calls: it needs kind = \"tool_call\""));
        }
        if self.action == Action::Answer {
            return Some(("action", "a tool call is answered by its tool: allow it, ask, or deny it"));
        }
        Some((self.about_requests_only()?, "a tool call has none, so the rule would never match"))
    }

    /// The first condition on something that a tool call does not have.
    fn about_requests_only(&self) -> Option<&'static str> {
        let conditions = [
            ("prompt", self.prompt.is_some()),
            ("system_prompt", self.system_prompt.is_some()),
            ("max_tokens", self.max_tokens.is_some()),
            ("over_tokens", self.over_tokens.is_some()),
            ("model", self.model.is_some()),
            ("tools", self.tools.is_some()),
            ("include_context", self.include_context.is_some()),
        ];
        conditions.into_iter().find_map(|(field, given)| given.then_some(field))
    }

    /// Whether it is about questions of this kind: about tool calls only where it says so, and looks at nothing else.
    fn is_about_kind(&self, kind: Kind) -> bool {
        match self.kind {
            Some(own) => own == kind && (kind != Kind::ToolCall || self.about_requests_only().is_none()),
            None => kind != Kind::ToolCall,
        }
    }

    fn conditions_hold(&self, case: &Case<'_>, prompt: &Digested<'_>) -> bool {
        let (facts, action, reach) = (case.facts, self.action, self.action.reach());
        self.server.as_deref().is_none_or(|server| server == case.server)
            && self.tool.as_deref().is_none_or(|tool| Some(tool) == case.tool)
            && self.is_about_kind(case.kind)
            && self.risk.is_none_or(|risk| if action.lets_through() { case.risk <= risk } else { case.risk >= risk })
            && self.read_only.is_none_or(|says| case.calling.is_some_and(|call| call.hints.says_read_only() == says))
            && self.destructive.is_none_or(|may| case.calling.is_some_and(|call| call.hints.may_destroy() == may))
            && self.host.as_deref().is_none_or(|host| Some(host) == case.host)
            && self.model.as_deref().is_none_or(|model| Some(model) == case.model)
            && self.max_bytes.is_none_or(|max| facts.bytes <= max)
            && self.over_bytes.is_none_or(|over| facts.bytes > over)
            && self.max_tokens.is_none_or(|max| facts.max_tokens <= max)
            && self.over_tokens.is_none_or(|over| facts.max_tokens > over)
            && self.include_context.is_none_or(|asks| facts.asks_for_context == asks)
            && self.hours.is_none_or(|hours| hours.holds(case.local.time()))
            && self.tools.as_ref().is_none_or(|tools| tools.hold(&facts.tools, action))
            && self.findings.as_ref().is_none_or(|findings| findings.hold(case))
            && self.arguments.iter().all(|(name, pattern)| argument(case, name, pattern, reach))
            && self
                .system_prompt
                .as_ref()
                .is_none_or(|pattern| pattern.matches(facts.system_prompt.as_deref().unwrap_or_default(), reach))
            && self.prompt.as_ref().is_none_or(|pattern| pattern.matches_digested(prompt, reach))
            && self
                .answer
                .as_ref()
                .is_none_or(|pattern| facts.answer.as_ref().is_some_and(|answer| pattern.matches(answer, reach)))
    }
}

fn argument(case: &Case<'_>, name: &str, pattern: &Pattern, reach: Reach) -> bool {
    match case.arguments.and_then(|arguments| arguments.get(name)) {
        Some(Value::String(text)) => pattern.matches(text, reach),
        Some(other) => pattern.matches(&other.to_string(), reach),
        None => false,
    }
}
