//! A real model, small enough for any machine, answers in the windows.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config, model_table},
    desktop::{eventually, look, on_desktop},
};

/// SmolLM2 behind `scripts/local_model.py`. It ends when its stdin closes, however this test ends.
struct Local {
    child: Child,
    _stdin: Option<ChildStdin>,
    base_url: String,
}

impl Local {
    fn start() -> Result<Self> {
        let python = std::env::var("SAMPLEGATE_TEST_MODEL_PY")
            .context("SAMPLEGATE_TEST_MODEL_PY is not set: scripts/test-env prints it")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/local_model.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(["0", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        for line in lines {
            if let Some(address) = line?.strip_prefix("ready ") {
                let base_url = format!("{}/v1", address.trim_end_matches('/'));
                return Ok(Self { child, _stdin: stdin, base_url });
            }
        }
        bail!("the model did not start: {}", child.wait()?)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_model_writes_into_the_window_until_it_is_stopped() -> Result<()> {
    on_desktop(async || {
        let model = Local::start()?;
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
