//! `samplegate server login` and `logout`.

use samplegate_engine::{
    browser,
    engine::{Engine, ServerError},
    mcp::oauth::Revoked,
    wire::{ServerLogin, ServerView},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Exit, Failure},
    output,
};

pub(super) async fn login(engine: &Engine, name: &str) -> Result<Exit, Failure> {
    // What cannot be signed in to says so by itself. Else better now than after the person was in the browser.
    if super::view(engine, name)?.login.is_some() {
        engine.secrets().probe().await.map_err(|error| ServerError::Login(error.into()))?;
    }
    let cancel = CancellationToken::new();
    let stopped = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopped.cancel();
        }
    });
    let begun = cancel.run_until_cancelled(engine.begin_login(name)).await;
    let login = begun.unwrap_or_else(|| Err(samplegate_engine::mcp::oauth::LoginError::Cancelled.into()))?;
    let asks = if login.scopes().is_empty() { String::new() } else { format!(", for {}", login.scopes().join(" ")) };
    output::note(&output::visible(&format!("Sign in to {name} at {}{asks}. The page:", login.host())));
    output::note(&output::visible(login.address()));
    match browser::open(login.address(), std::env::var_os("BROWSER").as_deref()) {
        Ok(()) => output::note("It opens in your browser. Ctrl-C gives up."),
        Err(error) => {
            output::note(&format!("No browser could be opened ({error}): open it yourself. Ctrl-C gives up."));
        }
    }
    let signed_in = login.finish(&cancel, false).await.map_err(ServerError::from)?;
    output::line(&output::visible(&format!("signed in to {name} at {}", signed_in.host)))?;
    Ok(Exit::Done)
}

pub(super) async fn logout(engine: &Engine, name: &str) -> Result<Exit, Failure> {
    let told = match engine.logout(name).await? {
        Revoked::NotSignedIn => format!("you were not signed in to {name}"),
        Revoked::Done => format!("signed out of {name}; its tokens are revoked"),
        Revoked::NotOffered => {
            format!("signed out of {name}; its tokens are removed here, and end by themselves where they were issued")
        }
        Revoked::Failed { host, why } => format!(
            "signed out of {name}; its tokens are removed here, but {host} could not be told to revoke them ({why})"
        ),
    };
    output::line(&output::visible(&told))?;
    Ok(Exit::Done)
}

/// How the person stands with a server, in a word for a list.
pub(super) fn word(view: &ServerView) -> &'static str {
    match &view.login {
        Some(ServerLogin::SignedIn { wanted, .. }) if !wanted.is_empty() => "signed in, wants more",
        Some(ServerLogin::SignedIn { .. }) => "signed in",
        Some(_) | None => "",
    }
}

pub(super) fn to_json(view: &ServerView) -> Value {
    match &view.login {
        Some(ServerLogin::SignedIn { host, scopes, wanted, .. }) => {
            json!({"host": host, "scopes": scopes, "wanted": wanted})
        }
        Some(_) | None => Value::Null,
    }
}

pub(super) fn rows(view: &ServerView) -> Vec<Vec<String>> {
    let Some(ServerLogin::SignedIn { host, scopes, wanted, .. }) = &view.login else { return Vec::new() };
    let mut rows = vec![vec!["signed in at".to_owned(), output::inline(host)]];
    rows.extend(scopes.iter().map(|scope| vec!["granted".into(), output::inline(scope)]));
    rows.extend(wanted.iter().map(|scope| vec!["wants besides".into(), output::inline(scope)]));
    rows
}
