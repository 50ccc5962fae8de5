//! Editing: one file that holds every editable text literally, and back.

use samplegate_engine::wire::{Action, Phase, ReviewItem};
use serde_json::{Value, json};

use super::{outside, show};

/// A text in the file: where it belongs in the object, and whether it is text or JSON.
struct Section {
    pointer: String,
    text: String,
    is_json: bool,
}

/// Lets the person edit what stands at this gate. None: nothing was changed.
pub(super) async fn run(item: &ReviewItem) -> Option<Action> {
    let (object, sections) = match item.phase {
        Phase::Answer => {
            let result = show::result_of(item)?.clone();
            let mut sections = blocks("/content", &result["content"]);
            sections.extend(json_at(&result, "/structuredContent"));
            (result, sections)
        }
        Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => {
            let sections = if item.tool_call().is_some() { of_call(&item.request) } else { of_request(&item.request) };
            (item.request.clone(), sections)
        }
    };
    let marker = marker(&sections);
    let before = write(&sections, &marker);
    let mut text = before.clone();
    loop {
        text = outside::edit(text).await?;
        if text == before {
            show::say(&show::muted("Nothing was changed."));
            return None;
        }
        match read(&object, &sections, &marker, &text) {
            Ok(object) => {
                return Some(match item.phase {
                    Phase::Answer => Action::EditAnswer { result: object },
                    Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => {
                        Action::EditRequest { params: object }
                    }
                });
            }
            Err(error) => {
                // The text is not lost: it opens again, with the reason above.
                show::say(&show::bad(&format!("{error}. Mend it in the editor; empty the file to give up.")));
                if text.trim().is_empty() {
                    return None;
                }
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            }
        }
    }
}

fn of_request(params: &Value) -> Vec<Section> {
    let text = |pointer: &str| Section {
        pointer: pointer.into(),
        text: params.pointer(pointer).and_then(Value::as_str).unwrap_or_default().into(),
        is_json: false,
    };
    let mut sections = vec![text("/systemPrompt")];
    for (index, message) in params["messages"].as_array().into_iter().flatten().enumerate() {
        sections.extend(blocks(&format!("/messages/{index}/content"), &message["content"]));
    }
    for name in ["maxTokens", "temperature", "stopSequences"] {
        if let Some(value) = params.get(name).filter(|value| !value.is_null()) {
            sections.push(Section { pointer: format!("/{name}"), text: value.to_string(), is_json: true });
        }
    }
    sections
}

/// The arguments of a tool call: texts as they are, all else as JSON. Without any, all of them as one object.
fn of_call(params: &Value) -> Vec<Section> {
    let arguments = params["arguments"].as_object().filter(|arguments| !arguments.is_empty());
    let Some(arguments) = arguments else {
        return vec![Section { pointer: "/arguments".into(), text: "{}".into(), is_json: true }];
    };
    let section = |(name, value): (&String, &Value)| {
        let pointer = format!("/arguments/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::String(text) => Section { pointer, text: text.clone(), is_json: false },
            other => Section { pointer, text: other.to_string(), is_json: true },
        }
    };
    arguments.iter().map(section).collect()
}

fn json_at(object: &Value, pointer: &str) -> Option<Section> {
    let value = object.pointer(pointer).filter(|value| !value.is_null())?;
    Some(Section { pointer: pointer.into(), text: value.to_string(), is_json: true })
}

/// The texts in a content, whether it is one block or several, those in tool results included.
fn blocks(pointer: &str, content: &Value) -> Vec<Section> {
    match content {
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, item)| blocks(&format!("{pointer}/{index}"), item)).collect()
        }
        Value::Object(block) => match block.get("text").and_then(Value::as_str) {
            Some(text) => vec![Section { pointer: format!("{pointer}/text"), text: text.into(), is_json: false }],
            None => block.get("content").map(|inner| blocks(&format!("{pointer}/content"), inner)).unwrap_or_default(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The beginning of the lines between the texts; no text holds it.
fn marker(sections: &[Section]) -> String {
    (0_u32..)
        .map(|number| format!("=== samplegate {number:04x} ==="))
        .find(|marker| sections.iter().all(|section| !section.text.contains(marker.as_str())))
        .unwrap_or_default()
}

fn write(sections: &[Section], marker: &str) -> String {
    let mut file = format!("Edit below. The lines with {marker:?} stand between the texts: leave them as they are.\n");
    for section in sections {
        file.push_str(&format!("{marker} {}\n{}\n", section.pointer, section.text));
    }
    file
}

fn read(object: &Value, sections: &[Section], marker: &str, file: &str) -> Result<Value, String> {
    let between = format!("{marker} ");
    let parts: Vec<&str> = file.split(&between).skip(1).collect();
    if parts.len() != sections.len() {
        return Err(format!("there were {} texts and now there are {}", sections.len(), parts.len()));
    }
    let mut object = object.clone();
    for (section, part) in sections.iter().zip(parts) {
        let (pointer, text) = part.split_once('\n').ok_or("a line between the texts is broken")?;
        if pointer.trim_end() != section.pointer {
            return Err(format!("the text of {} is missing", section.pointer));
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text == section.text {
            continue;
        }
        let value = if section.is_json {
            serde_json::from_str(text.trim()).map_err(|error| format!("{}: {error}", section.pointer))?
        } else {
            json!(text)
        };
        match object.pointer_mut(&section.pointer) {
            Some(place) => *place = value,
            None => object[section.pointer.trim_start_matches('/')] = value,
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Value {
        json!({
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "one\ntwo\n"}},
                {"role": "user", "content": [{"type": "text", "text": "=== samplegate 0000 === /x"}]},
            ],
            "maxTokens": 10,
        })
    }

    #[test]
    fn what_is_not_edited_comes_back_as_it_was() {
        let (params, sections) = (params(), of_request(&params()));
        let marker = marker(&sections);
        assert_eq!(read(&params, &sections, &marker, &write(&sections, &marker)).unwrap(), params);
    }

    #[test]
    fn every_text_can_be_changed() {
        let (params, sections) = (params(), of_request(&params()));
        let marker = marker(&sections);
        let file = write(&sections, &marker).replace("two", "2").replace("/systemPrompt\n", "/systemPrompt\nBe brief.");
        let edited = read(&params, &sections, &marker, &file.replace("\n10\n", "\n5\n")).unwrap();
        assert_eq!(edited["systemPrompt"], "Be brief.");
        assert_eq!(edited["messages"][0]["content"]["text"], "one\n2\n");
        assert_eq!(edited["maxTokens"], 5);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let (params, sections) = (params(), of_request(&params()));
        let marker = marker(&sections);
        assert!(read(&params, &sections, &marker, "nothing").is_err());
        assert!(read(&params, &sections, &marker, &write(&sections, &marker).replace("\n10\n", "\nten\n")).is_err());
    }
}
