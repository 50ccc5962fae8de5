//! Signing in to servers and out of them, and how each stands.
//!
//! The terminal goes from [`Engine::begin_login`] to [`Login::finish`] in one go. The windows show each step: what a person
//! began is a [`ServerLogin`] beside the server, until it ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use samplegate_core::{
    model_format::{is_loopback, is_plain_http},
    settings::{Server, Transport},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Engine, ServerError, changes::via, servers::secret_name};
use crate::{
    mcp::{
        ServerState,
        oauth::{self, LoginError, Revoked, SignedIn},
    },
    store::StoreError,
    wire::{ServerLogin, Topic},
};

/// The keychain entry of the secret that belongs to a client id.
pub(super) fn client_secret(server: &str) -> String {
    secret_name(server, "oauth", "client_secret")
}

/// A sign-in whose place is known. Nothing is kept before [`Login::finish`].
pub struct Login {
    login: oauth::Login,
    engine: Engine,
    server: String,
}

impl Login {
    /// Where the person signs in; to be opened in their browser once they have seen the host.
    pub fn address(&self) -> &str {
        self.login.address()
    }

    /// The host of that address.
    pub fn host(&self) -> String {
        self.login.host()
    }

    /// What is asked for; empty: what the authorization server thinks fit.
    pub fn scopes(&self) -> &[String] {
        self.login.scopes()
    }

    /// Waits for the person to come back, and starts the server again. `in_memory`: the tokens are for this run only.
    ///
    /// # Errors
    /// [`LoginError`]; nothing was kept then.
    pub async fn finish(self, cancel: &CancellationToken, in_memory: bool) -> Result<SignedIn, LoginError> {
        let Self { login, engine, server } = self;
        let host = login.host();
        let signed_in = login.finish(cancel, in_memory, |granted| {
            let scopes = if granted.is_empty() { String::new() } else { format!(", for {}", granted.join(" ")) };
            let after = json!({"host": host, "scopes": granted});
            let logged = engine.log_sign_in(&server, format!("Signed in to {server} at {host}{scopes}."), after);
            logged.map_err(|error| error.to_string())
        });
        let signed_in = signed_in.await?;
        // One that runs takes the new token with its next request, and may have questions open.
        if !matches!(engine.servers.state(&server), Some(ServerState::Ready { .. })) {
            engine.servers.restart(&server);
        }
        engine.tell(Topic::Servers, Some(server));
        Ok(signed_in)
    }
}

/// The sign-ins that a person has begun in a window, by server.
#[derive(Clone, Default)]
pub(super) struct Logins(Arc<Mutex<HashMap<String, Begun>>>);

struct Begun {
    view: ServerLogin,
    /// Until the browser is opened.
    login: Option<Login>,
    cancel: CancellationToken,
}

impl Logins {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Begun>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine {
    /// Finds out where to sign in to a server.
    ///
    /// # Errors
    /// There is none of that name with a URL, or [`LoginError`].
    pub async fn begin_login(&self, name: &str) -> Result<Login, ServerError> {
        let settings = self.config.settings();
        let server = settings.servers.get(name).ok_or_else(|| ServerError::NotFound(name.into()))?;
        let secret = match server.oauth.client_secret {
            true => self.secrets.get(&client_secret(name)).await?,
            false => None,
        };
        let client = oauth::Client { id: server.oauth.client_id.clone(), secret };
        let spec = self.spec(name, server, &HashMap::new());
        let spec = spec.unlocked(&self.secrets).await.map_err(LoginError::from)?;
        let connector = self.connector().map_err(|error| LoginError::Discovery(error.to_string()))?;
        let login = self.sign_ins.begin(&connector, &spec, client).await?;
        Ok(Login { login, engine: self.clone(), server: name.into() })
    }

    /// Begins a sign-in, as the windows show it: it looks for the place, and then waits for [`Engine::open_login`].
    ///
    /// # Errors
    /// There is none of that name.
    pub fn start_login(&self, name: &str) -> Result<(), ServerError> {
        if !self.config.settings().servers.contains_key(name) {
            return Err(ServerError::NotFound(name.into()));
        }
        let cancel = CancellationToken::new();
        let begun = Begun { view: ServerLogin::Finding, login: None, cancel: cancel.clone() };
        self.logins.with(|logins| {
            if let Some(before) = logins.insert(name.into(), begun) {
                before.cancel.cancel();
            }
        });
        self.tell(Topic::Servers, Some(name.into()));
        let (engine, name) = (self.clone(), name.to_owned());
        self.spawn(async move {
            let Some(begun) = cancel.run_until_cancelled(engine.begin_login(&name)).await else { return };
            engine.logins.with(|logins| {
                let Some(entry) = logins.get_mut(&name).filter(|_| !cancel.is_cancelled()) else { return };
                match begun {
                    Ok(login) => {
                        let (host, address) = (login.host(), login.address().to_owned());
                        entry.view = ServerLogin::Ready { host, address, scopes: login.scopes().to_vec() };
                        entry.login = Some(login);
                    }
                    Err(error) => entry.view = ServerLogin::SignedOut { why: Some(error.to_string()) },
                }
            });
            engine.tell(Topic::Servers, Some(name));
        });
        Ok(())
    }

    /// Goes on with a sign-in whose place the person has seen. Gives the address that is to be opened now.
    ///
    /// # Errors
    /// None was begun, or the keychain cannot keep the tokens: they can be kept in memory then.
    pub async fn open_login(&self, name: &str, in_memory: bool) -> Result<String, ServerError> {
        if !in_memory {
            self.secrets.probe().await.map_err(LoginError::Secret)?;
        }
        let begun = self.logins.with(|logins| {
            let entry = logins.get_mut(name)?;
            let login = entry.login.take()?;
            entry.view = ServerLogin::Waiting { host: login.host(), address: login.address().to_owned() };
            Some((login, entry.cancel.clone()))
        });
        let (login, cancel) = begun.ok_or(LoginError::Cancelled)?;
        self.tell(Topic::Servers, Some(name.into()));
        let address = login.address().to_owned();
        let (engine, name) = (self.clone(), name.to_owned());
        self.spawn(async move {
            let finished = login.finish(&cancel, in_memory).await;
            engine.logins.with(|logins| {
                if cancel.is_cancelled() {
                    return;
                }
                match (finished, logins.get_mut(&name)) {
                    (Err(error), Some(entry)) => entry.view = ServerLogin::SignedOut { why: Some(error.to_string()) },
                    (Ok(_) | Err(_), _) => drop(logins.remove(&name)),
                }
            });
            engine.tell(Topic::Servers, Some(name));
        });
        Ok(address)
    }

    /// Ends a sign-in that is under way.
    pub fn cancel_login(&self, name: &str) {
        if let Some(begun) = self.logins.with(|logins| logins.remove(name)) {
            begun.cancel.cancel();
            self.tell(Topic::Servers, Some(name.into()));
        }
    }

    /// Signs out of a server: its tokens are revoked where that is offered, and forgotten here.
    ///
    /// # Errors
    /// There is none of that name, or the log or the keychain cannot be used.
    pub async fn logout(&self, name: &str) -> Result<Revoked, ServerError> {
        if !self.config.settings().servers.contains_key(name) {
            return Err(ServerError::NotFound(name.into()));
        }
        self.cancel_login(name);
        if !self.sign_ins.is_known(name) {
            return Ok(Revoked::NotSignedIn);
        }
        self.log_sign_in(name, format!("Signed out of {name}."), serde_json::Value::Null)?;
        let revoked = self.sign_ins.sign_out(name).await;
        self.servers.restart(name);
        self.tell(Topic::Servers, Some(name.into()));
        Ok(revoked?)
    }

    fn log_sign_in(&self, server: &str, text: String, after: serde_json::Value) -> Result<(), StoreError> {
        let before = match &self.config.settings().servers.get(server).map(|server| server.transport.clone()) {
            Some(Transport::Http { url, .. }) => self.sign_ins.of(server, url),
            Some(Transport::Stdio { .. } | Transport::Demo { .. }) | None => None,
        };
        let before = before.map(|known| json!({"host": known.host, "scopes": known.scopes}));
        let changes = json!([{"key": format!("servers.{server}.sign_in"), "before": before, "after": after}]);
        self.logs_changes().append(via(self.options.place), text, Some(changes), None, false)
    }

    /// How a person stands with a server that can be signed in to: one with a URL over which a token may go, and no header
    /// of theirs that stands for it.
    pub(super) fn login_of(&self, name: &str, server: &Server) -> Option<ServerLogin> {
        let Transport::Http { url, headers, secret_headers } = &server.transport else { return None };
        if headers.keys().chain(secret_headers).any(|header| header.eq_ignore_ascii_case("authorization")) {
            return None;
        }
        if is_plain_http(url) && !is_loopback(url) {
            return None;
        }
        if let Some(view) = self.logins.with(|logins| logins.get(name).map(|begun| begun.view.clone())) {
            return Some(view);
        }
        Some(match self.sign_ins.of(name, url).filter(|known| known.valid) {
            Some(known) => ServerLogin::SignedIn {
                wanted: known.wanted.into_iter().filter(|scope| !known.scopes.contains(scope)).collect(),
                host: known.host,
                scopes: known.scopes,
                in_memory: self.sign_ins.is_in_memory(name),
            },
            None => ServerLogin::SignedOut { why: None },
        })
    }
}
