//! `samplegate host …`

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::{Json, Name};

#[derive(Debug, Subcommand)]
pub(crate) enum Host {
    /// Let a host connect: prints its name, the endpoint and its token as JSON. The token is shown this once.
    Add(HostAdd),
    /// Change what is said about a host; what is left out stays. Its name and its token stay too.
    #[command(visible_alias = "edit")]
    Set(HostSet),
    /// List the hosts.
    List(Json),
    /// Remove a host: its token is worth nothing from then on.
    Remove(Name),
    /// Put Samplegate into the configuration of a known host. Shows the difference first, asks where there is a terminal,
    /// and keeps a copy of the file beside it.
    Connect(HostConnect),
    /// Undo that: the host's file is as it was, or without what was put into it where it changed since.
    Disconnect(HostDisconnect),
    /// List the known hosts, their files, and which of them are connected.
    Known(Json),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HostConnect {
    /// claude-desktop, claude-code, cursor, vscode, codex, gemini-cli, windsurf, zed or lm-studio.
    pub(crate) app: String,
    /// Show the difference and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also take these servers out of the host's file, which are here as well: it reaches them through Samplegate only.
    #[arg(long = "move", num_args = 1.., value_name = "NAME")]
    pub(crate) moved: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HostDisconnect {
    /// The host, as for `host connect`.
    pub(crate) app: String,
    /// Show the difference and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HostAdd {
    /// Its name here, as questions and the audit log tell it: letters, digits, `-`, `_`, `.`.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: HostGiven,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HostSet {
    /// The host.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: HostGiven,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HostGiven {
    /// Who answers sampling requests that come up in its calls, where it says that it can itself; answer, unless said
    /// otherwise.
    #[arg(long, value_enum)]
    pub(crate) sampling: Option<HostMode>,
    /// Who answers elicitation that comes up in its calls, where it says that it can itself; answer, unless said
    /// otherwise.
    #[arg(long, value_enum)]
    pub(crate) elicitation: Option<HostMode>,
    /// Whether its calls of tools are looked at before they are made; off, unless said otherwise.
    #[arg(long, value_enum)]
    pub(crate) tool_calls: Option<ToolCalls>,
    /// Where its calls of tools are looked at: whether their results are too, before it gets them.
    #[arg(long, value_name = "BOOL")]
    pub(crate) review_results: Option<bool>,
    /// A limit of its calls of tools that are looked at: per_minute, per_day, in_flight, queue or prompt_bytes, e.g.
    /// per_minute=10 or per_day=none; `none` alone lifts all of them.
    #[arg(long, value_name = "KEY=N")]
    pub(crate) limit: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HostMode {
    /// It is answered here.
    Answer,
    /// It is looked at here, then the host answers; an answer of its model is looked at too.
    Gate,
    /// The host answers without a look, unless a rule, a finding or high risk asks for one. All of it is in the log.
    Pass,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ToolCalls {
    /// They are made.
    Off,
    /// You are asked, unless a rule says otherwise.
    Ask,
    /// What no rule allows is denied.
    Rules,
}
