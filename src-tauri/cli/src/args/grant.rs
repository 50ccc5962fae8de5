//! `samplegate grant …`

use clap::{Args as ClapArgs, Subcommand};

use super::Json;

#[derive(Debug, Subcommand)]
pub(crate) enum Grant {
    /// List the grants that hold.
    List(Json),
    /// Revoke a grant, or all of them: what is alike asks you again.
    Revoke(Revoke),
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Revoke {
    /// The grant's id.
    pub(crate) id: Option<String>,
    /// Every grant.
    #[arg(long)]
    pub(crate) all: bool,
}
