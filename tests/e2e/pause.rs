//! Pause: what comes in waits, quietly.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, on_desktop, windows_named},
    popups::Popups,
};

#[test]
fn paused_from_the_tray_and_resumed() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let tray = app.tray().await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        let idle = tray.icon().await?;
        tray.click("Pause").await?;
        settings.see("paused").await?;
        eventually("the tray that says so", async || {
            let labels = tray.labels().await?;
            ensure!(labels[0].starts_with("Paused.") && labels.contains(&"Resume".to_owned()), "{labels:?}");
            ensure!(tray.icon().await? != idle, "its icon is as it was");
            Ok(())
        })
        .await?;

        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        eventually("the question in the log", async || {
            ensure!(home.only_entry().await?.summary.outcome.as_str() == "open");
            Ok(())
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        ensure!(popups.heard().is_empty(), "{:?}", popups.heard());
        ensure!(windows_named(REVIEW).is_empty(), "a window came up");

        tray.click("Resume").await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        ensure!(popups.nth(1).await?.title == "raw · fine_hello asks");
        settings.gone("paused").await?;
        review.click("answer-by-hand").await?;
        review.fill("answer-text", "hello").await?;
        review.click("answer-send").await?;
        home.newest_ended("released").await?;
        app.quit().await
    })
}
