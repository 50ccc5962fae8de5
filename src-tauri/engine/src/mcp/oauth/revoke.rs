//! Signing out: the authorization server is told where it can be, and everything is forgotten here whatever it says.

use oauth2::TokenResponse as _;
use reqwest::Url;
use serde_json::Value;

use super::{
    SignIns, form,
    kept::{SignIn, host_of},
    outbound::{Outbound, Reach},
};
use crate::{mcp::event::shorten, secrets::SecretError};

/// What the authorization server was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// There were no tokens.
    NotSignedIn,
    /// It has no way to be told; the tokens end by themselves.
    NotOffered,
    /// The tokens are worth nothing any more.
    Done,
    /// It could not be told, so the tokens end by themselves.
    Failed {
        /// The authorization server.
        host: String,
        /// Why.
        why: String,
    },
}

impl SignIns {
    /// Signs out of a server: tokens are revoked and, like the registration, forgotten.
    ///
    /// # Errors
    /// The keychain cannot be used: the sign-in is not used any more, but may still be in it.
    pub async fn sign_out(&self, server: &str) -> Result<Revoked, SecretError> {
        let revoked = match self.any(server).await? {
            Some(sign_in) => revoke(&sign_in).await,
            None => Revoked::NotSignedIn,
        };
        self.forget(server).await?;
        Ok(revoked)
    }
}

async fn revoke(sign_in: &SignIn) -> Revoked {
    let tokens = sign_in.credentials.as_ref().and_then(|kept| kept.token_response.as_ref());
    let Some(tokens) = tokens else { return Revoked::NotSignedIn };
    let endpoint = sign_in.server.additional_fields.get("revocation_endpoint").and_then(Value::as_str);
    let Some(endpoint) = endpoint else { return Revoked::NotOffered };
    let failed = |why: String| Revoked::Failed { host: host_of(endpoint), why: shorten(&why, 300) };
    let reach = match Url::parse(&sign_in.url) {
        Ok(url) => Reach::of_server(&url).await,
        Err(error) => return failed(error.to_string()),
    };
    let outbound = match Outbound::new(reach) {
        Ok(outbound) => outbound,
        Err(error) => return failed(error.to_string()),
    };
    // To revoke a refresh token revokes what was got with it (RFC 7009, section 2.1).
    let fields = match tokens.refresh_token() {
        Some(refresh) => [("token", refresh.secret().as_str()), ("token_type_hint", "refresh_token")],
        None => [("token", tokens.access_token().secret().as_str()), ("token_type_hint", "access_token")],
    };
    match form::post(&outbound, endpoint, sign_in, &fields).await {
        Ok(answer) if answer.status().is_success() => Revoked::Done,
        Ok(answer) => failed(format!("HTTP {}", answer.status())),
        Err(error) => failed(error.to_string()),
    }
}
