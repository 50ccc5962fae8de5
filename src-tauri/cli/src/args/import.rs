//! `samplegate server import`

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerImport {
    /// Whose servers: claude-desktop, claude-code, cursor, vscode, codex, gemini-cli, windsurf, zed, lm-studio, or one
    /// file [default: all of them, and the files of the project in this folder].
    #[arg(value_name = "HOST|FILE")]
    pub(crate) from: Vec<String>,
    /// Only list what is found, also on a terminal.
    #[arg(long, conflicts_with_all = ["take", "all"])]
    pub(crate) list: bool,
    /// Take these: a name, HOST/NAME where several hosts have it, NAME=AS for another name here.
    #[arg(long, num_args = 1.., value_name = "NAME", conflicts_with = "all")]
    pub(crate) take: Vec<String>,
    /// Take all that can be taken and are not here yet.
    #[arg(long)]
    pub(crate) all: bool,
    /// Put all values into the configuration file, also those that look like secrets and would go into the keychain.
    #[arg(long)]
    pub(crate) plain: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}
