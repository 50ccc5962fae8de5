//! The formats of the hosts, a file each.

mod claude_code;
mod claude_desktop;
mod codex;
mod cursor;
mod gemini_cli;
mod lm_studio;
mod vs_code;
mod windsurf;
mod zed;

use serde_json::{Map, Value};

use super::{App, FoundServer, Source};

/// Why a field of the host's own is not taken.
const HOSTS_OWN: &str = "it is about the host, not about the server";
const TOOLS: &str = "all of its tools are offered here";
const OAUTH: &str = "sign in again from here, with `samplegate server login`";

pub(super) fn read(root: &Map<String, Value>, source: Source<'_>) -> Vec<FoundServer> {
    match source.app {
        App::ClaudeDesktop => claude_desktop::read(root, source),
        App::ClaudeCode => claude_code::read(root, source),
        App::Cursor => cursor::read(root, source),
        App::VsCode => vs_code::read(root, source),
        App::Codex => codex::read(root, source),
        App::GeminiCli => gemini_cli::read(root, source),
        App::Windsurf => windsurf::read(root, source),
        App::Zed => zed::read(root, source),
        App::LmStudio => lm_studio::read(root, source),
    }
}

/// Reads each entry of the table at this place.
fn each(
    root: &Map<String, Value>,
    place: &[&str],
    mut one: impl FnMut(&str, &Value, Vec<String>) -> FoundServer,
) -> Vec<FoundServer> {
    let (Some((first, rest)), table) = (place.split_first(), root) else { return Vec::new() };
    let table = rest.iter().try_fold(table.get(*first), |table, key| Some(table?.get(key))).flatten();
    let entries = table.and_then(Value::as_object).into_iter().flatten();
    entries
        .map(|(name, value)| {
            let place = place.iter().map(|key| (*key).to_owned()).chain([name.clone()]).collect();
            one(name, value, place)
        })
        .collect()
}
