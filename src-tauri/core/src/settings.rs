//! What a person configured: servers, models, hosts, rules, general settings; their defaults and validation.
//!
//! The shape is that of `config.toml`. Reading and writing the file is the engine's; nothing here does I/O.
//! Absent: secrets. A value that is a secret is named here and lives in the keychain.

mod capabilities;
mod changes;
mod headers;
mod hosts;
mod models;
mod page;
mod record;
mod roots;
mod servers;
mod wider;

pub use capabilities::{Elicitation, Gates, PinAt, Sampling, SamplingTools};
pub use changes::{SettingChange, about_server, changes, summary};
pub use headers::check_headers;
pub use hosts::{GATEWAY_PORT, Gateway, Host, HostMode, ToolCalls, check_host_name};
pub use models::{KeySource, Model};
pub use page::{HistoryChange, HistoryLine, RecordPage, ToolLine};
pub use record::{Confinement, REVIEW_AFTER_DAYS, Record, Tool, Tools};
pub use roots::{root_name, root_uri};
pub use servers::{OauthClient, Server, Transport};
pub use wider::wider;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{limits::Limits, policy::Rule};

/// The name that stands for the person as a model.
pub const HUMAN: &str = "human";

/// Everything in `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The model that answers where no hint says otherwise, or `human`.
    pub default_model: String,
    /// General settings.
    pub general: General,
    /// Limits of all servers together; what is not said has no limit.
    #[serde(skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// Servers by name.
    pub servers: BTreeMap<String, Server>,
    /// Models by name.
    pub models: BTreeMap<String, Model>,
    /// Where hosts connect.
    pub gateway: Gateway,
    /// Hosts by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Host>,
    /// Rules, in no particular order: order never matters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_model: HUMAN.into(),
            general: General::default(),
            limits: Limits::default(),
            servers: BTreeMap::new(),
            models: BTreeMap::new(),
            gateway: Gateway::default(),
            hosts: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

/// General settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// Whether requests pop up a native notification.
    pub notifications: bool,
    /// Whether a notification may approve an unflagged request that fits in it whole.
    pub approve_from_notifications: bool,
    /// Minutes after which an unanswered question is denied; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_minutes: Option<u32>,
    /// Quick replies for answering by hand.
    pub quick_replies: Vec<String>,
    /// The configured model that is asked for a second opinion when the person clicks for one; absent: none is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<String>,
}

impl Default for General {
    fn default() -> Self {
        Self {
            notifications: true,
            approve_from_notifications: false,
            deadline_minutes: None,
            quick_replies: vec!["Yes".into(), "No".into()],
            second_opinion: None,
        }
    }
}

/// What is wrong with a setting, naming it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub String);

/// Checks a server's, model's or home's name: letters, digits, `-`, `_`, `.`; at most 64; not `human`.
///
/// # Errors
/// Says which character or length is wrong.
pub fn check_name(name: &str) -> Result<(), InvalidSetting> {
    if name.is_empty() || name.len() > 64 {
        return Err(InvalidSetting("a name has 1 to 64 characters".into()));
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        return Err(InvalidSetting(format!("a name holds letters, digits, '-', '_' and '.', not {bad:?}")));
    }
    if name.starts_with('-') || name.starts_with('.') {
        return Err(InvalidSetting("a name starts with a letter, a digit or '_'".into()));
    }
    Ok(())
}

impl Settings {
    /// Checks what the type system cannot: names, URLs, references.
    ///
    /// # Errors
    /// Names the setting and what is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        for (name, server) in &self.servers {
            let at = |error: InvalidSetting| InvalidSetting(format!("servers.{name}: {error}"));
            check_name(name).map_err(at)?;
            server.check().map_err(at)?;
            if let Some(record) = &server.record {
                record.check(|model| model == HUMAN || self.models.contains_key(model)).map_err(at)?;
            }
        }
        for (name, model) in &self.models {
            let at = |error: InvalidSetting| InvalidSetting(format!("models.{name}: {error}"));
            check_name(name).map_err(at)?;
            if name == HUMAN {
                return Err(at(InvalidSetting("this name means the person".into())));
            }
            if model.model.trim().is_empty() {
                return Err(at(InvalidSetting("model is empty".into())));
            }
        }
        self.gateway.check()?;
        let mut tokens = BTreeMap::new();
        for (name, host) in &self.hosts {
            let at = |error: InvalidSetting| InvalidSetting(format!("hosts.{name}: {error}"));
            check_host_name(name).map_err(at)?;
            host.check().map_err(at)?;
            if let Some(other) = tokens.insert(host.token_sha256, name) {
                return Err(at(InvalidSetting(format!("it has the token of {other}; each host has its own"))));
            }
        }
        if self.default_model != HUMAN && !self.models.contains_key(&self.default_model) {
            return Err(InvalidSetting(format!(
                "default_model: there is no model {:?}; add it or use \"human\"",
                self.default_model
            )));
        }
        if self.general.deadline_minutes == Some(0) {
            return Err(InvalidSetting("general.deadline_minutes: at least 1, or leave it out for none".into()));
        }
        for rule in &self.rules {
            rule.check()?;
        }
        let mut ids: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidSetting(format!("rules: two have the id {:?}", twice[0])));
        }
        Ok(())
    }
}
