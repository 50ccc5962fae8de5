//! Numbers of cards, accounts and telephones, told by their check digits and by how they are grouped.

use std::ops::Range;

use super::super::{
    FindingKind, Severity,
    found::Found,
    walk::{Text, find},
};

/// Card, account and telephone numbers.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    for part in &text.parts {
        numbers(text.raw, part.clone(), found);
    }
}

fn numbers(text: &str, part: Range<usize>, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut at = part.start;
    while let Some(start) = find(&bytes[..part.end], at, |byte| byte.is_ascii_digit()) {
        // Figures in a word are none of these, but for an account's behind its country.
        if start > 2 && bytes[start - 1].is_ascii_alphanumeric() && bytes[start - 3].is_ascii_alphanumeric() {
            at = find(bytes, start, |byte| !byte.is_ascii_alphanumeric()).unwrap_or(bytes.len());
            continue;
        }
        if let Some(span) = iban(text, start) {
            let example = IBAN_EXAMPLES.contains(&compact(&text[span.clone()]).as_str());
            let severity = if example { Severity::Info } else { Severity::Medium };
            found.add(FindingKind::Iban, severity, span.clone(), || {
                "A bank account (IBAN) whose check digits are right.".into()
            });
            at = span.end;
            continue;
        }
        let end = number_end(bytes, start);
        at = end;
        let attached = start > 0
            && (bytes[start - 1].is_ascii_alphanumeric() || matches!(bytes[start - 1], b'_' | b'.' | b'#' | b'='))
            || bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if end - start < 9 || attached && !(start > 0 && bytes[start - 1] == b'=') {
            continue;
        }
        if card(text, start..end, found) {
            continue;
        }
        phone(text, start..end, found);
    }
}

/// The end of figures in groups: one separator between two groups, brackets around one.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut at = start;
    while at < bytes.len() && at - start < 40 {
        if bytes[at].is_ascii_digit() {
            end = at + 1;
        } else if !matches!(bytes[at], b' ' | b'-' | b'.' | b'(' | b')' | b'/') || at > end + 1 {
            break;
        }
        at += 1;
    }
    // A run of figures without end is no number of these.
    end + bytes[end..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Numbers that vendors give out for tests.
const TEST_CARDS: &[&str] = &[
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "30569309025904",
    "38520000023237",
    "3530111333300000",
    "3566002020360505",
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "5200828282828210",
    "2223003122003222",
    "4000000000000002",
    "4000002500003155",
    "4000000000009995",
    "6200000000000005",
    "5454545454545454",
    "4444333322221111",
    "378734493671000",
    "4917610000000000",
    "5424000000000015",
    "4007000000027",
    "2222420000001113",
    "2223000010309703",
    "4532015112830366",
];

fn card(text: &str, span: Range<usize>, found: &mut Found) -> bool {
    let raw = &text[span.clone()];
    let separators: Vec<u8> = raw.bytes().filter(|byte| !byte.is_ascii_digit()).collect();
    let one_kind = separators.iter().all(|byte| *byte == separators[0] && matches!(byte, b' ' | b'-'));
    let digits = compact(raw);
    let known = match digits.as_bytes() {
        [b'4', ..] => digits.len() == 16 || matches!(digits.len(), 13 | 19) && !separators.is_empty(),
        [b'5', b'1'..=b'5', ..] | [b'2', b'2'..=b'7', ..] => digits.len() == 16,
        [b'3', b'4' | b'7', ..] => digits.len() == 15,
        [b'3', b'0' | b'6' | b'8', ..] => digits.len() == 14,
        [b'3', b'5', ..] | [b'6', b'0' | b'2' | b'4' | b'5', ..] => digits.len() == 16,
        _ => false,
    };
    // Groups of four, or 4-6-5; anything else is a table.
    let groups: Vec<usize> = raw.split([' ', '-']).map(str::len).collect();
    let grouped = separators.is_empty()
        || groups.iter().all(|group| *group == 4)
        || matches!(groups.as_slice(), [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 1]);
    if !known || !one_kind || !grouped || !luhn(&digits) || digits.bytes().all(|byte| byte == digits.as_bytes()[0]) {
        return false;
    }
    let severity = if TEST_CARDS.contains(&digits.as_str()) { Severity::Info } else { Severity::Medium };
    found.add(FindingKind::Card, severity, span, || {
        if severity == Severity::Info {
            "A card number that is given out for tests.".into()
        } else {
            "A payment card's number; its check digit is right.".into()
        }
    });
    true
}

/// The check digit of ISO/IEC 7812.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0') * if index % 2 == 1 { 2 } else { 1 };
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

const IBAN_EXAMPLES: &[&str] = &[
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "ES9121000418450200051332",
    "GB29NWBK60161331926819",
    "CH9300762011623852957",
    "AT611904300234573201",
    "BE68539007547034",
    "IT60X0542811101000000123456",
];

/// Lengths of accounts by country (ISO 13616 registry).
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// An account whose two check digits begin here.
fn iban(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let [first, second] = bytes.get(at.checked_sub(2)?..at)?.try_into().ok()?;
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() || !bytes.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let country = [u8::to_ascii_uppercase(&first), u8::to_ascii_uppercase(&second)];
    let length = IBAN_LENGTHS.iter().find(|(code, _)| **code == country)?.1;
    let start = at - 2;
    if start > 0 && bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let (mut end, mut count) = (start, 0);
    while count < length {
        match *bytes.get(end)? {
            byte if byte.is_ascii_alphanumeric() => count += 1,
            b' ' | b'-' if end > start && bytes[end - 1].is_ascii_alphanumeric() => {}
            _ => return None,
        }
        end += 1;
    }
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let plain = compact(&text[start..end]);
    let remainder = plain.bytes().cycle().skip(4).take(plain.len()).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    (remainder == 1).then_some(start..end)
}

/// Words before a number that say that it can be called.
const CALLS: &[&str] = &[
    "tel",
    "phone",
    "mobile",
    "cell",
    "call",
    "fax",
    "whatsapp",
    "fon",
    "handy",
    "mobil",
    "mobilnummer",
    "téléphone",
    "telephone",
    "portable",
    "teléfono",
    "móvil",
    "telefone",
    "celular",
    "电话",
    "手机",
    "電話",
    "携帯",
    "هاتف",
    "جوال",
    "फ़ोन",
    "फोन",
    "मोबाइल",
    "телефон",
    "тел",
    "моб",
    "sms",
    "signal",
    "number",
];

fn phone(text: &str, span: Range<usize>, found: &mut Found) {
    let raw = &text[span.clone()];
    let digits = compact(raw);
    let before = &text[text.ceil_char_boundary(span.start.saturating_sub(24))..span.start];
    let bracket = before.ends_with('(');
    let plus = before.trim_end_matches('(').ends_with('+');
    let word = before.trim_end_matches(['(', '+', ' ', ':', '.', '*', '"', '：', '=']).to_lowercase();
    let called = CALLS.iter().any(|call| word.ends_with(call));
    let american = matches!(
        raw.split(['-', '.', ' ', ')']).filter(|part| !part.is_empty()).map(str::len).collect::<Vec<_>>().as_slice(),
        [3, 3, 4]
    ) && (bracket || raw.contains('-'));
    let separated = raw.bytes().any(|byte| matches!(byte, b' ' | b'-' | b'/' | b')'));
    let plausible = (9..=15).contains(&digits.len()) && !raw.contains("  ") && !is_date(raw);
    let telephone = plausible
        && (plus && (separated || digits.len() >= 10)
            || called && digits.len() <= 15 && !raw.contains('.')
            || american && digits.len() == 10);
    if telephone {
        let start = span.start - usize::from(bracket) - usize::from(plus);
        let example = digits.contains("55501")
            || digits.ends_with("1234567")
            || digits.ends_with("123456789")
            || digits.ends_with("000000");
        let severity = if example { Severity::Info } else { Severity::Low };
        found.add(FindingKind::Phone, severity, start..span.end, || "A telephone number.".into());
    }
}

fn is_date(raw: &str) -> bool {
    let parts: Vec<&str> = raw.split(['-', '.', '/', ' ']).collect();
    matches!(parts.as_slice(), [year, month, ..] if matches!(year.len(), 4) && (year.starts_with("19") || year.starts_with("20")) && month.len() == 2)
}

fn compact(raw: &str) -> String {
    raw.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}
