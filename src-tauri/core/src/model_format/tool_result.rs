//! Tool results, for formats that know text and pictures only.

use serde_json::Value;

use super::Unsupported;
use crate::request::{Media, ResourceBody, ResultBlock, ToolResult};

/// A piece of a tool's result that a format can place.
pub(super) enum Part {
    Text(String),
    Image(Media),
    Audio(Media),
}

/// Flattens a result: resources and links become text that names them, and structured content is added as JSON unless
/// a text already says the same.
pub(super) fn parts(result: &ToolResult) -> Result<Vec<Part>, Unsupported> {
    let mut parts = Vec::new();
    for block in &result.content {
        parts.push(match block {
            ResultBlock::Text(text) => Part::Text(text.clone()),
            ResultBlock::Image(image) => Part::Image(image.clone()),
            ResultBlock::Audio(audio) => Part::Audio(audio.clone()),
            ResultBlock::Resource(resource) => match (&resource.body, resource.mime_type.as_deref()) {
                (ResourceBody::Text(text), _) => Part::Text(format!("Resource {}:\n{text}", resource.uri)),
                (ResourceBody::Blob(data), Some(mime)) if mime.starts_with("image/") => {
                    Part::Image(Media { mime_type: mime.to_owned(), data: data.clone() })
                }
                (ResourceBody::Blob(data), Some(mime)) if mime.starts_with("audio/") => {
                    Part::Audio(Media { mime_type: mime.to_owned(), data: data.clone() })
                }
                (ResourceBody::Blob(_), mime) => {
                    return Err(Unsupported::new(
                        format!("a tool result with a binary resource ({})", mime.unwrap_or("no type")),
                        "models take text and images; edit the result or answer by hand",
                    ));
                }
            },
            ResultBlock::ResourceLink(link) => {
                let mut text = format!("Link to resource {} ({})", link.uri, link.name);
                if let Some(description) = &link.description {
                    text.push_str(": ");
                    text.push_str(description);
                }
                Part::Text(text)
            }
        });
    }
    if let Some(structured) = &result.structured_content {
        let said = parts.iter().any(|part| {
            matches!(part, Part::Text(text) if serde_json::from_str::<Value>(text).is_ok_and(|said| said == *structured))
        });
        if !said {
            parts.push(Part::Text(structured.to_string()));
        }
    }
    Ok(parts)
}

/// The texts of a result, one below the other, and the images, for formats whose results are one text. A failed tool
/// is told apart by the first word.
pub(super) fn text_and_images(result: &ToolResult, format: &str) -> Result<(String, Vec<Media>), Unsupported> {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for part in parts(result)? {
        match part {
            Part::Text(text) => texts.push(text),
            Part::Image(image) => images.push(image),
            Part::Audio(_) => return Err(audio_refused(format)),
        }
    }
    let text = texts.join("\n");
    Ok((if result.is_error { format!("Error: {text}") } else { text }, images))
}

/// A sound in a tool result where there is no place for it.
pub(super) fn audio_refused(format: &str) -> Unsupported {
    Unsupported::new("audio in a tool result", format!("{format} takes none; edit the result or answer by hand"))
}
