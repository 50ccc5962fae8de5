//! Text as its words mean it: lower case, without accents, invisible characters and fancy or borrowed letters.
//!
//! Words are looked for in this form, so that a letter from another alphabet does not hide one; spans are given back in
//! the text as it came.

use std::ops::Range;

use unicode_normalization::char::{decompose_canonical, decompose_compatible};

use super::{invisible, walk::find};

/// A folded text, and where its parts come from.
pub(super) struct Folded {
    pub(super) text: String,
    /// In order; none where both texts are of one length, byte for byte.
    pieces: Vec<Piece>,
    length: usize,
}

/// A part of the folded text, up to the next one.
struct Piece {
    /// Where it begins in the folded text, and in the text as it came.
    at: usize,
    origin: usize,
    /// Whether all of it stands for the one character there.
    of_one: bool,
}

impl Folded {
    pub(super) fn new(raw: &str) -> Self {
        let length = raw.len();
        if raw.is_ascii() {
            return Self { text: raw.to_ascii_lowercase(), pieces: Vec::new(), length };
        }
        let mut folding = Folding { raw, text: String::with_capacity(length), pieces: Vec::new(), kept: 0 };
        let bytes = raw.as_bytes();
        let mut rest = 0;
        // What is ASCII stays where it is, but for letters of a word that has others too.
        while let Some(next) = find(bytes, rest, |byte| !byte.is_ascii()) {
            let letters = bytes[rest..next].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let start = next - letters;
            let word = word(&raw[start..]);
            folding.fold_word(start, word);
            rest = start + word.len();
        }
        folding.keep_to(length);
        Self { text: folding.text, pieces: folding.pieces, length }
    }

    /// The span in the text as it came.
    pub(super) fn origin(&self, span: Range<usize>) -> Range<usize> {
        let at = |byte: usize| {
            if byte >= self.text.len() {
                return self.length;
            }
            let piece = self.pieces.partition_point(|piece| piece.at <= byte).checked_sub(1).map(|at| &self.pieces[at]);
            piece.map_or(byte, |piece| piece.origin + if piece.of_one { 0 } else { byte - piece.at })
        };
        at(span.start)..at(span.end).max(at(span.start))
    }
}

struct Folding<'a> {
    raw: &'a str,
    text: String,
    pieces: Vec<Piece>,
    /// Up to here all was taken up; what is kept as it is stands between here and what comes next.
    kept: usize,
}

impl Folding<'_> {
    fn fold_word(&mut self, start: usize, word: &str) {
        let borrowed = borrows(word);
        for (at, c) in word.char_indices() {
            if !borrowed && (c.is_ascii() || stays(c)) {
                continue;
            }
            let at = start + at;
            self.keep_to(at);
            let from = self.text.len();
            fold(if borrowed { latin_twin(c).unwrap_or(c) } else { c }, |folded| self.text.push(folded));
            if self.text.len() > from {
                self.pieces.push(Piece { at: from, origin: at, of_one: true });
            }
            self.kept = at + c.len_utf8();
        }
    }

    /// Takes up what is kept as it is, but for capitals.
    fn keep_to(&mut self, end: usize) {
        if end == self.kept {
            return;
        }
        let at = self.text.len();
        self.pieces.push(Piece { at, origin: self.kept, of_one: false });
        self.text.push_str(&self.raw[self.kept..end]);
        self.text[at..].make_ascii_lowercase();
        self.kept = end;
    }
}

/// Characters that are not ASCII and that [`fold`] leaves as they are, told by their range because most are.
fn stays(c: char) -> bool {
    matches!(c,
        // Cyrillic in lower case, Hebrew, Arabic and Devanagari but for what is folded there.
        '\u{430}'..='\u{45f}'
        | '\u{5d0}'..='\u{61b}'
        | '\u{620}' | '\u{621}' | '\u{624}' | '\u{626}'..='\u{628}' | '\u{62a}'..='\u{63f}'
        | '\u{641}'..='\u{648}'
        | '\u{904}'..='\u{93b}' | '\u{93d}'..='\u{957}'
        // Marks, arrows, frames and pictures.
        | '\u{2010}'..='\u{2017}' | '\u{201a}'..='\u{2027}'
        | '\u{2190}'..='\u{245f}' | '\u{2500}'..='\u{27bf}' | '\u{1f200}'..='\u{1faff}'
        // Chinese, Japanese and Korean.
        | '\u{2e80}'..='\u{3163}' | '\u{3165}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn fold(c: char, mut push: impl FnMut(char)) {
    match c {
        c if c.is_ascii() => push(c.to_ascii_lowercase()),
        // Arabic marks and stretched letters; the Hindi dot; combining accents.
        '\u{640}' | '\u{64b}'..='\u{652}' | '\u{93c}' | '\u{300}'..='\u{36f}' => {}
        'أ' | 'إ' | 'آ' => push('ا'),
        'ى' => push('ي'),
        'ة' => push('ه'),
        'ß' => {
            push('s');
            push('s');
        }
        '’' | '‘' | 'ʼ' => push('\''),
        // Latin with accents, and Devanagari letters with a dot.
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{958}'..='\u{95f}' => {
            let mut base = c;
            decompose_canonical(c, |part| {
                if part.is_alphabetic() && !matches!(part, '\u{93c}' | '\u{300}'..='\u{36f}') {
                    base = if base == c { part } else { base };
                }
            });
            base.to_lowercase().for_each(push);
        }
        // Letters made to look otherwise: mathematical, circled, squared, full width.
        '\u{1d400}'..='\u{1d7ff}' | '\u{2460}'..='\u{24ff}' | '\u{ff01}'..='\u{ff5e}' | '\u{2100}'..='\u{214f}' => {
            decompose_compatible(c, |part| part.to_lowercase().for_each(&mut push));
        }
        '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}' => {
            let letter = (c as u32 - 0x1F130) % 32;
            push(char::from_u32(u32::from(b'a') + letter).unwrap_or(c));
        }
        c if stays(c) => push(c),
        c if invisible::is_invisible(c) && !c.is_control() => {}
        c => c.to_lowercase().for_each(push),
    }
}

/// The word at the beginning: up to the next sign of ASCII that is no letter or figure. A text without any spaces is
/// one word, and is read once all the same.
fn word(text: &str) -> &str {
    let end = find(text.as_bytes(), 0, |byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

/// Whether letters of a look-alike alphabet stand among Latin ones.
fn borrows(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphabetic())
        && word.chars().any(|c| !c.is_ascii() && latin_twin(c).is_some())
}

/// The Latin letter that a Cyrillic, Greek or Armenian one is drawn like.
pub(super) fn latin_twin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'А' | 'Α' | 'α' => 'a',
        'В' | 'Β' | 'в' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' => 'c',
        'ԁ' | 'ժ' => 'd',
        'е' | 'Е' | 'Ε' | 'ҽ' | 'ё' => 'e',
        'ɡ' | 'ց' => 'g',
        'һ' | 'Н' | 'Η' | 'հ' | 'Һ' => 'h',
        'і' | 'І' | 'Ι' | 'ι' | 'ı' | 'Ӏ' => 'i',
        'ј' | 'Ј' | 'ϳ' => 'j',
        'к' | 'К' | 'Κ' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' | 'М' | 'Μ' => 'm',
        'ո' | 'Ν' => 'n',
        'о' | 'О' | 'Ο' | 'ο' | 'օ' => 'o',
        'р' | 'Р' | 'Ρ' | 'ρ' => 'p',
        'ԛ' | 'զ' => 'q',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'Τ' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'ү' | 'Υ' => 'y',
        'Ζ' | 'ᴢ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_has_nothing_to_fold() {
        for c in ('\u{80}'..=char::MAX).filter(|c| stays(*c)) {
            assert_eq!(c.to_lowercase().collect::<String>(), c.to_string());
            assert!(!invisible::is_invisible(c), "{c:?}");
            let mut folded = String::new();
            fold(c, |c| folded.push(c));
            assert_eq!(folded, c.to_string());
        }
    }

    #[test]
    fn places_are_those_of_the_text_as_it_came() {
        let raw = "Plain WORDS, then Ünïcode\u{200b}, іgnоre Previous, 支払い, Straße, КОФЕ.";
        let folded = Folded::new(raw);
        assert_eq!(folded.text, "plain words, then unicode, ignore previous, 支払い, strasse, кофе.");
        for word in ["WORDS", "Ünïcode", "іgnоre", "Previous,", "支払い", "Straße", "КОФЕ."] {
            let at = folded.text.find(&Folded::new(word).text).unwrap();
            let span = folded.origin(at..at + Folded::new(word).text.len());
            assert!(raw[span].starts_with(word), "{word}");
        }
    }
}
