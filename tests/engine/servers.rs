//! Servers of other makers, and what a server process gets and leaves behind.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    mcp::CallKind,
    wire::{Action, NamedValue, Phase, ServerInput, TransportInput},
};
use serde_json::{Value, json};
use support::{
    home::{Running, options, text},
    servers::{given, python},
};
use tokio_util::sync::CancellationToken;

use super::gates::{hello, reply};

#[tokio::test(flavor = "multi_thread")]
async fn server_everything_samples_over_stdio() {
    let main = given("SAMPLEGATE_TEST_NODE_MODULES").join("@modelcontextprotocol/server-everything/dist/index.js");
    let home = Running::start(&format!(
        "[servers.s]\ncommand = \"node\"\nargs = [{:?}, \"stdio\"]\nsampling = \"ask\"\n",
        main.display().to_string()
    ))
    .await;
    home.engine.ready("s").await.unwrap();
    let call = home.call("s", "trigger-sampling-request", json!({"prompt": "What is two and two?", "maxTokens": 50}));
    let question = home.question(Phase::Request).await;
    assert!(question.request.to_string().contains("What is two and two?"));
    home.act(&question, Action::AnswerByHand { text: "four".into() });
    let result = call.await.unwrap().result.unwrap();
    assert!(result.to_string().contains("four"), "{result}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_and_resources_may_ask_too() {
    for script in ["fastmcp3_prompts.py", "fastmcp4_rounds.py"] {
        let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python(script, &[]))).await;
        let engine = home.engine.clone();
        let offers = engine.server_offers("s").await.unwrap();
        let prompt = offers.prompts[0]["name"].as_str().unwrap().to_owned();
        let call = tokio::spawn(async move {
            let target = CallKind::Prompt { name: prompt, arguments: json!({"topic": "tea"}) };
            engine.call("s", "test", target, CancellationToken::new()).await
        });
        let question = home.question(Phase::Request).await;
        home.act(&question, Action::AnswerByHand { text: "about tea".into() });
        let report = call.await.unwrap();
        assert_eq!(report.outcomes(), [Outcome::Released], "{script}");
        assert!(report.result.unwrap().to_string().contains("about tea"), "{script}");
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_gets_a_short_list_of_variables_and_what_it_was_given() {
    let home =
        Running::start(&format!("[servers.s]\n{}env = {{ GIVEN = \"yes\" }}\n", python("raw_legacy.py", &[]))).await;
    let told = home.call("s", "environment", json!({})).await.unwrap().result.unwrap();
    let told: Value = serde_json::from_str(text(&told)).unwrap();
    let names: Vec<&str> = told["environment"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(names.contains(&"GIVEN") && names.contains(&"PATH"), "{names:?}");
    let usual = ["GIVEN", "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "TMPDIR"];
    for name in names {
        // Python sets LC_CTYPE for itself where there is no locale.
        assert!(usual.contains(&name) || name.starts_with("LC_"), "{name} was handed on");
    }
    home.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_process_tree_ends_with_us() {
    let home = Running::start(&format!("[servers.s]\n{}", python("raw_legacy.py", &[]))).await;
    let told = home.call("s", "spawns", json!({})).await.unwrap().result.unwrap();
    let told: Value = serde_json::from_str(text(&told)).unwrap();
    let alive = |pid: &Value| {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
    };
    assert!(alive(&told["server"]) && alive(&told["child"]));
    home.stop().await;
    assert!(!alive(&told["server"]), "the server is still there");
    assert!(!alive(&told["child"]), "its child is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_added_changed_and_removed_while_it_runs_and_secrets_go_with_them() {
    let home = Running::start("").await;
    let script = support::servers::root().join("tests/servers/raw_legacy.py").display().to_string();
    let mut input = ServerInput {
        name: "new".into(),
        transport: TransportInput::Stdio {
            command: "python3".into(),
            args: vec![script],
            cwd: None,
            env: vec![NamedValue { name: "TOKEN".into(), value: Some("hush".into()), secret: true }],
        },
        enabled: true,
        sampling: samplegate_engine::wire::SamplingMode::Ask,
        gates: samplegate_engine::wire::Gates::Both,
        sampling_tools: samplegate_engine::wire::SamplingTools::None,
        elicitation: None,
        roots: None,
        limits: None,
        confinement: None,
        oauth: None,
    };
    let report = home.engine.test_server(&input).await;
    assert!(report.ok, "{}", report.message);
    home.engine.save_server(None, input.clone()).await.unwrap();
    let told = home.call("new", "environment", json!({})).await.unwrap().result.unwrap();
    let told: Value = serde_json::from_str(text(&told)).unwrap();
    assert_eq!(told["environment"]["TOKEN"], "hush");
    let file = std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    assert!(!file.contains("hush"), "a secret is in the file");

    // Renamed without giving the secret again: it moves along.
    if let TransportInput::Stdio { env, .. } = &mut input.transport {
        env[0].value = None;
    }
    input.name = "renamed".into();
    home.engine.save_server(Some("new"), input).await.unwrap();
    let told = home.call("renamed", "environment", json!({})).await.unwrap().result.unwrap();
    assert!(text(&told).contains("hush"));
    let secrets = home.engine.secrets();
    assert!(secrets.get("server:new:env:TOKEN").await.unwrap().is_none());
    home.engine.remove_server("renamed").await.unwrap();
    assert!(secrets.get("server:renamed:env:TOKEN").await.unwrap().is_none());
    assert!(home.engine.list_servers().is_empty());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_edited_by_hand_is_taken_up_and_a_broken_one_is_not() {
    let home = Running::start("# empty\n").await;
    let path = home.folder.path().join("config.toml");
    std::fs::write(&path, format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).unwrap();
    home.eventually(|| home.engine.list_servers().pop()).await;
    home.engine.ready("s").await.unwrap();
    std::fs::write(&path, "[servers.s\n").unwrap();
    let trouble = home.eventually(|| home.engine.status().trouble.pop()).await;
    assert!(trouble.text.contains("line 1"), "{}", trouble.text);
    let call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    home.act(&question, Action::AnswerByHand { text: "still works".into() });
    assert_eq!(reply(&call.await.unwrap().result.unwrap())["result"]["content"]["text"], "still works");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_its_questions_closed_as_interrupted() {
    let home = Running::start(&format!("[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))).await;
    let _call = home.call("s", "sample", json!({"params": hello()}));
    let question = home.question(Phase::Request).await;
    // While its process lives, another one leaves the question alone.
    let other = samplegate_engine::engine::Engine::start(options(home.folder.path())).await.unwrap();
    let id = question.id.parse().unwrap();
    assert_eq!(other.store().show(id).await.unwrap().summary.outcome, Outcome::Open);
    other.shutdown().await;
    drop(other);
    home.stop().await;
}
