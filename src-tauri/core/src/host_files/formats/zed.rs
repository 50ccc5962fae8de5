//! Zed, `context_servers` of `settings.json`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    each(root, &["context_servers"], |name, value, place| {
        let value = flattened(value);
        let mut entry = Entry::new(&value, source);
        let enabled = entry.flag("enabled").unwrap_or(true);
        let kind = entry.take("source");
        if kind.as_ref().and_then(Value::as_str) == Some("extension")
            || kind.is_none() && entry.has("settings") && !entry.has("command") && !entry.has("url")
        {
            entry.refuse("it is an extension of Zed, which says how it is started");
        }
        entry.lose("settings", HOSTS_OWN);
        entry.lose("timeout", HOSTS_OWN);
        entry.lose("remote", HOSTS_OWN);
        entry.lose("oauth", OAUTH);
        let reached = entry.reached(&["url"]);
        entry.finish(name, place, reached, enabled)
    })
}

/// Older versions have a table for the command: `{ "command": { "path", "args", "env" } }`.
fn flattened(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut()
        && let Some(Value::Object(mut command)) = fields.get("command").cloned()
    {
        fields.shift_remove("command");
        if let Some(path) = command.shift_remove("path") {
            command.insert("command".into(), path);
        }
        for (key, value) in command {
            fields.entry(key).or_insert(value);
        }
    }
    value
}
