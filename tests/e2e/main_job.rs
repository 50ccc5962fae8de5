//! The main job from end to end, as a person does it on the first day.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{AUDIT, App, Home, REVIEW, SETTINGS, python3, server_script},
    desktop::{eventually, family, no_window_named, on_desktop, run},
    model::{Model, REAL_NAME},
    popups::Popups,
};

const KEY: &str = "sk-e2e-8f3b1d7c5a9e2460";
const REWRITTEN: &str = "List five keywords about sea glass, lower case, no explanations.";
const KEYWORDS: &str = "glass, sea, drift, tumbled, green";

#[test]
fn from_the_tray_to_the_audit_log() -> Result<()> {
    on_desktop(async || {
        let model = Model::start(&[REWRITTEN, KEYWORDS], Duration::from_millis(25)).await?;
        let home = Home::fresh()?;
        let mut app = App::start(&home).await?;
        let tray = app.tray().await?;
        let popups = Popups::listen().await?;

        // The first run says what this is; put away, the app stays in the tray.
        let welcome = app.window(SETTINGS).await?;
        welcome.see("welcome").await?;
        let grants = ["No active grants", "Revoke all grants"];
        let lines = [&["Review next", "Pause"][..], &grants, &["Settings", "Audit log", "Quit Samplegate"]].concat();
        let labels = tray.labels().await?;
        ensure!(labels[1..] == lines, "the menu has {labels:?}");
        let idle = tray.icon().await?;
        run("wmctrl", ["-i", "-c", &welcome.x_id])?;
        no_window_named(SETTINGS).await?;
        let settings = app.open("Settings", SETTINGS).await?;

        // A server.
        settings.click("nav-servers").await?;
        settings.click("server-add").await?;
        settings.fill("server-name", "prompts").await?;
        settings.fill("server-command", &python3()?).await?;
        settings.click("server-arg-add").await?;
        settings.fill("server-arg", &server_script("fastmcp3_prompts.py")?.display().to_string()).await?;
        settings.click("server-save").await?;
        // Off until the record is filled in; its defaults do.
        settings.see("record-form").await?;
        settings.fill("record-purpose", "It proposes keywords").await?;
        settings.click("record-save").await?;
        settings.see("[data-testid=server][data-name=prompts][data-state=ready]").await?;

        // A model, with a key.
        settings.click("nav-models").await?;
        settings.click("model-add").await?;
        settings.choose("model-provider", "openai").await?;
        settings.fill("model-name", "probe").await?;
        settings.fill("model-id", "probe-1").await?;
        settings.fill("model-base-url", &model.base_url).await?;
        settings.choose("model-key-kind", "keychain").await?;
        settings.fill("model-key", KEY).await?;
        settings.click("model-save").await?;
        settings.click("[data-testid=model][data-name=probe] [data-testid=model-default]").await?;
        settings.see("[data-testid=model][data-name=probe] [data-testid=model-is-default]").await?;
        ensure!(!settings.has("model-key").await?, "the form with the key stays open");

        // A tool, by the form made from its schema.
        settings.click("nav-tools").await?;
        settings.choose("run-server", "prompts").await?;
        settings.choose("run-name", "generate_keywords").await?;
        settings.fill("[data-testid=field][data-pointer='/topic'] input", "sea glass").await?;
        settings.click("run-tool").await?;

        // A notification says so, and its button opens the question.
        let popup = popups.nth(1).await?;
        ensure!(popup.title == "prompts · generate_keywords asks", "{popup:?}");
        ensure!(popup.buttons == ["Review", "Deny"], "{popup:?}");
        ensure!(popup.body.contains("list five keywords about sea glass"), "{popup:?}");
        eventually("the icon that says that one waits", async || {
            ensure!(tray.icon().await? != idle, "it is as it was");
            Ok(())
        })
        .await?;
        popups.click("Review").await?;

        // The request, all of it.
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        let paper = review.text("paper").await?;
        for part in [
            "generate_keywords",
            "sea glass",
            "You rewrite prompts. Answer with the rewritten prompt alone.",
            "Rewrite this as a precise prompt for a keyword generator: list five keywords about sea glass.",
            "probe-1",
            "120",
            "0.2",
        ] {
            ensure!(paper.contains(part), "{part:?} is not shown in:\n{paper}");
        }
        ensure!(model.asked().is_empty(), "a model was asked before a person agreed");
        review.click("approve").await?;

        // The answer, before the server sees it.
        review.question("answer").await?;
        review.says("answer", REWRITTEN).await?;
        review.says("answer-facts", REAL_NAME).await?;
        ensure!(settings.text("run").await?.contains("running"), "the server was answered before a person agreed");
        review.click("return").await?;

        // The second round, whose prompt is the first answer; changed before it goes.
        review.says("title", "asks your model").await?;
        review.says("paper", REWRITTEN).await?;
        review.click("edit").await?;
        let changed = REWRITTEN.replace("five", "three");
        review.fill("edit-text", &changed).await?;
        review.click("edit-save").await?;
        review.says("[data-testid=diff] del", "five").await?;
        review.says("[data-testid=diff] ins", "three").await?;
        review.says("approve", "Approve edited").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.says("answer", KEYWORDS).await?;
        review.click("return").await?;

        // The result, where the tool was run.
        settings.see("[data-testid=run][data-state=done]").await?;
        let result = settings.text("run-result").await?;
        ensure!(result.contains(&format!("keywords: {KEYWORDS}")), "{result:?}");

        // What the model was sent is what was approved.
        let asked = model.asked();
        ensure!(asked.len() == 2, "{asked:?}");
        ensure!(asked.iter().all(|asked| asked.authorization.as_deref() == Some(&format!("Bearer {KEY}"))));
        ensure!(
            asked[1].json()["messages"][1] == json!({ "role": "user", "content": changed }),
            "{:?}",
            asked[1].json()
        );
        for question in home.audit().await? {
            ensure!(
                question.outcome.as_str() == "released" && question.model.as_deref() == Some(REAL_NAME),
                "{question:?}"
            );
            ensure!(question.sent_sha256.is_some() && question.sent_sha256 == question.approved_sha256, "{question:?}");
        }

        // The log has both questions, and its chain holds.
        let audit = app.open("Audit log", AUDIT).await?;
        eventually("both questions in the log", async || {
            ensure!(audit.count("[data-testid=audit-row][data-outcome=released]").await? == 2);
            Ok(())
        })
        .await?;
        audit.click("[data-testid=audit-row] button").await?;
        audit.see("timeline").await?;
        let events = audit
            .script("return [...document.querySelectorAll('[data-testid=timeline] li')].map(e => e.dataset.event)")
            .await?;
        let line = json!([
            "received",
            "evaluated",
            "shown",
            "decided",
            "sent",
            "answered",
            "shown",
            "decided",
            "released",
            "replied",
            "closed"
        ]);
        ensure!(events == line, "{events}");
        let request = audit.text("entry-request").await?;
        ensure!(request.contains("three") && request.contains("what was changed"), "{request:?}");
        ensure!(audit.text("entry-answer").await?.contains(KEYWORDS));
        audit.click("verify").await?;
        ensure!(audit.attr("verify-result", "data-ok").await? == "true", "{}", audit.text("verify-result").await?);

        // The key is in the keyring, and nowhere else.
        let service = format!("Samplegate ({})", home.path().display());
        let kept = run("secret-tool", ["lookup", "service", &service, "username", "model:probe"])?;
        ensure!(kept == KEY, "the keyring has {kept:?}");
        key_is_nowhere(home.path(), app.pid())?;

        // Removing the model removes its key.
        tray.click("Settings").await?;
        settings.click("nav-models").await?;
        settings.click("[data-testid=model][data-name=probe] [data-testid=model-remove]").await?;
        settings.click("model-remove-confirm").await?;
        settings.gone("[data-testid=model][data-name=probe]").await?;
        eventually("the end of the key", async || {
            let kept = run("secret-tool", ["lookup", "service", &service, "username", "model:probe"]);
            ensure!(kept.as_deref().unwrap_or_default().is_empty(), "it is still there");
            Ok(())
        })
        .await?;
        app.quit().await
    })
}

/// Looks for the key in every file below the home and the person's own folders, and in the command line and the
/// environment of the app and all its children.
fn key_is_nowhere(home: &Path, app: u32) -> Result<()> {
    for folder in [home, Path::new(&std::env::var("HOME")?), Path::new(&std::env::var("XDG_RUNTIME_DIR")?)] {
        let holders = run("grep", ["-rlaF".as_ref(), KEY.as_ref(), folder.as_os_str()]).unwrap_or_default();
        ensure!(holders.is_empty(), "the key is in {holders}");
    }
    let family = family(app)?;
    ensure!(family.len() > 2, "the app has servers and web processes, not only {family:?}");
    for process in family {
        for file in ["cmdline", "environ"] {
            let content = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
            ensure!(!holds(&content, KEY), "the key is in {file} of process {process}");
        }
    }
    Ok(())
}

fn holds(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|window| window == text.as_bytes())
}
