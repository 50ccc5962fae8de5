//! Replaces chosen spans by placeholders, and puts what they stood for back into an answer.
//!
//! Data flow: params and the findings that a person chose → [`redact`] → params with `[EMAIL_1]`, `[SECRET_1]`, and
//! [`Originals`]; an answer and the same originals → [`restore`].
//!
//! Invariants: one value has one placeholder within a question; no placeholder is a text that was there before;
//! `restore` of what `redact` gave is what it got. The originals are never serialised and never printed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
};

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value};

use crate::inspect::{Finding, FindingKind};

/// What the placeholders of one question stand for. It holds secrets: it has no `Serialize`, and prints its size only.
#[derive(Clone, Default)]
pub struct Originals(Vec<(String, String)>);

impl Originals {
    /// How many values were replaced.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The placeholders, in the order they were given.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(placeholder, _)| placeholder.as_str())
    }
}

impl fmt::Debug for Originals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Originals({} values)", self.0.len())
    }
}

/// Params in which what was found is replaced by placeholders.
#[derive(Debug, Clone)]
pub struct Redacted {
    /// The params, otherwise unchanged.
    pub params: Value,
    /// What the placeholders stand for.
    pub originals: Originals,
}

/// Replaces the spans of these findings. Spans that overlap are replaced as one; a finding that points nowhere in
/// `params` changes nothing.
pub fn redact(params: &Value, chosen: &[Finding]) -> Redacted {
    redact_more(params, chosen, &Originals::default())
}

/// Replaces as [`redact`] does in params that were redacted before: a value that has a placeholder keeps it, and no
/// placeholder that was given is given to another value. The originals are those before and the new ones.
pub fn redact_more(params: &Value, chosen: &[Finding], before: &Originals) -> Redacted {
    let mut spans: Spans<'_> = BTreeMap::new();
    for finding in chosen.iter().filter(|finding| finding.start < finding.end) {
        spans
            .entry((finding.pointer.as_str(), finding.in_name))
            .or_default()
            .push((finding.start..finding.end, finding.kind));
    }
    for spans in spans.values_mut() {
        merge(spans);
    }
    let mut redaction =
        Redaction { given: HashMap::new(), counts: HashMap::new(), originals: before.0.clone(), text: String::new() };
    collect(params, &mut redaction.text);
    for placeholder in before.placeholders() {
        redaction.text.push_str(placeholder);
    }
    let params = redaction.value(params, &mut String::new(), &spans);
    Redacted { params, originals: Originals(redaction.originals) }
}

/// Puts the originals back wherever a placeholder stands.
pub fn restore(answer: &Value, originals: &Originals) -> Value {
    let placeholders = originals.placeholders();
    // Placeholders are short words; a finder that cannot be built leaves them as they are.
    let Ok(finder) = AhoCorasick::new(placeholders) else { return answer.clone() };
    let values: Vec<&str> = originals.0.iter().map(|(_, original)| original.as_str()).collect();
    restored(answer, &finder, &values)
}

type Spans<'a> = BTreeMap<(&'a str, bool), Vec<(Range<u32>, FindingKind)>>;

struct Redaction {
    given: HashMap<(FindingKind, String), String>,
    counts: HashMap<FindingKind, u32>,
    originals: Vec<(String, String)>,
    /// All text of the params, so that no placeholder is one that was there.
    text: String,
}

impl Redaction {
    fn value(&mut self, value: &Value, pointer: &mut String, spans: &Spans<'_>) -> Value {
        let base = pointer.len();
        match value {
            Value::String(text) => match spans.get(&(pointer.as_str(), false)) {
                Some(spans) => Value::String(self.string(text, spans)),
                None => value.clone(),
            },
            Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    let item = self.value(item, pointer, spans);
                    pointer.truncate(base);
                    item
                });
                Value::Array(items.collect())
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, field)| {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    let name = match spans.get(&(pointer.as_str(), true)) {
                        Some(spans) => self.string(key, spans),
                        None => key.clone(),
                    };
                    let field = self.value(field, pointer, spans);
                    pointer.truncate(base);
                    (name, field)
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn string(&mut self, text: &str, spans: &[(Range<u32>, FindingKind)]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut hidden = String::new();
        let mut spans = spans.iter().peekable();
        for (at, c) in text.chars().enumerate() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            match spans.peek() {
                Some((span, kind)) if span.contains(&at) => {
                    hidden.push(c);
                    if at + 1 == span.end {
                        out.push_str(&self.placeholder(*kind, std::mem::take(&mut hidden)));
                        spans.next();
                    }
                }
                _ => out.push(c),
            }
        }
        // A span that reaches beyond the text ends with it.
        if let (false, Some((_, kind))) = (hidden.is_empty(), spans.next()) {
            out.push_str(&self.placeholder(*kind, hidden));
        }
        out
    }

    fn placeholder(&mut self, kind: FindingKind, original: String) -> String {
        if let Some(placeholder) = self.given.get(&(kind, original.clone())) {
            return placeholder.clone();
        }
        let name = kind.as_str().to_ascii_uppercase();
        let known = self.originals.iter().find(|(known, value)| {
            *value == original && known.strip_prefix('[').is_some_and(|rest| rest.starts_with(&format!("{name}_")))
        });
        if let Some((placeholder, _)) = known {
            return placeholder.clone();
        }
        let count = self.counts.entry(kind).or_default();
        let placeholder = loop {
            *count += 1;
            let placeholder = format!("[{name}_{count}]");
            if !self.text.contains(&placeholder) {
                break placeholder;
            }
        };
        self.given.insert((kind, original.clone()), placeholder.clone());
        self.originals.push((placeholder.clone(), original));
        placeholder
    }
}

/// Sorts spans, and makes one of those that overlap; the first one's kind names it.
fn merge(spans: &mut Vec<(Range<u32>, FindingKind)>) {
    spans.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut merged: Vec<(Range<u32>, FindingKind)> = Vec::with_capacity(spans.len());
    for (span, kind) in spans.drain(..) {
        match merged.last_mut() {
            Some((last, _)) if span.start < last.end => last.end = last.end.max(span.end),
            Some(_) | None => merged.push((span, kind)),
        }
    }
    *spans = merged;
}

fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push_str(string);
            text.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, text)),
        Value::Object(fields) => {
            for (key, field) in fields {
                text.push_str(key);
                text.push('\n');
                collect(field, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn restored(value: &Value, finder: &AhoCorasick, values: &[&str]) -> Value {
    match value {
        Value::String(text) => Value::String(finder.replace_all(text, values)),
        Value::Array(items) => items.iter().map(|item| restored(item, finder, values)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, field)| (finder.replace_all(key, values), restored(field, finder, values)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::inspect::{Place, Severity, inspect};

    fn finding(kind: FindingKind, pointer: &str, span: Range<u32>) -> Finding {
        Finding {
            kind,
            severity: Severity::Low,
            pointer: pointer.into(),
            in_name: false,
            start: span.start,
            end: span.end,
            why: String::new(),
            label: String::new(),
            decoded: None,
        }
    }

    #[test]
    fn one_value_has_one_placeholder_and_comes_back() {
        let params = json!({"systemPrompt": "Write to ann@corp.io", "messages": [{"role": "user", "content":
            {"type": "text", "text": "Grüße an ann@corp.io und bob@corp.io, nicht [EMAIL_2]."}}]});
        let redacted = redact(&params, &inspect(Place::Request, &params));
        assert_eq!(
            redacted.params,
            json!({"systemPrompt": "Write to [EMAIL_1]", "messages": [{"role": "user", "content":
                {"type": "text", "text": "Grüße an [EMAIL_1] und [EMAIL_3], nicht [EMAIL_2]."}}]})
        );
        assert_eq!(restore(&redacted.params, &redacted.originals), params);
        let answer = json!({"content": {"text": "Dear [EMAIL_3], [EMAIL_2]"}});
        assert_eq!(restore(&answer, &redacted.originals), json!({"content": {"text": "Dear bob@corp.io, [EMAIL_2]"}}));
    }

    #[test]
    fn what_is_redacted_later_takes_no_placeholder_that_was_given() {
        let first = redact(&json!(["ann@corp.io"]), &[finding(FindingKind::Email, "/0", 0..11)]);
        // The first was edited away; the second is new.
        let now = json!(["bob@corp.io", "ann@corp.io"]);
        let chosen = [finding(FindingKind::Email, "/0", 0..11), finding(FindingKind::Email, "/1", 0..11)];
        let both = redact_more(&now, &chosen, &first.originals);
        assert_eq!(both.params, json!(["[EMAIL_2]", "[EMAIL_1]"]));
        assert_eq!(restore(&both.params, &both.originals), now);
        assert_eq!(both.originals.len(), 2);
    }

    #[test]
    fn overlapping_spans_names_and_pointers_to_nowhere() {
        let params = json!({"a@b.io": "0123456789"});
        let mut name = finding(FindingKind::Email, "/a@b.io", 0..6);
        name.in_name = true;
        let chosen = [
            finding(FindingKind::Secret, "/a@b.io", 2..5),
            finding(FindingKind::Phone, "/a@b.io", 4..99),
            finding(FindingKind::Card, "/nowhere", 0..3),
            name,
        ];
        let redacted = redact(&params, &chosen);
        assert_eq!(redacted.params, json!({"[EMAIL_1]": "01[SECRET_1]"}));
        assert_eq!(restore(&redacted.params, &redacted.originals), params);
    }

    #[test]
    fn originals_do_not_print_themselves() {
        let params = json!("pw 123456");
        let redacted = redact(&params, &[finding(FindingKind::Secret, "", 3..9)]);
        assert_eq!(redacted.originals.placeholders().collect::<Vec<_>>(), ["[SECRET_1]"]);
        assert!(!format!("{redacted:?}").contains("123456"));
    }

    proptest! {
        #[test]
        fn what_is_redacted_comes_back(
            texts in prop::collection::vec("([a-c\\[\\]_1-3é]|SECRET|EMAIL|\\[SECRET_[12]\\]){0,12}", 1..4),
            spans in prop::collection::vec((0_usize..4, 0_u32..30, 0_u32..12, any::<bool>()), 0..8),
        ) {
            let params = json!({ "t": texts });
            let chosen: Vec<Finding> = spans.iter().map(|(index, start, length, secret)| {
                let kind = if *secret { FindingKind::Secret } else { FindingKind::Email };
                finding(kind, &format!("/t/{index}"), *start..start + length)
            }).collect();
            let redacted = redact(&params, &chosen);
            prop_assert_eq!(restore(&redacted.params, &redacted.originals), params);
        }
    }
}
