//! Characters written as escapes, where letters need none.

use super::super::{Severity, found::Found, walk::Text};
use super::{is_text, only_if_telling, tell};

/// The fewest escapes in a row that are looked at.
const ESCAPES: usize = 6;

/// Escapes: `%41`, `\x41`, `\u0041`, `&#65;`, `&#x41;`.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    let bytes = text.raw.as_bytes();
    let mut at = 0;
    while let Some(next) = memchr::memchr3(b'%', b'\\', b'&', &bytes[at..]) {
        let start = at + next;
        let mut end = start;
        let mut decoded = String::new();
        let (mut escapes, mut needless, mut plain) = (0, 0, 0);
        let mut utf8 = Vec::new();
        let kind = bytes[start];
        while let Some((value, length)) = escape(bytes, end).filter(|_| bytes[end] == kind) {
            escapes += 1;
            needless += usize::from(char::from_u32(value).is_some_and(|c| c.is_ascii_alphanumeric()));
            match u8::try_from(value) {
                Ok(byte) if kind != b'&' => utf8.push(byte),
                _ => utf8.extend(char::from_u32(value).unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]).bytes()),
            }
            end += length;
            // A few plain characters may stand between escapes.
            let between = bytes[end..]
                .iter()
                .take(3)
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'+'))
                .count();
            if between > 0 && escape(bytes, end + between).is_some_and(|_| bytes[end + between] == kind) {
                utf8.extend(bytes[end..end + between].iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
                plain += between;
                end += between;
            }
        }
        if escapes >= ESCAPES {
            decoded.push_str(&String::from_utf8_lossy(&utf8));
        }
        // Letters need no escape, so who escapes them hides them; other scripts in addresses have to be escaped.
        if escapes >= ESCAPES && needless * 2 >= escapes && needless + plain >= 8 && is_text(&decoded) {
            let name = if kind == b'%' { "percent-encoded" } else { "escaped" };
            tell(text, start..end, name, Severity::Medium, decoded, found);
        } else if escapes >= ESCAPES && !text.raw.is_empty() {
            only_if_telling(text, start..end, decoded, found);
        }
        at = end.max(start + 1);
    }
    escaped_queries(text, found);
}

/// An escape here: its value and how long it is.
fn escape(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = bytes.get(at..)?;
    let hex = |from: usize, digits: usize| {
        let digits = std::str::from_utf8(rest.get(from..from + digits)?).ok()?;
        u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    match rest {
        [b'%', ..] => Some((hex(1, 2)?, 3)),
        [b'\\', b'x', ..] => Some((hex(2, 2)?, 4)),
        [b'\\', b'u', ..] => Some((hex(2, 4)?, 6)),
        [b'&', b'#', ..] => {
            let end = rest.iter().take(10).position(|byte| *byte == b';')?;
            let digits = std::str::from_utf8(&rest[2..end]).ok()?;
            let value = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => digits.parse().ok()?,
            };
            Some((value, end + 1))
        }
        _ => None,
    }
}

/// Sentences in an address, which are percent-encoded as they have to be.
fn escaped_queries(text: &Text<'_>, found: &mut Found) {
    for url in text.urls.iter().filter(|url| url.rest.len() > 40 && url.rest.contains(['%', '+'])) {
        let decoded = unescape(url.rest);
        only_if_telling(text, url.span.clone(), decoded, found);
    }
}

/// Percent-decodes, with `+` for a space.
pub(in super::super) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match escape(bytes, at).filter(|_| bytes[at] == b'%').and_then(|(value, _)| u8::try_from(value).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
