//! Where the gateway is: the running app's, or one of our own.

use std::{path::PathBuf, time::Duration};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{net::TcpStream, time::timeout};

use super::{BridgeError, http::Endpoint};
use crate::run_file;

const HOST: HeaderName = HeaderName::from_static("x-samplegate-host");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A gateway started for this pipe alone, where no app runs.
pub struct Alone {
    /// Its port on the loopback interface.
    pub port: u16,
    /// What a request to it has to carry.
    pub token: SecretString,
    /// Ends it, with all it started.
    pub stop: BoxFuture<'static, ()>,
}

/// Starts one, or says why it cannot.
pub type StartAlone = Box<dyn Fn() -> BoxFuture<'static, Result<Alone, String>> + Send + Sync>;

/// Knows how to find a gateway.
pub(super) struct Places {
    runtime: PathBuf,
    path: String,
    host: Option<HeaderValue>,
    start: StartAlone,
}

impl Places {
    pub(super) fn new(
        runtime: PathBuf,
        server: Option<String>,
        host: Option<&str>,
        start: StartAlone,
    ) -> Result<Self, BridgeError> {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if let Some(server) = server.as_deref().filter(|server| !plain(server) || matches!(*server, "" | "." | "..")) {
            return Err(BridgeError::Server(server.to_owned()));
        }
        let unusable = |name: &str| BridgeError::Host(name.to_owned());
        let host = host.map(|name| HeaderValue::from_str(name).map_err(|_| unusable(name))).transpose()?;
        let path = server.map_or_else(|| "/mcp".to_owned(), |server| format!("/mcp/{server}"));
        Ok(Self { runtime, path, host, start })
    }

    /// The running app, if there is one that answers.
    pub(super) async fn app(&self) -> Option<Endpoint> {
        let told = run_file::read(&self.runtime)
            .inspect_err(|error| tracing::warn!("{} cannot be read: {error}", self.runtime.display()))
            .ok()??;
        // It may be about to listen, or to end.
        timeout(CONNECT_TIMEOUT, TcpStream::connect(("127.0.0.1", told.port))).await.ok()?.ok()?;
        self.endpoint(told.port, told.token.expose_secret())
    }

    /// A gateway of our own, and what ends it.
    pub(super) async fn alone(&self) -> Result<(Endpoint, BoxFuture<'static, ()>), String> {
        let Alone { port, token, stop } = (self.start)().await?;
        match self.endpoint(port, token.expose_secret()) {
            Some(endpoint) => Ok((endpoint, stop)),
            None => Err("the gateway's token cannot be sent".to_owned()),
        }
    }

    fn endpoint(&self, port: u16, token: &str) -> Option<Endpoint> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        headers.extend(self.host.clone().map(|host| (HOST, host)));
        Some(Endpoint { uri: format!("http://127.0.0.1:{port}{}", self.path).parse().ok()?, headers })
    }
}
