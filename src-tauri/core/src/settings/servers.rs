//! A server: how it is reached, what it may do, how it stands in the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Confinement, Elicitation, Gates, InvalidSetting, PinAt, Record, Sampling, SamplingTools, Tools, check_headers,
    roots::check_roots,
};
use crate::{limits::Limits, policy::Risk};

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
    /// When what it is gets pinned.
    pub pin: PinAt,
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
    /// The folders it is told when it asks which ones matter; empty: it is not told that it may ask.
    pub roots: Vec<String>,
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
            pin: PinAt::First,
            risk: Risk::Medium,
            typed_confirmation: false,
            limits: Limits::default(),
            record: None,
            tools: Tools::new(),
            confine: Confinement::default(),
            oauth: OauthClient::default(),
            roots: Vec::new(),
        }
    }

    /// The built-in demo server, which may sample.
    pub fn demo() -> Self {
        Self { sampling: Sampling::Ask, ..Self::new(Transport::Demo { demo: true }) }
    }

    /// Checks the transport and the roots.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.oauth.check(&self.transport)?;
        check_roots(&self.roots)?;
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

/// What the authorization server of a remote server knows us by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OauthClient {
    /// The client id it gave out, or the https URL of a client metadata document; none: we register ourselves.
    pub client_id: Option<String>,
    /// Whether a secret that belongs to the id is in the keychain.
    pub client_secret: bool,
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
    #[serde(default, skip_serializing_if = "PinAt::is_default")]
    pin: PinAt,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roots: Vec<String>,
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
            pin: repr.pin,
            risk: repr.risk,
            typed_confirmation: repr.typed_confirmation,
            limits: repr.limits,
            record: repr.record,
            tools: repr.tools,
            confine: repr.confine,
            oauth: OauthClient { client_id: repr.oauth_client_id, client_secret: repr.oauth_client_secret },
            roots: repr.roots,
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
            pin: server.pin,
            risk: server.risk,
            typed_confirmation: server.typed_confirmation,
            limits: server.limits,
            record: server.record,
            tools: server.tools,
            confine: server.confine,
            oauth_client_id: server.oauth.client_id,
            oauth_client_secret: server.oauth.client_secret,
            roots: server.roots,
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
