//! `samplegate server …`

use clap::{ArgAction, Args as ClapArgs, Subcommand, ValueEnum};

use super::{Gates, Json, Name, Named, import};

#[derive(Debug, Subcommand)]
pub(crate) enum Server {
    /// Add a server: a URL, or a command after `--`.
    Add(Box<ServerAdd>),
    /// List the servers.
    List(Json),
    /// Show one server in full.
    Show(Named),
    /// Change what is given; the rest stays.
    Set(Box<ServerSet>),
    /// Print the approval record of a server with its history.
    Record(ServerRecord),
    /// Connect once and say what was seen.
    Test(Name),
    /// Sign in to a server, in the browser that BROWSER names or the system's.
    Login(Name),
    /// Sign out of a server: its tokens are revoked where that is offered, and removed from the keychain.
    Logout(Name),
    /// Show how a server differs from what you approved, and approve it as it is now.
    Approve(ServerApprove),
    /// Remove a server and its secrets.
    Remove(Name),
    /// Take over servers from the files of other hosts. Without --take and --all it shows what is found, and asks where
    /// there is a terminal.
    Import(import::ServerImport),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerRecord {
    /// The server's name.
    pub(crate) name: String,
    /// As a page to read, or for programs.
    #[arg(long, value_enum, default_value = "markdown")]
    pub(crate) format: RecordFormat,
    /// Say that you read it again: it holds for another half year.
    #[arg(long)]
    pub(crate) renew: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RecordFormat {
    Markdown,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerAdd {
    /// Its name: letters, digits, `-`, `_`, `.`.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: ServerGiven,
    /// The command and its arguments, after `--`.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "url")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerSet {
    /// The server's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: ServerGiven,
    /// Start it, or do not.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) enabled: Option<bool>,
    /// The command and its arguments, after `--`.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "url")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerApprove {
    /// The server's name.
    pub(crate) name: String,
    /// Approve exactly the identity of this SHA-256, without being asked.
    #[arg(long, value_name = "SHA256")]
    pub(crate) pin: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerGiven {
    /// The endpoint, for streamable HTTP.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// A header sent with every request. It stands in the configuration file: see --header-stdin for secrets.
    #[arg(long, value_name = "K=V")]
    pub(crate) header: Vec<String>,
    /// A header whose value is read from stdin, one line each, and kept in the keychain.
    #[arg(long, value_name = "K")]
    pub(crate) header_stdin: Vec<String>,
    /// The client id that the server's authorization server gave out for Samplegate, or the https URL of a client
    /// metadata document; empty: Samplegate registers itself. A native app with the redirect URI
    /// http://127.0.0.1:7718/callback is what to register there.
    #[arg(long, value_name = "ID")]
    pub(crate) oauth_client_id: Option<String>,
    /// Read the secret that belongs to the client id from stdin, one line, and keep it in the keychain.
    #[arg(long, requires = "oauth_client_id")]
    pub(crate) oauth_client_secret_stdin: bool,
    /// A variable for the server's process. It stands in the configuration file: see --env-stdin for secrets.
    #[arg(long, value_name = "K=V")]
    pub(crate) env: Vec<String>,
    /// A variable whose value is read from stdin, one line each, and kept in the keychain.
    #[arg(long, value_name = "K")]
    pub(crate) env_stdin: Vec<String>,
    /// Whether it may sample: `off` does not even declare it, `rules` denies what no rule allows.
    #[arg(long, value_enum)]
    pub(crate) sampling: Option<Sampling>,
    /// Which gates ask.
    #[arg(long, value_enum)]
    pub(crate) gates: Option<Gates>,
    /// Which tools it may put into sampling requests: none, all, or names with commas.
    #[arg(long, value_name = "none|all|A,B")]
    pub(crate) sampling_tools: Option<String>,
    /// Whether it may ask you for input: a form, or an address to open in the browser. `off` does not even declare it.
    #[arg(long, value_enum)]
    pub(crate) elicitation: Option<Elicitation>,
    #[command(flatten)]
    pub(crate) approved: Approved,
    /// A limit, e.g. per_minute=10, usd_per_day=0.5 or per_call=none; `none` alone lifts all of them.
    #[arg(long, value_name = "none|KEY=N")]
    pub(crate) limit: Vec<String>,
    /// Whether its process is confined (Linux, bubblewrap): it runs confined or not at all. A new server that may sample
    /// is, where that works.
    #[arg(long, value_enum)]
    pub(crate) confine: Option<Switch>,
    /// A folder for a confined server: `:ro` to read (the default), `:rw` to write too, `:hide` to see nothing of it,
    /// `:forget` to say nothing about it any more. Without any, it can read all that is not hidden from all, and write
    /// nowhere but to its own caches.
    #[arg(long, value_name = "PATH[:ro|:rw|:hide|:forget]")]
    pub(crate) folder: Vec<String>,
    /// A folder to tell the server when it asks which ones matter (roots); `:forget` to tell it no more. It is told, not
    /// given: what a confined server may reach is what --folder says.
    #[arg(long, value_name = "PATH[:forget]")]
    pub(crate) root: Vec<String>,
    /// Whether a confined server may use the network.
    #[arg(long, value_enum)]
    pub(crate) network: Option<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Elicitation {
    Off,
    Ask,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// What stands in the approval record, and how much the server can do.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Approved {
    /// Record: why this server needs a model.
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<String>,
    /// Record: what may be in what it sends.
    #[arg(long, value_name = "TEXT")]
    pub(crate) context: Option<String>,
    /// Record: models that may answer: any, or names, class:local, provider:NAME and host:NAME with commas.
    #[arg(long, value_name = "any|A,class:local,…")]
    pub(crate) models: Option<String>,
    /// Record: what its tools in sampling can read and do.
    #[arg(long, value_name = "TEXT")]
    pub(crate) tools_may: Option<String>,
    /// Record: whether these may together read private data, see untrusted content and communicate outward.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) allow_trifecta: Option<bool>,
    /// Record: who answers for it.
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Record: the last day on which it holds, or none.
    #[arg(long, value_name = "none|YYYY-MM-DD")]
    pub(crate) review_by: Option<String>,
    /// How much it can do: low, medium, high. Of high risk, both gates always ask.
    #[arg(long, value_enum)]
    pub(crate) risk: Option<Risk>,
    /// A tool's class, e.g. send_mail=high; `none`: the server's.
    #[arg(long, value_name = "TOOL=CLASS")]
    pub(crate) tool_risk: Vec<String>,
    /// A tool's labels: private, untrusted, outward with `+`, or nothing, e.g. fetch=untrusted+outward; `none`: nobody
    /// said.
    #[arg(long, value_name = "TOOL=LABELS")]
    pub(crate) tool_labels: Vec<String>,
    /// Whether what is of high risk wants the tool's name typed before it is let through.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) typed_confirmation: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Risk {
    Low,
    Medium,
    High,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sampling {
    Off,
    Ask,
    Rules,
}
