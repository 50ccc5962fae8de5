//! The full-text index: one entry for each question, its text and its facets.
//!
//! A question is found by its request while it is open, and by everything that was asked and answered once it ended.
//! The index holds no copy of the text. It is a convenience and no evidence: what it finds is read from the log, and
//! it could be built again from there.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use samplegate_core::audit::{Content, QuestionSummary, Role};
use serde_json::Value;

use super::{contents, events, facets::Numbering};

/// The table.
pub(super) const SCHEMA: &str = "
CREATE VIRTUAL TABLE search USING fts5 (
    text, facets,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
";

/// Of one question at most this much text is indexed, in bytes: indexing holds up every other writer.
const LONGEST: usize = 1 << 20;

/// The text of one question, each string once.
#[derive(Debug, Default)]
pub(super) struct Text {
    seen: HashSet<String>,
    text: String,
}

impl Text {
    /// Adds plain text.
    pub(super) fn add(&mut self, text: &str) {
        if self.text.len() + text.len() > LONGEST || !self.seen.insert(text.to_owned()) {
            return;
        }
        spread(text, &mut self.text);
        self.text.push('\n');
    }

    /// Adds the strings of a JSON value that a person could have read.
    fn add_json(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_json(item)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    if !matches!(name.as_str(), "data" | "blob" | "mimeType" | "type" | "role" | "inputSchema") {
                        self.add_json(field);
                    }
                }
            }
        }
    }

    /// Adds content.
    pub(super) fn add_content(&mut self, role: Role, content: &Content) {
        match role {
            Role::Request | Role::Arguments | Role::Approved | Role::Answer | Role::Released => {
                match serde_json::from_slice(content.bytes()) {
                    Ok(value) => self.add_json(&value),
                    Err(_) => self.add(&String::from_utf8_lossy(content.bytes())),
                }
            }
            // The rest says nothing that these do not.
            Role::Sealed | Role::Wire | Role::OpinionWire => {}
        }
    }
}

/// Copies text with spaces around each character of a script that is written without them, so that each is a word.
fn spread(text: &str, out: &mut String) {
    for character in text.chars() {
        if is_unspaced(character) {
            out.push(' ');
            out.push(character);
            out.push(' ');
        } else {
            out.push(character);
        }
    }
}

/// Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar.
const fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// Reads all text of a question back from its content.
pub(super) fn text_of(connection: &Connection, question: i64) -> rusqlite::Result<Text> {
    let mut text = Text::default();
    for event in events::of_question(connection, question)? {
        for stored in contents::of_event(connection, event.seq)? {
            text.add_content(stored.role, &stored.content);
        }
    }
    Ok(text)
}

/// Writes the entry of a question, in the place of an earlier one.
pub(super) fn write(
    connection: &Connection,
    numbering: &mut Numbering,
    question: i64,
    summary: &QuestionSummary,
    mut text: Text,
) -> rusqlite::Result<()> {
    text.add(&summary.server);
    if let Some(tool) = &summary.tool {
        text.add(tool);
    }
    if let Some(reason) = &summary.reason {
        text.add(reason);
    }
    let facets = numbering.words(connection, summary)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO search (rowid, text, facets) VALUES (?1, ?2, ?3)")?
        .execute(params![question, text.text, facets])?;
    Ok(())
}

/// What a person typed, as an FTS5 expression: every word must occur, `"a phrase"` as it stands. None where there is
/// nothing to look for. Beginnings of words are not looked up: a short one has too many continuations to be quick.
pub(super) fn expression(typed: &str) -> Option<String> {
    let mut terms = Vec::new();
    for (i, part) in typed.split('"').enumerate() {
        if i % 2 == 1 {
            terms.extend(term(part));
        } else {
            terms.extend(part.split_whitespace().filter_map(term));
        }
    }
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

fn term(text: &str) -> Option<String> {
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    let mut spaced = String::new();
    spread(text, &mut spaced);
    Some(format!("text : \"{spaced}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_never_becomes_syntax() {
        for (typed, expected) in [
            ("", None),
            ("  - * \"\" ", None),
            ("pay now", Some(r#"text : "pay" AND text : "now""#)),
            (r#"pay "right now" x"#, Some(r#"text : "pay" AND text : "right now" AND text : "x""#)),
            ("confi*", Some(r#"text : "confi*""#)),
            ("a OR NEAR(b", Some(r#"text : "a" AND text : "OR" AND text : "NEAR(b""#)),
            ("支払", Some("text : \" 支  払 \"")),
        ] {
            assert_eq!(expression(typed).as_deref(), expected, "{typed}");
        }
    }

    #[test]
    fn the_words_of_a_request_are_indexed_and_its_images_are_not() {
        let mut text = Text::default();
        let request = r#"{"systemPrompt":"Be brief","messages":[{"role":"user","content":
            {"type":"image","data":"aGk=","mimeType":"image/png"}},{"role":"user","content":{"type":"text","text":"支払 x"}},
            {"role":"user","content":{"type":"text","text":"Be brief"}}]}"#;
        text.add_content(Role::Request, &Content::new(request));
        text.add_content(Role::Wire, &Content::new("{\"not\":\"this\"}"));
        assert_eq!(text.text, "Be brief\n 支  払  x\n");
    }
}
