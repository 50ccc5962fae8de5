//! The approval record of a server: why it may sample, with what, decided by whom, and until when.
//!
//! It stands in the file beside the server, so that a person can read and edit it; its history is in the audit log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{InvalidSetting, Model, PinAt, Sampling, Server, Settings, check_host_name};
use crate::{
    model_format,
    policy::{Label, Risk},
    review::HOST,
};

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
    /// Which models may answer: names of configured ones, `class:local` (on this machine), `provider:NAME` or
    /// `host:NAME` (the host's own); empty: any.
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

    /// Reads it anew today: it holds as long again as a record that is filled in.
    #[must_use]
    pub fn renewed(self, today: Date) -> Self {
        Self { review_by: Self::filled(today, "").review_by, ..self }
    }

    /// Whether its review date has passed.
    pub fn is_due(&self, today: Date) -> bool {
        self.review_by.is_some_and(|last| today > last)
    }

    /// Whether this model may answer.
    pub fn allows_model(&self, name: &str, model: &Model) -> bool {
        self.models.is_empty()
            || self.models.iter().any(|allowed| match allowed.split_once(':') {
                Some(("class", LOCAL)) => is_local(model),
                Some(("provider", provider)) => provider == model.provider,
                Some(_) | None => allowed == name,
            })
    }

    /// Whether this host's own model may answer.
    pub fn allows_host(&self, name: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|allowed| allowed.split_once(':') == Some((HOST, name)))
    }
}

/// The class of the models that run on this machine, as `class:local`.
const LOCAL: &str = "local";

/// Whether a model is asked on this machine. By where it is reached, not by whose it is: Ollama may be elsewhere.
fn is_local(model: &Model) -> bool {
    let usual = || model_format::provider(&model.provider).map(|provider| provider.base_url);
    model.base_url.as_deref().or_else(usual).is_some_and(model_format::is_loopback)
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

    /// What has to be typed before a question that came from this tool is let through; none: nothing.
    pub fn wants_typed(&self, name: &str, tool: Option<&str>) -> Option<String> {
        let wants = self.typed_confirmation && self.risk_of(tool) == Risk::High;
        wants.then(|| tool.unwrap_or(name).to_owned())
    }

    /// Switches sampling on or off. Who switches it on approves the server: it is pinned when it is reached, and without
    /// a record the record is filled with its defaults.
    pub fn set_sampling(&mut self, sampling: Sampling, today: Date, owner: &str) {
        self.sampling = sampling;
        if sampling != Sampling::Off {
            self.pin = PinAt::First;
            self.record.get_or_insert_with(|| Record::filled(today, owner));
        }
    }
}

impl Record {
    /// Checks what the type system cannot.
    ///
    /// # Errors
    /// A model is named that is not configured.
    pub fn check(&self, known: impl Fn(&str) -> bool) -> Result<(), InvalidSetting> {
        let is_class = |name: &str| match name.split_once(':') {
            Some(("class", class)) => class == LOCAL,
            Some(("provider", provider)) => model_format::provider(provider).is_some(),
            Some((HOST, host)) => check_host_name(host).is_ok(),
            Some(_) | None => false,
        };
        match self.models.iter().find(|model| !known(model) && !is_class(model)) {
            Some(model) => Err(InvalidSetting(format!(
                "record.models: there is no model {model:?}; add it, take it out of the record, or name a class: \
                 class:local, provider:NAME, host:NAME"
            ))),
            None => Ok(()),
        }
    }
}

impl Settings {
    /// Why this model may not answer this server; none: it may, or there is no such model.
    pub fn forbids_model(&self, server: &str, name: &str) -> Option<String> {
        let record = self.servers.get(server)?.record.as_ref()?;
        if let Some((HOST, host)) = name.split_once(':') {
            return (!record.allows_host(host))
                .then(|| format!("The record of {server} does not allow this host's model."));
        }
        let model = self.models.get(name)?;
        (!record.allows_model(name, model)).then(|| format!("The record of {server} does not allow this model."))
    }

    /// Whether there are models and the record of this server allows none of them.
    pub fn forbids_all_models(&self, server: &str) -> bool {
        !self.models.is_empty() && self.models.keys().all(|name| self.forbids_model(server, name).is_some())
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
    fn models_are_allowed_by_name_by_provider_and_by_where_they_run() {
        let model = |provider: &str, base_url: Option<&str>| Model {
            provider: provider.into(),
            base_url: base_url.map(Into::into),
            model: "m".into(),
            key: super::super::KeySource::None,
        };
        let models = [
            ("near", model("ollama", None)),
            ("far", model("ollama", Some("http://10.0.0.7:11434"))),
            ("proxied", model("openai", Some("http://127.0.0.1:4000/v1"))),
            ("claude", model("anthropic", None)),
        ];
        let allowed = |said: &[&str]| {
            let record = Record { models: said.iter().map(|name| (*name).to_owned()).collect(), ..Record::default() };
            let allowed = models.iter().filter(|(name, model)| record.allows_model(name, model));
            (allowed.map(|(name, _)| *name).collect::<Vec<_>>(), record.check(|name| name == "claude").is_ok())
        };
        assert_eq!(allowed(&[]), (vec!["near", "far", "proxied", "claude"], true));
        assert_eq!(allowed(&["claude"]), (vec!["claude"], true));
        assert_eq!(allowed(&["class:local"]), (vec!["near", "proxied"], true));
        assert_eq!(allowed(&["provider:ollama", "claude"]), (vec!["near", "far", "claude"], true));
        assert_eq!(allowed(&["class:big"]), (vec![], false), "a class that nobody knows allows nothing");
        assert_eq!(allowed(&["provider:nobody"]), (vec![], false));
        assert_eq!(allowed(&["gone"]), (vec![], false));
        assert_eq!(allowed(&["host:editor"]), (vec![], true));
        let hosts = |said: &[&str]| {
            let record = Record { models: said.iter().map(|name| (*name).to_owned()).collect(), ..Record::default() };
            (record.allows_host("editor"), record.allows_host("other"))
        };
        assert_eq!(hosts(&[]), (true, true));
        assert_eq!(hosts(&["host:editor"]), (true, false));
        assert_eq!(hosts(&["claude", "class:local", "editor"]), (false, false), "none of these is the host's");
    }

    #[test]
    fn who_lets_a_server_sample_approves_it() {
        let mut server = Server { pin: PinAt::Approval, ..Server::demo() };
        server.set_sampling(Sampling::Off, date(2026, 11, 21), "me");
        assert_eq!((server.pin, &server.record), (PinAt::Approval, &None));
        server.set_sampling(Sampling::Rules, date(2026, 11, 21), "me");
        assert_eq!((server.pin, server.record.is_some()), (PinAt::First, true));
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
}
