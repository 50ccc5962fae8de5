//! Claude Desktop, `claude_desktop_config.json`: commands only.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    each(root, &["mcpServers"], |name, value, place| {
        let mut entry = Entry::new(value, source);
        entry.pass_over(&["type", "transport"]);
        let enabled = !entry.flag("disabled").unwrap_or(false);
        entry.lose("autoApprove", HOSTS_OWN);
        entry.lose("alwaysAllow", HOSTS_OWN);
        let reached = entry.reached(&["url"]);
        entry.finish(name, place, reached, enabled)
    })
}
