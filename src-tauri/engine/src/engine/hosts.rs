//! Hosts: added with a token of their own, listed, changed, removed.

use samplegate_core::{
    canonical::Sha256Hex,
    settings::{Host, InvalidSetting, Settings, check_host_name},
};

use super::Engine;
use crate::{
    config::ConfigError,
    token,
    wire::{HostAdded, HostInput, HostView},
};

/// What every token begins with, so that one that leaked can be told.
const TOKEN_PREFIX: &str = "sgh_";

/// Why a host could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is none of that name.
    #[error("there is no host {0:?}")]
    NotFound(String),
    /// There is one of that name already.
    #[error("there is a host {0:?} already; remove it first if it is to have a new token")]
    Taken(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system gave no random bits for a token.
    #[error("no token could be made: {0}")]
    Random(String),
}

impl From<InvalidSetting> for HostError {
    fn from(error: InvalidSetting) -> Self {
        Self::Config(error.into())
    }
}

impl Engine {
    /// The hosts, by name.
    pub fn list_hosts(&self) -> Vec<HostView> {
        let settings = self.config.settings();
        let view = |(name, host): (&String, &Host)| HostView {
            config: HostInput {
                name: name.clone(),
                sampling: host.sampling.into(),
                elicitation: host.elicitation.into(),
                tool_calls: host.tool_calls.into(),
                review_results: host.review_results,
                limits: Some(host.limits.clone()),
            },
            endpoint: endpoint(&settings),
        };
        settings.hosts.iter().map(view).collect()
    }

    /// Adds a host. Its token is in what this gives and nowhere else.
    ///
    /// # Errors
    /// The name is taken or not valid, or the configuration cannot be written.
    pub fn add_host(&self, input: HostInput) -> Result<HostAdded, HostError> {
        check_host_name(&input.name)?;
        let token = token::random(TOKEN_PREFIX).map_err(HostError::Random)?;
        self.config.update(|settings| {
            if settings.hosts.contains_key(&input.name) {
                return Err(HostError::Taken(input.name.clone()));
            }
            let host = with(Host::new(Sha256Hex::of(token.as_bytes())), &input);
            settings.hosts.insert(input.name.clone(), host);
            Ok(HostAdded { endpoint: endpoint(settings), name: input.name, token })
        })
    }

    /// Changes a host; its name and its token stay.
    ///
    /// # Errors
    /// There is no such host, or the configuration cannot be written.
    pub fn save_host(&self, input: &HostInput) -> Result<(), HostError> {
        self.config.update(|settings| {
            let host = settings.hosts.get_mut(&input.name).ok_or_else(|| HostError::NotFound(input.name.clone()))?;
            *host = with(host.clone(), input);
            Ok(())
        })
    }

    /// Removes a host. Its token is worth nothing from then on.
    ///
    /// # Errors
    /// There is no such host, or the configuration cannot be written.
    pub fn remove_host(&self, name: &str) -> Result<(), HostError> {
        self.config.update(|settings| match settings.hosts.remove(name) {
            Some(_) => Ok(()),
            None => Err(HostError::NotFound(name.into())),
        })
    }
}

fn with(host: Host, input: &HostInput) -> Host {
    Host {
        sampling: input.sampling.into(),
        elicitation: input.elicitation.into(),
        tool_calls: input.tool_calls.into(),
        review_results: input.review_results,
        limits: input.limits.clone().unwrap_or(host.limits),
        ..host
    }
}

pub(super) fn endpoint(settings: &Settings) -> String {
    format!("http://127.0.0.1:{}/mcp", settings.gateway.port)
}
