//! What is written is listed, found, shown and verified.

use super::*;

#[tokio::test]
async fn a_question_is_shown_as_it_was_logged() {
    let place = Place::new();
    let store = place.open();
    let ask = Ask::new(5, "crawler", "Summarise this page\nplease");
    let id = put(&store, |id| ask.answered(id, "It is short")).await;

    let shown = serde_json::to_value(store.show(id).await.unwrap()).unwrap();
    assert_eq!(shown["request"], ask.request());
    assert_eq!(shown["request_sha256"], json!(Sha256Hex::of_json(&shown["request"])));
    assert_eq!(shown["approved"], Value::Null);
    assert_eq!(shown["answer"], shown["released"]);
    let events: Vec<_> = shown["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(events, ["received", "decided", "released", "replied", "closed"]);
    let names: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names[..3], ["id", "at", "kind"]);
    assert_eq!(
        names[22..],
        ["wire_sha256", "request", "approved", "answer", "released", "arguments", "wire", "events"]
    );
    assert_eq!(shown["at"], json!("2026-09-21T14:13:20.005Z"));
    assert_eq!(shown["events"][0]["first_line"], json!("Summarise this page"));

    assert_eq!(store.show(new_id(at(0))).await.unwrap_err().to_string().split(' ').next(), Some("there"));
    let report = store.verify(None).await.unwrap().unwrap();
    assert_eq!((report.events, report.questions, report.pruned), (5, 1, 0));
    assert_eq!(store.head().await.unwrap(), report.head);
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let place = Place::new();
    let store = place.open();
    let mut ids = Vec::new();
    // Three in the same millisecond, and one that arrives late.
    for (n, millisecond) in [10, 20, 20, 20, 15, 30, 40].into_iter().enumerate() {
        ids.push(put(&store, |id| Ask::new(millisecond, "s", &format!("ask {n}")).denied(id)).await);
    }
    let expected: Vec<QuestionId> = [6, 5, 3, 2, 1, 4, 0].map(|n: usize| ids[n]).to_vec();
    let mut listed = Vec::new();
    let mut before = None;
    loop {
        let page = store.list(Filter { before, limit: 2, ..Filter::default() }).await.unwrap();
        listed.extend(page.questions.iter().map(|question| question.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
    let page = store.list(Filter { from: Some(at(15)), to: Some(at(30)), ..Filter::default() }).await.unwrap();
    assert_eq!(page.questions.iter().map(|q| q.id).collect::<Vec<_>>(), expected[2..6]);
    let stranger = Filter { before: Some(new_id(at(0))), ..Filter::default() };
    assert!(matches!(store.list(stranger).await, Err(StoreError::Unknown(_))));
}

#[tokio::test]
async fn filters_and_words_narrow_a_listing_together() {
    let place = Place::new();
    let store = place.open();
    put(&store, |id| Ask::new(1, "payments", "Confirm payment of 1000").denied(id)).await;
    put(&store, |id| Ask::new(2, "payments", "Confirm payment of 2000").answered(id, "Ja, natürlich")).await;
    put(&store, |id| Ask::new(3, "crawler", "この支払いを確認").answered(id, "はい")).await;
    let open = put(&store, |id| vec![Ask::new(4, "crawler", "Still open").received(id)]).await;

    let found = async |filter: Filter| -> Vec<String> {
        let page = store.list(filter).await.unwrap();
        page.questions.into_iter().map(|question| question.first_line.unwrap_or_default()).collect()
    };
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    let both = ["Confirm payment of 2000", "Confirm payment of 1000"];
    assert_eq!(found(text("PAYMENT confirm")).await, both);
    assert_eq!(found(text("\"payment confirm\"")).await, [""; 0]);
    assert_eq!(found(text("\"confirm payment\" 2000")).await, both[..1]);
    assert_eq!(found(text("naturlich")).await, both[..1], "answers are found, accents or not");
    assert_eq!(found(text("支払い")).await, ["この支払いを確認"]);
    assert_eq!(found(text("払確")).await, [""; 0]);
    assert_eq!(found(text("f1")).await, [""; 0], "facets are no text");
    assert_eq!(found(text("---")).await, [""; 0]);
    assert_eq!(found(text("  ")).await.len(), 4);
    let denied = Filter { outcome: Some(Outcome::Denied), ..Filter::default() };
    assert_eq!(found(denied.clone()).await, both[1..]);
    assert_eq!(found(Filter { outcome: Some(Outcome::Open), ..Filter::default() }).await, ["Still open"]);
    assert_eq!(found(Filter { decided_by: Some(DecidedBy::Rule), ..text("payment") }).await, both[..1]);
    assert_eq!(found(Filter { server: Some("crawler".to_owned()), ..denied.clone() }).await, [""; 0]);
    assert_eq!(found(Filter { server: Some("nobody".to_owned()), ..Filter::default() }).await, [""; 0]);
    assert_eq!(found(Filter { model: Some("human".to_owned()), limit: 1, ..Filter::default() }).await.len(), 1);
    assert_eq!(found(Filter { from: Some(at(2)), ..text("confirm") }).await, both[..1]);

    store.append(vec![NewEvent::closed(open, at(9), Outcome::Withdrawn)]).await.unwrap();
    assert_eq!(found(Filter { outcome: Some(Outcome::Open), ..Filter::default() }).await, [""; 0]);
    assert_eq!(found(Filter { outcome: Some(Outcome::Withdrawn), ..text("open") }).await, ["Still open"]);
    let facets = store.facets().await.unwrap();
    let expected = Facets {
        hosts: vec![],
        servers: vec!["crawler".to_owned(), "payments".to_owned()],
        tools: vec!["summarise".to_owned()],
        models: vec!["human".to_owned()],
        total: 4,
    };
    assert_eq!(facets, expected);
}

#[tokio::test]
async fn what_cannot_follow_is_refused_whole_and_alone() {
    let place = Place::new();
    let store = place.open();
    let ask = Ask::new(1, "s", "x");
    let id = put(&store, |id| ask.denied(id)).await;
    let fresh = new_id(at(1));
    let mut events = vec![ask.received(fresh)];
    events.extend([NewEvent::closed(id, at(2), Outcome::Released)]);
    let other = new_id(at(1));
    let (refused, taken) = tokio::join!(store.append(events), store.append(ask.denied(other)));
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    assert_eq!(taken.unwrap().last().unwrap().seq, 6);
    assert!(matches!(store.show(fresh).await, Err(StoreError::Unknown(_))), "all or none");
    assert!(store.verify(None).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_is_altered_in_the_file_is_found() {
    let place = Place::new();
    let store = place.open();
    for n in 0..3 {
        put(&store, |id| Ask::new(n, "s", "pay").answered(id, "yes")).await;
    }
    put(&store, |id| vec![Ask::new(9, "s", "open").received(id)]).await;
    let known = store.head().await.unwrap();
    drop(store);
    for (change, finding) in [
        ("UPDATE events SET json = replace(json, 'summarise', 'summarize') WHERE seq = 6", "event 6: its hash"),
        ("UPDATE events SET question = NULL WHERE seq = 2", "event 2 of question"),
        ("DELETE FROM events WHERE seq = 4", "event 5: event 4 is missing"),
        ("DELETE FROM events WHERE seq = 16", "event 16: it has a sealed"),
        ("DELETE FROM events WHERE seq = 15", "event 16: event 15 is missing"),
        ("UPDATE contents SET bytes = x'7b7d' WHERE id = 17", "event 1: its request is not"),
        ("UPDATE contents SET salt = zeroblob(32) WHERE id = 16", "event 1: its sealed is not"),
        ("INSERT INTO contents VALUES (18, zeroblob(32), x'00')", "event 1: it has a arguments"),
        ("INSERT INTO contents VALUES (1600, zeroblob(32), x'00')", "event 100: it has a sealed"),
        ("UPDATE questions SET decided_by = 'person' WHERE decided_by = 'rule'", "another decided_by"),
        ("UPDATE questions SET decided_by = 'eve' WHERE decided_by = 'rule'", "another value"),
        ("UPDATE questions SET server = 't' WHERE outcome = 'open'", "another server"),
        ("UPDATE questions SET n = n + 1 WHERE outcome = 'open'", "its row is missing"),
        ("DELETE FROM questions WHERE outcome = 'open'", "its row is missing"),
        ("UPDATE meta SET head_seq = 15", "its head is event 15"),
        ("UPDATE meta SET questions = 3", "there are 4 rows in the list, but 3 questions"),
    ] {
        let raw = place.raw();
        raw.execute_batch("SAVEPOINT before").unwrap();
        raw.execute_batch(change).unwrap();
        let found = check::walk(&raw, None);
        let found = found.unwrap().unwrap_err().to_string();
        assert!(found.contains(finding), "{change}: {found}");
        raw.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
    // Pruned content is no finding, and neither is a log as it was.
    let raw = place.raw();
    let report = check::walk(&raw, Some(known)).unwrap().unwrap();
    raw.execute("DELETE FROM contents WHERE id % 16 = 1", []).unwrap();
    let pruned = check::walk(&raw, Some(known)).unwrap().unwrap();
    assert_eq!((pruned.pruned, pruned.contents), (4, report.contents - 4));
}
