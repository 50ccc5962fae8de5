//! `samplegate model …`

use clap::{Args as ClapArgs, Subcommand};

use super::{Json, Name};

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Add a model.
    Add(ModelAdd),
    /// List the models.
    List(Json),
    /// Ask a model for one word. Costs a few tokens.
    Test(Name),
    /// Remove a model and its key.
    Remove(Name),
    /// Choose who answers by default: a model, or `human`.
    Default(Name),
    /// Choose the model that is asked for a second opinion when you press `o`; `none`: no one is.
    Opinion(Name),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelAdd {
    /// Its name here.
    pub(crate) name: String,
    /// openai, anthropic, gemini, ollama, …
    #[arg(long)]
    pub(crate) provider: String,
    /// Where it is, with or without `/v1` [default: the provider's own].
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The provider's id of the model.
    #[arg(long, value_name = "ID")]
    pub(crate) model: String,
    /// It needs no key.
    #[arg(long, group = "key")]
    pub(crate) no_key: bool,
    /// Read the key from stdin and keep it in the keychain.
    #[arg(long, group = "key")]
    pub(crate) key_stdin: bool,
    /// Run this command for the key at each call; its output is never stored.
    #[arg(long, group = "key", value_name = "CMD")]
    pub(crate) key_command: Option<String>,
}
