//! Tools that can be taken for one another by their names.

use std::collections::HashMap;

use serde_json::Value;
use unicode_security::confusable_detection::skeleton;

use super::{Finding, FindingKind, Severity, found::Found};

/// Compares the names of a value's `tools` with each other.
pub(super) fn compare(value: &Value, found: &mut Found) {
    let Some(tools) = value.get("tools").and_then(Value::as_array) else { return };
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (index, tool) in tools.iter().enumerate() {
        let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
        let drawn = skeleton(name).collect::<String>().to_lowercase();
        match seen.get(&drawn) {
            Some(other) if *other != name => found.add_whole(Finding {
                kind: FindingKind::Homoglyph,
                severity: Severity::High,
                pointer: format!("/tools/{index}/name"),
                in_name: false,
                start: 0,
                end: u32::try_from(name.chars().count()).unwrap_or(u32::MAX),
                why: format!("This tool's name looks like that of another tool here, “{other}”."),
                label: String::new(),
                decoded: None,
            }),
            Some(_) => {}
            None => {
                seen.insert(drawn, name);
            }
        }
    }
}
