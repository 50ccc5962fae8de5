//! Characters that are not seen: direction marks, zero width, tags, variation selectors, fillers, controls.
//!
//! The table is our own because no crate lists these together: the ranges are those of the Unicode Character
//! Database's `Default_Ignorable_Code_Point` and `Bidi_Control`, with the fillers and C0/C1 controls added.

use super::{Finding, FindingKind, Severity};

/// Whether a character is one that a person does not see, or that changes how others are seen.
pub fn is_invisible(c: char) -> bool {
    kind_of(c).is_some()
}

fn kind_of(c: char) -> Option<FindingKind> {
    Some(match c {
        '\t' | '\n' | '\r' => return None,
        '\u{1b}' | '\u{9b}' => FindingKind::Ansi,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => FindingKind::Control,
        '\u{ad}' => FindingKind::SoftHyphen,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => FindingKind::Bidi,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{180e}' => {
            FindingKind::ZeroWidth
        }
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => {
            FindingKind::Filler
        }
        '\u{2028}' | '\u{2029}' => FindingKind::Control,
        '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => FindingKind::VariationSelector,
        '\u{e0000}'..='\u{e007f}' => FindingKind::Tag,
        _ => return None,
    })
}

/// Appends a finding for each run of invisible characters of one kind in `text`.
pub(super) fn scan(text: &str, pointer: &str, findings: &mut Vec<Finding>) {
    // Ordinary ASCII needs no second look, and most text is that.
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r')) {
        return;
    }
    let mut before: Option<char> = None;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        let Some(kind) = kind_of(c) else {
            before = Some(c);
            continue;
        };
        let mut run = String::from(c);
        while let Some((_, next)) = chars.next_if(|(_, next)| continues(kind, *next)) {
            run.push(next);
        }
        let after = chars.peek().map(|(_, next)| *next);
        if kind == FindingKind::Ansi {
            // The parameters are visible characters, but belong to the sequence (ECMA-48, 5.4).
            if let Some((_, bracket)) = chars.next_if(|(_, next)| matches!(next, '[' | ']')) {
                run.push(bracket);
                while let Some((_, p)) = chars.next_if(|(_, p)| matches!(p, '0'..='?')) {
                    run.push(p);
                }
                if let Some((_, last)) = chars.next_if(|(_, l)| matches!(l, '@'..='~')) {
                    run.push(last);
                }
            }
        }
        if !is_ordinary(kind, &run, before, after) {
            findings.push(finding(kind, &run, pointer, at));
        }
        before = run.chars().last();
    }
}

fn continues(kind: FindingKind, next: char) -> bool {
    kind != FindingKind::Ansi && kind_of(next) == Some(kind)
}

/// Uses that writing systems and emoji need, and that hide nothing.
fn is_ordinary(kind: FindingKind, run: &str, before: Option<char>, after: Option<char>) -> bool {
    let single = run.chars().count() == 1;
    match kind {
        // Joiners shape Arabic and Indic scripts and build emoji (Unicode 23.2; UTS #51).
        FindingKind::ZeroWidth => {
            single
                && matches!(run, "\u{200c}" | "\u{200d}")
                && before.is_some_and(joins)
                && (after.is_some_and(joins) || run == "\u{200d}")
        }
        // One selector after a visible character picks its form.
        FindingKind::VariationSelector => {
            single && before.is_some_and(|c| !c.is_ascii_alphanumeric() && !c.is_whitespace() && !is_invisible(c))
        }
        // The flags of England, Scotland and Wales (UTS #51, emoji tag sequences).
        FindingKind::Tag => before == Some('\u{1f3f4}') && run.ends_with('\u{e007f}') && run.chars().count() <= 7,
        FindingKind::Filler => run == "\u{34f}",
        FindingKind::Bidi | FindingKind::SoftHyphen | FindingKind::Control | FindingKind::Ansi => false,
    }
}

fn joins(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
        || matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

fn finding(kind: FindingKind, run: &str, pointer: &str, at: usize) -> Finding {
    let count = run.chars().count();
    let spelt = spells(kind, run);
    let (severity, what) = match kind {
        FindingKind::Bidi => match run.chars().all(|c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')) {
            true => (Severity::Low, "direction mark"),
            false => (Severity::High, "direction override"),
        },
        FindingKind::ZeroWidth if count >= 8 => (Severity::High, "zero-width character"),
        FindingKind::ZeroWidth => (Severity::Medium, "zero-width character"),
        FindingKind::Tag => (Severity::High, "tag character"),
        FindingKind::VariationSelector if count >= 2 => (Severity::High, "variation selector"),
        FindingKind::VariationSelector => (Severity::Low, "variation selector"),
        FindingKind::Filler => (Severity::Medium, "filler character"),
        FindingKind::SoftHyphen => (Severity::Low, "soft hyphen"),
        FindingKind::Control => (Severity::Medium, "control character"),
        FindingKind::Ansi => (Severity::High, "terminal escape"),
    };
    let plural = if count == 1 || kind == FindingKind::Ansi { "" } else { "s" };
    let counted = if kind == FindingKind::Ansi { format!("a {what}") } else { format!("{count} {what}{plural}") };
    let (why, label) = match (&spelt, kind) {
        (Some(text), _) => {
            let verb = if count == 1 { "spells" } else { "spell" };
            (format!("{count} invisible {what}{plural} {verb} “{text}”."), format!("{counted}: “{text}”"))
        }
        (None, FindingKind::Bidi) => {
            (format!("{counted}: text may read in another order than it is."), codes(&counted, run))
        }
        (None, FindingKind::Ansi) => (format!("{counted} could change what a terminal shows."), counted),
        (None, _) => (format!("{counted}: not seen when shown."), codes(&counted, run)),
    };
    let (start, length) = (u32::try_from(at).unwrap_or(u32::MAX), u32::try_from(count).unwrap_or(u32::MAX));
    Finding { kind, severity, pointer: pointer.into(), start, end: start.saturating_add(length), why, label }
}

fn codes(counted: &str, run: &str) -> String {
    match run.chars().next() {
        Some(c) if run.chars().count() == 1 => format!("{counted} U+{:04X}", c as u32),
        _ => counted.to_owned(),
    }
}

/// What hidden characters say: tags carry ASCII, selector runs carry bytes.
fn spells(kind: FindingKind, run: &str) -> Option<String> {
    let text: String = match kind {
        FindingKind::Tag => run
            .chars()
            .filter_map(|c| char::from_u32((c as u32).checked_sub(0xE0000)?))
            .filter(|c| matches!(c, ' '..='~'))
            .collect(),
        FindingKind::VariationSelector => {
            let bytes: Vec<u8> = run
                .chars()
                .filter_map(|c| match c as u32 {
                    v @ 0xFE00..=0xFE0F => u8::try_from(v - 0xFE00).ok(),
                    v @ 0xE0100..=0xE01EF => u8::try_from(v - 0xE0100 + 16).ok(),
                    _ => None,
                })
                .collect();
            String::from_utf8(bytes).ok().filter(|text| text.chars().all(|c| !c.is_control() || c == '\n'))?
        }
        FindingKind::Bidi
        | FindingKind::ZeroWidth
        | FindingKind::Filler
        | FindingKind::SoftHyphen
        | FindingKind::Control
        | FindingKind::Ansi => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}
