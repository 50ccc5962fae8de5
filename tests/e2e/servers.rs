//! Servers as people write them, called from the settings window, their questions decided in the review window.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, free_port, model_table, python3, server_script},
    desktop::{eventually, look, on_desktop},
    model::Model,
};

const LONG: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";

/// How far the newest call is, as its bar shows it.
const PROGRESS: &str = "return document.querySelector('[data-testid=run] progress')?.value";

/// A server of its own process, at a URL.
struct Remote {
    child: Child,
    url: String,
}

impl Remote {
    async fn start(script: &str) -> Result<Self> {
        let port = free_port()?;
        let child = Command::new(python3()?)
            .arg(server_script(script)?)
            .args(["http", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let remote = Self { child, url: format!("http://127.0.0.1:{port}/mcp") };
        eventually("the server at its port", async || {
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(drop)?)
        })
        .await?;
        Ok(remote)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every decision at the answer gate, on a server over HTTP that tells how far it is.
#[test]
fn fastmcp_3_over_http_and_all_of_the_answer_gate() -> Result<()> {
    on_desktop(async || {
        let quick = Model::start(&["First try.", "Second try."], Duration::from_millis(10)).await?;
        let slow = Model::named("slow-1-real", &[LONG], Duration::from_millis(250)).await?;
        let remote = Remote::start("fastmcp3_prompts.py").await?;
        let home = Home::with(&format!(
            "default_model = \"quick\"\n[servers.web]\nurl = \"{}\"\nsampling = \"ask\"\n{}{}",
            remote.url,
            model_table("quick", &quick.base_url),
            model_table("slow", &slow.base_url),
        ))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("web", "generate_keywords", &json!({ "topic": "tea" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        // Meanwhile the runner shows how far it is, and what the server says.
        settings.says("run", "rewriting the prompt for tea").await?;
        ensure!(settings.script(PROGRESS).await? == 0, "it is further than it is");
        settings.look("http-runner").await?;
        review.look("http-request").await?;

        review.click("approve").await?;
        review.says("answer", "First try.").await?;
        review.click("ask-again").await?;
        review.says("answer", "Second try.").await?;
        look("http-answer").await?;
        review.click("other-model").await?;
        review.see("models-dialog").await?;
        look("http-models").await?;
        review.click("[data-testid=model-option][data-name=slow]").await?;
        review.says("answer-partial", "one two").await?;
        look("http-streaming").await?;
        review.click("stop").await?;
        review.question("answer").await?;
        let half = review.text("answer").await?;
        ensure!(half.contains("one two") && !half.contains("sixteen"), "it was not stopped: {half:?}");
        review.says("answer", "topped").await?;
        look("http-stopped").await?;

        review.click("edit").await?;
        review.fill("edit-answer-text", "one two, and that is enough").await?;
        review.click("edit-save").await?;
        review.says("[data-testid=answer] ins", "enough").await?;
        review.see("[data-testid=answer] del").await?;
        look("http-edited").await?;
        review.says("return", "Return edited answer").await?;
        review.click("return").await?;

        // The second question is made of the first one's answer.
        review.says("paper", "one two, and that is enough").await?;
        review.question("request").await?;
        settings.says("run", "asking with the rewritten prompt").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.deny("not a list of keywords").await?;
        settings.see("run-is-error").await?;
        settings.says("run-result", "User rejected sampling request").await?;
        settings.look("http-denied").await?;

        home.newest_ended("denied").await?;
        let log = home.audit().await?;
        ensure!(log[0].reason.as_deref() == Some("not a list of keywords"), "{log:?}");
        ensure!(log[1].outcome.as_str() == "released" && log[1].model.as_deref() == Some("slow-1-real"), "{log:?}");
        ensure!(quick.asked().len() == 3 && slow.asked().len() == 1, "the wrong models were asked");
        app.quit().await
    })
}

/// Questions that come as results of calls.
#[test]
fn fastmcp_4_in_rounds() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["five keywords about tea", "no"], Duration::from_millis(10)).await?;
        let python = std::env::var("SAMPLEGATE_TEST_PY4").context("scripts/test-env prints SAMPLEGATE_TEST_PY4")?;
        let home = Home::with(&format!(
            "default_model = \"m\"\n[servers.rounds]\ncommand = \"{python}\"\nargs = [\"{}\"]\nsampling = \"ask\"\n{}",
            server_script("fastmcp4_rounds.py")?.display(),
            model_table("m", &model.base_url),
        ))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("rounds", "generate_keywords", &json!({ "topic": "tea" })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.click("return").await?;
        // The second round asks with what came of the first; it is answered by hand.
        review.says("paper", "five keywords about tea").await?;
        review.question("request").await?;
        review.says("provenance", "2").await?;
        look("rounds-second").await?;
        review.answer("leaf, cup, steam").await?;
        settings.says("run-result", "keywords: leaf, cup, steam").await?;

        // Edited before it goes, the difference on the paper, and the answer is the model's own.
        settings.run_tool("rounds", "confirm_payment", &json!({ "amount": 1000, "to": "Acme" })).await?;
        review.says("paper", "A payment of 1000 EUR").await?;
        review.click("edit").await?;
        review.fill("edit-text", "Is 1000 EUR to Acme too much? Answer yes or no.").await?;
        look("rounds-edit").await?;
        review.click("edit-save").await?;
        review.says("[data-testid=diff] del", "A payment of").await?;
        review.says("[data-testid=diff] ins", "Is").await?;
        review.says("diff", "too much").await?;
        look("rounds-diff").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.click("return").await?;
        settings.says("[data-testid=run]:first-of-type [data-testid=run-result]", "payment refused").await?;

        // Denied, the call is not sent again.
        settings.run_tool("rounds", "two_at_once", &json!({})).await?;
        review.says("paper", "Say ").await?;
        review.deny("neither").await?;
        settings.says("[data-testid=run]:first-of-type [data-testid=run-error]", "denied by you").await?;
        eventually("both questions over", async || {
            let open = home.audit().await?.into_iter().filter(|question| question.outcome.as_str() == "open").count();
            ensure!(open == 0, "{open} are open");
            Ok(())
        })
        .await?;
        settings.look("rounds-denied").await?;
        app.quit().await
    })
}

#[test]
fn server_everything() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Four."], Duration::from_millis(10)).await?;
        let modules = std::env::var("SAMPLEGATE_TEST_NODE_MODULES")
            .context("scripts/test-env prints SAMPLEGATE_TEST_NODE_MODULES")?;
        let main = PathBuf::from(modules).join("@modelcontextprotocol/server-everything/dist/index.js");
        let home = Home::with(&format!(
            "default_model = \"m\"\n[servers.everything]\ncommand = \"node\"\nargs = [{:?}, \"stdio\"]\nsampling = \"ask\"\n{}",
            main.display().to_string(),
            model_table("m", &model.base_url),
        ))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let arguments = json!({ "prompt": "What is two and two?", "maxTokens": 50 });
        settings.run_tool("everything", "trigger-sampling-request", &arguments).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("paper", "What is two and two?").await?;
        look("everything-request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.click("return").await?;
        settings.says("run-result", "Four.").await?;

        // Its progress, its prompts and its resources, which ask nothing.
        settings
            .run_tool("everything", "trigger-long-running-operation", &json!({ "duration": 2, "steps": 4 }))
            .await?;
        eventually("progress on its way", async || {
            let value = settings.script(PROGRESS).await?.as_f64().context("no progress is shown")?;
            ensure!(value > 0.0 && value < 1.0, "it is at {value}");
            Ok(())
        })
        .await?;
        settings.look("everything-progress").await?;
        settings.get_prompt("everything", "args-prompt", &json!({ "city": "Bonn" })).await?;
        settings.says("run-result", "Bonn").await?;
        settings.look("everything-prompt").await?;
        settings.click("run-tab-resource").await?;
        settings.click("[data-testid=run-resource]").await?;
        settings.click("run-tool").await?;
        settings.says("[data-testid=run]:first-of-type", "demo://resource").await?;
        settings.see("[data-testid=run]:first-of-type[data-state=done] [data-testid=run-result]").await?;
        settings.look("everything-resource").await?;
        app.quit().await
    })
}
