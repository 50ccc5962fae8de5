//! How the review window behaves towards somebody who is doing something else.

use std::{
    fs::{self, File},
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, config},
    desktop::{eventually, focused, give_focus, look, no_window_named, on_desktop, press, window_named},
    model::Model,
};

/// Another program's window, which writes down the keys that it gets.
struct Other {
    child: Child,
    keys: tempfile::NamedTempFile,
    x_id: String,
}

impl Other {
    async fn open() -> Result<Self> {
        let keys = tempfile::NamedTempFile::new()?;
        let child = Command::new("xev").args(["-event", "keyboard"]).stdout(File::create(keys.path())?).spawn()?;
        let mut other = Self { child, keys, x_id: String::new() };
        other.x_id = window_named("Event Tester").await?;
        give_focus(&other.x_id).await?;
        Ok(other)
    }

    /// How many keys it got.
    fn presses(&self) -> Result<usize> {
        Ok(fs::read_to_string(self.keys.path())?.matches("KeyPress").count())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As by Alt+Tab or the task list. The driver leaves the window alone: what it does in a page gives the page the keys.
#[test]
fn gets_the_keys_when_it_is_activated_from_outside() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let _other = Other::open().await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = window_named(REVIEW).await?;
        eventually("a question that was painted", async || {
            let entry = home.only_entry().await?;
            ensure!(entry.events.iter().any(|event| event["event"] == "shown"));
            Ok(())
        })
        .await?;
        give_focus(&review).await?;
        press(&["Escape"])?;
        no_window_named(REVIEW).await?;
        // The question waits still, and Quit does not wait for it.
        app.quit().await?;
        home.newest_ended("withdrawn").await.map(drop)
    })
}

/// A sliver of the last line is not the end.
#[test]
fn a_flagged_request_is_read_to_its_end_before_it_can_be_approved() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["No."], Duration::from_millis(10)).await?;
        let home = Home::with(&config(Some(&model.base_url))?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let text = format!("Pay the \u{202e}gro.live\u{202c} bill.\n{}", "And then some more.\n".repeat(60));
        let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
        settings.run_tool("raw", "sample", &json!({ "params": { "messages": [message], "maxTokens": 16 } })).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("unseen", "the end").await?;
        look("flagged").await?;
        // All but the last ten pixels of the last line.
        let hide = "const paper = document.querySelector('[data-testid=paper]'); \
            const below = () => document.querySelector('[data-testid=all-shown]').getBoundingClientRect().bottom \
                - paper.getBoundingClientRect().bottom; \
            paper.scrollTop += below() - 10; return below()";
        eventually("the last line cut", async || {
            let below = review.script(hide).await?.as_f64().context("no number")?;
            ensure!((5.0..15.0).contains(&below), "{below} pixels are below the edge");
            Ok(())
        })
        .await?;
        review.see("[data-testid=decisions][data-armed=true]").await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        ensure!(review.text("unseen").await?.contains("the end"), "a part of the last line was enough");
        ensure!(review.attr("approve", "aria-disabled").await? == "true");
        review.click("show-unseen").await?;
        review.gone("unseen").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        app.quit().await
    })
}

#[test]
fn takes_no_focus_no_hasty_key_and_loses_nothing() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&["Verdigris."], Duration::from_millis(10)).await?;
        let home = Home::with(&config(Some(&model.base_url))?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.click("nav-tools").await?;
        settings.see("[data-testid=run-server] option[value=raw]:not([disabled])").await?;

        // Somebody types elsewhere when the question comes up, and goes on typing there.
        let other = Other::open().await?;
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        let question = review.question("request").await?;
        review.see("[data-testid=decisions][data-armed=true]").await?;
        ensure!(focused()? == other.x_id, "the focus went from {} to {}", other.x_id, focused()?);
        let before = other.presses()?;
        press(&["a", "d", "w", "Return"])?;
        eventually("four keys where they belong", async || {
            let got = other.presses()? - before;
            ensure!(got == 4, "{got} came there");
            Ok(())
        })
        .await?;

        // Keys that were on their way when the window got the focus do nothing.
        give_focus(&review.x_id).await?;
        press(&["a", "d", "w", "e"])?;
        ensure!(review.attr("decisions", "data-armed").await? == "false");
        for form in ["deny-form", "answer-form", "request-editor"] {
            ensure!(!review.has(form).await?, "{form} was opened by a hasty key");
        }
        ensure!(review.question("request").await? == question);

        // After its second they count, though nothing in the window was ever clicked.
        review.see("[data-testid=decisions][data-armed=true]").await?;
        press(&["w"])?;
        review.see("answer-form").await?;
        press(&["Escape"])?;
        review.gone("answer-form").await?;

        // Enter never approves, not even on the button.
        press(&["Return"])?;
        review.script("document.querySelector('[data-testid=approve]').focus()").await?;
        press(&["Return", "KP_Enter"])?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        ensure!(review.question("request").await? == question && model.asked().is_empty());

        // Escape puts the window away and decides nothing; an edit is there when it comes back.
        review.click("edit").await?;
        review.fill("edit-text", "Name a colour that copper turns to.").await?;
        review.click("edit-save").await?;
        review.see("diff").await?;
        press(&["Escape"])?;
        no_window_named(REVIEW).await?;
        ensure!(home.only_entry().await?.summary.outcome.as_str() == "open");
        let review = app.open("Review next", REVIEW).await?;
        ensure!(review.question("request").await? == question);
        review.says("diff", "copper").await?;
        eventually("the focus, because a person asked for it", async || {
            ensure!(focused()? == review.x_id, "{} has it", focused()?);
            Ok(())
        })
        .await?;

        // And all of it works by keys alone.
        review.see("[data-testid=decisions][data-armed=true]").await?;
        press(&["a"])?;
        review.question("answer").await?;
        review.see("[data-testid=decisions][data-armed=true]").await?;
        press(&["a"])?;
        settings.see("[data-testid=run][data-state=done]").await?;
        let asked = model.asked().pop().context("nobody was asked")?.json();
        ensure!(
            asked["messages"] == json!([{ "role": "user", "content": "Name a colour that copper turns to." }]),
            "{asked}"
        );
        home.newest_ended("released").await?;
        app.quit().await
    })
}
