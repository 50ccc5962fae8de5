//! Other hosts through the settings window: their servers are taken over, Samplegate is put into their file and out again.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::{
    app::{App, Home, SETTINGS, config},
    desktop::on_desktop,
};

const CURSOR: &str = "{\n  // mine\n  \"mcpServers\": {\n    \"later\": {\n      \"command\": \"/bin/cat\",\n      \"env\": { \"LATER_TOKEN\": \"s3cret-e2e\", \"PLACE\": \"${env:PLACE}\" }\n    }\n  }\n}\n";

/// The file of a host in the person's home folder, which is this desktop's own.
fn file() -> Result<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("HOME").context("HOME")?).join(".cursor");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join("mcp.json"))
}

#[test]
fn a_host_is_connected_and_its_servers_taken_over() -> Result<()> {
    on_desktop(async || {
        let file = file()?;
        std::fs::write(&file, CURSOR)?;
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;

        settings.click("nav-servers").await?;
        settings.click("server-import").await?;
        settings
            .says("import-server", "PLACE is not taken: it comes from ${env:PLACE}, which only Cursor knows.")
            .await?;
        settings.click("import-tick").await?;
        settings.look("import").await?;
        settings.click("import-take").await?;
        settings.says("import-done", "Imported: later.").await?;
        settings.says("import-server", "here already, as later").await?;
        let written = std::fs::read_to_string(home.path().join("config.toml"))?;
        ensure!(written.contains("secret_env = [\"LATER_TOKEN\"]") && !written.contains("s3cret-e2e"), "{written}");

        settings.click("nav-hosts").await?;
        settings.look("hosts-none").await?;
        settings.click("[data-app=cursor] [data-testid=known-connect]").await?;
        settings.says("plan-lines", "\"samplegate\": {").await?;
        settings.click("plan-move").await?;
        settings.says("plan-lines", "removed: ").await?;
        settings.look("host-difference").await?;
        settings.click("plan-write").await?;
        settings.says("known-done", "Cursor is connected.").await?;
        settings.says("host", "cursor").await?;
        settings.look("hosts-connected").await?;
        let connected = std::fs::read_to_string(&file)?;
        ensure!(
            connected.contains("// mine") && connected.contains("\"bridge\"") && !connected.contains("later"),
            "{connected}"
        );

        settings.click("[data-app=cursor] [data-testid=known-undo]").await?;
        settings.click("plan-write").await?;
        settings.says("known-done", "again as it was").await?;
        ensure!(std::fs::read_to_string(&file)? == CURSOR);
        ensure!(std::fs::read_dir(file.parent().context("folder")?)?.count() == 1, "the copy is gone");

        settings.click("host-add").await?;
        settings.fill("host-name", "my-agent").await?;
        settings.choose("host-calls", "ask").await?;
        settings.look("host-form").await?;
        settings.click("host-save").await?;
        settings.says("token", "sgh_").await?;
        settings.look("host-token").await?;
        settings.click("host-token-done").await?;
        settings.says("host-modes", "You are asked before its tool calls.").await?;
        std::fs::remove_file(&file)?;
        app.quit().await
    })
}
