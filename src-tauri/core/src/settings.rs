//! What a person configured: servers, models, hosts, rules, general settings; their defaults and validation.
//!
//! The shape is that of `config.toml`. Reading and writing the file is the engine's; nothing here does I/O.
//! Absent: secrets. A value that is a secret is named here and lives in the keychain.

mod changes;
mod headers;
mod hosts;
mod page;
mod record;
mod wider;

use std::collections::BTreeMap;

pub use changes::{SettingChange, about_server, changes, summary};
pub use page::{HistoryChange, HistoryLine, RecordPage, ToolLine};
use serde::{Deserialize, Serialize};

pub use headers::check_headers;
pub use hosts::{GATEWAY_PORT, Gateway, Host, HostMode, ToolCalls, check_host_name};
pub use record::{Confinement, REVIEW_AFTER_DAYS, Record, Tool, Tools};
pub use wider::wider;

use crate::{
    limits::Limits,
    policy::{Risk, Rule},
};

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

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ServerRepr", into = "ServerRepr")]
pub struct Server {
    /// How it is reached.
    pub transport: Transport,
    /// Whether it is started.
    pub enabled: bool,
    /// Whether it may sample.
    pub sampling: Sampling,
    /// Which gates ask.
    pub gates: Gates,
    /// Which tools it may put into sampling requests.
    pub sampling_tools: SamplingTools,
    /// Whether it may ask the person for input.
    pub elicitation: Elicitation,
    /// How much it can do.
    pub risk: Risk,
    /// Whether what is of high risk also wants the name of the tool, or of the server, typed.
    pub typed_confirmation: bool,
    /// Its limits.
    pub limits: Limits,
    /// Why it may sample; none: nobody filled it in.
    pub record: Option<Record>,
    /// What the person said about its tools.
    pub tools: Tools,
    /// What its process may reach.
    pub confine: Confinement,
    /// What its authorization server knows us by.
    pub oauth: OauthClient,
}

/// What the authorization server of a remote server knows us by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OauthClient {
    /// The client id it gave out, or the https URL of a client metadata document; none: we register ourselves.
    pub client_id: Option<String>,
    /// Whether a secret that belongs to the id is in the keychain.
    pub client_secret: bool,
}

/// A server as it stands in the file: one flat table, so that an unknown key is an error with its line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerRepr {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    demo: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secret_env: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secret_headers: Vec<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    sampling: Sampling,
    #[serde(default)]
    gates: Gates,
    #[serde(default, skip_serializing_if = "SamplingTools::is_none")]
    sampling_tools: SamplingTools,
    #[serde(default, skip_serializing_if = "Elicitation::is_default")]
    elicitation: Elicitation,
    #[serde(default = "medium", skip_serializing_if = "is_medium")]
    risk: Risk,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    typed_confirmation: bool,
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Record>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tools: Tools,
    #[serde(default, skip_serializing_if = "Confinement::is_default")]
    confine: Confinement,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oauth_client_id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    oauth_client_secret: bool,
}

impl TryFrom<ServerRepr> for Server {
    type Error = InvalidSetting;

    fn try_from(repr: ServerRepr) -> Result<Self, InvalidSetting> {
        let transport = match (repr.demo, repr.command, repr.url) {
            (Some(demo), None, None) => Transport::Demo { demo },
            (None, Some(command), None) => {
                Transport::Stdio { command, args: repr.args, cwd: repr.cwd, env: repr.env, secret_env: repr.secret_env }
            }
            (None, None, Some(url)) => {
                Transport::Http { url, headers: repr.headers, secret_headers: repr.secret_headers }
            }
            _ => return Err(InvalidSetting("a server has exactly one of `command`, `url` and `demo`".into())),
        };
        Ok(Self {
            transport,
            enabled: repr.enabled,
            sampling: repr.sampling,
            gates: repr.gates,
            sampling_tools: repr.sampling_tools,
            elicitation: repr.elicitation,
            risk: repr.risk,
            typed_confirmation: repr.typed_confirmation,
            limits: repr.limits,
            record: repr.record,
            tools: repr.tools,
            confine: repr.confine,
            oauth: OauthClient { client_id: repr.oauth_client_id, client_secret: repr.oauth_client_secret },
        })
    }
}

impl From<Server> for ServerRepr {
    fn from(server: Server) -> Self {
        let mut repr = Self {
            demo: None,
            command: None,
            args: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            secret_env: Vec::new(),
            url: None,
            headers: BTreeMap::new(),
            secret_headers: Vec::new(),
            enabled: server.enabled,
            sampling: server.sampling,
            gates: server.gates,
            sampling_tools: server.sampling_tools,
            elicitation: server.elicitation,
            risk: server.risk,
            typed_confirmation: server.typed_confirmation,
            limits: server.limits,
            record: server.record,
            tools: server.tools,
            confine: server.confine,
            oauth_client_id: server.oauth.client_id,
            oauth_client_secret: server.oauth.client_secret,
        };
        match server.transport {
            Transport::Stdio { command, args, cwd, env, secret_env } => {
                repr = Self { command: Some(command), args, cwd, env, secret_env, ..repr };
            }
            Transport::Http { url, headers, secret_headers } => {
                repr = Self { url: Some(url), headers, secret_headers, ..repr };
            }
            Transport::Demo { demo } => repr.demo = Some(demo),
        }
        repr
    }
}

fn yes() -> bool {
    true
}

/// What nobody classified is neither harmless nor worth asking twice.
fn medium() -> Risk {
    Risk::Medium
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_medium(risk: &Risk) -> bool {
    *risk == Risk::Medium
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A child process.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// The working directory; none: the home directory.
        cwd: Option<String>,
        /// Variables given besides the fixed few.
        env: BTreeMap<String, String>,
        /// Names of variables whose values are in the keychain.
        secret_env: Vec<String>,
    },
    /// Streamable HTTP.
    Http {
        /// The endpoint.
        url: String,
        /// Headers sent with every request.
        headers: BTreeMap<String, String>,
        /// Names of headers whose values are in the keychain.
        secret_headers: Vec<String>,
    },
    /// The built-in demo server.
    Demo {
        /// Always true.
        demo: bool,
    },
}

/// Whether a server may sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// The capability is not declared at all.
    #[default]
    Off,
    /// A person is asked, unless a rule says otherwise.
    Ask,
    /// What no rule allows is denied.
    Rules,
}

/// Which gates ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// Request and answer.
    #[default]
    Both,
    /// The request only.
    Request,
    /// The answer only.
    Answer,
}

impl Gates {
    /// Whether this gate is one of them.
    pub fn has(self, gate: crate::audit::Gate) -> bool {
        match (self, gate) {
            (Self::Both, _)
            | (Self::Request, crate::audit::Gate::Request)
            | (Self::Answer, crate::audit::Gate::Answer) => true,
            (Self::Request, crate::audit::Gate::Answer) | (Self::Answer, crate::audit::Gate::Request) => false,
        }
    }
}

/// Whether a server may ask the person for input. It costs nothing and nobody but the person answers, so it is on unless
/// they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Elicitation {
    /// `elicitation` is not even declared.
    Off,
    /// The person is asked.
    #[default]
    Ask,
}

impl Elicitation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which tools a server may put into its sampling requests: `"none"`, `"all"` or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "ToolsRepr", into = "ToolsRepr")]
pub enum SamplingTools {
    /// None: `sampling.tools` is not declared.
    #[default]
    None,
    /// Any.
    All,
    /// These.
    Only(Vec<String>),
}

impl SamplingTools {
    /// Whether none are allowed.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Reads `none`, `all` or a comma-separated list, as on the command line.
    pub fn from_list(text: &str) -> Self {
        match text {
            "none" | "" => Self::None,
            "all" => Self::All,
            names => {
                Self::Only(names.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect())
            }
        }
    }

    /// Whether a tool of this name may be in a request.
    pub fn allows(&self, tool: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == tool),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ToolsRepr {
    Word(String),
    Names(Vec<String>),
}

impl From<ToolsRepr> for SamplingTools {
    fn from(repr: ToolsRepr) -> Self {
        match repr {
            ToolsRepr::Word(word) => Self::from_list(&word),
            ToolsRepr::Names(names) => Self::Only(names),
        }
    }
}

impl From<SamplingTools> for ToolsRepr {
    fn from(tools: SamplingTools) -> Self {
        match tools {
            SamplingTools::None => Self::Word("none".into()),
            SamplingTools::All => Self::Word("all".into()),
            SamplingTools::Only(names) => Self::Names(names),
        }
    }
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The provider: openai, anthropic, gemini, ollama, …
    pub provider: String,
    /// The base URL; absent: the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The provider's model id.
    pub model: String,
    /// Where its key is.
    #[serde(default)]
    pub key: KeySource,
}

/// Where a model's key is: `"none"`, `"keychain"`, `"memory"` or `{ command = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// It needs none.
    None,
    /// In the OS keychain.
    #[default]
    Keychain,
    /// In the desktop app's memory, for one run.
    Memory,
    /// Printed by this command, run at call time.
    Command(String),
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

impl OauthClient {
    fn check(&self, transport: &Transport) -> Result<(), InvalidSetting> {
        let Some(id) = &self.client_id else {
            return match self.client_secret {
                true => Err(InvalidSetting("oauth_client_secret goes with an oauth_client_id".into())),
                false => Ok(()),
            };
        };
        if !matches!(transport, Transport::Http { .. }) {
            return Err(InvalidSetting("oauth_client_id is for a server with a url".into()));
        }
        // RFC 6749, appendix A.1.
        if id.is_empty() || id.len() > 2048 || !id.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return Err(InvalidSetting("oauth_client_id has 1 to 2048 printable ASCII characters".into()));
        }
        Ok(())
    }
}

impl Server {
    /// A server that is reached this way and may not sample.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            enabled: true,
            sampling: Sampling::Off,
            gates: Gates::Both,
            sampling_tools: SamplingTools::None,
            elicitation: Elicitation::Ask,
            risk: Risk::Medium,
            typed_confirmation: false,
            limits: Limits::default(),
            record: None,
            tools: Tools::new(),
            confine: Confinement::default(),
            oauth: OauthClient::default(),
        }
    }

    /// The built-in demo server, which may sample.
    pub fn demo() -> Self {
        Self { sampling: Sampling::Ask, ..Self::new(Transport::Demo { demo: true }) }
    }

    /// Checks the transport.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.oauth.check(&self.transport)?;
        match &self.transport {
            Transport::Stdio { command, .. } if command.trim().is_empty() => {
                Err(InvalidSetting("command is empty".into()))
            }
            Transport::Http { url, .. } if !(url.starts_with("http://") || url.starts_with("https://")) => {
                Err(InvalidSetting(format!("url {url:?} does not start with http:// or https://")))
            }
            Transport::Demo { demo: false } => {
                Err(InvalidSetting("demo = false means nothing; use enabled = false".into()))
            }
            Transport::Stdio { .. } | Transport::Http { .. } | Transport::Demo { .. } => Ok(()),
        }
    }

    /// Checks that its headers may go to its URL. Not part of [`Server::check`]: one server's mistake in the file must
    /// not keep the others from starting; this one is refused when it is connected to.
    ///
    /// # Errors
    /// Names the header and says what to do.
    pub fn check_headers(&self) -> Result<(), InvalidSetting> {
        match &self.transport {
            Transport::Http { url, headers, secret_headers } => {
                check_headers(url, headers.keys().map(String::as_str), secret_headers.iter().map(String::as_str))
            }
            Transport::Stdio { .. } | Transport::Demo { .. } => Ok(()),
        }
    }
}
