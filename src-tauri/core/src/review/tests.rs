use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::request::{Block, ToolUse};

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

fn answer(text: &str) -> Box<SamplingAnswer> {
    Box::new(SamplingAnswer::by_hand(text.to_owned()))
}

fn tool_call() -> Box<SamplingAnswer> {
    let call = ToolUse { id: "a".into(), name: "look_up".into(), input: json!({}), meta: None };
    Box::new(SamplingAnswer { content: vec![Block::ToolUse(call)], ..*answer("") })
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
                            if let (Some(ActionKind::Return), State::Answer { outcome: ModelOutcome::Answered { draft, .. }, .. }) =
                                (kind, before.state())
                            {
                                prop_assert_eq!(released.answer(), draft);
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
            if offered && !matches!(then, Event::EditRequest(_) | Event::EditAnswer(_)) { prop_assert!(done.is_ok()); }
        }
    }
}
