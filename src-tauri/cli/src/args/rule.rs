//! `samplegate rule …`

use clap::{ArgAction, Args as ClapArgs, Subcommand, ValueEnum};

use super::{Gates, Id, Json};

#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// Add a rule; prints its id.
    Add(Box<RuleAdd>),
    /// Say what a rule would have done with the last questions of the log: one that is saved, all of them, or one
    /// given by the options of `rule add`. Nothing is saved, sent or counted.
    Try(Box<RuleTry>),
    /// Take up a rule that was set aside.
    Enable(Id),
    /// Set a rule aside: it matches nothing, and stays in the file.
    Disable(Id),
    /// List the rules.
    List(Json),
    /// Remove a rule.
    Remove(Id),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RuleTry {
    /// The id of a saved rule.
    #[arg(conflicts_with_all = ["all", "RuleGiven"])]
    pub(crate) id: Option<String>,
    /// Try all saved rules together.
    #[arg(long, conflicts_with = "RuleGiven")]
    pub(crate) all: bool,
    /// How many questions, the newest first.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) last: u32,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) given: RuleGiven,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RuleAdd {
    #[command(flatten)]
    pub(crate) given: RuleGiven,
}

/// A rule as options.
#[derive(Debug, ClapArgs)]
pub(crate) struct RuleGiven {
    /// Begin with the narrowest rule that does again what was decided about this question of the log; what is given
    /// besides replaces its parts. Look at it first with `rule try --from`.
    #[arg(long, value_name = "QUESTION_ID")]
    pub(crate) from: Option<String>,
    /// The server it is about [default: any].
    #[arg(long)]
    pub(crate) server: Option<String>,
    /// The tool whose call led to the question [default: any].
    #[arg(long)]
    pub(crate) tool: Option<String>,
    /// The gate it is about [default: both].
    #[arg(long, value_enum)]
    pub(crate) gate: Option<Gates>,
    /// What it does; needed unless there is --from.
    #[arg(long, value_enum)]
    pub(crate) action: Option<RuleAction>,
    /// The fixed text of `--action answer`.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// An argument of that call: NAME and a pattern, as for --prompt.
    #[arg(long, value_name = "NAME=PATTERN")]
    pub(crate) argument: Vec<String>,
    /// sampling, elicitation, or tool_call: a call that a host makes [default: whatever servers ask].
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Where the call was made.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// The text of the messages: a glob, or `exact:…`, `regex:…`, `template:…`, `sha256:…`. To let through, it must
    /// describe all of the text; to ask or deny, a regular expression may match a part.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) prompt: Option<String>,
    /// The system prompt; the empty text where there is none.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) system_prompt: Option<String>,
    /// The answer's text, or of a tool call the result's, with --gate answer.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) answer: Option<String>,
    /// The request has at most this many bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bytes: Option<usize>,
    /// The request has more bytes than this.
    #[arg(long, value_name = "BYTES")]
    pub(crate) over_bytes: Option<usize>,
    /// maxTokens is at most this.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_tokens: Option<u32>,
    /// maxTokens is more than this.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) over_tokens: Option<u32>,
    /// The configured model that would be asked.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// none, any, a severity (this or worse), or kinds with commas.
    #[arg(long, value_name = "none|any|high|bidi,…")]
    pub(crate) findings: Option<String>,
    /// The class of the tool or its server: at most this, to let through; at least this, to ask or deny.
    #[arg(long, value_name = "low|medium|high")]
    pub(crate) risk: Option<String>,
    /// Of a tool call: whether its server says that the tool only reads.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) read_only: Option<bool>,
    /// Of a tool call: whether its server lets expect that the tool may destroy something.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) destructive: Option<bool>,
    /// Tools that the request uses: none, any, or names with commas.
    #[arg(long, value_name = "none|any|A,B")]
    pub(crate) tools: Option<String>,
    /// Whether it asks for the context of servers.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    pub(crate) include_context: Option<bool>,
    /// The time of day, e.g. 08:00-18:00.
    #[arg(long, value_name = "FROM-TO")]
    pub(crate) hours: Option<String>,
    /// From this time on it matches nothing (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// How often it may let through.
    #[arg(long, value_name = "N")]
    pub(crate) uses: Option<u64>,
    /// What you want to remember about it.
    #[arg(long)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleAction {
    Allow,
    Ask,
    Deny,
    Answer,
}
