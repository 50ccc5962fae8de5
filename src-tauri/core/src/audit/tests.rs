#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::canonical::{Sha256Hex, canonical_bytes};

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millisecond).unwrap()
}

fn id(n: u8) -> QuestionId {
    QuestionId::v7(at(0), [n; 10])
}

/// Salts that differ, and are the same in every run.
fn salts() -> impl FnMut() -> Result<[u8; 32], AuditError> {
    let mut n = 0_u8;
    move || {
        n = n.wrapping_add(1);
        Ok([n; 32])
    }
}

fn received() -> Received {
    Received {
        kind: Kind::Sampling,
        host: None,
        server: "crawler".to_owned(),
        tool: Some("summarise".to_owned()),
        call_id: Some("7".to_owned()),
        round: 1,
        one_of: None,
        context_class: Some("text".to_owned()),
        owner: Some("me".to_owned()),
        request_sha256: Some(Sha256Hex::of(b"request")),
        first_line: Some("Summarise this page".to_owned()),
    }
}

fn decided(gate: Gate, decision: Decision, by: DecidedBy) -> Decided {
    Decided {
        gate,
        decision,
        by,
        reviewer: None,
        reason: None,
        rules: Vec::new(),
        scope: None,
        grant: None,
        granted: None,
        approved_sha256: None,
        tool_calls: None,
    }
}

fn answered(tokens: Option<u64>, cost: Option<u64>) -> Answered {
    Answered {
        model: Some("m-1-2026".to_owned()),
        stop_reason: Some("endTurn".to_owned()),
        answer_class: Some("text".to_owned()),
        tokens_in: tokens,
        tokens_out: tokens,
        cost_microusd: cost,
        verdict: Some(Verdict::Ask),
        rules: Vec::new(),
        reason: Some("No rule matches, so you decide.".to_owned()),
        findings: Some(json!([{"kind": "zero_width"}])),
        error: None,
    }
}

fn sent(attempt: u32) -> Sent {
    Sent {
        provider: Some("openai".to_owned()),
        model: Some("m-1".to_owned()),
        attempt,
        sent_sha256: Some(Sha256Hex::of(b"approved")),
        wire_sha256: Some(Sha256Hex::of(&attempt.to_be_bytes())),
    }
}

/// A question through both gates, asked twice.
fn line(id: QuestionId) -> Vec<NewEvent> {
    let person = |gate, decision| Decided {
        reviewer: Some("ada".to_owned()),
        approved_sha256: (gate == Gate::Request).then(|| Sha256Hex::of(b"approved")),
        tool_calls: None,
        ..decided(gate, decision, DecidedBy::Person)
    };
    let evaluated = Evaluated {
        gate: Gate::Request,
        verdict: Verdict::Ask,
        rules: Vec::new(),
        reason: None,
        findings: Some(json!([{"kind": "bidi"}])),
    };
    let released = Released {
        edited: false,
        model: Some("m-1-2026".to_owned()),
        answer_class: None,
        released_sha256: Some(Sha256Hex::of(b"answer")),
    };
    let shown = |gate| Shown { gate, place: Place::Window, sha256: Some(Sha256Hex::of(b"request")), text: None };
    let answer = || Content::json(&json!({"text": "yes"}));
    vec![
        NewEvent::received(id, at(1), received(), Content::json(&json!({"messages": []}))),
        NewEvent::new(id, at(2), evaluated),
        NewEvent::new(id, at(3), shown(Gate::Request)),
        NewEvent::approved(id, at(4), person(Gate::Request, Decision::Approved), Content::json(&json!({"model": "m"}))),
        NewEvent::sent(id, at(5), sent(1), Content::new("{}")),
        NewEvent::answered(id, at(6), answered(Some(10), Some(3)), Some(answer())),
        NewEvent::new(id, at(7), person(Gate::Answer, Decision::AskedAgain)),
        NewEvent::sent(id, at(8), sent(2), Content::new("{ }")),
        NewEvent::answered(id, at(9), answered(Some(11), Some(4)), Some(answer())),
        NewEvent::new(id, at(10), person(Gate::Answer, Decision::Approved)),
        NewEvent::released(id, at(11), released, answer()),
        NewEvent::new(id, at(12), Replied {}),
        NewEvent::closed(id, at(13), Outcome::Released),
    ]
}

fn note() -> NewEvent {
    NewEvent::note(
        at(0),
        Note {
            topic: "server_failed".to_owned(),
            server: Some("crawler".to_owned()),
            text: Some("exit status 1".to_owned()),
        },
    )
}

fn settings_changed() -> NewEvent {
    let change = SettingsChanged {
        via: Via::Window,
        reviewer: Some("ada".to_owned()),
        text: Some("Rule r was added.".to_owned()),
        changes: Some(json!([{"key": "rules.r", "before": null, "after": {"action": "allow"}}])),
        config_sha256: Some(Sha256Hex::of(b"config")),
        waits: false,
    };
    NewEvent::settings_changed(at(0), change)
}

/// A log as it lies in a database.
#[derive(Debug, Clone)]
struct Log {
    events: Vec<(u64, Vec<u8>, Sha256Hex, Vec<StoredContent>)>,
    rows: Vec<QuestionSummary>,
    head: Head,
}

fn log(events: Vec<NewEvent>) -> Log {
    let mut log = Log { events: Vec::new(), rows: Vec::new(), head: Head::empty() };
    let mut salts = salts();
    for new in events {
        if let Some(id) = new.question {
            let place = log.rows.iter().position(|row| row.id == id);
            let before = place.map(|place| log.rows.remove(place));
            log.rows.push(QuestionSummary::apply(before, id, new.at, &new.event).unwrap());
        }
        let sealed = seal(new, log.head, &mut salts).unwrap();
        log.head = sealed.head;
        log.events.push((sealed.head.seq, sealed.bytes, sealed.head.hash, sealed.contents));
    }
    log
}

fn some_log() -> Log {
    let mut events = vec![note(), settings_changed()];
    let mut other = line(id(2));
    let still_open = other.split_off(6);
    for (one, other) in line(id(1)).into_iter().zip(other.into_iter().map(Some).chain(std::iter::repeat(None))) {
        events.push(one);
        events.extend(other);
    }
    drop(still_open);
    log(events)
}

impl Log {
    fn verify(&self, known: Option<Head>) -> Result<Report, Finding> {
        let mut verifier = Verifier::new(known);
        let row = |id| self.rows.iter().find(|row| row.id == id);
        for (seq, bytes, hash, contents) in &self.events {
            if let (_, Some(ended)) = verifier.event(*seq, bytes, *hash, contents)? {
                Verifier::compare(&ended, row(ended.id))?;
            }
        }
        for open in verifier.open() {
            Verifier::compare(open, row(open.id))?;
        }
        verifier.finish(self.head, self.rows.len() as u64)
    }
}

#[test]
fn a_log_holds_as_it_was_written() {
    let log = some_log();
    let contents = log.events.iter().map(|(.., contents)| contents.len() as u64).sum();
    let report = Report { events: 21, questions: 2, contents, pruned: 0, last_at: Some(at(13)), head: log.head };
    assert_eq!(log.verify(None), Ok(report));
    assert_eq!(log.verify(Some(log.head)), Ok(report));
    assert_eq!(log.verify(Some(Head { seq: 3, hash: log.events[2].2 })), Ok(report));
}

#[test]
fn content_can_be_pruned_with_its_salt() {
    let mut log = some_log();
    let before = log.verify(None).unwrap();
    let pruned: u64 = log.events.iter().map(|(.., contents)| contents.len() as u64).sum();
    for (.., contents) in &mut log.events {
        contents.clear();
    }
    for row in &mut log.rows {
        row.first_line = None;
        for digest in [&mut row.request_sha256, &mut row.approved_sha256, &mut row.sent_sha256, &mut row.wire_sha256] {
            *digest = None;
        }
    }
    assert_eq!(log.verify(None), Ok(Report { contents: 0, pruned, ..before }));
}

#[test]
fn nothing_that_was_written_is_in_the_chain() {
    for (_, bytes, ..) in some_log().events {
        let text = String::from_utf8(bytes).unwrap();
        for secret in [
            "Summarise this page",
            "bidi",
            "zero_width",
            "exit status",
            "Rule r",
            "messages",
            "yes",
            &Sha256Hex::of(b"request").to_hex(),
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_cut_tail_is_told_by_the_head() {
    let mut log = some_log();
    let head = log.head;
    log.events.pop();
    log.rows = some_log().rows;
    let open = log.verify(None).unwrap_err();
    assert_eq!(open.what, What::Row("outcome"), "the row says more than the events");

    let mut log = self::log(vec![note(), note()]);
    let head_of_both = log.head;
    log.events.pop();
    assert_eq!(log.verify(None).unwrap_err().what, What::Head { found: 1, expected: 2 });
    log.head = Head { seq: 1, hash: log.events[0].2 };
    assert!(log.verify(None).is_ok(), "nothing in the file itself can tell");
    assert_eq!(log.verify(Some(head_of_both)).unwrap_err().what, What::Known(2));
    assert_eq!(log.verify(Some(Head { seq: 1, hash: head.hash })).unwrap_err().what, What::Known(1));
}

#[test]
fn a_head_is_noted_down_as_it_is_printed() {
    let head = some_log().head;
    let noted = head.to_string();
    assert_eq!(noted, format!("21:{}", head.hash));
    assert_eq!(noted.parse(), Ok(head));
    assert_eq!(format!(" {noted}\n").parse(), Ok(head));
    for wrong in ["", "21", "21:", "21:short", ":", &noted[2..], &noted.replace("21:", "-1:")] {
        assert!(wrong.parse::<Head>().is_err(), "{wrong}");
    }
    let other = Head { seq: 0, hash: head.hash };
    assert_eq!(some_log().verify(Some(other)).unwrap_err().what, What::Known(0));
    assert!(some_log().verify(Some(Head::empty())).is_ok());
}

#[test]
fn rows_that_were_added_or_removed_are_found() {
    let mut log = some_log();
    let row = log.rows.pop().unwrap();
    assert_eq!(log.verify(None).unwrap_err().what, What::RowMissing);
    log.rows.push(row.clone());
    log.rows.push(QuestionSummary { id: id(9), ..row });
    assert_eq!(log.verify(None).unwrap_err().what, What::Rows { found: 3, expected: 2 });
}

#[test]
fn what_is_printed_can_be_hashed_by_anyone() {
    let log = some_log();
    let mut prev = genesis();
    for (seq, bytes, hash, contents) in &log.events {
        let sealed = contents.iter().find(|stored| stored.role == Role::Sealed);
        let event = StoredEvent::read(bytes, sealed.map(|stored| stored.content.bytes())).unwrap();
        let mut printed = event.to_json(prev, *hash);
        let fields = printed.as_object_mut().unwrap();
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(names[..4], ["seq", "at", "event", "gate"]);
        assert_eq!(names.last(), Some(&"hash"));
        assert_eq!(fields["seq"], json!(seq));

        fields.shift_remove("prev");
        fields.shift_remove("hash");
        for name in fields.get("sealed").cloned().unwrap_or(json!([])).as_array().unwrap() {
            assert!(fields.shift_remove(name.as_str().unwrap()).is_some(), "{name} was opened");
        }
        assert_eq!(Sha256Hex::of_pair(prev.as_bytes(), &canonical_bytes(&printed)), *hash);
        prev = *hash;
    }
}

#[test]
fn a_summary_says_what_happened() {
    let log = some_log();
    let row = log.rows.iter().find(|row| row.id == id(1)).unwrap();
    let expected = QuestionSummary {
        id: id(1),
        at: at(1),
        kind: Kind::Sampling,
        host: None,
        server: "crawler".to_owned(),
        tool: Some("summarise".to_owned()),
        call_id: Some("7".to_owned()),
        round: 1,
        outcome: Outcome::Released,
        decided_by: Some(DecidedBy::Person),
        reviewer: Some("ada".to_owned()),
        context_class: Some("text".to_owned()),
        answer_class: Some("text".to_owned()),
        rules: Vec::new(),
        reason: None,
        model: Some("m-1-2026".to_owned()),
        tokens_in: Some(21),
        tokens_out: Some(21),
        cost_microusd: Some(7),
        request_sha256: Some(Sha256Hex::of(b"request")),
        approved_sha256: Some(Sha256Hex::of(b"approved")),
        sent_sha256: Some(Sha256Hex::of(b"approved")),
        wire_sha256: Some(Sha256Hex::of(&2_u32.to_be_bytes())),
        owner: Some("me".to_owned()),
        first_line: Some("Summarise this page".to_owned()),
        attempts: 2,
    };
    assert_eq!(*row, expected);
    let printed = serde_json::to_value(row).unwrap();
    let names: Vec<&str> = printed.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names.join(", "),
        "id, at, kind, host, server, tool, call_id, round, outcome, decided_by, reviewer, context_class, \
         answer_class, rules, reason, model, tokens_in, tokens_out, cost_microusd, request_sha256, approved_sha256, \
         sent_sha256, wire_sha256"
    );
    assert_eq!(printed["at"], json!("2026-09-21T14:13:20.001Z"));
}

#[test]
fn a_cost_that_is_unknown_once_is_unknown() {
    let mut summary = None;
    for event in [
        AuditEvent::from(received()),
        answered(Some(1), Some(2)).into(),
        Answered { stop_reason: None, error: Some("500".to_owned()), ..answered(None, None) }.into(),
        answered(Some(4), None).into(),
        answered(Some(8), Some(16)).into(),
    ] {
        summary = Some(QuestionSummary::apply(summary, id(1), at(0), &event).unwrap());
    }
    let summary = summary.unwrap();
    assert_eq!((summary.tokens_in, summary.cost_microusd, summary.attempts), (Some(13), None, 3));
}

#[test]
fn a_question_begins_once_and_ends_once() {
    let apply = |before: Option<&QuestionSummary>, event: AuditEvent| {
        QuestionSummary::apply(before.cloned(), id(1), at(0), &event)
    };
    let closed = |outcome| AuditEvent::from(Closed { outcome, decided_by: None, reason: None });
    let open = apply(None, received().into()).unwrap();
    assert_eq!(apply(None, closed(Outcome::Denied)), Err(SummaryError::Unknown(id(1))));
    assert_eq!(apply(Some(&open), received().into()), Err(SummaryError::Twice(id(1))));
    assert_eq!(apply(Some(&open), closed(Outcome::Open)), Err(SummaryError::Misplaced(id(1))));
    assert_eq!(apply(Some(&open), note().event), Err(SummaryError::Misplaced(id(1))));
    let ended = apply(Some(&open), closed(Outcome::Denied)).unwrap();
    for event in [closed(Outcome::Released), Replied {}.into(), received().into()] {
        assert!(apply(Some(&ended), event).is_err());
    }
}

#[test]
fn an_id_is_a_uuid_of_version_7() {
    let id = QuestionId::v7(Timestamp::from_millisecond(0x0190_f3c1_7a4e).unwrap(), [0xff; 10]);
    assert_eq!(id.to_string(), "0190f3c1-7a4e-7fff-bfff-ffffffffffff");
    assert_eq!(id.to_string().parse(), Ok(id));
    for wrong in [
        "",
        "0190f3c1-7a4e-7fff-bfff-fffffffffff",
        "0190f3c1x7a4e-7fff-bfff-ffffffffffff",
        "+190f3c1-7a4e-7fff-bfff-ffffffffffff",
    ] {
        assert!(wrong.parse::<QuestionId>().is_err(), "{wrong}");
    }
}

proptest! {
    /// Any bit, anywhere: in an event, a hash, a salt, content, the head.
    #[test]
    fn a_changed_bit_is_found(pick in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut log = some_log();
        let mut bytes: Vec<(usize, usize, usize)> = Vec::new();
        for (e, (_, json, _, contents)) in log.events.iter().enumerate() {
            bytes.extend((0..json.len()).map(|i| (e, 0, i)));
            bytes.extend((0..32).map(|i| (e, 1, i)));
            for (c, stored) in contents.iter().enumerate() {
                bytes.extend((0..32).map(|i| (e, 2 + 2 * c, i)));
                bytes.extend((0..stored.content.bytes().len()).map(|i| (e, 3 + 2 * c, i)));
            }
        }
        bytes.extend((0..32).map(|i| (usize::MAX, 0, i)));
        let (e, part, i) = *pick.get(&bytes);
        let flip = |hash: Sha256Hex| {
            let mut bytes = *hash.as_bytes();
            bytes[i] ^= 1 << bit;
            Sha256Hex::from_bytes(bytes)
        };
        if e == usize::MAX {
            log.head.hash = flip(log.head.hash);
        } else {
            let (_, json, hash, contents) = &mut log.events[e];
            match part {
                0 => json[i] ^= 1 << bit,
                1 => *hash = flip(*hash),
                part if part % 2 == 0 => contents[(part - 2) / 2].salt[i] ^= 1 << bit,
                part => {
                    let stored = &mut contents[(part - 3) / 2];
                    let mut bytes = stored.content.bytes().to_vec();
                    bytes[i] ^= 1 << bit;
                    stored.content = Content::new(bytes);
                }
            }
        }
        prop_assert!(log.verify(None).is_err(), "event {}, part {}, byte {}", e, part, i);
    }

    #[test]
    fn a_dropped_or_moved_event_is_found(one in 0_usize..21, other in 0_usize..21) {
        let whole = some_log();
        let mut dropped = whole.clone();
        dropped.events.remove(one);
        prop_assert!(dropped.verify(None).is_err());

        let mut renumbered = dropped.clone();
        renumbered.events.iter_mut().zip(1..).for_each(|(event, seq)| event.0 = seq);
        prop_assert!(renumbered.verify(None).is_err());

        if one != other {
            let mut moved = whole.clone();
            moved.events.swap(one, other);
            prop_assert!(moved.verify(None).is_err());
            moved.events.iter_mut().zip(1..).for_each(|(event, seq)| event.0 = seq);
            prop_assert!(moved.verify(None).is_err());

            // Content of another event.
            let mut swapped = whole;
            let (one, other) = (one.min(other), one.max(other));
            let (left, right) = swapped.events.split_at_mut(other);
            std::mem::swap(&mut left[one].3, &mut right[0].3);
            prop_assert!(swapped.verify(None).is_err() || left_are_empty(&swapped, one, other));
        }
    }

    #[test]
    fn a_changed_row_is_found(field in 0_usize..10, row in 0_usize..2) {
        let mut log = some_log();
        let row = &mut log.rows[row];
        match field {
            0 => row.outcome = Outcome::Denied,
            1 => row.server.push('x'),
            2 => row.decided_by = Some(DecidedBy::Rule),
            3 => row.reviewer = Some("eve".to_owned()),
            4 => row.rules.push("r".to_owned()),
            5 => row.cost_microusd = Some(0),
            6 => row.request_sha256 = None,
            7 => row.at = at(99),
            8 => row.first_line = None,
            _ => row.model = None,
        }
        prop_assert!(log.verify(None).is_err());
    }
}

fn left_are_empty(log: &Log, one: usize, other: usize) -> bool {
    log.events[one].3.is_empty() && log.events[other].3.is_empty()
}
