//! Every string of a value, with the place it stands in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    controls, encoded,
    found::{self, Found},
    html, invisible, layout, markdown, meaning, personal, scripts, secrets,
    url::{self, Url},
};

/// Where a text stands, which decides what its words may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A request's messages.
    Request,
    /// A request's system prompt.
    SystemPrompt,
    /// What a model or a person answered.
    Answer,
    /// A tool: its name, description and schema.
    ToolDescription,
    /// What a tool returned.
    ToolResult,
}

/// A string under inspection.
pub(super) struct Text<'a> {
    pub(super) raw: &'a str,
    pub(super) place: Place,
    /// Whether it is a name: of a field, a tool, a server.
    pub(super) name: bool,
    pub(super) ascii: bool,
    /// Fenced code, in bytes, in order.
    pub(super) code: Vec<std::ops::Range<usize>>,
    /// All of it but for what stands inside of long runs without words, in bytes.
    pub(super) parts: Vec<std::ops::Range<usize>>,
    /// Every address in it, in order.
    pub(super) urls: Vec<Url<'a>>,
    /// How often it was decoded already.
    pub(super) depth: u8,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, place: Place, name: bool, depth: u8) -> Self {
        Self {
            raw,
            place,
            name,
            ascii: raw.is_ascii(),
            code: layout::code(raw),
            parts: encoded::outside_of_dense(raw.as_bytes()),
            urls: url::urls(raw),
            depth,
        }
    }

    /// Whether this byte stands in fenced code.
    pub(super) fn in_code(&self, at: usize) -> bool {
        let index = self.code.partition_point(|range| range.end <= at);
        self.code.get(index).is_some_and(|range| range.start <= at)
    }
}

/// The next byte from here on that a test holds for: byte by byte at first, then, as a test of ranges can be made of
/// many bytes at once, in blocks.
pub(super) fn find(bytes: &[u8], from: usize, test: impl Fn(u8) -> bool) -> Option<usize> {
    const NEAR: usize = 16;
    const BLOCK: usize = 64;
    let near = bytes.len().min(from + NEAR);
    if let Some(at) = bytes.get(from..near)?.iter().position(|byte| test(*byte)) {
        return Some(from + at);
    }
    let mut blocks = bytes[near..].chunks(BLOCK).enumerate();
    let (index, block) = blocks.find(|(_, block)| block.iter().fold(false, |any, byte| any | test(*byte)))?;
    Some(near + index * BLOCK + block.iter().position(|byte| test(*byte))?)
}

/// Runs every family over a text; what is found stays with `found` as spots.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    invisible::scan(text.raw, found);
    controls::scan(text.raw, found);
    if text.raw.len() < 3 {
        return;
    }
    scripts::scan(text, found);
    layout::scan(text, found);
    html::scan(text, found);
    markdown::scan(text, found);
    secrets::scan(text, found);
    personal::scan(text, found);
    meaning::scan(text, found);
    encoded::scan(text, found);
    found::raise_what_hides(found);
}

/// Inspects all strings of a value.
pub(super) fn walk(value: &Value, place: Place, found: &mut Found) {
    Walk { pointer: String::new(), found }.value(value, place, false);
}

struct Walk<'f> {
    pointer: String,
    found: &'f mut Found,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, place: Place, name: bool) {
        let base = self.pointer.len();
        match value {
            Value::String(text) => self.string(text, place, name, false),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.pointer.push('/');
                    self.pointer.push_str(&index.to_string());
                    self.value(item, place, name);
                    self.pointer.truncate(base);
                }
            }
            Value::Object(fields) => {
                let kind = fields.get("type").and_then(Value::as_str);
                let media = matches!(kind, Some("image" | "audio"));
                let place = match kind {
                    Some("tool_result") => Place::ToolResult,
                    _ => place,
                };
                for (key, field) in fields {
                    self.pointer.push('/');
                    self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    // A name can hide text as well as a value can.
                    self.string(key, place, true, true);
                    let payload = (media && key == "data" || key == "blob") && is_base64(field);
                    if !payload {
                        self.value(field, below(base == 0, key, place), key == "name");
                    }
                    self.pointer.truncate(base);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn string(&mut self, raw: &str, place: Place, name: bool, in_name: bool) {
        scan(&Text::new(raw, place, name, 0), self.found);
        self.found.end_string(raw, &self.pointer, in_name);
    }
}

/// The place of a field's value. Only fields at the top are the protocol's own.
fn below(top: bool, key: &str, place: Place) -> Place {
    match (top, place, key) {
        (true, Place::Request, "systemPrompt") => Place::SystemPrompt,
        (true, Place::Request | Place::SystemPrompt, "tools") => Place::ToolDescription,
        (true, Place::SystemPrompt, "messages") => Place::Request,
        _ => place,
    }
}

/// Whether a payload is what it claims to be; anything else is text, and read.
fn is_base64(value: &Value) -> bool {
    let base64 =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\r' | b'\n');
    value.as_str().is_some_and(|text| text.bytes().all(base64))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_next_byte_is_found_near_and_far() {
        let mut bytes = vec![b'.'; 200];
        for at in [0, 1, 15, 16, 17, 79, 80, 81, 199] {
            bytes[at] = b'x';
            for from in 0..=at {
                assert_eq!(find(&bytes, from, |byte| byte == b'x'), Some(at), "{at} from {from}");
            }
            assert_eq!(find(&bytes, at + 1, |byte| byte == b'x'), None);
            bytes[at] = b'.';
        }
    }
}
