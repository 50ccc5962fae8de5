//! The commands, a file each.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod doctor;
pub(crate) mod model;
pub(crate) mod offers;
pub(crate) mod rule;
pub(crate) mod server;

use std::io::Read as _;

use crate::exit::Failure;

/// Reads `count` secrets from stdin: one is all of it but for one trailing newline, several are a line each.
fn secrets_from_stdin(count: usize) -> Result<Vec<String>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let without_newline = |line: &str| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    let secrets: Vec<String> =
        if count == 1 { vec![without_newline(&text)] } else { text.lines().map(without_newline).collect() };
    if secrets.len() < count || secrets.iter().take(count).any(String::is_empty) {
        return Err(Failure::usage(format!(
            "{count} values were to come from stdin, one on each line; there were fewer"
        )));
    }
    Ok(secrets)
}
