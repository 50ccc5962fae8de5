//! The running servers: brought to the settings, tried, and asked what they offer.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use samplegate_core::settings::{Elicitation, Sampling, Server, Transport};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    ServerError,
    inputs::{from_input, secret_name, secret_values},
};
use crate::{
    engine::Engine,
    mcp::{self, CallError, Connector, Declare, Kept, Listing, Secret, ServerSpec, Spawner, TransportSpec},
    wire::{Offers, ServerInput, TestReport, Topic},
};

impl Engine {
    /// Brings the running servers to the settings. Each reads its own secrets before it starts, and waits for nobody.
    pub(in crate::engine) async fn apply_servers(&self) {
        let settings = self.config.settings();
        let wanted = |name: &String| self.only.as_ref().is_none_or(|only| only.contains(name));
        let wanted = settings.servers.iter().filter(|(name, _)| wanted(name));
        let wanted = wanted.map(|(name, server)| (self.spec(name, server, &HashMap::new()), server.enabled)).collect();
        self.servers.apply(wanted).await;
        self.tell(Topic::Servers, None);
    }

    /// A server's specification; secret values that are `given`, by the names of their entries, are not read again.
    pub(in crate::engine) fn spec(&self, name: &str, server: &Server, given: &HashMap<String, String>) -> ServerSpec {
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
                roots: !server.roots.is_empty(),
            },
        }
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
    pub(in crate::engine) fn connector(&self) -> std::io::Result<Connector> {
        Ok(Connector {
            settings: self.options.client.clone(),
            spawner: Spawner::start()?,
            asker: Arc::new(self.pipeline.clone()),
            events: mcp::Events::default(),
        })
    }
}

/// Lists one kind. Many servers declare resources and know no templates, or declare more than they have.
async fn all(connection: &mcp::Connection, listing: Listing) -> Result<Vec<Value>, CallError> {
    match connection.list(listing).await {
        Err(CallError::Protocol { code: -32601, .. }) => Ok(Vec::new()),
        listed => listed,
    }
}
