//! One request of a host, from its arrival to its response.

use std::sync::Arc;

use samplegate_core::{settings::Settings, upstream::HostSide};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Endpoint, Gateway,
    auth::Caller,
    failure::Failure,
    fit::{self, RequestMeta, Welcome, fit_result},
    headers::VERSIONS,
    names,
    session::{MOST_OF_A_HOST, Session},
};
use crate::mcp::{Connection, Era, Listing, ServerState, connection::LOG_LEVEL_KEY};

/// How a host is connected.
#[derive(Clone)]
pub(super) enum Side {
    /// Up to 2025-11-25: in a session.
    Session(Arc<Session>),
    /// From 2026-07-28 on: each request for itself.
    Stateless,
}

/// A request under way.
pub(super) struct Request {
    pub(super) gateway: Gateway,
    pub(super) endpoint: Endpoint,
    pub(super) caller: Caller,
    pub(super) side: Side,
    pub(super) id: Value,
    pub(super) method: String,
    /// Without `_meta`.
    pub(super) params: Map<String, Value>,
    pub(super) meta: RequestMeta,
    /// What the host answers, where it sends a call again.
    pub(super) again: Option<Again>,
    /// What goes to the host before the response, and that last.
    pub(super) out: mpsc::Sender<Value>,
    /// Fires when the host gives up, or the gateway ends.
    pub(super) cancel: CancellationToken,
}

/// What comes with a call that is sent again, from 2026-07-28 on.
pub(super) struct Again {
    pub(super) state: Value,
    pub(super) responses: Map<String, Value>,
}

/// A server and what it calls what was asked for.
pub(super) struct Target {
    pub(super) server: String,
    pub(super) name: String,
}

impl Request {
    /// Answers it. Nothing is said to a host that gave up.
    pub(super) async fn run(mut self) {
        if let Side::Session(session) = &self.side {
            session.begin(&self.id, self.cancel.clone(), self.out.clone());
        }
        let answered = self.answer().await;
        if let Side::Session(session) = &self.side {
            session.end(&self.id);
        }
        if self.cancel.is_cancelled() && !self.gateway.0.stop.is_cancelled() {
            return;
        }
        let message = match answered {
            Ok(mut result) => {
                fit_result(&self.method, self.era(), &mut result);
                json!({"jsonrpc": "2.0", "id": self.id, "result": result})
            }
            Err(failure) => failure.response(&self.id),
        };
        // A host that went away hears nothing.
        let _ = self.out.send(message).await;
    }

    pub(super) fn era(&self) -> Era {
        match self.side {
            Side::Session(_) => Era::Legacy,
            Side::Stateless => Era::Stateless,
        }
    }

    async fn answer(&mut self) -> Result<Value, Failure> {
        // What answers our own questions is not for the server.
        let (responses, state) = (self.params.remove("inputResponses"), self.params.remove("requestState"));
        self.again = state.filter(|_| self.era() == Era::Stateless).map(|state| {
            let responses = match responses {
                Some(Value::Object(responses)) => responses,
                _ => Map::new(),
            };
            Again { state, responses }
        });
        let method = self.method.clone();
        match (method.as_str(), self.era()) {
            ("ping", Era::Legacy) => Ok(json!({})),
            ("server/discover", Era::Stateless) => {
                let version = self.meta.version.clone().unwrap_or_default();
                let welcome = self.gateway.welcome(&self.endpoint, Era::Stateless, &version);
                self.cancel.run_until_cancelled(welcome).await.unwrap_or_else(|| Err(gone()))
            }
            ("subscriptions/listen", Era::Stateless) => self.subscribe().await,
            ("logging/setLevel", Era::Legacy) => self.set_level().await,
            ("resources/subscribe", Era::Legacy) => self.watch().await,
            ("resources/unsubscribe", Era::Legacy) => self.unwatch(),
            ("tools/list", _) => self.list(Listing::Tools).await,
            ("prompts/list", _) => self.list(Listing::Prompts).await,
            ("resources/list", _) => self.list(Listing::Resources).await,
            ("resources/templates/list", _) => self.list(Listing::ResourceTemplates).await,
            ("tools/call" | "prompts/get" | "resources/read", _) => self.call().await,
            ("completion/complete", _) => self.complete().await,
            _ => Err(Failure::no_method(&method)),
        }
    }

    /// The connection by which this host reaches a server.
    pub(super) async fn connection(&self, server: &str) -> Result<Arc<Connection>, Failure> {
        let reached = self.gateway.connection(server, &self.caller.name);
        self.cancel.run_until_cancelled(reached).await.unwrap_or_else(|| Err(gone()))
    }

    /// The params with the `_meta` that goes on to a server.
    pub(super) fn params_for(&self, connection: &Connection) -> Map<String, Value> {
        let (mut params, mut meta) = (self.params.clone(), self.meta.rest.clone());
        let level = match (&self.side, connection.identity().era) {
            // It was told the connection.
            (_, Era::Legacy) => meta.remove(LOG_LEVEL_KEY).and(None),
            (Side::Session(session), Era::Stateless) => session.level(),
            (Side::Stateless, Era::Stateless) => None,
        };
        if let Some(level) = level {
            meta.insert(LOG_LEVEL_KEY.to_owned(), level.into());
        }
        if !meta.is_empty() {
            params.insert("_meta".to_owned(), meta.into());
        }
        params
    }

    /// The server that is meant by a member of the params, and what it calls that.
    pub(super) fn target(&self, member: &str, given: &str) -> Result<Target, Failure> {
        let settings = self.gateway.0.engine.config().settings();
        let server = match &self.endpoint {
            Endpoint::One(server) => return Ok(Target { server: server.clone(), name: given.to_owned() }),
            Endpoint::All if member == "uri" => {
                names::split_uri(given).filter(|(server, _)| offered(&settings, server))
            }
            Endpoint::All => {
                let mut meant: Vec<_> =
                    names::readings(given).filter(|(server, _)| offered(&settings, server)).collect();
                if meant.len() > 1 {
                    // Names that hold what joins them: the one that is there, else the longest server's.
                    meant.sort_by_key(|(server, name)| (self.gateway.has_tool(server, name), server.len()));
                }
                meant.pop()
            }
        };
        let Some((server, name)) = server else {
            let what = if member == "uri" { "resource" } else { "name" };
            return Err(Failure::params(format!("Unknown {what}: {given}")));
        };
        Ok(Target { server: server.to_owned(), name: name.to_owned() })
    }

    /// A member of the params that has to be a string.
    pub(super) fn text(&self, member: &str) -> Result<String, Failure> {
        let text = self.params.get(member).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| Failure::params(format!("Invalid params: {member} must be a string")))
    }

    async fn complete(&mut self) -> Result<Value, Failure> {
        let reference = self.params.get("ref").cloned().unwrap_or_default();
        let member = if reference.get("uri").is_some() { "uri" } else { "name" };
        let given = reference.get(member).and_then(Value::as_str);
        let given = given.ok_or_else(|| Failure::params("Invalid params: ref names no prompt and no resource"))?;
        let target = self.target(member, given)?;
        if let Some(reference) = self.params.get_mut("ref") {
            reference[member] = target.name.into();
        }
        let connection = self.connection(&target.server).await?;
        let params = self.params_for(&connection);
        let completed = connection.relay("completion/complete", params, &self.cancel).await;
        completed.map_err(|error| Failure::call(&target.server, error))
    }

    /// Tells the servers of the older era which log messages are wanted; for the others it is said in each request.
    async fn set_level(&self) -> Result<Value, Failure> {
        let level = self.text("level")?;
        match &self.endpoint {
            Endpoint::One(server) => {
                let connection = self.connection(server).await?;
                if connection.identity().era == Era::Legacy {
                    let set = connection.relay(&self.method, self.params.clone(), &self.cancel).await;
                    set.map_err(|error| Failure::call(server, error))?;
                }
            }
            Endpoint::All => {
                for connection in self.gateway.ready_connections(&self.caller.name) {
                    let (params, cancel) = (self.params.clone(), self.cancel.clone());
                    // One that does not answer must not keep the others from it.
                    tokio::spawn(async move { connection.relay("logging/setLevel", params, &cancel).await });
                }
            }
        }
        if let Side::Session(session) = &self.side {
            session.set_level(&level);
        }
        Ok(json!({}))
    }

    async fn watch(&self) -> Result<Value, Failure> {
        let target = self.target("uri", &self.text("uri")?)?;
        let connection = self.connection(&target.server).await?;
        let guard = connection.watch(&target.name).await.map_err(|error| Failure::call(&target.server, error))?;
        if let Side::Session(session) = &self.side {
            session.watch(&target.server, &target.name, guard);
        }
        Ok(json!({}))
    }

    fn unwatch(&self) -> Result<Value, Failure> {
        let target = self.target("uri", &self.text("uri")?)?;
        if let Side::Session(session) = &self.side {
            session.unwatch(&target.server, &target.name);
        }
        Ok(json!({}))
    }
}

/// A host that gave up hears of nothing any more; this is for who still listens when the gateway ends.
pub(super) fn gone() -> Failure {
    Failure::internal("the request was given up")
}

fn unknown(server: &str) -> Failure {
    Failure::params(format!("there is no server {server:?}, or it is switched off"))
}

fn offered(settings: &Settings, server: &str) -> bool {
    settings.servers.get(server).is_some_and(|server| server.enabled)
}

impl Gateway {
    /// Whether a server is configured and switched on.
    pub(super) fn offers(&self, server: &str) -> bool {
        offered(&self.0.engine.config().settings(), server)
    }

    /// Begins a session. Where the host has as many as it may, the one that was not used for the longest ends.
    ///
    /// # Errors
    /// All of them are in use.
    pub(super) fn begin_session(
        &self,
        id: String,
        caller: &Caller,
        endpoint: Endpoint,
        side: HostSide,
    ) -> Result<(), Failure> {
        let ended = self.0.stop.child_token();
        let session = Session::new(id.clone(), &caller.name, endpoint, side, ended);
        let mut sessions = self.sessions();
        let own = || sessions.values().filter(|session| session.host == caller.name);
        if own().count() >= MOST_OF_A_HOST {
            let unused = own().filter_map(|session| Some((session.unused_since()?, session.id.clone())));
            let Some((_, oldest)) = unused.min() else {
                let why = format!("this host has {MOST_OF_A_HOST} sessions and uses all of them: end one first");
                return Err(Failure::internal(why));
            };
            if let Some(ended) = sessions.remove(&oldest) {
                ended.close();
            }
        }
        sessions.insert(id, session);
        Ok(())
    }

    /// What an endpoint says of itself. One server is waited for, all together are not.
    pub(super) async fn welcome(&self, endpoint: &Endpoint, era: Era, version: &str) -> Result<Value, Failure> {
        let engine = &self.0.engine;
        match endpoint {
            Endpoint::One(server) => {
                let connection = engine.ready(server).await.map_err(|error| Failure::server(&error))?;
                let said = connection.welcome();
                let info = fit::server_info(said).unwrap_or_else(|| json!({"name": server, "version": ""}));
                Ok(fit::welcome(era, version, &VERSIONS, info, Welcome::of_server(said)))
            }
            Endpoint::All => {
                let settings = engine.config().settings();
                let instructions = settings.servers.keys().filter_map(|name| {
                    let connection = engine.servers.get(name)?;
                    let text = connection.identity().instructions.clone().filter(|text| !text.trim().is_empty())?;
                    Some(format!("# {name}\n\n{text}"))
                });
                let instructions = instructions.collect::<Vec<_>>().join("\n\n");
                let info = json!({"name": "samplegate", "title": "Samplegate", "version": env!("CARGO_PKG_VERSION")});
                let welcome = Welcome::of_all(Some(instructions).filter(|text| !text.is_empty()));
                Ok(fit::welcome(era, version, &VERSIONS, info, welcome))
            }
        }
    }

    /// The connection by which a host reaches a server, heard from now on.
    pub(super) async fn connection(&self, server: &str, host: &str) -> Result<Arc<Connection>, Failure> {
        let engine = &self.0.engine;
        if !self.offers(server) {
            return Err(unknown(server));
        }
        if engine.servers.get(server).is_none() {
            engine.ready(server).await.map_err(|error| Failure::server(&error))?;
        }
        match engine.servers.for_host(server, host).await {
            Ok(Some(connection)) => {
                let own = (connection.identity().era == Era::Legacy).then_some(host);
                self.hear(server, own, &connection);
                Ok(connection)
            }
            Ok(None) => Err(Failure::internal(format!("{server} is not ready"))),
            Err(error) => {
                let stderr = error.stderr.join("\n");
                let why = if stderr.is_empty() { error.why } else { format!("{}\n{stderr}", error.why) };
                Err(Failure::internal(format!("{server}: {why}")))
            }
        }
    }

    /// The connection that lists what a server has: the host's own, where there is one, for a server may offer more to
    /// one than to another; else the one that is kept up, which need not be waited for.
    pub(super) async fn listing_connection(&self, server: &str, host: &str) -> Result<Arc<Connection>, Failure> {
        let engine = &self.0.engine;
        if !self.offers(server) {
            return Err(unknown(server));
        }
        match engine.servers.open_line(server, host).or_else(|| engine.servers.get(server)) {
            Some(connection) => Ok(connection),
            None => engine.ready(server).await.map_err(|error| Failure::server(&error)),
        }
    }

    /// The host's own connections that are open.
    fn ready_connections(&self, host: &str) -> Vec<Arc<Connection>> {
        let settings = self.0.engine.config().settings();
        settings.servers.keys().filter_map(|server| self.0.engine.servers.open_line(server, host)).collect()
    }

    fn tools(&self, server: &str) -> Vec<Value> {
        match self.0.engine.servers.state(server) {
            Some(ServerState::Ready { tools, .. }) => tools,
            Some(
                ServerState::Unlocking
                | ServerState::Starting
                | ServerState::NeedsSignIn { .. }
                | ServerState::Failed { .. }
                | ServerState::Disabled,
            )
            | None => Vec::new(),
        }
    }

    fn has_tool(&self, server: &str, name: &str) -> bool {
        self.tools(server).iter().any(|tool| tool.get("name").and_then(Value::as_str) == Some(name))
    }

    /// The schema of a tool's arguments, by the name that a host calls it.
    pub(super) fn input_schema(&self, endpoint: &Endpoint, tool: &str) -> Option<Value> {
        let readings: Vec<(&str, &str)> = match endpoint {
            Endpoint::One(server) => vec![(server.as_str(), tool)],
            Endpoint::All => names::readings(tool).collect(),
        };
        readings.into_iter().find_map(|(server, name)| {
            let tools = self.tools(server);
            let found = tools.into_iter().find(|tool| tool.get("name").and_then(Value::as_str) == Some(name))?;
            found.get("inputSchema").cloned()
        })
    }
}
