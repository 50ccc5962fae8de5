//! Control characters, and the escape sequences that terminals obey (ECMA-48, xterm's OSC).

use std::ops::Range;

use super::{
    FindingKind, Severity,
    found::{Found, Spot},
    walk::find,
};

/// How far a string of a terminal (OSC, DCS) is followed to its end, in bytes.
const LONGEST: usize = 4096;

/// Finds control characters and escape sequences.
pub(super) fn scan(text: &str, found: &mut Found) {
    let bytes = text.as_bytes();
    let lines = memchr::memchr(b'\n', bytes).is_some();
    let mut at = 0;
    while let Some(next) = find(bytes, at, candidate) {
        at = one(text, next, lines, found);
    }
}

/// C0 but for tab and newline, DEL, and the bytes that begin C1 and the line separators in UTF-8.
fn candidate(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0B..=0x1F | 0x7F | 0xC2 | 0xE2)
}

/// Takes up what begins here, and gives where to go on.
fn one(text: &str, at: usize, lines: bool, found: &mut Found) -> usize {
    let rest = &text[at..];
    let Some(c) = rest.chars().next() else { return at + 1 };
    let next = at + c.len_utf8();
    match c {
        '\u{1b}' | '\u{9b}' | '\u{9d}' | '\u{90}' => {
            let sequence = sequence(rest);
            let span = at..at + sequence.len();
            found.add_spot(FindingKind::Ansi, Severity::High, span.clone(), |span| Spot {
                kind: FindingKind::Ansi,
                severity: Severity::High,
                span,
                why: format!("A terminal escape {}.", effect(sequence)),
                label: "a terminal escape".into(),
                decoded: None,
            });
            span.end
        }
        '\r' => {
            // Before a line's end it is one; elsewhere what follows overwrites the line.
            let overwrites =
                !matches!(rest.as_bytes().get(1), None | Some(b'\n' | b'\r')) && !text[..at].ends_with('\n');
            if overwrites && lines {
                control(
                    Severity::Low,
                    at..next,
                    1,
                    "A carriage return: in a terminal, what follows overwrites the line.",
                    found,
                );
            }
            next
        }
        // A page break, as old plain text has them.
        '\u{c}' => next,
        '\u{2028}' | '\u{2029}' | '\u{85}' => {
            control(Severity::Low, at..next, 1, "A line separator that few programs show as one.", found);
            next
        }
        c if c.is_control() && !matches!(c, '\t' | '\n') => {
            let count = rest.chars().take_while(|c| plain_control(*c)).count().max(1);
            let end = at + rest.chars().take(count).map(char::len_utf8).sum::<usize>();
            control(Severity::Medium, at..end, count, "", found);
            end
        }
        _ => next,
    }
}

fn plain_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{9b}' | '\u{9d}' | '\u{90}' | '\u{85}')
}

fn control(severity: Severity, span: Range<usize>, count: usize, why: &str, found: &mut Found) {
    found.add_spot(FindingKind::Control, severity, span, |span| {
        let counted = format!("{count} control character{}", if count == 1 { "" } else { "s" });
        let why = if why.is_empty() { format!("{counted}: not seen when shown.") } else { why.to_owned() };
        Spot { kind: FindingKind::Control, severity, span, why, label: counted, decoded: None }
    });
}

/// The escape sequence at the beginning of this text, its parameters included.
fn sequence(text: &str) -> &str {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return "" };
    let introducer = match first {
        '\u{9b}' => Some('['),
        '\u{9d}' => Some(']'),
        '\u{90}' => Some('P'),
        _ => chars.clone().next().map(|(_, c)| c),
    };
    let begins = if first == '\u{1b}' { 1 + introducer.map_or(0, char::len_utf8) } else { first.len_utf8() };
    let body = text.get(begins..).unwrap_or_default();
    let length = match introducer {
        Some('[') => {
            let parameters = body.bytes().take_while(|b| matches!(b, 0x20..=0x3F)).count();
            parameters + body[parameters..].chars().next().filter(|c| matches!(c, '@'..='~')).map_or(0, char::len_utf8)
        }
        Some(']' | 'P' | '_' | '^' | 'X') => {
            let end = body.char_indices().take_while(|(at, _)| *at < LONGEST).find_map(|(at, c)| match c {
                '\u{7}' | '\u{9c}' => Some(at + c.len_utf8()),
                '\u{1b}' => Some(at + if body[at..].starts_with("\u{1b}\\") { 2 } else { 0 }),
                '\n' => Some(at),
                _ => None,
            });
            end.unwrap_or(0)
        }
        // Character sets: one more character says which.
        Some('(' | ')' | '#' | '%' | ' ') => {
            body.chars().next().filter(char::is_ascii_graphic).map_or(0, char::len_utf8)
        }
        Some('0'..='~') => 0,
        _ => return &text[..first.len_utf8()],
    };
    &text[..begins + length]
}

/// What a terminal would do.
fn effect(sequence: &str) -> &'static str {
    let body = sequence.trim_start_matches(['\u{1b}', '\u{9b}', '\u{9d}', '\u{90}']);
    let osc = body.strip_prefix(']').or_else(|| sequence.starts_with('\u{9d}').then_some(body));
    match osc {
        Some(osc) if osc.starts_with("52;") => return "would write to the clipboard",
        Some(osc) if osc.starts_with("8;") => return "makes a link whose address is not shown",
        Some(osc) if osc.starts_with(['0', '2']) => return "would change the window's title",
        Some(_) => return "would change what a terminal shows",
        None => {}
    }
    match sequence.chars().last() {
        Some('m') if body.contains('8') && !body.contains("38") && !body.contains("48") => "hides the text after it",
        Some('m') => "changes colours, which can hide text",
        Some('J' | 'K') => "erases what stands on the screen",
        Some('A'..='H' | 'f' | 'S' | 'T' | 'd') => "moves the cursor, so that text can be overwritten",
        Some('n' | 'c') => "makes the terminal answer, as if it were typed",
        _ => "could change what a terminal shows",
    }
}
