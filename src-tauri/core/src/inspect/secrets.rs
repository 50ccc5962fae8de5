//! Keys, tokens and passwords.
//!
//! Data flow: one pass looks for the words that keys begin with or stand behind ([`rules`]); where one is, its rule
//! reads what follows: the alphabet, the length, and how random it is. No rule looks further than the value, so the
//! time is linear. What is written as an example is passed over.

mod rules;
mod value;

use std::{ops::Range, sync::LazyLock};

use aho_corasick::dfa::DFA;

use super::{FindingKind, Severity, finder::Finder, found::Found, walk::Text};
use rules::{ASSIGNED, Alphabet, Assigned, PREFIXED, Prefixed};

/// How far behind a word its value may begin, and how many signs may stand behind the value, in bytes.
const GAP: usize = 48;
const TRAILING: usize = 64;

/// Words that begin a token, and words that stand before a value.
static PREFIXES: LazyLock<Option<Finder<DFA>>> = LazyLock::new(|| {
    let prefixes = PREFIXED.iter().map(|rule| rule.prefix);
    Some(Finder::new(DFA::builder().prefilter(false).build(prefixes).ok()?))
});
static NAMES: LazyLock<Option<Finder<DFA>>> = LazyLock::new(|| {
    let names = ASSIGNED.iter().map(|rule| rule.name);
    Some(Finder::new(DFA::builder().prefilter(false).ascii_case_insensitive(true).build(names).ok()?))
});

/// Finds secrets.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let mut taken = Taken::default();
    private_keys(raw, found);
    let hits = |finder: &'static LazyLock<Option<Finder<DFA>>>| {
        finder.iter().flat_map(|finder| finder.leftmost(raw, &text.parts))
    };
    for hit in hits(&PREFIXES) {
        if let Some(rule) = PREFIXED.get(hit.word)
            && let Some(span) = prefixed(raw, rule, hit.span)
            && taken.take(&span)
        {
            let severity = if rule.live { Severity::High } else { Severity::Medium };
            let kind = if rule.key { FindingKind::PrivateKey } else { FindingKind::Secret };
            found.add(kind, severity, span, || format!("It has the form of {}.", rule.what));
        }
    }
    for hit in hits(&NAMES) {
        if let Some(rule) = ASSIGNED.get(hit.word)
            && let Some((span, severity)) = assigned(raw, rule, hit.span)
            && taken.take(&span)
        {
            let kind = if rule.key { FindingKind::PrivateKey } else { FindingKind::Secret };
            found.add(kind, severity, span, || format!("It looks like {}.", rule.what));
        }
    }
    logins(text, &mut taken, found);
}

/// Spans that were told already: one value is told once.
#[derive(Default)]
struct Taken(std::collections::BTreeMap<usize, usize>);

impl Taken {
    fn take(&mut self, span: &Range<usize>) -> bool {
        let overlaps = self.0.range(..span.end).next_back().is_some_and(|(_, end)| *end > span.start);
        if !overlaps {
            self.0.insert(span.start, span.end);
        }
        !overlaps
    }
}

/// A token with a beginning of its own, such as `ghp_…`.
fn prefixed(raw: &str, rule: &Prefixed, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = raw.as_bytes();
    let free = prefix.start == 0
        || !(bytes[prefix.start - 1].is_ascii_alphanumeric() || bytes[prefix.start - 1] == b'_')
        || starts_after_escape(bytes, prefix.start);
    if !free {
        return None;
    }
    let body = rule.alphabet.run(&bytes[prefix.end..], rule.most + 1);
    if body < rule.least || body > rule.most {
        return None;
    }
    let value = raw.get(prefix.end..prefix.end + body)?;
    let value = value
        .trim_end_matches(['.', '-', '_', '/', '='])
        .get(..)
        .filter(|trimmed| trimmed.len() >= rule.least)
        .unwrap_or(value);
    (value::entropy(value) >= rule.entropy && !value::is_example(value))
        .then_some(prefix.start..prefix.end + value.len())
}

/// `\n` in JSON inside of a string leaves a letter before the token.
fn starts_after_escape(bytes: &[u8], at: usize) -> bool {
    at >= 2 && matches!(bytes[at - 1], b'n' | b't' | b'r') && bytes[at - 2] == b'\\'
}

/// A value behind a name, such as `password = "…"`.
fn assigned(raw: &str, rule: &Assigned, name: Range<usize>) -> Option<(Range<usize>, Severity)> {
    let bytes = raw.as_bytes();
    // The name of a service is a word; "password" may be the end of one.
    let service = rule.alphabet != Alphabet::Any;
    if service && name.start > 0 && bytes[name.start - 1].is_ascii_alphabetic() {
        return None;
    }
    let (start, quoted) = behind(raw, name.end, rule.loose)?;
    let rest = &bytes[start..bytes.len().min(start + rule.most.saturating_add(TRAILING))];
    let length = match quoted {
        Some(quote) => rest.iter().position(|byte| *byte == quote || *byte == b'\n')?,
        None => rest.iter().position(|byte| ends_value(*byte)).unwrap_or(rest.len()),
    };
    let value = raw.get(start..start + length)?;
    let value = if quoted.is_none() { value.trim_end_matches(['.', ',', ';', ')', '*', '?', '!', ':']) } else { value };
    let span = start..start + value.len();
    if value.len() < rule.least || value.len() > rule.most {
        return None;
    }
    // Code that computes a value is none.
    let computed = quoted.is_none()
        && (value.contains(['(', '[', '{', '$', '<', '>'])
            || bytes.get(start + length).is_some_and(|byte| matches!(byte, b'(' | b'[')));
    if computed || value::is_example(value) {
        return None;
    }
    if !service {
        let severity = generic(value, quoted.is_some(), rule)?;
        // Links carry tokens of their own, which open no more than the link.
        let in_query =
            name.start > 0 && matches!(bytes[name.start - 1], b'?' | b'&' | b';') && bytes.get(name.end) == Some(&b'=');
        return Some((span, if in_query { Severity::Low } else { severity }));
    }
    let fits = rule.alphabet.run(value.as_bytes(), value.len()) == value.len();
    (fits && value::classes(value).digits > 0 && value::entropy(value) >= rule.entropy)
        .then_some((span, Severity::High))
}

/// Values of no known form: told by how random they are.
fn generic(value: &str, quoted: bool, rule: &Assigned) -> Option<Severity> {
    // Regular expressions and escapes are random to look at too.
    if value.contains('\\') {
        return None;
    }
    if value.contains(char::is_whitespace) && !(quoted && rule.password && value.split_whitespace().count() <= 2) {
        return None;
    }
    let classes = value::classes(value);
    let entropy = value::entropy(value);
    if !rule.password {
        let random = value.len() >= 16
            && entropy >= 3.3
            && classes.digits >= 2
            && classes.letters >= 4
            && !value::is_words(value);
        return random.then_some(Severity::High);
    }
    // People choose passwords that are less random; figures and signs tell them from words.
    let call = value.ends_with(')') && value.contains('(');
    let chosen = !call
        && value.len() >= 6
        && classes.letters >= 2
        && (classes.digits >= 1 && (classes.signs >= 1 || classes.upper >= 1 || quoted || entropy >= 2.8)
            || classes.signs >= 2)
        && entropy >= 2.5;
    (chosen && !value::is_words(value)).then_some(if entropy >= 3.0 && value.len() >= 10 {
        Severity::High
    } else {
        Severity::Medium
    })
}

/// Where the value begins behind a name, and the quote it stands in.
fn behind(raw: &str, at: usize, loose: bool) -> Option<(usize, Option<u8>)> {
    let bytes = raw.as_bytes();
    let limit = bytes.len().min(at + GAP);
    let mut at = at;
    // The rest of the name.
    while !loose && at < limit && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'-' | b'.')) {
        at += 1;
    }
    let mut separated = false;
    let mut words = 0;
    while at < limit {
        match bytes[at] {
            b'=' | b':' => separated = true,
            b'>' if separated => {}
            b' ' | b'\t' | b'*' => {}
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\'')) => {}
            b'"' | b'\'' | b'`' if !separated && !loose => {}
            b'"' | b'\'' | b'`' => return Some((at + 1, Some(if bytes[at - 1] == b'\\' { b'\\' } else { bytes[at] }))),
            b'<' if separated => return None,
            b']' | b')' if !separated => {}
            _ if separated || loose && words > 0 => break,
            // "the password is …"
            b'i' if bytes[at..].starts_with(b"is ") => {
                words += 1;
                at += 1;
                separated = true;
            }
            _ if loose => {
                break;
            }
            _ => return None,
        }
        at += 1;
    }
    ((separated || loose) && at < limit).then_some((at, None))
}

fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'|' | b'\\' | b'<')
        || byte < 0x20
}

/// PEM and its like: from the first line to the last.
fn private_keys(raw: &str, found: &mut Found) {
    const BEGIN: &str = "-----BEGIN ";
    const NAME: &str = "PRIVATE KEY";
    const END: &str = "-----END";
    /// The smallest key in use has more signs than this; what is shown as an example has fewer.
    const LEAST: usize = 48;
    /// How long a run of its signs is that is no word, where no last line says how far the key goes.
    const RUN: usize = 20;
    let mut from = 0;
    for at in memchr::memmem::find_iter(raw.as_bytes(), BEGIN) {
        if at < from {
            continue;
        }
        let head = &raw[at..raw.floor_char_boundary((at + 64).min(raw.len()))];
        let Some(name) = head.find(NAME) else { continue };
        let window = &raw[at..raw.floor_char_boundary((at + 20_000).min(raw.len()))];
        // Behind the name: what calls itself an end before it ends nothing.
        let named = name + NAME.len();
        let closed = window[named..].find(END).map(|end| named + end);
        let body = &window[named..closed.unwrap_or(window.len())];
        let sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let key: usize = match closed {
            Some(_) => body.bytes().filter(sign).count(),
            None => body.as_bytes().split(|byte| !sign(byte)).map(<[u8]>::len).filter(|run| *run >= RUN).sum(),
        };
        let end = closed
            .map_or(window.len(), |end| end + window[end + 5..].find("-----").map_or(END.len(), |tail| tail + 10));
        from = at + end;
        let severity = if key < LEAST { Severity::Info } else { Severity::High };
        found.add(FindingKind::PrivateKey, severity, at..at + end, || {
            if severity == Severity::High {
                "A private key.".into()
            } else {
                "The frame of a private key, without one.".into()
            }
        });
    }
}

/// `scheme://user:password@host`, and `Authorization: Basic …`.
fn logins(text: &Text<'_>, taken: &mut Taken, found: &mut Found) {
    for url in &text.urls {
        let Some((user, password)) = url.user.and_then(|user| user.split_once(':')) else { continue };
        let default = matches!(
            password,
            "postgres"
                | "password"
                | "pass"
                | "secret"
                | "admin"
                | "root"
                | "guest"
                | "user"
                | "mysql"
                | "redis"
                | "pwd"
        );
        if password.len() < 3
            || default
            || password == user
            || value::is_example(password)
            || password.starts_with(['$', '{', '<', '[', '%', '*'])
        {
            continue;
        }
        let start = url.host_at - 1 - password.len();
        let local = matches!(
            url.host,
            "localhost" | "127.0.0.1" | "db" | "postgres" | "redis" | "mysql" | "host" | "example.com"
        );
        let severity = if local { Severity::Low } else { Severity::High };
        if taken.take(&(start..start + password.len())) {
            found.add(FindingKind::Secret, severity, start..start + password.len(), || {
                format!("A password in an address ({}).", url.scheme)
            });
        }
    }
}
