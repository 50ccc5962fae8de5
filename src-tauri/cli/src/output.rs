//! The one place that prints: results to stdout, everything else to stderr.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this module is for")]

use std::io::IsTerminal as _;

use samplegate_core::inspect;
use serde::Serialize;
use serde_json::Value;

/// Prints a result line.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints a JSON value on one line.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => println!("{text}"),
        Err(failure) => error(&failure),
    }
}

/// Tells something that is no result.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Tells an error.
pub(crate) fn error(error: &(impl std::fmt::Display + ?Sized)) {
    eprintln!("samplegate: {error}");
}

/// Text from a server on its way to stdout: as it is into a file, visible on a terminal.
pub(crate) fn foreign(text: &str) {
    if std::io::stdout().is_terminal() { println!("{}", visible(text)) } else { println!("{text}") }
}

/// Text with every character that is not seen, or that a terminal would obey, made visible.
pub(crate) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || inspect::is_invisible(c) => shown.push_str(&format!("‹U+{:04X}›", c as u32)),
            c => shown.push(c),
        }
        shown
    })
}

/// Text that must stay on its line: what would break it is made visible too.
pub(crate) fn inline(text: &str) -> String {
    visible(text).replace('\n', "⏎").replace('\t', " ")
}

/// Rows in columns as wide as they need.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

/// Prints each item as a JSON line, or all of them as a table.
pub(crate) fn listing<T>(
    items: &[T],
    as_json: bool,
    to_json: impl Fn(&T) -> Value,
    to_row: impl Fn(&T) -> Vec<String>,
) {
    if as_json {
        items.iter().for_each(|item| json(&to_json(item)));
    } else {
        table(&items.iter().map(to_row).collect::<Vec<_>>());
    }
}
