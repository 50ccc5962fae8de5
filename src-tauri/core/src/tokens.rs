//! How many tokens a request has, before any model sees it.
//!
//! Exact for the text of OpenAI's models, whose vocabulary is public; for all others the same count is an estimate and
//! says so. Pictures, sounds and tool definitions are always estimates: each vendor has rules of its own.

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};

use crate::request::{Block, Media, ResourceBody, ResultBlock, SamplingRequest};

/// Tokens that frame a message in OpenAI's chat format (its cookbook on counting tokens).
const PER_MESSAGE: u64 = 3;
/// Tokens that begin the answer.
const PER_ANSWER: u64 = 3;
/// A picture of about a megapixel: between 258 and 1,600, depending on the vendor.
const PER_IMAGE: u64 = 1000;
/// Bytes of sound for one token: 16 kB a second, 32 tokens a second.
const AUDIO_BYTES: u64 = 500;
/// Where a count is an estimate anyway, larger texts are counted in samples.
const COUNTED_WHOLE: usize = 128 << 10;
/// Number of samples, spread evenly.
const SAMPLES: usize = 8;
/// Bytes of a sample.
const SAMPLE: usize = 8 << 10;
/// Characters of base64 for three bytes.
const BASE64_CHARS: u64 = 4;

/// A number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCount {
    /// The number.
    pub tokens: u64,
    /// Whether the model may well count otherwise.
    pub estimate: bool,
}

/// Counts what a model would read.
#[must_use]
pub fn count(model: &str, request: &SamplingRequest) -> TokenCount {
    let (tokenizer, known) = tokenizer(model);
    let mut sum = Sum { tokenizer, known, tokens: PER_ANSWER, estimate: !known };
    if let Some(prompt) = request.system_prompt().filter(|prompt| !prompt.is_empty()) {
        sum.tokens += PER_MESSAGE + 1;
        sum.text(prompt);
    }
    for message in request.messages() {
        sum.tokens += PER_MESSAGE + 1;
        message.blocks.iter().for_each(|block| sum.block(block));
    }
    for tool in request.tools() {
        sum.estimate = true;
        sum.text(&tool.name);
        sum.text(tool.description.as_deref().unwrap_or_default());
        sum.text(&tool.input_schema.to_string());
    }
    TokenCount { tokens: sum.tokens, estimate: sum.estimate }
}

/// Counts the tokens of a text by the most common vocabulary: exact for newer OpenAI models, about right for others.
#[must_use]
pub fn count_text(text: &str) -> u64 {
    o200k_base().count(text) as u64
}

/// A model's vocabulary, and whether it is known to be that one.
fn tokenizer(model: &str) -> (&'static Tokenizer, bool) {
    let name = model.rsplit('/').next().unwrap_or(model);
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if starts(&["gpt-3.5", "gpt-4-", "gpt-4"]) && !starts(&["gpt-4o", "gpt-4.1", "gpt-4.5"]) {
        (cl100k_base(), true)
    } else {
        (o200k_base(), starts(&["gpt-", "chatgpt-4o", "o1", "o3", "o4"]))
    }
}

struct Sum {
    tokenizer: &'static Tokenizer,
    known: bool,
    tokens: u64,
    estimate: bool,
}

impl Sum {
    fn text(&mut self, text: &str) {
        self.tokens += if self.known || text.len() <= COUNTED_WHOLE {
            self.tokenizer.count(text) as u64
        } else {
            sampled(self.tokenizer, text)
        };
    }

    fn image(&mut self) {
        self.tokens += PER_IMAGE;
        self.estimate = true;
    }

    fn audio(&mut self, media: &Media) {
        self.tokens += 1 + media.data.len() as u64 * 3 / BASE64_CHARS / AUDIO_BYTES;
        self.estimate = true;
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(text) => self.text(text),
            Block::Image(_) => self.image(),
            Block::Audio(media) => self.audio(media),
            Block::ToolUse(tool_use) => {
                self.estimate = true;
                self.text(&tool_use.name);
                self.text(&tool_use.input.to_string());
            }
            Block::ToolResult(result) => {
                self.estimate = true;
                result.content.iter().for_each(|inner| self.inner(inner));
                if let Some(structured) = &result.structured_content {
                    self.text(&structured.to_string());
                }
            }
        }
    }

    fn inner(&mut self, block: &ResultBlock) {
        match block {
            ResultBlock::Text(text) => self.text(text),
            ResultBlock::Image(_) => self.image(),
            ResultBlock::Audio(media) => self.audio(media),
            ResultBlock::Resource(resource) => match &resource.body {
                ResourceBody::Text(text) => self.text(text),
                ResourceBody::Blob(_) => self.image(),
            },
            ResultBlock::ResourceLink(link) => {
                self.text(&link.uri);
                self.text(link.description.as_deref().unwrap_or_default());
            }
        }
    }
}

/// Counts samples of a text and takes the rest to be like them.
fn sampled(tokenizer: &Tokenizer, text: &str) -> u64 {
    let (mut bytes, mut tokens) = (0, 0);
    for sample in 0..SAMPLES {
        let from = text.floor_char_boundary((text.len() - SAMPLE) / (SAMPLES - 1) * sample);
        let piece = &text[from..text.floor_char_boundary(from + SAMPLE)];
        bytes += piece.len();
        tokens += tokenizer.count(piece);
    }
    (tokens as f64 * text.len() as f64 / bytes as f64).ceil() as u64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn counted(model: &str, params: Value) -> TokenCount {
        match SamplingRequest::parse(params) {
            Ok(request) => count(model, &request),
            Err(why) => panic!("{why}"),
        }
    }

    fn hello() -> Value {
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Hello, world!"}}], "maxTokens": 1})
    }

    #[test]
    fn exact_for_openai_and_an_estimate_for_others() {
        // "Hello" "," " world" "!", framed as one message.
        assert_eq!(counted("gpt-5-mini", hello()), TokenCount { tokens: 11, estimate: false });
        assert_eq!(counted("openai/gpt-4", hello()), TokenCount { tokens: 11, estimate: false });
        assert_eq!(counted("claude-x", hello()), TokenCount { tokens: 11, estimate: true });
        assert_eq!(count_text("Hello, world!"), 4);
    }

    #[test]
    fn large_texts_are_estimated_well() {
        let text: String = (0..60_000).map(|n| if n % 7 == 0 { "漢字 " } else { "word " }).collect();
        let mut params = hello();
        params["messages"][0]["content"]["text"] = text.clone().into();
        let exact = count_text(&text);
        let estimate = counted("claude-x", params).tokens;
        assert!(estimate.abs_diff(exact) < exact / 50, "{estimate} for {exact}");
    }

    #[test]
    fn pictures_and_tools_are_estimates() {
        let picture = json!({"messages": [{"role": "user", "content": {"type": "image", "mimeType": "image/png", "data": "AAAA"}}], "maxTokens": 1});
        assert_eq!(counted("gpt-5", picture), TokenCount { tokens: 1007, estimate: true });
        let mut tools = hello();
        tools["tools"] = json!([{"name": "t", "inputSchema": {}}]);
        assert!(counted("gpt-5", tools).estimate);
    }
}
