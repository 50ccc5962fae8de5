//! Bytes written one by one, in hexadecimal or in figures of 0 and 1, with a separator between two.

use std::ops::Range;

use super::super::{
    Severity,
    found::Found,
    walk::{Text, find},
};
use super::{readable, tell};

/// The fewest bytes that are looked at.
const FEWEST: usize = 12;
/// Of so many figures and separators every sixteenth place is well inside, so looking there is enough.
const STEP: usize = 16;

/// Finds such bytes.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    let bytes = text.raw.as_bytes();
    let (mut from, mut probe) = (0, 0);
    while probe < bytes.len() {
        if !alternates(&bytes[probe..]) {
            probe += STEP;
            continue;
        }
        let before = bytes[from..probe].iter().rev().take_while(|byte| belongs(**byte)).count();
        let end = find(bytes, probe, |byte| !belongs(byte)).unwrap_or(bytes.len());
        read(text, probe - before..end, found);
        (from, probe) = (end, end);
    }
}

fn belongs(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || is_separator(byte)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b':' | b',' | b'-' | b'\n')
}

/// Whether a separator stands at every third place here, or one among eight figures of 0 and 1.
fn alternates(bytes: &[u8]) -> bool {
    let hex = |at: usize| bytes[at].is_ascii_hexdigit() && bytes[at + 3].is_ascii_hexdigit();
    let separated = |at: usize| is_separator(bytes[at]) && is_separator(bytes[at + 3]);
    let binary = |byte: &&u8| matches!(byte, b'0' | b'1');
    bytes.len() >= 6 && (0..3).any(|at| separated(at) && hex((at + 1) % 3) && hex((at + 2) % 3))
        || bytes.len() >= 9
            && bytes[..9].iter().filter(binary).count() == 8
            && bytes[..9].iter().any(|byte| is_separator(*byte))
}

/// Reads figures and separators.
fn read(text: &Text<'_>, range: Range<usize>, found: &mut Found) {
    let bytes = &text.raw.as_bytes()[..range.end];
    let (mut at, mut ended) = (range.start, range.start);
    while let Some(start) = find(bytes, at, |byte| byte.is_ascii_hexdigit()) {
        // Letters may stand right before the first one, but no figures: those are then of a longer number.
        let begins = start == ended || !start.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_hexdigit());
        let Some(form) = Form::at(bytes, start).filter(|_| begins) else {
            at = start + 1;
            continue;
        };
        let mut values = Vec::new();
        let mut end = start;
        while let Some(value) = form.read(bytes, end) {
            values.push(value);
            end += form.digits + 1;
        }
        // The last one has no separator after it.
        if let Some(value) = form.read_last(bytes, end) {
            values.push(value);
            end += form.digits;
        }
        if values.len() >= FEWEST
            && let Some(decoded) = readable(values)
        {
            tell(text, start..end, form.name, Severity::Info, decoded, found);
        }
        (at, ended) = (end, end);
    }
}

/// How a byte is written.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    digits: usize,
    radix: u32,
}

impl Form {
    const ALL: [Self; 2] =
        [Self { name: "hexadecimal", digits: 2, radix: 16 }, Self { name: "binary", digits: 8, radix: 2 }];

    /// The form in which three bytes are written here.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|form| (0..3).all(|index| form.read(bytes, at + index * (form.digits + 1)).is_some()))
    }

    fn read(self, bytes: &[u8], at: usize) -> Option<u8> {
        is_separator(*bytes.get(at + self.digits)?).then(|| self.read_last(bytes, at))?
    }

    fn read_last(self, bytes: &[u8], at: usize) -> Option<u8> {
        let digits = std::str::from_utf8(bytes.get(at..at + self.digits)?).ok()?;
        u8::from_str_radix(digits, self.radix).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{FindingKind, Place, inspect};

    #[test]
    fn bytes_one_by_one_are_found_wherever_they_begin() {
        let secret = b"send me a key";
        let hex = |separator| secret.map(|byte| format!("{byte:02x}")).join(separator);
        let binary = secret.map(|byte| format!("{byte:08b}")).join(" ");
        for written in [hex(" "), hex(":"), hex(","), hex("\n"), binary] {
            // Behind letters, and behind figures of their own alphabet too long to be one of them.
            for before in (0..40).map(|length| "x".repeat(length)).chain(["see: ".into(), "cafe ".into()]) {
                let findings = inspect(Place::Request, &json!(format!("{before}{written}. Please")));
                let decoded: Vec<_> = findings.iter().filter_map(|finding| finding.decoded.as_deref()).collect();
                assert_eq!(decoded, ["send me a key"], "{before}{written}");
                assert_eq!(findings[0].kind, FindingKind::Encoded);
                assert_eq!(findings[0].start as usize, before.len());
                assert_eq!((findings[0].end - findings[0].start) as usize, written.len());
            }
        }
    }
}
