use proptest::prelude::*;

use super::*;
use crate::answer::StopReason;
use crate::request::{Block, Media, ToolUse};

fn events(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect()
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn decode(format: Format, stream: &str) -> Result<Completion, BadStream> {
    let mut decoder = Decoder::new(format);
    decoder.push(stream.as_bytes())?;
    decoder.finish()
}

fn text(text: &str) -> Block {
    Block::Text(text.into())
}

fn call(id: &str, name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: name.into(), input, meta: None })
}

fn said(delta: Value, finish: Value) -> Value {
    json!({"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

#[test]
fn openai() {
    let stream = events(&[
        said(json!({"role": "assistant", "content": ""}), Value::Null),
        said(json!({"reasoning_content": "hmm"}), Value::Null),
        said(json!({"content": "Hel"}), Value::Null),
        said(json!({"content": "lo"}), Value::Null),
        said(json!({}), json!("stop")),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}}),
    ]) + "data: [DONE]\n\n";
    let mut decoder = Decoder::new(Format::OpenAi);
    assert_eq!(
        decoder.push(stream.as_bytes()),
        Ok(vec![
            Delta::Model("m-1".into()),
            Delta::Reasoning(3),
            Delta::Text("Hello".into()),
            Delta::Usage(Usage { input: 9, output: 2, cached: 4 }),
        ])
    );
    assert!(decoder.is_complete() && decoder.has_content());
    assert_eq!(
        decoder.finish(),
        Ok(Completion {
            content: vec![text("Hello")],
            stop_reason: StopReason::EndTurn,
            model: Some("m-1".into()),
            usage: Some(Usage { input: 9, output: 2, cached: 4 }),
        })
    );
}

#[test]
fn openai_tool_calls_of_every_shape() {
    let piece = |piece: Value| said(json!({"tool_calls": [piece]}), Value::Null);
    let stream = events(&[
        // In pieces.
        piece(json!({"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}})),
        piece(json!({"index": 0, "function": {"arguments": "{\"k\""}})),
        piece(json!({"index": 0, "function": {"arguments": ":1}"}})),
        // Whole, at the index of another.
        piece(json!({"index": 0, "id": "b", "function": {"name": "two", "arguments": "{}"}})),
        // The same id again, at an index of its own.
        piece(json!({"index": 1, "id": "a", "function": {"name": "three", "arguments": ""}})),
        // Without id or index, arguments not as text.
        piece(json!({"index": 2, "function": {"name": "four", "arguments": {"x": true}}})),
        said(json!({}), json!("stop")),
    ]);
    let completion = decode(Format::OpenAi, &stream).unwrap();
    assert_eq!(completion.stop_reason, StopReason::ToolUse);
    assert_eq!(
        completion.content,
        [
            call("a", "one", json!({"k": 1})),
            call("b", "two", json!({})),
            call("call_3", "three", json!({})),
            call("call_4", "four", json!({"x": true})),
        ]
    );
}

#[test]
fn anthropic() {
    let stream = events(&[
        json!({"type": "message_start", "message": {"model": "claude-x-1", "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hmm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Let me."}}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t1", "name": "n", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(
        decode(Format::Anthropic, &stream),
        Ok(Completion {
            content: vec![text("Let me."), call("t1", "n", json!({"a": 1}))],
            stop_reason: StopReason::ToolUse,
            model: Some("claude-x-1".into()),
            usage: Some(Usage { input: 10, output: 20, cached: 3 }),
        })
    );
}

#[test]
fn gemini() {
    let stream = events(&[
        json!({"modelVersion": "gemini-3", "candidates": [{"content": {"role": "model", "parts": [{"text": "hmm", "thought": true}, {"text": "A"}]}}]}),
        json!({"candidates": [{"content": {"parts": [
            {"text": "B"},
            {"functionCall": {"name": "n", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "n"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        ]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "cachedContentTokenCount": 1}}),
    ]);
    assert_eq!(
        decode(Format::Gemini, &stream),
        Ok(Completion {
            content: vec![
                text("AB"),
                Block::ToolUse(ToolUse {
                    id: "call_1".into(),
                    name: "n".into(),
                    input: json!({"a": 1}),
                    meta: Some(json!({"samplegate/thoughtSignature": "c2ln"})),
                }),
                call("call_2", "n", json!({})),
                Block::Image(Media { mime_type: "image/png".into(), data: "AAAA".into() }),
            ],
            stop_reason: StopReason::ToolUse,
            model: Some("gemini-3".into()),
            usage: Some(Usage { input: 7, output: 5, cached: 1 }),
        })
    );
    let blocked = events(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]);
    assert_eq!(decode(Format::Gemini, &blocked), Err(BadStream::Blocked("SAFETY".into())));
}

#[test]
fn ollama() {
    let stream = lines(&[
        json!({"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "hmm"}, "done": false}),
        json!({"model": "qwen3", "message": {"role": "assistant", "content": "Yes"}, "done": false}),
        json!({"model": "qwen3", "message": {"content": "", "tool_calls": [{"function": {"name": "n", "arguments": {"a": 1}}}]}, "done": false}),
        json!({"model": "qwen3", "message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 8, "eval_count": 2}),
    ]);
    assert_eq!(
        decode(Format::Ollama, &stream),
        Ok(Completion {
            content: vec![text("Yes"), call("call_1", "n", json!({"a": 1}))],
            stop_reason: StopReason::ToolUse,
            model: Some("qwen3".into()),
            usage: Some(Usage { input: 8, output: 2, cached: 0 }),
        })
    );
}

/// A stream of the text “Yes” that stops for a reason.
fn stopping(format: Format, reason: &str) -> String {
    match format {
        Format::OpenAi => events(&[said(json!({"content": "Yes"}), Value::Null), said(json!({}), json!(reason))]),
        Format::Anthropic => events(&[
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Yes"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}}),
            json!({"type": "message_stop"}),
        ]),
        Format::Gemini => {
            events(&[json!({"candidates": [{"content": {"parts": [{"text": "Yes"}]}, "finishReason": reason}]})])
        }
        Format::Ollama => lines(&[json!({"message": {"content": "Yes"}, "done": true, "done_reason": reason})]),
    }
}

#[test]
fn stop_reasons() {
    let other = |word: &str| StopReason::Other(word.into());
    for (format, reason, expected) in [
        (Format::OpenAi, "stop", StopReason::EndTurn),
        (Format::OpenAi, "length", StopReason::MaxTokens),
        (Format::OpenAi, "tool_calls", StopReason::EndTurn),
        (Format::OpenAi, "content_filter", other("content_filter")),
        (Format::Anthropic, "end_turn", StopReason::EndTurn),
        (Format::Anthropic, "stop_sequence", StopReason::StopSequence),
        (Format::Anthropic, "max_tokens", StopReason::MaxTokens),
        (Format::Anthropic, "refusal", other("refusal")),
        (Format::Gemini, "STOP", StopReason::EndTurn),
        (Format::Gemini, "MAX_TOKENS", StopReason::MaxTokens),
        (Format::Gemini, "FUNCTION_CALL", StopReason::EndTurn),
        (Format::Gemini, "SAFETY", other("safety")),
        (Format::Ollama, "stop", StopReason::EndTurn),
        (Format::Ollama, "length", StopReason::MaxTokens),
    ] {
        let completion = decode(format, &stopping(format, reason)).unwrap();
        assert_eq!((completion.stop_reason, completion.content), (expected, vec![text("Yes")]), "{format:?} {reason}");
    }
}

const FORMATS: [Format; 4] = [Format::OpenAi, Format::Anthropic, Format::Gemini, Format::Ollama];

fn good_reason(format: Format) -> &'static str {
    match format {
        Format::OpenAi | Format::Ollama => "stop",
        Format::Anthropic => "end_turn",
        Format::Gemini => "STOP",
    }
}

#[test]
fn a_stream_without_its_end_is_no_answer() {
    assert_eq!(
        decode(Format::OpenAi, &events(&[said(json!({"content": "Yes"}), Value::Null)])),
        Err(BadStream::Truncated)
    );
    assert_eq!(
        decode(Format::OpenAi, &(events(&[said(json!({"content": "Yes"}), Value::Null)]) + "data: [DONE]\n\n")),
        Err(BadStream::Truncated)
    );
    assert_eq!(decode(Format::Anthropic, &events(&[json!({"type": "message_stop"})])), Err(BadStream::Truncated));
    assert_eq!(
        decode(Format::Ollama, &lines(&[json!({"message": {"content": "Yes"}, "done": true})])),
        Err(BadStream::Truncated)
    );
    for format in FORMATS {
        assert_eq!(decode(format, ""), Err(BadStream::Truncated));
        assert!(matches!(decode(format, "{malformed"), Err(BadStream::Malformed(_))), "{format:?}");
        assert!(matches!(decode(format, "data: {\"a\n\n"), Err(BadStream::Malformed(_))), "{format:?}");
    }
}

#[test]
fn errors_inside_a_stream() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(
        decode(Format::Anthropic, &events(&[overloaded])),
        Err(BadStream::Vendor { message: "Overloaded".into(), overloaded: true })
    );
    assert_eq!(
        decode(Format::Ollama, "{\"error\":\"no such model\"}"),
        Err(BadStream::Vendor { message: "no such model".into(), overloaded: false })
    );
    assert_eq!(
        decode(Format::OpenAi, "{\"error\":{\"message\":\"nope\",\"code\":429}}"),
        Err(BadStream::Vendor { message: "nope".into(), overloaded: true })
    );
    assert!(matches!(decode(Format::OpenAi, "{\"choices\":[]}"), Err(BadStream::Malformed(_))));
}

#[test]
fn a_tool_call_that_the_limit_cut_off_is_no_tool_call() {
    let cut = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "n", "arguments": "{\"k\":"}}]});
    let stream = |finish: &str, before: &str| {
        events(&[said(json!({"content": before}), Value::Null), said(cut.clone(), json!(finish))])
    };
    assert_eq!(decode(Format::OpenAi, &stream("length", "Hm")).unwrap().content, [text("Hm")]);
    assert_eq!(decode(Format::OpenAi, &stream("length", "")), Err(BadStream::CutOff));
    assert!(matches!(decode(Format::OpenAi, &stream("tool_calls", "Hm")), Err(BadStream::Malformed(_))));
    assert!(matches!(
        decode(
            Format::Anthropic,
            &events(&[
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}})
            ])
        ),
        Err(BadStream::Unrepresentable(_))
    ));
}

#[test]
fn stopped_by_a_person() {
    for format in FORMATS {
        let stream = stopping(format, good_reason(format));
        let mut decoder = Decoder::new(format);
        decoder.push(&stream.as_bytes()[..stream.len() - 1]).unwrap();
        assert_eq!(decoder.stopped().stop_reason, StopReason::Other("stopped".into()));
    }
}

#[test]
fn words_of_vendors() {
    let cases: [(&[u8], &str); 7] = [
        (br#"{"error":{"message":"Incorrect API key","type":"x"}}"#, "Incorrect API key"),
        (br#"[{"error":{"code":400,"message":"API key\nnot valid"}}]"#, "API key not valid"),
        (br#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
        (br#"{"detail":[{"msg":"field required"}]}"#, "field required"),
        (b"upstream gone", "upstream gone"),
        (b"<html>502</html>", "the OpenAI format answered status 502 and no reason"),
        (b"", "the OpenAI format answered status 502 and no reason"),
    ];
    for (body, expected) in cases {
        assert_eq!(error_message(Format::OpenAi, 502, body), expected);
    }
    assert!(error_message(Format::OpenAi, 500, "é".repeat(9999).as_bytes()).chars().count() <= 301);
}

fn noise() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "type",
        "message",
        "delta",
        "content",
        "choices",
        "tool_calls",
        "function",
        "arguments",
        "name",
        "index",
        "id",
        "candidates",
        "parts",
        "text",
        "functionCall",
        "args",
        "done",
        "done_reason",
        "stop",
        "finish_reason",
        "usage",
        "content_block",
        "content_block_start",
        "content_block_delta",
        "tool_use",
        "input_json_delta",
        "partial_json",
        "finishReason",
        "STOP",
        "message_stop",
        "message_delta",
        "stop_reason",
        "error",
        "inlineData",
        "model",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..5)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics_on_bytes(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
        for format in FORMATS {
            let mut decoder = Decoder::new(format);
            for chunk in &chunks {
                if decoder.push(chunk).is_err() { break; }
            }
            let _ = decoder.partial();
            let _ = decoder.finish();
        }
    }

    #[test]
    fn never_panics_on_json(values in prop::collection::vec(noise(), 0..6)) {
        for (format, stream) in FORMATS.map(|format| (format, if format == Format::Ollama { lines(&values) } else { events(&values) })) {
            let mut decoder = Decoder::new(format);
            let _ = decoder.push(stream.as_bytes());
            let _ = decoder.partial();
            let _ = decoder.finish();
        }
    }

    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(0_usize..400, 0..6)) {
        for format in FORMATS {
            let stream = stopping(format, good_reason(format));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::new(format);
            for pair in cuts.windows(2) {
                decoder.push(&stream.as_bytes()[pair[0]..pair[1]]).unwrap();
            }
            prop_assert_eq!(decoder.finish(), decode(format, &stream));
        }
    }

    #[test]
    fn a_prefix_is_never_an_answer(cut in 0_usize..400) {
        for format in FORMATS {
            let stream = stopping(format, good_reason(format));
            // Up to the last line, which ends the answer.
            let end = stream.trim_end().rfind('\n').unwrap_or(1).min(cut);
            prop_assert!(decode(format, &stream[..end]).is_err());
        }
    }
}
