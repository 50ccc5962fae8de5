//! What a server was when it was approved, as scripts see it and approve it anew.

use std::path::Path;

use serde_json::{Value, json};
use support::servers::root;

use super::Home;

/// A folder with a server in it that can be changed.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["raw_swaps.py", "raw_wire.py"] {
        std::fs::copy(root().join("tests/servers").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

async fn added(folder: &Path) -> Home {
    let home = Home::with("");
    let script = folder.join("raw_swaps.py").display().to_string();
    let added = home.run(&["server", "add", "s", "--sampling", "rules", "--", "python3", &script]).await;
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.err.contains("s is pinned: ") && added.err.contains("5 tools"), "{}", added.err);
    home.ok(&["rule", "add", "--server", "s", "--action", "answer", "--text", "yes"]).await;
    home
}

async fn pin(home: &Home) -> Value {
    home.one(&["server", "list", "--json"]).await["pin"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_pinned_as_it_is_added_and_a_change_waits_for_approval() {
    let folder = folder();
    let home = added(folder.path()).await;
    let pinned = pin(&home).await;
    assert_eq!(
        (&pinned["state"], &pinned["changed"], &pinned["unpinned"]),
        (&json!("pinned"), &Value::Null, &Value::Null)
    );
    let shown = home.one(&["server", "show", "s", "--json"]).await["pin"].clone();
    assert_eq!(shown["sha256"], pinned["sha256"]);
    assert_eq!(shown["identity"]["script’s SHA-256"].as_str().unwrap().len(), 64);
    assert_eq!(shown["tools"][0]["description"], "Asks one question.");
    assert!(home.run(&["call", "s", "ask"]).await.out.contains("yes"));
    assert!(home.run(&["server", "approve", "s"]).await.err.contains("is what you approved"));

    let script = folder.path().join("raw_swaps.py");
    let text = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, text.replace("Asks one question.", "Asks one question, and \u{202e}more.")).unwrap();
    let denied = home.run(&["call", "s", "ask"]).await;
    assert!(
        denied.out.contains("User rejected sampling request") && denied.out.contains("\"drift\""),
        "{}",
        denied.out
    );
    assert!(
        denied.err.contains("changed since you approved it") && denied.err.contains("server approve s"),
        "{}",
        denied.err
    );
    let logged = home.json(&["audit", "list", "--json"]).await;
    assert_eq!((&logged[0]["outcome"], &logged[0]["decided_by"]), (&json!("denied"), &json!("drift")));
    assert_eq!(pin(&home).await["state"], "changed");

    // Without a terminal it must be said what is approved, and that must be what it is.
    let refused = home.run(&["server", "approve", "s"]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("+ Asks one question, and ‹U+202E›more."), "{}", refused.err);
    let sha256 = home.one(&["server", "show", "s", "--json"]).await["pin"]["drift"]["sha256"].clone();
    assert!(refused.err.contains(&format!("--pin {}", sha256.as_str().unwrap())), "{}", refused.err);
    home.fails(2, &["server", "approve", "s", "--pin", pinned["sha256"].as_str().unwrap()]).await;
    assert_eq!(pin(&home).await["state"], "changed");
    home.ok(&["server", "approve", "s", "--pin", sha256.as_str().unwrap()]).await;
    // What it says hides the direction of its text: that is flagged, and asks.
    assert_eq!((&pin(&home).await["state"], &pin(&home).await["sha256"]), (&json!("flagged"), &sha256));
    let told: Vec<Value> = home.json(&["audit", "changes", "--json"]).await;
    assert!(told[0]["text"].as_str().unwrap().contains("was approved anew"), "{}", told[0]);
    assert_eq!(told[1]["via"], "server");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_may_not_sample_is_pinned_as_well_and_one_that_was_never_reached_is_not() {
    let folder = folder();
    let home = Home::with("");
    let script = folder.path().join("raw_swaps.py").display().to_string();
    home.ok(&["server", "add", "s", "--", "python3", "/nowhere/raw_swaps.py"]).await;
    assert_eq!(pin(&home).await, Value::Null);
    let refused = home.run(&["server", "approve", "s"]).await;
    assert_eq!(refused.code, Some(5), "{}", refused.err);
    assert!(refused.err.contains("never reached"), "{}", refused.err);
    home.ok(&["server", "remove", "s"]).await;
    let added = home.run(&["server", "add", "s", "--", "python3", &script]).await;
    assert!(added.err.contains("s is pinned: ") && added.err.contains("5 tools"), "{}", added.err);
    let pinned = pin(&home).await;
    assert_eq!((&pinned["state"], &pinned["changed"]), (&json!("pinned"), &Value::Null));
    let told: Vec<Value> = home.json(&["audit", "changes", "--json"]).await;
    assert!(told[0]["text"].as_str().unwrap().contains("was pinned as it is"), "{}", told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approved_is_shown_and_rules_count_for_it_once_it_is_approved() {
    let folder = folder();
    let script = folder.path().join("raw_swaps.py").display().to_string();
    let home = Home::with(&format!(
        "[servers.s]\ncommand = \"python3\"\nargs = [\"-u\", {script:?}]\nsampling = \"rules\"\npin = \"approval\"\n"
    ));
    let rule = home.run(&["rule", "add", "--server", "s", "--action", "answer", "--text", "yes"]).await;
    assert!(rule.err.contains("not approved") && rule.err.contains("server approve s"), "{}", rule.err);
    let listed = home.one(&["rule", "list", "--json"]).await;
    assert!(listed["suspended"].as_str().unwrap().contains("not approved this server yet"), "{listed}");
    let denied = home.run(&["call", "s", "ask"]).await;
    assert!(denied.out.contains("\"drift\""), "{}", denied.out);
    assert!(denied.err.contains("not approved") && denied.err.contains("server approve s"), "{}", denied.err);
    let server = home.one(&["server", "list", "--json"]).await;
    assert_eq!((&server["pin"], &server["needs_approval"]), (&Value::Null, &json!(true)));
    let doctor = home.json(&["doctor", "--json"]).await;
    let check = doctor.iter().find(|check| check["name"] == "server s").unwrap();
    assert_eq!(check["state"], "note");
    assert!(check["text"].as_str().unwrap().contains("server approve s"), "{check}");

    // All of it is shown, and what is approved has to be named.
    let refused = home.run(&["server", "approve", "s"]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    for part in ["You have not approved s yet", "script’s SHA-256: ", "tool ask", "Asks one question."] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
    let sha256 = refused.err.rsplit_once("--pin ").unwrap().1.trim().to_owned();
    home.fails(2, &["server", "approve", "s", "--pin", &"0".repeat(64)]).await;
    home.ok(&["server", "approve", "s", "--pin", &sha256]).await;
    assert_eq!(pin(&home).await["sha256"], json!(sha256));
    assert!(home.run(&["call", "s", "ask"]).await.out.contains("yes"));
    assert_eq!(home.one(&["rule", "list", "--json"]).await["suspended"], Value::Null);
    let told: Vec<Value> = home.json(&["audit", "changes", "--json"]).await;
    assert!(told[0]["text"].as_str().unwrap().contains("was approved as it is"), "{}", told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_pinned_is_said_with_what_to_write() {
    let home = Home::with("");
    let folder = folder();
    let code = format!("exec python3 {}", folder.path().join("raw_swaps.py").display());
    let added =
        home.run(&["server", "add", "s", "--sampling", "ask", "--confine", "off", "--", "sh", "-c", &code]).await;
    assert!(
        added.err.contains("cannot be pinned") && added.err.contains("Write instead: the program itself"),
        "{}",
        added.err
    );
    let pinned = pin(&home).await;
    assert!(pinned["unpinned"].as_str().unwrap().contains("starts something else"), "{pinned}");
}
