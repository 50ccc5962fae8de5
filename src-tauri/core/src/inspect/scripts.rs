//! Letters that look like those of another script, in words, names and addresses (Unicode UTS #39).

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::LazyLock};

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::confusable_detection::skeleton;

use super::{
    FindingKind, Severity,
    fold::latin_twin,
    found::Found,
    walk::{Text, find},
};

/// Longer runs, in bytes, are tables and packed programs, not words or names.
const LONGEST: usize = 128;

/// Names that are imitated most; a label that only looks like one of them is not it.
const IMITATED: &[&str] = &[
    "adobe",
    "airbnb",
    "aliexpress",
    "amazon",
    "americanexpress",
    "anthropic",
    "apple",
    "atlassian",
    "binance",
    "bitbucket",
    "blockchain",
    "chase",
    "citibank",
    "cloudflare",
    "coinbase",
    "deutschebank",
    "dhl",
    "discord",
    "dropbox",
    "ebay",
    "facebook",
    "fedex",
    "github",
    "gitlab",
    "gmail",
    "google",
    "hotmail",
    "icloud",
    "instagram",
    "kraken",
    "linkedin",
    "metamask",
    "microsoft",
    "netflix",
    "openai",
    "oracle",
    "outlook",
    "paypal",
    "pinterest",
    "postbank",
    "protonmail",
    "reddit",
    "salesforce",
    "samsung",
    "santander",
    "sharepoint",
    "shopify",
    "slack",
    "snapchat",
    "sparkasse",
    "spotify",
    "stripe",
    "telegram",
    "tiktok",
    "twitter",
    "whatsapp",
    "wikipedia",
    "youtube",
    "yahoo",
    "zoom",
];

/// Finds look-alike letters.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    for url in &text.urls {
        host(url.host, url.host_at, found);
    }
    if text.ascii {
        return;
    }
    let mostly_latin = mostly_latin(text.raw);
    for (at, word) in words(text.raw) {
        // Most words of most scripts have nothing to compare.
        if word.len() > LONGEST {
            continue;
        }
        let latin = word.bytes().any(|byte| byte.is_ascii_alphabetic());
        if !word.chars().any(has_twins) || !(latin || text.name || mostly_latin) {
            continue;
        }
        self::word(word, at, text.name, mostly_latin, found);
    }
}

/// How a host in its registered letters is drawn, where that differs.
pub(crate) fn drawn_host(host: &str) -> Option<String> {
    let decoded: Vec<String> = host
        .split('.')
        .map(|label| label.strip_prefix("xn--").and_then(punycode).unwrap_or_else(|| label.to_owned()))
        .collect();
    Some(decoded.join(".")).filter(|drawn| drawn != host)
}

/// What a host hides: letters of another script, an encoded name, the looks of a known one.
fn host(host: &str, at: usize, found: &mut Found) {
    let lower = host.to_lowercase();
    let labels: Vec<Cow<'_, str>> = lower
        .split('.')
        .map(|label| match label.strip_prefix("xn--").and_then(punycode) {
            Some(decoded) => Cow::Owned(decoded),
            None => Cow::Borrowed(label),
        })
        .collect();
    let mut say = |why: &dyn Fn() -> String| {
        found.add(FindingKind::Homoglyph, Severity::High, at..at + host.len(), why);
    };
    // The name of a place may be in any script; one drawn wholly with letters that look Latin is made to be misread.
    if labels.iter().any(|label| !label.is_ascii() && reads_as_latin(label)) {
        say(&|| {
            let reads: String = skeleton(&labels.join(".")).collect();
            format!("This host looks like “{reads}” and is another one.")
        });
    } else if labels.iter().any(|label| matches!(label, Cow::Owned(decoded) if mixes(decoded))) {
        say(&|| format!("This host is shown as “{}”, a name of several scripts.", labels.join(".")));
    } else if let Some((label, name)) = labels.iter().find_map(|label| Some((label, imitates(label)?))) {
        say(&|| format!("“{label}” looks like “{name}” and is another name."));
    }
}

/// The imitated names as they are drawn: figures for letters, i for l.
static DRAWN: LazyLock<HashMap<String, &str>> =
    LazyLock::new(|| IMITATED.iter().map(|name| (drawn(name), *name)).collect());

fn drawn(label: &str) -> String {
    let mut drawn = String::with_capacity(label.len());
    let mut rest = label;
    while let Some(c) = rest.chars().next() {
        let (drawing, length) = match c {
            'r' if rest.starts_with("rn") => ('m', 2),
            'v' if rest.starts_with("vv") => ('w', 2),
            '0' => ('o', 1),
            '1' | '|' | 'l' => ('i', 1),
            '3' => ('e', 1),
            '5' => ('s', 1),
            _ => (c, c.len_utf8()),
        };
        drawn.push(drawing);
        rest = &rest[length..];
    }
    drawn
}

/// The known name that a label, or a part of it, is drawn like.
fn imitates(label: &str) -> Option<&'static str> {
    let parts = label.split('-').filter(|part| part.len() >= 4 && part.len() < label.len());
    parts.chain([label]).find_map(|part| DRAWN.get(&drawn(part)).copied().filter(|name| *name != part))
}

fn word(word: &str, at: usize, name: bool, mostly_latin: bool, found: &mut Found) {
    let span = at..at + word.len();
    let count = |script: Script| word.chars().filter(|c| c.script() == script).count();
    let latin = count(Script::Latin);
    let styled = word.chars().filter(|c| is_styled(*c)).count();
    if name && styled > 0 || styled >= 3 && latin > styled {
        let plain: String = skeleton(word).collect();
        let severity = if name { Severity::High } else { Severity::Low };
        found.add(FindingKind::Homoglyph, severity, span, || {
            format!("Letters from a table of symbols; it reads “{plain}”.")
        });
        return;
    }
    let foreign = [Script::Cyrillic, Script::Greek, Script::Armenian, Script::Cherokee, Script::Coptic, Script::Lisu]
        .into_iter()
        .map(|script| (script, count(script)))
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| *count > 0);
    let Some((script, others)) = foreign else {
        small_capitals(word, latin, span, found);
        return;
    };
    if latin == 0 {
        // Cyrillic for a whole Latin word, among Latin words.
        if (name || mostly_latin && word.chars().count() >= 4) && script != Script::Greek && reads_as_latin(word) {
            tell_homoglyph(word, span, Severity::High, found);
        }
        return;
    }
    let of = |c: &char| c.script() == script;
    let twins = word.chars().filter(of).filter(|c| latin_twin(*c).is_some() && !is_scientific(*c)).count();
    if twins == others && latin >= 2 {
        tell_homoglyph(word, span, Severity::High, found);
    } else if script == Script::Cyrillic
        && latin <= others
        && word.chars().filter(char::is_ascii).all(has_cyrillic_twin)
    {
        // Latin letters in a Cyrillic word: a slip of the keyboard, or made to get past a filter.
        tell_homoglyph(word, span, Severity::Medium, found);
    } else if name || (script != Script::Greek && twins > 0 && latin >= 2 && (mostly_latin || alternates(word, script)))
    {
        let severity = if name { Severity::High } else { Severity::Medium };
        found.add(FindingKind::MixedScript, severity, span, || {
            format!("One word of two scripts: {} and Latin.", script.full_name())
        });
    }
}

fn tell_homoglyph(word: &str, span: Range<usize>, severity: Severity, found: &mut Found) {
    found.add(FindingKind::Homoglyph, severity, span, || {
        let mut foreign = word.chars().filter(|c| !c.is_ascii());
        let first = foreign.next().map_or(0, |c| c as u32);
        let reads: String = word.chars().map(|c| latin_twin(c).unwrap_or(c)).collect();
        format!("It reads “{reads}” but has letters of another script, such as U+{first:04X}.")
    });
}

/// Phonetic letters that look like small capitals, which slip past whoever looks for a word.
fn small_capitals(word: &str, latin: usize, span: Range<usize>, found: &mut Found) {
    let small = |c: char| matches!(c, '\u{1d00}'..='\u{1d22}' | 'ʙ' | 'ɢ' | 'ʜ' | 'ɪ' | 'ʟ' | 'ɴ' | 'ʀ' | 'ʏ');
    if latin >= 4 && word.chars().filter(|c| small(*c)).count() * 2 > latin {
        found.add(FindingKind::Homoglyph, Severity::Low, span, || "Phonetic letters drawn like small capitals.".into());
    }
}

/// Whether the scripts change more than once, as they do not where an ending is put to a foreign word.
fn alternates(word: &str, script: Script) -> bool {
    let mut changes = 0;
    let mut last = None;
    for c in word.chars().filter(|c| c.is_alphabetic()) {
        let now = c.script() == script;
        changes += usize::from(last.is_some_and(|last| last != now));
        last = Some(now);
    }
    changes >= 2
}

/// Greek letters that formulas and names of substances use beside Latin ones.
fn is_scientific(c: char) -> bool {
    matches!(c, 'α' | 'κ' | 'χ' | 'ρ' | 'τ' | 'ν' | 'ι' | 'υ')
}

fn has_cyrillic_twin(c: char) -> bool {
    !c.is_ascii_alphabetic()
        || matches!(
            c,
            'a' | 'A'
                | 'B'
                | 'c'
                | 'C'
                | 'e'
                | 'E'
                | 'H'
                | 'i'
                | 'K'
                | 'M'
                | 'o'
                | 'O'
                | 'p'
                | 'P'
                | 's'
                | 'S'
                | 'T'
                | 'x'
                | 'X'
                | 'y'
                | 'k'
                | 'n'
                | 'u'
                | 'm'
                | 't'
        )
}

/// Letters of another script, each of which is drawn like a Latin one.
fn reads_as_latin(label: &str) -> bool {
    let mut foreign = false;
    label.chars().all(|c| {
        if c.is_ascii() {
            return true;
        }
        foreign = true;
        latin_twin(c).is_some() || is_styled(c)
    }) && foreign
}

fn mixes(label: &str) -> bool {
    let has = |script: Script| label.chars().any(|c| c.script() == script);
    has(Script::Latin)
        && (has(Script::Cyrillic) || has(Script::Greek) || has(Script::Armenian) || has(Script::Cherokee))
}

fn is_styled(c: char) -> bool {
    matches!(c, '\u{1d400}'..='\u{1d7ff}' | '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f169}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}')
        && !matches!(c, '\u{1d6a8}'..='\u{1d7cb}')
}

/// Ranges whose letters can be taken for Latin ones.
fn has_twins(c: char) -> bool {
    matches!(c, '\u{250}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1c80}'..='\u{1d7f}' | '\u{1f00}'..='\u{1fff}')
        || matches!(c, '\u{2c80}'..='\u{2cff}' | '\u{a4d0}'..='\u{a4ff}' | '\u{a640}'..='\u{a69f}' | '\u{ab70}'..='\u{abbf}')
        || is_styled(c)
}

/// Whether a text is written in Latin letters; its beginning tells.
fn mostly_latin(text: &str) -> bool {
    let (mut latin, mut other) = (0_usize, 0_usize);
    for c in text.chars().take(4096).filter(|c| c.is_alphabetic()) {
        if c.is_ascii() {
            latin += 1;
        } else if c.script() != Script::Latin {
            other += 1;
        }
    }
    latin > 8 * other
}

/// Runs of letters, marks, digits and underscores that are not all ASCII, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Most letters are told by their range, which is quicker than looking them up.
    let part = |c: char| match c {
        '\0'..='\u{7f}' => c.is_ascii_alphanumeric() || c == '_',
        '\u{3b1}'..='\u{3c9}'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2c1}'
        | '\u{400}'..='\u{481}'
        | '\u{620}'..='\u{64a}'
        | '\u{904}'..='\u{939}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{4e00}'..='\u{9fff}' => true,
        '\u{2000}'..='\u{2bff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'.. => false,
        _ => c.is_alphanumeric(),
    };
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            // Nothing to see before the next byte that is not ASCII.
            let next = find(text.as_bytes(), rest, |byte| !byte.is_ascii())?;
            let c = text[next..].chars().next()?;
            if !part(c) {
                rest = next + c.len_utf8();
                continue;
            }
            let before = text[rest..next].bytes().rev().take_while(|byte| part(char::from(*byte))).count();
            let start = next - before;
            let length: usize = text[next..].chars().take_while(|c| part(*c)).map(char::len_utf8).sum();
            rest = next + length;
            return Some((start, &text[start..rest]));
        }
    })
}

/// Decodes one label (RFC 3492).
fn punycode(label: &str) -> Option<String> {
    let (basic, digits) = label.rsplit_once('-').unwrap_or(("", label));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes();
    while digits.len() > 0 {
        let (before, mut weight, mut k) = (i, 1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let length = u32::try_from(output.len()).ok()? + 1;
        let mut delta = (i - before) / if before == 0 { 700 } else { 2 };
        delta += delta / length;
        let mut k = 0;
        while delta > 455 {
            delta /= 35;
            k += 36;
        }
        bias = k + 36 * delta / (delta + 38);
        n = n.checked_add(i / length)?;
        i %= length;
        output.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
        if output.len() > 63 {
            return None;
        }
    }
    Some(output.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_with_one_that_is_not_ascii() {
        let text = "plain _größe, 支払い—naïve \u{200b}x → ok";
        let found: Vec<&str> = words(text).map(|(at, word)| &text[at..at + word.len()]).collect();
        assert_eq!(found, ["_größe", "支払い", "naïve"]);
        let letters = ('\u{c0}'..='\u{d6}').chain('\u{d8}'..='\u{f6}').chain('\u{f8}'..='\u{2c1}');
        for c in letters.chain('\u{620}'..='\u{64a}').chain('\u{904}'..='\u{939}').chain('\u{ac00}'..='\u{d7a3}') {
            assert!(c.is_alphanumeric(), "{c:?}");
        }
    }
}
