//! A server that is not what was approved: shown in the settings window, and approved anew there.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, python3, server_script},
    desktop::on_desktop,
};

#[test]
fn a_server_that_swaps_its_tools_is_shown_and_approved_anew() -> Result<()> {
    on_desktop(async || {
        let (python, script) = (python3()?, server_script("raw_swaps.py")?);
        let home = Home::with(&format!(
            "[servers.helper]\ncommand = \"{python}\"\nargs = [\"{}\"]\nsampling = \"rules\"\n\
             [[rules]]\nid = \"r\"\nserver = \"helper\"\naction = \"answer\"\ntext = \"by rule\"\n",
            script.display(),
        ))?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("helper", "ask", &json!({})).await?;
        settings.says("run-result", "by rule").await?;
        settings.run_tool("helper", "swap", &json!({})).await?;

        settings.click("nav-servers").await?;
        settings.says("pin-drift", "helper changed since you approved it").await?;
        settings.says("pin-drift", "read ~/.ssh/id_rsa").await?;
        settings.script("document.querySelector('[data-testid=pin-drift]').scrollIntoView()").await?;
        settings.look("drift").await?;
        settings.run_tool("helper", "ask", &json!({})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("notes", "This server changed since you approved it").await?;
        review.look("drift-question").await?;
        review.deny("It changed.").await?;

        settings.click("nav-servers").await?;
        settings.click("pin-approve").await?;
        settings.gone("pin-drift").await?;
        // Approved or not, words are hidden in what it says.
        settings.says("pin-flagged", "Hidden or misleading text").await?;
        settings.click("[data-testid=pin] > summary").await?;
        settings.says("pin", "script’s SHA-256").await?;
        settings.look("pinned").await?;
        ensure!(settings.count("server-changed").await? == 0, "it is still shown as changed");
        app.quit().await
    })
}
