//! LM Studio, `mcp.json`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    each(root, &["mcpServers"], |name, value, place| {
        let mut entry = Entry::new(value, source);
        entry.pass_over(&["type"]);
        entry.lose("timeout", HOSTS_OWN);
        entry.lose("auth", OAUTH);
        let enabled = !entry.flag("disabled").unwrap_or(false);
        let reached = entry.reached(&["url"]);
        entry.finish(name, place, reached, enabled)
    })
}
