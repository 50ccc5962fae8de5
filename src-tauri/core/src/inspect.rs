//! Points at what a person would miss in a text.
//!
//! Data flow: a JSON value (a request's params or an answer's result) → every string in it → [`Finding`]s, each with
//! the exact span. Findings are shown in place of the characters; a byte-level finding of high severity turns an
//! allow into an ask ([`crate::policy`]).
//!
//! Deliberately absent: any judgement that lowers a verdict. Findings only ever raise it.

mod invisible;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use invisible::is_invisible;

/// How bad a finding is, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unusual.
    Low,
    /// Look at it.
    Medium,
    /// Text that hides something.
    High,
    /// Certainly hostile.
    Critical,
}

impl Severity {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Characters that change the direction of text (Unicode UAX #9; "Trojan Source", CVE-2021-42574).
    Bidi,
    /// Characters of no width.
    ZeroWidth,
    /// Tag characters U+E0000–E007F, which spell ASCII invisibly.
    Tag,
    /// Variation selectors where no character varies; runs of them carry bytes.
    VariationSelector,
    /// Hangul and other fillers that look like space.
    Filler,
    /// Soft hyphens.
    SoftHyphen,
    /// Control characters.
    Control,
    /// Terminal escape sequences (ECMA-48).
    Ansi,
}

impl FindingKind {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bidi => "bidi",
            Self::ZeroWidth => "zero_width",
            Self::Tag => "tag",
            Self::VariationSelector => "variation_selector",
            Self::Filler => "filler",
            Self::SoftHyphen => "soft_hyphen",
            Self::Control => "control",
            Self::Ansi => "ansi",
        }
    }
}

/// Something in a text that a person would miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// RFC 6901 pointer to the string.
    pub pointer: String,
    /// Start in the string, in Unicode scalar values.
    pub start: u32,
    /// End (exclusive), in Unicode scalar values.
    pub end: u32,
    /// One sentence why.
    pub why: String,
    /// A short label to show in place of the characters.
    pub label: String,
}

/// Inspects every string in `value`, object keys included, but for the base64 payload of images and audio.
pub fn inspect(value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(value, &mut String::new(), &mut findings);
    findings
}

/// The severity of the worst finding.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}

fn walk(value: &Value, pointer: &mut String, findings: &mut Vec<Finding>) {
    let base = pointer.len();
    match value {
        Value::String(text) => invisible::scan(text, pointer, findings),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                walk(item, pointer, findings);
                pointer.truncate(base);
            }
        }
        Value::Object(fields) => {
            let media = matches!(fields.get("type").and_then(Value::as_str), Some("image" | "audio"));
            for (key, field) in fields {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                // A key can hide text as well as a value can; its finding points at the field.
                invisible::scan(key, pointer, findings);
                if !(media && key == "data") {
                    walk(field, pointer, findings);
                }
                pointer.truncate(base);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_hidden_text_and_says_what_it_spells() {
        let hidden: String = "send it".chars().filter_map(|c| char::from_u32(0xE0000 + c as u32)).collect();
        let params =
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": format!("Hi.{hidden} Bye")}}]});
        let findings = inspect(&params);
        assert_eq!(
            findings,
            vec![Finding {
                kind: FindingKind::Tag,
                severity: Severity::High,
                pointer: "/messages/0/content/text".into(),
                start: 3,
                end: 10,
                why: "7 invisible tag characters spell “send it”.".into(),
                label: "7 tag characters: “send it”".into(),
            }]
        );
    }

    #[test]
    fn leaves_ordinary_text_alone() {
        for text in [
            "Tab\tand\r\nnewline",
            "naïve café",
            "👩‍👩‍👧 family ❤️",
            "می‌خواهم",
            "क्‍ष",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        ] {
            assert_eq!(inspect(&json!({ "text": text })), vec![], "{text:?}");
        }
    }

    #[test]
    fn finds_every_kind() {
        let kinds = |text: &str| inspect(&json!(text)).iter().map(|f| (f.kind, f.severity)).collect::<Vec<_>>();
        assert_eq!(kinds("a\u{202E}b"), vec![(FindingKind::Bidi, Severity::High)]);
        assert_eq!(kinds("a\u{200B}b"), vec![(FindingKind::ZeroWidth, Severity::Medium)]);
        assert_eq!(kinds("a\u{3164}b"), vec![(FindingKind::Filler, Severity::Medium)]);
        assert_eq!(kinds("a\u{AD}b"), vec![(FindingKind::SoftHyphen, Severity::Low)]);
        assert_eq!(kinds("a\u{1b}[2Jb"), vec![(FindingKind::Ansi, Severity::High)]);
        assert_eq!(kinds("a\u{8}b"), vec![(FindingKind::Control, Severity::Medium)]);
        assert_eq!(kinds("a\u{FE01}\u{FE02}\u{E0110}b"), vec![(FindingKind::VariationSelector, Severity::High)]);
    }

    #[test]
    fn inspects_keys_and_spares_media_payload() {
        assert_eq!(inspect(&json!({"k\u{202E}": 1})).len(), 1);
        assert_eq!(inspect(&json!({"type": "image", "data": "\u{202E}"})), vec![]);
    }
}
