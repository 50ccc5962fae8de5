//! Names at the endpoint of all servers together: `SERVER__name`, and `samplegate://SERVER/` before a resource's URI.
//!
//! What was put before a name or a URI can be taken off again, so nothing is remembered of what was listed.

use serde_json::Value;

use crate::mcp::Listing;

const JOINT: &str = "__";
const SCHEME: &str = "samplegate://";

/// The name of a server's tool or prompt.
pub(super) fn joined(server: &str, name: &str) -> String {
    format!("{server}{JOINT}{name}")
}

/// Every server and name that a joined name may mean: either may hold what joins them.
pub(super) fn readings(joined: &str) -> impl Iterator<Item = (&str, &str)> {
    let joints = joined.match_indices('_').map(|(at, _)| at).filter(|at| joined[*at..].starts_with(JOINT));
    joints
        .map(|at| (&joined[..at], &joined[at + JOINT.len()..]))
        .filter(|(server, name)| !server.is_empty() && !name.is_empty())
}

/// The URI of a server's resource; of a template too, which stays one.
pub(super) fn uri(server: &str, uri: &str) -> String {
    format!("{SCHEME}{server}/{uri}")
}

/// The server and the URI that it knows.
pub(super) fn split_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix(SCHEME)?.split_once('/')
}

/// Renames an item of a listing.
pub(super) fn rename_listed(listing: Listing, server: &str, item: &mut Value) {
    let (member, rename): (_, fn(&str, &str) -> String) = match listing {
        Listing::Tools | Listing::Prompts => ("name", joined),
        Listing::Resources => ("uri", uri),
        Listing::ResourceTemplates => ("uriTemplate", uri),
    };
    rename_member(item, member, server, rename);
}

/// Renames the resources that the result of a call names.
pub(super) fn rename_resources(server: &str, result: &mut Value) {
    let Some(object) = result.as_object_mut() else { return };
    let blocks = |value: &mut Value| {
        let one_or_many = match value {
            Value::Array(blocks) => blocks.iter_mut().collect(),
            block => vec![block],
        };
        for block in one_or_many {
            match block.get("type").and_then(Value::as_str) {
                Some("resource_link") => rename_member(block, "uri", server, uri),
                Some("resource") => {
                    if let Some(resource) = block.get_mut("resource") {
                        rename_member(resource, "uri", server, uri);
                    }
                }
                _ => {}
            }
        }
    };
    if let Some(content) = object.get_mut("content") {
        blocks(content);
    }
    for message in object.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(content) = message.get_mut("content") {
            blocks(content);
        }
    }
    for content in object.get_mut("contents").and_then(Value::as_array_mut).into_iter().flatten() {
        rename_member(content, "uri", server, uri);
    }
}

fn rename_member(item: &mut Value, member: &str, server: &str, rename: fn(&str, &str) -> String) {
    if let Some(Value::String(name)) = item.get_mut(member) {
        *name = rename(server, name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_joined_name_is_read_in_every_way() {
        let read = |joined| readings(joined).collect::<Vec<_>>();
        assert_eq!(read("a__b"), [("a", "b")]);
        assert_eq!(read("a__b__c"), [("a", "b__c"), ("a__b", "c")]);
        assert_eq!(read("a___b"), [("a", "_b"), ("a_", "b")]);
        assert_eq!(read("plain"), []);
        assert_eq!(read("__x"), []);
        assert!(read(&joined("a_", "_b")).contains(&("a_", "_b")));
    }

    #[test]
    fn a_uri_is_found_again_whatever_it_is() {
        for original in ["file:///a/b?c#d", "urn:x:y", "samplegate://other/u", "memo://{name}/{+rest}", ""] {
            assert_eq!(split_uri(&uri("s.1", original)), Some(("s.1", original)));
        }
        assert_eq!(split_uri("file:///a"), None);
    }

    #[test]
    fn resources_in_results_are_renamed_and_nothing_else() {
        let mut result = json!({
            "content": [
                {"type": "text", "text": "file:///a", "uri": "file:///a"},
                {"type": "resource_link", "uri": "file:///a", "name": "n"},
                {"type": "resource", "resource": {"uri": "file:///b", "text": "t"}},
            ],
            "messages": [{"role": "user", "content": {"type": "resource", "resource": {"uri": "u:c"}}}],
            "contents": [{"uri": "u:d", "text": "t"}],
            "structuredContent": {"uri": "u:e"},
        });
        rename_resources("s", &mut result);
        let expected = json!({
            "content": [
                {"type": "text", "text": "file:///a", "uri": "file:///a"},
                {"type": "resource_link", "uri": "samplegate://s/file:///a", "name": "n"},
                {"type": "resource", "resource": {"uri": "samplegate://s/file:///b", "text": "t"}},
            ],
            "messages": [{"role": "user", "content": {"type": "resource", "resource": {"uri": "samplegate://s/u:c"}}}],
            "contents": [{"uri": "samplegate://s/u:d", "text": "t"}],
            "structuredContent": {"uri": "u:e"},
        });
        assert_eq!(result, expected);
    }
}
