//! Results for people: text as text, everything else in a line that says what it is.

use std::io;

use serde_json::Value;

use crate::output;

/// The result of a tool.
pub(super) fn tool_result(result: &Value) -> io::Result<()> {
    blocks(&result["content"])?;
    match result.get("structuredContent") {
        Some(structured) if !structured.is_null() => output::pretty(structured),
        Some(_) | None => Ok(()),
    }
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
    fn bytes_are_counted_without_decoding_them() {
        for (data, bytes) in [("", 0), ("TQ==", 1), ("TWE=", 2), ("TWFu", 3), ("TWFuTQ", 4)] {
            let block = json!({"mimeType": "image/png", "data": data});
            assert_eq!(media("image", &block, &block["data"]), format!("[image image/png, {bytes} bytes]"));
        }
    }
}
