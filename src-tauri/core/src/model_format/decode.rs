//! From a stream to an answer.
//!
//! Each format reads its frames and puts what they say into an [`Assembly`]; the rules about ends, ids and stop
//! reasons are here once, for all of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::frames::{Frames, Framing};
use super::{Format, anthropic, gemini, ollama, openai, vendor_error};
use crate::answer::StopReason;
use crate::request::{Block, Media, ToolUse};

/// Something new in a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More text of the answer.
    Text(String),
    /// The model is thinking: so many more characters, which are not part of the answer.
    Reasoning(usize),
    /// A tool call begins (its arguments follow, and are whole at the end).
    ToolUse {
        /// The tool.
        name: String,
    },
    /// An image is part of the answer.
    Image,
    /// The model's real name.
    Model(String),
    /// The tokens so far.
    Usage(Usage),
}

/// Tokens, as the vendor counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// How many of the input came from the vendor's cache.
    pub cached: u64,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Text, images and tool uses; never empty.
    pub content: Vec<Block>,
    /// Why the model stopped.
    pub stop_reason: StopReason,
    /// The model's real name, where the vendor told it.
    pub model: Option<String>,
    /// What it took, where the vendor told it.
    pub usage: Option<Usage>,
}

/// A stream that is not an answer. No variant's text holds any of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStream {
    /// It ended without its proper end.
    #[error("the answer broke off before its end")]
    Truncated,
    /// It is not in the format.
    #[error("the answer is not in the expected format: {0}")]
    Malformed(String),
    /// The vendor reported an error inside it.
    #[error("the model server reported an error: {message}")]
    Vendor {
        /// The vendor's words, short.
        message: String,
        /// Whether it says that it is overloaded.
        overloaded: bool,
    },
    /// The vendor would not have the request.
    #[error("the vendor blocked the request ({0})")]
    Blocked(String),
    /// It holds something that an answer has no place for.
    #[error("the answer holds {0}, which cannot be passed on")]
    Unrepresentable(String),
    /// It ended at the limit of tokens in the middle of its only tool call, or before it said anything.
    #[error("the answer reached maxTokens before it had said anything whole; allow more tokens")]
    CutOff,
}

impl BadStream {
    pub(super) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }

    /// The error in an error document.
    pub(super) fn vendor(document: &Value) -> Self {
        let error = document.get("error").unwrap_or(document);
        let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let overloaded = ["type", "status", "code"].iter().any(|name| {
            matches!(
                word(name),
                "overloaded_error" | "rate_limit_error" | "rate_limit_exceeded" | "UNAVAILABLE" | "RESOURCE_EXHAUSTED"
            )
        }) || matches!(error.get("code").and_then(Value::as_u64), Some(429 | 503 | 529));
        let message = vendor_error::said(document)
            .map_or_else(|| "no reason given".to_owned(), |said| vendor_error::shorten(&said));
        Self::Vendor { message, overloaded }
    }
}

/// Reads the bytes of a response, cut anywhere.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    frames: Frames,
    assembly: Assembly,
}

impl Decoder {
    /// Begins at the first byte of a response's body.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let framing = match format {
            Format::OpenAi | Format::Anthropic | Format::Gemini => Framing::Events,
            Format::Ollama => Framing::Lines,
        };
        Self { format, frames: Frames::new(framing), assembly: Assembly::default() }
    }

    /// Takes more bytes and tells what is new in them.
    ///
    /// # Errors
    /// What makes the stream unusable; the decoder is then of no more use.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Delta>, BadStream> {
        for frame in self.frames.push(bytes) {
            self.take(&frame)?;
        }
        Ok(std::mem::take(&mut self.assembly.deltas))
    }

    /// Whether the answer is whole, so that nothing more need be waited for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.assembly.ended
    }

    /// Whether any content has come: from then on, asking again would ask twice.
    #[must_use]
    pub fn has_content(&self) -> bool {
        !self.assembly.blocks.is_empty() || self.assembly.reasoned
    }

    /// The content so far: its texts, images and the tool calls that are whole.
    #[must_use]
    pub fn partial(&self) -> Vec<Block> {
        let mut ids = Ids::default();
        self.assembly.blocks.iter().filter_map(|building| building.block(&mut ids)).collect()
    }

    /// Ends a response whose bytes have ended.
    ///
    /// # Errors
    /// A stream without its proper end, stop reason or content.
    pub fn finish(mut self) -> Result<Completion, BadStream> {
        for frame in self.frames.finish() {
            self.take(&frame)?;
        }
        if !self.assembly.ended {
            // What is no stream at all is mostly an error document with a friendly status.
            match serde_json::from_slice::<Value>(self.frames.stray()) {
                Ok(document) if vendor_error::said(&document).is_some() => return Err(BadStream::vendor(&document)),
                _ if !self.frames.stray().is_empty() && !self.has_content() => {
                    return Err(BadStream::malformed("it is not a stream"));
                }
                Ok(_) | Err(_) => {}
            }
            return Err(BadStream::Truncated);
        }
        let Assembly { blocks, model, usage, stop, .. } = self.assembly;
        let stop = stop.ok_or(BadStream::Truncated)?;
        let mut ids = Ids::default();
        let mut content = Vec::new();
        for building in &blocks {
            match building.block(&mut ids) {
                Some(block) => content.push(block),
                // Arguments that the limit of tokens cut off are no arguments.
                None if stop == StopReason::MaxTokens => {}
                None => {
                    return Err(BadStream::malformed("the arguments of a tool call are not a JSON object"));
                }
            }
        }
        let calls = content.iter().any(|block| matches!(block, Block::ToolUse(_)));
        let stop_reason = match stop {
            StopReason::EndTurn | StopReason::StopSequence if calls => StopReason::ToolUse,
            StopReason::ToolUse if !calls => StopReason::EndTurn,
            stop @ (StopReason::EndTurn
            | StopReason::StopSequence
            | StopReason::MaxTokens
            | StopReason::ToolUse
            | StopReason::Other(_)) => stop,
        };
        if content.is_empty() {
            if stop_reason == StopReason::MaxTokens {
                return Err(BadStream::CutOff);
            }
            content.push(Block::Text(String::new()));
        }
        Ok(Completion { content, stop_reason, model, usage: usage.filter(|usage| *usage != Usage::default()) })
    }

    /// Ends a response that a person stopped: what has come so far is the answer.
    #[must_use]
    pub fn stopped(self) -> Completion {
        let mut content = self.partial();
        if content.is_empty() {
            content.push(Block::Text(String::new()));
        }
        let Assembly { model, usage, .. } = self.assembly;
        Completion {
            content,
            stop_reason: StopReason::Other("stopped".to_owned()),
            model,
            usage: usage.filter(|usage| *usage != Usage::default()),
        }
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), BadStream> {
        if self.assembly.ended && frame.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        if self.format == Format::OpenAi && frame.trim_ascii() == b"[DONE]" {
            return Err(BadStream::Truncated);
        }
        let event: Value = serde_json::from_slice(frame).map_err(|_| BadStream::malformed("an event is not JSON"))?;
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(BadStream::vendor(&event));
        }
        match self.format {
            Format::OpenAi => openai::event(&event, &mut self.assembly),
            Format::Anthropic => anthropic::event(&event, &mut self.assembly),
            Format::Gemini => gemini::event(event, &mut self.assembly),
            Format::Ollama => ollama::event(event, &mut self.assembly),
        }
    }
}

/// An answer under construction.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    pub(super) blocks: Vec<Building>,
    pub(super) usage: Option<Usage>,
    pub(super) stop: Option<StopReason>,
    pub(super) ended: bool,
    model: Option<String>,
    reasoned: bool,
    deltas: Vec<Delta>,
}

/// A block under construction.
#[derive(Debug)]
pub(super) enum Building {
    Text(String),
    Image(Media),
    Call(Call),
}

/// A tool call under construction.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The vendor's position of it.
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    /// The arguments as JSON, as far as they have come.
    pub(super) arguments: String,
    /// The arguments, where they come whole; counts if `arguments` is empty.
    pub(super) input: Option<Value>,
    pub(super) meta: Option<Value>,
}

impl Assembly {
    /// Adds text to the answer.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.blocks.last_mut() {
            Some(Building::Text(so_far)) => so_far.push_str(text),
            Some(Building::Image(_) | Building::Call(_)) | None => {
                self.blocks.push(Building::Text(text.to_owned()));
            }
        }
        match self.deltas.last_mut() {
            Some(Delta::Text(so_far)) => so_far.push_str(text),
            _ => self.deltas.push(Delta::Text(text.to_owned())),
        }
    }

    /// Notes reasoning, which is not part of the answer.
    pub(super) fn reasoning(&mut self, text: &str) {
        if !text.is_empty() {
            self.reasoned = true;
            self.deltas.push(Delta::Reasoning(text.chars().count()));
        }
    }

    /// Begins a tool call.
    pub(super) fn call(&mut self, call: Call) {
        self.deltas.push(Delta::ToolUse { name: call.name.clone() });
        self.blocks.push(Building::Call(call));
    }

    /// The last tool call that `matches`.
    pub(super) fn find_call(&mut self, matches: impl Fn(&Call) -> bool) -> Option<&mut Call> {
        self.blocks.iter_mut().rev().find_map(|building| match building {
            Building::Call(call) if matches(call) => Some(call),
            Building::Call(_) | Building::Text(_) | Building::Image(_) => None,
        })
    }

    /// Adds an image.
    pub(super) fn image(&mut self, image: Media) {
        self.deltas.push(Delta::Image);
        self.blocks.push(Building::Image(image));
    }

    /// Notes the model's real name.
    pub(super) fn model(&mut self, name: Option<&Value>) {
        if let Some(name) = name.and_then(Value::as_str).filter(|name| !name.is_empty())
            && self.model.as_deref() != Some(name)
        {
            self.model = Some(name.to_owned());
            self.deltas.push(Delta::Model(name.to_owned()));
        }
    }

    /// Notes the tokens so far.
    pub(super) fn usage(&mut self, usage: Usage) {
        if self.usage != Some(usage) {
            self.usage = Some(usage);
            self.deltas.push(Delta::Usage(usage));
        }
    }
}

impl Building {
    /// The block, if it is whole.
    fn block(&self, ids: &mut Ids) -> Option<Block> {
        match self {
            Self::Text(text) => Some(Block::Text(text.clone())),
            Self::Image(image) => Some(Block::Image(image.clone())),
            Self::Call(call) => {
                let input = match (call.arguments.trim(), &call.input) {
                    ("", None | Some(Value::Null)) => json!({}),
                    ("", Some(input)) => input.clone(),
                    (arguments, _) => serde_json::from_str(arguments).ok()?,
                };
                (input.is_object() && !call.name.is_empty()).then(|| {
                    Block::ToolUse(ToolUse {
                        id: ids.unique(&call.id),
                        name: call.name.clone(),
                        input,
                        meta: call.meta.clone(),
                    })
                })
            }
        }
    }
}

/// The ids of the calls so far: each call has one of its own, whatever the vendor sent.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn unique(&mut self, given: &str) -> String {
        if !given.is_empty() && self.0.insert(given.to_owned()) {
            return given.to_owned();
        }
        let mut number = self.0.len() + 1;
        loop {
            let id = format!("call_{number}");
            if self.0.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }
}

/// A count in a vendor's usage; none or nonsense is 0.
pub(super) fn count(usage: &Value, name: &str) -> u64 {
    usage.get(name).and_then(Value::as_u64).unwrap_or(0)
}
