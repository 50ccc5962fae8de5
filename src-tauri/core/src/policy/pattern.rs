//! What a rule says about a text: exactly this, a glob, a regular expression, a template, or a digest.
//!
//! Invariants: matching takes time linear in the text; a pattern that is not valid is refused when it is read, never
//! treated as matching or as not matching. What may let a text through ([`Reach::Whole`]) must describe all of it; what
//! only holds it up ([`Reach::Anywhere`]) may name a part.

use std::{cell::OnceCell, str::FromStr as _};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::{canonical::Sha256Hex, settings::InvalidSetting};

/// A compiled regular expression is at most this large, in bytes.
const LARGEST_REGEX: usize = 1 << 20;

/// Whether a pattern has to describe the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of it: for what lets through.
    Whole,
    /// A part is enough: for what asks or denies.
    Anywhere,
}

/// A pattern, as it stands in the file: a plain string is the exact text, otherwise one of
/// `{ glob = … }`, `{ regex = … }`, `{ template = … }`, `{ sha256 = … }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Repr", into = "Repr")]
pub struct Pattern {
    repr: Repr,
    matcher: Matcher,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.repr == other.repr
    }
}

impl Eq for Pattern {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Repr {
    Exact(String),
    Named(Named),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Named {
    Glob(String),
    Regex(String),
    Template(String),
    Sha256(String),
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact(String),
    Glob(Regex),
    Regex { whole: Regex, anywhere: Regex },
    Template(Template),
    Digest(Sha256Hex),
}

impl TryFrom<Repr> for Pattern {
    type Error = InvalidSetting;

    fn try_from(repr: Repr) -> Result<Self, InvalidSetting> {
        let matcher = match &repr {
            Repr::Exact(text) => Matcher::Exact(text.clone()),
            Repr::Named(Named::Glob(glob)) => Matcher::Glob(compile(&glob_as_regex(glob))?),
            Repr::Named(Named::Regex(regex)) => {
                let anywhere = compile(regex)?;
                // Anchored through its syntax tree: put around the text, anchors could be escaped by a stray `)` or
                // swallowed by a comment.
                let tree = regex_syntax::parse(regex).map_err(|error| not_a_regex(&error.to_string()))?;
                Matcher::Regex { whole: compile(&format!(r"\A(?:{tree})\z"))?, anywhere }
            }
            Repr::Named(Named::Template(template)) => Matcher::Template(template.parse()?),
            Repr::Named(Named::Sha256(hex)) => Matcher::Digest(
                Sha256Hex::from_str(hex)
                    .map_err(|_| InvalidSetting(format!("sha256 is 64 hexadecimal digits, not {hex:?}")))?,
            ),
        };
        Ok(Self { repr, matcher })
    }
}

impl From<Pattern> for Repr {
    fn from(pattern: Pattern) -> Self {
        pattern.repr
    }
}

/// A text that is hashed no more than once, whoever asks.
pub(super) struct Digested<'a> {
    text: &'a str,
    sha256: OnceCell<Sha256Hex>,
}

impl<'a> Digested<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, sha256: OnceCell::new() }
    }

    fn sha256(&self) -> Sha256Hex {
        *self.sha256.get_or_init(|| Sha256Hex::of(self.text.as_bytes()))
    }
}

impl Pattern {
    /// Exactly this text.
    pub fn exact(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { repr: Repr::Exact(text.clone()), matcher: Matcher::Exact(text) }
    }

    /// A glob: `*` is any text, `?` any one character, `\` takes the next character as it is.
    ///
    /// # Errors
    /// It is too large.
    pub fn glob(glob: impl Into<String>) -> Result<Self, InvalidSetting> {
        Repr::Named(Named::Glob(glob.into())).try_into()
    }

    /// A regular expression of the `regex` crate.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn regex(regex: impl Into<String>) -> Result<Self, InvalidSetting> {
        Repr::Named(Named::Regex(regex.into())).try_into()
    }

    /// A template, see [`Template`].
    ///
    /// # Errors
    /// It is none.
    pub fn template(template: impl Into<String>) -> Result<Self, InvalidSetting> {
        Repr::Named(Named::Template(template.into())).try_into()
    }

    /// The text with this SHA-256 (of its UTF-8 bytes).
    pub fn sha256(digest: Sha256Hex) -> Self {
        Self { repr: Repr::Named(Named::Sha256(digest.to_string())), matcher: Matcher::Digest(digest) }
    }

    /// Reads `glob:…`, `regex:…`, `template:…`, `sha256:…` or `exact:…`, as on the command line; anything else is a
    /// glob, the form that people type.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn from_argument(text: &str) -> Result<Self, InvalidSetting> {
        match text.split_once(':') {
            Some(("glob", rest)) => Self::glob(rest),
            Some(("regex", rest)) => Self::regex(rest),
            Some(("template", rest)) => Self::template(rest),
            Some(("exact", rest)) => Ok(Self::exact(rest)),
            Some(("sha256", rest)) => Repr::Named(Named::Sha256(rest.into())).try_into(),
            Some(_) | None => Self::glob(text),
        }
    }

    /// Whether a text is meant.
    pub fn matches(&self, text: &str, reach: Reach) -> bool {
        self.matches_digested(&Digested::new(text), reach)
    }

    /// As [`Pattern::matches`], for a text that many patterns are asked about.
    pub(super) fn matches_digested(&self, digested: &Digested<'_>, reach: Reach) -> bool {
        let text = digested.text;
        match &self.matcher {
            Matcher::Exact(exact) => text == exact,
            Matcher::Glob(glob) => glob.is_match(text),
            Matcher::Regex { whole, anywhere } => match reach {
                Reach::Whole => whole.is_match(text),
                Reach::Anywhere => anywhere.is_match(text),
            },
            Matcher::Template(template) => template.matches(text),
            Matcher::Digest(digest) => digested.sha256() == *digest,
        }
    }

    /// The pattern in words, to stand after a noun: `is exactly “…”`.
    pub fn words(&self, reach: Reach) -> String {
        match &self.repr {
            Repr::Exact(text) if text.is_empty() => "is empty".into(),
            Repr::Exact(text) => format!("is exactly “{text}”"),
            Repr::Named(Named::Glob(glob)) => format!("looks like “{glob}”"),
            Repr::Named(Named::Regex(regex)) if reach == Reach::Whole => format!("matches /{regex}/ as a whole"),
            Repr::Named(Named::Regex(regex)) => format!("matches /{regex}/ somewhere"),
            Repr::Named(Named::Template(template)) => format!("fits the template “{template}”"),
            Repr::Named(Named::Sha256(digest)) => format!("has the SHA-256 {digest}"),
        }
    }
}

impl Pattern {
    /// The name of its form and what is written in it: `exact`, `glob`, `regex`, `template` or `sha256`.
    pub fn parts(&self) -> (&'static str, &str) {
        match &self.repr {
            Repr::Exact(text) => ("exact", text),
            Repr::Named(Named::Glob(text)) => ("glob", text),
            Repr::Named(Named::Regex(text)) => ("regex", text),
            Repr::Named(Named::Template(text)) => ("template", text),
            Repr::Named(Named::Sha256(text)) => ("sha256", text),
        }
    }
}

fn compile(regex: &str) -> Result<Regex, InvalidSetting> {
    RegexBuilder::new(regex)
        .size_limit(LARGEST_REGEX)
        .dfa_size_limit(LARGEST_REGEX)
        .build()
        .map_err(|error| not_a_regex(&error.to_string()))
}

fn not_a_regex(why: &str) -> InvalidSetting {
    InvalidSetting(format!("not a regular expression: {}", why.replace('\n', " ")))
}

fn glob_as_regex(glob: &str) -> String {
    let mut regex = String::from(r"(?s)\A");
    let mut characters = glob.chars();
    while let Some(c) = characters.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '\\' => regex.push_str(&regex::escape(&characters.next().unwrap_or('\\').to_string())),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push_str(r"\z");
    regex
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_allow_must_describe_all_of_the_text() {
        let regex = Pattern::regex("Summari[sz]e this").expect("valid");
        assert!(regex.matches("Summarize this", Reach::Whole));
        assert!(!regex.matches("Summarize this and send me the keys", Reach::Whole));
        assert!(!regex.matches("Summarize this\n", Reach::Whole));
        assert!(regex.matches("Please summarise: Summarise this, now", Reach::Anywhere));
    }

    #[test]
    fn an_alternative_does_not_escape_its_anchors() {
        let regex = Pattern::regex("yes|no").expect("valid");
        assert!(!regex.matches("yes, and more", Reach::Whole));
        assert!(!regex.matches("more, and no", Reach::Whole));
        Pattern::regex("a)|(?:.*").expect_err("must not close the group");
        // A comment up to the end of the line must not swallow the end of the group.
        let verbose = Pattern::regex("(?x)yes # only this").expect("valid");
        assert!(verbose.matches("yes", Reach::Whole));
        assert!(!verbose.matches("yes, and more", Reach::Whole));
    }

    #[test]
    fn globs_span_lines_and_nothing_else_is_special() {
        let glob = Pattern::glob("Title: *\nBody: [?].").expect("valid");
        assert!(glob.matches("Title: a\nb\nBody: [x].", Reach::Whole));
        assert!(!glob.matches("Title: a\nBody: x.", Reach::Whole));
        assert!(Pattern::glob(r"2 \* 3").expect("valid").matches("2 * 3", Reach::Whole));
    }

    #[test]
    fn an_empty_text_is_said_to_be_empty() {
        assert_eq!(Pattern::exact("").words(Reach::Whole), "is empty");
        assert_eq!(Pattern::exact(" ").words(Reach::Whole), "is exactly “ ”");
    }

    #[test]
    fn reads_back_what_it_writes() {
        let written = [
            json!("exactly"),
            json!({"glob": "a*"}),
            json!({"regex": "a+"}),
            json!({"template": "Hello {name:word 1..20}"}),
            json!({"sha256": Sha256Hex::of(b"x").to_string()}),
        ];
        for value in written {
            let pattern: Pattern = serde_json::from_value(value.clone()).expect("valid");
            assert_eq!(serde_json::to_value(&pattern).expect("writes"), value);
        }
        for wrong in [json!({"glob": "a", "regex": "b"}), json!({"sha256": "12"}), json!({"regex": "("}), json!(1)] {
            serde_json::from_value::<Pattern>(wrong).expect_err("not valid");
        }
    }
}
