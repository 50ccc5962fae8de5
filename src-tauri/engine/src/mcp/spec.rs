//! What a person configures about a server: how to reach it, and what to declare to it.
//!
//! Values only; comparing two specifications tells the supervisor whether a running server must be restarted.

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use super::{BaseEnv, MAX_ROUNDS};

/// A value that is never printed or serialised, such as a token in a header or a variable.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself; call this where it is used and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

/// One configured server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// The name given by the person; unique among the servers of a home.
    pub name: String,
    /// How the server is reached.
    pub transport: TransportSpec,
    /// What it is told about this client.
    pub declare: Declare,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportSpec {
    /// A child process speaking on its stdin and stdout.
    Stdio {
        /// The program, a path or a name looked up in the child's PATH.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables on top of the fixed list of [`BaseEnv`].
        env: Vec<(String, Secret)>,
        /// The folder it starts in; ours when absent.
        cwd: Option<PathBuf>,
    },
    /// Streamable HTTP.
    Http {
        /// The endpoint.
        url: String,
        /// Headers sent with every request to that origin.
        headers: Vec<(String, Secret)>,
    },
}

/// The client capabilities declared to a server. What is not declared and asked anyway is refused with -32601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Declare {
    /// `sampling`.
    pub sampling: bool,
    /// `sampling.tools`; only with `sampling`.
    pub sampling_tools: bool,
    /// `elicitation`, form mode.
    pub elicitation: bool,
}

/// What all connections of this process share.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The implementation name told to servers.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The variables a child process gets.
    pub base_env: BaseEnv,
    /// A binary that understands [`super::SHIM_COMMAND`], so that children die with us even when we are killed
    /// (Linux). Without it they still end with us on every orderly way out.
    pub launcher: Option<PathBuf>,
    /// How long a server may take before its first word.
    pub start_timeout: Duration,
    /// How often a call is sent again at most for `input_required`.
    pub max_rounds: u32,
}

impl ClientSettings {
    /// Settings with the usual limits.
    pub fn new(name: impl Into<String>, version: impl Into<String>, base_env: BaseEnv) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            base_env,
            launcher: None,
            start_timeout: Duration::from_secs(30),
            max_rounds: MAX_ROUNDS,
        }
    }
}
