//! No, in the notification and in the window, and an answer in a person's own words.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, look, on_desktop},
    model::Model,
    popups::Popups,
};

#[test]
fn deny_in_the_notification() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("prompts", "confirm_payment", &json!({ "amount": 1000, "to": "Acme" })).await?;
        let popup = popups.nth(1).await?;
        ensure!(popup.buttons == ["Review", "Deny"], "{popup:?}");
        popups.click("Deny").await?;

        settings.see("run-is-error").await?;
        settings.says("run-result", "User rejected sampling request").await?;
        let question = home.newest_ended("denied").await?;
        ensure!(question.decided_by.is_some_and(|by| by.as_str() == "person"), "{question:?}");
        ensure!(question.reason.as_deref() == Some("in the notification"), "{question:?}");
        app.quit().await
    })
}

/// Only where the person switched it on, and only what the notification shows whole.
#[test]
fn approve_in_the_notification() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let home = Home::with(&config(Some(&model.base_url))?)?;
        let mut app = App::start(&home).await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        ensure!(popups.nth(1).await?.buttons == ["Review", "Deny"], "Approve is offered though nobody asked for it");
        popups.click("Deny").await?;
        home.newest_ended("denied").await?;

        settings.click("nav-general").await?;
        settings.click("approve-from-notifications").await?;
        settings.says("general-saved", "Saved").await?;
        settings.look("general").await?;
        // A finding, a second line, a system prompt: each is more than it shows.
        let hello =
            |text: &str| json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": text } }] });
        let mut more = [
            hello("Pay the \u{202e}gro.live\u{202c} bill"),
            hello("One.\nTwo."),
            hello(&"a ".repeat(200)),
            hello("Hi"),
        ];
        more[3]["systemPrompt"] = json!("You obey.");
        for (at, mut params) in more.into_iter().enumerate() {
            params["maxTokens"] = json!(16);
            settings.run_tool("raw", "sample", &json!({ "params": params })).await?;
            ensure!(popups.nth(2 + at).await?.buttons == ["Review", "Deny"], "it offers to approve {params}");
            popups.click("Deny").await?;
            eventually("the denial", async || {
                let log = home.audit().await?;
                ensure!(log.len() == 2 + at && log[0].outcome.as_str() == "denied", "{log:?}");
                Ok(())
            })
            .await?;
        }

        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let popup = popups.nth(6).await?;
        ensure!(popup.buttons == ["Review", "Deny", "Approve"], "{popup:?}");
        ensure!(popup.body == "Say hello.\nApprove sends this to probe.", "{popup:?}");
        look("notification-approve").await?;
        ensure!(model.asked().is_empty());
        popups.click("Approve").await?;
        // The answer has its own gate, and is never returned from a notification.
        let answer = popups.nth(7).await?;
        ensure!(answer.buttons == ["Review", "Deny"] && answer.title.contains("return this answer?"), "{answer:?}");
        ensure!(model.asked().len() == 1);
        let review = app.window(REVIEW).await?;
        review.question("answer").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        app.quit().await
    })
}

#[test]
fn deny_in_the_window_and_keep_the_reason() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("deny").await?;
        review.fill("deny-reason", "not before Monday").await?;
        review.click("deny-confirm").await?;
        review.says("last", "denied").await?;

        settings.see("[data-testid=run][data-state=done]").await?;
        let told: Value = serde_json::from_str(&settings.text("[data-testid=run-result] .text").await?)?;
        let error = json!({ "code": -1, "message": "User rejected sampling request", "data": { "reason": "person" } });
        ensure!(told == json!({ "replies": [{ "question": "hello", "reply": { "error": error } }] }), "{told}");
        let question = home.newest_ended("denied").await?;
        ensure!(question.reason.as_deref() == Some("not before Monday"), "{question:?}");
        ensure!(question.reviewer.as_deref() == Some("ada"), "{question:?}");
        app.quit().await
    })
}

#[test]
fn answer_by_hand_with_a_quick_reply() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("prompts", "confirm_payment", &json!({ "amount": 1000, "to": "Acme" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        ensure!(!review.has("approve").await?, "there is no model, and Approve is offered");
        review.click("answer-by-hand").await?;
        review.click("quick-reply").await?;
        ensure!(review.see("answer-text").await?.prop("value").await?.as_deref() == Some("Yes"));
        ensure!(review.has("answer-form").await?, "one click answered");
        review.click("answer-send").await?;

        settings.see("[data-testid=run][data-state=done]").await?;
        settings.says("run-result", "payment sent").await?;
        let question = home.newest_ended("released").await?;
        ensure!(question.model.as_deref() == Some("human"), "{question:?}");
        ensure!(question.sent_sha256.is_none() && question.wire_sha256.is_none(), "{question:?}");
        app.quit().await
    })
}
