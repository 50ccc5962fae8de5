//! Letting through for longer, in the real windows: chosen, used, listed, revoked.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{AUDIT, App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, on_desktop},
    model::Model,
    popups::Popups,
};

#[test]
fn what_is_like_it_passes_by_itself_until_the_grant_is_revoked() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let home = Home::with(&config(Some(&model.base_url))?)?;
        let mut app = App::start(&home).await?;
        let tray = app.tray().await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        popups.nth(1).await?;

        let review = app.open("Review next", REVIEW).await?;
        review.question("request").await?;
        ensure!(!review.has("reach").await?, "it reaches further before anybody said so");
        review.choose("scope", "minutes").await?;
        let says = review.says("reach-says", "for 15 minutes; the answers are still shown to you").await?;
        ensure!(says.starts_with("From now on: raw › fine_hello: requests with no system prompt, for probe"), "{says}");
        review.look("grant-request").await?;
        review.click("reach-answers").await?;
        review.says("reach-says", "neither is shown to you").await?;
        review.click("approve").await?;
        let first = home.newest_ended("released").await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        eventually("the second answer", async || {
            let log = home.audit().await?;
            ensure!(log.len() == 2 && log[0].outcome.as_str() == "released", "{log:?}");
            ensure!(log[0].reason.as_deref().is_some_and(|why| why.starts_with("Allowed by the grant of ")), "{log:?}");
            Ok(())
        })
        .await?;
        ensure!(popups.heard().len() == 1, "{:?}", popups.heard());

        tray.click("1 active grant").await?;
        settings.says("grant-sentence", "raw › fine_hello: requests and their answers").await?;
        settings.says("grant", "used 3 times").await?;
        settings.look("grants").await?;
        settings.click("grant-question").await?;
        let audit = app.window(AUDIT).await?;
        audit.says("timeline", "and let requests like it and their answers through for 15 minutes").await?;
        ensure!(home.audit().await?[1].id == first.id);
        tray.click("Revoke all grants").await?;
        settings.see("grants-none").await?;
        eventually("the tray that says so", async || {
            let labels = tray.labels().await?;
            ensure!(labels.contains(&"No active grants".to_owned()), "{labels:?}");
            Ok(())
        })
        .await?;

        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        popups.nth(2).await?;
        let review = app.open("Review next", REVIEW).await?;
        review.question("request").await?;
        review.deny("no").await?;
        home.newest_ended("denied").await?;
        app.quit().await
    })
}
