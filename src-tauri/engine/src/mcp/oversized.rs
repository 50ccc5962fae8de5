//! Reads the outline of a message too large to parse: its id and its method, from its first and last KiB.
//!
//! Only members of the outermost object count. At the head, a small reader walks the members until the bytes run out;
//! at the tail, simple members directly before the last brace are read backwards. What is not certain is left out.

use serde_json::Value;

/// How much of the head and of the tail is kept, in bytes.
pub(crate) const KEPT: usize = 1024;

/// What could be read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outline {
    pub(crate) id: Option<Value>,
    pub(crate) method: Option<String>,
    pub(crate) is_response: bool,
}

/// Collects a message's head, tail and size while it is thrown away.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    head: Vec<u8>,
    tail: Vec<u8>,
    pub(crate) bytes: u64,
}

impl Remains {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = KEPT.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
    }

    pub(crate) fn outline(&self) -> Outline {
        let mut outline = Outline::default();
        read_head(&self.head, &mut outline);
        read_tail(&self.tail, &mut outline);
        outline
    }
}

fn read_head(head: &[u8], outline: &mut Outline) {
    let mut rest = head.trim_ascii_start();
    let Some(inside) = rest.strip_prefix(b"{") else {
        return;
    };
    rest = inside;
    loop {
        rest = rest.trim_ascii_start();
        let Some((Value::String(name), after)) = scalar(rest) else {
            return;
        };
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else {
            return;
        };
        if name == "result" || name == "error" {
            outline.is_response = true;
        }
        rest = match scalar(value.trim_ascii_start()) {
            Some((value, after)) => {
                member(outline, &name, value);
                after
            }
            None => match skip_nested(value.trim_ascii_start()) {
                Some(after) => after,
                None => return,
            },
        };
        let Some(next) = rest.trim_ascii_start().strip_prefix(b",") else {
            return;
        };
        rest = next;
    }
}

fn member(outline: &mut Outline, name: &str, value: Value) {
    match (name, value) {
        ("id", id @ (Value::String(_) | Value::Number(_))) => outline.id = Some(id),
        ("method", Value::String(method)) => outline.method = Some(method),
        _ => {}
    }
}

/// A complete string, number or word at the beginning, and what follows.
fn scalar(text: &[u8]) -> Option<(Value, &[u8])> {
    let end = match text.first()? {
        b'"' => string_end(text)?,
        b'{' | b'[' => return None,
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace())?,
    };
    Some((serde_json::from_slice(&text[..end]).ok()?, &text[end..]))
}

fn string_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What follows a complete object or array.
fn skip_nested(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                at += string_end(&text[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(&text[at + 1..]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Reads `, "name": scalar` members backwards from the closing brace. Names and values with escapes end the reading, so
/// nothing inside a string can pass for a member.
fn read_tail(tail: &[u8], outline: &mut Outline) {
    let Some(mut rest) = tail.trim_ascii_end().strip_suffix(b"}") else {
        return;
    };
    loop {
        rest = rest.trim_ascii_end();
        let Some(colon) = value_start(rest) else {
            return;
        };
        let (before, value) = rest.split_at(colon);
        let Ok(value) = serde_json::from_slice::<Value>(value.trim_ascii()) else {
            return;
        };
        let Some(before) = before.trim_ascii_end().strip_suffix(b":") else {
            return;
        };
        let before = before.trim_ascii_end();
        let Some(name_start) = value_start(before) else {
            return;
        };
        let (before, name) = before.split_at(name_start);
        let Ok(name) = serde_json::from_slice::<String>(name) else {
            return;
        };
        let Some(before) = before.trim_ascii_end().strip_suffix(b",") else {
            return;
        };
        if outline.id.is_none() || name != "id" {
            member(outline, &name, value);
        }
        rest = before;
    }
}

/// Where the scalar that ends these bytes begins.
fn value_start(text: &[u8]) -> Option<usize> {
    match text.last()? {
        b'"' => {
            let inside = &text[..text.len() - 1];
            let start = inside.iter().rposition(|byte| *byte == b'"')?;
            let plain = !inside[start..].contains(&b'\\') && (start == 0 || inside[start - 1] != b'\\');
            plain.then_some(start)
        }
        byte if byte.is_ascii_digit() => {
            let start = text.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'-')?;
            Some(start + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outline(text: &str) -> Outline {
        let mut remains = Remains::default();
        for chunk in text.as_bytes().chunks(700) {
            remains.add(chunk);
        }
        assert_eq!(remains.bytes, text.len() as u64);
        remains.outline()
    }

    fn long() -> String {
        "x".repeat(5000)
    }

    #[test]
    fn members_in_any_order() {
        let sampling =
            Outline { id: Some(json!(7)), method: Some("sampling/createMessage".into()), is_response: false };
        let long = long();
        assert_eq!(
            outline(&format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{{"id":9,"t":"{long}"}}}}"#
            )),
            sampling
        );
        assert_eq!(
            outline(&format!(
                r#"{{"method":"sampling/createMessage","params":{{"t":"{long}"}},"jsonrpc":"2.0", "id": 7 }}"#
            )),
            sampling
        );
        assert_eq!(
            outline(&format!(r#"{{"result":{{"t":"{long}"}},"jsonrpc":"2.0","id":"a-1"}}"#)),
            Outline { id: Some(json!("a-1")), method: None, is_response: true }
        );
    }

    #[test]
    fn nested_or_quoted_members_do_not_count() {
        let long = long();
        assert_eq!(outline(&format!(r#"{{"params":{{"t":"{long}","id":5}}}}"#)), Outline::default());
        assert_eq!(outline(&format!(r#"{{"params":"{long},\"id\":5}}"#)), Outline::default());
        assert_eq!(outline(&format!(r#"{{"params":"{long},\"id\":\"5\"}}"#)), Outline::default());
        assert_eq!(outline(&long), Outline::default());
    }
}
