//! What the settings window does beside tools: prompts, resources, rules, and what servers say.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, look, on_desktop},
};

#[test]
fn prompts_and_resources_that_ask() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.get_prompt("prompts", "summary_prompt", &json!({ "topic": "tea" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("paper", "Three words about tea.").await?;
        look("prompt-asks").await?;
        review.answer("leaf, cup, steam").await?;
        settings.says("run-result", "Mind these: leaf, cup, steam").await?;
        settings.look("prompt-result").await?;

        settings.click("run-tab-resource").await?;
        settings.click("run-resource").await?;
        settings.click("run-tool").await?;
        review.says("paper", "A note for today, in one line.").await?;
        review.question("request").await?;
        review.answer("Buy tea.").await?;
        settings.says("[data-testid=run]:first-of-type [data-testid=run-result]", "Today: Buy tea.").await?;
        settings.look("resource-result").await?;
        app.quit().await
    })
}

#[test]
fn what_a_server_logs_is_shown_with_its_level() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("prompts", "log_everything", &json!({})).await?;
        settings.says("run-result", "logged").await?;
        settings.click("[data-testid=run] details:has(.log) summary").await?;
        settings.script("document.querySelector('.log').scrollIntoView({ block: 'center' })").await?;
        settings.look("log").await?;
        for (level, message) in
            [("info", "an info message"), ("warning", "a warning message"), ("error", "an error message")]
        {
            let line = format!("{level} {message}");
            settings.says("[data-testid=run] .log", &line).await?;
        }
        app.quit().await
    })
}

#[test]
fn a_rule_answers_until_it_is_removed() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-rules").await?;
        settings.look("rules-none").await?;
        settings.click("rule-add").await?;
        settings.choose("rule-server", "prompts").await?;
        settings.fill("rule-tool", "confirm_payment").await?;
        settings.choose("rule-action", "answer").await?;
        settings.fill("rule-text", "yes").await?;
        settings.says("rule-preview", "Answer requests of confirm_payment of prompts with").await?;
        settings.look("rules-form").await?;
        settings.click("rule-save").await?;
        settings.says("rule", "confirm_payment").await?;
        settings.look("rules-one").await?;
        let payment = json!({ "amount": 1000, "to": "Acme" });
        settings.run_tool("prompts", "confirm_payment", &payment).await?;
        settings.says("run-result", "payment sent").await?;
        let question = home.newest_ended("released").await?;
        ensure!(question.decided_by.is_some_and(|by| by.as_str() == "rule"), "{question:?}");

        settings.click("nav-rules").await?;
        settings.click("rule-remove").await?;
        settings.says("rule-remove", "Really remove").await?;
        settings.click("rule-remove").await?;
        settings.gone("rule").await?;
        ensure!(
            !std::fs::read_to_string(home.path().join("config.toml"))?.contains("[[rules]]"),
            "it is still configured"
        );
        settings.run_tool("prompts", "confirm_payment", &payment).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.deny("no rule says so").await?;
        eventually("both in the log", async || {
            ensure!(home.audit().await?.iter().map(|question| question.outcome.as_str()).eq(["denied", "released"]));
            Ok(())
        })
        .await?;
        app.quit().await
    })
}

#[test]
fn a_rule_made_from_a_decision_lets_the_next_request_pass() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let payment = json!({ "amount": 1000, "to": "Acme" });
        settings.run_tool("prompts", "confirm_payment", &payment).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.answer("yes").await?;
        settings.says("run-result", "payment sent").await?;
        review.click("ended-rule").await?;
        settings.says("rule-why", "This rule is about exactly that question.").await?;
        settings.says("rule-preview", "with \u{201c}yes\u{201d} when").await?;
        settings.says("rule-try-sum", "Would have allowed your last question.").await?;
        settings.look("rule-from-decision").await?;
        ensure!(
            !std::fs::read_to_string(home.path().join("config.toml"))?.contains("[[rules]]"),
            "it was saved unasked"
        );
        settings.click("rule-save").await?;
        settings.says("rule", "confirm_payment of prompts").await?;
        settings.run_tool("prompts", "confirm_payment", &payment).await?;
        eventually("both in the log", async || {
            let by: Vec<_> = home.audit().await?.iter().filter_map(|question| question.decided_by).collect();
            ensure!(by.iter().map(|by| by.as_str()).eq(["rule", "person"]), "{by:?}");
            Ok(())
        })
        .await?;
        app.quit().await
    })
}
