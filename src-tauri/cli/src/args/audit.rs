//! `samplegate audit …`

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List questions, newest first.
    List(Box<AuditList>),
    /// Show one question in full, as JSON.
    Show(AuditShow),
    /// List what was changed in the settings, newest first.
    Changes(AuditChanges),
    /// Check the whole log.
    Verify(AuditVerify),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AuditChanges {
    /// Only those older than this one.
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<u64>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AuditList {
    /// Full text over requests and answers.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// From this time on (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// sampling, elicitation, tool_call.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Where the call was made.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Which server asked.
    #[arg(long)]
    pub(crate) server: Option<String>,
    /// Which tool's call led to it.
    #[arg(long)]
    pub(crate) tool: Option<String>,
    /// open, released, denied, timed_out, withdrawn, failed, interrupted.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// person, rule, limit, drift, timeout, nobody.
    #[arg(long, value_name = "WHO")]
    pub(crate) decided_by: Option<String>,
    /// The model that answered, or human.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only those older than this one.
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AuditShow {
    /// The question's id.
    pub(crate) id: String,
    /// It is always JSON.
    #[arg(long, hide = true)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AuditVerify {
    /// The head that was noted down earlier: then a log that was cut off or written anew is found too.
    #[arg(long, value_name = "SEQ:HASH")]
    pub(crate) head: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
