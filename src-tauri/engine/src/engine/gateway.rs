//! The gateway of a running Samplegate: listens as the settings say, and says how it stands.

use std::{io, time::Duration};

use samplegate_core::canonical::Sha256Hex;
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use crate::{
    gateway::Gateway,
    mcp::{Connection, Marks},
    run_file::RunFile,
    token,
    upstream::Upstream,
    wire::Topic,
};

/// How soon it is tried again where the port is taken: whoever has it may end.
const RETRY: Duration = Duration::from_secs(5);
/// What the token of a run begins with.
const RUN_PREFIX: &str = "sgr_";

/// How the gateway stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GatewayState {
    /// It is not to listen, or was not asked yet.
    #[default]
    Off,
    /// Hosts can connect.
    Listening {
        /// The TCP port, on 127.0.0.1.
        port: u16,
    },
    /// Hosts cannot connect.
    Failed {
        /// Why, and what to do.
        why: String,
    },
}

impl Engine {
    /// Lets hosts connect from now on, as the settings say; at another port where one is given, and then also where the
    /// settings say that it is off. Port 0 is any free one. To be called on the runtime.
    pub fn serve_gateway(&self, port: Option<u16>) {
        let engine = self.clone();
        // Not among the tasks that `stop` ends: it has last words of its own.
        self.tasks.spawn(async move { engine.keep_gateway(port).await });
    }

    /// Lets whoever has this token connect, at this port, which is told to nobody else. It ends with the engine.
    ///
    /// # Errors
    /// Why nobody can connect.
    pub async fn serve_alone(&self) -> Result<(u16, SecretString), String> {
        let cannot = |error: io::Error| format!("the gateway cannot listen: {error}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let token = token::random(RUN_PREFIX)?;
        let gateway = Gateway::new(self.clone(), Sha256Hex::of(token.as_bytes()), self.stop.child_token());
        self.tasks.spawn(gateway.serve(listener));
        Ok((port, token.into()))
    }

    /// How the gateway stands, now and later.
    pub fn gateway(&self) -> watch::Receiver<GatewayState> {
        self.gateway.subscribe()
    }

    async fn keep_gateway(&self, given: Option<u16>) {
        let mut settings = self.config.subscribe();
        loop {
            let wanted = self.wanted_port(given);
            let stop = self.stop.child_token();
            let serving = async {
                let Some(port) = wanted else {
                    self.set_gateway(GatewayState::Off);
                    return stop.cancelled().await;
                };
                while let Err(why) = self.listen(port, &stop).await {
                    self.set_gateway(GatewayState::Failed { why });
                    if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                        return;
                    }
                }
            };
            let other = async {
                while self.wanted_port(given) == wanted {
                    if settings.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                }
                stop.cancel();
            };
            tokio::pin!(serving);
            tokio::select! {
                () = &mut serving => {}
                () = other => serving.await,
            }
            if self.stop.is_cancelled() {
                return self.set_gateway(GatewayState::Off);
            }
        }
    }

    fn wanted_port(&self, given: Option<u16>) -> Option<u16> {
        let gateway = &self.config.settings().gateway;
        given.or(gateway.enabled.then_some(gateway.port))
    }

    async fn listen(&self, port: u16, stop: &CancellationToken) -> Result<(), String> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "hosts cannot connect: port {port} is taken, by another Samplegate or another program. End that, or set \
                 another `port` under [gateway] in the configuration"
            ),
            _ => format!("hosts cannot connect: port {port} cannot be used: {error}"),
        })?;
        let cannot = |why: &dyn std::fmt::Display| format!("hosts cannot connect: {why}");
        let port = listener.local_addr().map_err(|error| cannot(&error))?.port();
        let token = token::random(RUN_PREFIX).map_err(|why| cannot(&why))?;
        let digest = Sha256Hex::of(token.as_bytes());
        let (runtime, token) = (self.options.home.runtime.clone(), token.into());
        let written = tokio::task::spawn_blocking(move || RunFile::write(&runtime, port, &token)).await;
        let _file = written.map_err(|error| cannot(&error))?.map_err(|error| cannot(&error))?;
        self.set_gateway(GatewayState::Listening { port });
        Gateway::new(self.clone(), digest, stop.clone()).serve(listener).await;
        Ok(())
    }

    fn set_gateway(&self, state: GatewayState) {
        let changed = self.gateway.send_if_modified(|now| {
            let changed = *now != state;
            *now = state;
            changed
        });
        if changed {
            self.tell(Topic::Hosts, None);
            self.tell(Topic::Status, None);
        }
    }

    /// Knows the marks of calls made here.
    /// The hosts that may be asked themselves.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.pipeline.upstream
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.options.client.marks
    }

    /// A host's call is over: what was granted for it ends.
    pub(crate) fn call_ended(&self, call_id: Uuid) {
        self.pipeline.scope_ended(call_id);
    }

    /// Compares what a host's own connection sees of a server with what was approved.
    pub(crate) async fn compare_line(&self, server: &str, connection: &Connection) {
        let Some(seen) = connection.sight().settled().await else { return };
        if let Err(error) = self.compare(server, &seen).await {
            tracing::error!(server, "what the server is could not be compared: {error}");
        }
    }
}
