//! HTTP clients: one for this machine and plain HTTP, one for TLS, made when first needed.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, ClientBuilder, redirect::Policy};
use samplegate_core::model_format::is_plain_http;

use super::{ProviderError, error::cause};
use crate::local_names::LocalNames;

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
