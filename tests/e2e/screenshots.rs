//! The pictures of the README: real windows, real servers, a scripted model.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::{
    app::{AUDIT, App, Home, REVIEW, SETTINGS, Window, python3},
    desktop::{eventually, give_focus, on_desktop, run},
    model::Model,
    popups::{self, Popups},
};

const NOTES: &str = "Version 2.4\n\n\
    Search now looks inside attachments, so a word in a PDF is found like any other. \
    Importing keeps the order of nested lists. \
    Large vaults open noticeably faster. \
    And the dark theme follows your system again.";

/// Where the pictures go, and whether this is the dark desktop.
struct Album {
    folder: PathBuf,
    dark: bool,
}

impl Album {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{}.png", if self.dark { "-dark" } else { "" }))
    }

    /// A window with its frame, brought to the front.
    async fn window(&self, name: &str, window: &Window) -> Result<()> {
        give_focus(&window.x_id).await?;
        settle().await?;
        // Without a compositor, what lay behind another window is painted anew only where something changes.
        window.script("document.body.style.opacity = 0.999").await?;
        settle().await?;
        window.script("document.body.style.opacity = ''").await?;
        settle().await?;
        let geometry = run("xwininfo", ["-id", &window.x_id])?;
        let of = |name: &str| -> Result<i32> {
            let line = geometry.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
            Ok(line.with_context(|| format!("{name}: {geometry}"))?.trim().parse()?)
        };
        let frame = run("xprop", ["-id", &window.x_id, "-notype", "_NET_FRAME_EXTENTS"])?;
        let frame: Vec<i32> = frame.split(['=', ',']).filter_map(|side| side.trim().parse().ok()).collect();
        let [left, right, top, bottom] = frame[..] else { bail!("the frame is {frame:?}") };
        let (x, y) = (of("Absolute upper-left X")? - left, of("Absolute upper-left Y")? - top);
        let (width, height) = (of("Width")? + left + right, of("Height")? + top + bottom);
        self.picture(name, &["-crop", &format!("{width}x{height}+{x}+{y}"), "+repage"])
    }

    /// Everything on the screen.
    async fn screen(&self, name: &str) -> Result<()> {
        settle().await?;
        self.picture(name, &[])
    }

    /// A palette keeps it small, and text as it is.
    fn picture(&self, name: &str, crop: &[&str]) -> Result<()> {
        let raw = self.folder.join("raw.png");
        run("import", ["-window".as_ref(), "root".as_ref(), raw.as_os_str()])?;
        let file = format!("PNG8:{}", self.file(name).display());
        let small = ["+dither", "-colors", "255", "-strip", "-define", "png:compression-level=9", &file];
        run("convert", [raw.to_str().context("the folder's name")?].iter().chain(crop).chain(&small))?;
        std::fs::remove_file(&raw)?;
        let size = std::fs::metadata(self.file(name))?.len();
        ensure!(size <= 200 * 1024, "{name} has {size} bytes");
        Ok(())
    }
}

/// The mouse out of the picture, and everything painted.
async fn settle() -> Result<()> {
    run("xdotool", ["mousemove", "1430", "890"])?;
    tokio::time::sleep(Duration::from_millis(1400)).await;
    Ok(())
}

#[test]
#[ignore = "writes pictures: make screenshots"]
fn screenshots() -> Result<()> {
    on_desktop(async || {
        let folder = std::env::var_os("SAMPLEGATE_SCREENSHOTS").context("SAMPLEGATE_SCREENSHOTS is not set")?;
        let dark = std::env::var_os("SAMPLEGATE_DESKTOP_DARK").is_some_and(|dark| !dark.is_empty());
        let album = Album { folder: folder.into(), dark };
        let model =
            Model::named("gemma-3-12b-it-q4", &[NOTES, "Two gates are better than one"], Duration::from_millis(30));
        let model = model.await?;
        // The pictures show commands as a person would give them.
        let python = PathBuf::from(python3()?);
        let programs = python.parent().context("Python has no folder")?.display().to_string();
        let folder = std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e"))?;
        let home = Home::with(&format!(
            "default_model = \"gemma\"\n[servers.demo]\ndemo = true\nsampling = \"ask\"\n\
             [servers.changelog]\ncommand = \"python3\"\nargs = [\"changelog.py\"]\ncwd = \"{}\"\n\
             env = {{ FASTMCP_LOG_LEVEL = \"ERROR\" }}\nsampling = \"ask\"\n\
             [models.gemma]\nprovider = \"openai\"\nbase_url = \"{}\"\nmodel = \"gemma-3-12b-it\"\nkey = \"none\"\n",
            folder.display(),
            model.base_url,
        ))?;
        let path = format!("{programs}:{}", std::env::var("PATH")?);
        let mut app = App::start_with(&home, |app| {
            app.env("PATH", path);
        })
        .await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        settings.see("welcome").await?;
        settings.click("nav-servers").await?;
        for server in ["demo", "changelog"] {
            settings.see(&format!("[data-testid=server][data-name={server}][data-state=ready]")).await?;
        }
        album.window("servers", &settings).await?;
        settings.click("nav-welcome").await?;
        album.window("welcome", &settings).await?;
        settings.click("nav-models").await?;
        album.window("models", &settings).await?;

        settings.click("nav-tools").await?;
        settings.choose("run-server", "changelog").await?;
        settings.choose("run-name", "draft_release_notes").await?;
        settings.fill("[data-testid=field][data-pointer='/version'] input", "2.4").await?;
        settings.fill("[data-testid=field][data-pointer='/audience'] input", "people who update by hand").await?;
        settings.click("run-tool").await?;
        popups.nth(1).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        album.screen("notification").await?;
        no_popups().await?;
        album.window("tools", &settings).await?;
        album.window("review", &review).await?;

        for _ in 0..2 {
            if review.has("show-unseen").await? {
                review.click("show-unseen").await?;
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
        }
        review.click("approve").await?;
        review.question("answer").await?;
        review.says("answer", "Version 2.4").await?;
        no_popups().await?;
        review.click("edit").await?;
        review.fill("edit-answer-text", &NOTES.replace("noticeably faster", "faster")).await?;
        review.click("edit-save").await?;
        review.see("diff").await?;
        album.window("answer", &review).await?;
        review.click("return").await?;
        settings.see("[data-testid=run][data-state=done]").await?;

        // Some more, so that the log has something to show.
        settings.run_tool("demo", "confirm_payment", &json!({ "amount": 1000, "to": "Acme GmbH" })).await?;
        review.question("request").await?;
        review.click("deny").await?;
        review.fill("deny-reason", "no invoice").await?;
        review.click("deny-confirm").await?;
        home.newest_ended("denied").await?;
        settings.run_tool("changelog", "suggest_title", &json!({ "topic": "release notes" })).await?;
        review.question("request").await?;
        review.click("approve").await?;
        review.question("answer").await?;
        review.click("return").await?;
        home.newest_ended("released").await?;
        let audit = app.open("Audit log", AUDIT).await?;
        eventually("all in the log", async || {
            ensure!(audit.count("audit-row").await? == 3);
            Ok(())
        })
        .await?;
        audit.click("[data-testid=audit-row]:last-of-type button").await?;
        audit.see("timeline").await?;
        audit.click("verify").await?;
        audit.see("verify-result").await?;
        no_popups().await?;
        album.window("audit", &audit).await?;
        app.quit().await
    })
}

/// Waits until the notifications are gone, as they go by themselves.
async fn no_popups() -> Result<()> {
    eventually("the end of the notifications", async || {
        ensure!(popups::on_screen().is_empty());
        Ok(())
    })
    .await
}
