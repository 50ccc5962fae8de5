//! What an edit changes, line by line, for a person: values that may be secret are not shown.

use std::ops::Range;

use jsonc_parser::{CollectOptions, ast, common::Ranged as _, parse_to_ast};
use similar::{ChangeTag, TextDiff};
use toml_edit::{Document, Item, TableLike};

use super::{
    Syntax,
    syntax::{BOM, jsonc},
};
use crate::inspect::{hide, secrets_in};

/// Lines shown around what changes, and the length of a line that is shown, in characters.
const AROUND: usize = 2;
const LONGEST: usize = 500;

/// Tables whose values are not shown.
const PRIVATE: &[&str] = &["env", "headers", "http_headers"];

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What happens to it.
    pub kind: LineKind,
    /// Its text, without its end.
    pub text: String,
}

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It stays.
    Same,
    /// It is put in.
    Added,
    /// It is taken out.
    Removed,
    /// Lines that stay and are not shown.
    Gap,
}

/// The lines that differ, with some around them.
pub fn difference(syntax: Syntax, before: &str, after: &str) -> Vec<Line> {
    let (old_secrets, new_secrets) = (secret_spans(syntax, before), secret_spans(syntax, after));
    let (old_starts, new_starts) = (starts(before), starts(after));
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    let mut reached = 0;
    for group in diff.grouped_ops(AROUND) {
        let first = group.first().map_or(0, |op| op.old_range().start);
        if first > reached {
            lines.push(Line { kind: LineKind::Gap, text: String::new() });
        }
        reached = group.last().map_or(reached, |op| op.old_range().end);
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (kind, at, secrets) = match change.tag() {
                ChangeTag::Equal => (LineKind::Same, index(&old_starts, change.old_index()), &old_secrets),
                ChangeTag::Delete => (LineKind::Removed, index(&old_starts, change.old_index()), &old_secrets),
                ChangeTag::Insert => (LineKind::Added, index(&new_starts, change.new_index()), &new_secrets),
            };
            lines.push(Line { kind, text: shown(change.value(), at, secrets) });
        }
    }
    if reached < old_starts.len() && !lines.is_empty() {
        lines.push(Line { kind: LineKind::Gap, text: String::new() });
    }
    lines
}

/// A line with what may be secret hidden. `secrets` are spans of the whole text, in which it begins at `at`.
fn shown(line: &str, at: usize, secrets: &[Range<usize>]) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let end = at + line.len();
    let mut spans: Vec<Range<usize>> = secrets
        .iter()
        .filter(|span| span.start < end && span.end > at)
        .map(|span| span.start.saturating_sub(at)..span.end - at)
        .collect();
    spans.extend(secrets_in(line));
    spans.sort_by_key(|span| span.start);
    let text = hide(line, &spans);
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn starts(text: &str) -> Vec<usize> {
    let mut at = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let start = at;
            at += line.len();
            start
        })
        .collect()
}

fn index(starts: &[usize], line: Option<usize>) -> usize {
    line.and_then(|line| starts.get(line)).copied().unwrap_or(0)
}

/// The spans of values of variables and headers, in bytes, in their order. A text that cannot be read has none.
fn secret_spans(syntax: Syntax, text: &str) -> Vec<Range<usize>> {
    let body = text.strip_prefix(BOM).unwrap_or(text);
    let offset = text.len() - body.len();
    let mut spans = Vec::new();
    match syntax {
        Syntax::Jsonc => {
            let parsed = parse_to_ast(body, &CollectOptions::default(), &jsonc());
            if let Some(value) = parsed.ok().and_then(|parsed| parsed.value) {
                in_json(&value, false, &mut spans);
            }
        }
        Syntax::Toml => {
            if let Ok(document) = Document::parse(body) {
                in_table(document.as_table(), false, &mut spans);
            }
        }
    }
    spans.sort_by_key(|span| span.start);
    spans.iter().map(|span| span.start + offset..span.end + offset).collect()
}

fn in_json(value: &ast::Value<'_>, private: bool, spans: &mut Vec<Range<usize>>) {
    match value {
        ast::Value::Object(object) => {
            for property in &object.properties {
                in_json(&property.value, private || PRIVATE.contains(&property.name.as_str()), spans);
            }
        }
        ast::Value::Array(array) => array.elements.iter().for_each(|element| in_json(element, private, spans)),
        leaf if private => {
            let range = leaf.range();
            spans.push(range.start..range.end);
        }
        _ => {}
    }
}

fn in_table(table: &dyn TableLike, private: bool, spans: &mut Vec<Range<usize>>) {
    for (key, item) in table.iter() {
        in_item(item, private || PRIVATE.contains(&key), spans);
    }
}

fn in_item(item: &Item, private: bool, spans: &mut Vec<Range<usize>>) {
    if let Some(table) = item.as_table_like() {
        in_table(table, private, spans);
    } else if let Some(tables) = item.as_array_of_tables() {
        tables.iter().for_each(|table| in_table(table, private, spans));
    } else if private && let Some(span) = item.span() {
        spans.push(span);
    }
}
