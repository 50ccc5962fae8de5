//! Makes connections: starts the process or reaches the URL, and shakes hands in the newest way the server understands.
//!
//! A server that cannot live with the newer first message (it exits, or answers nonsense) is started again with the
//! older one, one that takes no message at its URL is reached as those of 2024-11-05 were, and what it spoke is remembered. A slow one that answers the newer message late is not taken for an old one.

use std::sync::{Arc, Mutex};

use rmcp::{
    RoleClient,
    model::{ClientConfig, Implementation, ProtocolVersion},
    service::{ClientInitializeError, ClientLifecycleMode, RunningService, serve_client_with_lifecycle},
    transport::IntoTransport,
};
use samplegate_core::identity::Launch;
use tokio_util::sync::CancellationToken;

use super::{
    Asker, ClientSettings, ConnectError, Connection, Era, Events, ServerIdentity, ServerSpec, Spawner, TransportKind,
    TransportSpec, child::Keeper, event::shorten, handler::Handler, http, launch, oauth::Access, remote,
    spawn::Program, sse::Sse, stdio::Stdio, tap::Tap, watches::Watches,
};

/// What is known about a server's era from an earlier connection; saves it the question it does not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EraHint {
    /// Nothing.
    #[default]
    Unknown,
    /// It spoke this one last time.
    Was(Era),
    /// It spoke the older one last time, over the transport of 2024-11-05.
    WasSse,
}

#[derive(Clone, Copy)]
enum Handshake {
    /// The newest the server understands, asking the newest first.
    Newest,
    Stateless,
    Legacy,
    /// As [`Handshake::Legacy`], over the transport of 2024-11-05.
    Sse,
}

/// One way to try.
#[derive(Clone, Copy)]
struct Way<'a> {
    spec: &'a ServerSpec,
    launch: &'a Launch,
    handshake: Handshake,
    cancel: &'a CancellationToken,
}

/// What connections are made with.
#[derive(Clone)]
pub struct Connector {
    /// What all of them share.
    pub settings: ClientSettings,
    /// Starts their processes.
    pub spawner: Spawner,
    /// Answers their questions.
    pub asker: Arc<dyn Asker>,
    /// Hears what else happens.
    pub events: Events,
}

impl Connector {
    /// Connects: starts the process or reaches the URL, and shakes hands. When `cancel` fires, what was started is ended
    /// first.
    ///
    /// # Errors
    /// [`ConnectError`], with the last lines on standard error where there is a process.
    pub async fn open(
        &self,
        spec: &ServerSpec,
        hint: EraHint,
        cancel: &CancellationToken,
    ) -> Result<Connection, ConnectError> {
        let read = cancel.run_until_cancelled(self.read_sign_in(spec)).await;
        read.unwrap_or_else(|| Err(ConnectError::Closed { why: "it was stopped".to_owned(), stderr: Vec::new() }))?;
        let (launch, look) = launch::before(&spec.transport, &self.settings).await?;
        let mut connection = self.open_in_some_way(spec, &launch, hint, cancel).await?;
        launch::after(&mut connection.launch, look).await;
        Ok(connection)
    }

    async fn open_in_some_way(
        &self,
        spec: &ServerSpec,
        launch: &Launch,
        hint: EraHint,
        cancel: &CancellationToken,
    ) -> Result<Connection, ConnectError> {
        let first = match hint {
            EraHint::Was(Era::Legacy) => Handshake::Legacy,
            EraHint::WasSse => Handshake::Sse,
            EraHint::Was(Era::Stateless) | EraHint::Unknown => Handshake::Newest,
        };
        let (error, late_discover) = match self.attempt(Way { spec, launch, handshake: first, cancel }).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failure,
        };
        // Another first message helps where the server did not like this one, or went away over the newest.
        let retry = match (&error, first) {
            _ if cancel.is_cancelled() => return Err(error),
            (ConnectError::Closed { .. } | ConnectError::Handshake { .. }, Handshake::Newest) if late_discover => {
                Handshake::Stateless
            }
            (ConnectError::Closed { .. } | ConnectError::Handshake { .. }, Handshake::Newest) => Handshake::Legacy,
            (ConnectError::NotStreamable { .. }, _) => Handshake::Sse,
            (ConnectError::Handshake { .. }, Handshake::Legacy | Handshake::Stateless) => Handshake::Newest,
            // It may have learnt the newer transport since.
            (ConnectError::Closed { .. } | ConnectError::Handshake { .. }, Handshake::Sse) => Handshake::Newest,
            _ => return Err(error),
        };
        self.attempt(Way { spec, launch, handshake: retry, cancel }).await.map_err(|(second, _)| {
            match (&error, second) {
                // Neither transport is there: what it answered to the first is what is wrong.
                (ConnectError::NotStreamable { .. }, ConnectError::Closed { .. }) => error,
                (_, ConnectError::NotStreamable { .. }) => error,
                // An error the server gave says more than the end that followed.
                (ConnectError::Handshake { .. }, ConnectError::Closed { .. } | ConnectError::Handshake { .. }) => error,
                (_, second) => second,
            }
        })
    }

    /// Reads what a person's sign-in to a server left, which takes until a locked keychain is unlocked. Else the handshake
    /// would wait for it, and it is not the server that is slow.
    pub(super) async fn read_sign_in(&self, spec: &ServerSpec) -> Result<(), ConnectError> {
        match self.access(spec) {
            Some(access) => Ok(access.read().await?),
            None => Ok(()),
        }
    }

    /// The person's own header stands for a sign-in.
    fn access(&self, spec: &ServerSpec) -> Option<Access> {
        let TransportSpec::Http { url, headers } = &spec.transport else { return None };
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            return None;
        }
        Access::new(self.settings.sign_ins.as_ref()?, &spec.name, url)
    }

    async fn attempt(&self, way: Way<'_>) -> Result<Connection, (ConnectError, bool)> {
        let spec = way.spec;
        let tap =
            Arc::new(Tap::new(spec.name.clone(), spec.declare, self.events.clone(), self.settings.arrivals.clone()));
        let result = match &spec.transport {
            TransportSpec::Stdio { command, args, env, cwd, confinement } => {
                let program = Program {
                    server: &spec.name,
                    command,
                    args,
                    env,
                    cwd: cwd.as_deref(),
                    base_env: &self.settings.base_env,
                    launcher: self.settings.launcher.as_deref(),
                    confinement: confinement.as_ref(),
                    surroundings: &self.settings.surroundings,
                };
                match self.spawner.spawn(&program).await {
                    Ok(child) => {
                        let (pipes, keeper) = Keeper::new(child, self.spawner.clone(), tap.stderr.clone());
                        let transport = Stdio::new(tap.clone(), pipes, keeper.clone());
                        let shaken = self.shake(&tap, transport, way, TransportKind::Stdio).await;
                        if shaken.is_err() {
                            // Nothing of a failed attempt stays behind.
                            keeper.close();
                            keeper.finished().await;
                        }
                        shaken
                    }
                    Err(error) => Err(error),
                }
            }
            TransportSpec::Http { url, headers } if matches!(way.handshake, Handshake::Sse) => {
                match self.in_time(&tap, way, Sse::open(&tap, url, headers, self.access(spec))).await {
                    Ok(Ok(transport)) => self.shake(&tap, transport, way, TransportKind::Sse).await,
                    Ok(Err(error)) | Err(error) => Err(error),
                }
            }
            TransportSpec::Http { url, headers } => match http::transport(&tap, url, headers, self.access(spec)) {
                Ok(transport) => self.shake(&tap, transport, way, TransportKind::Http).await,
                Err(error) => Err(error),
            },
        };
        if result.is_err() {
            tap.end("the handshake failed");
        }
        let result = match (result, &spec.transport) {
            (Err(ConnectError::AuthorizationRequired { .. }), TransportSpec::Http { headers, .. })
                if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) =>
            {
                let why = "the server refuses the Authorization header it is given: give it another";
                Err(ConnectError::Address(why.to_owned()))
            }
            (result, _) => result,
        };
        result.map_err(|error| (error, tap.heard().1))
    }

    async fn shake<T, E, A>(
        &self,
        tap: &Arc<Tap>,
        transport: T,
        way: Way<'_>,
        kind: TransportKind,
    ) -> Result<Connection, ConnectError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let newest = vec![ProtocolVersion::V_2026_07_28];
        let mode = match way.handshake {
            Handshake::Newest => ClientLifecycleMode::Auto {
                preferred_versions: newest,
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            Handshake::Stateless => ClientLifecycleMode::Discover { preferred_versions: newest },
            Handshake::Legacy | Handshake::Sse => ClientLifecycleMode::Initialize,
        };
        let implementation = Implementation::new(self.settings.name.clone(), self.settings.version.clone());
        let client = ClientConfig::new(way.spec.declare.capabilities(), implementation)
            .with_protocol_version(ProtocolVersion::V_2025_11_25);
        let handler = Handler { tap: tap.clone(), asker: self.asker.clone(), client };
        let serving = serve_client_with_lifecycle(handler, transport, mode);
        let service = self.in_time(tap, way, serving).await?.map_err(|error| handshake_error(tap, &error))?;
        self.connected(tap.clone(), service, way, kind).await
    }

    /// A step of the handshake, unless it takes too long or is stopped.
    async fn in_time<T>(&self, tap: &Tap, way: Way<'_>, step: impl Future<Output = T>) -> Result<T, ConnectError> {
        let in_time = tokio::time::timeout(self.settings.start_timeout, step);
        match way.cancel.run_until_cancelled(in_time).await {
            Some(Ok(done)) => Ok(done),
            None => Err(ConnectError::Closed { why: "it was stopped".to_owned(), stderr: tap.stderr.lines() }),
            Some(Err(_)) if tap.heard().0 => {
                let why = format!("it did not come to an end within {} s", self.settings.start_timeout.as_secs());
                Err(ConnectError::Handshake { why, stderr: tap.stderr.lines() })
            }
            Some(Err(_)) => {
                let seconds = self.settings.start_timeout.as_secs();
                Err(ConnectError::Silent { seconds, stderr: tap.stderr.lines() })
            }
        }
    }

    async fn connected(
        &self,
        tap: Arc<Tap>,
        service: RunningService<RoleClient, Handler>,
        way: Way<'_>,
        kind: TransportKind,
    ) -> Result<Connection, ConnectError> {
        let Some(info) = service.peer().peer_info() else {
            return Err(ConnectError::Handshake {
                why: "the server said nothing about itself".to_owned(),
                stderr: tap.stderr.lines(),
            });
        };
        let version = &info.protocol_version;
        let reported = info.server_info.as_ref();
        let identity = ServerIdentity {
            name: way.spec.name.clone(),
            reported_name: reported.map(|server| server.name.clone()),
            version: reported.map(|server| server.version.clone()),
            title: reported.and_then(|server| server.title.clone()),
            instructions: info.instructions.clone(),
            protocol_version: version.to_string(),
            era: if *version < ProtocolVersion::V_2026_07_28 { Era::Legacy } else { Era::Stateless },
            transport: kind,
        };
        let _ = tap.identity.set(identity.clone());
        let capabilities = info.capabilities.clone();
        let peer = service.peer().clone();
        let stopped = CancellationToken::new();
        let stop = Mutex::new(Some(service.cancellation_token()));
        let done = stopped.clone().drop_guard();
        let ending = tap.clone();
        tokio::spawn(async move {
            let _ = service.waiting().await;
            ending.end("the connection has ended");
            ending.finish();
            drop(done);
        });
        let connection = Connection {
            tap,
            asker: self.asker.clone(),
            peer,
            identity,
            launch: way.launch.clone(),
            capabilities,
            max_rounds: self.settings.max_rounds,
            marks: self.settings.marks.clone(),
            watches: Watches::default(),
            level: Mutex::default(),
            stop,
            stopped,
        };
        connection.ask_for_news().await;
        Ok(connection)
    }
}

fn handshake_error(tap: &Tap, error: &ClientInitializeError) -> ConnectError {
    if error.is_authorization_required() {
        let challenge = error.auth_challenge().filter(|challenge| !challenge.is_empty());
        return ConnectError::AuthorizationRequired {
            server: tap.server.clone(),
            challenge: challenge.map(str::to_owned),
        };
    }
    let stderr = tap.stderr.lines();
    let failed = |why| ConnectError::Handshake { why, stderr: stderr.clone() };
    match error {
        _ if tap.gone.is_cancelled() => ConnectError::Closed { why: tap.why(), stderr },
        ClientInitializeError::ConnectionClosed(_) => {
            ConnectError::Closed { why: "the server closed the connection".to_owned(), stderr }
        }
        ClientInitializeError::TransportError { error, .. } if remote::is_older(error.error.as_ref()) => {
            ConnectError::NotStreamable { why: remote::describe(error.error.as_ref()) }
        }
        ClientInitializeError::TransportError { error, .. } => {
            ConnectError::Closed { why: remote::describe(error.error.as_ref()), stderr }
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => handshake_error(tap, fallback),
        ClientInitializeError::JsonRpcError(error) => {
            failed(format!("the server answered with error {}: {}", error.code.0, shorten(&error.message, 300)))
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<_> = server_supported.iter().take(10).map(|version| version.as_str()).collect();
            failed(format!("the server speaks none of our protocol versions, but {}", versions.join(", ")))
        }
        // What else there is quotes the server at length.
        _ => failed("the server's answer is not what the protocol asks for".to_owned()),
    }
}
