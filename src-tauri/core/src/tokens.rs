//! About how many tokens a request has, before any model sees it.
//!
//! An estimate, for every model, and to be shown as one ("about N tokens"). Only some vendors publish a vocabulary, what
//! frames a message differs between all of them, and the exact number comes with the answer. OpenAI's vocabularies alone,
//! prepared for counting, are twice as large as the rest of the program.

mod text;

#[cfg(test)]
mod tests;

use crate::request::{Block, Media, ResourceBody, ResultBlock, SamplingRequest};

/// Tokens that frame a message in OpenAI's chat format (its cookbook on counting tokens), its role included.
const PER_MESSAGE: u64 = 4;
/// Tokens that begin the answer.
const PER_ANSWER: u64 = 3;
/// A picture of about a megapixel: between 258 and 1,600, depending on the vendor.
const PER_IMAGE: u64 = 1000;
/// Bytes of sound for one token: 16 kB a second, 32 tokens a second.
const AUDIO_BYTES: u64 = 500;
/// Characters of base64 for three bytes.
const BASE64_CHARS: u64 = 4;

/// Estimates how many tokens a model would read.
#[must_use]
pub fn estimate(request: &SamplingRequest) -> u64 {
    let prompt = request.system_prompt().filter(|prompt| !prompt.is_empty());
    let prompt: u64 = prompt.map_or(0, |prompt| PER_MESSAGE + estimate_text(prompt));
    let messages: u64 =
        request.messages().iter().map(|message| PER_MESSAGE + message.blocks.iter().map(block).sum::<u64>()).sum();
    let tools = request.tools().iter().map(|tool| {
        let description = estimate_text(tool.description.as_deref().unwrap_or_default());
        estimate_text(&tool.name) + description + estimate_text(&tool.input_schema.to_string())
    });
    PER_ANSWER + prompt + messages + tools.sum::<u64>()
}

/// Estimates the tokens of a text: mostly between a tenth less and a third more than newer vocabularies need. Older and
/// smaller ones need up to four times as many for scripts other than Latin.
#[must_use]
pub fn estimate_text(text: &str) -> u64 {
    text::estimate(text)
}

fn block(block: &Block) -> u64 {
    match block {
        Block::Text(text) => estimate_text(text),
        Block::Image(_) => PER_IMAGE,
        Block::Audio(media) => audio(media),
        Block::ToolUse(tool_use) => estimate_text(&tool_use.name) + estimate_text(&tool_use.input.to_string()),
        Block::ToolResult(result) => {
            let structured = result.structured_content.as_ref().map_or(0, |value| estimate_text(&value.to_string()));
            result.content.iter().map(inner).sum::<u64>() + structured
        }
    }
}

fn inner(block: &ResultBlock) -> u64 {
    match block {
        ResultBlock::Text(text) => estimate_text(text),
        ResultBlock::Image(_) => PER_IMAGE,
        ResultBlock::Audio(media) => audio(media),
        ResultBlock::Resource(resource) => match &resource.body {
            ResourceBody::Text(text) => estimate_text(text),
            ResourceBody::Blob(_) => PER_IMAGE,
        },
        ResultBlock::ResourceLink(link) => {
            estimate_text(&link.uri) + estimate_text(link.description.as_deref().unwrap_or_default())
        }
    }
}

fn audio(media: &Media) -> u64 {
    1 + media.data.len() as u64 * 3 / BASE64_CHARS / AUDIO_BYTES
}
