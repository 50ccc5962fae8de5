use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    answer::{NotCarried, StopReason},
    canonical::Sha256Hex,
    inspect::{Finding, FindingKind, Place, inspect},
    request::{Block, ToolUse},
};

fn request(text: &str) -> SamplingRequest {
    SamplingRequest::parse(json!({
        "messages": [{"role": "user", "content": {"type": "text", "text": text}}],
        "maxTokens": 100,
    }))
    .unwrap()
}

fn model(name: &str) -> ModelRef {
    ModelRef { name: name.into(), provider: "openai".into(), model: format!("{name}-1"), base_url: None }
}

fn review() -> Review {
    Review::new(request("first"), request("first"), Some(model("a")), "2025-11-25")
}

fn answer_of(text: &str) -> Box<SamplingAnswer> {
    Box::new(SamplingAnswer {
        content: vec![Block::Text(text.into())],
        model: "m".into(),
        stop_reason: StopReason::EndTurn,
    })
}

fn answer(text: &str) -> Box<SamplingAnswer> {
    Box::new(SamplingAnswer::by_hand(text.to_owned()))
}

fn call(id: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: "look_up".into(), input, meta: None })
}

fn calls(content: Vec<Block>) -> Box<SamplingAnswer> {
    Box::new(SamplingAnswer { content, model: "m".into(), stop_reason: StopReason::ToolUse })
}

fn tool_call() -> Box<SamplingAnswer> {
    calls(vec![call("a", json!({}))])
}

fn decide(id: &str, decision: ToolUseDecision) -> Event {
    Event::DecideToolUse { id: id.into(), decision }
}

fn decided(review: &Review) -> Vec<(String, &'static str)> {
    let answer = review.answer().unwrap();
    answer.decided().map(|(tool_use, decision)| (tool_use.id.clone(), decision.as_str())).collect()
}

fn data_in(review: &Review) -> Vec<Finding> {
    inspect(Place::Request, review.draft().params())
}

#[test]
fn approves_what_was_shown_and_releases_what_was_shown() {
    let mut review = review();
    review.apply(Event::EditRequest(Box::new(request("second")))).unwrap();
    assert!(review.request_edited());
    let Effect::Send(approved) = review.apply(Event::Approve).unwrap() else { panic!("not sent") };
    assert_eq!(approved.request(), &request("second"));
    assert_eq!(approved.object()["model"], "a-1");
    assert_eq!(approved.sha256(), Sha256Hex::of_json(approved.object()));
    review.apply(Event::Answered(answer("hello"))).unwrap();
    review.apply(Event::EditAnswer(answer("hullo"))).unwrap();
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert!(released.edited());
    assert_eq!(released.answer().text(), "hullo");
    assert!(review.is_closed());
}

#[test]
fn a_request_cannot_be_edited_after_it_was_sent() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(answer("x"))).unwrap();
    assert_eq!(review.apply(Event::EditRequest(Box::new(request("late")))).unwrap_err(), NotNow::NotOffered);
}

#[test]
fn without_a_model_only_the_person_can_answer() {
    let mut review = Review::new(request("q"), request("q"), None, "2025-11-25");
    assert_eq!(review.apply(Event::Approve).unwrap_err(), NotNow::NoModel);
    assert!(matches!(review.apply(Event::AnswerByHand("yes".into())), Ok(Effect::Release(_))));
}

#[test]
fn where_no_model_is_proposed_one_can_be_chosen() {
    let mut review = Review::new(request("q"), request("q"), None, "2025-11-25");
    assert!(review.actions().contains(&ActionKind::ChooseModel) && !review.actions().contains(&ActionKind::Approve));
    assert!(matches!(review.apply(Event::ChooseModel(model("b"))), Ok(Effect::Show)));
    assert!(matches!(review.apply(Event::Approve), Ok(Effect::Send(approved)) if approved.model().name == "b"));
}

#[test]
fn an_answer_that_the_server_cannot_take_is_not_returned() {
    let mut review = Review::new(request("q"), request("q"), Some(model("a")), "2025-06-18");
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(tool_call())).unwrap();
    let why = review.cannot_return().unwrap();
    assert_eq!(why, NotNow::NotCarried(NotCarried::ToolUse));
    assert!(!review.actions().contains(&ActionKind::Return));
    assert_eq!(review.apply(Event::Return).unwrap_err(), why);
    for other in [ActionKind::Edit, ActionKind::AskAgain, ActionKind::Deny, ActionKind::AnswerByHand] {
        assert!(review.actions().contains(&other), "{other:?}");
    }
    review.apply(Event::EditAnswer(answer("no tools here"))).unwrap();
    assert_eq!(review.cannot_return(), None);
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert_eq!(released.result()["content"]["text"], "no tools here");
}

#[test]
fn every_tool_call_is_approved_by_itself() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    let two = vec![Block::Text("looking".into()), call("a", json!({"q": 1})), call("b", json!({"q": 2}))];
    review.apply(Event::Answered(calls(two))).unwrap();
    assert_eq!(review.apply(Event::Return).unwrap_err(), NotNow::ToolUseUndecided { count: 2 });
    assert_eq!(review.apply(decide("nowhere", ToolUseDecision::Approved)).unwrap_err(), NotNow::NoSuchToolUse);
    review.apply(decide("a", ToolUseDecision::Approved)).unwrap();
    assert_eq!(review.apply(Event::Return).unwrap_err(), NotNow::ToolUseUndecided { count: 1 });
    review.apply(decide("b", ToolUseDecision::Approved)).unwrap();
    assert_eq!(decided(&review), [("a".into(), "approved"), ("b".into(), "approved")]);
    // Other arguments are another call, which nobody approved.
    let mut edited = review.answer().unwrap().draft().clone();
    edited.content[2] = call("b", json!({"q": 3}));
    review.apply(Event::EditAnswer(Box::new(edited))).unwrap();
    assert_eq!(review.cannot_return(), Some(NotNow::ToolUseUndecided { count: 1 }));
    review.apply(Event::Revert).unwrap();
    assert!(matches!(review.apply(Event::Return), Ok(Effect::Release(_))));
}

#[test]
fn a_refused_tool_call_goes_back_in_no_answer() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    let two = vec![Block::Text("looking".into()), call("a", json!({})), call("b", json!({}))];
    review.apply(Event::Answered(calls(two))).unwrap();
    review.apply(decide("a", ToolUseDecision::Approved)).unwrap();
    review.apply(decide("b", ToolUseDecision::Refused)).unwrap();
    assert_eq!(review.apply(Event::Return).unwrap_err(), NotNow::ToolUseRefused);
    review.apply(Event::RemoveRefused).unwrap();
    // One call is left, so the model still waits for tools.
    assert_eq!(review.answer().unwrap().draft().stop_reason, StopReason::ToolUse);
    assert_eq!(decided(&review), [("a".into(), "approved"), ("b".into(), "refused")]);
    assert!(!review.actions().contains(&ActionKind::RemoveRefused));
    review.apply(decide("a", ToolUseDecision::Refused)).unwrap();
    review.apply(Event::RemoveRefused).unwrap();
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert_eq!(released.result()["stopReason"], "endTurn");
    assert_eq!(released.result()["content"], json!({"type": "text", "text": "looking"}));
    assert!(released.edited());
}

#[test]
fn what_is_asked_again_is_decided_again() {
    let mut review = review();
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(tool_call())).unwrap();
    review.apply(decide("a", ToolUseDecision::Approved)).unwrap();
    review.apply(Event::AskAgain(None)).unwrap();
    review.apply(Event::Answered(tool_call())).unwrap();
    assert_eq!(review.apply(Event::Return).unwrap_err(), NotNow::ToolUseUndecided { count: 1 });
}

#[test]
fn what_is_redacted_is_approved_and_sent_and_the_answer_gets_it_back() {
    let mut review =
        Review::new(request("Write to ann@corp.io"), request("Write to ann@corp.io"), Some(model("a")), "2025-11-25");
    assert_eq!(review.apply(Event::Redact(vec![])).unwrap_err(), NotNow::NothingToRedact);
    let chosen = data_in(&review);
    assert_eq!(chosen[0].kind, FindingKind::Email);
    review.apply(Event::Redact(chosen)).unwrap();
    assert!(review.request_edited());
    assert_eq!(review.placeholders().collect::<Vec<_>>(), ["[EMAIL_1]"]);
    let Effect::Send(approved) = review.apply(Event::Approve).unwrap() else { panic!("not sent") };
    assert_eq!(approved.request(), &request("Write to [EMAIL_1]"));
    assert_eq!(approved.sha256(), Sha256Hex::of_json(approved.object()));
    let greeting = vec![Block::Text("Dear [EMAIL_1],".into()), call("a", json!({"to": "[EMAIL_1]"}))];
    review.apply(Event::Answered(calls(greeting.clone()))).unwrap();
    let answer = review.answer().unwrap();
    assert_eq!((answer.restores(), answer.is_edited()), (Some(true), false));
    assert_eq!(answer.draft().text(), "Dear ann@corp.io,");
    assert_eq!(answer.original().text(), "Dear [EMAIL_1],");
    // What is put back changes the call, so it is decided about as it goes back.
    review.apply(decide("a", ToolUseDecision::Approved)).unwrap();
    review.apply(Event::Restore(false)).unwrap();
    assert_eq!(review.answer().unwrap().draft().text(), "Dear [EMAIL_1],");
    assert_eq!(review.cannot_return(), Some(NotNow::ToolUseUndecided { count: 1 }));
    // Asked again, the model still does not see it.
    let Effect::Send(again) = review.apply(Event::AskAgain(None)).unwrap() else { panic!("not sent") };
    assert_eq!(again.request(), &request("Write to [EMAIL_1]"));
    review.apply(Event::Answered(answer_of("Dear [EMAIL_1],"))).unwrap();
    let Effect::Release(released) = review.apply(Event::Return).unwrap() else { panic!("not released") };
    assert_eq!(released.result()["content"]["text"], "Dear ann@corp.io,");
    assert!(!released.edited());
    assert_eq!(review.placeholders().count(), 0, "what was redacted is forgotten with the question");
}

#[test]
fn an_edit_is_not_lost_by_putting_values_back_and_undone_by_revert() {
    let mut review = Review::new(request("To ann@corp.io"), request("To ann@corp.io"), Some(model("a")), "2025-11-25");
    let chosen = data_in(&review);
    review.apply(Event::Redact(chosen.clone())).unwrap();
    review.apply(Event::Revert).unwrap();
    assert_eq!((review.request_edited(), review.placeholders().count()), (false, 0));
    review.apply(Event::Redact(chosen)).unwrap();
    review.apply(Event::Approve).unwrap();
    review.apply(Event::Answered(answer_of("[EMAIL_1]"))).unwrap();
    review.apply(Event::EditAnswer(answer("ann@corp.io, hello"))).unwrap();
    assert_eq!(review.apply(Event::Restore(false)).unwrap_err(), NotNow::NotOffered);
    review.apply(Event::Revert).unwrap();
    assert_eq!(review.answer().unwrap().draft().text(), "ann@corp.io");
    review.apply(Event::Restore(false)).unwrap();
    assert_eq!(review.answer().unwrap().draft().text(), "[EMAIL_1]");
}

#[test]
fn a_redaction_that_leaves_no_request_is_refused() {
    let mut review = review();
    let mut role = inspect(Place::Request, request("ann@corp.io").params()).remove(0);
    role.pointer = "/messages/0/role".into();
    role.end = 4;
    assert!(matches!(review.apply(Event::Redact(vec![role])), Err(NotNow::NotRedactable(_))));
    assert!(!review.request_edited());
}

#[test]
fn a_text_longer_than_max_tokens_is_refused_not_cut() {
    let mut review = review();
    let long = "word ".repeat(200);
    assert!(matches!(review.apply(Event::AnswerByHand(long)), Err(NotNow::TooLong { max: 100, .. })));
    assert!(!review.is_closed());
}

#[test]
fn an_answer_that_an_estimate_makes_too_long_is_not_refused() {
    let fits = "word ".repeat(120);
    assert!(matches!(review().apply(Event::AnswerByHand(fits)), Ok(Effect::Release(_))));
}

#[test]
fn max_tokens_can_be_lowered_and_not_raised() {
    let mut review = review();
    assert!(review.apply(Event::EditRequest(Box::new(request("q").with_max_tokens(10)))).is_ok());
    let raised = review.apply(Event::EditRequest(Box::new(request("q").with_max_tokens(101))));
    assert_eq!(raised.unwrap_err(), NotNow::Raised { max: 100 });
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Approve),
        "[a-c]{1,3}".prop_map(|t| Event::EditRequest(Box::new(request(&t)))),
        "[a-c]{1,3}".prop_map(|t| Event::EditAnswer(answer(&t))),
        Just(Event::Revert),
        Just(Event::Deny),
        "[a-c]{1,3}".prop_map(Event::AnswerByHand),
        Just(Event::ChooseModel(model("b"))),
        Just(Event::Stop),
        Just(Event::AskAgain(None)),
        Just(Event::AskAgain(Some(model("b")))),
        Just(Event::Return),
        "[a-c]{1,3}".prop_map(|t| Event::Answered(answer(&t))),
        Just(Event::Answered(tool_call())),
        Just(Event::Answered(calls(vec![Block::Text("[EMAIL_1]".into()), call("a", json!({})), call("b", json!({}))]))),
        (prop_oneof![Just("a"), Just("b")], any::<bool>()).prop_map(|(id, yes)| {
            decide(id, if yes { ToolUseDecision::Approved } else { ToolUseDecision::Refused })
        }),
        Just(Event::RemoveRefused),
        any::<bool>().prop_map(Event::Restore),
        Just(Event::Redact(inspect(Place::Request, request("ann@corp.io").params()))),
        Just(Event::ModelFailed("down".into())),
        Just(Event::Withdraw),
    ]
}

proptest! {
    /// Never two answers, never a send without an approval, every question ends at most once.
    #[test]
    fn holds_its_invariants(events in prop::collection::vec(any_event(), 0..40), has_model: bool, old_server: bool) {
        let protocol = if old_server { "2025-06-18" } else { "2025-11-25" };
        let mut review = Review::new(request("first"), request("first"), has_model.then(|| model("a")), protocol);
        let (mut ends, mut approvals, mut sends) = (0, 0, 0);
        for event in events {
            let before = review.clone();
            let kind = event.kind();
            match review.apply(event) {
                Ok(effect) => {
                    prop_assert!(!before.is_closed(), "something happened after the end");
                    prop_assert!(review.revision() > before.revision());
                    if matches!(kind, Some(ActionKind::Approve | ActionKind::AskAgain)) { approvals += 1; }
                    match effect {
                        Effect::Send(approved) => {
                            sends += 1;
                            let shown = match before.state() {
                                State::Answer { approved, .. } => approved.request().clone(),
                                _ => before.draft().clone(),
                            };
                            prop_assert_eq!(approved.request(), &shown);
                        }
                        Effect::Release(released) => {
                            ends += 1;
                            if let (Some(ActionKind::Return), Some(answer)) = (kind, before.answer()) {
                                prop_assert_eq!(released.answer(), answer.draft());
                                let approved = |(_, decision)| decision == Some(ToolUseDecision::Approved);
                                prop_assert!(answer.tool_uses().all(approved), "a call nobody approved");
                            }
                            prop_assert_eq!(released.result(), &released.answer().to_result(protocol).unwrap());
                        }
                        Effect::Refuse | Effect::End => ends += 1,
                        Effect::Show | Effect::StopModel => {}
                    }
                }
                Err(_) => prop_assert_eq!(review.revision(), before.revision()),
            }
            prop_assert_eq!(review.is_closed(), ends == 1);
        }
        prop_assert!(ends <= 1);
        prop_assert!(sends <= approvals);
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
            let depends = |event: &Event| {
                matches!(event, Event::EditRequest(_) | Event::EditAnswer(_) | Event::Redact(_) | Event::DecideToolUse { .. })
            };
            if offered && !depends(&then) { prop_assert!(done.is_ok()); }
        }
    }
}
