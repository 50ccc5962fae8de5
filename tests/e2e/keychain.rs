//! A keychain that is there: the terminal command uses it and ends well. Locked, the request waits for the person, who
//! unlocks it, or changes their mind.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

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

/// Runs the terminal command in a home and gives what it printed; whatever is no success is an error with its stderr.
fn samplegate(home: &Home, args: &[&str], stdin: &str) -> Result<String> {
    let mut command = Command::new(support::servers::samplegate());
    command.arg("--home").arg(home.path()).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no stdin")?.write_all(stdin.as_bytes())?;
    let output = child.wait_with_output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{args:?}: {}: {err}", output.status);
    ensure!(!err.contains("panicked"), "{err}");
    Ok(out.into_owned())
}

#[test]
fn the_terminal_command_keeps_and_reads_a_key() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let home = Home::fresh()?;
        let add = ["model", "add", "probe", "--provider", "openai", "--base-url", &model.base_url];
        samplegate(&home, &[&add[..], &["--model", "probe-1", "--key-stdin"]].concat(), KEY)?;
        let checks = samplegate(&home, &["doctor"], "")?;
        ensure!(checks.contains("the keychain is there"), "{checks}");
        samplegate(&home, &["model", "test", "probe"], "")?;
        let asked = model.asked();
        ensure!(asked.len() == 1 && asked[0].authorization.as_deref() == Some(format!("Bearer {KEY}").as_str()));
        samplegate(&home, &["model", "remove", "probe"], "")?;
        let service = format!("Samplegate ({})", home.path().display());
        ensure!(run("secret-tool", ["search", "service", &service])?.is_empty(), "its key is still there");
        Ok(())
    })
}
