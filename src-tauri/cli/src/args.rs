//! The command line. What a command of several words takes is in a file beside this one.

mod audit;
mod call;
mod grant;
pub(crate) mod host;
pub(crate) mod import;
mod model;
mod rule;
mod server;

pub(crate) use audit::{Audit, AuditChanges, AuditList};
pub(crate) use call::{Call, List, Prompt, Read};
pub(crate) use grant::{Grant, Revoke};
pub(crate) use model::{Model, ModelAdd};
pub(crate) use rule::{Rule, RuleAction, RuleAdd, RuleGiven, RuleTry};
pub(crate) use server::{
    Approved, Elicitation, RecordFormat, Risk, Sampling, Server, ServerAdd, ServerApprove, ServerGiven, ServerRecord,
    ServerSet, Switch,
};

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Two gates between MCP servers and your model: nothing is sent, and nothing returns, that you did not allow.
#[derive(Debug, Parser)]
#[command(name = "samplegate", version, arg_required_else_help = true)]
pub(crate) struct Args {
    /// Keep everything under this folder [env: SAMPLEGATE_HOME] [default: the platform's directories].
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub(crate) home: Option<PathBuf>,
    /// Who decides, as the audit log names them [default: the OS user].
    #[arg(long, global = true, value_name = "NAME", display_order = 901)]
    pub(crate) reviewer: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add, list, change, test and remove servers.
    #[command(subcommand)]
    Server(Server),
    /// Add, list, test and remove models.
    #[command(subcommand)]
    Model(Model),
    /// Add, try, list and remove rules.
    #[command(subcommand)]
    Rule(Rule),
    /// Add, list and remove hosts: the programs that use your servers through Samplegate.
    #[command(subcommand)]
    Host(host::Host),
    /// What you let through beyond one question.
    #[command(subcommand)]
    Grant(Grant),
    /// Run a tool, and review in this terminal whatever its server asks meanwhile.
    Call(Call),
    /// List a server's tools.
    Tools(List),
    /// List a server's prompts.
    Prompts(List),
    /// List a server's resources.
    Resources(List),
    /// Get a prompt.
    Prompt(Prompt),
    /// Read a resource.
    Read(Read),
    /// Host all servers and the gateway, and review in this terminal whatever the servers ask.
    Serve(Serve),
    /// Read and check the audit log.
    #[command(subcommand)]
    Audit(Audit),
    /// Inspect requests, answers and tools, one JSON object a line, without sending anything.
    Inspect(Inspect),
    /// Check keychain, servers, models and disk, and say how to mend what is wrong.
    Doctor(Json),
    /// Serve MCP on stdin and stdout for a host that starts programs: what the running app serves, all servers or one.
    Bridge(Bridge),
    /// Serve the built-in demo server on stdin and stdout.
    DemoServer,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bridge {
    /// The one server to connect to [default: all together, with prefixed names].
    pub(crate) server: Option<String>,
    /// The host's name, as `samplegate host add` has it.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// The port on this computer where hosts connect; 0 takes any that is free [default: the configuration's].
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// The file to read; `-` or none: stdin.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// One JSON object a line: `{id, findings}`.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Json {
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Named {
    /// The name.
    pub(crate) name: String,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Name {
    /// The name.
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Id {
    /// The id.
    pub(crate) id: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Gates {
    Both,
    Request,
    Answer,
}
