//! The approval record on the command line: filled in with options, printed with its history, renewed.

use serde_json::json;

use super::Home;

const RECORD: [&str; 5] = ["server", "record", "s", "--format", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_filled_in_printed_and_renewed() {
    let home = Home::new();
    home.ok(&["server", "add", "s", "--", "/usr/bin/python3", "-c", "0"]).await;
    let empty = home.one(&RECORD).await;
    assert_eq!((&empty["sampling"], &empty["filled"]), (&json!("off"), &json!(false)));
    home.ok(&[
        "server",
        "set",
        "s",
        "--sampling",
        "ask",
        "--sampling-tools",
        "fetch",
        "--purpose",
        "Sums up pages",
        "--context",
        "Public pages",
        "--models",
        "class:local,human",
        "--owner",
        "Ada",
        "--review-by",
        "2020-01-31",
        "--risk",
        "high",
        "--tool-risk",
        "fetch=low",
        "--tool-labels",
        "fetch=untrusted+outward",
        "--typed-confirmation",
        "true",
    ])
    .await;
    let filled = home.one(&RECORD).await;
    for (key, value) in [
        ("sampling", json!("ask")),
        ("purpose", json!("Sums up pages")),
        ("models", json!(["class:local", "human"])),
        ("sampling_tools", json!(["fetch"])),
        ("owner", json!("Ada")),
        ("review_by", json!("2020-01-31")),
        ("due", json!(true)),
        ("risk", json!("high")),
        ("typed_confirmation", json!(true)),
        ("tools", json!([{"name": "fetch", "risk": "low", "labels": ["untrusted", "outward"]}])),
    ] {
        assert_eq!(filled[key], value, "{key}");
    }
    let history = filled["history"].as_array().unwrap();
    assert_eq!(history[0]["changes"][0]["key"], "", "it was added first: {history:?}");
    assert!(history.iter().any(|line| line["changes"].to_string().contains("Sums up pages")), "{history:?}");
    let text = home.ok(&["server", "record", "s"]).await;
    assert!(text.contains("| Why it needs sampling | Sums up pages |"), "{text}");
    assert!(text.contains("which has passed: rules and grants are suspended"), "{text}");
    let renewed = home.ok(&["server", "record", "s", "--renew"]).await;
    assert!(!renewed.contains("which has passed"), "{renewed}");
    assert_eq!(home.one(&RECORD).await["due"], false);
}
