//! Windsurf, `mcp_config.json`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, TOOLS, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    each(root, &["mcpServers"], |name, value, place| {
        let mut entry = Entry::new(value, source);
        entry.pass_over(&["type", "transport", "registry"]);
        let enabled = !entry.flag("disabled").unwrap_or(false);
        for key in ["alwaysAllow", "timeout"] {
            entry.lose(key, HOSTS_OWN);
        }
        entry.lose("disabledTools", TOOLS);
        if entry.has("serverUrl") {
            entry.pass_over(&["url"]);
        }
        let reached = entry.reached(&["serverUrl", "url"]);
        entry.finish(name, place, reached, enabled)
    })
}
