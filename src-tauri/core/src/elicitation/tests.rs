//! What is read and what is refused, what may go back, and that a question ends once.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn form(properties: &Value, required: &[&str]) -> Value {
    json!({"message": "Please", "requestedSchema": {"type": "object", "properties": properties, "required": required}})
}

fn parse(params: Value) -> Result<Elicitation, InvalidParams> {
    Elicitation::parse(params, "2025-11-25")
}

fn typed(value: Value) -> Typed {
    value.as_object().cloned().unwrap_or_default()
}

fn answer(params: Value, given: Value) -> Result<Value, Vec<Problem>> {
    match Dialog::new(parse(params).unwrap()).apply(Event::Accept(typed(given))) {
        Ok(Effect::Accept(input)) => Ok(input.result()["content"].clone()),
        Ok(other) => panic!("{other:?}"),
        Err(DialogError::Problems(problems)) => Err(problems),
        Err(error) => panic!("{error}"),
    }
}

/// Every kind of field of the three revisions.
fn everything() -> Value {
    form(
        &json!({
            "name": {"type": "string", "title": "Name", "description": "Yours", "minLength": 2, "maxLength": 4, "pattern": "^[A-Z]", "default": "Ann"},
            "mail": {"type": "string", "format": "email"},
            "page": {"type": "string", "format": "uri"},
            "day": {"type": "string", "format": "date"},
            "at": {"type": "string", "format": "date-time"},
            "share": {"type": "number", "minimum": 0, "maximum": 1.5, "default": 0.5},
            "count": {"type": "integer", "minimum": 1, "default": 3},
            "sure": {"type": "boolean", "default": true},
            "old": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
            "plain": {"type": "string", "enum": ["x", "y"]},
            "titled": {"type": "string", "oneOf": [{"const": "#f00", "title": "Red"}, {"const": "#0f0", "title": "Green"}], "default": "#0f0"},
            "many": {"type": "array", "items": {"type": "string", "enum": ["p", "q", "r"]}, "minItems": 1, "maxItems": 2, "default": ["p"]},
            "several": {"type": "array", "items": {"anyOf": [{"const": "1", "title": "One"}, {"const": "2", "title": "Two"}]}},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null, "title": "Maybe"},
        }),
        &["name", "sure"],
    )
}

#[test]
fn every_kind_of_field_is_read_and_suggested() {
    let asked = parse(everything()).unwrap();
    assert_eq!(
        Value::Object(asked.suggested()),
        json!({"name": "Ann", "share": "0.5", "count": "3", "sure": true, "titled": "#0f0", "many": ["p"]})
    );
    assert_eq!(asked.problems(&asked.suggested()), []);
    assert_eq!(asked.content_class(), "form");
}

#[test]
fn what_was_typed_goes_back_as_the_schema_has_it() {
    let given = json!({
        "name": "Bob", "mail": "a@b.example", "page": "https://example.org/", "day": "2026-01-31", "at": "2026-01-31T12:00:00Z",
        "share": "1e-1", "count": "7", "sure": false, "old": "b", "plain": "x", "titled": "#f00", "many": ["r", "p"],
        "several": [], "maybe": "",
    });
    assert_eq!(
        answer(everything(), given).unwrap(),
        json!({
            "name": "Bob", "mail": "a@b.example", "page": "https://example.org/", "day": "2026-01-31", "at": "2026-01-31T12:00:00Z",
            "share": 0.1, "count": 7, "sure": false, "old": "b", "plain": "x", "titled": "#f00", "many": ["p", "r"],
        })
    );
}

#[test]
fn every_field_that_does_not_fit_is_told() {
    let given = json!({
        "name": "x", "mail": "a b@c", "page": "nowhere", "day": "31.1.2026", "at": "noon", "share": "2", "count": "1.5",
        "sure": "yes", "old": "c", "plain": 1, "titled": "red", "many": ["p", "q", "r"], "several": ["3"], "maybe": "x", "else": "?",
    });
    let problems = answer(everything(), given).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "", "name", "mail", "page", "day", "at", "share", "count", "sure", "old", "plain", "titled", "many",
            "several", "maybe"
        ]
    );
    let missing = answer(everything(), json!({"name": ""})).unwrap_err();
    assert_eq!(missing.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["name", "sure"]);
}

#[test]
fn what_cannot_be_shown_as_a_form_is_refused_with_its_place() {
    let field = |schema: Value| form(&json!({"f": schema}), &[]);
    for (params, place) in [
        (json!({}), "message"),
        (json!({"message": "m"}), "requestedSchema"),
        (json!({"message": "m", "mode": "voice"}), "mode"),
        (json!({"message": 1, "requestedSchema": {}}), "message"),
        (json!({"message": "m", "requestedSchema": {"type": "array", "properties": {}}}), "requestedSchema/type"),
        (
            json!({"message": "m", "requestedSchema": {"type": "object", "properties": {}, "allOf": []}}),
            "requestedSchema/allOf",
        ),
        (form(&json!({}), &["ghost"]), "requestedSchema/required"),
        (field(json!({"type": "object", "properties": {}})), "requestedSchema/properties/f/type"),
        (field(json!({"type": "string", "format": "password"})), "requestedSchema/properties/f/format"),
        (field(json!({"type": "string", "pattern": "("})), "requestedSchema/properties/f/pattern"),
        (field(json!({"type": "string", "minLength": 5, "maxLength": 4})), "requestedSchema/properties/f"),
        (field(json!({"type": "string", "minLength": -1})), "requestedSchema/properties/f/minLength"),
        (field(json!({"type": "string", "const": "x"})), "requestedSchema/properties/f/const"),
        (field(json!({"type": "string", "enum": []})), "requestedSchema/properties/f"),
        (field(json!({"type": "string", "enum": ["a", "a"]})), "requestedSchema/properties/f"),
        (field(json!({"type": "string", "enum": ["a"], "enumNames": []})), "requestedSchema/properties/f/enumNames"),
        (field(json!({"type": "string", "enum": [1]})), "requestedSchema/properties/f/enum/0"),
        (field(json!({"type": "integer", "default": "3"})), "requestedSchema/properties/f/default"),
        (field(json!({"type": "integer", "multipleOf": 2})), "requestedSchema/properties/f/multipleOf"),
        (field(json!({"type": "array", "items": {"type": "integer"}})), "requestedSchema/properties/f/items/type"),
        (field(json!({"type": "array", "items": {"type": "string"}})), "requestedSchema/properties/f/items"),
        (field(json!({"anyOf": [{"type": "string"}, {"type": "integer"}]})), "requestedSchema/properties/f/anyOf"),
        (field(json!({"$ref": "#/$defs/x"})), "requestedSchema/properties/f/type"),
    ] {
        let error = parse(params.clone()).expect_err(&params.to_string());
        assert_eq!(error.pointer.trim_start_matches('/'), place, "{params}: {error}");
    }
    let many: serde_json::Map<String, Value> = (0..101).map(|n| (format!("f{n}"), json!({"type": "string"}))).collect();
    assert!(parse(form(&many.into(), &[])).is_err());
}

#[test]
fn an_address_is_shown_as_it_is_opened() {
    let url = |url: &str| json!({"mode": "url", "message": "m", "url": url, "elicitationId": "e"});
    let address = |text: &str| match parse(url(text)).unwrap().mode().clone() {
        Mode::Url { address, .. } => address,
        Mode::Form(_) => unreachable!(),
    };
    let plain = address("https://accounts.example.co.uk/x?y=1");
    assert_eq!(
        (plain.host(), plain.registered(), plain.warnings()),
        ("accounts.example.co.uk", Some("example.co.uk"), &[][..])
    );
    let cyrillic = address("https://аррle.com/");
    assert_eq!((cyrillic.host(), cyrillic.drawn()), ("xn--le-6kc8da.com", Some("аррle.com")));
    assert!(cyrillic.url().starts_with("https://xn--") && cyrillic.warnings().len() == 2);
    assert_eq!(address("http://localhost:8080/").warnings().len(), 2);
    assert_eq!(address("https://203.0.113.7/").registered(), None);
    for bad in [
        "http://example.org/",
        "ftp://example.org",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "example.org",
        "https://user@example.org/",
        "https://good.example\\@evil.example/",
        "https://exa\u{200b}mple.org/",
        " https://example.org",
        "https://example.org/\n",
    ] {
        assert!(parse(url(bad)).is_err(), "{bad}");
    }
}

#[test]
fn an_address_has_an_id_until_the_newest_revision() {
    let params = json!({"mode": "url", "message": "m", "url": "https://example.org/"});
    assert!(Elicitation::parse(params.clone(), "2025-11-25").is_err());
    assert!(Elicitation::parse(params, "2026-07-28").is_ok());
}

#[test]
fn secrets_in_a_form_are_found_where_they_are_asked() {
    let asked =
        parse(form(&json!({"api_key": {"type": "string", "title": "Key", "description": "Your password"}}), &[]))
            .unwrap();
    let found: Vec<_> =
        secret_requests(&asked).into_iter().map(|finding| (finding.pointer, finding.in_name, finding.start)).collect();
    let at = "/requestedSchema/properties/api_key".to_owned();
    assert_eq!(found, [(at.clone(), true, 0), (format!("{at}/description"), false, 5)]);
    let url =
        json!({"mode": "url", "message": "Set your API key", "url": "https://example.org/", "elicitationId": "e"});
    assert!(secret_requests(&parse(url).unwrap()).is_empty(), "an address is where secrets belong");
}

#[test]
fn what_a_host_answers_goes_back_as_it_came_if_it_fits() {
    let of_host = |asked: Value, result: Value| {
        let mut dialog = Dialog::new(parse(asked).unwrap()).with_host();
        assert!(matches!(dialog.apply(Event::OfHost(result.clone())), Err(DialogError::NoHost)), "it was not asked");
        assert!(matches!(dialog.apply(Event::PassOn), Ok(Effect::PassOn)));
        match dialog.apply(Event::OfHost(result)) {
            Ok(Effect::Accept(input)) => Some(input.result()),
            Ok(other) => panic!("{other:?}"),
            Err(DialogError::NoAnswer(_)) => None,
            Err(error) => panic!("{error}"),
        }
    };
    let fields = json!({
        "n": {"type": "integer"}, "t": {"type": "string", "maxLength": 3}, "b": {"type": "boolean"},
        "s": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
    });
    let asked = form(&fields, &["n"]);
    let content = json!({"s": ["y", "x"], "n": 2, "t": "", "b": false});
    let accepted = json!({"action": "accept", "content": content});
    assert_eq!(of_host(asked.clone(), accepted.clone()).unwrap().to_string(), accepted.to_string());
    for action in ["decline", "cancel"] {
        for empty in [json!({"action": action}), json!({"action": action, "content": {}, "_meta": {}})] {
            assert_eq!(of_host(asked.clone(), empty), Some(json!({"action": action})));
        }
    }
    for bad in [
        json!([]),
        json!({"action": "maybe"}),
        json!({"action": "accept"}),
        json!({"action": "accept", "content": []}),
        json!({"action": "accept", "content": {"n": "2"}}),
        json!({"action": "accept", "content": {"n": 2.5}}),
        json!({"action": "accept", "content": {"n": 2, "t": "long"}}),
        json!({"action": "accept", "content": {"n": 2, "s": ["z"]}}),
        json!({"action": "accept", "content": {"n": 2, "other": 1}}),
        json!({"action": "accept", "content": {"n": 2}, "more": 1}),
        json!({"action": "decline", "content": {"n": 2}}),
    ] {
        assert_eq!(of_host(asked.clone(), bad.clone()), None, "{bad}");
    }
    let url = json!({"mode": "url", "message": "m", "url": "https://example.org/", "elicitationId": "e"});
    assert_eq!(of_host(url, json!({"action": "accept"})), Some(json!({"action": "accept"})));
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop_oneof![Just(json!({})), Just(json!({"n": "1"})), Just(json!({"n": "x"})), Just(json!({"m": "1"}))]
            .prop_map(|given| Event::Accept(typed(given))),
        Just(Event::Decline),
        Just(Event::Cancel),
        Just(Event::Refuse),
        Just(Event::Withdraw),
        Just(Event::PassOn),
        prop_oneof![
            Just(json!({"action": "accept", "content": {"n": 1}})),
            Just(json!({"action": "accept", "content": {"n": "1"}})),
        ]
        .prop_map(Event::OfHost),
    ]
}

proptest! {
    /// It ends once; only what fits goes back, and only by accepting; an error changes nothing.
    #[test]
    fn a_question_ends_once(events in proptest::collection::vec(event(), 0..12), has_host: bool) {
        let asked = parse(form(&json!({"n": {"type": "integer"}}), &["n"])).unwrap();
        let dialog = Dialog::new(asked);
        let mut dialog = if has_host { dialog.with_host() } else { dialog };
        let (mut ends, mut passed) = (0, 0);
        for event in events {
            let (revision, over) = (dialog.revision(), dialog.is_over());
            let (accepts, of_host) = (matches!(event, Event::Accept(_)), matches!(event, Event::OfHost(_)));
            match dialog.apply(event) {
                Ok(Effect::PassOn) => {
                    passed += 1;
                    prop_assert!(has_host && !over && dialog.is_with_host() && !dialog.may_pass_on());
                    prop_assert_eq!(dialog.revision(), revision + 1);
                }
                Ok(effect) => {
                    ends += 1;
                    prop_assert!(dialog.is_over() && dialog.revision() == revision + 1);
                    prop_assert_eq!(matches!(effect, Effect::Accept(_)), accepts || of_host);
                    if let Effect::Accept(input) = effect {
                        prop_assert_eq!(input.is_of_host(), of_host);
                        prop_assert!(!of_host || passed == 1, "a host answers what it was asked");
                        prop_assert_eq!(input.result(), json!({"action": "accept", "content": {"n": 1}}));
                    }
                }
                Err(_) => prop_assert_eq!((dialog.revision(), dialog.is_over()), (revision, over)),
            }
        }
        prop_assert!(ends <= 1 && passed <= 1);
    }

    /// Reading never panics, and what is read can be filled in or refused.
    #[test]
    fn any_schema_is_read_or_refused(kind in "[a-z]{0,8}", name in ".{0,6}", value in ".{0,6}") {
        let params = form(&json!({name.clone(): {"type": kind, "default": value, "enum": [value]}}), &[&name]);
        if let Ok(asked) = parse(params) {
            let _ = asked.problems(&asked.suggested());
        }
    }
}
