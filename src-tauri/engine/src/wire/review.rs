//! The review queue and one question in it.

use samplegate_core::policy::Suspension;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::{ActionKind, AnswerView, ElicitationView, OfferView, OpinionView, ToolCallView, action::ActionNames};

/// One line of the queue, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ReviewSummary {
    /// The question's id (UUIDv7), the same as in the audit log.
    pub id: String,
    /// What is asked for.
    pub kind: QuestionKind,
    /// The server's name.
    pub server: String,
    /// The tool, prompt or resource whose call led here, where it is known.
    pub tool: Option<String>,
    /// The first line of what is asked (or of the answer, at the answer gate).
    pub first_line: String,
    /// Where the question stands.
    pub phase: Phase,
    /// RFC 3339 UTC.
    pub received_at: String,
    /// How many findings there are, and the worst of them.
    pub findings: u32,
    /// The severity of the worst finding.
    pub worst: Option<Severity>,
    /// At the request gate: the number of waiting questions of this server that are nearly the same, itself included,
    /// where these are four or more; otherwise 1.
    pub alike: u32,
    /// The oldest of these: the card it folds into. Its own id where there is none older.
    pub folds_into: String,
}

/// What a question asks for, named as in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// A model's answer.
    Sampling,
    /// A person's input.
    Elicitation,
    /// Leave to call a tool.
    ToolCall,
}

/// Where a question stands between the two gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// At the request gate: nothing has been sent.
    Request,
    /// Approved; waiting for the keychain or for a model that asked to be tried again later.
    Waiting,
    /// The model is answering; the answer streams in.
    Answering,
    /// At the answer gate: nothing has been returned.
    Answer,
    /// Over. Kept for a moment so that the window can say how it ended.
    Closed,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unusual.
    Low,
    /// Look at it.
    Medium,
    /// Text that hides something.
    High,
    /// Certainly hostile.
    Critical,
}

/// A question in full, with everything that may be decided about it now. What is the same for all kinds of questions is
/// here, the rest in [`SubjectView`], whose `kind` stands beside these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ReviewItem {
    /// The question's id.
    pub id: String,
    /// Goes up with every change; a decision names the revision it was taken on.
    pub revision: u32,
    /// Where the question stands.
    pub phase: Phase,
    /// Why am I asked: host → call → server → round.
    pub provenance: ProvenanceView,
    /// RFC 3339 UTC.
    pub received_at: String,
    /// The request as received: the protocol's params object, whole.
    pub received: Value,
    /// The request as it would be (or was) approved: edits in, cap applied. Equal to `received` if untouched.
    pub request: Value,
    /// Whether a person edited `request`.
    pub request_edited: bool,
    /// Sentences about what differs from what was received and why, e.g. a lowered maxTokens.
    pub notes: Vec<String>,
    /// Top-level fields of the request that Samplegate does not know. They are shown and go nowhere.
    pub unknown_fields: Vec<String>,
    /// SHA-256 of the canonical request as received, hex.
    pub request_sha256: String,
    /// Findings in `request`; pointers are into it.
    pub findings: Vec<FindingView>,
    /// What the policy said, and the rules that matched.
    pub evaluation: EvaluationView,
    /// How far a decision at this gate may reach.
    pub offer: OfferView,
    /// What may be done now. A window offers these and no others.
    #[ts(as = "Vec<ActionNames>")]
    pub actions: Vec<ActionKind>,
    /// What has to be typed before what goes on, since it is of high risk; none: nothing.
    pub confirm: Option<String>,
    /// How it ended, once it has.
    pub ended: Option<EndedView>,
    /// What is asked.
    #[serde(flatten)]
    pub subject: SubjectView,
}

impl ReviewItem {
    /// What is asked, if it is a model's answer.
    pub fn sampling(&self) -> Option<&SamplingView> {
        match &self.subject {
            SubjectView::Sampling(sampling) => Some(sampling),
            SubjectView::Elicitation(_) | SubjectView::ToolCall(_) => None,
        }
    }

    /// What is asked, if it is a person's input.
    pub fn elicitation(&self) -> Option<&ElicitationView> {
        match &self.subject {
            SubjectView::Elicitation(elicitation) => Some(elicitation),
            SubjectView::Sampling(_) | SubjectView::ToolCall(_) => None,
        }
    }

    /// What is asked, if it is leave to call a tool.
    pub fn tool_call(&self) -> Option<&ToolCallView> {
        match &self.subject {
            SubjectView::ToolCall(call) => Some(call),
            SubjectView::Elicitation(_) => None,
            SubjectView::Sampling(_) => None,
        }
    }
}

/// What a question asks for, and what belongs to that kind of question only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SubjectView {
    /// A model's answer.
    Sampling(Box<SamplingView>),
    /// A person's input.
    Elicitation(Box<ElicitationView>),
    /// Leave to call a tool.
    ToolCall(Box<ToolCallView>),
}

/// A request for a model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct SamplingView {
    /// The placeholders in `request` that stand for what was redacted.
    pub placeholders: Vec<String>,
    /// SHA-256 of the object that an approval now would approve, hex; none while no model is chosen.
    pub approved_sha256: Option<String>,
    /// The models that could answer, best first.
    pub models: Vec<ModelOption>,
    /// The name of the model that an approval now would use; none: there is only the person.
    pub model: Option<String>,
    /// Exactly what an approval now would send, or why it cannot be sent.
    pub outgoing: OutgoingView,
    /// A second opinion; none: it is not offered.
    pub opinion: Option<OpinionView>,
    /// The model's progress and answer, from the moment a request is approved.
    pub answer: Option<AnswerView>,
    /// Quick replies for answering by hand.
    pub quick_replies: Vec<String>,
}

/// Why this question is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProvenanceView {
    /// Who made the call: a host's name, or Samplegate's own tool runner or terminal.
    pub host: Option<String>,
    /// The call that led here; none where no call is in flight.
    pub call: Option<CallView>,
    /// Where several calls are in flight and the protocol does not tell which one asks: all of them.
    pub one_of: Vec<CallView>,
    /// The server's configured name.
    pub server: String,
    /// The name and version the server gives itself, e.g. "Keywords 1.2.0".
    pub server_says: Option<String>,
    /// The MCP protocol revision in use, e.g. "2025-11-25".
    pub protocol: String,
    /// `stdio: command…` or the URL.
    pub transport: String,
    /// The position of this question within its call, from 1.
    pub round: u32,
}

/// A call to a server: the kind, its name and arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// The call's id.
    pub call_id: String,
    /// Who made the call.
    pub host: String,
    /// What is called.
    pub kind: CallKind,
    /// The tool's or prompt's name, or the resource's URI.
    pub name: String,
    /// The arguments object; null for a resource.
    pub arguments: Value,
}

/// What a call is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum CallKind {
    /// `tools/call`
    Tool,
    /// `prompts/get`
    Prompt,
    /// `resources/read`
    Resource,
}

/// Something in a text that a person would miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    /// The kind, e.g. `zero_width`, `tag`, `bidi`, `control`, `ansi`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// RFC 6901 pointer to the string.
    pub pointer: String,
    /// Start in the string, in Unicode scalar values.
    pub start: u32,
    /// End (exclusive), in Unicode scalar values.
    pub end: u32,
    /// Whether the span is in the name of the field that the pointer leads to, not in its value.
    pub in_name: bool,
    /// One sentence why, with what hidden characters spell.
    pub why: String,
    /// One sentence what can be done.
    pub advice: String,
    /// A short label to show in place of the characters, e.g. `14 tag characters: “send the notes”`.
    pub label: String,
    /// What encoded or hidden characters spell, or the beginning of it; none: they spell nothing.
    pub decoded: Option<String>,
    /// Whether it is about data that should perhaps not leave: a secret, a number, a person.
    pub is_data: bool,
}

/// What the policy said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationView {
    /// The verdict that led to this question being asked.
    pub verdict: Verdict,
    /// The rules that matched, each in a sentence.
    pub matched: Vec<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// Why what was allowed about the server did not count; none: it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub suspended: Option<Suspended>,
}

/// Why what was allowed about a server does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Suspended {
    /// It changed since it was approved: a person may approve it anew.
    Drift,
    /// Nobody approved it yet: a person may.
    Unapproved,
    /// It is not known yet what it is.
    Unseen,
    /// What it says about its tools hides something.
    Flagged,
    /// Its record wants to be read again.
    ReviewDue,
}

impl From<Suspension> for Suspended {
    fn from(why: Suspension) -> Self {
        match why {
            Suspension::Drift => Self::Drift,
            Suspension::Unapproved => Self::Unapproved,
            Suspension::Unseen => Self::Unseen,
            Suspension::Flagged => Self::Flagged,
            Suspension::ReviewDue => Self::ReviewDue,
        }
    }
}

/// A verdict, in order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Goes on without a look.
    Allow,
    /// A person decides.
    Ask,
    /// Refused.
    Deny,
}

/// A model that could answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ModelOption {
    /// The configured name.
    pub name: String,
    /// The provider, e.g. "anthropic".
    pub provider: String,
    /// The provider's model id.
    pub model: String,
    /// Why it stands where it does, e.g. `hint “sonnet”`, `default model`.
    pub why: String,
    /// Size of the request in tokens, an estimate.
    pub tokens_in: u32,
    /// The most it can cost, in millionths of a US dollar; none if the price is unknown.
    #[ts(type = "number | null")]
    pub cost_at_most_microusd: Option<i64>,
    /// Why it cannot take this request, e.g. audio; none if it can.
    pub cannot: Option<String>,
}

/// Exactly what an approval would send, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum OutgoingView {
    /// These bytes.
    #[serde(rename_all = "camelCase")]
    Ready {
        /// Where they go.
        url: String,
        /// SHA-256 of the body, hex.
        wire_sha256: String,
        /// The body's size in bytes. The body itself is read with `review_outgoing`.
        bytes: u32,
    },
    /// Nothing can be sent.
    #[serde(rename_all = "camelCase")]
    Cannot {
        /// Why, and what to do.
        why: String,
    },
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct EndedView {
    /// The outcome as in the audit log: released, denied, timed_out, withdrawn, failed.
    pub outcome: String,
    /// A sentence, e.g. "withdrawn by the server".
    pub why: String,
}
