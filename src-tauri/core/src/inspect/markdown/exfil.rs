//! Addresses that carry data out: to show or to open them is to send it.

use super::super::{
    Severity, encoded,
    url::{self, Url},
};

/// Services that draw what stands in the address. Whoever attacks cannot read what they were asked for.
const DRAWING: &[&str] = &[
    "shields.io",
    "mermaid.ink",
    "plantuml.com",
    "kroki.io",
    "codecogs.com",
    "qrserver.com",
    "quickchart.io",
    "githubusercontent.com",
    "github.com",
    "badge.fury.io",
    "badgen.net",
    "contrib.rocks",
    "gravatar.com",
    "githubassets.com",
    "codecov.io",
    "travis-ci.org",
    "travis-ci.com",
    "circleci.com",
    "star-history.com",
    "wikimedia.org",
];

/// Names of parameters under which data is carried out.
const CARRIERS: &[&str] = &[
    "data",
    "d",
    "payload",
    "exfil",
    "leak",
    "secret",
    "secrets",
    "conversation",
    "conv",
    "chat",
    "history",
    "prompt",
    "msg",
    "message",
    "messages",
    "content",
    "context",
    "ctx",
    "info",
    "email",
    "mail",
    "token",
    "key",
    "apikey",
    "api_key",
    "password",
    "pass",
    "pw",
    "session",
    "cookie",
    "cookies",
    "log",
    "notes",
    "note",
    "text",
    "body",
    "dump",
    "stolen",
    "summary",
    "answer",
    "reply",
    "memory",
    "b64",
    "base64",
    "enc",
    "creds",
    "user_data",
    "userdata",
    "input",
    "output",
    "transcript",
    "system",
    "q",
    "c",
    "x",
    "s",
    "p",
    "z",
    "m",
];

/// Parameters of pictures that say how to draw them, and signatures of storage services.
const HARMLESS: &[&str] = &[
    "w",
    "h",
    "width",
    "height",
    "size",
    "style",
    "logo",
    "branch",
    "raw",
    "format",
    "fm",
    "fit",
    "crop",
    "auto",
    "v",
    "ver",
    "version",
    "dpr",
    "quality",
    "cache",
    "label",
    "color",
    "logocolor",
    "labelcolor",
    "expires",
    "signature",
    "sig",
    "se",
    "sp",
    "sv",
    "sr",
    "key-pair-id",
    "policy",
    "hash",
    "ixid",
    "ixlib",
    "rev",
    "ts",
    "theme",
    "lang",
    "job",
    "event",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-date",
    "x-amz-algorithm",
    "x-amz-signedheaders",
    "x-goog-signature",
    "x-goog-credential",
    "jwt",
];

/// Whether an address carries data out, or has a place for it.
pub(super) fn carries(url: &Url<'_>, image: bool) -> Option<(Severity, &'static str)> {
    let registered = url::registered(url.host);
    if DRAWING.contains(&registered.as_str()) {
        return None;
    }
    for (key, value) in url::query(url.rest) {
        let carrier = is_carrier(key);
        if is_place(value) && (image || carrier) {
            let severity = if image { Severity::High } else { Severity::Medium };
            return Some((severity, "Its address has a place where data is to be filled in."));
        }
        if HARMLESS.contains(&key.to_ascii_lowercase().as_str()) || key.to_ascii_lowercase().starts_with("utm_") {
            continue;
        }
        let decoded = encoded::unescape(value);
        if holds_text(value) && (image || carrier) {
            return Some((Severity::High, "Its address carries encoded text to another host."));
        }
        let words = decoded.split_whitespace().count();
        if image && (words >= 3 || decoded.contains('@') || decoded.len() >= 24 || carrier && decoded.len() >= 6) {
            return Some((Severity::Medium, "Showing this picture sends data to another host."));
        }
        let spoken = carrier && !matches!(key, "q" | "s" | "text" | "body" | "message" | "content" | "p" | "summary");
        if spoken && (words >= 4 || decoded.contains('@') && words >= 2) {
            return Some((Severity::Medium, "Its address carries text to another host."));
        }
    }
    let path = url.rest.split(['?', '#']).next().unwrap_or_default();
    if image
        && (path.split('/').any(|part| holds_text(part) || is_place(part) && part.contains(['{', '[']))
            || path.contains("%20%20"))
    {
        return Some((Severity::High, "Its address carries data to another host."));
    }
    let long_label =
        url.host.split('.').any(|label| label.len() >= 30 && label.bytes().filter(u8::is_ascii_digit).count() >= 4);
    let place = is_place(url.host);
    (image && (long_label || place)).then_some((Severity::Medium, "The name of its host carries data."))
}

pub(super) fn is_carrier(key: &str) -> bool {
    CARRIERS.iter().any(|carrier| key.eq_ignore_ascii_case(carrier))
}

/// A place to be filled in: `{data}`, `[NOTES]`, `<secret>`, `$TOKEN`, `BASE64_OF_CHAT`, a run of capitals.
pub(super) fn is_place(value: &str) -> bool {
    let value = value.trim();
    let marks = ["%7b", "{", "[", "<", "${", "$(", "…", "...", "%5b", "%3c"];
    let begins = |mark: &&str| value.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark));
    if marks.iter().any(begins) || value.contains("{{") {
        return true;
    }
    let shouted =
        value.len() >= 4 && value.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-' | b' '));
    let names = [
        "DATA",
        "SECRET",
        "CONVERSATION",
        "HISTORY",
        "BASE64",
        "ENCODED",
        "CHAT",
        "INSERT",
        "YOUR",
        "CONTENT",
        "TOKEN",
        "KEY",
        "PROMPT",
        "NOTES",
        "SUMMARY",
        "MESSAGE",
        "PASSWORD",
        "EMAIL",
        "TEXT",
        "CONTEXT",
        "HERE",
        "USER",
    ];
    shouted && names.iter().any(|name| value.contains(name))
}

/// Base64 of text.
fn holds_text(value: &str) -> bool {
    // A picture's name has an ending.
    let value =
        [".png", ".jpg", ".gif", ".svg", ".webp"].iter().find_map(|ending| value.strip_suffix(ending)).unwrap_or(value);
    value.len() >= 16 && encoded::holds_text(value.trim_end_matches(['.', ',']))
}
