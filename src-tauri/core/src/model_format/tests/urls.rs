use super::*;

fn url(name: &str, base: &str) -> String {
    encode(to(name), Some(base), "m", &asking(json!({"type": "text", "text": "a"}))).unwrap().url
}

#[test]
fn with_or_without_version_and_slash() {
    for (name, base, expected) in [
        ("openai", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/chat/completions"),
        ("openai", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/chat/completions"),
        ("openai", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/chat/completions"),
        ("openai", "http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1/chat/completions"),
        ("openai", "https://x.test/v1/chat/completions", "https://x.test/v1/chat/completions"),
        ("openai", "https://x.test/v1beta/openai/", "https://x.test/v1beta/openai/chat/completions"),
        ("openai", "https://x.test/paas/v4", "https://x.test/paas/v4/chat/completions"),
        ("openai", "https://x.test/vast", "https://x.test/vast/v1/chat/completions"),
        ("openai", " ", "https://api.openai.com/v1/chat/completions"),
        ("anthropic", "https://x.test/v1/acct/anthropic", "https://x.test/v1/acct/anthropic/v1/messages"),
        ("anthropic", "https://x.test/v1/", "https://x.test/v1/messages"),
        ("gemini", "https://x.test/v1beta/", "https://x.test/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini", "https://x.test", "https://x.test/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("ollama", "http://[::1]:11434/v1/", "http://[::1]:11434/api/chat"),
        ("ollama", "http://localhost:11434/api", "http://localhost:11434/api/chat"),
    ] {
        assert_eq!(url(name, base), expected);
    }
}

#[test]
fn a_model_stays_in_its_path_segment() {
    let request = asking(json!({"type": "text", "text": "a"}));
    let url = |model| encode(to("gemini"), Some("https://x.test"), model, &request).unwrap().url;
    assert_eq!(
        url("../../secret?x=1#"),
        "https://x.test/v1beta/models/..%2F..%2Fsecret%3Fx%3D1%23:streamGenerateContent?alt=sse"
    );
    assert_eq!(url("tunedModels/mine"), "https://x.test/v1beta/tunedModels/mine:streamGenerateContent?alt=sse");
}

#[test]
fn unusable_base_urls_are_refused() {
    for base in [
        "ftp://x",
        "x.test",
        "https://",
        "https://u:p@x.test",
        "https://x.test/?key=1",
        "https://x.test/#a",
        "http://a b",
        "http://:80",
    ] {
        assert_eq!(list_models(to("openai"), Some(base)).unwrap_err().what, "base URL", "{base}");
    }
}

#[test]
fn this_machine_and_others() {
    for url in [
        "http://localhost:1",
        "http://LOCALHOST/",
        "http://127.0.0.1:80/x",
        "http://127.9.9.9",
        "http://[::1]/",
        "http://a.localhost",
        "http://[::ffff:127.0.0.1]/",
    ] {
        assert!(is_loopback(url), "{url}");
    }
    for url in [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://localhost@evil.test",
        "http://evil.test\\@localhost",
        "http://0.0.0.0",
        "http://192.168.0.1",
        "x",
    ] {
        assert!(!is_loopback(url), "{url}");
    }
    assert!(is_plain_http("HTTP://x") && !is_plain_http("https://x"));
}

#[test]
fn lists_of_models() {
    assert_eq!(list_models(to("ollama"), None).unwrap().url, "http://127.0.0.1:11434/api/tags");
    assert_eq!(list_models(to("lmstudio"), None).unwrap().url, "http://127.0.0.1:1234/v1/models");
    assert_eq!(model_names(Format::OpenAi, br#"{"data":[{"id":"a"},{"id":"b"}]}"#), Some(vec!["a".into(), "b".into()]));
    assert_eq!(model_names(Format::Gemini, br#"{"models":[{"name":"models/g"}]}"#), Some(vec!["g".into()]));
    assert_eq!(model_names(Format::Ollama, b"{}"), None);
}
