//! Results for people: text as text, everything else in a line that says what it is.

use std::io;

use serde_json::Value;

use crate::output;

/// The result of a tool.
pub(super) fn tool_result(result: &Value) -> io::Result<()> {
    blocks(&result["content"])?;
    match &result["structuredContent"] {
        Value::Null => Ok(()),
        structured if says(&result["content"], structured) => Ok(()),
        structured => output::pretty(structured),
    }
}

/// Whether a text block says the same already: as JSON (MCP asks servers for that), or as FastMCP's `{"result": TEXT}`.
fn says(content: &Value, structured: &Value) -> bool {
    items(content).iter().filter_map(|block| block["text"].as_str()).any(|text| {
        let wrapped = structured.as_object().is_some_and(|object| object.len() == 1);
        let same_text = wrapped && structured["result"].as_str() == Some(text);
        same_text || serde_json::from_str::<Value>(text).is_ok_and(|value| value == *structured)
    })
}

/// The messages of a prompt.
pub(super) fn prompt(result: &Value) -> io::Result<()> {
    items(&result["messages"]).iter().try_for_each(|message| {
        output::line(&format!("{}:", output::inline(message["role"].as_str().unwrap_or("?"))))?;
        blocks(&message["content"])
    })
}

/// The contents of a resource.
pub(super) fn resource(result: &Value) -> io::Result<()> {
    items(&result["contents"]).iter().try_for_each(embedded)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn blocks(content: &Value) -> io::Result<()> {
    let blocks = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
    blocks.iter().try_for_each(|block| match block["type"].as_str() {
        Some("text") => output::foreign(block["text"].as_str().unwrap_or_default()),
        Some(kind @ ("image" | "audio")) => output::line(&media(kind, block, &block["data"])),
        Some("resource") => embedded(&block["resource"]),
        Some("resource_link") => {
            output::line(&format!("[resource {}]", output::inline(block["uri"].as_str().unwrap_or_default())))
        }
        Some(_) | None => output::pretty(block),
    })
}

fn embedded(contents: &Value) -> io::Result<()> {
    match contents["text"].as_str() {
        Some(text) => output::foreign(text),
        None => output::line(&media("resource", contents, &contents["blob"])),
    }
}

/// What a block of bytes is, e.g. `[image image/png, 123 bytes]`.
fn media(kind: &str, block: &Value, data: &Value) -> String {
    let mime = output::inline(block["mimeType"].as_str().unwrap_or("of unknown type"));
    // Base64: four characters for three bytes, less its padding.
    let data = data.as_str().unwrap_or_default().trim_end_matches('=');
    format!("[{kind} {mime}, {} bytes]", data.len() * 3 / 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn structured_content_is_not_said_twice() {
        let text = |text: &str| json!([{"type": "text", "text": text}]);
        assert!(says(&text("42"), &json!({"result": "42"})));
        assert!(says(&text(r#"{"b": 1, "a": 2}"#), &json!({"a": 2, "b": 1})));
        assert!(!says(&text("done"), &json!({"answer": 42})));
        assert!(!says(&text("42"), &json!({"result": "42", "unit": "m"})));
    }

    #[test]
    fn bytes_are_counted_without_decoding_them() {
        for (data, bytes) in [("", 0), ("TQ==", 1), ("TWE=", 2), ("TWFu", 3), ("TWFuTQ", 4)] {
            let block = json!({"mimeType": "image/png", "data": data});
            assert_eq!(media("image", &block, &block["data"]), format!("[image image/png, {bytes} bytes]"));
        }
    }
}
