//! Where text stands: fenced code, and text that empty space moves out of sight.

use std::ops::Range;

use super::{FindingKind, Severity, found::Found, walk::Text};

/// Line breaks with nothing between them, and blanks in a line, from which on what follows is out of sight. Tables and
/// logs have fewer.
const LINES: usize = 16;
const COLUMNS: usize = 120;
/// Lines of one dot or stroke that do the same work as empty ones.
const DOTTED: usize = 24;

/// Fenced code blocks (CommonMark 4.5), in bytes, fences included. One that is not closed reaches to the end of what it
/// stands in: the quote, the list, or the text. What only looks like a fence opens nothing, as what stands in code is
/// not followed.
pub(super) fn code(text: &str) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    let fences = memchr::memmem::find_iter(bytes, "```").chain(memchr::memmem::find_iter(bytes, "~~~"));
    let mut fences: Vec<usize> = fences.collect();
    fences.sort_unstable();
    let mut open: Option<Fence> = None;
    let mut lists = Lists::default();
    for at in fences {
        if let Some(fence) = &mut open
            && let Some(end) = fence.left_before(bytes, at)
        {
            blocks.push(fence.line..end);
            open = None;
        }
        let Some(fence) = Fence::at(bytes, at, &mut lists) else { continue };
        match &open {
            None if fence.opens(bytes) => open = Some(fence),
            Some(opener) if fence.closes(opener, bytes) => {
                blocks.push(opener.line..fence.end);
                open = None;
            }
            None | Some(_) => {}
        }
    }
    if let Some(mut fence) = open {
        let end = fence.left_before(bytes, bytes.len()).unwrap_or(bytes.len());
        blocks.push(fence.line..end);
    }
    blocks
}

/// Three marks or more that only quotes, list marks and a little space stand before.
struct Fence {
    /// Where its line begins, and where its marks end.
    line: usize,
    end: usize,
    mark: u8,
    length: usize,
    /// Whether it stands in a quote.
    quoted: bool,
    /// How far the list is indented that it stands in; 0: it stands in none.
    indent: usize,
    /// Up to here every line was seen to begin in the same quote and list.
    seen: usize,
}

impl Fence {
    /// What a fence, and a list's mark, may be indented.
    const SPACES: usize = 3;
    /// What a list's mark takes at least, with the space after it: what is indented less has left the list.
    const MARK: usize = 2;
    /// How far back a line's beginning is looked for, in bytes.
    const BEFORE: usize = 40;

    fn at(bytes: &[u8], at: usize, lists: &mut Lists) -> Option<Self> {
        let near = at.saturating_sub(Self::BEFORE);
        let newline = memchr::memrchr(b'\n', &bytes[near..at]);
        let line = newline.map(|newline| near + newline + 1).or((near == 0).then_some(0))?;
        let before = &bytes[line..at];
        let spaces = before.iter().rev().take_while(|byte| is_space(**byte)).count();
        let marks = &before[..before.len() - spaces];
        let is_mark =
            |byte: &u8| is_space(*byte) || matches!(byte, b'>' | b'-' | b'*' | b'+' | b'.' | b')' | b'0'..=b'9');
        let quoted = marks.contains(&b'>');
        // Further in it is code of another kind, unless it stands in a list.
        let indent = match marks.last() {
            None if spaces <= Self::SPACES => 0,
            None => lists.before(bytes, line).filter(|list| (*list..=*list + Self::SPACES).contains(&spaces))?,
            Some(_) if !marks.iter().all(is_mark) || spaces > Self::SPACES + 1 => return None,
            Some(b'>') => 0,
            Some(_) if spaces == 0 => return None,
            Some(_) if quoted => 0,
            Some(_) => before.len(),
        };
        let mark = bytes[at];
        let length = bytes[at..].iter().take_while(|byte| **byte == mark).count();
        Some(Self { line, end: at + length, mark, length, quoted, indent, seen: at })
    }

    fn rest<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = &bytes[self.end..];
        &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]
    }

    /// What stands behind marks of this kind is the language, and holds none of them.
    fn opens(&self, bytes: &[u8]) -> bool {
        self.mark != b'`' || !self.rest(bytes).contains(&b'`')
    }

    fn closes(&self, opener: &Self, bytes: &[u8]) -> bool {
        self.mark == opener.mark && self.length >= opener.length && self.rest(bytes).iter().all(u8::is_ascii_whitespace)
    }

    /// Where the quote or the list ends that it stands in, if that is before this place. Places come in order.
    fn left_before(&mut self, bytes: &[u8], limit: usize) -> Option<usize> {
        if !self.quoted && self.indent == 0 {
            return None;
        }
        while let Some(newline) = memchr::memchr(b'\n', bytes.get(self.seen..limit)?) {
            let line = self.seen + newline + 1;
            let rest = &bytes[line..];
            let indent = rest.iter().take_while(|byte| is_space(**byte)).count();
            let first = rest.get(indent);
            let blank = first.is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
            let inside =
                if self.quoted { first == Some(&b'>') } else { blank || indent >= self.indent.min(Self::MARK) };
            if !inside {
                return Some(line);
            }
            self.seen = line;
        }
        self.seen = limit;
        None
    }
}

/// Goes through the lines of a text, and knows in which list each stands.
#[derive(Default)]
struct Lists {
    line: usize,
    /// How far what belongs to the last mark is indented.
    content: Option<usize>,
}

impl Lists {
    /// How far the list is indented in which this line stands; none: it stands in none. Lines come in order.
    fn before(&mut self, bytes: &[u8], line: usize) -> Option<usize> {
        while self.line < line {
            let rest = &bytes[self.line..line];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.pass(&rest[..length]);
            self.line += length + 1;
        }
        self.content
    }

    fn pass(&mut self, line: &[u8]) {
        let spaces = line.iter().take_while(|byte| is_space(**byte)).count();
        let rest = &line[spaces..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mark = match (digits, rest.get(digits)) {
            (0, Some(b'-' | b'*' | b'+')) => 1,
            (1..=9, Some(b'.' | b')')) => digits + 1,
            _ => 0,
        };
        if mark > 0 && rest.get(mark).copied().is_some_and(is_space) {
            self.content = Some(spaces + mark + 1);
        } else if spaces == 0 && !rest.iter().all(u8::is_ascii_whitespace) {
            // A line at the margin has left it.
            self.content = None;
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Finds gaps that end in text.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(probe) = gap_starts(bytes, at) {
        let next = blanks_before(raw, probe);
        let gap = Gap::at(raw, next);
        // What only looked like one is shorter than sixteen bytes; a real one is much longer.
        at = gap.end.max(char_start(bytes, (probe + 16).min(bytes.len())));
        if gap.end >= raw.len() || next == 0 && gap.breaks == 0 {
            continue;
        }
        if gap.breaks >= LINES {
            let lines = gap.breaks;
            found.add(FindingKind::PushOut, Severity::Medium, next..gap.end, || {
                format!("{lines} empty lines move the text after them out of sight.")
            });
        } else if gap.widest >= COLUMNS && !(text.in_code(next) && gap.breaks > 0) && !in_table(raw, next, &gap) {
            let blanks = gap.widest;
            found.add(FindingKind::PushOut, Severity::Medium, next..gap.end, || {
                format!("{blanks} blanks in one line move the text after them out of sight.")
            });
        }
    }
    dotted(raw, found);
}

/// Where sixteen blanks in a row begin: fewer are no gap, and most text has none.
fn gap_starts(bytes: &[u8], mut from: usize) -> Option<usize> {
    const STEP: usize = 16;
    // Of a long gap every sixteenth byte is blank, so looking at those is enough.
    while from < bytes.len() {
        let probe = (from + STEP - 1).min(bytes.len() - 1);
        if !is_blank_byte(bytes[probe]) {
            from = probe + 1;
            continue;
        }
        let start =
            bytes[from..=probe].iter().rposition(|byte| !is_blank_byte(*byte)).map_or(from, |last| from + last + 1);
        let length = bytes[start..].iter().take(STEP).take_while(|byte| is_blank_byte(**byte)).count();
        if length >= STEP {
            return Some(char_start(bytes, start));
        }
        from = start + length.max(1);
    }
    None
}

/// Blanks, and the bytes that wide blanks are made of.
fn is_blank_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0xC2 | 0xA0 | 0xE2 | 0x80..=0x8A | 0xAF | 0x9F | 0xE3)
}

fn char_start(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] & 0xC0 == 0x80 {
        at += 1;
    }
    at
}

/// Whether a gap is the padding of a table's cell, in a row between bars.
fn in_table(raw: &str, at: usize, gap: &Gap) -> bool {
    let back = raw.ceil_char_boundary(at.saturating_sub(1000));
    let row = raw[back..at].rsplit('\n').next().unwrap_or_default();
    gap.breaks == 0 && gap.widest <= 400 && row.trim_start().starts_with('|') && raw[gap.end..].starts_with('|')
}

/// Where the blanks begin that reach up to here.
fn blanks_before(text: &str, at: usize) -> usize {
    let blanks = text[..at].chars().rev().take(32).take_while(|c| c.is_whitespace());
    at - blanks.map(char::len_utf8).sum::<usize>()
}

struct Gap {
    end: usize,
    breaks: usize,
    /// The most blanks in one line, a tab being eight.
    widest: usize,
}

impl Gap {
    fn at(text: &str, start: usize) -> Self {
        let mut gap = Self { end: start, breaks: 0, widest: 0 };
        let mut line = 0;
        for c in text.get(start..).unwrap_or_default().chars() {
            match c {
                '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    gap.breaks += 1;
                    line = 0;
                }
                '\t' => line += 8,
                c if c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2800}' | '\u{3164}') => line += 1,
                _ => break,
            }
            gap.widest = gap.widest.max(line);
            gap.end += c.len_utf8();
        }
        gap
    }
}

/// Lines that hold one dot, stroke or other mark and nothing else, many in a row.
fn dotted(text: &str, found: &mut Found) {
    let mut run: Option<(usize, usize, usize)> = None;
    let mut at = 0;
    let bytes = text.as_bytes();
    // Such a line is at most a few bytes, so only line breaks that are close together are looked at.
    let mut last = None;
    for newline in memchr::memchr_iter(b'\n', bytes) {
        let close = last.is_some_and(|last| newline - last <= 6);
        let line = if close { text.get(at..newline).unwrap_or_default().trim() } else { "" };
        let one_mark = close && {
            let mut chars = line.chars();
            chars.next().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '{' | '}' | '(' | ')' | '[' | ']'))
                && chars.next().is_none()
        };
        match (&mut run, one_mark) {
            (Some((_, marks, end)), true) => {
                *marks += usize::from(!line.is_empty());
                *end = newline;
            }
            (None, true) => run = Some((at, usize::from(!line.is_empty()), newline)),
            (Some(_), false) => tell(run.take(), text, found),
            (None, false) => {}
        }
        last = Some(newline);
        at = newline + 1;
    }
    tell(run, text, found);
}

fn tell(run: Option<(usize, usize, usize)>, text: &str, found: &mut Found) {
    let Some((start, marks, end)) = run else { return };
    if marks >= DOTTED && !text.get(end..).unwrap_or_default().trim().is_empty() {
        found.add(FindingKind::PushOut, Severity::Medium, start..end, || {
            format!("{marks} lines of one mark each move the text after them out of sight.")
        });
    }
}
