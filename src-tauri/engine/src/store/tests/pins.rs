//! Pins: written only by who knows them as they are, and judged by in the transaction that admits.

use samplegate_core::{
    audit::{SettingsChanged, Via},
    identity::{Drift, Identity, Launch, Pin, Says},
};
use serde_json::json;

use super::*;
use crate::store::{GuardChange, Known, known};

fn identity(tool: &str) -> Identity {
    Identity::new(Launch::BuiltIn, Says::default(), &[json!({"name": tool})])
}

async fn write(store: &Store, pin: &Pin, known: Option<Known>) -> bool {
    let change = GuardChange::Pin { server: "s".into(), pin: Box::new(pin.clone()), known };
    let body = SettingsChanged {
        via: Via::Server,
        reviewer: None,
        text: None,
        changes: None,
        config_sha256: None,
        waits: false,
    };
    store.change(change, vec![NewEvent::settings_changed(Timestamp::now(), body)]).await.unwrap()
}

#[tokio::test]
async fn who_knows_an_older_pin_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("log.db")).unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let pinned = Pin::new(identity("a"), at, "me");
    assert!(write(&store, &pinned, None).await);
    assert!(!write(&store, &Pin::new(identity("b"), at, "other"), None).await, "it is pinned already");

    let (seen, sha256) = (identity("b"), identity("b").sha256());
    let drifted = Pin { drift: Some(Drift { identity: seen, sha256, at }), ..pinned.clone() };
    assert!(write(&store, &drifted, Some(known(&pinned))).await);
    // Another process lifts or approves what it read before that.
    assert!(!write(&store, &pinned, Some(known(&pinned))).await);
    assert_eq!(store.pin("s".into()).await.unwrap(), Some(drifted.clone()));
    let judged = store.standing("s".into(), None).await.unwrap().pin.unwrap();
    assert_eq!(judged.sha256, pinned.sha256);
    assert_eq!(judged.drift.as_deref(), Some("tool “a” removed, tool “b” added"));
    assert_eq!(store.standing("other".into(), None).await.unwrap().pin, None);

    let approved = drifted.approved(sha256, at, "me").unwrap();
    assert!(write(&store, &approved, Some(known(&drifted))).await);
    store.change(GuardChange::Rename { from: "s".into(), to: "t".into() }, vec![]).await.unwrap();
    assert_eq!(store.pins().await.unwrap().into_iter().collect::<Vec<_>>(), [("t".to_owned(), approved)]);
    store.change(GuardChange::Forget { server: "t".into() }, vec![]).await.unwrap();
    assert!(store.pins().await.unwrap().is_empty());
}
