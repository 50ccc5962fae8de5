//! A sampling request, as a server asked it.
//!
//! [`SamplingRequest::parse`] reads the params of `sampling/createMessage` strictly and keeps them: the object as it
//! was received stays the truth (it is what is shown, hashed and approved), and the typed view beside it is what the
//! model formats and the policy read. What cannot be represented is refused with the place and the reason; nothing is
//! dropped, repaired or reordered.
//!
//! Deliberately absent: who asked and why (provenance belongs to the question, not to its params), limits, findings.

mod field;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) use field::Field;
pub(crate) use parse::{ResultsAllowed, parse_content};

/// Why params are not a sampling request. Maps to JSON-RPC `-32602`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if pointer.is_empty() { "params" } else { &pointer[1..] })]
pub struct InvalidParams {
    /// RFC 6901 pointer into the params.
    pub pointer: String,
    /// What is wrong there, in a few words.
    pub reason: String,
}

/// The params of one `sampling/createMessage`: the object as received and a typed view of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingRequest {
    params: Value,
    messages: Vec<Message>,
    system_prompt: Option<String>,
    max_tokens: u32,
    temperature: Option<f64>,
    stop_sequences: Vec<String>,
    model_preferences: Option<ModelPreferences>,
    include_context: IncludeContext,
    metadata: Option<Value>,
    tools: Vec<ToolDefinition>,
    tool_choice: Option<ToolChoiceMode>,
    unknown_fields: Vec<String>,
}

/// One turn of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The content; never empty.
    pub blocks: Vec<Block>,
    /// Whether the content was one object rather than an array.
    pub single: bool,
}

/// Who speaks. There is no `system` role in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The server, on behalf of the user.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A piece of a message or of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Plain text.
    Text(String),
    /// An image.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// The model asks for a tool to be run.
    ToolUse(ToolUse),
    /// What the tool gave.
    ToolResult(ToolResult),
}

/// An image or a sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// For example `image/png`.
    pub mime_type: String,
    /// Standard base64 with padding, checked.
    pub data: String,
}

/// The model asks for a tool to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// Names the call; its result carries the same id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, an object.
    pub input: Value,
    /// `_meta`: what the model's vendor wants back with the call in a later request.
    pub meta: Option<Value>,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The call it answers.
    pub tool_use_id: String,
    /// The result; may be empty.
    pub content: Vec<ResultBlock>,
    /// The result as an object, where the tool has an output schema.
    pub structured_content: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A piece of a tool's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultBlock {
    /// Plain text.
    Text(String),
    /// An image.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A resource, embedded.
    Resource(Resource),
    /// A pointer to a resource; nothing follows it.
    ResourceLink(ResourceLink),
}

/// A resource, embedded in a tool's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Where it comes from.
    pub uri: String,
    /// What it says it is.
    pub mime_type: Option<String>,
    /// Its content.
    pub body: ResourceBody,
}

/// The content of an embedded resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceBody {
    /// Text.
    Text(String),
    /// Standard base64 with padding, checked.
    Blob(String),
}

/// A pointer to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceLink {
    /// Where it is.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// What it says it is.
    pub mime_type: Option<String>,
}

/// What the server would like of the model. Advice, not an order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelPreferences {
    /// Parts of model names, best first.
    pub hints: Vec<String>,
    /// How much cost matters, 0 to 1.
    pub cost_priority: Option<f64>,
    /// How much speed matters, 0 to 1.
    pub speed_priority: Option<f64>,
    /// How much capability matters, 0 to 1.
    pub intelligence_priority: Option<f64>,
}

/// Which servers' context the server would like to have added. Samplegate never adds any; it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeContext {
    /// None.
    #[default]
    None,
    /// The asking server's.
    ThisServer,
    /// That of all servers.
    AllServers,
}

impl IncludeContext {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ThisServer => "thisServer",
            Self::AllServers => "allServers",
        }
    }
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// Its name, unique in the request.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON Schema of its arguments, an object.
    pub input_schema: Value,
}

/// Whether the model must, may or must not use a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolChoiceMode {
    /// It may.
    Auto,
    /// It must use at least one.
    Required,
    /// It must not.
    None,
}

impl ToolChoiceMode {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::None => "none",
        }
    }
}

/// A kind of content. The order is the one in which [`content_class`] names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Sounds.
    Audio,
    /// Calls of tools.
    ToolUse,
    /// Results of tools.
    ToolResult,
}

impl Modality {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::ToolUse => "tool_use",
            Self::ToolResult => "tool_result",
        }
    }
}

/// Lists the kinds of content in some blocks, those inside tool results included.
#[must_use]
pub fn modalities<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> BTreeSet<Modality> {
    let mut found = BTreeSet::new();
    for block in blocks {
        match block {
            Block::Text(_) => {
                found.insert(Modality::Text);
            }
            Block::Image(_) => {
                found.insert(Modality::Image);
            }
            Block::Audio(_) => {
                found.insert(Modality::Audio);
            }
            Block::ToolUse(_) => {
                found.insert(Modality::ToolUse);
            }
            Block::ToolResult(result) => {
                found.insert(Modality::ToolResult);
                found.extend(result.content.iter().filter_map(|inner| match inner {
                    ResultBlock::Image(_) => Some(Modality::Image),
                    ResultBlock::Audio(_) => Some(Modality::Audio),
                    ResultBlock::Text(_) | ResultBlock::Resource(_) | ResultBlock::ResourceLink(_) => None,
                }));
            }
        }
    }
    found
}

/// Names the kinds of content in some blocks, e.g. `text` or `text+image`.
#[must_use]
pub fn content_class<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> String {
    modalities(blocks).into_iter().map(Modality::as_str).collect::<Vec<_>>().join("+")
}

/// Characters of a one-line summary.
const SUMMARY_CHARS: usize = 160;

impl SamplingRequest {
    /// Reads the params of a `sampling/createMessage`.
    ///
    /// # Errors
    /// The first place where they are not what the protocol (revisions 2024-11-05 to 2026-07-28) allows.
    pub fn parse(params: Value) -> Result<Self, InvalidParams> {
        parse::parse(params)
    }

    /// The object as received, or as edited: unknown fields, order and spelling included.
    #[must_use]
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The conversation; at least one message.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The system prompt that the server would like.
    #[must_use]
    pub fn system_prompt(&self) -> Option<&str> {
        self.system_prompt.as_deref()
    }

    /// The most tokens that the answer may have; at least 1.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// The temperature, unchecked: each model has its own range.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// Texts at which the model is to stop.
    #[must_use]
    pub fn stop_sequences(&self) -> &[String] {
        &self.stop_sequences
    }

    /// What the server would like of the model.
    #[must_use]
    pub fn model_preferences(&self) -> Option<&ModelPreferences> {
        self.model_preferences.as_ref()
    }

    /// Which servers' context the server would like.
    #[must_use]
    pub fn include_context(&self) -> IncludeContext {
        self.include_context
    }

    /// Metadata for the model's vendor, an object of no fixed shape. It is shown and never sent.
    #[must_use]
    pub fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }

    /// The tools that the model may ask for.
    #[must_use]
    pub fn tools(&self) -> &[ToolDefinition] {
        &self.tools
    }

    /// Whether the model must, may or must not use a tool.
    #[must_use]
    pub fn tool_choice(&self) -> Option<ToolChoiceMode> {
        self.tool_choice
    }

    /// Whether answering needs the capability `sampling.tools`.
    #[must_use]
    pub fn needs_tools(&self) -> bool {
        !self.tools.is_empty()
            || self.tool_choice.is_some()
            || self.modalities().iter().any(|kind| matches!(kind, Modality::ToolUse | Modality::ToolResult))
    }

    /// Top-level fields that Samplegate does not know, in order. They are shown and never sent to a model.
    #[must_use]
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown_fields
    }

    /// The kinds of content in the messages.
    #[must_use]
    pub fn modalities(&self) -> BTreeSet<Modality> {
        modalities(self.messages.iter().flat_map(|message| &message.blocks))
    }

    /// The kinds of content in the messages as one word, e.g. `text+image`.
    #[must_use]
    pub fn content_class(&self) -> String {
        content_class(self.messages.iter().flat_map(|message| &message.blocks))
    }

    /// One line for lists and popups: the first line of the last text of the user.
    ///
    /// Characters that do not show are replaced by U+FFFD, so that the line cannot look like something else.
    #[must_use]
    pub fn first_line(&self) -> String {
        let texts = |role| {
            self.messages.iter().rev().filter(move |message| message.role == role).flat_map(|message| {
                message.blocks.iter().rev().filter_map(|block| match block {
                    Block::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
                    Block::ToolResult(result) => result.content.iter().find_map(|inner| match inner {
                        ResultBlock::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
                        _ => None,
                    }),
                    _ => None,
                })
            })
        };
        match texts(Role::User).chain(texts(Role::Assistant)).next() {
            Some(text) => one_line(text),
            None => format!("[{}]", self.content_class()),
        }
    }

    /// The same request with another `maxTokens`; nothing else changes.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: u32) -> Self {
        self.max_tokens = max_tokens;
        self.params["maxTokens"] = max_tokens.into();
        self
    }
}

/// The first line of a text that says something, short, with characters that do not show made visible.
#[must_use]
pub fn one_line(text: &str) -> String {
    one_line_of(text, SUMMARY_CHARS)
}

/// As [`one_line`], with at most so many characters.
pub(crate) fn one_line_of(text: &str, most: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut short: String = line.chars().take(most).map(|c| if shows(c) { c } else { '\u{FFFD}' }).collect();
    if line.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// Whether a character is seen where it stands and moves nothing else.
fn shows(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'))
}
