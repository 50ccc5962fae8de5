#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}], "maxTokens": 10})
}

fn refusal(params: Value) -> (String, String) {
    let why = SamplingRequest::parse(params).unwrap_err();
    (why.pointer, why.reason)
}

fn with(pointer_parent: &str, key: &str, value: Value) -> Value {
    let mut params = hello();
    params.pointer_mut(pointer_parent).unwrap()[key] = value;
    params
}

#[test]
fn reads_everything() {
    let params = json!({
        "zeta": 1,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}, {"type": "image", "mimeType": "image/png", "data": "AAAA"}]},
            {"role": "assistant", "content": {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Paris"}}},
            {"role": "user", "content": [{"type": "tool_result", "toolUseId": "a", "content": [
                {"type": "text", "text": "18 °C"},
                {"type": "resource", "resource": {"uri": "file:///a", "blob": "AA=="}},
                {"type": "resource_link", "uri": "file:///b", "name": "b"},
            ], "structuredContent": {"t": 18}, "isError": false}]},
        ],
        "modelPreferences": {"hints": [{"name": "sonnet"}, {}], "costPriority": 0.5, "speedPriority": null},
        "systemPrompt": "Be brief.",
        "includeContext": "thisServer",
        "temperature": 0.2,
        "maxTokens": 10.0,
        "stopSequences": ["END"],
        "metadata": {"k": "v"},
        "tools": [{"name": "weather", "description": "d", "inputSchema": {"type": "object"}}],
        "toolChoice": {"mode": "required"},
        "_meta": {"progressToken": 1},
    });
    let request = SamplingRequest::parse(params.clone()).unwrap();
    assert_eq!(
        request,
        SamplingRequest {
            messages: vec![
                Message {
                    role: Role::User,
                    blocks: vec![
                        Block::Text("Weather?".into()),
                        Block::Image(Media { mime_type: "image/png".into(), data: "AAAA".into() }),
                    ],
                    single: false,
                },
                Message {
                    role: Role::Assistant,
                    blocks: vec![Block::ToolUse(ToolUse {
                        id: "a".into(),
                        name: "weather".into(),
                        input: json!({"city": "Paris"}),
                        meta: None,
                    })],
                    single: true,
                },
                Message {
                    role: Role::User,
                    blocks: vec![Block::ToolResult(ToolResult {
                        tool_use_id: "a".into(),
                        content: vec![
                            ResultBlock::Text("18 °C".into()),
                            ResultBlock::Resource(Resource {
                                uri: "file:///a".into(),
                                mime_type: None,
                                body: ResourceBody::Blob("AA==".into()),
                            }),
                            ResultBlock::ResourceLink(ResourceLink {
                                uri: "file:///b".into(),
                                name: "b".into(),
                                description: None,
                                mime_type: None,
                            }),
                        ],
                        structured_content: Some(json!({"t": 18})),
                        is_error: false,
                    })],
                    single: false,
                },
            ],
            system_prompt: Some("Be brief.".into()),
            max_tokens: 10,
            temperature: Some(0.2),
            stop_sequences: vec!["END".into()],
            model_preferences: Some(ModelPreferences {
                hints: vec!["sonnet".into()],
                cost_priority: Some(0.5),
                speed_priority: None,
                intelligence_priority: None,
            }),
            include_context: IncludeContext::ThisServer,
            metadata: Some(json!({"k": "v"})),
            tools: vec![ToolDefinition {
                name: "weather".into(),
                title: None,
                description: Some("d".into()),
                input_schema: json!({"type": "object"}),
            }],
            tool_choice: Some(ToolChoiceMode::Required),
            unknown_fields: vec!["zeta".into()],
            params: params.clone(),
        }
    );
    assert_eq!(request.params().to_string(), params.to_string());
    assert_eq!(request.content_class(), "text+image+tool_use+tool_result");
    assert!(request.needs_tools());
}

#[test]
fn null_is_absent() {
    let mut params = hello();
    for name in [
        "modelPreferences",
        "systemPrompt",
        "includeContext",
        "temperature",
        "stopSequences",
        "metadata",
        "tools",
        "toolChoice",
    ] {
        params[name] = Value::Null;
    }
    let request = SamplingRequest::parse(params).unwrap();
    assert_eq!(request.tool_choice(), None);
    assert_eq!(request.temperature(), None);
    assert!(!request.needs_tools());
}

#[test]
fn refuses_max_tokens_that_are_not_a_count() {
    for (value, reason) in [
        (Value::Null, "is missing"),
        (json!(0), "must be at least 1, is 0"),
        (json!(-3), "must be at least 1, is -3"),
        (json!(1.5), "must be a whole number, is 1.5"),
        (json!(4_294_967_296_u64), "must be at most 4294967295, is 4294967296"),
        (json!("10"), "must be a number, is a string"),
    ] {
        assert_eq!(refusal(with("", "maxTokens", value)), ("/maxTokens".into(), reason.into()));
    }
    let huge = serde_json::from_str(
        r#"{"messages":[{"role":"user","content":{"type":"text","text":"a"}}],"maxTokens":1e300}"#,
    );
    assert_eq!(refusal(huge.unwrap()).0, "/maxTokens");
    assert_eq!(SamplingRequest::parse(with("", "maxTokens", json!(u32::MAX))).unwrap().max_tokens(), u32::MAX);
}

#[test]
fn refuses_what_cannot_be_represented() {
    for (parent, key, value, pointer) in [
        ("", "messages", json!([]), "/messages"),
        ("", "messages", json!({}), "/messages"),
        ("/messages/0", "role", json!("system"), "/messages/0/role"),
        ("/messages/0", "role", json!("tool"), "/messages/0/role"),
        ("/messages/0", "content", json!("Hello"), "/messages/0/content"),
        ("/messages/0", "content", json!([]), "/messages/0/content"),
        ("/messages/0/content", "type", json!("video"), "/messages/0/content/type"),
        ("/messages/0", "content", json!([{"type": "image", "data": "AAAA"}]), "/messages/0/content/0/mimeType"),
        (
            "/messages/0",
            "content",
            json!({"type": "image", "mimeType": "image/png", "data": "A"}),
            "/messages/0/content/data",
        ),
        (
            "/messages/0",
            "content",
            json!({"type": "audio", "mimeType": "image/png", "data": ""}),
            "/messages/0/content/mimeType",
        ),
        (
            "/messages/0",
            "content",
            json!({"type": "tool_use", "id": "a", "name": "b", "input": {}}),
            "/messages/0/content",
        ),
        ("", "includeContext", json!("everything"), "/includeContext"),
        ("", "toolChoice", json!({"mode": "any"}), "/toolChoice/mode"),
        ("", "toolChoice", json!("auto"), "/toolChoice"),
        ("", "temperature", json!("hot"), "/temperature"),
        ("", "systemPrompt", json!(["a"]), "/systemPrompt"),
        ("", "stopSequences", json!(["a", 1]), "/stopSequences/1"),
        ("", "metadata", json!([]), "/metadata"),
        ("", "modelPreferences", json!({"costPriority": 2}), "/modelPreferences/costPriority"),
        ("", "tools", json!([{"name": "a"}]), "/tools/0/inputSchema"),
        ("", "tools", json!([{"name": "a", "inputSchema": {}}, {"name": "a", "inputSchema": {}}]), "/tools/1/name"),
    ] {
        assert_eq!(refusal(with(parent, key, value)).0, pointer);
    }
    assert_eq!(refusal(json!(null)).0, "");
    assert_eq!(SamplingRequest::parse(json!(3)).unwrap_err().to_string(), "params: must be an object, is a number");
    assert_eq!(
        SamplingRequest::parse(with("/messages/0", "role", json!("system"))).unwrap_err().to_string(),
        "messages/0/role: must be “user” or “assistant”; a system prompt goes in systemPrompt"
    );
}

#[test]
fn tool_uses_and_results_must_balance() {
    let text = json!({"type": "text", "text": "t"});
    let tool_use = |id: &str| json!({"type": "tool_use", "id": id, "name": "n", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "toolUseId": id, "content": []});
    let talk = |messages: Vec<(&str, Value)>| {
        json!({"maxTokens": 1, "messages": messages.into_iter()
            .map(|(role, content)| json!({"role": role, "content": content})).collect::<Vec<_>>()})
    };
    let good = talk(vec![
        ("user", text.clone()),
        ("assistant", json!([text, tool_use("a"), tool_use("b")])),
        ("user", json!([result("b"), result("a")])),
    ]);
    assert!(SamplingRequest::parse(good).is_ok());
    for bad in [
        talk(vec![("assistant", tool_use("a"))]),
        talk(vec![("assistant", tool_use("a")), ("user", text.clone())]),
        talk(vec![("assistant", json!([tool_use("a"), tool_use("b")])), ("user", result("a"))]),
        talk(vec![("assistant", json!([tool_use("a"), tool_use("a")])), ("user", json!([result("a"), result("a")]))]),
        talk(vec![("assistant", tool_use("a")), ("user", json!([result("a"), text]))]),
        talk(vec![("assistant", tool_use("a")), ("user", json!([result("a"), result("a")]))]),
        talk(vec![("assistant", tool_use("a")), ("user", result("a")), ("user", result("a"))]),
        talk(vec![("user", result("a"))]),
        talk(vec![("assistant", result("a"))]),
    ] {
        let why = SamplingRequest::parse(bad.clone()).expect_err(&bad.to_string());
        assert!(why.pointer.starts_with("/messages/"), "{why}");
    }
}

#[test]
fn lowering_max_tokens_changes_nothing_else() {
    let request = SamplingRequest::parse(with("", "extra", json!([1]))).unwrap().with_max_tokens(4);
    assert_eq!(
        request.params().to_string(),
        r#"{"messages":[{"role":"user","content":{"type":"text","text":"Hello"}}],"maxTokens":4,"extra":[1]}"#
    );
    assert_eq!(request.max_tokens(), 4);
}

#[test]
fn the_first_line_cannot_pretend() {
    let line =
        |text: &str| SamplingRequest::parse(with("/messages/0/content", "text", json!(text))).unwrap().first_line();
    assert_eq!(line("\n  Summarise this: \nmore"), "Summarise this:");
    assert_eq!(line("a\u{202E}b\u{1b}[2Jc\u{E0041}"), "a\u{FFFD}b\u{FFFD}[2Jc\u{FFFD}");
    assert_eq!(line(&"é".repeat(200)), format!("{}…", "é".repeat(160)));
    assert_eq!(line(" "), "[text]");
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "type",
        "text",
        "image",
        "tool_use",
        "tool_result",
        "maxTokens",
        "user",
        "assistant",
        "data",
        "mimeType",
        "image/png",
        "tools",
        "toolChoice",
        "mode",
        "metadata",
        "id",
        "name",
        "input",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics(value in any_json()) {
        let _ = SamplingRequest::parse(value);
    }

    #[test]
    fn keeps_what_went_in(text in any::<String>(), extra in any_json(), at_end in any_json()) {
        let params = json!({
            "unknown": extra,
            "messages": [{"role": "user", "content": {"type": "text", "text": text, "annotations": at_end}, "x": at_end}],
            "maxTokens": 7,
            "_meta": at_end,
        });
        let request = SamplingRequest::parse(params.clone()).unwrap();
        prop_assert_eq!(request.params().to_string(), params.to_string());
        let _ = request.first_line();
    }
}
