//! Servers, models, rules and general settings.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{LogLine, OauthClientInput, PinSummary, ServerLogin};

/// A server as configured and as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    /// How it is configured.
    pub config: ServerInput,
    /// How it stands.
    pub state: ServerState,
    /// What it was when it was approved, or what it is, where nobody approved it; none: it was never reached.
    pub pin: Option<PinSummary>,
    /// Whether no rule and no grant counts for it until a person approves it as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub needs_approval: bool,
    /// Since when its record wants to be read again, `YYYY-MM-DD`: its rules and grants are suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub review_due: Option<String>,
    /// How the person stands with it; none: it is not signed in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub login: Option<ServerLogin>,
    /// Its last log lines, oldest first.
    pub log: Vec<LogLine>,
}

/// A server's configuration, as shown and as saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ServerInput {
    /// The name: letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// How it is reached.
    pub transport: TransportInput,
    /// Whether it is started.
    pub enabled: bool,
    /// Whether it may sample.
    pub sampling: SamplingMode,
    /// Which gates ask.
    pub gates: Gates,
    /// Which tools it may put into sampling requests.
    pub sampling_tools: SamplingTools,
    /// Whether it may ask you for input. Left out on the way in: what is stored stays; a new one may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub elicitation: Option<bool>,
    /// Its limits by key, where they are not the default; `none`: no limit. US dollars where the key says so. Left out on
    /// the way in: what is stored stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "'none' | { [key in string]: number | 'none' }")]
    pub limits: Option<samplegate_core::limits::Limits>,
    /// What its process may reach. Left out on the way in: what is stored stays; for a new one that may sample it is
    /// confined where that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub confinement: Option<ConfinementView>,
    /// What its authorization server knows us by. Left out on the way in: what is stored stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub oauth: Option<OauthClientInput>,
    /// The folders it is told when it asks which ones matter. Left out on the way in: what is stored stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub roots: Option<Vec<String>>,
}

/// What a server's process may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ConfinementView {
    /// Whether it is confined; if so it runs confined or not at all.
    pub enabled: bool,
    /// Whether it may use the network.
    pub network: bool,
    /// Folders and what it may do there; the rest of the system can be read.
    pub folders: Vec<FolderAccess>,
}

/// A folder and what a confined server may do there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct FolderAccess {
    /// The folder, absolute or beginning with `~`.
    pub path: String,
    /// What it may do.
    pub access: Access,
}

/// What a confined server may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Not even see what is in it.
    Hide,
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum TransportInput {
    /// A child process speaking on stdin and stdout.
    #[serde(rename_all = "camelCase")]
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// The working directory; none: the home directory.
        cwd: Option<String>,
        /// Environment variables besides the fixed few.
        env: Vec<NamedValue>,
    },
    /// Streamable HTTP.
    #[serde(rename_all = "camelCase")]
    Http {
        /// The endpoint.
        url: String,
        /// Headers sent with every request.
        headers: Vec<NamedValue>,
    },
    /// The built-in demo server.
    Demo,
}

/// An environment variable or a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct NamedValue {
    /// Its name.
    pub name: String,
    /// Its value. None on the way out for a secret, and on the way in to keep what is stored.
    pub value: Option<String>,
    /// Whether the value lives in the keychain instead of the file.
    pub secret: bool,
}

/// Whether a server may sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum SamplingMode {
    /// The capability is not declared at all.
    #[default]
    Off,
    /// A person is asked, unless a rule says otherwise.
    Ask,
    /// Only what a rule allows.
    Rules,
}

/// Which gates ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Gates {
    /// Request and answer.
    #[default]
    Both,
    /// The request only: answers are released without a look.
    Request,
    /// The answer only: requests are sent without a look.
    Answer,
}

/// Which tools a server may put into its sampling requests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", content = "names", rename_all = "camelCase")]
pub enum SamplingTools {
    /// None: `sampling.tools` is not declared.
    #[default]
    None,
    /// Any.
    All,
    /// These.
    Only(Vec<String>),
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum ServerState {
    /// Being started or connected to.
    #[serde(rename_all = "camelCase")]
    Starting {
        /// What holds it up, where a person may have to do something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        waits_for: Option<String>,
    },
    /// Connected.
    #[serde(rename_all = "camelCase")]
    Ready {
        /// The name it gives itself.
        reported_name: String,
        /// The version it gives itself.
        version: String,
        /// The MCP revision in use.
        protocol: String,
        /// The names of its tools.
        tools: Vec<String>,
        /// Why they could not be listed the last time; left out: they could. It is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        trouble: Option<String>,
    },
    /// It wants a person to sign in first.
    #[serde(rename_all = "camelCase")]
    NeedsSignIn {
        /// What to do.
        why: String,
    },
    /// Not running.
    #[serde(rename_all = "camelCase")]
    Failed {
        /// Why, and what to do.
        why: String,
        /// The last lines of its stderr.
        stderr: Vec<String>,
        /// When it is tried again, RFC 3339 UTC; none: only by hand.
        retry_at: Option<String>,
    },
    /// Switched off by the person.
    Disabled,
}

/// A model as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    /// The configured name.
    pub name: String,
    /// The provider: openai, anthropic, gemini, ollama, …
    pub provider: String,
    /// The base URL in use.
    pub base_url: String,
    /// The provider's model id.
    pub model: String,
    /// Where its key is.
    pub key: KeyState,
    /// Whether it is the default model.
    pub is_default: bool,
}

/// A provider that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProviderOption {
    /// The name used in the configuration.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// The base URL where none is given.
    pub base_url: String,
    /// Whether a key is usually needed.
    pub needs_key: bool,
}

/// Where a model's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// It needs none.
    None,
    /// In the keychain.
    Keychain,
    /// In memory, for this run.
    Memory,
    /// From a command, run at call time.
    Command,
    /// It needs one and there is none.
    Missing,
}

/// A model to save.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ModelInput {
    /// The configured name.
    pub name: String,
    /// The provider.
    pub provider: String,
    /// The base URL; none: the provider's own.
    pub base_url: Option<String>,
    /// The provider's model id.
    pub model: String,
    /// Its key.
    pub key: KeyInput,
}

/// A key on its way in. Never logged, never sent back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", content = "value", rename_all = "camelCase")]
pub enum KeyInput {
    /// Leave it as it is.
    Keep,
    /// It needs none.
    None,
    /// Put this into the keychain.
    Keychain(String),
    /// Keep this in memory for this run.
    Memory(String),
    /// Run this command at call time; its output is the key.
    Command(String),
}

impl std::fmt::Debug for KeyInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::None => "None",
            Self::Keychain(_) => "Keychain(…)",
            Self::Memory(_) => "Memory(…)",
            Self::Command(_) => "Command(…)",
        })
    }
}

impl std::fmt::Debug for ModelInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelInput").field("name", &self.name).field("key", &self.key).finish_non_exhaustive()
    }
}

/// A model server found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct FoundModels {
    /// What answers there, e.g. "Ollama".
    pub title: String,
    /// The provider to configure.
    pub provider: String,
    /// Its base URL.
    pub base_url: String,
    /// The models it lists.
    pub models: Vec<String>,
}

/// A server about which no popups are shown. Its questions wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Muted {
    /// The server.
    pub server: String,
    /// RFC 3339 UTC.
    pub until: String,
}

/// Whether a test went well, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// Whether it went well.
    pub ok: bool,
    /// What was seen, or what to do.
    pub message: String,
}

/// The app at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Questions that wait for a person.
    pub pending: u32,
    /// Number of grants that hold.
    pub grants: u32,
    /// Whether incoming requests wait undecided.
    pub paused: bool,
    /// What is wrong, each with what to do.
    pub trouble: Vec<Trouble>,
    /// Whether nothing was ever decided here: the first window greets.
    pub first_run: bool,
    /// The name of the default model, or `human`.
    pub default_model: String,
    /// Whether the OS keychain can be used, and if not, why.
    pub keychain: TestReport,
    /// Who decides.
    pub reviewer: String,
    /// Servers about which no popups are shown, for a while.
    pub muted: Vec<Muted>,
    /// Servers that a person denied three times within a minute, for an offer to block them.
    pub often_denied: Vec<String>,
    /// The home's configuration file.
    pub config_path: String,
    /// Samplegate's version.
    pub version: String,
}

/// Something wrong that the person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What is wrong and what to do.
    pub text: String,
    /// The settings section that mends it: `servers`, `models`, `general`; none: nothing there does.
    pub section: Option<String>,
}

/// General settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct GeneralSettings {
    /// Whether requests pop up a native notification.
    pub notifications: bool,
    /// Whether a notification may approve an unflagged request that fits in it whole.
    pub approve_from_notifications: bool,
    /// Minutes after which an unanswered question is denied; none: never.
    pub deadline_minutes: Option<u32>,
    /// Quick replies for answering by hand.
    pub quick_replies: Vec<String>,
    /// The configured model that is asked for a second opinion, when the person clicks for one; none: it is not offered.
    pub second_opinion: Option<String>,
}

/// A change of the configuration that came from outside, allows more, and waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HeldChange {
    /// Which one: the digest of the file.
    pub id: String,
    /// What changed, a sentence a line.
    pub summary: String,
    /// What changed, key by key.
    pub keys: Vec<HeldKey>,
    /// Whether it was refused and left in the file.
    pub refused: bool,
}

/// A key of a change that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct HeldKey {
    /// Its place in the file.
    pub key: String,
    /// The value in force; null: there is none. Never a secret.
    pub before: serde_json::Value,
    /// The value that waits.
    pub after: serde_json::Value,
    /// Whether it is by this that more is allowed.
    pub allows_more: bool,
}
