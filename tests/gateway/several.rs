//! One that hangs holds up nobody else, what was removed is gone, and nothing is left behind.

use samplegate_engine::wire::{Action, Phase};
use serde_json::json;
use support::home::PATIENCE;

use crate::{
    host::{ERAS, Era, Host, listening, passing, token},
    meanwhile::value,
};

fn names(listed: &serde_json::Value) -> Vec<String> {
    listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_delays_nobody() {
    let config = passing("good", Era::Legacy, &[])
        + &passing("lists_nothing", Era::Legacy, &["--stuck", "resources/list"])
        + &passing("starts_not", Era::Legacy, &["--stuck", "initialize"])
        + "[servers.is_not_there]\ncommand = \"/nonexistent/program\"\n\n[servers.off]\ndemo = true\nenabled = false\n";
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    for era in ERAS {
        let host = Host::connect(era, port, None, &token).await;
        let listed = names(&host.ask("tools/list", json!({})).await);
        assert!(listed.contains(&"good__echo".to_owned()), "{listed:?}");
        assert!(!listed.iter().any(|name| name.starts_with("starts_not") || name.starts_with("off")));
        let resources = host.ask("resources/list", json!({})).await;
        assert_eq!(resources["resources"][0]["uri"], "samplegate://good/memo://one?x#y");
        let (_, stuck) = host.start("tools/call", json!({"name": "starts_not__echo", "arguments": {}})).await;
        assert_eq!(host.call("good__echo", json!({})).await["later"], true);
        drop(stuck);
        let failed = host.response("tools/call", json!({"name": "is_not_there__echo", "arguments": {}})).await;
        assert!(failed["error"]["message"].as_str().unwrap().contains("/nonexistent/program"), "{failed}");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_waits_delays_no_other_call() {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    let host = Host::connect(Era::Legacy, port, Some("s"), &token).await;
    let (_, waiting) = host.start("tools/call", json!({"name": "ask", "arguments": {}})).await;
    let question = home.question(Phase::Request).await;
    assert_eq!(host.call("echo", json!({})).await["later"], true);
    home.act(&question, Action::AnswerByHand { text: "late".into() });
    let (_, response) = waiting.all().await;
    assert!(value(&response).to_string().contains("late"));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_come_and_go_are_told_and_taken_up() {
    let (home, port) = listening(&passing("one", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    for era in ERAS {
        let host = Host::connect(era, port, None, &token).await;
        assert!(names(&host.ask("tools/list", json!({})).await).iter().all(|name| name.starts_with("one__")));
        let mut listening = host.listen(&[]).await;
        let settings = home.engine.config().settings();
        home.set(|changed| {
            let added = settings.servers["one"].clone();
            changed.servers.insert("two".into(), added);
        });
        while listening.next().await.unwrap()["method"] != "notifications/tools/list_changed" {}
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !names(&host.ask("tools/list", json!({})).await).contains(&"two__echo".to_owned()) {
            assert!(tokio::time::Instant::now() < deadline, "{era:?}");
        }
        home.engine.remove_server("two").await.unwrap();
        let gone = host.response("tools/call", json!({"name": "two__echo", "arguments": {}})).await;
        assert_eq!(gone["error"]["code"], -32602);
    }
    home.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_processes_end_with_its_last_session_and_all_with_the_app() {
    let (home, port) = listening(&passing("s", Era::Legacy, &[])).await;
    let token = token(&home, "h");
    let processes = || {
        let of = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("cmdline")).ok();
        let lines = std::fs::read_dir("/proc").unwrap().filter_map(|entry| of(entry.unwrap()));
        let ours = format!("{}", home.folder.path().display());
        lines.filter(|line| line.contains("raw_passing.py") && line.contains(&ours)).count()
    };
    // Told apart from those of other tests by an argument.
    home.set(|settings| {
        let samplegate_core::settings::Transport::Stdio { args, .. } =
            &mut settings.servers.get_mut("s").unwrap().transport
        else {
            panic!("a process")
        };
        args.push(home.folder.path().display().to_string());
    });
    home.eventually(|| (processes() == 1).then_some(())).await;
    let one = Host::connect(Era::Legacy, port, Some("s"), &token).await;
    let two = Host::connect(Era::Legacy, port, None, &token).await;
    one.call("echo", json!({})).await;
    two.call("s__echo", json!({})).await;
    assert_eq!(processes(), 2);
    one.end().await;
    two.call("s__echo", json!({})).await;
    assert_eq!(processes(), 2, "the other session needs it");
    home.engine.remove_host("h").unwrap();
    home.eventually(|| (processes() == 1).then_some(())).await;
    home.engine.shutdown().await;
    assert_eq!(processes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_leads_back_to_itself_is_not_made_and_depth_is_limited() {
    let (home, port) = listening(&format!(
        "{}limits = {{ depth = 1 }}\n",
        passing("s", Era::Legacy, &[]).replace("limits = \"none\"\n", "")
    ))
    .await;
    let token = token(&home, "h");
    for era in ERAS {
        let host = Host::connect(era, port, Some("s"), &token).await;
        // What a server would send on that is a host too.
        let mark =
            |result: &serde_json::Value| result["structuredContent"]["value"]["_meta"]["samplegate/chain"].clone();
        let first = host.call("echo", json!({"n": 1})).await;
        let within = |name: &str, n: u32, mark: serde_json::Value| json!({"name": name, "arguments": {"n": n}, "_meta": {"samplegate/chain": mark}});
        let same = host.response("tools/call", within("echo", 1, mark(&first))).await;
        assert!(same["error"]["message"].as_str().unwrap().contains("leads back to itself"), "{same}");
        let second = host.ask("tools/call", within("echo", 2, mark(&first))).await;
        let forged = host.ask("tools/call", within("echo", 1, "0.0".into())).await;
        assert_eq!(forged["later"], true, "a mark that is not ours says nothing");
        // Within one call it may ask, within two it may not.
        let (_, coming) = host.start("tools/call", within("ask", 3, mark(&first))).await;
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::AnswerByHand { text: "x".into() });
        coming.all().await;
        let (_, response) = host.start("tools/call", within("ask", 3, mark(&second))).await.1.all().await;
        assert!(value(&response).to_string().contains("limit"), "{response}");
    }
    home.stop().await;
}
