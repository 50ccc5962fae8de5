//! What is judged: the facts of a question, and where its server stands.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil};
use serde_json::Value;

use super::{Hints, Label, Risk};
use crate::{
    answer::SamplingAnswer,
    audit::{DecidedBy, Gate, Kind},
    canonical::Sha256Hex,
    inspect::{self, Finding, FindingKind},
    request::{Block, IncludeContext, Message, SamplingRequest},
    settings::{Gates, Sampling, ToolCalls},
    tool_call::CallAnswer,
};

/// What a rule can look at in a question, taken from it once.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The text of the messages. One message of one text is that text; otherwise every block stands on lines of its
    /// own, after who speaks, and what is no text is named with its digest, so that no block goes unmatched.
    pub prompt: String,
    /// The system prompt.
    pub system_prompt: Option<String>,
    /// Bytes of the params as JSON.
    pub bytes: usize,
    /// maxTokens, as it would be sent.
    pub max_tokens: u32,
    /// Names of the tools that the request brings or has used, sorted.
    pub tools: Vec<String>,
    /// Whether it asks for context of servers (includeContext other than `none`).
    pub asks_for_context: bool,
    /// Whether it asks for the context of all servers.
    pub asks_for_all_context: bool,
    /// The answer's text, at the answer gate.
    pub answer: Option<String>,
    /// Whether the answer calls tools. Their names are in [`Facts::tools`] then.
    pub calls_tools: bool,
    /// Of a tool call: the names of what it brings besides its tool and arguments, sorted.
    pub besides: Vec<String>,
}

impl Facts {
    /// Takes the facts of a request.
    pub fn of(request: &SamplingRequest, bytes: usize) -> Self {
        let tools: BTreeSet<&str> = request
            .tools()
            .iter()
            .map(|tool| tool.name.as_str())
            .chain(request.messages().iter().flat_map(|message| &message.blocks).filter_map(|block| match block {
                Block::ToolUse(tool_use) => Some(tool_use.name.as_str()),
                Block::Text(_) | Block::Image(_) | Block::Audio(_) | Block::ToolResult(_) => None,
            }))
            .collect();
        Self {
            prompt: prompt(request.messages()),
            system_prompt: request.system_prompt().map(ToOwned::to_owned),
            bytes,
            max_tokens: request.max_tokens(),
            tools: tools.into_iter().map(ToOwned::to_owned).collect(),
            asks_for_context: request.include_context() != IncludeContext::None,
            asks_for_all_context: request.include_context() == IncludeContext::AllServers,
            answer: None,
            calls_tools: false,
            besides: Vec::new(),
        }
    }

    /// Takes the facts of a tool call: what it is called with is in [`Case::arguments`].
    pub fn of_call(bytes: usize) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// The same tool call, with these names of what it brings besides its tool and arguments.
    #[must_use]
    pub fn with_besides(mut self, besides: Vec<String>) -> Self {
        self.besides = besides;
        self
    }

    /// The same tool call at the answer gate.
    #[must_use]
    pub fn with_result(mut self, result: &CallAnswer) -> Self {
        self.answer = Some(result.text());
        self
    }

    /// The same question at the answer gate: the tools that the answer calls are used too, offered or not.
    #[must_use]
    pub fn with_answer(mut self, answer: &SamplingAnswer) -> Self {
        self.answer = Some(answer.text());
        for tool_use in answer.tool_uses() {
            self.calls_tools = true;
            if let Err(at) = self.tools.binary_search(&tool_use.name) {
                self.tools.insert(at, tool_use.name.clone());
            }
        }
        self
    }

    /// Of the system prompt.
    pub fn system_prompt_sha256(&self) -> Option<Sha256Hex> {
        self.system_prompt.as_ref().map(|text| Sha256Hex::of(text.as_bytes()))
    }
}

/// The text of messages, as rules match it; see [`Facts::prompt`].
pub fn prompt(messages: &[Message]) -> String {
    if let [Message { blocks, .. }] = messages
        && let [Block::Text(text)] = blocks.as_slice()
    {
        return text.clone();
    }
    let mut prompt = String::new();
    for message in messages {
        for block in &message.blocks {
            if !prompt.is_empty() {
                prompt.push_str("\n\n");
            }
            prompt.push_str(message.role.as_str());
            prompt.push_str(":\n");
            match block {
                Block::Text(text) => prompt.push_str(text),
                Block::Image(media) | Block::Audio(media) => {
                    let digest = Sha256Hex::of(media.data.as_bytes());
                    prompt.push_str(&format!("[{} {digest}]", media.mime_type));
                }
                Block::ToolUse(tool_use) => prompt.push_str(&format!("[uses {} {}]", tool_use.name, tool_use.input)),
                Block::ToolResult(result) => {
                    let digest = Sha256Hex::of(format!("{result:?}").as_bytes());
                    prompt.push_str(&format!("[result of {} {digest}]", result.tool_use_id));
                }
            }
        }
    }
    prompt
}

/// Why what a person allowed earlier does not count now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// The server is not what was approved any more.
    Drift,
    /// It is not known yet whether the server is what was approved.
    Unseen,
    /// Nobody approved the server yet.
    Unapproved,
    /// What the server says about its tools hides something.
    Flagged,
    /// The approval record's review date has passed.
    ReviewDue,
}

impl Suspension {
    /// In a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Drift => "This server changed since you approved it: its rules and grants are suspended.",
            Self::Unseen => {
                "It is not known yet whether this server is still what you approved: its rules and grants are suspended."
            }
            Self::Unapproved => "You have not approved this server yet, so no rule and no grant counts for it.",
            Self::Flagged => {
                "Hidden or misleading text was found in what this server says about its tools: \
                 its rules and grants are suspended."
            }
            Self::ReviewDue => "The review date of the server's record has passed: its rules and grants are suspended.",
        }
    }

    /// Who denies where nobody can be asked.
    pub fn by(self) -> DecidedBy {
        match self {
            Self::Drift | Self::Unseen | Self::Unapproved | Self::ReviewDue => DecidedBy::Drift,
            Self::Flagged => DecidedBy::Nobody,
        }
    }
}

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The gate it stands at.
    pub gate: Gate,
    /// What is asked for.
    pub kind: Kind,
    /// The host whose call led here.
    pub host: Option<&'a str>,
    /// The server's name.
    pub server: &'a str,
    /// The tool whose call led here; none where that is not known for certain.
    pub tool: Option<&'a str>,
    /// The arguments of that call.
    pub arguments: Option<&'a Value>,
    /// The id of that call.
    pub call_id: Option<&'a str>,
    /// The connection to the server.
    pub session: Option<&'a str>,
    /// What is asked.
    pub facts: &'a Facts,
    /// The configured model that would be asked.
    pub model: Option<&'a str>,
    /// What inspection found at this gate.
    pub findings: &'a [Finding],
    /// The kind of the finding that raised the request's verdict, at the answer gate.
    pub raised_before: Option<FindingKind>,
    /// Now.
    pub now: Timestamp,
    /// Now, on the person's clock.
    pub local: civil::DateTime,
    /// The server's sampling mode.
    pub sampling: Sampling,
    /// Which gates ask for this server.
    pub gates: Gates,
    /// The class of the server or the tool, whichever is higher.
    pub risk: Risk,
    /// Whether what was allowed earlier counts.
    pub suspended: Option<Suspension>,
    /// Whether the tools in the request can carry private data out, and the record does not allow that.
    pub trifecta: bool,
    /// Whether the person leaves what is asked in this host's calls to the host, and the host answers this.
    pub passes: bool,
    /// Of a tool call, what it is judged by in place of the server's sampling mode and gates; none: it is none.
    pub calling: Option<Calling>,
}

/// What a tool call is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calling {
    /// Whether the host's calls of tools are looked at.
    pub mode: ToolCalls,
    /// Whether their results are.
    pub results: bool,
    /// What the server says about the tool.
    pub hints: Hints,
}

impl Case<'_> {
    /// The kind of the finding that raises the verdict, in what stands at the gate or in the request that led to it:
    /// what is hidden in a request makes both gates ask.
    pub fn raised(&self) -> Option<FindingKind> {
        inspect::raises(self.findings, self.gate).map(|finding| finding.kind).or(self.raised_before)
    }
}

/// The labels of the tools in a request, for [`super::risk::is_trifecta`].
pub type ToolLabels = std::collections::BTreeMap<String, BTreeSet<Label>>;
