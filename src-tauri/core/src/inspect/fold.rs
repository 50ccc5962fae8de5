//! Text as its words mean it: lower case, without accents, invisible characters and fancy or borrowed letters.
//!
//! Words are looked for in this form, so that a letter from another alphabet does not hide one; spans are given back in
//! the text as it came.

use std::ops::Range;

use unicode_normalization::char::{decompose_canonical, decompose_compatible};

use super::invisible;

/// A folded text, and where each of its bytes comes from.
pub(super) struct Folded {
    pub(super) text: String,
    /// Absent where both are of one length, byte for byte.
    origins: Option<Vec<u32>>,
    length: usize,
}

impl Folded {
    pub(super) fn new(raw: &str) -> Self {
        let length = raw.len();
        if raw.is_ascii() {
            return Self { text: raw.to_ascii_lowercase(), origins: None, length };
        }
        let mut folded = Folding { text: String::with_capacity(length), origins: Vec::with_capacity(length) };
        let mut rest = 0;
        while rest < length {
            let plain = plain(&raw.as_bytes()[rest..]);
            if plain > 0 {
                folded.push_ascii(&raw[rest..rest + plain], rest);
                rest += plain;
                continue;
            }
            let word = word(&raw[rest..]);
            let borrowed = borrows(word);
            for (at, c) in word.char_indices() {
                folded.fold(if borrowed { latin_twin(c).unwrap_or(c) } else { c }, rest + at);
            }
            rest += word.len();
        }
        Self { text: folded.text, origins: Some(folded.origins), length }
    }

    /// The span in the text as it came.
    pub(super) fn origin(&self, span: Range<usize>) -> Range<usize> {
        let Some(origins) = &self.origins else { return span };
        let at = |byte: usize| origins.get(byte).map_or(self.length, |at| *at as usize);
        at(span.start)..at(span.end).max(at(span.start))
    }
}

struct Folding {
    text: String,
    origins: Vec<u32>,
}

impl Folding {
    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.origins.resize(self.text.len(), u32::try_from(at).unwrap_or(u32::MAX));
    }

    fn push_ascii(&mut self, text: &str, at: usize) {
        let from = self.text.len();
        self.text.push_str(text);
        self.text[from..].make_ascii_lowercase();
        self.origins.extend((at..at + text.len()).map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
    }

    fn fold(&mut self, c: char, at: usize) {
        match c {
            c if c.is_ascii() => self.push(c.to_ascii_lowercase(), at),
            // Arabic marks and stretched letters; the Hindi dot; combining accents.
            '\u{640}' | '\u{64b}'..='\u{652}' | '\u{93c}' | '\u{300}'..='\u{36f}' => {}
            'أ' | 'إ' | 'آ' => self.push('ا', at),
            'ى' => self.push('ي', at),
            'ة' => self.push('ه', at),
            'ß' => {
                self.push('s', at);
                self.push('s', at);
            }
            '’' | '‘' | 'ʼ' => self.push('\'', at),
            // Latin with accents, and Devanagari letters with a dot.
            '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{958}'..='\u{95f}' => {
                let mut base = c;
                decompose_canonical(c, |part| {
                    if part.is_alphabetic() && !matches!(part, '\u{93c}' | '\u{300}'..='\u{36f}') {
                        base = if base == c { part } else { base };
                    }
                });
                base.to_lowercase().for_each(|lower| self.push(lower, at));
            }
            // Letters made to look otherwise: mathematical, circled, squared, full width.
            '\u{1d400}'..='\u{1d7ff}' | '\u{2460}'..='\u{24ff}' | '\u{ff01}'..='\u{ff5e}' | '\u{2100}'..='\u{214f}' => {
                decompose_compatible(c, |part| part.to_lowercase().for_each(|lower| self.push(lower, at)));
            }
            '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}' => {
                let letter = (c as u32 - 0x1F130) % 32;
                self.push(char::from_u32(u32::from(b'a') + letter).unwrap_or(c), at);
            }
            // Without capitals, and without anything to fold.
            '\u{5d0}'..='\u{61b}'
            | '\u{620}'..='\u{63f}'
            | '\u{904}'..='\u{957}'
            | '\u{2e80}'..='\u{3163}'
            | '\u{3165}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{1f200}'..='\u{1faff}'
            // Cyrillic, in lower case already.
            | '\u{430}'..='\u{45f}' => self.push(c, at),
            c if invisible::is_invisible(c) && !c.is_control() => {}
            c => c.to_lowercase().for_each(|lower| self.push(lower, at)),
        }
    }
}

/// How long the words at the beginning are that are ASCII alone, and what stands between them: most of most texts.
fn plain(bytes: &[u8]) -> usize {
    let Some(end) = bytes.iter().position(|byte| !byte.is_ascii()) else { return bytes.len() };
    end - bytes[..end].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// The word at the beginning, which begins with no ASCII sign; at least one character.
fn word(text: &str) -> &str {
    let end = text.bytes().position(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    // A text without any spaces is one word, which would make this no shorter than the text; that is fine: it is read
    // once. Words of two alphabets are what matters.
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
    fn what_is_taken_as_it_is_has_no_capitals() {
        let as_it_is = ('\u{430}'..='\u{45f}').chain('\u{ac00}'..='\u{d7a3}').chain('\u{1f200}'..='\u{1faff}');
        for c in as_it_is {
            assert_eq!(c.to_lowercase().collect::<String>(), c.to_string());
            assert!(!invisible::is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn places_are_those_of_the_text_as_it_came() {
        let raw = "Plain WORDS, then Ünïcode\u{200b}, іgnоre Previous.";
        let folded = Folded::new(raw);
        assert_eq!(folded.text, "plain words, then unicode, ignore previous.");
        for word in ["WORDS", "Ünïcode", "іgnоre", "Previous."] {
            let at = folded.text.find(&Folded::new(word).text).unwrap();
            let span = folded.origin(at..at + Folded::new(word).text.len());
            assert!(raw[span].starts_with(word), "{word}");
        }
    }
}
