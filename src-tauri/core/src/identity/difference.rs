//! What differs between two identities, as a person is shown it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Identity, Launch, Process, tool_name};

/// So many differences are named in a sentence.
const NAMED: usize = 4;

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

impl Change {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: `program`, `arguments`, `description`, …
    pub what: String,
    /// The tool it belongs to.
    pub tool: Option<String>,
    /// How.
    pub change: Change,
    /// As it was approved.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
}

impl Difference {
    /// In a few words: a tool's name quoted, cut, and with what is not seen escaped.
    pub fn phrase(&self) -> String {
        let change = self.change.as_str();
        match &self.tool {
            Some(tool) if self.what == "tool" => format!("tool {} {change}", quoted(tool)),
            Some(tool) => format!("{} of tool {} {change}", self.what, quoted(tool)),
            None => format!("{} {change}", self.what),
        }
    }
}

fn quoted(name: &str) -> String {
    const LONGEST: usize = 40;
    let cut: String = name.chars().take(LONGEST).collect();
    let more = if cut.len() < name.len() { "…" } else { "" };
    format!("“{}{more}”", cut.escape_debug())
}

/// The differences in a line, the first few by name.
pub fn summary(differences: &[Difference]) -> String {
    let mut phrases: Vec<String> = differences.iter().take(NAMED).map(Difference::phrase).collect();
    if differences.len() > NAMED {
        phrases.push(format!("and {} more", differences.len() - NAMED));
    }
    phrases.join(", ")
}

/// What differs, how it is started or reached first.
pub fn differences(before: &Identity, after: &Identity) -> Vec<Difference> {
    let mut found = Found::default();
    for (what, before, after) in pairs(&lines(before), &lines(after)) {
        found.compare(what, None, before, after);
    }
    let (before, after) = (by_name(&before.tools), by_name(&after.tools));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (before, after) =
            (before.get(name).map_or(&[][..], Vec::as_slice), after.get(name).map_or(&[][..], Vec::as_slice));
        match (before, after) {
            ([Value::Object(before)], [Value::Object(after)]) => {
                let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for field in fields {
                    let (before, after) = (before.get(field), after.get(field));
                    // A text is shown as it is, but not where it could be taken for what it was or became.
                    let texts = [before, after].into_iter().flatten().all(Value::is_string);
                    let shown = |value: &Value| if texts { text(value) } else { pretty(value) };
                    found.compare(field, Some(name), before.map(shown), after.map(shown));
                }
            }
            (before, after) => found.compare("tool", Some(name), whole(before), whole(after)),
        }
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn compare(&mut self, what: &str, tool: Option<&str>, before: Option<String>, after: Option<String>) {
        let change = match (&before, &after) {
            (before, after) if before == after => return,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        };
        self.0.push(Difference { what: what.into(), tool: tool.map(Into::into), change, before, after });
    }
}

fn by_name(tools: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut named: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for tool in tools {
        named.entry(tool_name(tool)).or_default().push(tool);
    }
    named
}

/// Several tools of one name are compared together.
fn whole(tools: &[&Value]) -> Option<String> {
    (!tools.is_empty()).then(|| tools.iter().map(|tool| pretty(tool)).collect::<Vec<_>>().join("\n"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| pretty(value), ToOwned::to_owned)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

type Line = (&'static str, String);

/// The lines of two identities beside each other, in the order of the first.
fn pairs<'a>(before: &'a [Line], after: &'a [Line]) -> Vec<(&'static str, Option<String>, Option<String>)> {
    let of = |lines: &'a [Line], what: &str| lines.iter().find(|line| line.0 == what).map(|line| line.1.clone());
    let new = after.iter().filter(|(what, _)| before.iter().all(|line| line.0 != *what));
    before.iter().chain(new).map(|(what, _)| (*what, of(before, what), of(after, what))).collect()
}

impl Identity {
    /// All of it but its tools, as lines of a name and a text that a person can read.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        lines(self)
    }
}

fn lines(identity: &Identity) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    match &identity.launch {
        Launch::Process(process) => of_process(process, &mut lines),
        Launch::Url { origin, path, query, headers } => {
            lines.push(("origin", origin.clone()));
            lines.push(("path", path.clone()));
            named("names in the query", query, &mut lines);
            named("headers", headers, &mut lines);
        }
        Launch::BuiltIn => lines.push(("program", "a part of Samplegate".into())),
    }
    let says = &identity.says;
    let said = [("name", &says.name), ("version", &says.version), ("instructions", &says.instructions)];
    lines.extend(said.into_iter().filter_map(|(what, said)| Some((what, said.clone()?))));
    lines
}

fn of_process(process: &Process, lines: &mut Vec<Line>) {
    let digest = |sha256: &Option<crate::canonical::Sha256Hex>| {
        sha256.map_or_else(|| "cannot be read".to_owned(), |sha256| sha256.to_hex())
    };
    lines.push(("command", process.command.clone()));
    named("arguments", &process.args, lines);
    lines.extend(process.cwd.clone().map(|cwd| ("folder", cwd)));
    named("variables", &process.env, lines);
    lines.push(("program", process.program.path.clone()));
    lines.push(("program’s SHA-256", digest(&process.program.sha256)));
    if let Some(script) = &process.script {
        lines.push(("script", script.path.clone()));
        lines.push(("script’s SHA-256", digest(&script.sha256)));
    }
    if let Some(package) = &process.package {
        lines.push(("package", package.spec.clone()));
        lines.push(("package’s integrity", package.integrity.clone()));
    }
    if let Some(unpinned) = &process.unpinned {
        lines.push(("cannot be pinned", unpinned.why.clone()));
    }
}

/// Each on a line of its own; as JSON where it could be taken for something else.
fn named(what: &'static str, values: &[String], lines: &mut Vec<Line>) {
    if !values.is_empty() {
        let plain = |value: &str| !value.starts_with('"') && !value.chars().any(char::is_control);
        let written = values.iter().map(|value| if plain(value) { value.clone() } else { format!("{value:?}") });
        lines.push((what, written.collect::<Vec<_>>().join("\n")));
    }
}
