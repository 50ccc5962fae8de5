//! Texts that want to do harm, or that are not what they should be.

use proptest::prelude::*;

use super::super::*;

fn source(app: App) -> Source<'static> {
    Source { app, home: "/home/ada", project: None }
}

#[test]
fn what_is_no_configuration_is_told_and_not_quoted() {
    for (app, text, why) in [
        (App::Cursor, "{\"a\": \"s3cret\" \"b\"}", "it is not JSON: Expected comma on line 1 column 15"),
        (App::Cursor, "[1]", "it is not a table at its root"),
        (App::Codex, "a = 1\nb = = 's3cret'", "it is not TOML: extra `=`, expected nothing on line 2"),
    ] {
        assert_eq!(read(text, source(app)).unwrap_err().to_string(), why);
    }
    assert_eq!(read("", source(App::Cursor)), Ok(Vec::new()));
    assert_eq!(read("", source(App::Codex)), Ok(Vec::new()));
    assert_eq!(read("\u{feff}{ /* nothing */ }", source(App::Zed)), Ok(Vec::new()));
    assert_eq!(read("{\"mcpServers\": 7}", source(App::Cursor)), Ok(Vec::new()));
}

#[test]
fn depth_ends_in_an_error() {
    for app in [App::Cursor, App::Codex] {
        let deep = match app {
            App::Codex => format!("a = {}", "[".repeat(100_000)),
            _ => format!("{{\"mcpServers\":{}", "{\"a\":".repeat(100_000)),
        };
        assert!(read(&deep, source(app)).is_err());
        assert!(edit(app.syntax(), &deep, &[Change::Remove { place: app.entry_at() }]).is_err());
        assert!(difference(app.syntax(), &deep, "{}").len() < 10);
    }
}

#[test]
fn a_value_is_never_printed() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "env": {"ANY": "s3cret-value"}}}}"#;
    let found = read(text, source(App::Cursor)).unwrap();
    assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
}

#[test]
fn names_that_no_variable_can_have_are_left_out() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "env": {"A=B": "1", "": "2", "C\nD": "3", "E": "4\u0000", "F": null}}}}"#;
    let found = read(text, source(App::Cursor)).unwrap();
    let Ok(Reached::Command { env, .. }) = &found[0].reached else { panic!("{found:?}") };
    assert!(env.is_empty() && found[0].left_out.len() == 4, "{found:?}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", app in 0..App::ALL.len()) {
        let app = App::ALL[app];
        let _ = read(&text, source(app));
        let _ = difference(app.syntax(), &text, "x");
    }

    /// Whatever stands in an entry, it is taken or told.
    #[test]
    fn nothing_is_dropped_without_a_word(field in "[a-zA-Z]{1,12}", app in 0..App::ALL.len()) {
        let app = App::ALL[app];
        prop_assume!(app != App::Codex);
        let mut entry = Map::new();
        entry.insert("command".into(), "x".into());
        entry.insert(field.clone(), json!({"zzz": 1}));
        let mut root = json!({});
        root[app.servers_at()[0]] = json!({ "s": entry });
        let found = read(&root.to_string(), source(app)).unwrap();
        let meaningless = ["type", "transport", "description", "gallery", "version", "registry"].contains(&field.as_str());
        let silent = found[0].left_out.is_empty() && found[0].reached.is_ok();
        prop_assert!(meaningless || !silent || field == "env" || field == "command", "{found:?}");
    }
}
