//! Our entry put into a file and taken out again.

use super::super::*;

fn entry(app: App) -> Value {
    app.entry("/opt/samplegate", &["bridge".into(), "--host".into(), app.id().into()])
}

fn connected(app: App, text: &str) -> String {
    edit(app.syntax(), text, &[Change::Put { place: app.entry_at(), value: entry(app) }]).unwrap()
}

fn back(app: App, now: &str, before: &str) -> Result<String, CannotUndo> {
    undone(app, now, before, |value| *value == entry(app), &[])
}

const FILES: [(App, &str); 10] = [
    (App::ClaudeDesktop, include_str!("fixtures/claude_desktop_config.json")),
    (App::ClaudeCode, include_str!("fixtures/claude.json")),
    (App::Cursor, include_str!("fixtures/cursor.json")),
    (App::VsCode, include_str!("fixtures/vscode_mcp.json")),
    (App::Codex, include_str!("fixtures/codex_config.toml")),
    (App::GeminiCli, include_str!("fixtures/gemini_settings.json")),
    (App::Windsurf, include_str!("fixtures/windsurf_mcp_config.json")),
    (App::Zed, include_str!("fixtures/zed_settings.json")),
    (App::LmStudio, include_str!("fixtures/lm_studio_mcp.json")),
    (App::Zed, "{\r\n    // own\r\n    \"context_servers\": {\r\n        \"a\": 1, // one\r\n    },\r\n}"),
];

#[test]
fn every_line_but_our_own_stays() {
    for (app, text) in FILES {
        let after = connected(app, text);
        let lines = difference(app.syntax(), text, &after);
        let removed: Vec<&Line> = lines.iter().filter(|line| line.kind == LineKind::Removed).collect();
        // Where an entry stands before ours in JSON, its line gets a comma.
        assert!(removed.len() <= 1, "{app:?} {removed:?}");
        let ours = read(&after, Source { app, home: "/", project: None }).unwrap();
        assert!(
            ours.iter().any(|server| server.name == ENTRY && server.reached == Err("it is Samplegate itself".into()))
        );
        assert_eq!(after.matches("\r\n").count() > 0, text.contains("\r\n"), "{app:?}");
    }
}

#[test]
fn comments_order_and_indentation_stay() {
    let text = "{\n\t\"z\": 1, // one\n\t\"mcpServers\": {\n\t\t\"x\": {\"command\":\"y\"} // last\n\t\t/* c */\n\t},\n\t\"a\": 1.50\n}\n";
    let expected = "{\n\t\"z\": 1, // one\n\t\"mcpServers\": {\n\t\t\"x\": {\"command\":\"y\"}, // last\n\t\t\"samplegate\": {\n\t\t\t\
        \"command\": \"/opt/samplegate\",\n\t\t\t\"args\": [\"bridge\", \"--host\", \"cursor\"]\n\t\t}\n\t\t/* c */\n\t},\n\t\
        \"a\": 1.50\n}\n";
    assert_eq!(connected(App::Cursor, text), expected);
    assert_eq!(back(App::Cursor, expected, text).unwrap(), text);
}

#[test]
fn toml_gets_a_table_of_its_own() {
    let text = "a = 1 # one\r\n\r\n[mcp_servers.x]\r\ncommand = 'y'\r\n# end\r\n";
    let ours = "[mcp_servers.samplegate]\r\ncommand = \"/opt/samplegate\"\r\nargs = [\"bridge\", \"--host\", \"codex\"]\r\n\
                tool_timeout_sec = 3600\r\n";
    let after = connected(App::Codex, text);
    assert!(
        after.starts_with("a = 1 # one\r\n\r\n[mcp_servers.x]\r\ncommand = 'y'\r\n") && after.contains(ours),
        "{after:?}"
    );
    assert_eq!(back(App::Codex, &after, text).unwrap(), text);
    for text in
        ["", "[other]\nz = 1979-05-27\n", "mcp_servers = { x = { command = 'y' } }\n", "mcp_servers.x.command = 'y'\n"]
    {
        let after = connected(App::Codex, text);
        assert_eq!(back(App::Codex, &after, text).unwrap(), text, "{after}");
    }
}

#[test]
fn what_changed_elsewhere_stays_when_ours_is_taken_out() {
    for (app, text) in FILES.into_iter().chain([(App::Cursor, "{}"), (App::Cursor, "{\n  \"a\": 1\n}\n")]) {
        let mut place = app.entry_at();
        place[app.servers_at().len()] = "newcomer".into();
        let theirs = Change::Put { place, value: json!({"command": "n"}) };
        let after = edit(app.syntax(), &connected(app, text), std::slice::from_ref(&theirs)).unwrap();
        let result = back(app, &after, text).unwrap();
        let expected = app.syntax().parse(&edit(app.syntax(), text, &[theirs]).unwrap()).unwrap();
        assert_eq!(app.syntax().parse(&result).unwrap(), expected, "{app:?}");
    }
}

#[test]
fn tables_made_for_us_go_with_us() {
    let text = "{\n  \"a\": 1\n}\n";
    assert_eq!(back(App::Cursor, &connected(App::Cursor, text), text).unwrap(), text);
}

#[test]
fn an_entry_that_was_there_comes_back_as_it_was_written() {
    let text =
        "{\n  \"mcpServers\": {\n    \"samplegate\": { \"command\": \"old\" /* mine */ },\n    \"x\": 1\n  }\n}\n";
    assert_eq!(back(App::Cursor, &connected(App::Cursor, text), text).unwrap(), text);
}

#[test]
fn what_was_moved_out_comes_back_as_it_was_written() {
    for (app, text) in [
        (
            App::Zed,
            "{\n  // ours\n  \"context_servers\": {\n    \"a\": { \"command\": \"x\" /* why */ },\n    \"b\": 1\n  }\n}\n",
        ),
        (
            App::Codex,
            "[mcp_servers.a]\ncommand = 'x' # why\n\n[mcp_servers.a.env]\nK = 'v'\n\n[mcp_servers.b]\ncommand = 'y'\n",
        ),
    ] {
        let mut place = app.entry_at();
        place[1] = "a".into();
        let put = Change::Put { place: app.entry_at(), value: entry(app) };
        let after = edit(app.syntax(), text, &[put, Change::Remove { place: place.clone() }]).unwrap();
        assert!(!after.contains("why"), "{after}");
        let is_ours = |value: &Value| *value == entry(app);
        let changed = format!("{after}\n");
        let undone_text = undone(app, &changed, text, is_ours, std::slice::from_ref(&place)).unwrap();
        assert_eq!(app.syntax().parse(&undone_text), app.syntax().parse(text), "{undone_text}");
        assert!(undone_text.contains("why") && undone_text.ends_with('\n'), "{undone_text}");
        // A table of TOML may come back behind the others.
        assert!(app == App::Codex || undone_text == format!("{text}\n"), "{undone_text}");
        let again = edit(app.syntax(), &after, &[Change::Put { place: place.clone(), value: json!({"command": "n"}) }])
            .unwrap();
        assert!(matches!(undone(app, &again, text, is_ours, &[place]), Err(CannotUndo::There(_))));
    }
}

#[test]
fn what_was_changed_in_our_place_is_not_touched() {
    let text = "{}";
    let changed = connected(App::Cursor, text).replace("/opt/samplegate", "/opt/other");
    assert_eq!(back(App::Cursor, &changed, text), Err(CannotUndo::Changed("`mcpServers.samplegate`".into())));
    let gone = "{\"mcpServers\": {}}";
    assert_eq!(back(App::Cursor, gone, text).unwrap(), gone, "taken out by hand, nothing is left to do");
}

#[test]
fn what_is_not_clear_is_not_edited() {
    for (app, text) in [
        (App::Cursor, "{\"mcpServers\": {}, \"mcpServers\": {}}"),
        (App::Cursor, "{\"mcpServers\": {\"samplegate\": 1, \"samplegate\": 2}}"),
        (App::Cursor, "{\"mcpServers\": []}"),
        (App::Cursor, "[]"),
        (App::Cursor, "{'mcpServers': {}}"),
        (App::Cursor, "{\"mcpServers\": {}"),
        (App::Codex, "mcp_servers = 1\n"),
        (App::Codex, "a = 1\r\nb = \"\"\"\nmixed\"\"\"\r\n"),
    ] {
        let put = Change::Put { place: app.entry_at(), value: entry(app) };
        assert!(edit(app.syntax(), text, &[put]).is_err(), "{text}");
    }
}

#[test]
fn a_mark_of_byte_order_stays() {
    let after = connected(App::Cursor, "\u{feff}{}");
    assert!(after.starts_with("\u{feff}{"), "{after:?}");
}

#[test]
fn a_difference_shows_no_value_of_a_variable_or_header() {
    for (app, text) in FILES {
        let shown: String = difference(app.syntax(), text, "").into_iter().map(|line| line.text + "\n").collect();
        for secret in
            ["ghp_Zx", "lin_abcd", "Gx7pQ2zR9k", "tok-abc", "abc12345", "abcdefgh", "hf_AbCd", "us-east-1", "info"]
        {
            assert!(!shown.contains(secret), "{secret} in\n{shown}");
        }
    }
}
