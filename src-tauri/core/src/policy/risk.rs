//! How much a server or a tool can do: risk classes, and the labels whose sum is dangerous.
//!
//! The classes are the person's; [`propose`] only suggests one. Read public data is low, read private data is medium,
//! act for someone or write is high. A tool without labels counts as having every one of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::named;

named! {
    /// What may go wrong, in order.
    Risk:
    /// It reads what is public.
    Low = "low",
    /// It reads what is private.
    Medium = "medium",
    /// It acts for someone: money, writing on someone's behalf, secrets. Both gates always ask.
    High = "high",
}

named! {
    /// What a tool can bring together. All three in one request let untrusted text carry private data out (the
    /// "lethal trifecta", Simon Willison, 2025).
    Label:
    /// It reads private data.
    Private = "private",
    /// It sees content that strangers can write.
    Untrusted = "untrusted",
    /// It communicates outward.
    Outward = "outward",
}

impl Label {
    /// The label in words, after "a tool that".
    pub fn words(self) -> &'static str {
        match self {
            Self::Private => "reads private data",
            Self::Untrusted => "sees untrusted content",
            Self::Outward => "communicates outward",
        }
    }
}

/// What a server says about a tool (MCP, tool annotations). Hints: a hostile server lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
    /// `openWorldHint`.
    pub open_world: Option<bool>,
}

impl Hints {
    /// Reads a tool's `annotations`.
    pub fn of(annotations: &Value) -> Self {
        let said = |name: &str| annotations.get(name).and_then(Value::as_bool);
        Self {
            read_only: said("readOnlyHint"),
            destructive: said("destructiveHint"),
            open_world: said("openWorldHint"),
        }
    }

    /// Whether the server says that the tool changes nothing. Where nothing is said, it does not say so (MCP, tool
    /// annotations); one that says it destroys does not say so either, whatever else it says.
    pub fn says_read_only(self) -> bool {
        self.read_only == Some(true) && self.destructive != Some(true)
    }

    /// Whether the server says, or by its silence lets one expect, that the tool may destroy something (MCP, tool
    /// annotations).
    pub fn may_destroy(self) -> bool {
        !self.says_read_only() && self.destructive != Some(false)
    }
}

/// A proposed class, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The class.
    pub risk: Risk,
    /// Why, in a sentence.
    pub why: String,
}

/// Words in a tool's name that tell of money, of writing for someone, or of secrets.
const ACTS: &[&str] = &[
    "pay",
    "payment",
    "buy",
    "purchase",
    "order",
    "charge",
    "refund",
    "transfer",
    "invoice",
    "send",
    "mail",
    "email",
    "post",
    "publish",
    "tweet",
    "reply",
    "comment",
    "message",
    "notify",
    "write",
    "create",
    "update",
    "edit",
    "set",
    "put",
    "patch",
    "delete",
    "remove",
    "drop",
    "move",
    "rename",
    "upload",
    "deploy",
    "merge",
    "push",
    "commit",
    "approve",
    "sign",
    "exec",
    "execute",
    "run",
    "eval",
    "shell",
    "command",
    "install",
    "grant",
    "revoke",
    "password",
    "secret",
    "token",
    "credential",
    "key",
    "login",
];

/// Words that tell of private data.
const PRIVATE: &[&str] = &[
    "inbox",
    "calendar",
    "contact",
    "contacts",
    "file",
    "files",
    "document",
    "documents",
    "note",
    "notes",
    "history",
    "memory",
    "database",
    "query",
    "sql",
    "account",
    "profile",
    "user",
    "customer",
    "repo",
    "issue",
    "log",
    "logs",
    "env",
    "clipboard",
    "screenshot",
];

/// Proposes a class for a tool from its name and what its server says about it. Names raise, hints never lower what
/// the name says: the server writes both, but it needs a telling name to be used.
pub fn propose(name: &str, hints: Hints) -> Proposal {
    let words = words(name);
    let hit = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str())).cloned();
    let proposal = |risk, why: String| Proposal { risk, why };
    if hints.destructive == Some(true) && hints.read_only != Some(true) {
        return proposal(Risk::High, "Its server says that it can destroy something.".into());
    }
    if let Some(word) = hit(ACTS) {
        return proposal(Risk::High, format!("Its name says “{word}”: it may act for you."));
    }
    if hints.read_only == Some(false) {
        return proposal(Risk::High, "Its server says that it does not only read.".into());
    }
    if let Some(word) = hit(PRIVATE) {
        return proposal(Risk::Medium, format!("Its name says “{word}”: it may read what is private."));
    }
    match hints {
        Hints { read_only: Some(true), open_world: Some(false), .. } => {
            proposal(Risk::Medium, "Its server says that it only reads, within its own data.".into())
        }
        Hints { read_only: Some(true), .. } => proposal(Risk::Low, "Its server says that it only reads.".into()),
        _ => proposal(Risk::Medium, "Nothing tells what it does.".into()),
    }
}

/// Words in a tool's name that tell of content which strangers can write.
const UNTRUSTED: &[&str] = &[
    "fetch", "browse", "browser", "web", "url", "http", "page", "crawl", "scrape", "search", "read", "inbox", "mail",
    "email", "message", "comment", "issue", "feed", "download", "review", "ticket", "news",
];

/// Words that tell of a way out.
const OUTWARD: &[&str] = &[
    "fetch", "browse", "web", "url", "http", "request", "webhook", "send", "mail", "email", "post", "publish", "tweet",
    "reply", "comment", "message", "notify", "upload", "push", "share", "invite", "pay", "payment", "order", "deploy",
];

/// Words that tell of secrets, which are private besides being dangerous.
const SECRETS: &[&str] = &["password", "secret", "token", "credential", "key", "login"];

/// Proposes labels for a tool, each with its reason. A tool about which nothing tells gets every one of them, as it
/// does where nobody labels it.
pub fn propose_labels(name: &str, hints: Hints) -> Vec<(Label, String)> {
    let words = words(name);
    let hit = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str()));
    let named = |label: Label, word: &String| (label, format!("Its name says “{word}”."));
    let mut labels: Vec<(Label, String)> = Vec::new();
    labels.extend(hit(PRIVATE).or_else(|| hit(SECRETS)).map(|word| named(Label::Private, word)));
    labels.extend(hit(UNTRUSTED).map(|word| named(Label::Untrusted, word)));
    labels.extend(hit(OUTWARD).map(|word| named(Label::Outward, word)));
    if hints.open_world == Some(true) {
        let why = || "Its server says that it deals with the outside world.".to_owned();
        for label in [Label::Untrusted, Label::Outward] {
            if labels.iter().all(|(known, _)| *known != label) {
                labels.push((label, why()));
            }
        }
    }
    // What a server says of itself takes no label away: it would talk its tools out of the check.
    if labels.is_empty() {
        return Label::ALL.iter().map(|label| (*label, "Nothing tells that it does not.".to_owned())).collect();
    }
    labels.sort_by_key(|(label, _)| *label);
    labels
}

/// Which tools bring which of the labels, in a sentence, for a request in which [`is_trifecta`] holds.
pub fn trifecta_sentence<'a>(tools: impl IntoIterator<Item = (&'a str, Option<&'a BTreeSet<Label>>)>) -> String {
    let told = tools.into_iter().filter_map(|(name, labels)| match labels {
        None => Some(format!("{name} counts as all of it, since nobody labelled it")),
        Some(labels) if labels.is_empty() => None,
        Some(labels) => {
            let words: Vec<&str> = labels.iter().map(|label| label.words()).collect();
            Some(format!("{name} {}", words.join(" and ")))
        }
    });
    format!("{}.", told.collect::<Vec<_>>().join("; "))
}

/// `sendMail`, `send_mail`, `send-mail` → send, mail.
fn words(name: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.insert(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
    }
    words.insert(word);
    words.remove("");
    words
}

/// Whether tools with these labels, together, can carry private data out. None: a tool that nobody labelled.
pub fn is_trifecta<'a>(tools: impl IntoIterator<Item = Option<&'a BTreeSet<Label>>>) -> bool {
    let mut seen = BTreeSet::new();
    for labels in tools {
        match labels {
            Some(labels) => seen.extend(labels.iter().copied()),
            None => seen.extend(Label::ALL.iter().copied()),
        }
    }
    seen.len() == Label::ALL.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_hints_deny() {
        let read_only = Hints { read_only: Some(true), ..Hints::default() };
        assert_eq!(propose("confirmPayment", read_only).risk, Risk::High);
        assert_eq!(propose("send-mail", Hints::default()).risk, Risk::High);
        assert_eq!(propose("list_files", read_only).risk, Risk::Medium);
        assert_eq!(propose("get_weather", read_only).risk, Risk::Low);
        assert_eq!(propose("get_weather", Hints::default()).risk, Risk::Medium);
        assert_eq!(propose("summarize", Hints { destructive: Some(true), ..Hints::default() }).risk, Risk::High);
        // No word of the list, although it holds one.
        assert_eq!(propose("sender_reputation", read_only).risk, Risk::Low);
    }

    #[test]
    fn silence_is_taken_as_the_protocol_has_it() {
        let hints = |read_only, destructive| Hints { read_only, destructive, open_world: None };
        let says = |hints: Hints| (hints.says_read_only(), hints.may_destroy());
        assert_eq!(says(hints(None, None)), (false, true));
        assert_eq!(says(hints(Some(true), None)), (true, false));
        assert_eq!(says(hints(Some(true), Some(true))), (false, true));
        assert_eq!(says(hints(None, Some(false))), (false, false));
    }

    #[test]
    fn labels_are_proposed_from_names_and_hints() {
        let labels = |name: &str, open_world: Option<bool>| {
            let proposed = propose_labels(name, Hints { open_world, ..Hints::default() });
            proposed.into_iter().map(|(label, _)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels("list_files", None), [Label::Private]);
        assert_eq!(labels("fetch_page", None), [Label::Untrusted, Label::Outward]);
        assert_eq!(labels("read_inbox", Some(true)), Label::ALL);
        assert_eq!(labels("confirm_payment", None), [Label::Outward]);
        assert_eq!(labels("frobnicate", None), Label::ALL, "nothing tells: as where nobody labels it");
        assert_eq!(labels("frobnicate", Some(false)), Label::ALL, "its server says so, and gains nothing by it");
    }

    #[test]
    fn a_trifecta_is_told_tool_by_tool() {
        let (private, none) = (BTreeSet::from([Label::Private]), BTreeSet::new());
        let told = trifecta_sentence([("a", Some(&private)), ("b", None), ("c", Some(&none))]);
        assert_eq!(told, "a reads private data; b counts as all of it, since nobody labelled it.");
    }

    #[test]
    fn an_unlabelled_tool_has_every_label() {
        assert!(is_trifecta([None]));
        assert!(!is_trifecta([]));
        let only = |label| BTreeSet::from([label]);
        let (private, untrusted, outward) = (only(Label::Private), only(Label::Untrusted), only(Label::Outward));
        assert!(!is_trifecta([Some(&private), Some(&untrusted)]));
        assert!(is_trifecta([Some(&private), Some(&untrusted), Some(&outward)]));
        assert!(!is_trifecta([Some(&BTreeSet::new())]));
    }
}
