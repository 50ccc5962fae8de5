//! Servers as configured and as they stand.

mod inputs;
mod logs;
mod running;

pub(crate) use inputs::{gates, gates_view};
pub(super) use inputs::{input, sampling, secret_name};
pub(super) use logs::Logs;

use std::collections::HashMap;

use samplegate_core::settings::{self, InvalidSetting, PinAt, Sampling, check_name};
use secrecy::SecretString;

use super::{Engine, logins::client_secret};
use crate::{
    config::ConfigError,
    mcp::{self, CallError, oauth::LoginError},
    secrets::SecretError,
    store::{GuardChange, StoreError},
    wire::{ServerInput, ServerState, ServerView},
};
use inputs::{from_input, secret_names, secret_values};

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
                needs_approval: self.needs_approval(name, server),
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
        self.save_server_pinned(original, input, PinAt::First).await
    }

    /// The same; a new one is pinned at `pin`.
    pub(super) async fn save_server_pinned(
        &self,
        original: Option<&str>,
        input: ServerInput,
        pin: PinAt,
    ) -> Result<(), ServerError> {
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
        server.pin = old.map_or(pin, |old| old.pin);
        let was = old.map_or(Sampling::Off, |old| old.sampling);
        self.propose_confinement(&mut server, input.confinement.is_some(), was).await;
        // Who switches sampling on approves it: the record says who and until when.
        server.set_sampling(server.sampling, jiff::Zoned::now().date(), &self.options.reviewer);
        server.check()?;
        server.check_headers()?;
        super::roots::check_new(&server, old).await?;
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
            self.pins.forget(original);
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
        self.pins.forget(name);
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
}

fn state_view(state: &mcp::ServerState) -> ServerState {
    match state {
        mcp::ServerState::Unlocking => ServerState::Starting { waits_for: Some("the keychain".into()) },
        mcp::ServerState::Starting => ServerState::Starting { waits_for: None },
        mcp::ServerState::Ready { identity, tools, trouble } => ServerState::Ready {
            reported_name: identity.title.clone().or_else(|| identity.reported_name.clone()).unwrap_or_default(),
            version: identity.version.clone().unwrap_or_default(),
            protocol: identity.protocol_version.clone(),
            tools: tools.iter().filter_map(|tool| tool.get("name")?.as_str().map(ToOwned::to_owned)).collect(),
            trouble: trouble.clone(),
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
