//! Opens a web page in the person's browser: the one that `BROWSER` names, else the system's.

use std::{
    ffi::{OsStr, OsString},
    io,
    process::{Command, Stdio},
};

/// Opens an address. `browser` is the variable `BROWSER`: commands divided by `:` (`;` on Windows), the first that starts
/// is taken; `%s` in one stands for the address, which else comes last.
///
/// # Errors
/// Nothing that opens pages could be started; or the address is not one of the web.
pub fn open(address: &str, browser: Option<&OsStr>) -> io::Result<()> {
    // A browser opens files and runs scripts too, and a leading dash would be an option.
    if !(address.starts_with("https://") || address.starts_with("http://")) || address.contains(char::is_whitespace) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the address is not one of the web"));
    }
    let named = browser.filter(|named| !named.is_empty()).map(|named| commands(named, address));
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "no program here opens pages");
    for mut words in named.unwrap_or_else(|| vec![system(address)]) {
        let Some(program) = (!words.is_empty()).then(|| words.remove(0)) else { continue };
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                // Nobody waits for the browser, but somebody must take its exit.
                std::thread::spawn(move || child.wait());
                return Ok(());
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn commands(named: &OsStr, address: &str) -> Vec<Vec<OsString>> {
    let Some(text) = named.to_str() else { return vec![vec![named.to_owned(), address.into()]] };
    let divider = if cfg!(windows) { ';' } else { ':' };
    let command = |text: &str| {
        let mut words: Vec<OsString> =
            text.split_whitespace().map(|word| OsString::from(word.replace("%s", address))).collect();
        if !text.contains("%s") && !words.is_empty() {
            words.push(address.into());
        }
        words
    };
    text.split(divider).map(command).collect()
}

fn system(address: &str) -> Vec<OsString> {
    let words: &[&str] = if cfg!(target_os = "macos") {
        &["open"]
    } else if cfg!(windows) {
        &["rundll32", "url.dll,FileProtocolHandler"]
    } else {
        &["xdg-open"]
    };
    words.iter().map(OsString::from).chain([address.into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_opened() {
        for address in ["file:///etc/passwd", "--help", "javascript:alert(1)", "https://a b", ""] {
            let error = open(address, Some(OsStr::new("true"))).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}");
        }
        assert_eq!(
            open("https://a", Some(OsStr::new("/no/such/browser"))).expect_err("none").kind(),
            io::ErrorKind::NotFound
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_variable_is_read_as_everywhere() {
        let read = |text: &str| commands(OsStr::new(text), "https://a");
        assert_eq!(read("firefox"), [["firefox", "https://a"]]);
        assert_eq!(
            read("w3m:firefox --new-tab %s"),
            [vec!["w3m", "https://a"], vec!["firefox", "--new-tab", "https://a"]]
        );
    }
}
