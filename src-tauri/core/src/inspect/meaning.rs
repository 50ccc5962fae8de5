//! What the words want: instructions set aside, rules for later answers, second tasks, bait for tools, requests for
//! secrets, claims of authority or consent, made-up roles.
//!
//! Data flow: text → folded ([`super::fold`]) → every word of [`words`] with the role it has in a sentence → [`rules`],
//! each of which is a set of roles that stand near each other. So a rule is an imperative, an object and a target, in
//! any order and any of the languages, and not a list of sentences.
//!
//! Texts *about* attacks hold the same words. Quoted ones, and those that a lesson speaks of, are told as low.

mod near;
mod rules;
mod words;

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use serde_json::Value;

use super::{
    FindingKind, Severity,
    fold::Folded,
    found::Found,
    walk::{Place, Text},
};
use near::{Hit, Window};
use rules::{ANCHORS, RULES, Rule};
use words::{LITERALS, Role, WORDS};

/// A word as it is looked for.
struct Word {
    role: Role,
    /// Whether words of its script are parted by spaces, and it begins and ends at one.
    from_start: bool,
    to_end: bool,
}

struct Lexicon {
    finder: AhoCorasick,
    words: Vec<Word>,
}

static LEXICON: LazyLock<Option<Lexicon>> = LazyLock::new(|| {
    let starred = WORDS.iter().flat_map(|(role, words)| words.split('|').map(move |word| (*role, word)));
    let entries: Vec<(Role, &str)> =
        starred.filter(|(_, word)| !word.is_empty()).chain(LITERALS.iter().copied()).collect();
    let mut patterns = Vec::with_capacity(entries.len());
    let mut words = Vec::with_capacity(entries.len());
    for (role, entry) in entries {
        let stem = entry.strip_suffix('*');
        let folded = Folded::new(stem.unwrap_or(entry)).text;
        let spaced = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && is_spaced(c));
        words.push(Word {
            role,
            from_start: spaced(folded.chars().next()),
            to_end: stem.is_none() && spaced(folded.chars().last()),
        });
        patterns.push(folded);
    }
    let finder = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&patterns).ok()?;
    Some(Lexicon { finder, words })
});

/// Scripts that part words by spaces and put nothing before or behind them.
fn is_spaced(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='z' | '\u{c0}'..='\u{52f}')
}

/// Finds what words want.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    if text.raw.len() < 8 {
        return;
    }
    let folded = Folded::new(text.raw);
    // Only where both are of one length are the parts of one those of the other.
    let hits = if text.ascii { hits(&folded.text, &text.parts) } else { all_hits(&folded.text) };
    let mut told: Vec<(FindingKind, usize)> = Vec::new();
    let mut window = Window::new(&hits);
    for (index, anchor) in hits.iter().enumerate().filter(|(_, hit)| ANCHORS.has(hit.role)) {
        window.move_to(index);
        for rule in RULES.iter().filter(|rule| rule.anchor == anchor.role) {
            if rule.anchor == Role::Steers && text.place != Place::ToolDescription {
                continue;
            }
            let last = told.iter().position(|(kind, _)| *kind == rule.kind);
            let told_to = last.map_or(0, |at| told[at].1);
            // No span begins behind its anchor, so there is no need to look for one.
            if anchor.start < told_to {
                continue;
            }
            let Some(span) = window.matched(rule, text.place) else { continue };
            match last {
                _ if span.start < told_to => continue,
                Some(at) => told[at].1 = span.end,
                None => told.push((rule.kind, span.end)),
            }
            let severity = match found.is_full(rule.kind) {
                true => rule.severity,
                false => severity(rule, text, &folded.text, &hits, &span, found.lesson),
            };
            found.add(rule.kind, severity, folded.origin(span), || rule.why.into());
        }
    }
}

/// Whether an answer's request asked for a text about attacks.
pub(super) fn asks_for_a_lesson(context: &Value) -> bool {
    match context {
        Value::String(text) => all_hits(&Folded::new(text).text).iter().any(|hit| hit.role == Role::Lesson),
        Value::Array(items) => items.iter().any(asks_for_a_lesson),
        Value::Object(fields) => fields.values().any(asks_for_a_lesson),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn all_hits(text: &str) -> Vec<Hit> {
    hits(text, std::slice::from_ref(&(0..text.len())))
}

fn hits(text: &str, parts: &[Range<usize>]) -> Vec<Hit> {
    let Some(lexicon) = LEXICON.as_ref() else { return Vec::new() };
    let bytes = text.as_bytes();
    let mut hits: Vec<Hit> = parts
        .iter()
        .flat_map(|part| lexicon.finder.find_overlapping_iter(Input::new(text).range(part.clone())))
        .filter_map(|hit| {
            let word = lexicon.words.get(hit.pattern().as_usize())?;
            let free =
                (!word.from_start || begins_word(text, hit.start())) && (!word.to_end || ends_word(text, hit.end()));
            // What one forgets to do is not set aside.
            let counts = free
                && !(word.role == Role::Ignore && text[hit.start()..].starts_with("forget to"))
                && (word.role != Role::Amount || is_large(text, hit.start()));
            counts.then_some(Hit { role: word.role, start: hit.start(), end: hit.end(), sentence: 0 })
        })
        .collect();
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    let (mut at, mut sentence) = (0, 0);
    for hit in &mut hits {
        while at < hit.start {
            sentence += u32::from(MAY_END[usize::from(bytes[at])] && ends_sentence(bytes, at));
            at += 1;
        }
        hit.sentence = sentence;
    }
    hits
}

fn begins_word(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at.wrapping_sub(1)) {
        None => true,
        Some(byte) if byte.is_ascii() => !byte.is_ascii_alphanumeric(),
        Some(_) => text[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() && is_spaced(c))),
    }
}

fn ends_word(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at) {
        None => true,
        Some(byte) if byte.is_ascii() => !byte.is_ascii_alphanumeric(),
        Some(_) => text[at..].chars().next().is_none_or(|c| !(c.is_alphanumeric() && is_spaced(c))),
    }
}

/// The bytes that sentences end in; see [`ends_sentence`].
const MAY_END: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b".!?\n\x82\x81\x9F\xA4";
    let mut index = 0;
    while index < ends.len() {
        table[ends[index] as usize] = true;
        index += 1;
    }
    table
};

fn ends_sentence(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'.' | b'!' | b'?' => {
            bytes.get(at + 1).is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'"' | b')'))
        }
        b'\n' => bytes.get(at + 1) == Some(&b'\n'),
        // 。 ！ ？ । ؟ by their last byte and what is before it.
        0x82 => at >= 2 && bytes[at - 2..at] == [0xE3, 0x80],
        0x81 | 0x9F => {
            at >= 2 && bytes[at - 2..at] == [0xEF, 0xBC] || bytes[at] == 0x9F && at >= 1 && bytes[at - 1] == 0xD8
        }
        0xA4 => at >= 2 && bytes[at - 2..at] == [0xE0, 0xA5],
        _ => false,
    }
}

/// Whether a number of at least 800 stands before this.
fn is_large(text: &str, at: usize) -> bool {
    let before = &text[text.ceil_char_boundary(at.saturating_sub(16))..at];
    let before = before.trim_end_matches(['-', ' ', '\u{a0}', '‑']);
    let digits: String = before
        .chars()
        .rev()
        .take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '.' | '\''))
        .filter(char::is_ascii_digit)
        .collect();
    let value: String = digits.chars().rev().collect();
    let thousand =
        ["thousand", "tausend", "mille", " mil", "千", "万", "萬", "हजार", "тысяч", "тысячу", "тысячи", "الف"];
    value.parse::<u64>().is_ok_and(|value| value >= 800)
        || digits.len() > 18
        || thousand.iter().any(|word| before.ends_with(word))
}

fn severity(rule: &Rule, text: &Text<'_>, folded: &str, hits: &[Hit], span: &Range<usize>, lesson: bool) -> Severity {
    let first = hits.partition_point(|hit| hit.start + 300 < span.start);
    let around = || hits[first..].iter().take_while(|hit| hit.start <= span.end + 300);
    let speaks_of =
        |role: Role| around().any(|hit| hit.role == role && (hit.end <= span.start || hit.start >= span.end));
    let quoted = is_quoted(folded, span);
    let taught = lesson
        || speaks_of(Role::Lesson) && (quoted || text.place != Place::SystemPrompt)
        || quoted && speaks_of(Role::Example);
    let code = text.in_code(span.start) || quoted && rule.anchor == Role::Marker;
    if taught || code && rule.anchor == Role::Marker {
        return Severity::Low;
    }
    // What a system prompt is there for.
    if text.place == Place::SystemPrompt
        && matches!(rule.anchor, Role::Future | Role::SideEffect)
        && !speaks_of(Role::Conceal)
    {
        return Severity::Low;
    }
    if speaks_of(Role::Conceal) && rule.kind != FindingKind::Consent {
        Severity::High.max(rule.severity)
    } else {
        rule.severity
    }
}

/// Whether the span stands in quotes that begin and end near it.
fn is_quoted(text: &str, span: &Range<usize>) -> bool {
    let before = &text[text.ceil_char_boundary(span.start.saturating_sub(120))..span.start];
    let before = before.rsplit('\n').next().unwrap_or(before);
    let after = &text[span.end..text.floor_char_boundary((span.end + 200).min(text.len()))];
    let after = after.split('\n').next().unwrap_or(after);
    [('“', '”'), ('„', '“'), ('«', '»'), ('「', '」'), ('『', '』'), ('"', '"'), ('`', '`'), ('‘', '’')].iter().any(
        |(open, close)| {
            if open == close {
                before.matches(*open).count() % 2 == 1 && after.contains(*close)
            } else {
                before.rfind(*open).is_some_and(|at| !before[at + open.len_utf8()..].contains(*close))
                    && after.contains(*close)
            }
        },
    )
}
