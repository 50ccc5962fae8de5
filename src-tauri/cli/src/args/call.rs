//! What a server is asked for: `samplegate call`, `tools`, `prompts`, `resources`, `prompt` and `read`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// The server.
    pub(crate) server: String,
    /// The tool.
    pub(crate) tool: String,
    /// Its arguments, a JSON object.
    #[arg(value_name = "JSON")]
    pub(crate) arguments: Option<String>,
    /// Print the protocol's result object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Prompt {
    /// The server.
    pub(crate) server: String,
    /// The prompt.
    pub(crate) name: String,
    /// Its arguments, a JSON object.
    #[arg(value_name = "JSON")]
    pub(crate) arguments: Option<String>,
    /// Print the protocol's result object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Read {
    /// The server.
    pub(crate) server: String,
    /// The resource's URI.
    pub(crate) uri: String,
    /// Print the protocol's result object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// The server.
    pub(crate) server: String,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}
