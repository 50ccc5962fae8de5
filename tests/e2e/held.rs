//! A change of the configuration from outside, in the real windows: told of, shown, accepted, refused.

use anyhow::{Result, ensure};

use crate::{
    app::{App, Home, SETTINGS, config},
    desktop::{eventually, on_desktop, run},
    popups::Popups,
};

/// The terminal command beside the app.
fn command(home: &Home, args: &[&str]) -> Result<String> {
    let program = support::servers::samplegate();
    let folder = home.path().display().to_string();
    run(&program.display().to_string(), [&["--home", &folder], args].concat())
}

fn text(home: &Home) -> Result<String> {
    Ok(std::fs::read_to_string(home.path().join("config.toml"))?)
}

#[test]
fn a_change_that_allows_more_waits_for_a_person_in_a_window() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let popups = Popups::listen().await?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        let before = text(&home)?;
        command(&home, &["rule", "add", "--server", "prompts", "--action", "allow"])?;
        let told = popups.nth(1).await?;
        ensure!(told.title == "The configuration was changed from outside", "{told:?}");
        // The page that greets tells of no trouble.
        settings.click("nav-servers").await?;
        settings.says("trouble", "was changed from outside").await?;
        settings.click("nav-waiting").await?;
        settings.says("held", "It would allow more than you accepted").await?;
        settings.says("held", "\"action\": \"allow\"").await?;
        settings.look("waiting-change").await?;

        // Refused, and the file put back; what was refused lies beside it.
        let refused = text(&home)?;
        settings.click("held-refuse").await?;
        settings.look("waiting-change-refuse").await?;
        settings.click("held-restore").await?;
        settings.says("held-told", "Refused. The file is as it was").await?;
        ensure!(text(&home)? == before, "the file is not as it was");
        let beside = std::fs::read_dir(home.path())?
            .flatten()
            .find(|file| file.file_name().to_string_lossy().contains(".refused-"))
            .map(|file| std::fs::read_to_string(file.path()));
        ensure!(beside.transpose()? == Some(refused), "the refused file is not kept");
        settings.click("nav-rules").await?;
        ensure!(command(&home, &["rule", "list"])?.is_empty(), "the rule is in force");

        // Accepted, it is in force; what these windows change does not wait.
        command(&home, &["rule", "add", "--server", "prompts", "--action", "allow"])?;
        settings.click("nav-waiting").await?;
        settings.click("held-accept").await?;
        settings.says("held-told", "Accepted. It is in force now.").await?;
        eventually("the rule", async || {
            ensure!(command(&home, &["rule", "list"])?.contains("prompts"), "it is not in force");
            Ok(())
        })
        .await?;
        settings.click("nav-servers").await?;
        settings.click("[data-testid=server][data-name=raw] [data-testid=server-edit]").await?;
        settings.says("confinement", "It runs as you").await?;
        settings.click("confine").await?;
        settings.says("confinement", "sees nothing of Samplegate").await?;
        settings.click("confine-folder-add").await?;
        settings.fill("confine-folder", "~/projects").await?;
        settings.look("server-confinement").await?;
        settings.click("confine-network").await?;
        settings.click("server-cancel").await?;
        app.quit().await
    })
}
