//! The command line.

pub(crate) mod host;
pub(crate) mod import;

use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};

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
    /// Record: models that may answer: any, or names, class:local and provider:NAME with commas.
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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Gates {
    Both,
    Request,
    Answer,
}

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
pub(crate) struct Serve {
    /// The port on this computer where hosts connect; 0 takes any that is free [default: the configuration's].
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// The server.
    pub(crate) server: String,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

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
