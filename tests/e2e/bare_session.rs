//! A session bus with nothing on it: no keychain, no tray, no notifications.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config},
    desktop::{on_desktop, program, run},
    model::Model,
};

const KEY: &str = "sk-e2e-in-memory-51c0de77";

struct Bus {
    child: Child,
    address: String,
}

impl Bus {
    fn start() -> Result<Self> {
        let config = tempfile::NamedTempFile::new()?;
        std::fs::write(
            config.path(),
            "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
             <allow own=\"*\"/></policy></busconfig>",
        )?;
        let file = format!("--config-file={}", config.path().display());
        let mut child = Command::new("dbus-daemon")
            .args([&file, "--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_keychain_tray_and_notifications() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let bus = Bus::start()?;
        let home = Home::with(&config(None)?)?;
        let mut app = App::start_with(&home, |app| {
            app.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        })
        .await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-general").await?;
        settings.see("[data-testid=keychain][data-ok=false]").await?;
        settings.says("keychain", "no keychain can be reached").await?;

        // A key for this run is the choice offered, and it works.
        settings.click("nav-models").await?;
        settings.click("model-add").await?;
        settings.choose("model-provider", "openai").await?;
        ensure!(settings.see("model-key-kind").await?.prop("value").await?.as_deref() == Some("memory"));
        ensure!(settings.has("[data-testid=model-key-kind] option[value=keychain]:disabled").await?);
        settings.fill("model-name", "probe").await?;
        settings.fill("model-id", "probe-1").await?;
        settings.fill("model-base-url", &model.base_url).await?;
        settings.fill("model-key", KEY).await?;
        settings.click("model-save").await?;
        settings.click("[data-testid=model][data-name=probe] [data-testid=model-default]").await?;

        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.says("answer", "Verdigris.").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        let asked = model.asked().pop().context("nobody was asked")?;
        ensure!(asked.authorization.as_deref() == Some(format!("Bearer {KEY}").as_str()));
        let holders = run("grep", ["-rlaF".as_ref(), KEY.as_ref(), home.path().as_os_str()]).unwrap_or_default();
        ensure!(holders.is_empty(), "the key is in {holders}");

        // The next run has forgotten it, says so, and sends nothing.
        app.kill().await?;
        let mut app = App::start_with(&home, |app| {
            app.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        })
        .await?;
        // Without a tray, a window must come by itself.
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.says("answer-error", "give it again under Settings").await?;
        ensure!(model.asked().len() == 1, "it was asked without a key");
        Ok(())
    })
}

#[test]
fn a_display_that_is_gone_is_said() -> Result<()> {
    on_desktop(async || {
        let home = Home::fresh()?;
        let mut app = Command::new(program()?);
        // No X server has a number like that.
        app.arg("--home").arg(home.path()).env("DISPLAY", ":59999").env_remove("WAYLAND_DISPLAY");
        let output = app.output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
        ensure!(said.contains("cannot be opened (DISPLAY=:59999)") && said.lines().count() == 1, "{said}");
        Ok(())
    })
}
