//! What was found is usable in the real windows: redact before sending, decide about each tool call.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, SETTINGS, config},
    desktop::{look, on_desktop},
    model::{CALLS, Model},
};

#[test]
fn a_secret_is_redacted_before_it_is_sent_and_comes_back_in_the_answer() -> Result<()> {
    on_desktop(async || {
        let model =
            Model::start(&["It wants a letter. Nothing is odd.", "Dear [EMAIL_1],"], Duration::from_millis(10)).await?;
        let home = Home::with(&format!("{}\n[general]\nsecond_opinion = \"probe\"\n", config(Some(&model.base_url))?))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let message =
            json!({ "role": "user", "content": { "type": "text", "text": "Write to ann@corp.io that we accept." } });
        settings.run_tool("raw", "sample", &json!({ "params": { "messages": [message], "maxTokens": 64 } })).await?;
        let review = app.window(crate::app::REVIEW).await?;
        review.question("request").await?;
        review.says("finding-advice", "Redact it").await?;
        ensure!(model.asked().is_empty(), "an opinion is asked for by a click only");
        review.says("opinion", "on this computer").await?;
        review.click("ask-opinion").await?;
        review.says("opinion-text", "It wants a letter.").await?;
        look("second opinion").await?;
        review.click("redact").await?;
        review.says("redact-dialog", "ann@corp.io").await?;
        look("redact").await?;
        review.click("redact-apply").await?;
        review.says("diff", "[EMAIL_1]").await?;
        look("redacted").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.says("answer", "ann@corp.io").await?;
        look("put back").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        let entry = home.only_entry().await?;
        ensure!(entry.released.is_some_and(|released| released["content"]["text"] == "Dear ann@corp.io,"));
        let sent = model.asked()[1].json().to_string();
        ensure!(sent.contains("[EMAIL_1]") && !sent.contains("ann@corp.io"), "{sent}");
        app.quit().await
    })
}

#[test]
fn each_tool_call_is_decided_by_itself() -> Result<()> {
    on_desktop(async || {
        let calls = json!([
            {"index": 0, "id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{\"state\":\"open\"}"}},
            {"index": 1, "id": "b", "type": "function", "function": {"name": "pay", "arguments": "{\"amount\":120}"}},
        ]);
        let model = Model::start(&[&format!("{CALLS}{calls}")], Duration::from_millis(10)).await?;
        let config = config(Some(&model.base_url))?;
        let tools = "sampling_tools = \"all\"\ntools = { look_up = { risk = \"low\", labels = [\"private\"] } }";
        let home = Home::with(&config.replace("limits = \"none\"", &format!("limits = \"none\"\n{tools}")))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let message = json!({ "role": "user", "content": { "type": "text", "text": "Pay the open bill." } });
        let tool = json!({ "name": "look_up", "description": "Finds bills.", "inputSchema": { "type": "object" } });
        let params = json!({ "messages": [message], "tools": [tool], "maxTokens": 64 });
        settings.run_tool("raw", "sample", &json!({ "params": params })).await?;
        let review = app.window(crate::app::REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.says("calls-open", "2 tool calls").await?;
        review.see("[data-testid=decisions][data-armed=true]").await?;
        ensure!(review.attr("return", "aria-disabled").await? == "true", "nobody decided about the calls");
        look("tool calls").await?;
        review.click("[data-decision=none] [data-testid=approve-call]").await?;
        review.says("calls-open", "A tool call is").await?;
        review.click("[data-decision=none] [data-testid=refuse-call]").await?;
        review.says("cannot-return", "refused").await?;
        look("refused tool call").await?;
        review.click("remove-refused").await?;
        review.gone("[data-decision=refused]").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        let entry = home.only_entry().await?;
        ensure!(entry.released.is_some_and(|released| released["content"]["name"] == "look_up"));
        let decided =
            entry.events.iter().rfind(|event| event["event"] == "decided").map(|event| event["tool_calls"].clone());
        ensure!(
            decided
                == Some(json!([
                    {"id": "a", "name": "look_up", "decision": "approved"},
                    {"id": "b", "name": "pay", "decision": "refused"},
                ])),
            "{decided:?}"
        );
        app.quit().await
    })
}
