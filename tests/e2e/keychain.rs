//! A keychain that is there, and locked: the request waits for the person, who unlocks it, or changes their mind.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use zbus::{
    Connection, Proxy,
    zvariant::{ObjectPath, OwnedObjectPath},
};

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config, model_table},
    desktop::{eventually, look, no_window_named, on_desktop, press, run, window_named},
    model::Model,
};

const KEY: &str = "sk-e2e-behind-a-lock-90b1";
/// What asks for the password.
const PROMPT: &str = "Unlock Login Keyring";

/// Locks the login keyring, as a desktop does when its screen is locked.
async fn lock() -> Result<()> {
    let bus = Connection::session().await?;
    let (name, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
    let service = Proxy::new(&bus, name, path, "org.freedesktop.Secret.Service").await?;
    let login = ObjectPath::try_from("/org/freedesktop/secrets/collection/login")?;
    let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) = service.call("Lock", &(vec![&login],)).await?;
    ensure!(locked.len() == 1, "it did not lock");
    Ok(())
}

/// Types the password into the prompt.
async fn unlock() -> Result<()> {
    let password = std::env::var("SAMPLEGATE_DESKTOP_PASSWORD").context("scripts/with-desktop sets the password")?;
    window_named(PROMPT).await?;
    eventually("the end of the prompt", async || {
        // It takes keys only once it has grabbed the keyboard.
        run("xdotool", ["type", &password])?;
        press(&["Return"])?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        ensure!(run("xdotool", ["search", "--onlyvisible", "--name", PROMPT]).unwrap_or_default().is_empty());
        Ok(())
    })
    .await
}

#[test]
fn a_locked_keychain_is_waited_for() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let table = model_table("probe", &model.base_url).replace("\"none\"", "\"keychain\"");
        let config = config(None)?.replace("\"human\"", "\"probe\"");
        let home = Home::with(&format!("{config}{table}"))?;
        let service = format!("Samplegate ({})", home.path().display());
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-models").await?;
        settings.click("[data-testid=model][data-name=probe] [data-testid=model-edit]").await?;
        settings.choose("model-key-kind", "keychain").await?;
        settings.fill("model-key", KEY).await?;
        settings.click("model-save").await?;
        settings.gone("model-key").await?;
        lock().await?;

        // The request waits, and says for what; the person may change their mind.
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.says("answer-waiting", "waiting for the keychain").await?;
        window_named(PROMPT).await?;
        look("keychain-locked").await?;
        review.deny("not now").await?;
        home.newest_ended("denied").await?;
        press(&["Escape"])?;
        no_window_named(PROMPT).await?;

        // Unlocked, it goes on by itself.
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.says("answer-waiting", "waiting for the keychain").await?;
        ensure!(model.asked().is_empty(), "it was asked without a key");
        unlock().await?;
        review.question("answer").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        let asked = model.asked();
        ensure!(asked.len() == 1 && asked[0].authorization.as_deref() == Some(format!("Bearer {KEY}").as_str()));
        run("secret-tool", ["clear", "service", &service])?;
        app.quit().await
    })
}
