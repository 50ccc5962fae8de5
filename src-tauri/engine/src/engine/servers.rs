//! Servers as configured and as they stand.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use samplegate_core::limits::Limits;
use samplegate_core::settings::{
    self, Confinement, Elicitation, InvalidSetting, OauthClient, Sampling, SamplingTools, Server, Transport, check_name,
};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{Engine, confinement, logins::client_secret};
use crate::{
    config::ConfigError,
    mcp::{
        self, CallError, Connector, Declare, Kept, Listing, LogLevel, Secret, ServerEvent, ServerSpec, Spawner,
        TransportSpec, oauth::LoginError,
    },
    pipeline::now,
    secrets::SecretError,
    store::{GuardChange, StoreError},
    wire::{
        Gates, LogLine, NamedValue, OauthClientInput, Offers, SamplingMode, ServerInput, ServerState, ServerView,
        TestReport, Topic, TransportInput,
    },
};

/// How many log lines of a server are kept.
const LOG_LINES: usize = 500;
/// The level of lines that a server's process writes to stderr.
const STDERR: &str = "stderr";

/// Why a server could not be changed or asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is none of that name.
    #[error("there is no server {0:?}")]
    NotFound(String),
    /// There is one of that name already.
    #[error("there is a server {0:?} already")]
    Taken(String),
    /// It is not running.
    #[error("{0} is not ready: {1}")]
    NotReady(String, String),
    /// What is to be approved is not what it is.
    #[error("{0} is not what was shown: look at it again, it is approved as it was shown or not at all")]
    NotShown(String),
    /// Only a window of the tray app may do that while it runs.
    #[error("the tray app runs, so {0} can be approved in its settings window only: a program must not approve itself")]
    AppRuns(String),
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keychain.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The server failed to answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Signing in did not come about.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl From<InvalidSetting> for ServerError {
    fn from(error: InvalidSetting) -> Self {
        Self::Config(error.into())
    }
}

/// The last log lines of each server.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    lines: Arc<Mutex<HashMap<String, VecDeque<LogLine>>>>,
    live: broadcast::Sender<(String, LogLine)>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { lines: Arc::default(), live: broadcast::Sender::new(LOG_LINES) }
    }
}

impl Engine {
    /// The servers, by name.
    pub fn list_servers(&self) -> Vec<ServerView> {
        let settings = self.config.settings();
        let states: HashMap<String, mcp::ServerState> =
            self.servers.list().into_iter().map(|status| (status.name, status.state)).collect();
        settings
            .servers
            .iter()
            .map(|(name, server)| ServerView {
                config: input(name, server),
                state: match states.get(name) {
                    Some(state) => state_view(state),
                    None if !server.enabled => ServerState::Disabled,
                    None => ServerState::Starting { waits_for: None },
                },
                pin: self.pin_summary(name),
                review_due: super::record::review_due(server),
                login: self.login_of(name, server),
                log: self.log_lines(name),
            })
            .collect()
    }

    /// Saves a server: a new one, or in place of `original`. Secret values go into the keychain.
    ///
    /// # Errors
    /// The name is taken or not valid, a header with a secret would go over plain HTTP, the keychain cannot be used, or
    /// the configuration cannot be written.
    pub async fn save_server(&self, original: Option<&str>, input: ServerInput) -> Result<(), ServerError> {
        check_name(&input.name)?;
        let settings = self.config.settings();
        if original != Some(input.name.as_str()) && settings.servers.contains_key(&input.name) {
            return Err(ServerError::Taken(input.name));
        }
        let old = original.and_then(|name| settings.servers.get(name));
        if let Some(name) = original
            && old.is_none()
        {
            return Err(ServerError::NotFound(name.into()));
        }
        let mut server = from_input(&input, old);
        let was = old.map_or(Sampling::Off, |old| old.sampling);
        self.propose_confinement(&mut server, input.confinement.is_some(), was).await;
        // Who switches sampling on approves it: the record says who and until when.
        server.set_sampling(server.sampling, jiff::Zoned::now().date(), &self.options.reviewer);
        server.check()?;
        server.check_headers()?;
        for (kind, value) in secret_values(&input.transport) {
            let key = secret_name(&input.name, kind, &value.name);
            match (&value.value, original) {
                (Some(text), _) => self.secrets.set(&key, SecretString::from(text.clone())).await?,
                (None, Some(old_name)) if old_name != input.name => {
                    if let Some(kept) = self.secrets.get(&secret_name(old_name, kind, &value.name)).await? {
                        self.secrets.set(&key, kept).await?;
                    }
                }
                (None, _) => {}
            }
        }
        if let Some(secret) = input.oauth.as_ref().and_then(|oauth| oauth.secret.clone()) {
            self.secrets.set(&client_secret(&input.name), SecretString::from(secret)).await?;
        }
        if let Some(from) = original.filter(|original| *original != input.name && server.oauth.client_secret)
            && input.oauth.as_ref().is_none_or(|oauth| oauth.secret.is_none())
            && let Some(kept) = self.secrets.get(&client_secret(from)).await?
        {
            self.secrets.set(&client_secret(&input.name), kept).await?;
        }
        let new_name = input.name.clone();
        let new_secret = secret_values(&input.transport).iter().any(|(_, value)| value.value.is_some());
        if let Some(old_name) = original.filter(|old_name| *old_name != new_name) {
            // A grant names the server. Its pin goes over to the new name below.
            self.end_grants_of(old_name).await?;
        }
        self.config.update(|settings| {
            if let Some(original) = original {
                settings.servers.remove(original);
            }
            settings.servers.insert(input.name, server);
            Ok::<_, ServerError>(())
        })?;
        if let Some(original) = original.filter(|original| *original != new_name) {
            // A new name must not make a server a new one, that is pinned as it is.
            let renamed = GuardChange::Rename { from: original.into(), to: new_name.clone() };
            self.store.change(renamed, Vec::new()).await?;
            self.read_pins().await?;
        }
        // Secrets that nobody names any more must not stay behind.
        if let (Some(original), Some(old)) = (original, old) {
            let kept: Vec<String> = self
                .config
                .settings()
                .servers
                .get(&new_name)
                .map(|server| secret_names(&new_name, server))
                .unwrap_or_default();
            for name in secret_names(original, old).into_iter().filter(|name| !kept.contains(name)) {
                self.secrets.remove(&name).await?;
            }
            if original != new_name {
                // Tokens were got for a server of that name.
                self.sign_ins.forget(original).await?;
            }
        }
        if let Some(original) = original.filter(|original| *original != new_name) {
            self.remove_caches(original);
        }
        if new_secret {
            // The settings may be what they were, and a running server has the old value.
            self.servers.end_lines_to(&new_name);
            self.servers.restart(&new_name);
        }
        Ok(())
    }

    /// Removes a server and its secrets. Rules about it stay and match nothing.
    ///
    /// # Errors
    /// There is none of that name, or the configuration or the keychain cannot be written.
    pub async fn remove_server(&self, name: &str) -> Result<(), ServerError> {
        // First, so that nothing is left of it that a new server of its name could use.
        self.forget_approvals(name).await?;
        let old = self
            .config
            .update(|settings| settings.servers.remove(name).ok_or_else(|| ServerError::NotFound(name.into())))?;
        self.store.change(GuardChange::Forget { server: name.into() }, Vec::new()).await?;
        self.read_pins().await?;
        self.remove_caches(name);
        for secret in secret_names(name, &old) {
            self.secrets.remove(&secret).await?;
        }
        self.cancel_login(name);
        self.sign_ins.forget(name).await?;
        Ok(())
    }

    /// Switches a server on or off.
    ///
    /// # Errors
    /// There is none of that name, or the configuration cannot be written.
    pub fn set_server_enabled(&self, name: &str, enabled: bool) -> Result<(), ServerError> {
        self.config.update(|settings| {
            let server = settings.servers.get_mut(name).ok_or_else(|| ServerError::NotFound(name.into()))?;
            server.enabled = enabled;
            Ok(())
        })
    }

    /// Denies what waits of a server, and switches its sampling off; gives how many were denied.
    ///
    /// # Errors
    /// There is none of that name, or the change could not be logged or written: what waited was denied all the same.
    pub async fn block_server(&self, name: &str) -> Result<u32, ServerError> {
        if !self.config.settings().servers.contains_key(name) {
            return Err(ServerError::NotFound(name.into()));
        }
        let why = "the server was blocked";
        let denied = self.queue.deny_all(name, why);
        // The server is started anew without the capability; its questions are to end as denied, not as withdrawn.
        self.queue.ended(name).await;
        self.config.update(|settings| {
            let server = settings.servers.get_mut(name).ok_or_else(|| ServerError::NotFound(name.into()))?;
            server.sampling = settings::Sampling::Off;
            Ok::<_, ServerError>(())
        })?;
        let denied = denied + self.queue.deny_all(name, why);
        self.queue.forget_denials(name);
        Ok(denied)
    }

    /// Starts a server again.
    ///
    /// # Errors
    /// There is none of that name that is enabled.
    pub fn restart_server(&self, name: &str) -> Result<(), ServerError> {
        self.servers.end_lines_to(name);
        if self.servers.restart(name) { Ok(()) } else { Err(ServerError::NotFound(name.into())) }
    }

    /// Connects once with a configuration that need not be saved, and says what was seen.
    pub async fn test_server(&self, input: &ServerInput) -> TestReport {
        match self.try_server(input).await {
            Ok(message) => TestReport { ok: true, message },
            Err(message) => TestReport { ok: false, message },
        }
    }

    async fn try_server(&self, input: &ServerInput) -> Result<String, String> {
        let settings = self.config.settings();
        let server = from_input(input, settings.servers.get(&input.name));
        server.check().map_err(|error| error.to_string())?;
        server.check_headers().map_err(|error| error.to_string())?;
        let given: HashMap<String, String> = secret_values(&input.transport)
            .into_iter()
            .filter_map(|(kind, value)| Some((secret_name(&input.name, kind, &value.name), value.value.clone()?)))
            .collect();
        let spec = self.spec(&input.name, &server, &given);
        let spec = spec.unlocked(&self.secrets).await.map_err(|error| error.to_string())?;
        let connector = self.connector().map_err(|error| error.to_string())?;
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        let connection = connector.open(&spec, mcp::EraHint::Unknown, &cancel).await.map_err(|error| {
            let stderr = error.stderr().join("\n");
            if stderr.is_empty() { error.to_string() } else { format!("{error}\n{stderr}") }
        })?;
        let identity = connection.identity().clone();
        let tools = connection.tools().await;
        if let Some(seen) = connection.sight().now().filter(|_| settings.servers.get(&input.name) == Some(&server)) {
            self.compare(&input.name, &seen).await.map_err(|error| error.to_string())?;
        }
        connection.close().await;
        let tools = tools.map_err(|error| error.to_string())?;
        Ok(format!(
            "{} {}, MCP {}, {} tool{}",
            identity.reported_name.as_deref().unwrap_or("a server without a name"),
            identity.version.as_deref().unwrap_or(""),
            identity.protocol_version,
            tools.len(),
            if tools.len() == 1 { "" } else { "s" },
        ))
    }

    /// Connects beside the running servers.
    pub(super) fn connector(&self) -> std::io::Result<Connector> {
        Ok(Connector {
            settings: self.options.client.clone(),
            spawner: Spawner::start()?,
            asker: Arc::new(self.pipeline.clone()),
            events: mcp::Events::default(),
        })
    }

    /// What a server offers.
    ///
    /// # Errors
    /// It is not ready, or does not answer.
    pub async fn server_offers(&self, name: &str) -> Result<Offers, ServerError> {
        let connection = self.ready(name).await?;
        let offers = Offers {
            tools: connection.tools().await?,
            prompts: all(&connection, Listing::Prompts).await?,
            resources: all(&connection, Listing::Resources).await?,
            resource_templates: all(&connection, Listing::ResourceTemplates).await?,
        };
        self.compare_new(name, connection.sight().settled().await).await;
        Ok(offers)
    }

    /// The connection of a server, once it is up; waits while it starts.
    ///
    /// # Errors
    /// There is none of that name, it is switched off, or it failed.
    pub async fn ready(&self, name: &str) -> Result<Arc<mcp::Connection>, ServerError> {
        let settings = self.config.settings();
        let server = settings.servers.get(name).ok_or_else(|| ServerError::NotFound(name.into()))?;
        let not_ready = |why: String| ServerError::NotReady(name.into(), why);
        if !server.enabled {
            return Err(not_ready("it is switched off".into()));
        }
        let mut restarted = false;
        // A server that was configured a moment ago may not have reached the supervisor yet.
        for _ in 0..200 {
            match self.servers.settled(name).await {
                Some(mcp::ServerState::Ready { .. }) => {
                    if let Some(connection) = self.servers.get(name) {
                        self.compare_new(name, connection.sight().settled().await).await;
                        return Ok(connection);
                    }
                }
                // Somebody wants it now: it need not wait for its turn.
                Some(mcp::ServerState::Failed { retry_at: Some(_), .. }) if !restarted => {
                    restarted = self.servers.restart(name);
                }
                Some(mcp::ServerState::NeedsSignIn { why }) => return Err(not_ready(why)),
                Some(mcp::ServerState::Failed { why, stderr, .. }) => {
                    let stderr = stderr.join("\n");
                    return Err(not_ready(if stderr.is_empty() { why } else { format!("{why}\n{stderr}") }));
                }
                Some(mcp::ServerState::Disabled | mcp::ServerState::Unlocking | mcp::ServerState::Starting) | None => {}
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        Err(not_ready("it was not started".into()))
    }

    /// Brings the running servers to the settings. Each reads its own secrets before it starts, and waits for nobody.
    pub(super) async fn apply_servers(&self) {
        let settings = self.config.settings();
        let wanted = |name: &String| self.only.as_ref().is_none_or(|only| only.contains(name));
        let wanted = settings.servers.iter().filter(|(name, _)| wanted(name));
        let wanted = wanted.map(|(name, server)| (self.spec(name, server, &HashMap::new()), server.enabled)).collect();
        self.servers.apply(wanted).await;
        self.tell(Topic::Servers, None);
    }

    /// A server's specification; secret values that are `given`, by the names of their entries, are not read again.
    pub(super) fn spec(&self, name: &str, server: &Server, given: &HashMap<String, String>) -> ServerSpec {
        let (kind, secrets) = match &server.transport {
            Transport::Stdio { secret_env, .. } => ("env", secret_env.as_slice()),
            Transport::Http { secret_headers, .. } => ("header", secret_headers.as_slice()),
            Transport::Demo { .. } => ("", [].as_slice()),
        };
        let (mut read, mut kept) = (Vec::new(), Vec::new());
        for secret in secrets {
            let entry = secret_name(name, kind, secret);
            match given.get(&entry) {
                Some(value) => read.push((secret.clone(), Secret::new(value.clone()))),
                None => kept.push(Kept { name: secret.clone(), entry }),
            }
        }
        let plain = |values: &BTreeMap<String, String>| {
            values.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect::<Vec<_>>()
        };
        let transport = match &server.transport {
            Transport::Stdio { command, args, cwd, env, .. } => TransportSpec::Stdio {
                command: command.clone(),
                args: args.clone(),
                env: plain(env).into_iter().chain(read).collect(),
                cwd: cwd.as_ref().map(PathBuf::from),
                confinement: server.confine.enabled.then(|| server.confine.clone()),
            },
            Transport::Http { url, headers, .. } => {
                TransportSpec::Http { url: url.clone(), headers: plain(headers).into_iter().chain(read).collect() }
            }
            Transport::Demo { .. } => TransportSpec::Stdio {
                command: self.options.program.display().to_string(),
                args: vec!["demo-server".into()],
                env: Vec::new(),
                cwd: None,
                confinement: server.confine.enabled.then(|| server.confine.clone()),
            },
        };
        let sampling = server.sampling != Sampling::Off;
        ServerSpec {
            name: name.into(),
            transport,
            kept,
            declare: Declare {
                sampling,
                sampling_tools: sampling && !server.sampling_tools.is_none(),
                elicitation: server.elicitation == Elicitation::Ask,
            },
        }
    }

    /// The log lines and progress of servers from now on, each with its server's name, but not what processes write to
    /// stderr. Who reads too slowly misses some.
    pub fn follow_logs(&self) -> broadcast::Receiver<(String, LogLine)> {
        self.logs.live.subscribe()
    }

    fn log_lines(&self, server: &str) -> Vec<LogLine> {
        let lines = self.logs.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(server).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn log_event(&self, server: &str, event: ServerEvent) {
        let (level, text) = match event {
            ServerEvent::Log { level, logger, data } => {
                let text = match data {
                    Value::String(text) => text,
                    // FastMCP and others wrap the text.
                    Value::Object(mut fields) if fields.get("msg").is_some_and(Value::is_string) => {
                        fields.remove("msg").and_then(|text| text.as_str().map(ToOwned::to_owned)).unwrap_or_default()
                    }
                    other => other.to_string(),
                };
                (level_name(level).to_owned(), logger.map_or(text.clone(), |logger| format!("{logger}: {text}")))
            }
            ServerEvent::Progress { call_id, progress, total, message } => {
                self.runs.progress(call_id, progress, total, message.clone());
                self.tell(Topic::Calls, Some(call_id.to_string()));
                let amount = total.map_or(format!("{progress}"), |total| format!("{progress}/{total}"));
                ("progress".into(), message.map_or(amount.clone(), |message| format!("{amount} {message}")))
            }
            ServerEvent::Stderr(line) => (STDERR.into(), line),
            ServerEvent::ToolsChanged | ServerEvent::PromptsChanged | ServerEvent::ResourcesChanged => {
                self.tell(Topic::Servers, Some(server.into()));
                return;
            }
            ServerEvent::BadLine(line) => ("warning".into(), format!("not a message, left out: {line}")),
            ServerEvent::Oversized { bytes, .. } => ("error".into(), format!("a message of {bytes} bytes was refused")),
            ServerEvent::TooManyQuestions { method } => {
                ("error".into(), format!("{method} was refused: too many are open"))
            }
            ServerEvent::NotDeclared { method } => ("error".into(), format!("{method} was asked and is not offered")),
            ServerEvent::WantsMore { scopes } => {
                ("warning".into(), format!("it wants more than was granted at sign-in: {}", scopes.join(" ")))
            }
        };
        let line = LogLine { at: now(), level, text };
        if self.runs.log(server, &line) {
            self.tell(Topic::Calls, None);
        }
        if line.level != STDERR {
            // Nobody listening is no error.
            let _ = self.logs.live.send((server.to_owned(), line.clone()));
        }
        let mut lines = self.logs.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines.entry(server.to_owned()).or_default();
        lines.push_back(line);
        if lines.len() > LOG_LINES {
            lines.pop_front();
        }
    }
}

/// Lists one kind. Many servers declare resources and know no templates, or declare more than they have.
async fn all(connection: &mcp::Connection, listing: Listing) -> Result<Vec<Value>, CallError> {
    match connection.list(listing).await {
        Err(CallError::Protocol { code: -32601, .. }) => Ok(Vec::new()),
        listed => listed,
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Notice => "notice",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
        LogLevel::Critical => "critical",
        LogLevel::Alert => "alert",
        LogLevel::Emergency => "emergency",
    }
}

fn state_view(state: &mcp::ServerState) -> ServerState {
    match state {
        mcp::ServerState::Unlocking => ServerState::Starting { waits_for: Some("the keychain".into()) },
        mcp::ServerState::Starting => ServerState::Starting { waits_for: None },
        mcp::ServerState::Ready { identity, tools } => ServerState::Ready {
            reported_name: identity.title.clone().or_else(|| identity.reported_name.clone()).unwrap_or_default(),
            version: identity.version.clone().unwrap_or_default(),
            protocol: identity.protocol_version.clone(),
            tools: tools.iter().filter_map(|tool| tool.get("name")?.as_str().map(ToOwned::to_owned)).collect(),
        },
        mcp::ServerState::NeedsSignIn { why } => ServerState::NeedsSignIn { why: why.clone() },
        mcp::ServerState::Failed { why, stderr, retry_at } => ServerState::Failed {
            why: why.clone(),
            stderr: stderr.clone(),
            retry_at: retry_at.map(samplegate_core::audit::format_time),
        },
        mcp::ServerState::Disabled => ServerState::Disabled,
    }
}

/// The keychain entry of a variable or header.
pub(super) fn secret_name(server: &str, kind: &str, name: &str) -> String {
    format!("server:{server}:{kind}:{name}")
}

fn secret_names(server: &str, settings: &Server) -> Vec<String> {
    match &settings.transport {
        Transport::Stdio { secret_env, .. } => secret_env.iter().map(|name| secret_name(server, "env", name)).collect(),
        Transport::Http { secret_headers, .. } => {
            let headers = secret_headers.iter().map(|name| secret_name(server, "header", name));
            headers.chain(settings.oauth.client_secret.then(|| client_secret(server))).collect()
        }
        Transport::Demo { .. } => Vec::new(),
    }
}

fn secret_values(transport: &TransportInput) -> Vec<(&'static str, &NamedValue)> {
    let (kind, values) = match transport {
        TransportInput::Stdio { env, .. } => ("env", env.as_slice()),
        TransportInput::Http { headers, .. } => ("header", headers.as_slice()),
        TransportInput::Demo => return Vec::new(),
    };
    values.iter().filter(|value| value.secret).map(|value| (kind, value)).collect()
}

/// A server's settings as the shells see them: no secret values.
pub(super) fn input(name: &str, server: &Server) -> ServerInput {
    let values = |plain: &BTreeMap<String, String>, secret: &[String]| {
        let plain = plain.iter().map(|(name, value)| NamedValue {
            name: name.clone(),
            value: Some(value.clone()),
            secret: false,
        });
        let secret = secret.iter().map(|name| NamedValue { name: name.clone(), value: None, secret: true });
        plain.chain(secret).collect::<Vec<_>>()
    };
    ServerInput {
        name: name.into(),
        transport: match &server.transport {
            Transport::Stdio { command, args, cwd, env, secret_env } => TransportInput::Stdio {
                command: command.clone(),
                args: args.clone(),
                cwd: cwd.clone(),
                env: values(env, secret_env),
            },
            Transport::Http { url, headers, secret_headers } => {
                TransportInput::Http { url: url.clone(), headers: values(headers, secret_headers) }
            }
            Transport::Demo { .. } => TransportInput::Demo,
        },
        enabled: server.enabled,
        sampling: match server.sampling {
            Sampling::Off => SamplingMode::Off,
            Sampling::Ask => SamplingMode::Ask,
            Sampling::Rules => SamplingMode::Rules,
        },
        gates: gates_view(server.gates),
        sampling_tools: match &server.sampling_tools {
            SamplingTools::None => crate::wire::SamplingTools::None,
            SamplingTools::All => crate::wire::SamplingTools::All,
            SamplingTools::Only(names) => crate::wire::SamplingTools::Only(names.clone()),
        },
        elicitation: Some(server.elicitation == Elicitation::Ask),
        limits: Some(server.limits.clone()),
        confinement: Some(confinement::view(&server.confine)),
        oauth: matches!(server.transport, Transport::Http { .. }).then(|| OauthClientInput {
            client_id: server.oauth.client_id.clone(),
            has_secret: server.oauth.client_secret,
            secret: None,
        }),
    }
}

/// A gates setting as the shells see it.
pub(crate) fn gates_view(gates: settings::Gates) -> Gates {
    match gates {
        settings::Gates::Both => Gates::Both,
        settings::Gates::Request => Gates::Request,
        settings::Gates::Answer => Gates::Answer,
    }
}

/// A gates setting as a shell gives it.
pub(crate) fn gates(gates: Gates) -> settings::Gates {
    match gates {
        Gates::Both => settings::Gates::Both,
        Gates::Request => settings::Gates::Request,
        Gates::Answer => settings::Gates::Answer,
    }
}

/// A shell's input as settings. A plain value of none keeps the old one.
fn from_input(input: &ServerInput, old: Option<&Server>) -> Server {
    let old_plain: BTreeMap<String, String> = match old.map(|server| &server.transport) {
        Some(Transport::Stdio { env, .. }) => env.clone(),
        Some(Transport::Http { headers, .. }) => headers.clone(),
        Some(Transport::Demo { .. }) | None => BTreeMap::new(),
    };
    let split = |values: &[NamedValue]| {
        let plain: BTreeMap<String, String> = values
            .iter()
            .filter(|value| !value.secret)
            .map(|value| {
                let kept = || old_plain.get(&value.name).cloned().unwrap_or_default();
                (value.name.clone(), value.value.clone().unwrap_or_else(kept))
            })
            .collect();
        let secret: Vec<String> = values.iter().filter(|value| value.secret).map(|value| value.name.clone()).collect();
        (plain, secret)
    };
    let transport = match &input.transport {
        TransportInput::Stdio { command, args, cwd, env } => {
            let (env, secret_env) = split(env);
            Transport::Stdio {
                command: command.clone(),
                args: args.clone(),
                cwd: cwd.clone().filter(|cwd| !cwd.is_empty()),
                env,
                secret_env,
            }
        }
        TransportInput::Http { url, headers } => {
            let (headers, secret_headers) = split(headers);
            Transport::Http { url: url.clone(), headers, secret_headers }
        }
        TransportInput::Demo => Transport::Demo { demo: true },
    };
    Server {
        enabled: input.enabled,
        sampling: sampling(input.sampling),
        gates: gates(input.gates),
        sampling_tools: match &input.sampling_tools {
            crate::wire::SamplingTools::None => SamplingTools::None,
            crate::wire::SamplingTools::All => SamplingTools::All,
            crate::wire::SamplingTools::Only(names) => SamplingTools::Only(names.clone()),
        },
        elicitation: match (input.elicitation, old) {
            (Some(true), _) | (None, None) => Elicitation::Ask,
            (Some(false), _) => Elicitation::Off,
            (None, Some(old)) => old.elicitation,
        },
        limits: match (&input.limits, old) {
            (Some(limits), _) => limits.clone(),
            (None, Some(old)) => old.limits.clone(),
            (None, None) => Limits::default(),
        },
        confine: match (&input.confinement, old) {
            (Some(confinement), _) => confinement::settings(confinement),
            (None, Some(old)) => old.confine.clone(),
            (None, None) => Confinement::default(),
        },
        oauth: match (&input.oauth, old, &transport) {
            (_, _, Transport::Stdio { .. } | Transport::Demo { .. }) => OauthClient::default(),
            (Some(oauth), _, _) => {
                let client_id = oauth.client_id.clone().filter(|id| !id.is_empty());
                // A secret belongs to an id.
                let same = old.is_none_or(|old| old.oauth.client_id == client_id);
                let client_secret = client_id.is_some() && (oauth.secret.is_some() || oauth.has_secret && same);
                OauthClient { client_id, client_secret }
            }
            (None, Some(old), _) => old.oauth.clone(),
            (None, None, _) => OauthClient::default(),
        },
        ..match old {
            Some(old) => Server { transport, ..old.clone() },
            None => Server::new(transport),
        }
    }
}

pub(super) fn sampling(mode: SamplingMode) -> settings::Sampling {
    match mode {
        SamplingMode::Off => settings::Sampling::Off,
        SamplingMode::Ask => settings::Sampling::Ask,
        SamplingMode::Rules => settings::Sampling::Rules,
    }
}
