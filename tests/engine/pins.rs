//! Servers that are not what was approved: nothing that was allowed counts for them, until a person approves them.

use std::{path::Path, sync::Arc};

use samplegate_core::audit::{DecidedBy, Outcome};
use samplegate_engine::{
    engine::Engine,
    wire::{Action, Phase, PinSummary, RuleState, SamplingMode, Suspended},
};
use serde_json::{Value, json};
use support::{
    home::{Running, options, text},
    servers::{OverHttp, given, python},
};
use tokio_util::sync::CancellationToken;

const RULE: &str = "[[rules]]\nid = \"r\"\nserver = \"s\"\naction = \"answer\"\ntext = \"by rule\"\n";

async fn home(server: &str) -> Running {
    Running::start(&format!("[servers.s]\n{server}sampling = \"rules\"\nlimits = \"none\"\n\n{RULE}")).await
}

async fn swapping() -> Running {
    home(&python("raw_swaps.py", &[]).replace("limits = \"none\"\n", "")).await
}

/// What the server was replied, when it asked in this tool.
async fn replied(home: &Running, tool: &str) -> Value {
    let result = home.call("s", tool, json!({})).await.unwrap().result.unwrap();
    serde_json::from_str(text(&result)).unwrap()
}

fn pin(home: &Running) -> Option<PinSummary> {
    home.engine.list_servers().into_iter().find(|server| server.config.name == "s").and_then(|server| server.pin)
}

async fn changed(home: &Running) -> String {
    home.eventually(|| pin(home).and_then(|pin| pin.changed)).await
}

/// Approves what the server is seen to be now.
async fn approve(home: &Running) {
    let drift = home.engine.pin_view("s").and_then(|pin| pin.drift).unwrap();
    home.engine.approve_server("s", drift.sha256.parse().unwrap()).await.unwrap();
}

async fn swaps_its_tools(home: Running) {
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    let approved = pin(&home).unwrap();
    assert_eq!((approved.changed.as_ref(), approved.flagged), (None, false));

    // It asks in the same breath: that question is not let through either.
    let call = home.call("s", "swap_and_ask", json!({}));
    let question = home.question(Phase::Request).await;
    assert!(question.evaluation.reason.contains("suspended"), "{}", question.evaluation.reason);
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let what = changed(&home).await;
    assert!(what.contains("description of tool “ask” changed") && what.contains("tool “send_mail” added"), "{what}");
    let trouble = home.engine.status().trouble;
    assert!(trouble.iter().any(|trouble| trouble.text.contains("changed since you approved it")), "{trouble:?}");

    // A person is shown why, and may let one through.
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    let reason = &question.evaluation.reason;
    assert_eq!(&question.notes[0], reason, "it is shown");
    assert!(reason.starts_with("This server changed since you approved it:") && reason.contains("ask"), "{reason}");
    home.act(&question, Action::AnswerByHand { text: "by hand".into() });
    assert!(text(&call.await.unwrap().result.unwrap()).contains("by hand"));

    // Changing back while it runs gives it nothing back.
    let told = home.call("s", "back", json!({})).await.unwrap();
    assert!(told.result.is_ok());
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    assert!(pin(&home).unwrap().changed.is_some());
    home.call("s", "swap", json!({})).await.unwrap();

    let drift = home.engine.pin_view("s").and_then(|pin| pin.drift).unwrap();
    assert!(drift.findings.iter().any(|found| found.finding.kind == "tag"), "{:?}", drift.findings);
    let description = drift.differences.iter().find(|one| one.what == "description").unwrap();
    assert_eq!(description.before.as_deref(), Some("Asks one question."));
    assert!(description.after.as_deref().unwrap().contains("id_rsa"));
    // What was not shown is not approved.
    let wrong = "0".repeat(64).parse().unwrap();
    assert!(home.engine.approve_server("s", wrong).await.is_err());
    assert!(pin(&home).unwrap().changed.is_some());

    let logged = home.engine.store().changes(None, 10).await.unwrap();
    let texts: Vec<&str> = logged.iter().filter_map(|change| change.text.as_deref()).collect();
    assert!(texts[0].contains("Its rules and grants are suspended"), "{texts:?}");
    assert!(texts.last().unwrap().contains("was pinned"), "{texts:?}");
    assert_eq!((logged[0].via.as_str(), logged[0].reviewer.as_deref()), ("server", None));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_swaps_its_tools_is_trusted_no_more() {
    swaps_its_tools(swapping().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_too() {
    let server = OverHttp::start("raw_swaps.py").await;
    let home = home(&server.lines()).await;
    let view = home.engine.ready("s").await.map(|_| home.engine.pin_view("s").unwrap()).unwrap();
    let lines: Vec<&str> = view.lines.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(lines, ["origin", "path", "name", "version"]);
    swaps_its_tools(home).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_person_the_reason_is_drift_and_approval_ends_it() {
    let mut home = swapping().await;
    home.reviewer = None;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    home.call("s", "swap", json!({})).await.unwrap();
    changed(&home).await;
    let report = home.call("s", "ask", json!({})).await.unwrap();
    assert_eq!(
        (report.outcomes().as_slice(), report.questions[0].by),
        (&[Outcome::Denied][..], Some(DecidedBy::Drift))
    );
    let told: Value = serde_json::from_str(text(&report.result.unwrap())).unwrap();
    assert_eq!(told["error"]["data"], json!({"reason": "drift"}));
    let listed = home.engine.store().list(Default::default()).await.unwrap();
    assert_eq!(home.entry(&listed.questions[0].id.to_string()).await.summary.decided_by, Some(DecidedBy::Drift));

    approve(&home).await;
    // It still hides words in what it says: a rule is not enough, whoever approved it.
    assert!(pin(&home).unwrap().flagged);
    let report = home.call("s", "ask", json!({})).await.unwrap();
    assert_eq!(report.questions[0].by, Some(DecidedBy::Nobody));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_hidden_in_a_description_make_its_questions_ask() {
    let home = home(&python("raw_swaps.py", &["--hidden"]).replace("limits = \"none\"\n", "")).await;
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    assert!(question.evaluation.reason.contains("Hidden or misleading text"), "{}", question.evaluation.reason);
    let view = home.engine.pin_view("s").unwrap();
    assert!(view.summary.flagged && view.drift.is_none());
    assert_eq!(view.findings[0].tool.as_deref(), Some("ask"));
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    home.stop().await;
}

fn write(script: &Path, marker: &str) {
    let source = support::servers::root().join("tests/servers");
    std::fs::copy(source.join("raw_wire.py"), script.with_file_name("raw_wire.py")).unwrap();
    let text = std::fs::read_to_string(source.join("raw_swaps.py")).unwrap();
    std::fs::write(script, format!("{text}\n# {marker}\n")).unwrap();
}

async fn restart(home: &Running) {
    let engine = &home.engine;
    let before = engine.ready("s").await.unwrap();
    engine.restart_server("s").unwrap();
    while engine.ready("s").await.is_ok_and(|now| Arc::ptr_eq(&before, &now)) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_changes_on_disk_is_found_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("server.py");
    write(&script, "one");
    let folder = folder.path().display().to_string();
    let lines = format!("command = \"python3\"\nargs = [\"-u\", \"server.py\"]\ncwd = {folder:?}\n");
    let home = home(&lines).await;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    // Written anew with the same bytes, it is the same.
    write(&script, "one");
    restart(&home).await;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");

    write(&script, "two");
    restart(&home).await;
    assert_eq!(changed(&home).await, "script’s SHA-256 changed");
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();

    // Started anew exactly as it was approved, it is what was approved.
    write(&script, "one");
    restart(&home).await;
    home.eventually(|| pin(&home).filter(|pin| pin.changed.is_none())).await;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");

    write(&script, "two");
    restart(&home).await;
    changed(&home).await;
    approve(&home).await;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_finds_holds_for_all_of_a_home() {
    let home = swapping().await;
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    let other = Engine::start(options(home.folder.path())).await.unwrap();
    let ask = async |engine: &Engine| {
        let target = samplegate_engine::mcp::CallKind::Tool { name: "ask".into(), arguments: json!({}) };
        engine.call("s", "test", target, CancellationToken::new()).await
    };
    assert_eq!(ask(&other).await.outcomes(), [Outcome::Released]);
    home.call("s", "swap", json!({})).await.unwrap();
    changed(&home).await;
    // The other's own copy of the server is what was approved; but it is one server.
    assert_eq!(ask(&other).await.questions[0].by, Some(DecidedBy::Drift));
    approve(&home).await;
    // Now it is that copy which is not what was approved.
    assert_eq!(ask(&other).await.questions[0].by, Some(DecidedBy::Drift));
    other.shutdown().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lists_late_is_waited_for_where_nobody_could_be_asked_instead() {
    let mut home = swapping().await;
    home.engine.ready("s").await.unwrap();
    let call = home.call("s", "late_and_ask", json!({}));
    let question = home.question(Phase::Request).await;
    assert_eq!(question.evaluation.suspended, Some(Suspended::Unseen), "a person is not kept waiting");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    home.reviewer = None;
    assert!(replied(&home, "late_and_ask").await.get("result").is_some(), "the rule counts once it is known");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_server_keeps_its_pin_and_a_removed_one_loses_it() {
    let home = swapping().await;
    home.engine.ready("s").await.unwrap();
    home.call("s", "swap", json!({})).await.unwrap();
    changed(&home).await;
    let mut input = home.engine.list_servers().pop().unwrap().config;
    input.name = "renamed".into();
    home.engine.save_server(Some("s"), input).await.unwrap();
    assert!(home.engine.pin_view("renamed").unwrap().drift.is_some());
    assert!(home.engine.pin_view("s").is_none());
    home.engine.remove_server("renamed").await.unwrap();
    assert!(home.engine.pin_view("renamed").is_none());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_npx_runs_is_pinned_by_version_and_integrity() {
    let modules = given("SAMPLEGATE_TEST_NODE_MODULES");
    let package = modules.join("@modelcontextprotocol/server-everything/package.json");
    let package: Value = serde_json::from_str(&std::fs::read_to_string(package).unwrap()).unwrap();
    let spec = format!("@modelcontextprotocol/server-everything@{}", package["version"].as_str().unwrap());
    let folder = modules.parent().unwrap().display().to_string();
    let home = home(&format!("command = \"npx\"\nargs = [\"-y\", {spec:?}]\ncwd = {folder:?}\n")).await;
    let view = home.eventually(|| home.engine.pin_view("s")).await;
    let line = |what: &str| view.lines.iter().find(|line| line.what == what).map(|line| line.text.clone());
    assert_eq!((line("package"), view.summary.unpinned.clone()), (Some(spec), None));
    assert!(line("package’s integrity").unwrap().starts_with("sha512-"));
    restart(&home).await;
    assert_eq!(pin(&home).unwrap().changed, None, "it is the same when it is started anew");

    let home_of_latest = self::home(&format!(
        "command = \"npx\"\nargs = [\"-y\", \"@modelcontextprotocol/server-everything\"]\ncwd = {folder:?}\n"
    ))
    .await;
    let view = home_of_latest.eventually(|| home_of_latest.engine.pin_view("s")).await;
    assert!(view.summary.unpinned.unwrap().contains("npx fetches"));
    assert!(view.instead.unwrap().contains("npx -y @modelcontextprotocol/server-everything@1.2.3"));
    home_of_latest.stop().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_uvx_runs_is_pinned_by_version_and_record() {
    let python = given("SAMPLEGATE_TEST_PY3");
    let (uvx, cache) = (python.with_file_name("uvx"), python.parent().unwrap().join("../uv-cache"));
    let server = |spec: &str| {
        // Some networks have a certificate authority of their own.
        let env = format!("env = {{ UV_CACHE_DIR = {:?}, UV_SYSTEM_CERTS = \"1\" }}", cache.display().to_string());
        format!("command = {:?}\nargs = [{spec:?}]\n{env}\n", uvx.display().to_string())
    };
    let spec = "mcp-server-time@2026.10.19";
    let home = home(&server(spec)).await;
    // It is fetched the first time.
    home.engine.ready("s").await.unwrap();
    let view = home.eventually(|| home.engine.pin_view("s")).await;
    let line = |what: &str| view.lines.iter().find(|line| line.what == what).map(|line| line.text.clone());
    assert_eq!((line("package"), view.summary.unpinned.clone()), (Some("mcp-server-time==2026.10.19".into()), None));
    let integrity = line("package’s integrity").unwrap();
    let digest = integrity.strip_prefix("sha256 of RECORD: ").unwrap();
    // As its record lies there, seen in another way.
    let records = std::fs::read_dir(cache.join("archive-v0")).unwrap().flatten();
    let record = records.map(|folder| folder.path().join("mcp_server_time-2026.10.19.dist-info/RECORD"));
    let record = record.filter_map(|path| std::fs::read(path).ok()).next().unwrap();
    assert_eq!(digest, samplegate_core::canonical::Sha256Hex::of(&record).to_string());
    restart(&home).await;
    assert_eq!(pin(&home).unwrap().changed, None, "it is the same when it is started anew");
    home.stop().await;

    let of_latest = self::home(&server("mcp-server-time")).await;
    of_latest.engine.ready("s").await.unwrap();
    let view = of_latest.eventually(|| of_latest.engine.pin_view("s")).await;
    assert!(view.summary.unpinned.unwrap().contains("uvx fetches"));
    of_latest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_not_sample_is_pinned_and_compared_too() {
    let home = Running::start(&format!("[servers.s]\n{}", python("raw_swaps.py", &[]))).await;
    home.engine.ready("s").await.unwrap();
    let approved = pin(&home).unwrap().approved.unwrap();
    assert_eq!(approved.by, "tester");
    home.call("s", "swap", json!({})).await.unwrap();
    let what = changed(&home).await;
    assert!(what.contains("tool “send_mail” added"), "{what}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_over_is_pinned_when_a_person_approves_what_they_were_shown() {
    let server = python("raw_swaps.py", &[]).replace("limits = \"none\"\n", "") + "pin = \"approval\"\n";
    let home = home(&server).await;
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    assert!(question.evaluation.reason.contains("not approved this server yet"), "{}", question.evaluation.reason);
    assert_eq!(question.evaluation.suspended, Some(Suspended::Unapproved));
    assert_eq!(question.evaluation.matched.len(), 1, "the rule that does not count is named");
    home.act(&question, Action::Deny { reason: String::new() });
    call.await.unwrap();
    let shown = home.engine.pin_view("s").unwrap();
    assert!(shown.summary.approved.is_none() && shown.tools.len() == 5, "{shown:?}");
    assert!(home.engine.list_servers()[0].needs_approval && home.engine.pin("s").is_none());
    let rules = home.engine.list_rules().await.unwrap();
    assert_eq!(rules[0].state, RuleState::Suspended);

    // What waits while it is approved does not go on saying that it is not.
    let call = home.call("s", "ask", json!({}));
    let question = home.question(Phase::Request).await;
    let approve = async |sha256: &str| home.engine.approve_server("s", sha256.parse().unwrap()).await;
    assert!(approve(&"0".repeat(64)).await.is_err());
    approve(&shown.summary.sha256).await.unwrap();
    let now = home.engine.queue().get(question.id.parse().unwrap()).unwrap();
    assert_eq!((now.revision, now.evaluation.suspended), (question.revision, None));
    assert!(now.notes[0].contains("count again since this was asked"), "{:?}", now.notes);
    assert!(now.notes.iter().all(|note| !note.contains("not approved")), "{:?}", now.notes);
    home.act(&now, Action::Deny { reason: String::new() });
    call.await.unwrap();
    assert_eq!(replied(&home, "ask").await["result"]["content"]["text"], "by rule");
    assert_eq!(home.engine.list_rules().await.unwrap()[0].state, RuleState::Active);
    let logged = home.engine.store().changes(None, 1).await.unwrap();
    assert_eq!((logged[0].via.as_str(), logged[0].reviewer.as_deref()), ("window", Some("tester")));
    assert!(logged[0].text.as_ref().unwrap().contains("was approved as it is"), "{:?}", logged[0].text);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_it_was_shown_is_not_approved() {
    let server = python("raw_swaps.py", &[]).replace("limits = \"none\"\n", "") + "pin = \"approval\"\n";
    let home = home(&server).await;
    home.engine.ready("s").await.unwrap();
    let shown = home.eventually(|| home.engine.pin_view("s")).await.summary.sha256;
    home.call("s", "swap", json!({})).await.unwrap();
    home.eventually(|| home.engine.pin_view("s").filter(|now| now.summary.sha256 != shown)).await;
    assert!(home.engine.approve_server("s", shown.parse().unwrap()).await.is_err());
    // Who lets it sample approves it as it is when it is reached.
    let mut record = home.engine.record("s").await.unwrap().record;
    record.sampling = SamplingMode::Ask;
    home.engine.save_record("s", record).await.unwrap();
    home.engine.ready("s").await.unwrap();
    let now = home.eventually(|| pin(&home).filter(|pin| pin.approved.is_some())).await;
    assert!(now.changed.is_none() && !home.engine.list_servers()[0].needs_approval);
    home.stop().await;
}
