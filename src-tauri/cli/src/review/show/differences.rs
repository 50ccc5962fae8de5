//! What was changed, text by text and word by word.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{MARGIN, Page, coloured, muted, style};
use crate::output::visible;

/// The differences between two objects, text by text, word by word.
pub(super) fn differences(page: &mut Page, heading: &str, old: &Value, new: &Value) {
    page.heading(heading);
    let (old, new) = (strings(old, String::new()), strings(new, String::new()));
    for (pointer, text) in &new {
        let before = old.iter().find(|(other, _)| other == pointer).map_or("", |(_, text)| text.as_str());
        if before != text {
            page.line(&muted(pointer));
            page.line(&diff(before, text));
        }
    }
    for (pointer, text) in old.iter().filter(|(pointer, _)| new.iter().all(|(other, _)| other != pointer)) {
        page.line(&muted(pointer));
        page.line(&diff(text, ""));
    }
}

fn strings(value: &Value, pointer: String) -> Vec<(String, String)> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| strings(value, format!("{pointer}/{key}"))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| strings(value, format!("{pointer}/{index}"))).collect()
        }
        Value::String(text) => vec![(pointer, text.clone())],
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) => vec![(pointer, value.to_string())],
    }
}

fn diff(old: &str, new: &str) -> String {
    let diff = TextDiff::from_words(old, new);
    let words = diff.iter_all_changes().map(|change| {
        let word = visible(change.value());
        match (change.tag(), coloured()) {
            (ChangeTag::Equal, _) => word,
            (ChangeTag::Delete, true) => style("31;9", &word),
            (ChangeTag::Insert, true) => style("32;4", &word),
            (ChangeTag::Delete, false) => format!("[-{word}-]"),
            (ChangeTag::Insert, false) => format!("{{+{word}+}}"),
        }
    });
    let text: String = words.collect();
    text.split('\n').map(|line| format!("{}{line}", muted(MARGIN))).collect::<Vec<_>>().join("\n")
}
