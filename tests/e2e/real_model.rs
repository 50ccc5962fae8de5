//! A real model, small enough for any machine, answers in the windows.

use anyhow::{Result, ensure};
use serde_json::json;
use support::local_model::LocalModel;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config, model_table},
    desktop::{eventually, look, on_desktop},
};

#[test]
fn a_real_model_writes_into_the_window_until_it_is_stopped() -> Result<()> {
    on_desktop(async || {
        let model = LocalModel::start();
        let config = config(None)?.replace("\"human\"", "\"smollm\"");
        let home = Home::with(&format!("{config}{}", model_table("smollm", &model.base_url)))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;

        // To its end: the tool asks for at most 8 tokens.
        settings.run_tool("prompts", "confirm_payment", &json!({ "amount": 1000, "to": "Acme" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        look("smollm-answer").await?;
        ensure!(!review.text("[data-testid=answer] .text").await?.trim().is_empty(), "it said nothing");
        review.click("return").await?;
        settings.says("run-result", "payment").await?;
        let question = home.newest_ended("released").await?;
        ensure!(question.tokens_out.is_some_and(|tokens| (1..=8).contains(&tokens)), "{question:?}");
        ensure!(question.sent_sha256.is_some() && question.sent_sha256 == question.approved_sha256, "{question:?}");

        // Stopped half way: it may write long, and what came until then is returned.
        let text = "Tell a very long story about a lighthouse keeper and the sea.";
        let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
        settings.run_tool("raw", "sample", &json!({ "params": { "messages": [message], "maxTokens": 3000 } })).await?;
        review.says("paper", "lighthouse keeper").await?;
        review.question("request").await?;
        review.click("approve").await?;
        let begun = eventually("a first few words", async || {
            let text = review.text("[data-testid=answer-partial] .text").await?;
            ensure!(text.split_whitespace().count() >= 3, "it wrote {text:?}");
            Ok(text)
        })
        .await?;
        look("smollm-streaming").await?;
        review.click("stop").await?;
        review.question("answer").await?;
        let half = review.text("[data-testid=answer] .text").await?;
        ensure!(half.starts_with(begun.trim_end()), "{begun:?} became {half:?}");
        look("smollm-stopped").await?;
        review.click("return").await?;
        settings.says("run-result", "\"stopReason\": \"stopped\"").await?;
        app.quit().await
    })
}
