//! Claude Code: the person's `.claude.json`, with servers for everywhere and for single projects, and a project's
//! `.mcp.json`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    let mut found = each(root, &["mcpServers"], |name, value, place| one(name, value, place, source, &[]));
    let projects = root.get("projects").and_then(Value::as_object).into_iter().flatten();
    for (folder, project) in projects {
        let Some(table) = project.as_object() else { continue };
        let disabled: Vec<&str> = table
            .get("disabledMcpServers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let source = Source { project: Some(folder), ..source };
        found.extend(each(table, &["mcpServers"], |name, value, below| {
            let place = ["projects", folder].into_iter().map(str::to_owned).chain(below).collect();
            one(name, value, place, source, &disabled)
        }));
    }
    found
}

fn one(name: &str, value: &Value, place: Vec<String>, source: Source<'_>, disabled: &[&str]) -> FoundServer {
    let mut entry = Entry::new(value, source);
    let kind = entry.take("type");
    match kind.as_ref().and_then(Value::as_str) {
        None | Some("stdio" | "http" | "streamable-http" | "sse") => {}
        Some(other) => entry.refuse(format!("servers of the type {other:?} exist in Claude Code only")),
    }
    entry.lose("headersHelper", "Samplegate runs no program for headers; give the headers themselves");
    entry.lose("oauth", OAUTH);
    entry.lose("timeout", HOSTS_OWN);
    entry.lose("alwaysLoad", HOSTS_OWN);
    entry.pass_over(&["description"]);
    let reached = entry.reached(&["url"]);
    entry.finish(name, place, reached, !disabled.contains(&name))
}
