//! The approval record of a server to hand to somebody: as Markdown and as JSON, with its history.
//!
//! One [`RecordPage`] is both, so the two cannot say different things.

use std::{collections::BTreeSet, fmt::Write as _};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Gates, Record, Sampling, SamplingTools, Server};
use crate::{
    inspect::is_invisible,
    policy::{Label, Risk},
};

/// A record with what stands beside it in the settings. Serialised, it is the export as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordPage {
    /// The server.
    pub server: String,
    /// Whether it may sample; off: nothing is declared to it.
    pub sampling: Sampling,
    /// Whether a person filled the record.
    pub filled: bool,
    /// Why it needs sampling.
    pub purpose: String,
    /// What may be in its context.
    pub context: String,
    /// The models that may answer: names and classes; empty: any.
    pub models: Vec<String>,
    /// The tools that it may use in sampling.
    pub sampling_tools: SamplingTools,
    /// What these can read and do.
    pub tools_may: String,
    /// Whether they may together read private data, see untrusted content and communicate outward.
    pub allow_trifecta: bool,
    /// Whether the prompt is shown before it is sent.
    pub prompt_shown: bool,
    /// Whether the answer is reviewed before it is returned.
    pub answer_reviewed: bool,
    /// What happens to what is unclear: always `deny`.
    pub when_unclear: String,
    /// The class of the server.
    pub risk: Risk,
    /// Whether what is of high risk wants a name typed.
    pub typed_confirmation: bool,
    /// What was said about its tools.
    pub tools: Vec<ToolLine>,
    /// Where the log is.
    pub log: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub review_by: Option<Date>,
    /// Whether that day has passed: its rules and grants are suspended.
    pub due: bool,
    /// Changes of this server's settings, oldest first.
    pub history: Vec<HistoryLine>,
}

/// What was said about a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolLine {
    /// Its name.
    pub name: String,
    /// Its class; none: the server's.
    pub risk: Option<Risk>,
    /// What it can bring together; none: nobody said, so it counts as everything.
    pub labels: Option<BTreeSet<Label>>,
}

/// A change of the server's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// The number of its event in the log.
    pub id: u64,
    /// When: RFC 3339 UTC.
    pub at: String,
    /// Who; none where the file was edited.
    pub by: Option<String>,
    /// How: `window`, `command` or `file`.
    pub via: String,
    /// What: each key of the server's table with its value before and after; empty: it is not known what.
    pub changes: Vec<HistoryChange>,
}

/// A key that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// The key; empty where the whole server came or went.
    pub key: String,
    /// Its value before; null: there was none.
    pub before: Value,
    /// Its value after; null: there is none.
    pub after: Value,
}

impl HistoryLine {
    /// What changed, in words.
    pub fn what(&self) -> String {
        if self.changes.is_empty() {
            return match self.via.as_str() {
                "file" => "the configuration file was edited while nobody watched it".into(),
                _ => "the settings were changed; the log does not say how".to_owned(),
            };
        }
        let told = self.changes.iter().flat_map(|change| match (change.key.as_str(), &change.before, &change.after) {
            ("", Value::Null, _) => vec!["added".to_owned()],
            ("", _, _) => vec!["removed".to_owned()],
            (key, Value::Object(before), Value::Object(after)) => fields(key, before, after),
            (key, before, after) => vec![format!("{key}: {} → {}", short(before), short(after))],
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// The fields of a table that differ, each told by itself.
fn fields(of: &str, before: &serde_json::Map<String, Value>, after: &serde_json::Map<String, Value>) -> Vec<String> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |table: &serde_json::Map<String, Value>, key| table.get(key).cloned().unwrap_or_default();
    let differs = keys.into_iter().map(|key| (key, value(before, key), value(after, key)));
    let told = differs
        .filter(|(_, before, after)| before != after)
        .map(|(key, before, after)| format!("{of}.{key}: {} → {}", short(&before), short(&after)));
    let told: Vec<String> = told.collect();
    // Values that are not shown may differ all the same.
    if told.is_empty() { vec![format!("{of} changed")] } else { told }
}

/// A value as a person reads it.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => format!("“{text}”"),
        Value::Array(values) => values.iter().map(short).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

impl RecordPage {
    /// The record of a server as it stands today. `log` names the file of the log.
    pub fn new(name: &str, server: &Server, log: String, today: Date, history: Vec<HistoryLine>) -> Self {
        let filled = server.record.is_some();
        let due = server.record.as_ref().is_some_and(|record| record.is_due(today));
        let record: Record = server.record.clone().unwrap_or_default();
        let tools = server.tools.iter().map(|(name, tool)| ToolLine {
            name: name.clone(),
            risk: tool.risk,
            labels: tool.labels.clone(),
        });
        Self {
            server: name.into(),
            sampling: server.sampling,
            filled,
            purpose: record.purpose,
            context: record.context,
            models: record.models,
            sampling_tools: server.sampling_tools.clone(),
            tools_may: record.tools,
            allow_trifecta: record.allow_trifecta,
            prompt_shown: server.gates != Gates::Answer,
            answer_reviewed: server.gates != Gates::Request,
            when_unclear: "deny".into(),
            risk: server.risk,
            typed_confirmation: server.typed_confirmation,
            tools: tools.collect(),
            log,
            owner: record.owner,
            review_by: record.review_by,
            due,
            history,
        }
    }

    /// As JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&json!(self)).unwrap_or_default()
    }

    /// As Markdown. What a person or a server wrote cannot break the table or the list.
    pub fn to_markdown(&self) -> String {
        let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let may = match self.sampling {
            Sampling::Off => "no: the capability is not declared",
            Sampling::Ask => "yes, a person is asked where no rule decides",
            Sampling::Rules => "yes, what no rule allows is denied",
        };
        let models = if self.models.is_empty() { "any that is configured".to_owned() } else { self.models.join(", ") };
        let tools = match &self.sampling_tools {
            SamplingTools::None => "none".to_owned(),
            SamplingTools::All => "any".to_owned(),
            SamplingTools::Only(names) => names.join(", "),
        };
        let review_by = match self.review_by {
            Some(date) if self.due => format!("{date}, which has passed: rules and grants are suspended"),
            Some(date) => date.to_string(),
            None => "–".to_owned(),
        };
        let rows = [
            ("May sample", may.to_owned()),
            ("Why it needs sampling", or_dash(&self.purpose)),
            ("What may be in its context", or_dash(&self.context)),
            ("Models allowed", models),
            ("Tools allowed in sampling", tools),
            ("What these can read and do", or_dash(&self.tools_may)),
            (
                "The three of the lethal trifecta together",
                if self.allow_trifecta { "allowed" } else { "denied" }.into(),
            ),
            ("Prompt shown before it is sent", yes(self.prompt_shown)),
            ("Answer reviewed before it is returned", yes(self.answer_reviewed)),
            ("When unclear", self.when_unclear.clone()),
            ("Risk", self.risk.to_string()),
            ("Name typed before high risk is let through", yes(self.typed_confirmation)),
            ("Log", self.log.clone()),
            ("Owner", or_dash(&self.owner)),
            ("Review by", review_by),
        ];
        let mut page = format!("# Approval record: {}\n\n| | |\n|---|---|\n", plain(&self.server));
        for (what, value) in rows {
            let _ = writeln!(page, "| {what} | {} |", plain(&value));
        }
        if !self.tools.is_empty() {
            page.push_str("\n## Tools\n\n| Tool | Risk | What it brings together |\n|---|---|---|\n");
            for tool in &self.tools {
                let risk = tool.risk.map_or_else(|| "as the server".to_owned(), |risk| risk.to_string());
                let labels = match &tool.labels {
                    None => "nobody said: counts as everything".to_owned(),
                    Some(labels) if labels.is_empty() => "nothing of the three".to_owned(),
                    Some(labels) => labels.iter().map(|label| label.words()).collect::<Vec<_>>().join(", "),
                };
                let _ = writeln!(page, "| {} | {risk} | {labels} |", plain(&tool.name));
            }
        }
        page.push_str("\n## History\n\n");
        if self.history.is_empty() {
            page.push_str("No change is in the log.\n");
        }
        for line in &self.history {
            let who = line
                .by
                .as_deref()
                .map_or_else(|| "the file was edited".into(), |who| format!("{who}, by {}", line.via));
            let _ = writeln!(page, "- {} ({}): {}", plain(&line.at), plain(&who), plain(&line.what()));
        }
        page
    }
}

/// Text on one line in which nothing is Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => plain.push(' '),
            // Names of tools are a server's words: what is not seen is made visible.
            c if is_invisible(c) => {
                let _ = write!(plain, "‹U+{:04X}›", u32::from(c));
            }
            '\\' | '|' | '<' | '>' | '*' | '_' | '`' | '[' | ']' | '#' | '!' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::settings::Tool;

    fn page(server: &Server, history: Vec<HistoryLine>) -> RecordPage {
        RecordPage::new("demo", server, "/home/me/samplegate.db".into(), date(2026, 7, 1), history)
    }

    #[test]
    fn prints_as_a_table_that_nobody_can_break() {
        let mut server = Server::demo();
        server.record = Some(Record {
            purpose: "a | b\n# c ![x](https://evil.example)".into(),
            ..Record::filled(date(2026, 1, 1), "me")
        });
        server.tools.insert("x|y".into(), Tool { risk: Some(Risk::High), labels: Some([Label::Outward].into()) });
        let change = |key: &str, before, after| HistoryChange { key: key.into(), before, after };
        let line = HistoryLine {
            id: 1,
            at: "2026-01-01T10:00:00.000Z".into(),
            by: Some("me".into()),
            via: "window".into(),
            changes: vec![
                change("gates", json!("both"), json!("request")),
                change("record", json!({"owner": "me"}), json!({"owner": "you"})),
            ],
        };
        let text = page(&server, vec![line]).to_markdown();
        for row in [
            "| Why it needs sampling | a \\| b \\# c \\!\\[x\\](https://evil.example) |",
            "| Review by | 2026-06-30, which has passed: rules and grants are suspended |",
            "| x\\|y | high | communicates outward |",
            "- 2026-01-01T10:00:00.000Z (me, by window): gates: “both” → “request”; record.owner: “me” → “you”",
        ] {
            assert!(text.lines().any(|line| line == row), "{row}\n{text}");
        }
    }

    #[test]
    fn the_json_is_the_page() {
        let page = page(&Server::demo(), Vec::new());
        assert_eq!(serde_json::from_str::<RecordPage>(&page.to_json()).unwrap(), page);
        assert!(!page.filled);
        assert!(page.to_markdown().contains("No change is in the log."));
    }
}
