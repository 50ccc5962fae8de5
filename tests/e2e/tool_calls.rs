//! A host's tool calls at the gate, in the real window: edited, approved, denied, let through for longer, and what comes
//! back.

use anyhow::{Result, ensure};
use samplegate_core::canonical::Sha256Hex;
use serde_json::{Value, json};
use support::caller;
use tokio::task::JoinHandle;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, Window, free_port, python3, server_script},
    desktop::on_desktop,
};

const TOKEN: &str = "sgh_a-token-of-this-test";

/// A home with a server that may not sample, and a host that has a token; and where that connects.
fn home(server: &str, host: &str) -> Result<(Home, String)> {
    let (port, script) = (free_port()?, server_script("raw_passing.py")?);
    let home = Home::with(&format!(
        "[gateway]\nport = {port}\n[servers.files]\ncommand = {:?}\nargs = [{:?}, \"--stateless\"]\n{server}\
         [hosts.my-agent]\ntoken_sha256 = \"{}\"\ntool_calls = \"ask\"\n{host}",
        python3()?,
        script.display().to_string(),
        Sha256Hex::of(TOKEN.as_bytes()),
    ))?;
    Ok((home, format!("http://127.0.0.1:{port}/mcp/files")))
}

/// The app, with the server ready and listed in the settings window.
async fn ready(home: &Home) -> Result<(App, Window)> {
    let mut app = App::start(home).await?;
    let settings = app.window(SETTINGS).await?;
    settings.click("nav-servers").await?;
    settings.see("[data-name=files][data-state=ready]").await?;
    Ok((app, settings))
}

fn call(url: &str, arguments: &Value) -> JoinHandle<Value> {
    caller::call(url, TOKEN, "echo", arguments)
}

/// Lets the window show what was flagged, one after the other, and the end: the button to go on waits for them.
async fn look_through(review: &Window) -> Result<()> {
    while review.has("show-unseen").await? {
        review.click("show-unseen").await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    Ok(())
}

async fn arguments(result: JoinHandle<Value>) -> Result<Value> {
    Ok(result.await?["structuredContent"]["value"]["arguments"].clone())
}

#[test]
fn a_call_is_edited_its_result_looked_at_and_both_denied() -> Result<()> {
    on_desktop(async || {
        let (home, url) = home("", "review_results = true\n")?;
        let (mut app, _settings) = ready(&home).await?;

        let result = call(
            &url,
            &json!({"path": "notes/draft.txt", "depth": 2, "text": "Call Ann at ann@corp.io.\nThen \u{202e}book."}),
        );
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("title", "my-agent wants to call echo of files").await?;
        review.look("call").await?;
        review.click("edit").await?;
        review
            .fill("[data-testid=call-editor] section:nth-of-type(1) [data-testid=edit-part]", "notes/final.txt")
            .await?;
        review.look("call-edit").await?;
        review.click("edit-save").await?;
        review.says("paper", "final.txt").await?;
        review.look("call-edited").await?;
        look_through(&review).await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.look("result").await?;
        review.click("edit").await?;
        review.fill("[data-testid=call-editor] section:nth-of-type(1) [data-testid=edit-part]", "less").await?;
        review.look("result-edit").await?;
        review.click("edit-save").await?;
        review.look("result-edited").await?;
        look_through(&review).await?;
        review.click("return").await?;
        let result = result.await?;
        ensure!(result["content"][0]["text"] == "less", "{result}");
        ensure!(result["structuredContent"]["value"]["arguments"]["path"] == "notes/final.txt", "{result}");
        home.newest_ended("released").await?;

        let result = call(&url, &json!({"path": "/etc/passwd"}));
        review.question("request").await?;
        review.click("deny").await?;
        review.fill("deny-reason", "Not that file.").await?;
        review.look("call-deny").await?;
        review.click("deny-confirm").await?;
        let denied = result.await?;
        ensure!(denied["isError"] == true && !denied.to_string().contains("Not that file"), "{denied}");
        home.newest_ended("denied").await?;

        let result = call(&url, &json!({"path": "notes/other.txt"}));
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.deny("Keep it here.").await?;
        let held = result.await?;
        ensure!(held["_meta"]["samplegate/reason"] == "person" && held.get("structuredContent").is_none(), "{held}");
        app.quit().await
    })
}

#[test]
fn calls_alike_pass_by_a_grant_until_it_is_revoked() -> Result<()> {
    on_desktop(async || {
        let (home, url) = home("", "")?;
        let (mut app, settings) = ready(&home).await?;

        let result = call(&url, &json!({"path": "a"}));
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.choose("scope", "minutes").await?;
        review.see("reach-says").await?;
        review.look("call-grant").await?;
        review.click("approve").await?;
        ensure!(arguments(result).await? == json!({"path": "a"}));
        // The server may not sample and is pinned all the same, so what is alike passes.
        ensure!(arguments(call(&url, &json!({"path": "b"}))).await? == json!({"path": "b"}));
        settings.click("nav-grants").await?;
        settings.says("grant", "used once").await?;
        settings.look("call-grants").await?;
        settings.click("grant-revoke").await?;
        settings.see("grants-none").await?;

        app.quit().await
    })
}

#[test]
fn of_high_risk_the_name_is_typed_at_both_gates() -> Result<()> {
    on_desktop(async || {
        let (home, url) = home("risk = \"high\"\ntyped_confirmation = true\n", "")?;
        let (mut app, _settings) = ready(&home).await?;
        let result = call(&url, &json!({"path": "c"}));
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.see("typed-name").await?;
        review.look("call-high-risk").await?;
        ensure!(review.attr("approve", "aria-disabled").await? == "true", "it goes on without the name");
        review.fill("typed-name", "echo").await?;
        review.click("approve").await?;
        // Both gates ask.
        review.question("answer").await?;
        review.fill("typed-name", "echo").await?;
        review.click("return").await?;
        ensure!(arguments(result).await? == json!({"path": "c"}));
        app.quit().await
    })
}

#[test]
fn why_a_rule_does_not_count_is_said_with_the_way_to_approve_the_server() -> Result<()> {
    on_desktop(async || {
        let rule = "[[rules]]\nid = \"r\"\nkind = \"tool_call\"\nserver = \"files\"\naction = \"allow\"\n";
        let (home, url) = home("pin = \"approval\"\n", rule)?;
        let (mut app, settings) = ready(&home).await?;
        settings.see("server-unapproved").await?;

        let result = call(&url, &json!({"path": "a"}));
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("notes", "You have not approved this server yet").await?;
        review.says("notes", "Rule: Allow tool calls and their results of files").await?;
        review.look("unapproved-question").await?;
        review.click("way-out").await?;
        settings.says("pin-unapproved", "no rule and no grant counts").await?;
        settings.says("pin", "script’s SHA-256").await?;
        settings.look("unapproved-server").await?;
        settings.click("pin-approve").await?;
        settings.gone("server-unapproved").await?;
        review.click("approve").await?;
        ensure!(arguments(result).await? == json!({"path": "a"}));
        // Approved, the rule lets the next one through.
        ensure!(arguments(call(&url, &json!({"path": "b"}))).await? == json!({"path": "b"}));
        app.quit().await
    })
}
