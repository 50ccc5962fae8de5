//! A new server, its approval record filled in with the form, and the record exported.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, Window, config},
    desktop::{eventually, on_desktop, run, window_named},
};

/// A web view that is told too late to draw without the graphics card does not.
async fn the_wheel_scrolls(settings: &Window) -> Result<()> {
    let scrolled = "return [...document.querySelectorAll('*')].reduce((sum, one) => sum + one.scrollTop, 0)";
    settings.script("document.querySelectorAll('*').forEach((one) => (one.scrollTop = 0))").await?;
    let window = window_named(SETTINGS).await?;
    run("xdotool", ["mousemove", "--window", &window, "600", "400", "click", "--repeat", "5", "--delay", "50", "5"])?;
    eventually("the wheel to scroll", async || {
        let by = settings.script(scrolled).await?;
        ensure!(by.as_f64().is_some_and(|by| by > 0.0), "scrolled by {by}");
        Ok(())
    })
    .await
}

#[test]
fn a_server_samples_once_its_record_is_filled_in_and_the_export_says_so() -> Result<()> {
    on_desktop(async || {
        let off = config(None)?.replace("sampling = \"ask\"\n", "").replace("sampling_tools = \"all\"\n", "");
        let home = Home::with(&off)?;
        let mut app = App::start_with(&home, |command| {
            command.env("HOME", home.path()).env_remove("XDG_CONFIG_HOME");
        })
        .await?;
        app.tray().await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-servers").await?;
        settings.click("[data-testid=server][data-name=prompts] [data-testid=server-approval]").await?;
        settings.see("record-form").await?;
        settings.look("record-new").await?;
        settings.fill("record-purpose", "It proposes keywords").await?;
        settings.fill("record-context", "The topic I type").await?;
        settings.click("record-save").await?;
        settings.gone("record-form").await?;

        settings.click("[data-testid=server][data-name=prompts] [data-testid=server-approval]").await?;
        settings.click("[data-testid=record-history] summary").await?;
        settings.says("record-history", "sampling: “off” → “ask”").await?;
        the_wheel_scrolls(&settings).await?;
        settings.click("part-tools").await?;
        settings.see("tool-proposal").await?;
        settings.look("record-tools").await?;
        settings.click("part-limits").await?;
        settings.see("limits-form").await?;
        settings.look("record-limits").await?;
        settings.click("part-record").await?;
        settings.click("record-save-markdown").await?;
        let said = settings.says("record-said", "Saved as ").await?;
        settings.look("record-filled").await?;
        let path = said.trim().trim_start_matches("Saved as ").to_owned();
        let saved = std::fs::read_to_string(&path)?;
        ensure!(saved.contains("| Why it needs sampling | It proposes keywords |"), "{saved}");
        let printed = Command::new(support::servers::samplegate())
            .arg("--home")
            .arg(home.path())
            .args(["server", "record", "prompts"])
            .output()?;
        ensure!(String::from_utf8(printed.stdout)? == saved, "the command prints another record than was saved");

        settings.run_tool("prompts", "generate_keywords", &json!({ "topic": "tea" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.deny("no need").await?;
        app.quit().await
    })
}
