//! A key from a command that the person configured, e.g. a password manager's. Run at call time; nothing is stored.

use std::{process::Stdio, time::Duration};

use secrecy::SecretString;

/// How long a command may take; a password manager may ask its user.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the command through the platform's shell and takes the first line of its output.
///
/// # Errors
/// The command cannot be run, fails, prints nothing, or takes longer than two minutes. What it printed is not told.
pub(crate) async fn run(command: &str) -> Result<SecretString, String> {
    let mut shell = shell(command);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let child = shell.spawn().map_err(|error| format!("the key command cannot be run: {error}"))?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .map_err(|_| format!("the key command took longer than {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("the key command failed: {error}"))?;
    if !output.status.success() {
        return Err(format!("the key command failed ({})", output.status));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| "the key command printed no text".to_owned())?;
    match text.lines().next() {
        Some(key) if !key.is_empty() => Ok(SecretString::from(key.to_owned())),
        Some(_) | None => Err("the key command printed nothing".into()),
    }
}

#[cfg(unix)]
fn shell(command: &str) -> tokio::process::Command {
    let mut shell = tokio::process::Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> tokio::process::Command {
    let mut shell = tokio::process::Command::new("cmd");
    shell.raw_arg("/C").raw_arg(command);
    shell
}
