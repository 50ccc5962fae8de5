//! Limits and rules with conditions, as scripts set them.

use serde_json::json;
use support::servers::root;

use super::Home;

const HELLO: &str =
    r#"{"params": {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 5}}"#;

async fn with_raw(flags: &[&str]) -> Home {
    let home = Home::with("");
    let script = root().join("tests/servers/raw_legacy.py").display().to_string();
    let add = [&["server", "add", "s", "--sampling", "rules"][..], flags, &["--", "python3", &script]].concat();
    home.ok(&add).await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_over_processes_and_says_which_it_was() {
    let home = with_raw(&["--limit", "none", "--limit", "per_day=2", "--limit", "usd_per_day=0.5"]).await;
    let limits = home.one(&["server", "show", "s", "--json"]).await["limits"].clone();
    assert_eq!((&limits["per_day"], &limits["usd_per_day"]), (&json!(2), &json!(0.5)));
    assert_eq!(limits["per_minute"], json!(null));
    home.ok(&["rule", "add", "--server", "s", "--action", "answer", "--text", "yes"]).await;
    for _ in 0..2 {
        assert!(home.run(&["call", "s", "sample", HELLO]).await.out.contains("yes"));
    }
    let ran = home.run(&["call", "s", "sample", HELLO]).await;
    assert!(ran.out.contains("User rejected sampling request") && ran.out.contains("limit"), "{}", ran.out);
    assert!(ran.err.contains("The limit of this server is 2 a day"), "{}", ran.err);
    let logged = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((&logged[0]["outcome"], &logged[0]["decided_by"]), (&json!("denied"), &json!("limit")));
    home.ok(&["server", "set", "s", "--limit", "per_day=none"]).await;
    assert!(home.run(&["call", "s", "sample", HELLO]).await.out.contains("yes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_has_the_limits_of_the_manual_and_a_record() {
    let home = with_raw(&[]).await;
    let limits = home.one(&["server", "show", "s", "--json"]).await["limits"].clone();
    let manual = json!({"per_minute": 10, "per_session": 50, "max_tokens": 4096, "usd_per_day": 1.0});
    for (key, value) in manual.as_object().unwrap() {
        assert_eq!(&limits[key], value, "{key}");
    }
    assert!(home.config().contains("[servers.s.record]"), "{}", home.config());
    home.fails(2, &["server", "set", "s", "--limit", "per_hour=1"]).await;
    home.fails(2, &["server", "set", "s", "--limit", "per_day=many"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_lets_through_what_it_describes_as_often_as_it_may() {
    let home = with_raw(&[]).await;
    let rule = ["rule", "add", "--server", "s", "--tool", "sample", "--gate", "request", "--action", "answer"];
    let when = ["--text", "yes", "--prompt", "template:H{rest:word 1..1}", "--max-tokens", "5", "--uses", "1"];
    home.ok(&[&rule[..], &when].concat()).await;
    let listed = home.one(&["rule", "list", "--json"]).await;
    assert_eq!((&listed["prompt"], &listed["uses"]), (&json!({"template": "H{rest:word 1..1}"}), &json!(1)));
    assert!(listed["sentence"].as_str().unwrap().contains("at most 1 time"), "{listed}");
    let other = HELLO.replace("Hi", "Hi, and more");
    assert!(home.run(&["call", "s", "sample", &other]).await.out.contains("rejected"));
    assert!(home.run(&["call", "s", "sample", HELLO]).await.out.contains("yes"));
    assert!(home.run(&["call", "s", "sample", HELLO]).await.out.contains("rejected"), "it was used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_says_nothing_sensible_is_refused() {
    let home = with_raw(&[]).await;
    for wrong in [
        &["--action", "allow", "--prompt", "regex:("][..],
        &["--action", "allow", "--prompt", "template:{"],
        &["--action", "deny", "--uses", "3"],
        &["--action", "allow", "--hours", "late"],
        &["--action", "allow", "--expires", "tomorrow"],
        &["--action", "allow", "--findings", "ugly"],
        &["--action", "allow", "--answer", "*"],
        &["--action", "allow", "--model", "none-such"],
        &["--action", "allow", "--argument", "path"],
    ] {
        home.fails(2, &[&["rule", "add", "--server", "s"][..], wrong].concat()).await;
    }
    assert_eq!(home.json(&["rule", "list", "--json"]).await.len(), 0);
}
