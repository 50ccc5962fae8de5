//! Killed with a question open, and started twice.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{AUDIT, App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, on_desktop, run, window_named, windows_named},
};

#[test]
fn killed_with_a_question_open() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        app.window(REVIEW).await?.question("request").await?;
        let servers = run("pgrep", ["-g", &app.pid().to_string(), "-f", "raw_legacy.py"]).unwrap_or_default();
        let marker = home.path().display().to_string();
        app.kill().await?;
        ensure!(home.only_entry().await?.summary.outcome.as_str() == "open");
        eventually("the end of its servers", async || {
            for server in servers.lines() {
                ensure!(!std::path::Path::new("/proc").join(server).exists(), "process {server} of {marker} lives on");
            }
            Ok(())
        })
        .await?;

        let mut app = App::start(&home).await?;
        let question = home.newest_ended("interrupted").await?;
        ensure!(question.decided_by.is_none(), "{question:?}");
        // It is no first run any more: no window comes by itself.
        ensure!(windows_named(SETTINGS).is_empty(), "a window came up");
        let audit = app.open("Audit log", AUDIT).await?;
        audit.see("[data-testid=audit-row][data-outcome=interrupted]").await?;
        audit.click("verify").await?;
        ensure!(audit.attr("verify-result", "data-ok").await? == "true", "{}", audit.text("verify-result").await?);
        app.quit().await
    })
}

#[test]
fn started_twice_is_there_once() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let app = App::start(&home).await?;
        let window = window_named(SETTINGS).await?;
        run("wmctrl", ["-i", "-c", &window])?;
        crate::desktop::no_window_named(SETTINGS).await?;
        // The second one shows the first one's window, and ends.
        let mut second = App::start_with(&home, |_| {}).await?;
        let status = second.ended().await?;
        ensure!(status.success(), "{status}");
        window_named(SETTINGS).await?;
        app.quit().await
    })
}
