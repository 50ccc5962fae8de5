//! Servers, models and rules: added, listed, changed, removed; what is refused, and how it is said.

use serde_json::{Value, json};
use support::servers::root;

use super::Home;

/// The limits of a server about which nothing is said.
fn usual_limits() -> Value {
    json!({
        "per_minute": 10, "per_session": 50, "per_call": 5, "per_day": 200, "in_flight": 8, "queue": 20, "rounds": 10,
        "depth": 2, "prompt_bytes": 1_048_576, "tokens_in_per_day": 1_000_000, "tokens_out_per_day": 200_000,
        "usd_per_day": 1.0, "usd_per_month": 10.0, "max_tokens": 4096,
    })
}

fn raw_server() -> String {
    root().join("tests/servers/raw_legacy.py").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_home_has_the_demo_server_and_the_person() {
    let home = Home::new();
    let demo = json!({
        "name": "demo", "enabled": true, "sampling": "ask", "gates": "both", "sampling_tools": "none", "elicitation": "ask",
        "transport": "demo", "limits": usual_limits(), "pin": null, "needs_approval": false,
        "confinement": {"enabled": false, "network": true, "folders": []}, "roots": [],
    });
    assert_eq!(home.json(&["server", "list", "--json"]).await, [demo]);
    assert_eq!(home.json(&["model", "list", "--json"]).await, Vec::<Value>::new());
    assert_eq!(home.json(&["rule", "list", "--json"]).await, Vec::<Value>::new());
    assert!(home.config().contains("default_model = \"human\""));
}

/// A server with the state of its pin in place of the whole.
fn with_state(mut server: Value) -> Value {
    server["pin"] = server["pin"]["state"].take();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_added_tried_changed_and_removed() {
    let home = Home::with("# mine\n");
    let script = raw_server();
    let added = home.run(&["server", "add", "raw", "--env", "A=1", "--", "python3", &script]).await;
    assert_eq!((added.code, added.out.as_str()), (Some(0), ""), "{added:?}");
    assert!(added.err.contains("raw: raw-legacy 1.0.0, MCP 2025-11-25"), "{}", added.err);
    assert!(added.err.contains("may not sample"), "{}", added.err);
    let mut expected = json!({
        "name": "raw", "enabled": true, "sampling": "off", "gates": "both", "sampling_tools": "none", "elicitation": "ask",
        "transport": "stdio", "command": "python3", "args": [script], "cwd": null, "env": {"A": "1"}, "limits": usual_limits(),
        "pin": "pinned", "needs_approval": false,
        "confinement": {"enabled": false, "network": true, "folders": []}, "roots": [],
    });
    assert_eq!(with_state(home.one(&["server", "show", "raw", "--json"]).await), expected);

    let change = [
        "server",
        "set",
        "raw",
        "--sampling",
        "rules",
        "--gates",
        "request",
        "--sampling-tools",
        "a,b",
        "--env",
        "B=2",
        "--enabled",
        "false",
    ];
    assert_eq!(home.ok(&change).await, "");
    expected["sampling"] = json!("rules");
    expected["gates"] = json!("request");
    expected["sampling_tools"] = json!(["a", "b"]);
    expected["env"] = json!({"A": "1", "B": "2"});
    expected["enabled"] = json!(false);
    // Who switches sampling on confines it, where that works.
    expected["confinement"]["enabled"] = json!(cfg!(target_os = "linux"));
    assert_eq!(with_state(home.one(&["server", "list", "--json"]).await), expected);

    // Folders it is told are added and taken off; those that are not there are not taken.
    let (folder, at) = (tempfile::tempdir().unwrap(), |path: &std::path::Path| path.display().to_string());
    let (a, b) = (at(folder.path()), at(&folder.path().join("none")));
    home.ok(&["server", "set", "raw", "--root", &format!("{a}/")]).await;
    expected["roots"] = json!([a]);
    assert_eq!(home.one(&["server", "show", "raw", "--json"]).await["roots"], expected["roots"]);
    assert!(home.ok(&["server", "show", "raw"]).await.contains(&a));
    assert!(home.fails(2, &["server", "set", "raw", "--root", &b]).await.contains("make it first"));
    assert!(home.fails(2, &["server", "set", "raw", "--root", "notes"]).await.contains("not absolute"));
    home.ok(&["server", "set", "raw", "--root", &format!("{a}:forget")]).await;
    expected["roots"] = json!([]);

    // A new command keeps the variables.
    home.ok(&["server", "set", "raw", "--enabled", "true", "--", "python3", "-u", &script]).await;
    expected["enabled"] = json!(true);
    expected["args"] = json!(["-u", script]);
    assert_eq!(with_state(home.one(&["server", "show", "raw", "--json"]).await), expected);
    let shown = home.ok(&["server", "show", "raw"]).await;
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["env", "B=2"])), "{shown}");
    assert!(home.ok(&["server", "test", "raw"]).await.starts_with("raw-legacy 1.0.0, MCP"));

    home.ok(&["server", "remove", "raw"]).await;
    assert_eq!(home.ok(&["server", "list"]).await, "");
    assert!(home.config().starts_with("# mine\n"), "a person's comment is kept");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_may_reach_is_proposed_shown_and_changed() {
    let home = Home::with("");
    let script = raw_server();
    let added = home.run(&["server", "add", "raw", "--sampling", "ask", "--", "python3", &script]).await;
    assert!(added.err.contains("raw is confined") && added.err.contains("--confine off"), "{}", added.err);
    assert!(added.err.contains("raw: raw-legacy 1.0.0"), "it works confined: {}", added.err);
    let limit =
        ["server", "set", "raw", "--network", "off", "--folder", "/opt:rw", "--folder", "~/a/", "--folder", "/b:hide"];
    home.ok(&limit).await;
    home.ok(&["server", "set", "raw", "--folder", "/opt:forget", "--folder", "/b:ro"]).await;
    let folders = json!([{"path": "~/a", "access": "read"}, {"path": "/b", "access": "read"}]);
    let expected = json!({"enabled": true, "network": false, "folders": folders});
    assert_eq!(home.one(&["server", "show", "raw", "--json"]).await["confinement"], expected);
    assert!(home.config().contains("confine"), "{}", home.config());
    let shown = home.ok(&["server", "show", "raw"]).await;
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["folder", "~/a:ro"])), "{shown}");
    let opted_out = home.run(&["server", "set", "raw", "--confine", "off"]).await;
    assert!(opted_out.err.contains("raw is not confined, so it can reach everything you can"), "{}", opted_out.err);
    assert!(home.ok(&["server", "list"]).await.contains("  not confined  "));
    home.fails(2, &["server", "set", "raw", "--folder", "relative:rw"]).await;
    home.fails(2, &["server", "add", "far", "--url", "http://127.0.0.1:9/mcp", "--confine", "on"]).await;

    // Without bubblewrap it is not proposed, and what demands it does not start.
    let mut without = home.command(&["server", "add", "bare", "--sampling", "ask", "--", "/usr/bin/python3", &script]);
    let bare = super::finish({
        without.env("PATH", "/nonexistent");
        without
    })
    .await;
    assert!(
        bare.err.contains("bare is not confined") && bare.err.contains("bubblewrap is not installed"),
        "{}",
        bare.err
    );
    home.ok(&["server", "set", "bare", "--confine", "on"]).await;
    let mut without = home.command(&["tools", "bare"]);
    let refused = super::finish({
        without.env("PATH", "/nonexistent");
        without
    })
    .await;
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.err.contains("samplegate server set bare --confine off"), "{}", refused.err);
    let mut without = home.command(&["doctor"]);
    let doctor = super::finish({
        without.env("PATH", "/nonexistent");
        without
    })
    .await;
    assert!(doctor.out.contains("mend  confinement"), "{}", doctor.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_saved_all_the_same() {
    let home = Home::with("");
    let script = raw_server();
    let added = home.run(&["server", "add", "broken", "--sampling", "ask", "--", "python3", &script, "--exit"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    assert!(added.err.contains("the configuration file is missing"), "what it said on stderr: {}", added.err);
    assert!(added.err.contains("broken is saved"), "{}", added.err);
    let http = home.run(&["server", "add", "far", "--url", "http://127.0.0.1:9/mcp", "--header", "X-A=b=c"]).await;
    assert_eq!(http.code, Some(0), "{http:?}");
    let far = json!({
        "name": "far", "enabled": true, "sampling": "off", "gates": "both", "sampling_tools": "none", "elicitation": "ask",
        "transport": "http", "url": "http://127.0.0.1:9/mcp", "headers": {"X-A": "b=c"},
        "limits": usual_limits(), "pin": null, "needs_approval": false, "confinement": null, "roots": [], "oauth_client_id": null, "login": null,
    });
    assert_eq!(home.one(&["server", "show", "far", "--json"]).await, far);
    assert!(home.fails(5, &["server", "test", "broken"]).await.contains("the configuration file is missing"));
    assert!(home.fails(5, &["server", "test", "far"]).await.contains("cannot be reached (Connection refused"));
    home.fails(5, &["tools", "broken"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_with_secrets_are_refused_for_plain_http_to_another_computer() {
    let home = Home::with("");
    let far = ["server", "add", "far", "--url", "http://mcp.invalid/mcp"];
    for header in [["--header", "Authorization=Bearer x"], ["--header", "X-Api-Key=x"]] {
        let told = home.fails(2, &[&far[..], &header].concat()).await;
        assert!(told.contains("over plain HTTP") && told.contains("https://"), "{told}");
    }
    // Kept ones whatever their name, and before the keychain is touched.
    let kept = home.run_with_stdin(&[&far[..], &["--header-stdin", "X-Trace"]].concat(), "x").await;
    assert!(kept.code == Some(2) && kept.err.contains("over plain HTTP"), "{kept:?}");
    assert_eq!(home.ok(&["server", "list"]).await, "");

    let near = ["server", "add", "s", "--url", "http://127.0.0.1:9/mcp", "--header", "Authorization=Bearer x"];
    home.ok(&near).await;
    home.fails(2, &["server", "set", "s", "--url", "http://mcp.invalid/mcp"]).await;
    assert!(home.config().contains("http://127.0.0.1:9/mcp"));

    // Written into the file by hand: refused when it is connected to, and the others start.
    let file = home.config().replace("127.0.0.1:9", "mcp.invalid");
    std::fs::write(home.path().join("config.toml"), file).unwrap();
    assert!(home.fails(5, &["tools", "s"]).await.contains("over plain HTTP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_needs_a_key_or_says_that_it_needs_none() {
    let home = Home::with("");
    let add = |rest: &[&'static str]| [&["model", "add"], rest].concat();
    let told = home.fails(2, &add(&["m", "--provider", "openai", "--model", "x"])).await;
    for option in ["--key-stdin", "--key-command", "--no-key"] {
        assert!(told.contains(option), "{told}");
    }
    home.ok(&add(&["local", "--provider", "ollama", "--model", "llama3.2"])).await;
    home.ok(&add(&["open", "--provider", "openai", "--base-url", "http://127.0.0.1:9", "--model", "x", "--no-key"]))
        .await;
    home.ok(&add(&["claude", "--provider", "anthropic", "--model", "y", "--key-command", "echo k"])).await;
    home.ok(&["model", "default", "open"]).await;
    assert!(home.fails(4, &["model", "test", "open"]).await.contains("cannot be reached"));
    let model = |name: &str, provider: &str, base_url: &str, model: &str, key: &str| {
        json!({
            "name": name, "provider": provider, "base_url": base_url, "model": model, "key": key,
            "default": name == "open",
        })
    };
    assert_eq!(
        home.json(&["model", "list", "--json"]).await,
        [
            model("claude", "anthropic", "https://api.anthropic.com", "y", "command"),
            model("local", "ollama", "http://127.0.0.1:11434", "llama3.2", "none"),
            model("open", "openai", "http://127.0.0.1:9", "x", "none"),
        ]
    );
    // A default that is removed leaves the person.
    home.ok(&["model", "remove", "open"]).await;
    assert!(home.config().contains("default_model = \"human\""));

    assert!(home.fails(2, &add(&["m", "--provider", "nobody", "--model", "x"])).await.contains("openai, anthropic"));
    home.fails(2, &add(&["human", "--provider", "ollama", "--model", "x"])).await;
    home.fails(2, &add(&["local", "--provider", "ollama", "--model", "x"])).await;
    home.fails(2, &add(&["a b", "--provider", "ollama", "--model", "x"])).await;
    home.fails(2, &add(&["m", "--provider", "ollama", "--model", "x", "--no-key", "--key-command", "c"])).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_no_secret_is_taken_and_the_way_out_is_named() {
    let home = Home::with("");
    let add = ["model", "add", "m", "--provider", "openai", "--model", "x", "--key-stdin"];
    let ran = home.run_with_stdin(&add, "sk-secret\n").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("--key-command"), "{}", ran.err);
    assert!(!ran.err.contains("sk-secret"));
    assert_eq!(home.run_with_stdin(&add, "\n").await.code, Some(2), "an empty key is none");
    let script = raw_server();
    let add = ["server", "add", "s", "--env-stdin", "TOKEN", "--", "python3", &script];
    let ran = home.run_with_stdin(&add, "hush\n").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let two = ["server", "add", "s", "--env-stdin", "A", "--env-stdin", "B", "--", "python3", &script];
    assert_eq!(home.run_with_stdin(&two, "only one\n").await.code, Some(2));
    assert_eq!(home.config(), "", "nothing was saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_added_listed_and_removed_by_id() {
    let home = Home::new();
    let add = |rest: &[&'static str]| [&["rule", "add"], rest].concat();
    let one = home.ok(&add(&["--server", "demo", "--gate", "request", "--action", "allow"])).await;
    let two = home.ok(&add(&["--tool", "confirm_payment", "--action", "answer", "--text", "no"])).await;
    assert_eq!(
        home.json(&["rule", "list", "--json"]).await,
        [
            json!({
                "id": one.trim_end(), "server": "demo", "tool": null, "gate": "request", "action": "allow",
                "text": null, "sentence": "Allow requests of demo without a look", "suspended": null,
            }),
            json!({
                "id": two.trim_end(), "server": null, "tool": "confirm_payment", "gate": "both", "action": "answer",
                "text": "no", "suspended": null,
                "sentence": "Answer requests of the tool confirm_payment of any server with “no”",
            }),
        ]
    );
    home.ok(&["rule", "remove", one.trim_end()]).await;
    assert_eq!(home.json(&["rule", "list", "--json"]).await.len(), 1);
    home.fails(2, &add(&["--action", "answer"])).await;
    home.fails(2, &add(&["--action", "deny", "--text", "x"])).await;
    home.fails(2, &add(&["--action", "answer", "--text", "x", "--gate", "answer"])).await;
    home.fails(2, &add(&["--action", "allow", "--server", "nobody"])).await;
    home.fails(2, &add(&["--action", "maybe"])).await;
    assert_eq!(home.json(&["rule", "list", "--json"]).await.len(), 1, "what was refused was not saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_are_usage_errors() {
    let home = Home::new();
    for args in [
        &["server", "show", "nobody"][..],
        &["server", "set", "nobody", "--sampling", "ask"],
        &["server", "test", "nobody"],
        &["server", "remove", "nobody"],
        &["model", "test", "nobody"],
        &["model", "remove", "nobody"],
        &["model", "default", "nobody"],
        &["rule", "remove", "r-nobody"],
        &["call", "nobody", "tool"],
        &["call", "demo", "nothing"],
        &["prompt", "demo", "nothing"],
        &["tools", "nobody"],
        &["audit", "show", "0190f3c1-7a4e-7c3d-8b52-1f6a0c9d2e44"],
    ] {
        let told = home.fails(2, args).await;
        assert!(told.contains("nobody") || told.contains("nothing") || told.contains("0190f3c1"), "{args:?}: {told}");
    }
    for args in [
        &["server", "add", "x"][..],
        &["server", "add", "x", "--url", "http://127.0.0.1:9", "--", "python3"],
        &["server", "add", "x", "--url", "ftp://127.0.0.1:9"],
        &["server", "add", "demo", "--", "python3"],
        &["server", "add", "x", "--header", "A=b", "--", "python3"],
        &["server", "add", "x", "--env", "A", "--", "python3"],
        &["server", "set", "demo", "--env", "A=b"],
        &["call", "demo", "confirm_payment", "{"],
        &["call", "demo", "confirm_payment", "[]"],
        &["audit", "show", "5"],
        &["audit", "list", "--outcome", "perhaps"],
        &["audit", "list", "--from", "yesterday"],
        &["frobnicate"],
        &[],
    ] {
        home.fails(2, args).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_is_told_by_its_line_and_left_alone() {
    let broken = "default_model = \"human\"\n\n[servers.demo\ndemo = true\n";
    let home = Home::with(broken);
    for args in [&["server", "list"][..], &["call", "demo", "confirm_payment"], &["rule", "add", "--action", "deny"]] {
        let told = home.fails(1, args).await;
        assert!(told.contains("config.toml, line 3"), "{told}");
    }
    let doctor = home.run(&["doctor", "--json"]).await;
    assert_eq!(doctor.code, Some(1));
    let first: Value = serde_json::from_str(doctor.out.lines().next().unwrap()).unwrap();
    assert_eq!((&first["name"], &first["state"]), (&json!("configuration"), &json!("mend")));
    assert!(first["text"].as_str().unwrap().contains("line 3"));
    assert_eq!(home.config(), broken);

    std::fs::write(home.path().join("config.toml"), "[servers.demo]\ndemo = true\nsamplng = \"ask\"\n").unwrap();
    assert!(home.fails(1, &["server", "list"]).await.contains("samplng"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_homes_know_nothing_of_each_other() {
    let (one, other) = (Home::new(), Home::new());
    one.ok(&["rule", "add", "--action", "deny"]).await;
    assert_eq!(other.ok(&["rule", "list"]).await, "");
    // The variable does what the option does, and the option comes first.
    let mut command = tokio::process::Command::new(support::servers::samplegate());
    command.args(["rule", "list", "--json"]).env("SAMPLEGATE_HOME", one.path());
    assert_eq!(super::finish(command).await.out.lines().count(), 1);
    let mut command = other.command(&["rule", "list"]);
    command.env("SAMPLEGATE_HOME", one.path());
    assert_eq!(super::finish(command).await.out, "");
}
