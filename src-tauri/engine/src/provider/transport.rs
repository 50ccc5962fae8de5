//! HTTP clients: one for this machine and plain HTTP, one for TLS, made when first needed.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use samplegate_core::model_format::{is_loopback, is_plain_http};

use super::{ProviderError, error::cause};

#[derive(Debug, Clone)]
pub(super) struct Transport {
    connect: Duration,
    /// Works without any certificate on the system.
    plain: Arc<OnceLock<Client>>,
    /// Reading the system's certificates takes time and memory, so not before it is needed.
    secure: Arc<OnceLock<Client>>,
}

impl Transport {
    pub(super) fn new(connect: Duration) -> Self {
        Self { connect, plain: Arc::default(), secure: Arc::default() }
    }

    /// The client for a URL.
    pub(super) fn client(&self, url: &str) -> Result<Client, ProviderError> {
        let (slot, builder) = if is_plain_http(url) {
            (&self.plain, Client::builder().tls_certs_only([]))
        } else {
            (&self.secure, Client::builder().https_only(true))
        };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let client = self.finish(builder).map_err(|error| ProviderError::NoTls { why: cause(&error) })?;
        Ok(slot.get_or_init(|| client).clone())
    }

    fn finish(&self, builder: ClientBuilder) -> Result<Client, reqwest::Error> {
        builder
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect)
            .dns_resolver(LocalNames)
            .user_agent(concat!("samplegate/", env!("CARGO_PKG_VERSION")))
            .build()
    }
}

/// Resolves `localhost` and names below it to this machine, whatever a name server says (RFC 6761, section 6.3): a key
/// that may go to this machine only must not be led astray.
#[derive(Debug, Clone, Copy)]
struct LocalNames;

impl Resolve for LocalNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str();
            if is_loopback(&format!("http://{name}")) {
                let local = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
                return Ok(Box::new(local.into_iter()) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
