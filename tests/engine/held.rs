//! While the app runs, what comes from outside and allows more waits for a person; what allows less does not.

use std::path::Path;

use samplegate_core::{
    audit::Via,
    policy::{Action, Rule},
    settings::Sampling,
};
use samplegate_engine::{
    config::ConfigError,
    engine::{Engine, Options},
    store::Change,
};
use support::{
    home::{Running, options},
    servers::{python, samplegate},
};

/// As the tray app starts it.
async fn app(folder: &Path) -> Engine {
    Engine::start(Options { holds_changes: true, ..options(folder) }).await.unwrap()
}

fn config() -> String {
    format!("# Mine.\n[servers.s]\n{}sampling = \"ask\"\n", python("raw_legacy.py", &[]))
}

async fn home() -> Running {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), config()).unwrap();
    let engine = app(folder.path()).await;
    let reviewer = Some(engine.queue().attach());
    Running { engine, folder, reviewer }
}

/// As editors do it: nobody ever reads half of it.
fn save(home: &Running, text: &str) {
    let beside = home.folder.path().join("config.edited");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file(home)).unwrap();
}

fn file(home: &Running) -> std::path::PathBuf {
    home.folder.path().join("config.toml")
}

fn allowing() -> String {
    format!("{}\n[[rules]]\nid = \"r\"\naction = \"allow\"\n", config())
}

/// Runs the command beside the app and gives its stderr.
async fn command(home: &Running, args: &[&str]) -> String {
    let mut command = tokio::process::Command::new(samplegate());
    let output = command.arg("--home").arg(home.folder.path()).args(args).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn sampling(engine: &Engine) -> Sampling {
    engine.config().settings().servers["s"].sampling
}

/// The changes of the settings, newest first; that the server was pinned meanwhile is told elsewhere.
async fn changes(home: &Running) -> Vec<Change> {
    let changes = home.engine.store().changes(None, 20).await.unwrap();
    changes.into_iter().filter(|change| !format!("{change:?}").contains("servers.s.identity")).collect()
}

fn denying() -> Rule {
    Rule { server: Some("s".into()), ..Rule::new("", Action::Deny) }
}

fn rules(engine: &Engine) -> Vec<Rule> {
    engine.config().settings().rules.clone()
}
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_allows_more_waits_until_it_is_accepted() {
    let home = home().await;
    assert_eq!(home.engine.held_change(), None, "what was there before is taken as it is");
    save(&home, &allowing());
    let held = home.eventually(|| home.engine.held_change()).await;
    assert!(rules(&home.engine).is_empty(), "it is not in force");
    let keys: Vec<(&str, bool)> = held.keys.iter().map(|key| (key.key.as_str(), key.allows_more)).collect();
    assert_eq!(keys, [("rules.r", true)]);
    let trouble = home.engine.status().trouble;
    assert_eq!(trouble.iter().filter(|trouble| trouble.section.as_deref() == Some("waiting")).count(), 1);

    // Nothing is saved over it, and what a person did not see is not accepted.
    let refused = home.engine.make_rule(denying()).unwrap_err();
    assert!(refused.to_string().contains("accept or refuse that first"), "{refused}");
    assert_eq!(home.engine.accept_change("00").unwrap_err(), ConfigError::ChangedAgain);
    save(&home, &format!("{}# Again.\n", allowing()));
    let again = home.eventually(|| home.engine.held_change().filter(|again| again.id != held.id)).await;
    assert_eq!(home.engine.accept_change(&held.id).unwrap_err(), ConfigError::ChangedAgain);

    home.engine.accept_change(&again.id).unwrap();
    assert_eq!(home.engine.held_change(), None);
    assert_eq!(rules(&home.engine).len(), 1);
    let logged = changes(&home).await;
    let told: Vec<(Via, bool, Option<&str>)> =
        logged.iter().map(|change| (change.via, change.waits, change.reviewer.as_deref())).collect();
    let expected = [
        (Via::Window, false, Some("tester")),
        (Via::File, true, None),
        (Via::File, true, None),
        (Via::File, false, None),
    ];
    assert_eq!(told, expected, "accepted, found twice, and the one it began with");
    home.engine.make_rule(denying()).unwrap();
    home.stop().await;
}

/// A server runs as the same user: what changed must not be able to approve itself from another
/// process.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_approved_from_outside() {
    let home = home().await;
    let pinned = || home.engine.list_servers().into_iter().find_map(|server| server.pin);
    let sha256 = home.eventually(pinned).await.sha256;
    let beside = Engine::start(options(home.folder.path())).await.unwrap();
    let refused = beside.approve_server("s", sha256.parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("in its settings window only"), "{refused}");
    beside.shutdown().await;
    home.engine.approve_server("s", sha256.parse().unwrap()).await.unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_allows_less_is_taken_up_at_once() {
    let home = home().await;
    save(&home, &config().replace("sampling = \"ask\"", "sampling = \"off\""));
    home.eventually(|| (sampling(&home.engine) == Sampling::Off).then_some(())).await;
    assert_eq!(home.engine.held_change(), None);
    // The way back allows more.
    save(&home, &config());
    home.eventually(|| home.engine.held_change()).await;
    assert_eq!(sampling(&home.engine), Sampling::Off);
    // Put back by hand, nothing waits.
    save(&home, &config().replace("sampling = \"ask\"", "sampling = \"off\""));
    home.eventually(|| home.engine.held_change().is_none().then_some(())).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_still_waits_after_a_restart_and_for_everybody() {
    let Running { engine, folder, .. } = home().await;
    let home = Running { engine, folder, reviewer: None };
    save(&home, &allowing());
    let held = home.eventually(|| home.engine.held_change()).await;
    home.engine.shutdown().await;
    // Another process does not make it good, whether the app runs or not.
    drop(home.engine);
    let listed = command_out(home.folder.path(), &["rule", "list"]).await;
    assert_eq!(listed, "");
    let engine = app(home.folder.path()).await;
    assert_eq!(engine.held_change().map(|again| again.id), Some(held.id.clone()));
    assert!(rules(&engine).is_empty());
    assert_eq!(command_out(home.folder.path(), &["rule", "list"]).await, "");
    engine.accept_change(&held.id).unwrap();
    assert!(!command_out(home.folder.path(), &["rule", "list"]).await.is_empty());
    engine.shutdown().await;
    drop(engine);

    // Edited while nobody watched; and without the text that was accepted nothing is in force.
    let home = Running { engine: app(home.folder.path()).await, folder: home.folder, reviewer: None };
    home.engine.shutdown().await;
    let Running { engine, folder, .. } = home;
    drop(engine);
    let text = std::fs::read_to_string(folder.path().join("config.toml")).unwrap();
    std::fs::write(
        folder.path().join("config.toml"),
        text.replace("sampling = \"ask\"", "sampling = \"ask\"\ngates = \"request\""),
    )
    .unwrap();
    let engine = app(folder.path()).await;
    let keys: Vec<String> = engine.held_change().unwrap().keys.into_iter().map(|key| key.key).collect();
    assert_eq!(keys, ["servers.s.gates"]);
    engine.shutdown().await;
    drop(engine);
    std::fs::remove_file(folder.path().join("config.accepted.toml")).unwrap();
    let engine = app(folder.path()).await;
    assert!(engine.config().settings().servers.is_empty());
    assert_eq!(engine.refuse_change(&engine.held_change().unwrap().id, true).unwrap_err(), ConfigError::Lost);
    engine.shutdown().await;
}

async fn command_out(folder: &Path, args: &[&str]) -> String {
    let mut command = tokio::process::Command::new(samplegate());
    let output = command.arg("--home").arg(folder).args(args).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_is_put_back_with_a_copy_or_left_without_effect() {
    let home = home().await;
    save(&home, &allowing());
    let held = home.eventually(|| home.engine.held_change()).await;
    assert_eq!(home.engine.refuse_change(&held.id, false).unwrap(), None);
    assert!(home.engine.held_change().unwrap().refused && rules(&home.engine).is_empty());
    assert_eq!(std::fs::read_to_string(file(&home)).unwrap(), allowing(), "left as it is");
    assert!(home.engine.status().trouble.iter().all(|trouble| trouble.section.as_deref() != Some("waiting")));

    let beside = home.engine.refuse_change(&held.id, true).unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(beside).unwrap(), allowing());
    assert_eq!(std::fs::read_to_string(file(&home)).unwrap(), config(), "to the letter");
    assert_eq!(home.engine.held_change(), None);
    let logged = changes(&home).await;
    assert!(logged[0].text.as_deref().unwrap().starts_with("Refused, and taken out of the file"), "{logged:?}");
    home.engine.make_rule(denying()).unwrap();
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_that_its_change_waits_only_where_the_app_runs() {
    let home = home().await;
    let said = command(&home, &["rule", "add", "--server", "s", "--action", "allow"]).await;
    assert!(said.contains("waits for confirmation in the app"), "{said}");
    let held = home.eventually(|| home.engine.held_change()).await;
    assert!(rules(&home.engine).is_empty());
    let logged = changes(&home).await;
    assert!(logged[0].waits && logged[0].via == Via::Command, "{logged:?}");
    home.engine.refuse_change(&held.id, true).unwrap();
    let said = command(&home, &["rule", "add", "--server", "s", "--action", "deny"]).await;
    assert!(!said.contains("waits"), "{said}");
    home.eventually(|| (rules(&home.engine).len() == 1).then_some(())).await;

    // Nobody to ask: it takes effect, and the app finds it accepted.
    home.engine.shutdown().await;
    let Running { engine, folder, .. } = home;
    drop(engine);
    let home = Running { engine: Engine::start(options(folder.path())).await.unwrap(), folder, reviewer: None };
    let said = command(&home, &["rule", "add", "--server", "s", "--action", "allow"]).await;
    assert!(!said.contains("waits"), "{said}");
    home.engine.shutdown().await;
    let engine = app(home.folder.path()).await;
    assert_eq!((engine.held_change(), rules(&engine).len()), (None, 2));
    engine.shutdown().await;
}
