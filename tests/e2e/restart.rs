//! Killed with a question open, and started twice.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    app::{AUDIT, App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, family, focused, no_window_named, on_desktop, run, window_named, windows_named},
};

#[test]
fn killed_with_a_question_open() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        app.window(REVIEW).await?.question("request").await?;
        let raw = |process: &u32| {
            let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("raw_legacy.py")
        };
        let servers: Vec<u32> = family(app.pid())?.into_iter().filter(raw).collect();
        ensure!(!servers.is_empty(), "the server has no process");
        app.kill().await?;
        ensure!(home.only_entry().await?.summary.outcome.as_str() == "open");
        eventually("the end of its servers", async || {
            let left: Vec<&u32> = servers.iter().filter(|process| raw(process)).collect();
            ensure!(left.is_empty(), "{left:?} live on");
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

/// Closed as soon as it is there, and wanted again while it goes.
#[test]
fn a_window_opens_again_however_quickly_it_was_closed() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let tray = app.tray().await?;
        let mut welcome = window_named(SETTINGS).await?;
        for pause in [0, 1, 3, 10, 30, 100, 300] {
            run("wmctrl", ["-i", "-c", &welcome])?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            tray.click("Settings").await?;
            welcome = eventually(&format!("another window {pause} ms later"), async || {
                let found = windows_named(SETTINGS).pop().context("there is none")?;
                ensure!(found != welcome, "it is still the old one");
                Ok(found)
            })
            .await?;
        }
        // The last one works.
        app.window(SETTINGS).await?.see("nav-servers").await?;
        app.quit().await
    })
}

#[test]
fn each_home_has_an_app_of_its_own() -> Result<()> {
    on_desktop(async || {
        let (one, other) = (Home::with(&config(None)?)?, Home::with(&config(None)?)?);
        let first = App::start(&one).await?;
        let shown = window_named(SETTINGS).await?;
        let mut second = App::start(&other).await?;
        eventually("a window of each", async || {
            ensure!(windows_named(SETTINGS).len() == 2, "there are {:?}", windows_named(SETTINGS));
            Ok(())
        })
        .await?;
        let its = second.window(SETTINGS).await?;
        its.click("nav-general").await?;
        its.says("config-path", &other.path().display().to_string()).await?;

        // However the folder is spelt, a further start of the first one's brings the first one's window to the front.
        ensure!(focused()? != shown, "it is in front already");
        let again = one.path().join("run").join("..");
        let mut third = App::start_with(&other, |app| {
            app.args(["--home".as_ref(), again.as_os_str()]);
        })
        .await?;
        let status = third.ended().await?;
        ensure!(status.success(), "{status}");
        eventually("the first one's window in front", async || {
            ensure!(focused()? == shown, "{} is", focused()?);
            Ok(())
        })
        .await?;
        first.quit().await?;
        its.see("config-path").await?;
        second.quit().await
    })
}

#[test]
fn started_twice_is_there_once() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let welcome = app.window(SETTINGS).await?;
        welcome.see("welcome").await?;
        run("wmctrl", ["-i", "-c", &welcome.x_id])?;
        no_window_named(SETTINGS).await?;
        // The second one shows the first one's window, and ends.
        let mut second = App::start_with(&home, |_| {}).await?;
        let status = second.ended().await?;
        ensure!(status.success(), "{status}");
        window_named(SETTINGS).await?;
        app.quit().await
    })
}
