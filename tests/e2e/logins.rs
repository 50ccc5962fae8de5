//! Signing in to a remote server on a real desktop: from the terminal and from the window, the browser stood in for by a
//! script, the tokens in the keychain and nowhere else.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use support::oauth::SignInServer;
use tokio::process::Command;

use crate::{
    app::{App, Home, SETTINGS, config},
    desktop::{on_desktop, run},
};

/// A browser: goes where it is sent, and keeps the last page.
fn browser(folder: &Path) -> Result<String> {
    let (script, page) = (folder.join("browser"), folder.join("page.html"));
    std::fs::write(&script, format!("#!/bin/sh\nexec curl --silent --location --output {} \"$1\"\n", page.display()))?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(script.display().to_string())
}

/// Every byte under a folder.
fn bytes(folder: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        all.extend(if path.is_dir() { bytes(&path)? } else { std::fs::read(&path).unwrap_or_default() });
    }
    Ok(all)
}

/// That no token or code is in the home's files, and whether one is in the keychain.
fn where_tokens_are(home: &Home, server: &SignInServer) -> Result<bool> {
    let (all, secrets) = (bytes(home.path())?, server.seen().secrets.clone());
    for secret in &secrets {
        ensure!(!all.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in a file");
    }
    let service = format!("Samplegate ({})", home.path().display());
    let kept = run("secret-tool", ["search", "--all", "service", &service]).unwrap_or_default();
    Ok(secrets.iter().any(|secret| secret.starts_with("access-") && kept.contains(secret)))
}

#[test]
fn the_terminal_signs_in_and_out_and_tokens_are_in_the_keychain_alone() -> Result<()> {
    on_desktop(async || {
        let server = SignInServer::start().await;
        let home = Home::with(&format!("[servers.notes]\n{}", server.lines()))?;
        let (folder, said) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let browser = browser(folder.path())?;
        let samplegate = async |args: &[&str]| {
            let mut command = Command::new(support::servers::samplegate());
            command.arg("--home").arg(home.path()).args(args).env("BROWSER", &browser).env("RUST_LOG", "trace");
            let output = command.output().await?;
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            std::fs::write(said.path().join("log"), &output.stderr)?;
            // What it logs, at its most talkative, is held to the same: the address alone has to be shown.
            let secrets = server.seen().secrets.clone();
            let told = secrets.iter().find(|secret| err.contains(*secret));
            ensure!(told.is_none(), "it told {told:?}");
            ensure!(output.status.success(), "{args:?}: {}: {err}", output.status);
            Ok((String::from_utf8_lossy(&output.stdout).into_owned(), err))
        };
        let host = server.base.trim_start_matches("http://").to_owned();
        let (out, err) = samplegate(&["server", "login", "notes"]).await?;
        ensure!(out == format!("signed in to notes at {host}\n"), "{out}");
        ensure!(err.contains(&format!("Sign in to notes at {host}, for notes:read.")), "{err}");
        ensure!(std::fs::read_to_string(folder.path().join("page.html"))?.contains("You are signed in"));
        ensure!(where_tokens_are(&home, &server)?, "no token is in the keychain");
        let (tools, _) = samplegate(&["tools", "notes", "--json"]).await?;
        ensure!(tools.lines().count() == 2, "{tools}");
        let (shown, _) = samplegate(&["server", "show", "notes", "--json"]).await?;
        let shown: serde_json::Value = serde_json::from_str(&shown)?;
        ensure!(shown["login"]["host"] == host, "{shown}");
        let (out, _) = samplegate(&["server", "logout", "notes"]).await?;
        ensure!(out == "signed out of notes; its tokens are revoked\n", "{out}");
        ensure!(!where_tokens_are(&home, &server)?, "a token is still in the keychain");
        Ok(())
    })
}

#[test]
fn the_window_shows_where_before_the_browser_opens() -> Result<()> {
    on_desktop(async || {
        let server = SignInServer::start().await;
        let folder = tempfile::tempdir()?;
        let browser = browser(folder.path())?;
        let home = Home::with(&format!("{}[servers.notes]\n{}", config(None)?, server.lines()))?;
        let mut app = App::start_with(&home, |app| {
            app.env("BROWSER", &browser);
        })
        .await?;
        app.tray().await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-servers").await?;
        let card = |part: &str| format!("[data-testid=server][data-name=notes] [data-testid={part}]");
        settings.says(&card("server-state"), "needs you to sign in").await?;
        settings.script("document.querySelector('[data-name=notes]').scrollIntoView({ block: 'center' })").await?;
        settings.look("sign-in-needed").await?;
        settings.click(&card("server-sign-in")).await?;
        let host = server.base.trim_start_matches("http://").to_owned();
        settings.says(&card("server-login-host"), &host).await?;
        settings.look("sign-in-where").await?;
        ensure!(server.seen().authorized.is_empty(), "the browser was opened before the person saw where");
        settings.click(&card("server-sign-in-open")).await?;
        settings.says(&card("server-login"), &format!("Signed in at {host}")).await?;
        settings.says(&card("server-state"), "ready").await?;
        settings.look("signed-in").await?;
        ensure!(where_tokens_are(&home, &server)?, "no token is in the keychain");
        settings.click(&card("server-sign-out")).await?;
        settings.says(&card("server-state"), "needs you to sign in").await?;
        ensure!(!where_tokens_are(&home, &server)?, "a token is still in the keychain");
        let _ = server.seen().revoked.first().context("nothing was revoked")?;
        app.quit().await
    })
}
