//! The one place that prints: results to stdout, everything else to stderr.
//!
//! Invariants: nothing that a server or a model wrote reaches a terminal but as visible text; a reader that has gone
//! away (`| head`) ends a command quietly.

#![expect(clippy::print_stderr, reason = "printing is what this module is for")]

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use samplegate_core::inspect;
use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// Prints lines of ours.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints a JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    line(&json_text(serde_json::to_string(value)?))
}

/// Prints a JSON value over several lines.
pub(crate) fn pretty(value: &impl Serialize) -> io::Result<()> {
    line(&json_text(serde_json::to_string_pretty(value)?))
}

/// Prints text of a server: as it is into a file, visible on a terminal.
pub(crate) fn foreign(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() { line(&visible(text)) } else { line(text) }
}

/// Tells something that is no result.
pub(crate) fn note(text: &str) {
    // Stderr may be closed; there is nowhere left to say so.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells an error.
pub(crate) fn error(error: &(impl std::fmt::Display + ?Sized)) {
    note(&format!("samplegate: {error}"));
}

/// Asks for something to be typed, on the same line.
pub(crate) fn ask(text: &str) {
    eprint!("{text}");
    let _ = io::stderr().flush();
}

/// Text with every character that is not seen, or that a terminal would obey, made visible.
pub(crate) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if matches!(c, '\n' | '\t') || !is_hidden(c) {
            shown.push(c);
        } else {
            // A string takes everything.
            let _ = write!(shown, "‹U+{:04X}›", c as u32);
        }
        shown
    })
}

/// Text that must stay on its line: what would break it is made visible too.
pub(crate) fn inline(text: &str) -> String {
    visible(text).replace('\n', "⏎").replace('\t', " ")
}

fn is_hidden(c: char) -> bool {
    c.is_control() || inspect::is_invisible(c)
}

/// JSON for a terminal: what is not seen is escaped, which leaves the value what it is.
fn json_text(text: String) -> String {
    if io::stdout().is_terminal() { escaped(&text) } else { text }
}

fn escaped(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut shown, c| {
        if c == '\n' || !is_hidden(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
        shown
    })
}

/// Prints each item as a JSON line, or all of them as a table.
pub(crate) fn listing<T>(
    items: &[T],
    as_json: bool,
    to_json: impl Fn(&T) -> Value,
    to_row: impl Fn(&T) -> Vec<String>,
) -> io::Result<()> {
    if as_json {
        items.iter().try_for_each(|item| json(&to_json(item)))
    } else {
        table(&items.iter().map(to_row).collect::<Vec<_>>())
    }
}

/// Prints rows in columns as wide as they need.
pub(crate) fn table(rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    rows.iter().try_for_each(|row| {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        line(text.trim_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_made_visible() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\td\n"), "a‹U+001B›[2Jb‹U+202E›c\td\n");
        assert_eq!(inline("two\n\tlines\r"), "two⏎ lines‹U+000D›");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({"a": "x\u{200b}y\u{e0041}\u{85}", "b": [1, "ü"]});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.contains("\\u200b") && text.contains("\\udb40\\udc41") && text.contains("ü"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
