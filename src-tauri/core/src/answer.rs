//! An answer to a sampling request: what a model or a person gave, and the protocol's result object.
//!
//! The two are converted here and nowhere else, so an answer that a protocol revision cannot carry is refused before
//! anybody is asked to release it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    redact::{self, Originals},
    request::{Block, Field, InvalidParams, Media, ResultsAllowed, ToolUse, content_class, parse_content},
};

/// The first revision whose results may hold several blocks, and tool uses.
const ARRAYS_SINCE: &str = "2025-11-25";
/// The first revision with sounds.
const AUDIO_SINCE: &str = "2025-03-26";
/// The name of the model where a person answered.
pub const HUMAN: &str = "human";

/// What a model or a person answered.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingAnswer {
    /// Text, images, sounds and tool uses; never empty, never a tool result.
    pub content: Vec<Block>,
    /// The model's real name, as its vendor reports it; [`HUMAN`] where a person wrote the answer.
    pub model: String,
    /// Why the model stopped.
    pub stop_reason: StopReason,
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It had said what it had to say.
    EndTurn,
    /// It came to one of the stop sequences.
    StopSequence,
    /// It reached `maxTokens`.
    MaxTokens,
    /// It waits for tools to be run.
    ToolUse,
    /// Another reason, in the vendor's word; `stopped` where the person stopped it.
    Other(String),
}

impl StopReason {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::EndTurn => "endTurn",
            Self::StopSequence => "stopSequence",
            Self::MaxTokens => "maxTokens",
            Self::ToolUse => "toolUse",
            Self::Other(word) => word,
        }
    }

    /// Reads the name on the wire; the protocol leaves the list open.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "endTurn" => Self::EndTurn,
            "stopSequence" => Self::StopSequence,
            "maxTokens" => Self::MaxTokens,
            "toolUse" => Self::ToolUse,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Why an answer cannot be given in the server's revision of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCarried {
    /// A tool use, before there were any.
    #[error("the server speaks a protocol before {ARRAYS_SINCE}, whose answers cannot hold tool calls")]
    ToolUse,
    /// A sound, before there were any.
    #[error("the server speaks a protocol before {AUDIO_SINCE}, whose answers cannot hold audio")]
    Audio,
    /// Several blocks that are not all text, before there were arrays.
    #[error("the server speaks a protocol before {ARRAYS_SINCE}, whose answers hold one text, image or sound only")]
    Several,
    /// A tool result, which is never an answer.
    #[error("an answer cannot hold the result of a tool")]
    ToolResult,
    /// No content at all.
    #[error("the answer holds nothing")]
    Nothing,
}

impl SamplingAnswer {
    /// Makes the answer that a person wrote.
    #[must_use]
    pub fn by_hand(text: impl Into<String>) -> Self {
        Self { content: vec![Block::Text(text.into())], model: HUMAN.to_owned(), stop_reason: StopReason::EndTurn }
    }

    /// Reads a result object, e.g. one that a person edited.
    ///
    /// # Errors
    /// The first place where it is not what the protocol allows, or holds something that would be lost.
    pub fn from_result(result: &Value) -> Result<Self, InvalidParams> {
        let root = Field::root(result);
        for name in root.object()?.keys() {
            if !["role", "content", "model", "stopReason", "_meta", "resultType"].contains(&name.as_str()) {
                return Err(root
                    .required(name)
                    .map_or_else(|why| why, |field| field.invalid("is not a field of an answer")));
            }
        }
        let role = root.required("role")?;
        if role.text()? != "assistant" {
            return Err(role.invalid("must be “assistant”"));
        }
        let content_field = root.required("content")?;
        let content = parse_content(&content_field, ResultsAllowed::No)?;
        let mut ids = BTreeSet::new();
        for block in &content {
            if let Block::ToolUse(tool_use) = block
                && !ids.insert(tool_use.id.as_str())
            {
                return Err(content_field.invalid("two tool uses have the same id"));
            }
        }
        let stop = root.optional("stopReason")?;
        Ok(Self {
            model: root.required("model")?.name()?.to_owned(),
            stop_reason: match stop {
                Some(stop) => StopReason::from_name(stop.text()?),
                None => StopReason::EndTurn,
            },
            content,
        })
    }

    /// Makes the protocol's result object, e.g. for revision `2025-11-25`.
    ///
    /// One block becomes an object, several an array. Before there were arrays, several texts become one.
    ///
    /// # Errors
    /// What the revision cannot carry.
    pub fn to_result(&self, protocol_version: &str) -> Result<Value, NotCarried> {
        self.check_carried(protocol_version)?;
        let content = match self.content.as_slice() {
            [only] => block_value(only)?,
            several if protocol_version >= ARRAYS_SINCE => {
                several.iter().map(block_value).collect::<Result<Value, _>>()?
            }
            // Texts only, or it would not be carried.
            _ => json!({"type": "text", "text": self.text()}),
        };
        Ok(json!({
            "role": "assistant",
            "content": content,
            "model": self.model,
            "stopReason": self.stop_reason.as_str(),
        }))
    }

    /// Checks that a revision of the protocol can carry the answer, without writing it.
    ///
    /// # Errors
    /// What it cannot carry.
    pub fn check_carried(&self, protocol_version: &str) -> Result<(), NotCarried> {
        let arrays = protocol_version >= ARRAYS_SINCE;
        let several = self.content.len() > 1;
        for block in &self.content {
            match block {
                Block::ToolResult(_) => return Err(NotCarried::ToolResult),
                Block::ToolUse(_) if !arrays => return Err(NotCarried::ToolUse),
                Block::Audio(_) if protocol_version < AUDIO_SINCE => return Err(NotCarried::Audio),
                Block::Image(_) | Block::Audio(_) if several && !arrays => return Err(NotCarried::Several),
                Block::Text(_) | Block::Image(_) | Block::Audio(_) | Block::ToolUse(_) => {}
            }
        }
        if self.content.is_empty() { Err(NotCarried::Nothing) } else { Ok(()) }
    }

    /// All text of the answer in one.
    #[must_use]
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|block| match block {
                Block::Text(text) => Some(text.as_str()),
                Block::Image(_) | Block::Audio(_) | Block::ToolUse(_) | Block::ToolResult(_) => None,
            })
            .collect()
    }

    /// The tool calls in it.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUse> {
        self.content.iter().filter_map(|block| match block {
            Block::ToolUse(tool_use) => Some(tool_use),
            Block::Text(_) | Block::Image(_) | Block::Audio(_) | Block::ToolResult(_) => None,
        })
    }

    /// The answer without some of its tool calls. Where none is left, the model does not wait for tools any more, and
    /// the stop reason says so (MCP, sampling: `toolUse` is answered with tool results).
    #[must_use]
    pub fn without_tool_uses(&self, unwanted: impl Fn(&ToolUse) -> bool) -> Self {
        let mut left = self.clone();
        left.content.retain(|block| !matches!(block, Block::ToolUse(tool_use) if unwanted(tool_use)));
        if left.stop_reason == StopReason::ToolUse && left.tool_uses().next().is_none() {
            left.stop_reason = StopReason::EndTurn;
        }
        left
    }

    /// The answer with redacted values in place of their placeholders, in texts and in arguments of tool calls.
    #[must_use]
    pub fn restored(&self, originals: &Originals) -> Self {
        let mut restored = self.clone();
        if originals.is_empty() {
            return restored;
        }
        for block in &mut restored.content {
            match block {
                Block::Text(text) => {
                    if let Value::String(whole) = redact::restore(&Value::String(std::mem::take(text)), originals) {
                        *text = whole;
                    }
                }
                Block::ToolUse(tool_use) => tool_use.input = redact::restore(&tool_use.input, originals),
                Block::Image(_) | Block::Audio(_) | Block::ToolResult(_) => {}
            }
        }
        restored
    }

    /// The kinds of content as one word, e.g. `text` or `text+tool_use`.
    #[must_use]
    pub fn content_class(&self) -> String {
        content_class(&self.content)
    }
}

/// A block as the protocol writes it in an answer.
fn block_value(block: &Block) -> Result<Value, NotCarried> {
    let media = |kind: &str, media: &Media| json!({"type": kind, "data": media.data, "mimeType": media.mime_type});
    Ok(match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Image(image) => media("image", image),
        Block::Audio(audio) => media("audio", audio),
        Block::ToolUse(tool_use) => {
            let mut object = Map::new();
            object.insert("type".into(), "tool_use".into());
            object.insert("id".into(), tool_use.id.clone().into());
            object.insert("name".into(), tool_use.name.clone().into());
            object.insert("input".into(), tool_use.input.clone());
            if let Some(meta) = &tool_use.meta {
                object.insert("_meta".into(), meta.clone());
            }
            object.into()
        }
        Block::ToolResult(_) => return Err(NotCarried::ToolResult),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::request::ToolUse;

    fn text(text: &str) -> Block {
        Block::Text(text.into())
    }

    fn answer(content: Vec<Block>) -> SamplingAnswer {
        SamplingAnswer { content, model: "m-1".into(), stop_reason: StopReason::EndTurn }
    }

    #[test]
    fn a_person_answers_as_human() {
        assert_eq!(
            SamplingAnswer::by_hand("yes").to_result("2024-11-05"),
            Ok(
                json!({"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "human", "stopReason": "endTurn"})
            )
        );
    }

    #[test]
    fn several_blocks_need_a_revision_that_has_them() {
        let call = Block::ToolUse(ToolUse { id: "a".into(), name: "n".into(), input: json!({}), meta: None });
        let two = answer(vec![text("a"), text("b")]);
        assert_eq!(two.to_result("2025-06-18").unwrap()["content"], json!({"type": "text", "text": "ab"}));
        assert_eq!(
            two.to_result("2026-07-28").unwrap()["content"],
            json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
        );
        let mixed = answer(vec![text("a"), call.clone()]);
        assert_eq!(mixed.to_result("2025-06-18"), Err(NotCarried::ToolUse));
        assert_eq!(mixed.content_class(), "text+tool_use");
        assert_eq!(
            answer(vec![call]).to_result("2025-11-25").unwrap()["content"],
            json!({"type": "tool_use", "id": "a", "name": "n", "input": {}})
        );
        let image = Block::Image(Media { mime_type: "image/png".into(), data: "AAAA".into() });
        assert_eq!(answer(vec![text("a"), image]).to_result("2025-06-18"), Err(NotCarried::Several));
        let audio = Block::Audio(Media { mime_type: "audio/wav".into(), data: "AAAA".into() });
        assert_eq!(answer(vec![audio]).to_result("2024-11-05"), Err(NotCarried::Audio));
        assert_eq!(answer(vec![]).to_result("2025-11-25"), Err(NotCarried::Nothing));
    }

    #[test]
    fn an_edited_answer_comes_back_as_it_was() {
        let call = Block::ToolUse(ToolUse {
            id: "a".into(),
            name: "n".into(),
            input: json!({"k": 1}),
            meta: Some(json!({"s": 1})),
        });
        let before =
            SamplingAnswer { stop_reason: StopReason::Other("refusal".into()), ..answer(vec![text("a"), call]) };
        assert_eq!(SamplingAnswer::from_result(&before.to_result("2025-11-25").unwrap()), Ok(before));
    }

    #[test]
    fn an_edited_answer_must_be_one() {
        let good = answer(vec![text("a")]).to_result("2025-11-25").unwrap();
        for (key, value, pointer) in [
            ("role", json!("user"), "/role"),
            ("content", json!([]), "/content"),
            ("content", json!({"type": "tool_result", "toolUseId": "a", "content": []}), "/content/type"),
            ("model", json!(""), "/model"),
            ("stopReason", json!(3), "/stopReason"),
            ("extra", json!(3), "/extra"),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert_eq!(SamplingAnswer::from_result(&bad).unwrap_err().pointer, pointer);
        }
    }
}
