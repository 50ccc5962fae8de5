//! What a person configures about a server: how to reach it, and what to declare to it.
//!
//! Values only; comparing two specifications tells the supervisor whether a running server must be restarted.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use samplegate_core::settings::{Confinement, check_headers};
use secrecy::{ExposeSecret as _, SecretString};

use super::{BaseEnv, ConnectError, MAX_ROUNDS, Marks, confine::Surroundings, oauth::SignIns};
use crate::secrets::Secrets;

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
    /// What the transport needs besides: variables of a process, headers for a URL.
    pub kept: Vec<Kept>,
    /// What it is told about this client.
    pub declare: Declare,
}

/// A value that is in the keychain and read whenever a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The variable or header.
    pub name: String,
    /// Its keychain entry.
    pub entry: String,
}

impl ServerSpec {
    /// This specification with what is kept read and put into the transport. A locked keychain takes until a person
    /// unlocks it; dropping the future gives up waiting.
    ///
    /// # Errors
    /// A value cannot be had, or would go over plain HTTP to another machine; nothing is read then.
    pub async fn unlocked(&self, secrets: &Secrets) -> Result<Self, ConnectError> {
        if let TransportSpec::Http { url, headers } = &self.transport {
            let (plain, kept) = (headers.iter().map(|(name, _)| name), self.kept.iter().map(|kept| &kept.name));
            check_headers(url, plain.map(String::as_str), kept.map(String::as_str))
                .map_err(|error| ConnectError::Address(error.to_string()))?;
        }
        let mut spec = Self { kept: Vec::new(), ..self.clone() };
        let values = match &mut spec.transport {
            TransportSpec::Stdio { env, .. } => env,
            TransportSpec::Http { headers, .. } => headers,
        };
        for Kept { name, entry } in &self.kept {
            let value = secrets.get(entry).await?.ok_or_else(|| ConnectError::NotKept { name: name.clone() })?;
            values.push((name.clone(), Secret(value)));
        }
        Ok(spec)
    }
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
        /// What it may reach; none: whatever the person may.
        confinement: Option<Confinement>,
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
    /// `elicitation`, as a form and as an address to open.
    pub elicitation: bool,
    /// `roots`.
    pub roots: bool,
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
    /// What confined servers must not reach.
    pub surroundings: Surroundings,
    /// How long a server may take before its first word.
    pub start_timeout: Duration,
    /// How often a call is sent again at most for `input_required`.
    pub max_rounds: u32,
    /// Numbers the questions of all of them.
    pub arrivals: Arrivals,
    /// Marks the calls that are made.
    pub marks: Marks,
    /// Where a person is signed in; none: requests carry no token.
    pub sign_ins: Option<SignIns>,
}

/// Numbers questions in the order they arrive, from 0. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<AtomicU64>);

impl Arrivals {
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl ClientSettings {
    /// Settings with the usual limits.
    pub fn new(name: impl Into<String>, version: impl Into<String>, base_env: BaseEnv, marks: Marks) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            base_env,
            launcher: None,
            surroundings: Surroundings::default(),
            start_timeout: Duration::from_secs(30),
            max_rounds: MAX_ROUNDS,
            arrivals: Arrivals::default(),
            marks,
            sign_ins: None,
        }
    }
}
