//! What changes what is allowed is in the log, once, whoever changed it.

use std::{collections::BTreeSet, path::Path};

use samplegate_core::{
    audit::Via,
    policy::{Action, Rule},
};
use samplegate_engine::{
    engine::Engine,
    store::{Change, Filter},
};
use serde_json::json;
use support::{
    home::{Running, options},
    servers::python,
};

fn rule(action: Action) -> Rule {
    Rule { server: Some("s".into()), ..Rule::new("", action) }
}

/// All of them but the first: the server was pinned.
async fn changes(engine: &Engine) -> Vec<Change> {
    let mut changes = engine.store().changes(None, 100).await.unwrap();
    let first = changes.pop().and_then(|first| first.text);
    assert!(first.is_some_and(|text| text.contains("was pinned")));
    changes
}

/// As editors do it: nobody ever reads half of it.
fn save(file: &Path, text: &str) {
    let beside = file.with_extension("edited");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file).unwrap();
}

async fn home() -> Running {
    let lines = python("raw_legacy.py", &[]);
    let home = Running::start(&format!("[servers.s]\n{lines}sampling = \"ask\"\n")).await;
    home.engine.ready("s").await.unwrap();
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_logged_with_who_made_it_and_what_it_was() {
    let home = home().await;
    assert_eq!(changes(&home.engine).await, []);
    let id = home.engine.make_rule(rule(Action::Allow)).unwrap();
    home.engine.set_server_enabled("s", false).unwrap();
    home.engine.set_server_enabled("s", false).unwrap();
    home.engine.set_paused(true).unwrap();
    home.engine.set_paused(true).unwrap();
    home.engine.set_paused(false).unwrap();
    home.engine.remove_rule(&id).unwrap();
    let mut logged = changes(&home.engine).await;
    logged.reverse();
    let texts: Vec<&str> = logged.iter().filter_map(|change| change.text.as_deref()).collect();
    let (added, removed) = (format!("Rule {id} was added."), format!("Rule {id} was removed."));
    assert_eq!(
        texts,
        [&added, "Server s was changed: enabled.", "Paused.", "Going on after a pause.", &removed],
        "once each, and nothing where nothing changed"
    );
    assert!(logged.iter().all(|change| change.via == Via::Window && change.reviewer.as_deref() == Some("tester")));
    assert_eq!(
        logged[0].changes,
        Some(json!([{
            "key": format!("rules.{id}"), "before": null,
            "after": {"id": id, "server": "s", "gate": "both", "action": "allow"},
        }]))
    );
    assert_eq!(logged[1].changes, Some(json!([{"key": "servers.s.enabled", "before": true, "after": false}])));
    assert_eq!(home.engine.store().list(Filter { limit: 9, ..Filter::default() }).await.unwrap().questions, []);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_or_a_person_wrote_into_the_file_is_logged_once() {
    let home = home().await;
    let beside = Engine::start(options(home.folder.path())).await.unwrap();
    // Another process logs what it changes; this one sees it and does not log it again.
    let id = beside.make_rule(rule(Action::Deny)).unwrap();
    home.eventually(|| home.engine.config().settings().rules.iter().any(|rule| rule.id == id).then_some(())).await;
    // A person edits the file; both see it, and one of them logs it.
    let file = home.folder.path().join("config.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("sampling = \"ask\"", "sampling = \"rules\"");
    save(&file, &format!("# By hand.\n{text}"));
    for engine in [&home.engine, &beside] {
        let is_taken_up =
            || engine.config().settings().servers["s"].sampling == samplegate_core::settings::Sampling::Rules;
        home.eventually(|| is_taken_up().then_some(())).await;
    }
    // A comment is no change.
    save(&file, &format!("# Still by hand.\n{text}"));
    home.engine.remove_rule(&id).unwrap();
    home.eventually(|| beside.config().settings().rules.is_empty().then_some(())).await;
    let logged = changes(&home.engine).await;
    let told: Vec<_> = logged.iter().rev().map(|change| (change.via, change.text.clone().unwrap())).collect();
    let expected = [
        (Via::Window, format!("Rule {id} was added.")),
        (Via::File, "Server s was changed: sampling.".into()),
        (Via::Window, format!("Rule {id} was removed.")),
    ];
    assert_eq!(told, expected);
    assert_eq!(logged[1].reviewer, None, "who edits a file is not known");
    assert_eq!(logged[1].changes, Some(json!([{"key": "servers.s.sampling", "before": "ask", "after": "rules"}])));

    // While nobody watches.
    beside.shutdown().await;
    home.engine.shutdown().await;
    save(&file, &text);
    let again = Engine::start(options(home.folder.path())).await.unwrap();
    let found = changes(&again).await;
    assert_eq!((found.len(), found[0].via, found[0].changes.clone()), (4, Via::File, None));
    let ids: BTreeSet<u64> = found.iter().map(|change| change.id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(again.store().changes(Some(found[1].id), 1).await.unwrap(), [found[2].clone()]);
    again.shutdown().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_logged_is_not_changed() {
    let home = home().await;
    let before = std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    home.engine.set_paused(true).unwrap();
    let log = rusqlite::Connection::open(home.folder.path().join("samplegate.db")).unwrap();
    log.execute_batch("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        .unwrap();
    let refused = home.engine.make_rule(rule(Action::Allow)).unwrap_err().to_string();
    assert!(refused.starts_with("nothing was changed, because the audit log cannot be written"), "{refused}");
    assert_eq!(std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap(), before);
    assert!(home.engine.config().settings().rules.is_empty());
    home.engine.set_paused(false).unwrap_err();
    assert!(*home.engine.queue().paused().borrow(), "it does not go on");
    log.execute_batch("DROP TRIGGER full").unwrap();
    home.engine.set_paused(false).unwrap();
    home.engine.make_rule(rule(Action::Allow)).unwrap();
    home.stop().await;
}
