//! The approval record of a server: why it may sample, with what, decided by whom, and until when.
//!
//! It stands in the file beside the server, so that a person can read and edit it; its history is in the audit log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Gates, InvalidSetting, Sampling, SamplingTools, Server};
use crate::policy::{Label, Risk};

/// Days after which a record filled with its defaults is to be looked at again.
pub const REVIEW_AFTER_DAYS: i64 = 180;

/// Why and how a server may sample.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Why this server needs a model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// What may be in what it sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// Which configured models may answer; empty: any of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// What the tools it may use in sampling can read and do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tools: String,
    /// Whether its tools may together read private data, see untrusted content and communicate outward.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_trifecta: bool,
    /// Who answers for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// The last day on which it holds; then rules and grants are suspended. None: no review is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Date>,
}

impl Record {
    /// The defaults, as filled in today by this person.
    pub fn filled(today: Date, owner: &str) -> Self {
        let review_by = today.checked_add(jiff::Span::new().days(REVIEW_AFTER_DAYS)).ok();
        Self { owner: owner.to_owned(), review_by, ..Self::default() }
    }

    /// Whether its review date has passed.
    pub fn is_due(&self, today: Date) -> bool {
        self.review_by.is_some_and(|last| today > last)
    }

    /// Whether this model may answer.
    pub fn allows_model(&self, name: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|model| model == name)
    }
}

/// What a person said about a tool of a server, or about a tool that it may use in sampling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tool {
    /// Its class; none: the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// What it can bring together; none: nobody said, so it counts as everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeSet<Label>>,
}

/// What a confined server may reach (Linux, bubblewrap).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Confinement {
    /// Whether it is confined where that is possible.
    pub enabled: bool,
    /// Whether it may use the network.
    pub network: bool,
    /// Folders that it may read, inside of those it may not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// Folders that it may read and write. Everything else but these is read-only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// Folders that it may not even read, besides Samplegate's own, the session's and the keychain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
}

impl Default for Confinement {
    fn default() -> Self {
        Self { enabled: false, network: true, read: Vec::new(), write: Vec::new(), hide: Vec::new() }
    }
}

impl Confinement {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Server {
    /// The class of a call of this tool; of the server, where the tool is not known.
    pub fn risk_of(&self, tool: Option<&str>) -> Risk {
        let of_tool = tool.and_then(|tool| self.tools.get(tool)).and_then(|tool| tool.risk);
        // Where the tool is not known, it may be the riskiest.
        let riskiest = tool.is_none().then(|| self.tools.values().filter_map(|tool| tool.risk).max()).flatten();
        of_tool.or(riskiest).map_or(self.risk, |risk| risk.max(self.risk))
    }

    /// What a person said about a tool that may stand in sampling requests.
    pub fn labels_of(&self, tool: &str) -> Option<&BTreeSet<Label>> {
        self.tools.get(tool).and_then(|tool| tool.labels.as_ref())
    }

    /// Switches sampling on or off; switched on without a record, the record is filled with its defaults.
    pub fn set_sampling(&mut self, sampling: Sampling, today: Date, owner: &str) {
        self.sampling = sampling;
        if sampling != Sampling::Off && self.record.is_none() {
            self.record = Some(Record::filled(today, owner));
        }
    }
}

/// The record as Markdown, to print or to hand to somebody. `history` is what the log says about it, oldest first.
pub fn as_markdown(name: &str, server: &Server, log: &str, history: &[String]) -> String {
    let record = server.record.clone().unwrap_or_default();
    let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.replace('\n', " ") };
    let list = |names: &[String], none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
    let tools = match &server.sampling_tools {
        SamplingTools::None => "none".to_owned(),
        SamplingTools::All => "all".to_owned(),
        SamplingTools::Only(names) => names.join(", "),
    };
    let asks = |asks: bool| if asks { "yes" } else { "no" };
    let may = match server.sampling {
        Sampling::Off => "no",
        Sampling::Ask => "yes, a person is asked where no rule decides",
        Sampling::Rules => "yes, what no rule allows is denied",
    };
    let rows = [
        ("May sample", may.to_owned()),
        ("Why it needs sampling", or_dash(&record.purpose)),
        ("What may be in its context", or_dash(&record.context)),
        ("Models allowed", list(&record.models, "any that is configured")),
        ("Tools allowed in sampling", tools),
        ("What these can read and do", or_dash(&record.tools)),
        ("Prompt shown before it is sent", asks(server.gates != Gates::Answer).to_owned()),
        ("Answer reviewed before return", asks(server.gates != Gates::Request).to_owned()),
        ("When unclear", "deny".to_owned()),
        ("Risk", server.risk.to_string()),
        ("Log", log.to_owned()),
        ("Owner", or_dash(&record.owner)),
        ("Review by", record.review_by.map_or_else(|| "–".to_owned(), |date| date.to_string())),
    ];
    let escape = |text: &str| text.replace('|', "\\|");
    let mut page = format!("# Approval record: {name}\n\n| | |\n|---|---|\n");
    for (what, value) in rows {
        page.push_str(&format!("| {what} | {} |\n", escape(&value)));
    }
    if !history.is_empty() {
        page.push_str("\n## History\n\n");
        history.iter().for_each(|line| page.push_str(&format!("- {line}\n")));
    }
    page
}

impl Record {
    /// Checks what the type system cannot.
    ///
    /// # Errors
    /// A model is named that is not configured.
    pub fn check(&self, known: impl Fn(&str) -> bool) -> Result<(), InvalidSetting> {
        match self.models.iter().find(|model| !known(model)) {
            Some(model) => Err(InvalidSetting(format!(
                "record.models: there is no model {model:?}; add it, or take it out of the record"
            ))),
            None => Ok(()),
        }
    }
}

/// Tools by name.
pub type Tools = BTreeMap<String, Tool>;

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_record_is_due_after_its_day() {
        let record = Record::filled(date(2026, 11, 21), "me");
        assert_eq!(record.review_by, Some(date(2027, 5, 20)));
        assert!(!record.is_due(date(2027, 5, 20)));
        assert!(record.is_due(date(2027, 5, 21)));
        assert!(!Record::default().is_due(date(9999, 1, 1)));
    }

    #[test]
    fn the_riskier_of_server_and_tool_counts() {
        let mut server = Server::demo();
        let tool = |risk| Tool { risk: Some(risk), labels: None };
        server.tools = BTreeMap::from([("low".into(), tool(Risk::Low)), ("high".into(), tool(Risk::High))]);
        server.risk = Risk::Medium;
        assert_eq!(server.risk_of(Some("low")), Risk::Medium);
        assert_eq!(server.risk_of(Some("high")), Risk::High);
        assert_eq!(server.risk_of(Some("other")), Risk::Medium);
        assert_eq!(server.risk_of(None), Risk::High, "an unknown tool may be the riskiest");
    }

    #[test]
    fn prints_as_a_table_that_a_server_cannot_break() {
        let mut server = Server::demo();
        server.record = Some(Record { purpose: "a | b\n# c".into(), ..Record::filled(date(2026, 1, 1), "me") });
        let page = as_markdown("demo", &server, "samplegate.db", &["2026-01-01 filled by me".into()]);
        assert!(page.contains("| Why it needs sampling | a \\| b # c |"), "{page}");
        assert!(page.contains("| Review by | 2026-06-30 |"), "{page}");
        assert!(page.ends_with("- 2026-01-01 filled by me\n"), "{page}");
    }
}
