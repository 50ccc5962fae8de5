//! Characters that are not seen: direction marks, zero width, tags, variation selectors, fillers.
//!
//! The table is our own because no crate lists these together: the ranges are those of the Unicode Character
//! Database's `Default_Ignorable_Code_Point` and `Bidi_Control`, with C0/C1 controls, the blank Braille pattern and the
//! controls of annotations and hieroglyphs added.

mod spelt;

use std::ops::Range;

use spelt::{Joiners, Selectors, shown, spells, tags};
use unicode_script::{Script, UnicodeScript as _};

use super::{
    FindingKind, Severity,
    found::{Found, Spot},
    walk::find,
};

/// Whether a character is one that a person does not see, or that changes how others are seen.
pub fn is_invisible(c: char) -> bool {
    kind_of(c).is_some()
}

/// The kind of a character that is not seen; controls included.
pub(super) fn kind_of(c: char) -> Option<FindingKind> {
    Some(match c {
        '\t' | '\n' | '\r' => return None,
        ' '..='~' => return None,
        '\u{1b}' | '\u{9b}' => FindingKind::Ansi,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => FindingKind::Control,
        '\u{ad}' => FindingKind::SoftHyphen,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => FindingKind::Bidi,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{180e}' => {
            FindingKind::ZeroWidth
        }
        // Annotations, hieroglyphs, shorthand and musical notation.
        '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => {
            FindingKind::ZeroWidth
        }
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => {
            FindingKind::Filler
        }
        '\u{fff0}'..='\u{fff8}' => FindingKind::Filler,
        '\u{2028}' | '\u{2029}' => FindingKind::Control,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            FindingKind::VariationSelector
        }
        '\u{e0000}'..='\u{e0fff}' => FindingKind::Tag,
        _ => return None,
    })
}

/// Finds each run of invisible characters of one kind; controls are found by [`super::controls`].
pub(super) fn scan(text: &str, found: &mut Found) {
    let mut soft_hyphens = SoftHyphens::default();
    let (mut selectors, mut joiners) = (Selectors::default(), Joiners::default());
    let mut line = Line::default();
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = find(bytes, from, leads) {
        if !begins(&bytes[at..]) {
            from = at + 1;
            continue;
        }
        let mut chars = text[at..].chars();
        let c = chars.next();
        let kind = c.and_then(kind_of).filter(|kind| !matches!(kind, FindingKind::Ansi | FindingKind::Control));
        let Some(kind) = kind else {
            from = at + c.map_or(1, char::len_utf8);
            continue;
        };
        let first = c.map_or(0, char::len_utf8);
        let more = text[at + first..].chars().take_while(|c| kind_of(*c) == Some(kind)).map(char::len_utf8);
        let end = at + first + more.sum::<usize>();
        from = end;
        let (before, after) = (text[..at].chars().next_back(), text[end..].chars().next());
        let run = Run { kind, chars: &text[at..end], before, after, first: at == 0 };
        let ordinary = run.is_ordinary();
        match kind {
            FindingKind::VariationSelector => selectors.take(&run, ordinary, at..end),
            FindingKind::ZeroWidth if ordinary => joiners.take(&run, at..end),
            _ => {}
        }
        if kind == FindingKind::SoftHyphen {
            soft_hyphens.take(at..end, found);
        } else if !ordinary {
            // An override is never what such a line is made with, so there is no need to look.
            let depends = kind == FindingKind::Bidi && !overrides(run.chars);
            let right_to_left = depends && line.is_right_to_left(text, at);
            run.report(at..end, right_to_left, found);
        }
    }
    selectors.tell(found);
    joiners.tell(found);
}

/// The first byte of an invisible character in UTF-8.
fn leads(byte: u8) -> bool {
    matches!(byte, 0xC2 | 0xCD | 0xD8 | 0xE1..=0xE3 | 0xEF | 0xF0 | 0xF3)
}

/// The first two bytes of one; most text has none, whatever its script.
fn begins(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xC2, 0xAD, ..]
            | [0xCD, 0x8F, ..]
            | [0xD8, 0x9C, ..]
            | [0xE1, 0x85 | 0x9E | 0xA0, ..]
            | [0xE2, 0x80 | 0x81 | 0xA0, ..]
            | [0xE3, 0x85, ..]
            | [0xEF, 0xB8 | 0xBB | 0xBE | 0xBF, ..]
            | [0xF0, 0x93 | 0x9B | 0x9D, ..]
            | [0xF3, 0xA0 | 0x84..=0x87, ..]
    )
}

struct Run<'a> {
    kind: FindingKind,
    chars: &'a str,
    before: Option<char>,
    after: Option<char>,
    first: bool,
}

impl Run<'_> {
    fn single(&self) -> Option<char> {
        let mut chars = self.chars.chars();
        chars.next().filter(|_| chars.next().is_none())
    }

    /// Uses that writing systems, emoji and files need, and that hide nothing.
    fn is_ordinary(&self) -> bool {
        let single = self.single();
        let is = |c: Option<char>, test: fn(char) -> bool| c.is_some_and(test);
        match self.kind {
            FindingKind::ZeroWidth => match single {
                // Joiners shape Arabic and Indic scripts and build emoji (Unicode 23.2; UTS #51).
                Some('\u{200c}' | '\u{200d}') => is(self.before, joins),
                // A byte order mark; breaks between words of scripts that write none.
                Some('\u{feff}') => self.first,
                Some('\u{200b}' | '\u{2060}') => is(self.before, writes_no_spaces) || is(self.after, writes_no_spaces),
                // Beams and slurs among notes, overlapping shorthand, joined hieroglyphs.
                Some('\u{1d173}'..='\u{1d17a}') => is(self.before, |c| matches!(c, '\u{1d100}'..='\u{1d1ff}')),
                Some('\u{1bca0}'..='\u{1bca3}') => is(self.before, |c| matches!(c, '\u{1bc00}'..='\u{1bc9f}')),
                Some('\u{13430}'..='\u{1343f}') => is(self.before, |c| matches!(c, '\u{13000}'..='\u{1342f}')),
                _ => false,
            },
            FindingKind::VariationSelector => {
                single.is_some_and(|selector| self.before.is_some_and(|base| self.picks_a_form(base, selector)))
            }
            // The flags of England, Scotland and Wales: all that are recommended (UTS #51, emoji tag sequences).
            FindingKind::Tag => {
                self.before == Some('\u{1f3f4}')
                    && matches!(tags(self.chars).as_str(), "gbeng" | "gbsct" | "gbwls")
                    && self.chars.ends_with('\u{e007f}')
                    && self.chars.chars().count() == 6
            }
            FindingKind::Filler => match single {
                Some('\u{34f}') => true,
                Some('\u{2800}') => is(self.before, is_braille) || is(self.after, is_braille),
                // Old Korean is written with single jamo.
                Some('\u{115f}' | '\u{1160}') => is(self.before, is_jamo) || is(self.after, is_jamo),
                // Khmer inherent vowels, which some keyboards still write.
                Some('\u{17b4}' | '\u{17b5}') => is(self.before, writes_no_spaces),
                _ => self.chars.chars().all(|c| c == '\u{2800}') && is(self.before, is_braille),
            },
            _ => false,
        }
    }

    /// Whether this selector picks one of the forms that a character has: a coloured or a plain emoji, a keycap, an
    /// ideograph of a collection, a form of a letter or a sign (Unicode 23.4; UTS #37; UTS #51).
    fn picks_a_form(&self, base: char, selector: char) -> bool {
        match (base, selector) {
            ('0'..='9' | '#' | '*', '\u{fe0e}' | '\u{fe0f}') => self.after == Some('\u{20e3}'),
            ('\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}', '\u{fe0e}' | '\u{fe0f}')
            | (
                '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}',
                '\u{fe0e}' | '\u{fe0f}',
            ) => true,
            // No registered ideograph has as many forms as would spell letters.
            (
                '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}',
                '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e011f}',
            ) => true,
            ('\u{1800}'..='\u{18af}', '\u{180b}'..='\u{180d}' | '\u{180f}') => true,
            // Signs of mathematics, full-width marks, Myanmar, 'Phags-pa and Manichaean letters.
            (
                '0'
                | '\u{2200}'..='\u{22ff}'
                | '\u{2a00}'..='\u{2aff}'
                | '\u{1000}'..='\u{109f}'
                | '\u{aa60}'..='\u{aa7f}'
                | '\u{a840}'..='\u{a877}'
                | '\u{10ac0}'..='\u{10aff}',
                '\u{fe00}',
            )
            | (
                '\u{3001}' | '\u{3002}' | '\u{ff01}' | '\u{ff0c}' | '\u{ff0e}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}',
                '\u{fe00}' | '\u{fe01}',
            ) => true,
            _ => false,
        }
    }

    fn report(&self, span: Range<usize>, right_to_left: bool, found: &mut Found) {
        let count = self.chars.chars().count();
        let (severity, what) = match self.kind {
            FindingKind::Bidi => bidi(self.chars, right_to_left),
            // From eight on they can spell.
            FindingKind::ZeroWidth if count >= 8 => (Severity::High, "zero-width character"),
            FindingKind::ZeroWidth => (Severity::Medium, "zero-width character"),
            FindingKind::Tag => (Severity::High, "tag character"),
            FindingKind::VariationSelector if count >= 2 => (Severity::High, "variation selector"),
            FindingKind::VariationSelector => (Severity::Low, "variation selector"),
            _ => (Severity::Medium, "filler character"),
        };
        found.add_spot(self.kind, severity, span, |span| {
            let spelt = spells(self.kind, self.chars);
            let counted = format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let (why, label) = match &spelt {
                Some(text) => {
                    let (verb, text) = (if count == 1 { "spells" } else { "spell" }, shown(text));
                    (
                        format!("{count} invisible {what}{} {verb} “{text}”.", if count == 1 { "" } else { "s" }),
                        format!("{counted}: “{text}”"),
                    )
                }
                None if self.kind == FindingKind::Bidi => {
                    (format!("{counted}: text may read in another order than it is."), codes(&counted, self.chars))
                }
                None => (format!("{counted}: not seen when shown."), codes(&counted, self.chars)),
            };
            Spot { kind: self.kind, severity, span, why, label, decoded: spelt }
        });
    }
}

fn overrides(run: &str) -> bool {
    run.contains(['\u{202d}', '\u{202e}'])
}

/// Marks and balanced isolates are what right-to-left text is made with; overrides never are.
fn bidi(run: &str, right_to_left: bool) -> (Severity, &'static str) {
    let all = |test: fn(char) -> bool| run.chars().all(test);
    if all(|c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')) {
        return (if right_to_left { Severity::Info } else { Severity::Low }, "direction mark");
    }
    match overrides(run) {
        true => (Severity::High, "direction override"),
        // Translated interfaces put these around inserted names (Unicode UAX #9, 2.4; Project Fluent).
        false if all(|c| matches!(c, '\u{2068}' | '\u{2069}')) => (Severity::Low, "direction isolate"),
        false if right_to_left => (Severity::Low, "direction control"),
        false => (Severity::High, "direction control"),
    }
}

/// Whether the line that is looked at is written from right to left; each is looked at once.
#[derive(Default)]
struct Line {
    range: Range<usize>,
    right_to_left: bool,
}

impl Line {
    /// One letter of another direction makes no such line: a third of them has to be.
    fn is_right_to_left(&mut self, text: &str, at: usize) -> bool {
        if !self.range.contains(&at) {
            let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
            let letters = || text[start..end].chars().filter(|c| c.is_alphabetic());
            let (all, these) = (letters().count(), letters().filter(|c| is_right_to_left(*c)).count());
            *self = Self { range: start..end.max(at + 1), right_to_left: these > 0 && these * 3 >= all };
        }
        self.right_to_left
    }
}

/// Soft hyphens are told once a text, as they come by the hundred in web pages; those that cut a word to pieces are not
/// there for breaking lines.
#[derive(Default)]
struct SoftHyphens {
    last: Option<usize>,
}

impl SoftHyphens {
    fn take(&mut self, span: Range<usize>, found: &mut Found) {
        let close = self.last.is_some_and(|last| span.start - last <= 1) || span.len() > 2;
        self.last = Some(span.end);
        let severity = if close { Severity::Medium } else { Severity::Info };
        found.add_spot(FindingKind::SoftHyphen, severity, span, |span| Spot {
            kind: FindingKind::SoftHyphen,
            severity,
            span,
            why: match close {
                true => "Soft hyphens cut a word to pieces: not seen, and it is not found when searched for.".into(),
                false => "1 soft hyphen: not seen when shown.".into(),
            },
            label: "1 soft hyphen U+00AD".into(),
            decoded: None,
        });
    }
}

fn joins(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
        || matches!(c, '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}')
        || matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

fn writes_no_spaces(c: char) -> bool {
    !c.is_ascii()
        && (matches!(
            c.script(),
            Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
                | Script::Han
                | Script::Hiragana
                | Script::Katakana
        ) || matches!(c, '\u{3000}'..='\u{303f}'))
}

fn is_braille(c: char) -> bool {
    matches!(c, '\u{2801}'..='\u{28ff}')
}

fn is_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}')
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}')
}

fn codes(counted: &str, run: &str) -> String {
    let mut chars = run.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => format!("{counted} U+{:04X}", c as u32),
        _ => counted.to_owned(),
    }
}
