use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    canonical::Sha256Hex,
    inspect::{FindingKind, Place, inspect},
};

fn call(arguments: Value) -> ToolCall {
    ToolCall::parse("files", &json!({"name": "write", "arguments": arguments})).unwrap()
}

fn review() -> CallReview {
    CallReview::new(call(json!({"path": "a", "to": "ann@corp.io"})))
}

fn arguments(path: &str) -> Map<String, Value> {
    Map::from_iter([("path".to_owned(), Value::from(path))])
}

fn result(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn refused() -> CallAnswer {
    CallAnswer::Error(json!({"code": -32000, "message": "no"}))
}

fn found(review: &CallReview) -> Vec<Finding> {
    inspect(Place::Request, review.draft().params())
}

#[test]
fn a_call_is_read_strictly_and_kept_whole() {
    let wrong = |params: Value| ToolCall::parse("s", &params).unwrap_err().to_string();
    assert_eq!(wrong(json!([])), "params: must be an object");
    assert_eq!(wrong(json!({})), "name: is missing");
    assert_eq!(wrong(json!({"name": ""})), "name: must be the name of a tool");
    assert_eq!(wrong(json!({"name": "t", "arguments": []})), "arguments: must be an object");
    assert_eq!(wrong(json!({"name": "t", "_meta": 1})), "_meta: must be an object");
    let params = json!({"name": "t", "_meta": {"io.modelcontextprotocol/x": {}, "own": 2}, "requestState": "x"});
    let call = ToolCall::parse("s", &params).unwrap();
    assert_eq!(call.params(), &params);
    assert_eq!(call.besides(), ["_meta/io.modelcontextprotocol/x", "_meta/own", "requestState"]);
    assert_eq!(call.arguments(), &Value::Null);
}

#[test]
fn what_is_approved_is_all_that_is_sent_and_nothing_stands_for_something_else() {
    let of = |server: &str, params: Value| {
        let Effect::Call(approved) =
            CallReview::new(ToolCall::parse(server, &params).unwrap()).apply(Event::Approve).unwrap()
        else {
            panic!("not called")
        };
        assert_eq!(approved.object(), &json!({"server": server, "params": approved.call().params()}));
        approved.sha256()
    };
    let plain = of("s", json!({"name": "t"}));
    for other in [
        json!({"name": "t", "server": "s"}),
        json!({"name": "t", "server": "other"}),
        json!({"name": "t", "_meta": {"progressToken": 1}}),
        json!({"name": "t", "_meta": {"io.modelcontextprotocol/x": "hidden"}}),
    ] {
        assert_ne!(of("s", other.clone()), plain, "{other}");
    }
    assert_ne!(of("s", json!({"name": "t", "server": "a"})), of("s", json!({"name": "t", "server": "b"})));
    assert_ne!(of("other", json!({"name": "t"})), plain);
}

#[test]
fn approves_what_was_shown_and_returns_what_was_shown() {
    let mut review = review();
    review.apply(Event::EditArguments(arguments("b"))).unwrap();
    assert!(review.request_edited());
    let Effect::Call(approved) = review.apply(Event::Approve).unwrap() else { panic!("not called") };
    let params = json!({"name": "write", "arguments": {"path": "b"}});
    assert_eq!(approved.call().params(), &params);
    assert_eq!(approved.object(), &json!({"server": "files", "params": params}));
    assert_eq!(approved.sha256(), Sha256Hex::of_json(approved.object()));
    review.apply(Event::Answered(CallAnswer::Result(result("done")))).unwrap();
    review.apply(Event::EditResult(result("done, once"))).unwrap();
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert!(released.edited());
    assert_eq!(released.answer(), &CallAnswer::Result(result("done, once")));
    assert!(review.is_closed());
}

#[test]
fn what_was_redacted_never_reaches_the_server() {
    let mut review = review();
    let chosen = found(&review);
    assert_eq!(chosen[0].kind, FindingKind::Email);
    review.apply(Event::Redact(chosen)).unwrap();
    assert_eq!(review.placeholders().collect::<Vec<_>>(), ["[EMAIL_1]"]);
    assert_eq!(review.apply(Event::Redact(vec![])).unwrap_err(), NotNow::NothingToRedact);
    let Effect::Call(approved) = review.clone().apply(Event::Approve).unwrap() else { panic!("not called") };
    assert!(!approved.object().to_string().contains("ann@corp.io"));
    review.apply(Event::Revert).unwrap();
    assert!(!review.request_edited());
    assert_eq!(review.placeholders().count(), 0);
}

#[test]
fn only_values_of_arguments_are_redacted() {
    let call = ToolCall::parse("s", &json!({"name": "ann@corp.io", "arguments": {"ann@corp.io": 1}})).unwrap();
    let mut review = CallReview::new(call);
    let chosen = found(&review);
    assert!(chosen.iter().any(|finding| finding.pointer == "/name"));
    assert!(chosen.iter().any(|finding| finding.in_name));
    assert_eq!(review.apply(Event::Redact(chosen)).unwrap_err(), NotNow::NothingToRedact);
}

#[test]
fn an_edited_result_must_still_be_one() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(CallAnswer::Result(result("done")))).unwrap();
    for wrong in [json!("x"), json!({}), json!({"content": [{"text": "x"}]}), json!({"content": [], "isError": "no"})] {
        assert!(matches!(review.apply(Event::EditResult(wrong)), Err(NotNow::NoResult(_))));
    }
    assert!(!review.result_edited());
}

#[test]
fn an_error_goes_back_as_it_is_or_not_at_all() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(refused())).unwrap();
    assert_eq!(review.actions(), [ActionKind::Deny, ActionKind::Return]);
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert_eq!((released.answer(), released.edited()), (&refused(), false));
}

#[test]
fn a_denial_while_the_server_works_ends_it() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    assert!(matches!(review.apply(Event::Deny), Ok(Effect::Refuse)));
    let late = review.apply(Event::Answered(CallAnswer::Result(result("late"))));
    assert_eq!(late.unwrap_err(), NotNow::NotOffered);
}

#[test]
fn all_of_a_result_is_matched_and_classed() {
    let block = json!({"type": "image", "data": "AA==", "mimeType": "image/png"});
    let answer = CallAnswer::Result(json!({
        "content": [{"type": "text", "text": "a"}, {"type": "resource", "resource": {"uri": "x:", "text": "b"}}, block],
        "structuredContent": {"c": 1},
    }));
    assert_eq!(answer.text(), format!("a\n\nb\n\n{block}\n\n{{\"c\":1}}"));
    assert_eq!(answer.class(), "text+image+resource+structured");
    assert_eq!((refused().text().as_str(), refused().class().as_str()), ("no", "error"));
    assert!(CallAnswer::Result(json!({"isError": true})).is_error() && refused().is_error() && !answer.is_error());
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Approve),
        "[a-c]{1,3}".prop_map(|path| Event::EditArguments(arguments(&path))),
        Just(Event::Redact(found(&review()))),
        "[a-c]{1,3}".prop_map(|text| Event::EditResult(result(&text))),
        Just(Event::EditResult(json!({}))),
        Just(Event::Revert),
        Just(Event::Deny),
        Just(Event::Return),
        "[a-c]{1,3}".prop_map(|text| Event::Answered(CallAnswer::Result(result(&text)))),
        Just(Event::Answered(refused())),
        Just(Event::Withdraw),
    ]
}

proptest! {
    /// Never two ends, never a call without an approval or twice, never a result that did not stand at its gate.
    #[test]
    fn holds_its_invariants(events in prop::collection::vec(any_event(), 0..40)) {
        let mut review = review();
        let (mut ends, mut approvals, mut calls) = (0, 0, 0);
        for event in events {
            let before = review.clone();
            let kind = event.kind();
            match review.apply(event) {
                Ok(effect) => {
                    prop_assert!(!before.is_closed(), "something happened after the end");
                    prop_assert!(review.revision() > before.revision());
                    approvals += usize::from(kind == Some(ActionKind::Approve));
                    match effect {
                        Effect::Call(approved) => {
                            calls += 1;
                            prop_assert_eq!(approved.call(), before.draft());
                            prop_assert_eq!(approved.object(), &before.draft().object());
                        }
                        Effect::Release(released) => {
                            ends += 1;
                            prop_assert_eq!(calls, 1, "a result of nothing");
                            let (original, draft) = before.answer().expect("it stood at its gate");
                            prop_assert_eq!(released.answer(), draft);
                            prop_assert_eq!(released.edited(), original != draft);
                        }
                        Effect::Refuse | Effect::End => ends += 1,
                        Effect::Show => {}
                    }
                }
                Err(_) => prop_assert_eq!(review.revision(), before.revision()),
            }
            prop_assert_eq!(review.is_closed(), ends == 1);
        }
        prop_assert!(ends <= 1 && calls <= 1 && calls == approvals);
    }

    /// Whatever is offered is possible, and whatever is not offered is refused.
    #[test]
    fn offers_exactly_what_is_possible(events in prop::collection::vec(any_event(), 0..20), then in any_event()) {
        let mut review = review();
        for event in events { let _ = review.apply(event); }
        if let Some(kind) = then.kind() {
            let offered = review.actions().contains(&kind);
            let done = review.clone().apply(then.clone());
            if !offered { prop_assert!(done.is_err()); }
            let depends = matches!(then, Event::EditArguments(_) | Event::EditResult(_) | Event::Redact(_));
            if offered && !depends { prop_assert!(done.is_ok()); }
        }
    }
}
