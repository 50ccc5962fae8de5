//! What limits and grants count on: kept in step with the log, whichever process writes.

use std::collections::BTreeMap;

use samplegate_core::{
    audit::{Answered, Closed, Decided, DecidedBy, Decision, Evaluated, Sent, Verdict},
    inspect::Fingerprint,
    limits::{Demand, Limit, Limits, Reserved, check},
    policy::{Grant, Shape, Until},
    settings::Gates,
};

use super::*;
use crate::store::{Admitted, Asking, Before, GuardChange};

const MOST: Reserved = Reserved { tokens_in: 100, tokens_out: 50, microusd: 7000 };

fn asking(question: QuestionId, server: &str, at: Timestamp) -> Asking {
    Asking {
        question,
        server: server.into(),
        caller: None,
        tool: Some("t".into()),
        session: Some("x".into()),
        call_id: Some("c".into()),
        at,
        fingerprint: Some(Fingerprint::of_text("sum up this note in a sentence")),
    }
}

/// Admits a question whatever was there before, and gives that.
async fn admit(store: &Store, server: &str, at: Timestamp, verdict: Verdict) -> (QuestionId, Before) {
    let id = question_id(at).unwrap();
    let ask = Ask::new(0, server, "x");
    let received = ask.received(id);
    let before = store
        .admit(asking(id, server, at), move |before| {
            let evaluated = Evaluated { gate: Gate::Request, verdict, rules: vec![], reason: None, findings: None };
            let events = vec![received.clone(), NewEvent::new(id, at, evaluated)];
            (Admitted { events, counts: Some(MOST), used: vec!["r".into()] }, before.clone())
        })
        .await
        .unwrap();
    (id, before)
}

fn answered(tokens: Option<u64>, error: Option<&str>) -> Answered {
    Answered {
        model: None,
        stop_reason: None,
        answer_class: None,
        tokens_in: tokens,
        tokens_out: tokens,
        cost_microusd: tokens,
        verdict: None,
        rules: vec![],
        reason: None,
        findings: None,
        error: error.map(Into::into),
    }
}

fn sent() -> Sent {
    Sent { provider: Some("p".into()), model: Some("m".into()), attempt: 1, sent_sha256: None, wire_sha256: None }
}

async fn note(store: &Store, id: QuestionId, event: impl Into<AuditEvent>) {
    store.append(vec![NewEvent::new(id, Timestamp::now(), event)]).await.unwrap();
}

async fn close(store: &Store, id: QuestionId) {
    note(store, id, Closed { outcome: Outcome::Failed, decided_by: None, reason: None }).await;
}

#[tokio::test]
async fn a_question_under_way_counts_at_its_most_and_then_at_what_it_used() {
    let place = Place::new();
    let store = Store::open(&place.path()).unwrap();
    let now = Timestamp::now();
    let (first, before) = admit(&store, "a", now, Verdict::Ask).await;
    assert_eq!(before.asker, Tally { call: Some(0), ..Tally::default() });
    let (_, before) = admit(&store, "a", now, Verdict::Allow).await;
    let tally = before.asker;
    assert_eq!((tally.last_minute, tally.session, tally.call, tally.day), (1, 1, Some(1), 1));
    assert_eq!((tally.in_flight, tally.queue), (1, 1));
    assert_eq!((tally.tokens_in_day, tally.tokens_out_day), (100, 50));
    assert_eq!((tally.microusd_day, tally.microusd_month), (7000, 7000));
    assert_eq!(before.uses, BTreeMap::from([("r".to_owned(), 1)]));
    note(&store, first, sent()).await;
    note(&store, first, answered(Some(3), None)).await;
    close(&store, first).await;
    let (_, before) = admit(&store, "b", now, Verdict::Allow).await;
    assert_eq!(before.asker.in_flight, 0, "another server's");
    assert_eq!((before.all.in_flight, before.all.day, before.all.queue), (1, 2, 0));
    assert_eq!((before.all.tokens_in_day, before.all.microusd_day), (103, 7003));
}

#[tokio::test]
async fn tool_calls_are_counted_for_their_host_and_in_no_other_sum() {
    let place = Place::new();
    let store = Store::open(&place.path()).unwrap();
    let now = Timestamp::now();
    let call = async |host: &str| {
        let id = question_id(now).unwrap();
        let received = Ask::new(0, "a", "x").received(id);
        let asking = Asking { caller: Some(host.to_owned()), fingerprint: None, ..asking(id, "a", now) };
        let admitted = move |before: &Before| {
            let reason = None;
            let evaluated =
                Evaluated { gate: Gate::Request, verdict: Verdict::Ask, rules: vec![], reason, findings: None };
            let events = vec![received.clone(), NewEvent::new(id, now, evaluated)];
            (Admitted { events, counts: Some(Reserved::default()), used: vec![] }, before.clone())
        };
        (id, store.admit(asking, admitted).await.unwrap())
    };
    let (first, before) = call("claude").await;
    assert_eq!((before.asker, before.all), (Tally::default(), Tally::default()));
    let (_, before) = call("claude").await;
    let counted = (before.asker.last_minute, before.asker.day, before.asker.in_flight, before.asker.queue);
    assert_eq!(counted, (1, 1, 1, 1));
    note(&store, first, Sent { provider: None, model: None, ..sent() }).await;
    note(&store, first, answered(None, None)).await;
    close(&store, first).await;
    assert_eq!(call("claude").await.1.asker.in_flight, 1);
    assert_eq!(call("cursor").await.1.asker, Tally::default(), "another host's");
    let (_, before) = admit(&store, "a", now, Verdict::Ask).await;
    let none = Tally { call: Some(0), ..Tally::default() };
    assert_eq!((before.asker, before.all), (none, none));
}

#[tokio::test]
async fn what_was_asked_lately_is_remembered_for_ten_minutes_by_server() {
    let place = Place::new();
    let now = Timestamp::now();
    let minutes = |n: i64| now - jiff::SignedDuration::from_mins(n);
    for at in [minutes(11), minutes(9), minutes(1)] {
        // Each a process of its own, as far as the database can tell.
        admit(&Store::open(&place.path()).unwrap(), "a", at, Verdict::Ask).await;
    }
    let store = Store::open(&place.path()).unwrap();
    let (_, before) = admit(&store, "a", now, Verdict::Ask).await;
    let at: Vec<_> = before.recent.iter().map(|recent| recent.at_ms.unwrap()).collect();
    assert_eq!(at, [minutes(9).as_millisecond(), minutes(1).as_millisecond()]);
    assert!(asking(question_id(now).unwrap(), "a", now).fingerprint.unwrap().is_near(before.recent[0].fingerprint));
    let (_, before) = admit(&store, "b", now, Verdict::Ask).await;
    assert!(before.recent.is_empty(), "another server's");
    for _ in 0..100 {
        admit(&store, "c", now, Verdict::Ask).await;
    }
    let (_, before) = admit(&store, "c", now, Verdict::Ask).await;
    assert_eq!(before.recent.len(), 64);
}

#[tokio::test]
async fn what_was_sent_and_never_answered_may_have_cost_its_most() {
    let place = Place::new();
    let store = Store::open(&place.path()).unwrap();
    let now = Timestamp::now();
    let most = (100, 7000);
    for (ends, expected) in [
        (vec![], (0, 0)),
        (vec![AuditEvent::from(sent())], most),
        (vec![sent().into(), answered(None, None).into()], most),
        (vec![sent().into(), answered(None, Some("it broke off")).into()], most),
        (vec![sent().into(), answered(Some(0), Some("it is down")).into()], (0, 0)),
        (vec![sent().into(), answered(Some(3), Some("what it answered is none")).into()], (3, 3)),
    ] {
        let used = store.used(None, now).await.unwrap();
        let (id, _) = admit(&store, "a", now, Verdict::Allow).await;
        for event in ends {
            note(&store, id, event).await;
        }
        close(&store, id).await;
        let now = store.used(None, now).await.unwrap();
        assert_eq!((now.tokens_in_day - used.tokens_in_day, now.microusd_day - used.microusd_day), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_pass_no_limit_that_one_after_the_other_would_not() {
    let place = Place::new();
    let mut limits = Limits::none();
    limits.set(Limit::PerMinute, Some(10));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        // Each a process of its own, as far as the database can tell.
        let store = Store::open(&place.path()).unwrap();
        let limits = limits.clone();
        tasks.push(tokio::spawn(async move {
            let mut passed = 0;
            for _ in 0..20 {
                let (id, limits, at) = (question_id(Timestamp::now()).unwrap(), limits.clone(), Timestamp::now());
                let received = Ask::new(0, "a", "x").received(id);
                passed += store
                    .admit(asking(id, "a", at), move |before| {
                        let all = (&Limits::none(), before.all);
                        let checked = check((&limits, before.asker), all, Demand::default(), |_, _| None);
                        let counts = checked.denies.is_empty().then_some(checked.reserved);
                        let passed = usize::from(counts.is_some());
                        (Admitted { events: vec![received.clone()], counts, used: vec![] }, passed)
                    })
                    .await
                    .unwrap();
            }
            passed
        }));
    }
    let mut passed = 0;
    for task in tasks {
        passed += task.await.unwrap();
    }
    assert_eq!(passed, 10);
}

#[tokio::test]
async fn grants_end_with_their_scope_and_with_their_process() {
    let place = Place::new();
    let store = Store::open(&place.path()).unwrap();
    let grant = |id: &str, until| Grant {
        id: id.into(),
        gates: Gates::Request,
        server: "a".into(),
        tool: "t".into(),
        until,
        shape: Shape { system_prompt: None, bytes: 1, max_tokens: 1, model: None, tools: vec![], call: None },
        given_at: Timestamp::now(),
        reviewer: "me".into(),
        question: "q".into(),
    };
    let later = Timestamp::now() + jiff::SignedDuration::from_mins(15);
    for (id, until) in [
        ("1", Until::Call { call_id: "c".into() }),
        ("2", Until::Session { session: "x".into() }),
        ("3", Until::Time { at: later }),
        ("4", Until::Revoked),
        ("5", Until::Session { session: "dead".into() }),
    ] {
        let owner = if id == "5" { "gone" } else { "here" };
        let change = GuardChange::Grant { grant: Box::new(grant(id, until)), owner: owner.into() };
        store.change(change, vec![]).await.unwrap();
    }
    let ids = async || -> Vec<String> {
        let before = store.standing("a".into(), Some("t".into())).await.unwrap().grants;
        let listed = store.grants(Timestamp::now()).await.unwrap();
        assert_eq!(before, listed.into_iter().map(|granted| granted.grant).collect::<Vec<_>>());
        before.into_iter().map(|grant| grant.id).collect()
    };
    let change = async |change| {
        store.change(change, vec![]).await.unwrap();
    };
    assert!(store.standing("a".into(), None).await.unwrap().grants.is_empty(), "the tool is not known");
    change(GuardChange::Tidy { now: Timestamp::now(), alive: vec!["here".into()] }).await;
    assert_eq!(ids().await, ["1", "2", "3", "4"]);
    change(GuardChange::EndScope { id: "c".into() }).await;
    assert_eq!(ids().await, ["2", "3", "4"]);
    assert_eq!(store.grants(later).await.unwrap().len(), 2, "what is over by time is not listed");
    change(GuardChange::Tidy { now: later, alive: vec!["here".into()] }).await;
    assert_eq!(ids().await, ["2", "4"]);
    change(GuardChange::EndGrant { id: "4".into() }).await;
    assert_eq!(ids().await, ["2"]);
    change(GuardChange::Forget { server: "a".into() }).await;
    assert!(ids().await.is_empty());
}

#[tokio::test]
async fn a_grant_is_written_with_its_decision_or_not_at_all_and_its_uses_are_counted_with_theirs() {
    let place = Place::new();
    let store = Store::open(&place.path()).unwrap();
    let now = Timestamp::now();
    let (id, _) = admit(&store, "a", now, Verdict::Ask).await;
    let change = |id: &str| GuardChange::Grant {
        grant: Box::new(Grant {
            id: id.into(),
            gates: Gates::Both,
            server: "a".into(),
            tool: "t".into(),
            until: Until::Revoked,
            shape: Shape { system_prompt: None, bytes: 1, max_tokens: 1, model: None, tools: vec![], call: None },
            given_at: now,
            reviewer: "me".into(),
            question: "q".into(),
        }),
        owner: "here".into(),
    };
    let decided = |rules: &[&str]| Decided {
        gate: Gate::Request,
        decision: Decision::Approved,
        by: DecidedBy::Rule,
        reviewer: None,
        reason: None,
        rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
        scope: None,
        grant: None,
        granted: None,
        approved_sha256: None,
        tool_calls: None,
    };
    let event = |id, rules: &[&str]| NewEvent::new(id, now, decided(rules));
    store.append_with(vec![event(id, &[])], vec![change("1")]).await.unwrap();
    let unknown = question_id(now).unwrap();
    store.append_with(vec![event(unknown, &[])], vec![change("2")]).await.unwrap_err();
    let head = store.head().await.unwrap();
    // A change that cannot be made takes its events with it.
    store.append_with(vec![event(id, &[])], vec![change("1")]).await.unwrap_err();
    assert_eq!(store.head().await.unwrap(), head);
    store.append(vec![event(id, &["r", "grant:1"]), event(id, &["grant:1", "grant:9"])]).await.unwrap();
    let grants = store.grants(now).await.unwrap();
    let used: Vec<_> = grants.iter().map(|granted| (granted.grant.id.as_str(), granted.used)).collect();
    assert_eq!(used, [("1", 2)]);
    assert!(grants[0].used_at.is_some());
    assert!(store.change(GuardChange::EndGrants, vec![]).await.unwrap() || store.grants(now).await.unwrap().is_empty());
}
