//! `samplegate server import` where it asks: shown first, and nothing is taken but what the person names.

use std::path::{Path, PathBuf};

use super::pty::Session;

const CURSOR: &str = r#"{"mcpServers": {
    "notes": {"command": "/bin/true", "args": ["--fast"]},
    "issues": {"command": "/bin/true", "env": {"ISSUES_TOKEN": "s3cret-value", "LEVEL": "info"}}
}}"#;

/// A person with a file of a host, and a home of Samplegate.
fn person() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".cursor")).unwrap();
    std::fs::write(folder.path().join(".cursor/mcp.json"), CURSOR).unwrap();
    let home = folder.path().join("samplegate");
    std::fs::create_dir(&home).unwrap();
    (folder, home)
}

fn import(folder: &Path, home: &Path, more: &[&str]) -> Session {
    let variables = [
        ("HOME", folder.to_str().unwrap()),
        ("XDG_CONFIG_HOME", ""),
        ("CODEX_HOME", ""),
        ("CLAUDE_CONFIG_DIR", ""),
        // There is no keychain here: secrets have nowhere to go.
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
        ("NO_COLOR", "1"),
    ];
    Session::start(home, &[&["server", "import", "cursor"], more].concat(), &variables)
}

fn config(home: &Path) -> String {
    std::fs::read_to_string(home.join("config.toml")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_but_what_is_named() {
    let (folder, home) = person();
    let mut session = import(folder.path(), &home, &[]);
    session.expect("Sampling stays off for what is taken, and no rule counts for it until you approve it").await;
    session.expect("Take which?").await;
    // What there is was shown before the question; no value is.
    session.press("\r").await;
    let seen = session.seen();
    let (shown, code) = session.end().await;
    assert!(shown.contains("* notes") && shown.contains("/bin/true --fast"), "{shown}");
    assert!(shown.contains("ISSUES_TOKEN: its value would be in the keychain"), "{shown}");
    assert!(!shown.contains("s3cret") && !seen.contains("s3cret"));
    assert!(code == 0 && !config(&home).contains("/bin/true"), "{}", config(&home));

    let mut session = import(folder.path(), &home, &[]);
    session.expect("Take which?").await;
    session.press("notes=memo\r").await;
    session.expect("memo is not approved yet: see what it is with `samplegate server approve memo`.").await;
    let (taken, code) = session.end().await;
    assert_eq!((code, taken.lines().last()), (0, Some("memo")), "{taken}");
    let config = config(&home);
    let memo = config.split("\n[").find(|table| table.starts_with("servers.memo]")).unwrap();
    assert!(memo.contains("pin = \"approval\"") && memo.contains("sampling = \"off\""), "{memo}");
    assert!(!config.contains("issues") && !config.contains("[servers.notes]"), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_keychain_cannot_take_is_not_written_anywhere() {
    let (folder, home) = person();
    let mut session = import(folder.path(), &home, &[]);
    session.expect("Take which?").await;
    session.press("all\r").await;
    session.expect("issues was not taken: no keychain can be reached").await;
    let (taken, code) = session.end().await;
    // One that fails does not keep the other back.
    assert_eq!((code, taken.lines().last()), (1, Some("notes")), "{taken}");
    assert!(!config(&home).contains("s3cret") && !config(&home).contains("issues"), "{}", config(&home));
}
