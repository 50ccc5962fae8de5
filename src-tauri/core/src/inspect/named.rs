//! Secrets among named values and in lines of text: what is to be kept in a keychain, and what is not to be shown.

use std::ops::Range;

use serde_json::Value;

use super::{FindingKind, Place, inspect};

/// Words in the name of a variable or a header that holds a secret.
const TELLTALE: &[&str] = &[
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "pwd",
    "secret",
    "token",
];

/// Whether the name of a variable or a header says that its value is a secret.
pub fn names_a_secret(name: &str) -> bool {
    name.split(['-', '_', '.']).any(|word| TELLTALE.iter().any(|telltale| word.eq_ignore_ascii_case(telltale)))
}

/// Whether a named value is to be kept like a secret: by its name, or by its form. A switch or a small number is none,
/// whatever its name.
pub fn is_secret(name: &str, value: &str) -> bool {
    let trivial = value.len() < 4
        || matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "none" | "null")
        || value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    !trivial && (names_a_secret(name) || !secrets_in(&format!("{name}={value}")).is_empty())
}

/// The spans of secrets in a text, in bytes, in their order.
pub fn secrets_in(text: &str) -> Vec<Range<usize>> {
    let kept = |kind| matches!(kind, FindingKind::Secret | FindingKind::PrivateKey);
    let mut spans: Vec<Range<usize>> = inspect(Place::Request, &Value::from(text))
        .into_iter()
        .filter(|finding| kept(finding.kind) && finding.decoded.is_none())
        .map(|finding| byte_at(text, finding.start)..byte_at(text, finding.end))
        .collect();
    spans.sort_by_key(|span| span.start);
    spans
}

/// What stands where a value is not shown.
const HIDDEN: &str = "•••";

/// A text with these spans hidden, which are in their order; they may overlap.
pub fn hide(text: &str, spans: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        let (start, end) = (span.start.clamp(at, text.len()), span.end.clamp(at, text.len()));
        if end <= start {
            continue;
        }
        // What overlaps is one.
        if span.start >= at {
            shown.push_str(text.get(at..start).unwrap_or_default());
            shown.push_str(HIDDEN);
        }
        at = end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

fn byte_at(text: &str, scalar: u32) -> usize {
    text.char_indices().nth(scalar as usize).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_its_name_or_its_form() {
        let token = format!("ghp_{}", "Zx8Kq2Lm4Np6Rs0Tu1Vw3Xy5Za7Bc9De2Fg4");
        for (name, value) in [
            ("GITHUB_TOKEN", "anything"),
            ("Authorization", "Bearer abcd"),
            ("X-Api-Key", "k-12345"),
            ("DB_PASSWORD", "hunter2!"),
            ("ANYTHING", token.as_str()),
            ("DATABASE_URL", "postgres://me:Gx7pQ2zR9k@db.internal.net/x"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("LOG_LEVEL", "debug"),
            ("MAX_TOKENS", "4096"),
            ("USE_AUTH", "true"),
            ("PORT", "8080"),
            ("KEY", ""),
            ("BASE_URL", "https://api.example.org/v1"),
            ("KEYBOARD", "dvorak"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn what_is_a_secret_is_hidden_where_it_stands() {
        let text = format!("ü --header 'Authorization: Bearer' ghp_{} end", "Zx8Kq2Lm4Np6Rs0Tu1Vw3Xy5Za7Bc9De2Fg4");
        let hidden = hide(&text, &secrets_in(&text));
        assert!(
            hidden.starts_with("ü --header") && hidden.ends_with("••• end") && !hidden.contains("Zx8K"),
            "{hidden}"
        );
        assert_eq!(hide("abcdef", &[1..3, 2..4, 9..12]), "a•••ef");
    }
}
