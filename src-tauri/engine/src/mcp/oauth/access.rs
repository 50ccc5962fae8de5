//! The access token on requests to one server, and its renewal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oauth2::TokenResponse as _;
use rmcp::transport::auth::{OAuthTokenResponse, StoredCredentials, WWWAuthenticateParams};
use samplegate_core::model_format::{is_loopback, is_plain_http};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::{
    SignIns, SignedIn, form,
    kept::SignIn,
    outbound::{Outbound, Reach},
    scopes,
};
use crate::{mcp::event::shorten, secrets::SecretError};

/// A token that ends sooner than this is renewed first.
const SOON: Duration = Duration::from_secs(30);

/// Why there is no token, though there is a sign-in.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::mcp) enum AccessError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the sign-in could not be renewed at {0}: {1}")]
    Renew(String, String),
}

/// What puts tokens on the requests to one server.
#[derive(Debug, Clone)]
pub(in crate::mcp) struct Access {
    sign_ins: SignIns,
    server: String,
    url: String,
}

type Held = OwnedMutexGuard<Option<(SignedIn, SignIn)>>;

impl Access {
    /// For the server at this URL; none where a token must not go there.
    pub(in crate::mcp) fn new(sign_ins: &SignIns, server: &str, url: &str) -> Option<Self> {
        let open = is_plain_http(url) && !is_loopback(url);
        (!open).then(|| Self { sign_ins: sign_ins.clone(), server: server.to_owned(), url: url.to_owned() })
    }

    /// Reads the sign-in, which takes until a locked keychain is unlocked.
    pub(in crate::mcp) async fn read(&self) -> Result<(), SecretError> {
        self.hold().await.map(drop)
    }

    async fn hold(&self) -> Result<(Held, Option<SignIn>), SecretError> {
        let mut held = self.sign_ins.slot(&self.server).lock_owned().await;
        let sign_in = self.sign_ins.load(&mut held, &self.server, &self.url).await?;
        Ok((held, sign_in))
    }

    /// The token for a request that is about to be sent; none: nobody signed in.
    pub(in crate::mcp) async fn token(&self) -> Result<Option<SecretString>, AccessError> {
        let (held, sign_in) = self.hold().await?;
        let Some((sign_in, credentials)) = valid(sign_in) else { return Ok(None) };
        match left(&credentials) {
            Some(left) if left < SOON => match self.renewed(held, sign_in).await {
                // It is still good for this request.
                Err(_) if !left.is_zero() => Ok(token_in(&credentials)),
                renewed => renewed,
            },
            _ => Ok(token_in(&credentials)),
        }
    }

    /// Another token in place of one that the server refused; none: a person must sign in.
    pub(in crate::mcp) async fn instead_of(&self, refused: &SecretString) -> Result<Option<SecretString>, AccessError> {
        let (held, sign_in) = self.hold().await?;
        let Some((sign_in, credentials)) = valid(sign_in) else { return Ok(None) };
        match token_in(&credentials).filter(|token| token.expose_secret() != refused.expose_secret()) {
            Some(other) => Ok(Some(other)),
            None => self.renewed(held, sign_in).await,
        }
    }

    /// Notes what a 403 asked for, to be granted at the next sign-in. Returns the scopes; empty: it is about another
    /// thing.
    pub(in crate::mcp) async fn wants(&self, challenge: &str) -> Vec<String> {
        let Ok(base) = reqwest::Url::parse(&self.url) else { return Vec::new() };
        let params = WWWAuthenticateParams::parse(challenge, &base);
        if !params.is_insufficient_scope() {
            return Vec::new();
        }
        let asked = scopes(params.scope.as_deref().unwrap_or_default());
        let Ok((mut held, Some(mut sign_in))) = self.hold().await else { return asked };
        let granted = sign_in.credentials.iter().flat_map(|kept| kept.granted_scopes.clone());
        let all = granted.chain(sign_in.wanted.clone()).chain(asked.clone()).collect::<Vec<_>>().join(" ");
        let all = scopes(&all);
        if all != sign_in.wanted {
            sign_in.wanted = all;
            let in_memory = self.sign_ins.is_in_memory(&self.server);
            if let Err(error) = self.sign_ins.keep(&mut held, &self.server, sign_in, in_memory).await {
                tracing::warn!("what {} asks for besides could not be kept: {error}", self.server);
            }
        }
        asked
    }

    /// Uses the refresh token. In a task of its own: a request that is given up must not lose the answer, since the old
    /// token may be worth nothing any more.
    async fn renewed(&self, held: Held, sign_in: SignIn) -> Result<Option<SecretString>, AccessError> {
        let access = self.clone();
        let work = tokio::spawn(async move { access.renew(held, sign_in).await });
        let host = super::kept::host_of(&self.url);
        work.await.map_err(|error| AccessError::Renew(host, error.to_string()))?
    }

    async fn renew(&self, mut held: Held, before: SignIn) -> Result<Option<SecretString>, AccessError> {
        let host = super::kept::host_of(&before.server.token_endpoint);
        let failed = |why: String| AccessError::Renew(host.clone(), why);
        let _alone = self.sign_ins.lock(&self.server).await.map_err(|error| failed(error.to_string()))?;
        // Another process may have renewed it meanwhile.
        let now = self.sign_ins.load(&mut held, &self.server, &self.url).await?;
        let Some((sign_in, credentials)) = valid(now) else { return Ok(None) };
        if !same_token(&sign_in, &before) {
            return Ok(token_in(&credentials));
        }
        let old = credentials.token_response.as_ref().and_then(|tokens| tokens.refresh_token());
        let Some(refresh) = old.map(|token| token.secret().clone()) else { return Ok(None) };
        let url = reqwest::Url::parse(&self.url).map_err(|error| failed(error.to_string()))?;
        let outbound = Outbound::new(Reach::of_server(&url).await).map_err(|error| failed(error.to_string()))?;
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("resource", &sign_in.resource)];
        let endpoint = sign_in.server.token_endpoint.clone();
        let answer = form::post(&outbound, &endpoint, &sign_in, &fields).await;
        let answer = answer.map_err(|error| failed(shorten(&error.to_string(), 300)))?;
        let in_memory = self.sign_ins.is_in_memory(&self.server);
        if !answer.status().is_success() {
            let said = serde_json::from_slice::<Value>(answer.body()).unwrap_or_default();
            if said["error"] != "invalid_grant" {
                return Err(failed(format!("HTTP {}", answer.status())));
            }
            let refused = SignIn { credentials: None, ..sign_in };
            self.sign_ins.keep(&mut held, &self.server, refused, in_memory).await?;
            return Ok(None);
        }
        let mut tokens = serde_json::from_slice::<OAuthTokenResponse>(answer.body())
            .map_err(|_| failed("its answer is no token".into()))?;
        if tokens.refresh_token().is_none() {
            tokens.set_refresh_token(Some(oauth2::RefreshToken::new(refresh)));
        }
        let renewed =
            credentials_of(&sign_in.client_id, tokens, &credentials.granted_scopes, credentials.issuer.clone());
        let token = token_in(&renewed);
        let sign_in = SignIn { credentials: Some(renewed), ..sign_in };
        if let Err(error) = self.sign_ins.keep(&mut held, &self.server, sign_in.clone(), in_memory).await {
            // The old token is worth nothing any more: what was got is good for this run at least.
            tracing::warn!("the renewed sign-in to {} is kept in memory only: {error}", self.server);
            self.sign_ins.keep(&mut held, &self.server, sign_in, true).await?;
        }
        Ok(token)
    }
}

fn valid(sign_in: Option<SignIn>) -> Option<(SignIn, StoredCredentials)> {
    let sign_in = sign_in?;
    let credentials = sign_in.credentials.clone()?;
    credentials.token_response.is_some().then_some((sign_in, credentials))
}

fn same_token(one: &SignIn, other: &SignIn) -> bool {
    let token = |sign_in: &SignIn| sign_in.credentials.as_ref().and_then(token_in);
    match (token(one), token(other)) {
        (Some(one), Some(other)) => one.expose_secret() == other.expose_secret(),
        _ => false,
    }
}

fn token_in(credentials: &StoredCredentials) -> Option<SecretString> {
    let tokens = credentials.token_response.as_ref()?;
    Some(SecretString::from(tokens.access_token().secret().clone()))
}

/// How long the token is good; none: nobody said.
fn left(credentials: &StoredCredentials) -> Option<Duration> {
    let lasts = credentials.token_response.as_ref()?.expires_in()?;
    Some(lasts.saturating_sub(Duration::from_secs(now().saturating_sub(credentials.token_received_at?))))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Tokens as they are kept. A server that does not say what it granted granted what was asked.
pub(super) fn credentials_of(
    client_id: &str,
    tokens: OAuthTokenResponse,
    asked: &[String],
    issuer: Option<String>,
) -> StoredCredentials {
    let granted = tokens.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect::<Vec<_>>());
    let granted = scopes(&granted.unwrap_or_else(|| asked.to_vec()).join(" "));
    StoredCredentials::new(client_id.to_owned(), Some(tokens), granted, Some(now())).with_issuer(issuer)
}
