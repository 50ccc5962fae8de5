//! What characters that are not seen say: tags carry ASCII, selectors carry bytes, two kinds of zero width carry bits.

use std::ops::Range;

use super::{
    super::{
        FindingKind, Severity,
        found::{Found, Spot},
    },
    Run,
};

/// What a run of one kind says.
pub(super) fn spells(kind: FindingKind, run: &str) -> Option<String> {
    let text: String = match kind {
        FindingKind::Tag => tags(run),
        FindingKind::VariationSelector => readable(run.chars().filter_map(selected).collect())?,
        FindingKind::ZeroWidth => bits(run)?,
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// What tags spell.
pub(super) fn tags(run: &str) -> String {
    let ascii = run.chars().filter_map(|c| char::from_u32((c as u32).checked_sub(0xE0000)?));
    ascii.filter(|c| matches!(c, ' '..='~')).collect()
}

/// The byte that a selector stands for.
fn selected(selector: char) -> Option<u8> {
    match selector as u32 {
        v @ 0xFE00..=0xFE0F => u8::try_from(v - 0xFE00).ok(),
        v @ 0xE0100..=0xE01EF => u8::try_from(v - 0xE0100 + 16).ok(),
        _ => None,
    }
}

/// Eight zero-width characters of two kinds make a byte, either kind being the one; others part them.
fn bits(run: &str) -> Option<String> {
    let digits: Vec<char> = run.chars().filter(|c| matches!(c, '\u{200b}' | '\u{200c}' | '\u{2060}')).collect();
    let (zero, one) = match run.contains('\u{200c}') {
        true => ('\u{200b}', '\u{200c}'),
        false => ('\u{200b}', '\u{2060}'),
    };
    let read = |digits: &[char], one: char| {
        let byte = |byte: &[char]| byte.iter().fold(0_u8, |value, digit| value << 1 | u8::from(*digit == one));
        readable(digits.chunks_exact(8).map(byte).collect()).filter(|text| !text.is_empty())
    };
    if let Some(text) = read(&digits, one).or_else(|| read(&digits, zero)) {
        return Some(text);
    }
    // The other common pair: non-joiner and joiner.
    let digits: Vec<char> = run.chars().filter(|c| matches!(c, '\u{200c}' | '\u{200d}')).collect();
    read(&digits, '\u{200d}').or_else(|| read(&digits, '\u{200c}'))
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| text.chars().all(|c| !c.is_control() || c == '\n'))
}

/// One selector spells nothing; many of them do, with anything seen between them.
#[derive(Default)]
pub(super) struct Selectors {
    bytes: Vec<u8>,
    span: Option<Range<usize>>,
    /// Of those that pick no form, how many stand alone.
    scattered: usize,
}

impl Selectors {
    /// The fewest that are looked at, where they pick forms of nothing.
    const FEWEST: usize = 4;

    pub(super) fn take(&mut self, run: &Run<'_>, ordinary: bool, span: Range<usize>) {
        // Of what picks a form only an ideograph's could be a part of what is spelt: a space, a figure.
        self.bytes.extend(run.chars.chars().filter_map(selected).filter(|byte| !ordinary || *byte >= b' '));
        if ordinary {
            return;
        }
        self.scattered += usize::from(run.single().is_some());
        let start = self.span.as_ref().map_or(span.start, |known| known.start);
        self.span = Some(start..span.end);
    }

    pub(super) fn tell(self, found: &mut Found) {
        // One form over and over is what is left where emoji were taken out, and spells nothing.
        let differ = self.bytes.iter().any(|byte| Some(byte) != self.bytes.first());
        let Some(span) = self.span.filter(|_| differ && self.scattered >= Self::FEWEST) else { return };
        let count = self.bytes.len();
        let kind = FindingKind::VariationSelector;
        found.add_spot(kind, Severity::High, span, |span| {
            let spelt = readable(self.bytes).filter(|text| !text.trim().is_empty());
            let why = match &spelt {
                Some(text) => format!("{count} variation selectors, scattered over the text, spell “{}”.", shown(text)),
                None => format!(
                    "{count} variation selectors pick a form of nothing: not seen when shown, and they can spell."
                ),
            };
            Spot {
                kind,
                severity: Severity::High,
                span,
                why,
                label: format!("{count} variation selectors"),
                decoded: spelt,
            }
        });
    }
}

/// Joiners and breaks where they may stand, one by one: which of two stands there can be a bit of something else.
#[derive(Default)]
pub(super) struct Joiners {
    chars: String,
    span: Option<Range<usize>>,
}

impl Joiners {
    /// The fewest characters that are no accident: those of one kind spell nothing, and few of two do.
    const FEWEST: usize = 4;

    pub(super) fn take(&mut self, run: &Run<'_>, span: Range<usize>) {
        self.chars.push_str(run.chars);
        let start = self.span.as_ref().map_or(span.start, |known| known.start);
        self.span = Some(start..span.end);
    }

    pub(super) fn tell(self, found: &mut Found) {
        let first = self.chars.chars().next();
        if self.chars.chars().all(|c| Some(c) == first) {
            return;
        }
        let spelt = bits(&self.chars).filter(|text| text.trim().chars().count() >= Self::FEWEST);
        let Some((text, span)) = spelt.zip(self.span) else { return };
        let kind = FindingKind::ZeroWidth;
        found.add_spot(kind, Severity::High, span, |span| Spot {
            kind,
            severity: Severity::High,
            span,
            why: format!("Zero-width characters, each where one may stand, spell “{}”.", shown(&text)),
            label: "zero-width characters".into(),
            decoded: Some(text),
        });
    }
}

/// What is spelt, as far as a sentence has room for it; all of it goes with the finding.
pub(super) fn shown(text: &str) -> String {
    const ROOM: usize = 200;
    match text.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
