//! What the words want: instructions set aside, rules for later answers, second tasks, bait for tools, requests for
//! secrets, claims of authority or consent, made-up roles.
//!
//! Data flow: text → folded ([`super::fold`]) → every word of [`words`] with the role it has in a sentence → [`RULES`],
//! each of which is a set of roles that stand near each other. So a rule is an imperative, an object and a target, in
//! any order and any of the languages, and not a list of sentences.
//!
//! Texts *about* attacks hold the same words. Quoted ones, and those that a lesson speaks of, are told as low.

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
use words::{LITERALS, Role, WORDS};

/// Roles that stand near each other, and what they amount to.
struct Rule {
    kind: FindingKind,
    severity: Severity,
    anchor: Role,
    /// Each of these lists needs one.
    with: &'static [&'static [Role]],
    /// None of these may stand in the anchor's sentence.
    without: &'static [Role],
    /// How far from the anchor, in bytes.
    reach: usize,
    /// How many sentences away.
    sentences: u32,
    /// Whether the anchor comes first.
    first: bool,
    why: &'static str,
}

const fn rule(
    kind: FindingKind,
    anchor: Role,
    with: &'static [&'static [Role]],
    reach: usize,
    why: &'static str,
) -> Rule {
    Rule { kind, severity: Severity::Medium, anchor, with, without: &[], reach, sentences: 0, first: false, why }
}

/// The farthest that any rule looks, in bytes.
const FARTHEST: usize = 170;

const OVERRIDE: &str = "It tells the model to set its instructions aside.";
const PERSISTENCE: &str = "It is to hold for later answers too.";
const SECOND_TASK: &str = "It adds a task that nobody asked for.";
const BAIT: &str = "It leads the model to run a tool that nobody asked for.";
const SECRETS: &str = "It asks for secrets.";
const EXTRACTION: &str = "It asks for the model's own instructions.";
const ROLE: &str = "It gives the model another role, one without rules.";

const RULES: &[Rule] = &[
    Rule {
        without: &[Role::Technical, Role::Guard],
        ..rule(FindingKind::Override, Role::Ignore, &[&[Role::Rules], &[Role::Prior]], 90, OVERRIDE)
    },
    Rule {
        without: &[Role::Technical, Role::Guard],
        ..rule(FindingKind::Override, Role::Ignore, &[&[Role::Prompt]], 70, OVERRIDE)
    },
    Rule { without: &[Role::Guard], ..rule(FindingKind::Override, Role::Overrides, &[], 0, OVERRIDE) },
    rule(FindingKind::Persistence, Role::Future, &[&[Role::Reply]], 110, PERSISTENCE),
    rule(FindingKind::Persistence, Role::Persists, &[], 0, PERSISTENCE),
    Rule {
        sentences: 1,
        ..rule(FindingKind::SecondTask, Role::Conceal, &[&[Role::After], &[Role::Produce, Role::Run]], 170, SECOND_TASK)
    },
    Rule {
        first: true,
        sentences: 1,
        ..rule(FindingKind::SecondTask, Role::After, &[&[Role::Amount], &[Role::Produce]], 150, SECOND_TASK)
    },
    rule(FindingKind::SecondTask, Role::ExtraTask, &[], 0, SECOND_TASK),
    Rule {
        sentences: 1,
        ..rule(
            FindingKind::ToolBait,
            Role::Tool,
            &[&[Role::Run], &[Role::Conceal, Role::Unasked, Role::Danger, Role::Consents]],
            150,
            BAIT,
        )
    },
    rule(
        FindingKind::ToolBait,
        Role::SideEffect,
        &[&[Role::Run], &[Role::After, Role::Conceal, Role::Unasked, Role::Danger]],
        120,
        BAIT,
    ),
    Rule {
        sentences: 1,
        ..rule(
            FindingKind::ToolBait,
            Role::Danger,
            &[&[Role::Run, Role::Conceal], &[Role::Conceal, Role::Unasked]],
            120,
            BAIT,
        )
    },
    rule(FindingKind::ToolBait, Role::Baits, &[], 0, BAIT),
    Rule {
        without: &[Role::How, Role::Guard],
        ..rule(
            FindingKind::SecretRequest,
            Role::Secret,
            &[&[Role::Reveal, Role::Asks], &[Role::Whose, Role::Elsewhere, Role::Conceal]],
            80,
            SECRETS,
        )
    },
    Rule {
        without: &[Role::How, Role::Guard],
        ..rule(
            FindingKind::SecretRequest,
            Role::Secret,
            &[&[Role::Open], &[Role::Elsewhere, Role::Conceal]],
            80,
            SECRETS,
        )
    },
    Rule {
        without: &[Role::How, Role::Guard],
        ..rule(FindingKind::SecretRequest, Role::SecretPlace, &[&[Role::Reveal, Role::Open, Role::Run]], 60, SECRETS)
    },
    Rule {
        without: &[Role::How, Role::Guard],
        severity: Severity::High,
        ..rule(
            FindingKind::SecretRequest,
            Role::Elsewhere,
            &[&[Role::Reveal, Role::Open], &[Role::Talk, Role::Secret, Role::SecretPlace]],
            110,
            "It asks to send what was said, or secrets, to another place.",
        )
    },
    Rule {
        without: &[Role::How, Role::Guard],
        ..rule(FindingKind::PromptExtraction, Role::Prompt, &[&[Role::Reveal]], 60, EXTRACTION)
    },
    Rule { without: &[Role::Guard], ..rule(FindingKind::PromptExtraction, Role::Extracts, &[], 0, EXTRACTION) },
    Rule {
        without: &[Role::Guard],
        ..rule(FindingKind::Authority, Role::Claims, &[], 0, "It claims to speak for somebody with authority.")
    },
    Rule {
        without: &[Role::Guard],
        ..rule(
            FindingKind::Authority,
            Role::Authority,
            &[&[Role::Obliges], &[Role::Reveal, Role::Ignore, Role::Unasked, Role::Secret, Role::Prompt]],
            130,
            "It claims an authority to make the model obey.",
        )
    },
    rule(FindingKind::Consent, Role::Consents, &[], 0, "It claims that you agreed already."),
    Rule {
        without: &[Role::Guard],
        sentences: 1,
        ..rule(FindingKind::RolePlay, Role::Persona, &[&[Role::Limitless]], 160, ROLE)
    },
    Rule { without: &[Role::Guard], ..rule(FindingKind::RolePlay, Role::Frees, &[], 0, ROLE) },
    rule(
        FindingKind::RolePlay,
        Role::Marker,
        &[],
        0,
        "A mark of a chat's format: it makes up a turn of another speaker.",
    ),
    rule(
        FindingKind::ToolBait,
        Role::Steers,
        &[],
        0,
        "A tool's description that tells the model what to do beside the tool.",
    ),
];

/// A word in the text.
#[derive(Debug, Clone, Copy)]
struct Hit {
    role: Role,
    start: usize,
    end: usize,
    sentence: u32,
}

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
    let mut window = 0..0;
    for (index, anchor) in hits.iter().enumerate() {
        // The words that any rule may look at; both ends only grow.
        while hits[window.start].start + FARTHEST < anchor.start {
            window.start += 1;
        }
        while hits.get(window.end).is_some_and(|hit| hit.start <= anchor.end + FARTHEST) {
            window.end += 1;
        }
        for rule in RULES.iter().filter(|rule| rule.anchor == anchor.role) {
            if rule.why == RULES[RULES.len() - 1].why && text.place != Place::ToolDescription {
                continue;
            }
            let Some(span) = matched(rule, &hits, index, &window, text.place) else { continue };
            let last = told.iter_mut().find(|(kind, _)| *kind == rule.kind);
            match last {
                Some((_, end)) if span.start < *end => continue,
                Some((_, end)) => *end = span.end,
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
            sentence += u32::from(ends_sentence(bytes, at));
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

/// The span of a rule's words around an anchor.
fn matched(rule: &Rule, hits: &[Hit], index: usize, window: &Range<usize>, place: Place) -> Option<Range<usize>> {
    let anchor = hits[index];
    if negated(hits, index) && matches!(rule.anchor, Role::Ignore) {
        return None;
    }
    let near = |hit: &Hit| hit.start + rule.reach >= anchor.start && hit.start <= anchor.end + rule.reach;
    let around = || {
        let (first, hits) = (window.start, &hits[window.clone()]);
        let near = hits.iter().enumerate().map(move |(at, hit)| (first + at, hit)).filter(move |(at, _)| *at != index);
        near.filter(|(_, hit)| hit.sentence.abs_diff(anchor.sentence) <= rule.sentences)
    };
    let excludes = |role: Role| {
        role != Role::Guard || matches!(place, Place::SystemPrompt | Place::ToolDescription | Place::Answer)
    };
    let excluded =
        |hit: &Hit| rule.without.contains(&hit.role) && excludes(hit.role) && hit.sentence == anchor.sentence;
    if around().any(|(_, hit)| excluded(hit)) {
        return None;
    }
    // Verbs stand last in some languages, but close to what they are about.
    let back = if rule.kind == FindingKind::Override { rule.reach / 2 } else { rule.reach };
    let mut span = anchor.start..anchor.end;
    for roles in rule.with {
        let candidates = around().filter(|(at, hit)| {
            roles.contains(&hit.role)
                && near(hit)
                && (hit.end <= anchor.start && hit.end + back >= anchor.start || hit.start >= anchor.end)
                && (!rule.first || hit.start > anchor.start)
                && !(matches!(hit.role, Role::Reveal | Role::Open | Role::Ignore) && negated(hits, *at))
        });
        let distance = |hit: &Hit| hit.start.saturating_sub(anchor.end) + anchor.start.saturating_sub(hit.end);
        let (_, hit) = candidates.min_by_key(|(_, hit)| distance(hit))?;
        span = span.start.min(hit.start)..span.end.max(hit.end);
    }
    Some(span)
}

/// Whether a "not" stands right before the word.
fn negated(hits: &[Hit], index: usize) -> bool {
    let hit = hits[index];
    hits[..index]
        .iter()
        .rev()
        .take(8)
        .any(|before| before.role == Role::Not && before.end <= hit.start && before.end + 2 >= hit.start)
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
