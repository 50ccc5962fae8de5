//! Secrets from stdin: from a pipe as they are, from a keyboard without showing them.

use std::io::{self, IsTerminal as _, Read as _};

use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};

use crate::{exit::Failure, output};

/// Reads one secret: all of stdin but for one newline at its end.
pub(super) fn secret(what: &str) -> Result<String, Failure> {
    let secret = if io::stdin().is_terminal() { typed(what)? } else { without_newline(&piped()?).to_owned() };
    if secret.is_empty() {
        return Err(Failure::usage(format!("{what} was to come from stdin, which is empty")));
    }
    Ok(secret)
}

/// Reads a secret for each of these names: of several, each stands on a line.
pub(super) fn secrets(names: &[String]) -> Result<Vec<String>, Failure> {
    match names {
        [] => Ok(Vec::new()),
        [name] => Ok(vec![secret(name)?]),
        several if io::stdin().is_terminal() => several.iter().map(|name| secret(name)).collect(),
        several => {
            let text = piped()?;
            let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
            match lines.len() == several.len() && lines.iter().all(|line| !line.is_empty()) {
                true => Ok(lines),
                false => Err(Failure::usage(format!(
                    "{} were to come from stdin, each on a line of its own; there are {} lines",
                    several.join(", "),
                    lines.len()
                ))),
            }
        }
    }
}

fn piped() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Takes keys from the keyboard up to Enter; nothing is shown.
fn typed(what: &str) -> Result<String, Failure> {
    output::ask(&format!("{what} (is not shown): "));
    let raw = Raw::new()?;
    let mut text = String::new();
    let taken = loop {
        let Event::Key(key) = event::read()? else { continue };
        match key.code {
            _ if key.kind == KeyEventKind::Release => {}
            KeyCode::Enter => break true,
            KeyCode::Esc => break false,
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => break false,
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => drop(text.pop()),
            _ => {}
        }
    };
    drop(raw);
    output::note("");
    if taken { Ok(text) } else { Err(Failure::usage(format!("{what} was not given"))) }
}

/// Raw mode, until dropped.
struct Raw;

impl Raw {
    fn new() -> io::Result<Self> {
        terminal::enable_raw_mode().map(|()| Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no putting back.
        let _ = terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_dropped() {
        for (text, left) in [("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k\n\n", "k\n"), ("a\nb\n", "a\nb"), ("\n", "")]
        {
            assert_eq!(without_newline(text), left);
        }
    }
}
