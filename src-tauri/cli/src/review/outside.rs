//! The person's own programs: the editor and the pager.

use std::{io::Write as _, process::Stdio};

use super::show;

/// Opens a text in `$VISUAL` or `$EDITOR`; none where that failed or the editor ended with an error.
pub(super) async fn edit(text: String) -> Option<String> {
    let done = tokio::task::spawn_blocking(move || {
        let file = in_file(&text)?;
        run(&["VISUAL", "EDITOR"], "vi", file.path())?;
        std::fs::read_to_string(file.path()).map_err(|error| format!("what the editor wrote cannot be read: {error}"))
    });
    match done.await {
        Ok(Ok(text)) => Some(text),
        Ok(Err(error)) => {
            show::say(&show::bad(&error));
            None
        }
        Err(_) => None,
    }
}

/// Shows a text in `$PAGER`.
pub(super) async fn page(text: String) {
    let done = tokio::task::spawn_blocking(move || {
        let file = in_file(&text)?;
        run(&["PAGER"], "less", file.path())
    });
    if let Ok(Err(error)) = done.await {
        show::say(&show::bad(&error));
    }
}

/// A file that only this user can read, gone when dropped.
fn in_file(text: &str) -> Result<tempfile::NamedTempFile, String> {
    let failed = |error: std::io::Error| format!("a temporary file cannot be written: {error}");
    let mut file = tempfile::Builder::new().prefix("samplegate-").suffix(".txt").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    Ok(file)
}

fn run(variables: &[&str], usual: &str, file: &std::path::Path) -> Result<(), String> {
    let set = variables.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()));
    let command = set.unwrap_or_else(|| usual.into());
    let words = shell_words::split(&command).map_err(|error| format!("{command:?} is no command: {error}"))?;
    let (program, arguments) = words.split_first().ok_or("there is no command to run")?;
    let status = std::process::Command::new(program)
        .args(arguments)
        .arg(file)
        // Stdout is for the result of the call.
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|error| format!("{program} cannot be run ({error}): set {}", variables.join(" or ")))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}; nothing was changed")) }
}
