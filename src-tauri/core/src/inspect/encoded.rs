//! Text that must be decoded to be read: base64, hexadecimal, percent and character escapes.
//!
//! What decodes to readable text is inspected again, to a small depth. What decodes to anything else (a picture, a
//! certificate, a digest) is not text and is left alone.

mod escapes;
mod spaced;

use std::{borrow::Cow, ops::Range};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

pub(super) use escapes::unescape;

use super::{
    Family, FindingKind, Severity,
    found::{Found, Spot},
    walk::{self, Text, find},
};

/// How often what was decoded is decoded again.
const DEPTH: u8 = 3;
/// The shortest runs that are worth decoding, in characters.
const BASE64: usize = 20;
const HEX: usize = 24;
/// How much of decoded text a finding carries, in characters.
const PREVIEW: usize = 2000;
/// Where so much is encoded that something could be put behind it.
const UNREAD: &str = "and with what stands before it more than is inspected: nobody knows what it holds.";

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Finds encoded text.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    if text.depth >= DEPTH {
        return;
    }
    runs(text, found);
    escapes::scan(text, found);
}

/// Both alphabets, and padding.
fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// A run without a break that is longer than this holds no words and no names, only what is encoded.
const DENSE: usize = 512;
/// How much of its beginning and end is looked at all the same: a token may begin or a name may end there.
const EDGE: usize = 64;

/// The parts of a text that are not inside of such runs.
pub(super) fn outside_of_dense(bytes: &[u8]) -> Vec<Range<usize>> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at + DENSE <= bytes.len() {
        let probe = at + DENSE - 1;
        let Some(back) = bytes[at..=probe].iter().rev().position(|byte| !inside(*byte)) else {
            let end = find(bytes, probe, |byte| !inside(byte)).unwrap_or(bytes.len());
            if !spells_words(&bytes[at..end]) {
                parts.push(from..at + EDGE);
                from = end - EDGE;
            }
            at = end;
            continue;
        };
        at = probe + 1 - back;
    }
    parts.push(from..bytes.len());
    parts
}

/// Words joined by the signs that base64 has too: four in a row are no accident.
fn spells_words(run: &[u8]) -> bool {
    let mut words = 0;
    run.split(|byte| matches!(byte, b'+' | b'/' | b'=')).any(|part| {
        let word = (2..=20).contains(&part.len())
            && part[1..].iter().all(u8::is_ascii_lowercase)
            && part[0].is_ascii_alphabetic();
        words = if word { words + 1 } else { 0 };
        words >= 4
    })
}

/// Runs of the base64 alphabet, which hexadecimal is a part of; a line's end does not end one that is wrapped.
fn runs(text: &Text<'_>, found: &mut Found) {
    let bytes = text.raw.as_bytes();
    let end_of = |from: usize| find(bytes, from, |byte| !in_base64(byte)).unwrap_or(bytes.len());
    let mut at = 0;
    while at + BASE64 <= bytes.len() {
        // A run of at least BASE64 holds every byte at this distance.
        let probe = at + BASE64 - 1;
        if !in_base64(bytes[probe]) {
            at += BASE64;
            continue;
        }
        let start = probe - bytes[at..probe].iter().rev().take_while(|byte| in_base64(**byte)).count();
        let mut end = end_of(probe);
        if end - start < BASE64 {
            at = end;
            continue;
        }
        // Wrapped lines: of one length, but for the last.
        let width = end - start;
        loop {
            let next = end + bytes[end..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let line = end_of(next) - next;
            if width < 32 || next == end || line == 0 || line > width {
                break;
            }
            end = next + line;
            if line < width {
                break;
            }
        }
        run(text, start..end, found);
        at = end;
    }
    spaced::scan(text, found);
}

fn run(text: &Text<'_>, span: Range<usize>, found: &mut Found) {
    let Some(raw) = text.raw.get(span.clone()) else { return };
    // What stands before an equals sign is a name; what stands behind the last ones is padding.
    let padded = raw.trim_end_matches('=');
    let name = padded.rfind('=').map_or(0, |at| at + 1);
    let (raw, span) = (&padded[name..], span.start + name..span.end);
    let raw = raw.strip_prefix("0x").unwrap_or(raw);
    if raw.len() < BASE64 {
        return;
    }
    let hex = raw.len() >= HEX && raw.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex {
        if raw.len() % 2 == 0
            && let Some(bytes) = from_hex(raw.bytes())
            && let Some(decoded) = readable(bytes)
        {
            tell(text, span, "hexadecimal", Severity::Info, decoded, found);
        }
        return;
    }
    if !looks_encoded(raw) {
        return;
    }
    let compact = match raw.contains(['\r', '\n']) {
        true => Cow::Owned(raw.replace(['\r', '\n'], "")),
        false => Cow::Borrowed(raw),
    };
    let engine = if compact.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    // A path or an identifier may stand before what is encoded, so the run is also tried from its last separator on.
    let tail = compact.rfind(['/', '-', '_', '=']).map_or("", |at| &compact[at + 1..]);
    let decoded = decode(engine, &compact).or_else(|| (tail.len() >= BASE64).then(|| decode(&STANDARD, tail))?);
    if let Some(decoded) = decoded.or_else(|| shifted(engine, &compact)) {
        tell(text, span, "base64", Severity::Info, decoded, found);
    }
}

/// Base64 behind letters that do not belong to it: its groups of four begin elsewhere.
fn shifted(engine: &GeneralPurpose, text: &str) -> Option<String> {
    let middle = (text.len() / 2).min(200);
    let reads = |shift: &usize| {
        let chunk = text.get(middle / 4 * 4 + shift..)?;
        let chunk = chunk.get(..chunk.len().min(32) / 4 * 4)?;
        let decoded = engine.decode(chunk).ok()?;
        (chunk.len() >= 24 && is_text(String::from_utf8_lossy(&decoded).trim_matches('\u{fffd}'))).then_some(())
    };
    let shift = (0..4).find(|shift| reads(shift).is_some())?;
    let tail = text.get(shift..)?;
    let tail = if tail.len() % 4 == 1 { tail.get(..tail.len() - 1)? } else { tail };
    let decoded = engine.decode(tail).ok()?;
    let lossy = String::from_utf8_lossy(&decoded);
    let longest = lossy
        .split(|c: char| c == '\u{fffd}' || c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        .max_by_key(|part| part.len())?;
    (longest.len() >= 20 && is_text(longest)).then(|| longest.to_owned())
}

fn decode(engine: &GeneralPurpose, text: &str) -> Option<String> {
    // A length of 4n+1 cannot be; the last character is then not of it.
    let text = if text.len() % 4 == 1 { &text[..text.len() - 1] } else { text };
    // The beginning tells whether it is text, and most of what is long is not.
    let head = text.get(..64.min(text.len()) / 4 * 4).unwrap_or(text);
    let beginning = engine.decode(head).ok()?;
    let is_text = is_text(String::from_utf8_lossy(&beginning).trim_end_matches('\u{fffd}'));
    (is_text || is_wide(&beginning)).then(|| readable(engine.decode(text).ok()?))?
}

/// Words, paths and identifiers are written with the same letters; what is encoded has both cases and figures, or ends
/// in padding.
fn looks_encoded(raw: &str) -> bool {
    let has = |test: fn(&u8) -> bool| raw.as_bytes().iter().take(400).any(test);
    let mut longest = 0;
    let mut run = 0;
    for byte in raw.bytes().take(400) {
        run = if matches!(byte, b'/' | b'-' | b'_') { 0 } else { run + 1 };
        longest = longest.max(run);
    }
    longest >= 12 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

fn from_hex(digits: impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let values: Option<Vec<u8>> =
        digits.map(|byte| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    Some(values?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Text in UTF-8, else in UTF-16.
fn readable(bytes: Vec<u8>) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) if is_text(&text) => Some(text),
        Ok(text) => wide(text.into_bytes()),
        Err(error) => wide(error.into_bytes()),
    }
}

fn is_wide(bytes: &[u8]) -> bool {
    bytes.iter().skip(1).step_by(2).take(16).filter(|byte| **byte == 0).count() >= 7
}

/// Text in UTF-16, as PowerShell encodes its commands.
fn wide(bytes: Vec<u8>) -> Option<String> {
    if !is_wide(&bytes) {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok().filter(|text| is_text(text))
}

/// Whether this is written to be read: no controls, and mostly letters and spaces.
fn is_text(text: &str) -> bool {
    if !text.bytes().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t')) {
        return false;
    }
    let (mut letters, mut all) = (0, 0);
    if text.is_ascii() {
        letters = text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || *byte == b' ').count();
        all = text.len();
    } else {
        for c in text.chars() {
            if !c.is_ascii() && (c.is_control() || c == '\u{fffd}') {
                return false;
            }
            letters += usize::from(c.is_alphanumeric() || c == ' ');
            all += 1;
        }
    }
    all >= 8 && letters * 10 >= all * 6
}

/// Inspects what was decoded and tells of it, more urgently where it instructs or holds a secret.
/// `least` is how bad it is that it is encoded at all.
fn tell(text: &Text<'_>, span: Range<usize>, how: &str, least: Severity, decoded: String, found: &mut Found) {
    let Some(inner) = inspected(text, &decoded, found) else {
        add(span, Severity::High, format!("This is {how} text, {UNREAD}"), &decoded, found);
        return;
    };
    let worst = inner.iter().filter(|spot| counts(spot)).max_by_key(|spot| spot.severity);
    let severity = match worst {
        Some(_) => Severity::High,
        None if is_prose(&decoded) => Severity::Medium,
        None => least,
    };
    let why = match worst {
        Some(spot) => format!("This is {how} text; decoded, it has a finding ({}): {}", spot.kind.as_str(), spot.why),
        None => format!("This is {how} text and cannot be read as it is."),
    };
    add(span, severity, why, &decoded, found);
}

/// Tells of what was decoded only where it instructs or holds a secret.
fn only_if_telling(text: &Text<'_>, span: Range<usize>, decoded: String, found: &mut Found) {
    let Some(inner) = inspected(text, &decoded, found) else {
        add(span, Severity::High, format!("This is escaped, {UNREAD}"), &decoded, found);
        return;
    };
    if let Some(spot) = inner
        .iter()
        .filter(|spot| counts(spot) && spot.kind.family() == Family::Meaning)
        .max_by_key(|spot| spot.severity)
    {
        let why = format!("Decoded, this has a finding ({}): {}", spot.kind.as_str(), spot.why);
        add(span, Severity::High, why, &decoded, found);
    }
}

fn inspected(text: &Text<'_>, decoded: &str, found: &mut Found) -> Option<Vec<Spot>> {
    let inner = Text::new(decoded, text.place, false, text.depth + 1);
    found.aside(decoded.len(), |aside| walk::scan(&inner, aside))
}

fn counts(spot: &Spot) -> bool {
    spot.severity >= Severity::Medium && spot.kind.family() != Family::Behaviour
}

fn add(span: Range<usize>, severity: Severity, why: String, decoded: &str, found: &mut Found) {
    let kind = FindingKind::Encoded;
    let preview = decoded.chars().take(PREVIEW).collect();
    found.add_spot(kind, severity, span, |span| Spot {
        kind,
        severity,
        span,
        why,
        label: String::new(),
        decoded: Some(preview),
    });
}

/// Sentences, as against data: at least four words, few marks between them.
fn is_prose(text: &str) -> bool {
    let words = text.split_whitespace().take(200);
    let (mut plain, mut all) = (0, 0);
    for word in words {
        all += 1;
        plain += usize::from(
            word.trim_matches(|c: char| !c.is_alphanumeric())
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-')),
        );
    }
    all >= 4 && plain * 10 >= all * 7 || text.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).count() >= 12
}

/// Whether this decodes to text: base64 in either alphabet, or hexadecimal.
pub(super) fn holds_text(value: &str) -> bool {
    let value = unescape_padding(value);
    if value.len() >= HEX && value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return from_hex(value.bytes()).and_then(readable).is_some();
    }
    value.bytes().all(in_base64)
        && value.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && [&STANDARD, &URL_SAFE].into_iter().any(|engine| decode(engine, value.trim_end_matches('=')).is_some())
}

fn unescape_padding(value: &str) -> String {
    value.replace("%3D", "=").replace("%3d", "=").replace("%2B", "+").replace("%2F", "/")
}
