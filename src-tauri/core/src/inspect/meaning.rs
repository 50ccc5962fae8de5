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

use aho_corasick::nfa::contiguous::NFA;
use serde_json::Value;

use super::{
    FindingKind, Severity,
    finder::Finder,
    fold::Folded,
    found::Found,
    walk::{Place, Text, find},
};
use near::{Hit, Window};
use rules::{ANCHORS, RULES, Rule};
use words::{LITERALS, Role, Roles, WORDS};

/// A word as it is looked for.
struct Word {
    role: Role,
    /// Whether words of its script are parted by spaces, and it begins and ends at one.
    from_start: bool,
    to_end: bool,
}

struct Lexicon {
    finder: Finder<NFA>,
    words: Vec<Word>,
    /// The rules of each anchor.
    rules: [Vec<&'static Rule>; Roles::MOST],
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
    let finder = Finder::new(NFA::builder().prefilter(false).build(&patterns).ok()?);
    let rules = std::array::from_fn(|role| RULES.iter().filter(|rule| rule.anchor as usize == role).collect());
    Some(Lexicon { finder, words, rules })
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
    let Some(lexicon) = LEXICON.as_ref() else { return };
    let folded = Folded::new(text.raw);
    // Only where both are of one length are the parts of one those of the other.
    let hits = if text.ascii { hits(&folded.text, &text.parts) } else { all_hits(&folded.text) };
    let mut told: Vec<(FindingKind, usize)> = Vec::new();
    let mut window = Window::new(&hits);
    for (index, anchor) in hits.iter().enumerate().filter(|(_, hit)| ANCHORS.has(hit.role)) {
        window.move_to(index);
        for rule in &lexicon.rules[anchor.role as usize] {
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
    let mut hits: Vec<Hit> = Vec::new();
    lexicon.finder.each(text, parts, |found| {
        let Some(word) = lexicon.words.get(found.word) else { return };
        let Range { start, end } = found.span;
        let free = (!word.from_start || begins_word(text, start)) && (!word.to_end || ends_word(text, end));
        // What one forgets to do is not set aside.
        let counts = free
            && !(word.role == Role::Ignore && text[start..].starts_with("forget to"))
            && (word.role != Role::Amount || is_large(text, start));
        if counts {
            // They come by where they end, so the place of one by where it begins is near.
            let behind = hits.iter().rev().take_while(|hit| (hit.start, hit.end) > (start, end)).count();
            hits.insert(hits.len() - behind, Hit { role: word.role, start, end, sentence: 0 });
        }
    });
    let (mut at, mut sentence) = (0, 0);
    for hit in &mut hits {
        while let Some(end) = find(&bytes[..hit.start], at, may_end_sentence) {
            sentence += u32::from(ends_sentence(bytes, end));
            at = end + 1;
        }
        at = at.max(hit.start);
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
fn may_end_sentence(byte: u8) -> bool {
    matches!(byte, b'.' | b'!' | b'?' | b'\n' | 0x82 | 0x81 | 0x9F | 0xA4)
}

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
