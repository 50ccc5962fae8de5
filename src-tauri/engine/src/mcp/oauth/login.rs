//! One sign-in: find out where, send the person there, take what comes back.
//!
//! [`SignIns::begin`] asks nobody but the server and its authorization server, and gives what a person must see before
//! their browser opens. [`Login::finish`] waits for the redirect and keeps the tokens.

use std::{sync::Arc, time::Duration};

use oauth2::{TokenResponse as _, basic::BasicTokenType};
use reqwest::Url;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, AuthorizationMetadataSource, OAuthClientConfig,
};
use samplegate_core::model_format::{is_loopback, is_plain_http};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    SignIns, SignedIn,
    access::credentials_of,
    kept::{Exchanged, SignIn, host_of},
    outbound::{Outbound, Reach, Unsafe, check},
    redirect::Redirect,
};
use crate::{
    mcp::{ClientSettings, ConnectError, Connector, Declare, EraHint, ServerSpec, TransportSpec, event::shorten},
    secrets::SecretError,
};

/// The port that the browser comes back to, where it is free: some authorization servers want to know it beforehand.
pub(super) const PORT: u16 = 7718;
/// How long a person may take in the browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const NAME: &str = "Samplegate";

/// Who we are to an authorization server.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The id it gave out, or the https URL of a client metadata document; none: we register ourselves.
    pub id: Option<String>,
    /// The secret that belongs to the id.
    pub secret: Option<SecretString>,
}

/// Why a sign-in did not come about, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// It is a program on this computer.
    #[error("only a server with a URL is signed in to")]
    NotRemote,
    /// The person's own header stands for a sign-in.
    #[error("its own Authorization header stands for a sign-in: remove the header first")]
    OwnHeader,
    /// Anybody on the way could read the tokens.
    #[error("the server's URL is plain HTTP, where anybody on the way can read a token: use an https:// URL")]
    PlainHttp,
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not say where to sign in, or what it says is not valid.
    #[error("where to sign in could not be found out: {0}")]
    Discovery(String),
    /// What it says is not safe.
    #[error("the server leads to an unsafe place to sign in: {0}")]
    Unsafe(String),
    /// The authorization server knows no proof of possession of the code.
    #[error("{0} does not offer PKCE with S256, without which a code could be stolen")]
    NoPkce(String),
    /// We are unknown there and cannot register ourselves.
    #[error(
        "{host} does not register programs by itself ({why}): register Samplegate there as a native app with the redirect \
         URI http://127.0.0.1:{PORT}/callback, then `samplegate server set {server} --oauth-client-id ID`"
    )]
    Unregistered {
        /// The authorization server.
        host: String,
        /// What it answered.
        why: String,
        /// The server.
        server: String,
    },
    /// No port can be opened.
    #[error("no port of this computer can be opened for the browser to come back to: {0}")]
    Port(std::io::Error),
    /// The person, or the authorization server, said no.
    #[error("{0} refused: {1}")]
    Refused(String, String),
    /// What came back is not from where the person was sent.
    #[error("what came back does not belong to this sign-in at {0}: {1}. Nothing was kept")]
    MixUp(String, String),
    /// The code could not be exchanged.
    #[error("{0} gave no token: {1}")]
    Exchange(String, String),
    /// Nobody came back.
    #[error("nobody came back from the browser in time: begin again")]
    TimedOut,
    /// The person stopped it.
    #[error("it was cancelled")]
    Cancelled,
    /// The tokens cannot be kept.
    #[error("{}", unkept(.0))]
    Secret(#[from] SecretError),
    /// It cannot be logged, so it is not done.
    #[error("it could not be logged, so nothing was kept: {0}")]
    Log(String),
}

fn unkept(error: &SecretError) -> String {
    match error {
        SecretError::Absent(why) => format!(
            "no keychain can be reached ({why}), and tokens are kept nowhere else: start one (on Linux a Secret Service such \
             as gnome-keyring), or sign in in the desktop app, for as long as it runs"
        ),
        SecretError::Locked(_) | SecretError::Failed(_) => error.to_string(),
    }
}

/// A sign-in that waits for the person.
pub struct Login {
    sign_ins: SignIns,
    server: String,
    manager: AuthorizationManager,
    exchanged: Exchanged,
    draft: SignIn,
    address: String,
    state: String,
    scopes: Vec<String>,
    redirect: Redirect,
}

/// Who we are, and the redirect URI that we registered ourselves with, if we did.
type Registered = (OAuthClientConfig, Option<String>);

impl SignIns {
    /// Finds out where to sign in to a server, whose specification has its headers read, and who we are there.
    ///
    /// # Errors
    /// [`LoginError`]; nothing was kept then, though we may have been registered.
    pub async fn begin(&self, connector: &Connector, spec: &ServerSpec, client: Client) -> Result<Login, LoginError> {
        let TransportSpec::Http { url, headers } = &spec.transport else { return Err(LoginError::NotRemote) };
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            return Err(LoginError::OwnHeader);
        }
        if is_plain_http(url) && !is_loopback(url) {
            return Err(LoginError::PlainHttp);
        }
        let address =
            Url::parse(url).map_err(|error| ConnectError::Address(format!("the URL is not valid: {error}")))?;
        let challenge = challenge(connector, spec).await?;
        let reach = Reach::of_server(&address).await;
        let (mut manager, metadata) = discover(url, challenge.as_deref(), reach).await?;
        let exchanged = Exchanged::new(None);
        manager.set_credential_store(exchanged.clone());

        let kept = self.kept(&spec.name, url).await?.filter(|kept| {
            kept.server.issuer == metadata.issuer && kept.server.token_endpoint == metadata.token_endpoint
        });
        let before = kept.as_ref().and_then(|kept| Url::parse(kept.registered.as_ref()?).ok()?.port());
        let redirect = Redirect::open(before.into_iter().chain([PORT])).await.map_err(LoginError::Port)?;
        let scopes = wanted_scopes(&manager, &metadata, kept.as_ref()).await;
        let asked: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let known = own_client(&metadata, client, &redirect.uri).or_else(|| registered_before(kept, &redirect.uri));
        let (config, registered) = match known {
            Some(known) => known,
            None => {
                let made = manager.register_client(NAME, &redirect.uri, &asked).await.map_err(|error| {
                    let host = host_of(&metadata.authorization_endpoint);
                    LoginError::Unregistered { host, why: explain(&error), server: spec.name.clone() }
                })?;
                (made, Some(redirect.uri.clone()))
            }
        };
        let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
        let discovery = |error: AuthError| LoginError::Discovery(explain(&error));
        manager.configure_client(config).map_err(discovery)?;
        let address = manager.get_authorization_url(&asked).await.map_err(discovery)?;
        let told = check(&address, reach).map_err(|error| LoginError::Unsafe(error.to_string()))?;
        // The endpoint may have a query of its own; ours comes after it.
        let last =
            |name: &str| told.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned());
        let (Some(state), Some(resource)) = (last("state"), last("resource")) else {
            return Err(LoginError::Discovery("the address to sign in at has no state".into()));
        };
        let draft = SignIn {
            url: url.clone(),
            resource,
            server: needed(metadata, reach),
            client_id,
            client_secret,
            registered,
            credentials: None,
            wanted: Vec::new(),
        };
        Ok(Login {
            sign_ins: self.clone(),
            server: spec.name.clone(),
            manager,
            exchanged,
            draft,
            address,
            state,
            scopes,
            redirect,
        })
    }
}

impl Login {
    /// Where the person signs in.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host of that address, as a person must see it before the browser opens.
    pub fn host(&self) -> String {
        host_of(&self.address)
    }

    /// What is asked for; empty: what the authorization server thinks fit.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Waits for the browser to come back, and keeps the tokens: in the keychain, or in memory for this run. `log` is
    /// called before they are kept.
    ///
    /// # Errors
    /// [`LoginError`]; nothing was kept then.
    pub async fn finish(
        self,
        cancel: &CancellationToken,
        in_memory: bool,
        log: impl FnOnce(&[String]) -> Result<(), String>,
    ) -> Result<SignedIn, LoginError> {
        let Self { sign_ins, server, manager, exchanged, mut draft, address, state, scopes, redirect } = self;
        let host = host_of(&address);
        let waiting = tokio::time::timeout(PATIENCE, redirect.arrived(&state));
        let arrived = match cancel.run_until_cancelled(waiting).await {
            None => return Err(LoginError::Cancelled),
            Some(Err(_)) => return Err(LoginError::TimedOut),
            Some(Ok(arrived)) => arrived.map_err(LoginError::Port)?,
        };
        let (answer, issuer, browser) = (arrived.answer, arrived.issuer, arrived.browser);
        let kept = async {
            let code = match answer {
                Ok(code) => code,
                Err(error) => return Err(LoginError::Refused(host, shorten(&error, 300))),
            };
            let exchange = manager.exchange_code_for_token_with_issuer(&code, &state, issuer.as_deref());
            let tokens = exchange.await.map_err(|error| match &error {
                AuthError::AuthorizationServerMismatch { .. }
                | AuthError::AuthorizationServerMissingIssuer { .. }
                | AuthError::AuthorizationFailed(_) => LoginError::MixUp(host.clone(), explain(&error)),
                _ => LoginError::Exchange(host.clone(), explain(&error)),
            })?;
            if *tokens.token_type() != BasicTokenType::Bearer {
                return Err(LoginError::Exchange(host, "its token is not of the kind Bearer".into()));
            }
            let issuer = exchanged.get().and_then(|kept| kept.issuer);
            let credentials = credentials_of(&draft.client_id, tokens, &scopes, issuer);
            log(&credentials.granted_scopes).map_err(LoginError::Log)?;
            draft.credentials = Some(credentials);
            let slot = sign_ins.slot(&server);
            let mut slot = slot.lock().await;
            let url = draft.url.clone();
            sign_ins.keep(&mut slot, &server, draft, in_memory).await?;
            sign_ins.of(&server, &url).ok_or_else(|| LoginError::Log("it was removed meanwhile".into()))
        };
        let kept = kept.await;
        browser.tell(kept.is_ok()).await;
        kept
    }
}

/// The challenge of the server's 401; none: it does not ask for one to connect.
async fn challenge(connector: &Connector, spec: &ServerSpec) -> Result<Option<String>, LoginError> {
    let settings = ClientSettings { sign_ins: None, ..connector.settings.clone() };
    let connector = Connector { settings, ..connector.clone() };
    let spec = ServerSpec { declare: Declare::default(), ..spec.clone() };
    let cancel = CancellationToken::new();
    let _cancel_on_drop = cancel.clone().drop_guard();
    match connector.open(&spec, EraHint::Unknown, &cancel).await {
        Ok(connection) => {
            connection.close().await;
            Ok(None)
        }
        Err(ConnectError::AuthorizationRequired { challenge, .. }) => Ok(challenge),
        Err(error) => Err(error.into()),
    }
}

/// Where to sign in, as the server and its authorization server publish it; checked before anybody is sent there.
async fn discover(
    url: &str,
    challenge: Option<&str>,
    reach: Reach,
) -> Result<(AuthorizationManager, AuthorizationMetadata), LoginError> {
    let outbound = Outbound::new(reach).map_err(|error| LoginError::Discovery(error.to_string()))?;
    let discovery = |error: AuthError| LoginError::Discovery(explain(&error));
    let mut manager =
        AuthorizationManager::new_with_oauth_http_client(url, Arc::new(outbound)).await.map_err(discovery)?;
    let found = manager.resolve_metadata_from_challenge(challenge).await.map_err(discovery)?;
    let metadata = found.metadata;
    let endpoints = [Some(&metadata.authorization_endpoint), Some(&metadata.token_endpoint)];
    for endpoint in endpoints.into_iter().chain([metadata.registration_endpoint.as_ref()]).flatten() {
        check(endpoint, reach).map_err(|error: Unsafe| LoginError::Unsafe(error.to_string()))?;
    }
    // What was not published is guessed by the older revision, and says nothing of PKCE either.
    let published = found.source != AuthorizationMetadataSource::LegacyEndpointFallback;
    let methods = metadata.code_challenge_methods_supported.iter().flatten();
    if published && !methods.into_iter().any(|method| method == "S256") {
        return Err(LoginError::NoPkce(host_of(&metadata.authorization_endpoint)));
    }
    manager.set_metadata(metadata.clone());
    Ok((manager, metadata))
}

/// What is asked for: what was wanted at the last sign-in, else what the server names; and a lasting sign-in, where
/// that is offered.
async fn wanted_scopes(
    manager: &AuthorizationManager,
    metadata: &AuthorizationMetadata,
    kept: Option<&SignIn>,
) -> Vec<String> {
    let scopes = match kept {
        Some(kept) if !kept.wanted.is_empty() => kept.wanted.clone(),
        Some(_) | None => manager.select_initial_scopes(&[]).await,
    };
    let mut scopes = super::scopes(&scopes.join(" "));
    let lasting = "offline_access";
    let offered = metadata.scopes_supported.iter().flatten().any(|scope| scope == lasting);
    if offered && !scopes.is_empty() && !scopes.iter().any(|scope| scope == lasting) {
        scopes.push(lasting.to_owned());
    }
    scopes
}

/// Who we are by what the person configured; the URL of a document only where such are understood.
fn own_client(metadata: &AuthorizationMetadata, client: Client, redirect: &str) -> Option<Registered> {
    let documents = metadata.additional_fields.get("client_id_metadata_document_supported");
    let documents = documents.and_then(Value::as_bool).unwrap_or(false);
    let id = client.id.filter(|id| documents || !is_document(id))?;
    let mut config = OAuthClientConfig::new(id, redirect);
    config.client_secret = client.secret.map(|secret| secret.expose_secret().to_owned());
    Some((config, None))
}

/// Who we are by an earlier registration, which holds for the address it was made with.
fn registered_before(kept: Option<SignIn>, redirect: &str) -> Option<Registered> {
    let kept = kept.filter(|kept| kept.registered.as_deref() == Some(redirect))?;
    let mut config = OAuthClientConfig::new(kept.client_id, redirect);
    config.client_secret = kept.client_secret;
    Some((config, kept.registered))
}

/// What using the tokens later needs.
fn needed(metadata: AuthorizationMetadata, reach: Reach) -> AuthorizationMetadata {
    let mut needed = AuthorizationMetadata::default();
    needed.issuer = metadata.issuer;
    needed.authorization_endpoint = metadata.authorization_endpoint;
    needed.token_endpoint = metadata.token_endpoint;
    let fields = metadata.additional_fields.into_iter().filter(|(name, value)| match name.as_str() {
        "token_endpoint_auth_methods_supported" => true,
        "revocation_endpoint" => value.as_str().is_some_and(|url| check(url, reach).is_ok()),
        _ => false,
    });
    needed.additional_fields = fields.collect();
    needed
}

/// Whether a client id is the URL of a client metadata document.
fn is_document(id: &str) -> bool {
    Url::parse(id).is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
}

/// An error with its causes, in one line.
fn explain(error: &AuthError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    shorten(&text, 500)
}
