//! VS Code: `mcp.json` of the person or of a folder, and `settings.json`, where older versions keep the same under `mcp`.

use serde_json::{Map, Value};

use super::{HOSTS_OWN, OAUTH, each};
use crate::host_files::{FoundServer, Source, entry::Entry};

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    let one = |name: &str, value: &Value, place| {
        let mut entry = Entry::new(value, source);
        entry.pass_over(&["type", "gallery", "version", "description"]);
        entry.lose("envFile", "Samplegate reads no file of variables; give the variables themselves");
        entry.lose("sandbox", "confine the server here, in its settings");
        entry.lose("sandboxEnabled", "confine the server here, in its settings");
        entry.lose("oauth", OAUTH);
        entry.lose("dev", HOSTS_OWN);
        let reached = entry.reached(&["url"]);
        entry.finish(name, place, reached, true)
    };
    let mut found = each(root, &["servers"], one);
    found.extend(each(root, &["mcp", "servers"], one));
    // What somebody typed into one key with dots.
    found.extend(each(root, &["mcp.servers"], one));
    found
}
