//! A server asks the person in the real window: a form that survives the window, and an address.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, python3, server_script},
    desktop::{eventually, look, on_desktop},
};

#[test]
fn a_form_is_filled_in_and_an_address_opened_in_the_persons_browser() -> Result<()> {
    on_desktop(async || {
        let (python, script) = (python3()?, server_script("raw_elicit.py")?);
        let home = Home::with(&format!(
            "[servers.s]\ncommand = {python:?}\nargs = [{:?}]\nlimits = \"none\"\n",
            script.display().to_string()
        ))?;
        let (browser, opened) = (home.path().join("browser"), home.path().join("opened"));
        fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n", opened.display()))?;
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755))?;
        let mut app = App::start_with(&home, |command| {
            command.env("BROWSER", &browser);
        })
        .await?;
        app.tray().await?;
        let settings = app.window(SETTINGS).await?;
        let form = json!({"message": "To book the room, the hotel needs to know who is coming.", "requestedSchema": {
            "type": "object", "required": ["guest", "password"],
            "properties": {
                "guest": {"type": "string", "title": "Guest", "description": "As on the passport", "minLength": 2},
                "nights": {"type": "integer", "title": "Nights", "minimum": 1, "maximum": 30, "default": 2},
                "room": {"type": "string", "title": "Room", "oneOf": [{"const": "s", "title": "Single"}, {"const": "d", "title": "Double"}], "default": "d"},
                "extras": {"type": "array", "title": "Extras", "items": {"type": "string", "enum": ["parking", "pet"]}, "maxItems": 1},
                "password": {"type": "string", "title": "Hotel password"},
            },
        }});
        settings.run_tool("s", "ask", &json!({"params": form})).await?;
        let review = app.window(REVIEW).await?;
        review.question("request").await?;
        review.says("title", "s asks for your input").await?;
        review.says("findings", "password").await?;
        review.fill("[data-name=guest] [data-testid=field-input]", "A").await?;
        review.fill("[data-name=password] [data-testid=field-input]", "hush").await?;
        review.says("[data-name=guest] [data-testid=field-problem]", "at least 2").await?;
        look("form").await?;
        review.click("later").await?;
        let review = app.open("Review next", REVIEW).await?;
        review.question("request").await?;
        ensure!(
            eventually("what was typed", async || {
                let typed = review.see("[data-name=guest] [data-testid=field-input]").await?.prop("value").await?;
                ensure!(typed.as_deref() == Some("A"), "{typed:?}");
                Ok(true)
            })
            .await?
        );
        review.fill("[data-name=guest] [data-testid=field-input]", "Ann").await?;
        review.click("[data-name=extras] [data-value=pet]").await?;
        // Accept waits until what was flagged was seen.
        review.click("show-unseen").await?;
        review.gone("unseen").await?;
        review.click("accept").await?;
        home.newest_ended("released").await?;
        let entry = home.only_entry().await?;
        let content = json!({"guest": "Ann", "nights": 2, "room": "d", "extras": ["pet"], "password": "hush"});
        ensure!(entry.released.as_ref().is_some_and(|released| released["content"] == content), "{:?}", entry.released);

        let url = "https://accounts.example.org/connect?state=8f3a";
        let address = json!({"mode": "url", "message": "Connect your calendar.", "url": url, "elicitationId": "e"});
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("s", "ask", &json!({"params": address})).await?;
        let review = app.window(REVIEW).await?;
        review.says("url-full", url).await?;
        look("address").await?;
        ensure!(!opened.exists(), "it is not opened before it was accepted");
        review.click("accept").await?;
        eventually("the opened address", async || {
            ensure!(fs::read_to_string(&opened)? == url);
            Ok(())
        })
        .await?;
        app.quit().await
    })
}
