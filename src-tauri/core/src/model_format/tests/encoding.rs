use super::*;

#[test]
fn openai() {
    let wire = encode(to("openai"), None, "gpt-5", &everything()).unwrap();
    assert_eq!(wire.url, "https://api.openai.com/v1/chat/completions");
    assert_eq!(wire.auth, AuthStyle::Bearer);
    assert_eq!(
        body_of(&wire),
        json!({
            "model": "gpt-5",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this, and the weather?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ]},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "a1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\",\"at\":1}"}},
                    {"id": "a2", "type": "function", "function": {"name": "map", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": "a1", "content": "18\n{\"t\":18}"},
                {"role": "tool", "tool_call_id": "a2", "content": "Error: no map\nLink to resource file:///m (m)"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,BBBB"}}]},
            ],
            "max_completion_tokens": 64,
            "temperature": 0.5,
            "stop": ["END"],
            "tools": [
                {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}}},
                {"type": "function", "function": {"name": "map", "parameters": {"type": "object"}}},
            ],
            "tool_choice": "auto",
            "stream": true,
            "stream_options": {"include_usage": true},
        })
        .to_string()
    );
}

#[test]
fn compatible_servers_get_the_old_name_of_the_limit() {
    let wire = encode(to("llamacpp"), None, "smol", &asking(json!({"type": "text", "text": "Hi"}))).unwrap();
    assert_eq!(
        body_of(&wire),
        r#"{"model":"smol","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"stream":true,"stream_options":{"include_usage":true}}"#
    );
}

#[test]
fn anthropic() {
    let wire = encode(to("anthropic"), None, "claude-x", &everything()).unwrap();
    assert_eq!(wire.url, "https://api.anthropic.com/v1/messages");
    assert_eq!(wire.auth, AuthStyle::XApiKey);
    assert_eq!(
        wire.headers,
        [("content-type", "application/json".to_owned()), ("anthropic-version", "2023-06-01".to_owned())]
    );
    assert_eq!(
        body_of(&wire),
        json!({
            "model": "claude-x",
            "max_tokens": 64,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this, and the weather?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "a1", "name": "weather", "input": {"city": "Paris", "at": 1}},
                    {"type": "tool_use", "id": "a2", "name": "map", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a1", "content": [
                        {"type": "text", "text": "18"},
                        {"type": "text", "text": "{\"t\":18}"},
                    ]},
                    {"type": "tool_result", "tool_use_id": "a2", "content": [
                        {"type": "text", "text": "no map"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "BBBB"}},
                        {"type": "text", "text": "Link to resource file:///m (m)"},
                    ], "is_error": true},
                ]},
            ],
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "tools": [
                {"name": "weather", "description": "The weather", "input_schema": {"type": "object", "properties": {}}},
                {"name": "map", "input_schema": {"type": "object"}},
            ],
            "tool_choice": {"type": "auto"},
            "stream": true,
        })
        .to_string()
    );
}

#[test]
fn gemini() {
    let wire = encode(to("gemini"), None, "gemini-3-pro", &everything()).unwrap();
    assert_eq!(
        wire.url,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
    );
    assert_eq!(wire.auth, AuthStyle::XGoogApiKey);
    assert_eq!(
        body_of(&wire),
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [
                    {"text": "What is this, and the weather?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ]},
                {"role": "model", "parts": [
                    {"text": "Let me look."},
                    {"functionCall": {"id": "a1", "name": "weather", "args": {"city": "Paris", "at": 1}},
                     "thoughtSignature": "skip_thought_signature_validator"},
                    {"functionCall": {"id": "a2", "name": "map", "args": {}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"id": "a1", "name": "weather", "response": {"output": "18\n{\"t\":18}"}}},
                    {"functionResponse": {"id": "a2", "name": "map", "response": {"error": "no map\nLink to resource file:///m (m)"}}},
                    {"inlineData": {"mimeType": "image/png", "data": "BBBB"}},
                ]},
            ],
            "generationConfig": {"maxOutputTokens": 64, "temperature": 0.5, "stopSequences": ["END"]},
            "tools": [{"functionDeclarations": [
                {"name": "weather", "description": "The weather", "parametersJsonSchema": {"type": "object", "properties": {}}},
                {"name": "map", "parametersJsonSchema": {"type": "object"}},
            ]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        })
        .to_string()
    );
    let older = body_of(&encode(to("gemini"), None, "gemini-2.5-flash", &everything()).unwrap());
    assert!(!older.contains("thoughtSignature"));
}

#[test]
fn gemini_gets_its_signature_back() {
    let request = SamplingRequest::parse(json!({"maxTokens": 1, "messages": [
        {"role": "assistant", "content": {"type": "tool_use", "id": "a", "name": "n", "input": {}, "_meta": {"samplegate/thoughtSignature": "c2ln"}}},
        {"role": "user", "content": {"type": "tool_result", "toolUseId": "a", "content": []}},
    ]}))
    .unwrap();
    let body: Value =
        serde_json::from_slice(&encode(to("gemini"), None, "gemini-2.5-pro", &request).unwrap().body).unwrap();
    assert_eq!(
        body["contents"][0]["parts"][0],
        json!({"functionCall": {"id": "a", "name": "n", "args": {}}, "thoughtSignature": "c2ln"})
    );
}

#[test]
fn ollama() {
    let wire = encode(to("ollama"), None, "qwen3", &everything()).unwrap();
    assert_eq!(wire.url, "http://127.0.0.1:11434/api/chat");
    assert_eq!(
        body_of(&wire),
        json!({
            "model": "qwen3",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is this, and the weather?", "images": ["AAAA"]},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "a1", "function": {"name": "weather", "arguments": {"city": "Paris", "at": 1}}},
                    {"id": "a2", "function": {"name": "map", "arguments": {}}},
                ]},
                {"role": "tool", "content": "18\n{\"t\":18}", "tool_name": "weather", "tool_call_id": "a1"},
                {"role": "tool", "content": "Error: no map\nLink to resource file:///m (m)", "tool_name": "map", "tool_call_id": "a2"},
                {"role": "user", "content": "", "images": ["BBBB"]},
            ],
            "tools": [
                {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}}},
                {"type": "function", "function": {"name": "map", "parameters": {"type": "object"}}},
            ],
            "options": {"num_predict": 64, "temperature": 0.5, "stop": ["END"]},
            "truncate": false,
            "shift": false,
            "stream": true,
        })
        .to_string()
    );
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    let ogg = asking(json!({"type": "audio", "mimeType": "audio/ogg", "data": "AAAA"}));
    let wav = asking(json!({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}));
    let tiff = asking(json!({"type": "image", "mimeType": "image/tiff", "data": "AAAA"}));
    let what = |name: &str, request: &SamplingRequest| encode(to(name), None, "m", request).unwrap_err().what;
    assert_eq!(what("openai", &ogg), "audio/ogg audio");
    assert_eq!(what("anthropic", &wav), "audio");
    assert_eq!(what("ollama", &wav), "audio");
    assert_eq!(what("anthropic", &tiff), "an image/tiff image");
    assert!(encode(to("gemini"), None, "m", &ogg).is_ok());
    let wire = encode(to("openai"), None, "m", &wav).unwrap();
    assert!(body_of(&wire).contains(r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#));

    let with = |key: &str, value: Value| {
        let mut params = asking(json!({"type": "text", "text": "a"})).params().clone();
        params[key] = value;
        SamplingRequest::parse(params).unwrap()
    };
    assert_eq!(what("anthropic", &with("temperature", json!(1.5))), "temperature 1.5");
    assert_eq!(what("openai", &with("toolChoice", json!({"mode": "required"}))), "toolChoice “required”");
    let mut required = everything().params().clone();
    required["toolChoice"] = json!({"mode": "required"});
    let required = SamplingRequest::parse(required).unwrap();
    assert_eq!(what("ollama", &required), "toolChoice “required”");
    assert!(
        body_of(&encode(to("anthropic"), None, "m", &required).unwrap()).contains(r#""tool_choice":{"type":"any"}"#)
    );
    let picture = SamplingRequest::parse(json!({"maxTokens": 1, "messages": [
        {"role": "assistant", "content": {"type": "image", "mimeType": "image/png", "data": "AAAA"}}]}))
    .unwrap();
    for name in ["openai", "anthropic", "ollama"] {
        assert_eq!(
            what(name, &picture),
            "an image in a message of the assistant"
                .replace("an image in", if name == "openai" { "an image or audio in" } else { "an image in" })
        );
    }
}

#[test]
fn the_debug_of_a_wire_request_holds_no_prompt() {
    let wire = encode(to("openai"), None, "m", &asking(json!({"type": "text", "text": "secret words"}))).unwrap();
    assert!(!format!("{wire:?}").contains("secret"));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    for provider in PROVIDERS {
        let once = encode(provider, None, "m", &everything()).unwrap();
        assert_eq!(once, encode(provider, None, "m", &everything()).unwrap());
        assert!(!body_of(&once).contains("never"), "metadata and unknown fields stay here");
    }
}
