//! Several questions at once.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    app::{App, Home, REVIEW, SETTINGS, Window, config},
    desktop::{eventually, on_desktop},
    popups::{self, Popups},
};

#[test]
fn several_questions_wait_in_one_window() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "parallel", &json!({ "count": 3 })).await?;
        let review = app.window(REVIEW).await?;
        eventually("three in the queue", async || {
            ensure!(review.count("queue-item").await? == 3);
            Ok(())
        })
        .await?;
        ensure!(review.text("queue-count").await? == "3");
        // The oldest is shown; another can be taken first, and then it goes on with the oldest.
        let oldest = review.attr("[data-testid=queue] li:nth-child(1) button", "data-id").await?;
        let second = review.attr("[data-testid=queue] li:nth-child(2) button", "data-id").await?;
        ensure!(review.question("request").await? == oldest);
        review.click("[data-testid=queue] li:nth-child(2) button").await?;
        shows(&review, &second).await?;
        answer(&review, "two").await?;
        shows(&review, &oldest).await?;

        // One that its server takes back is greyed, and disturbs nothing.
        settings.run_tool("raw", "cancels", &json!({})).await?;
        review.see("[data-testid=queue-item][data-phase=closed].gone").await?;
        shows(&review, &oldest).await?;

        answer(&review, "one").await?;
        review.gone(&format!("[data-testid=review][data-id='{oldest}']")).await?;
        answer(&review, "three").await?;
        settings.see("[data-testid=run]:last-of-type[data-state=done]").await?;
        eventually("what became of all four", async || {
            let mut ends: Vec<_> =
                home.audit().await?.into_iter().map(|question| question.outcome.to_string()).collect();
            ends.sort();
            ensure!(ends == ["released", "released", "released", "withdrawn"], "{ends:?}");
            Ok(())
        })
        .await?;
        app.quit().await
    })
}

#[test]
fn a_question_taken_back_while_it_is_read_stays_on_the_paper() -> Result<()> {
    on_desktop(async || {
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let settings = app.window(SETTINGS).await?;
        // The window is there already, so that the second that the server waits is enough to see the question.
        let review = app.open_review_by_hand().await?;
        settings.run_tool("raw", "cancels", &json!({})).await?;
        review.says("ended", "ithdrawn by the server").await?;
        review.says("paper", "This will be taken back.").await?;
        ensure!(!review.has("decisions").await?, "it can still be decided");
        home.newest_ended("withdrawn").await?;

        // Until there is something new to decide.
        settings.run_tool("raw", "fine_hello", &json!({})).await?;
        review.question("request").await?;
        answer(&review, "hello").await?;
        home.newest_ended("released").await?;
        app.quit().await
    })
}

#[test]
fn a_flood_is_one_notification_and_one_click() -> Result<()> {
    on_desktop(async || {
        const COUNT: usize = 40;
        let home = Home::with(&config(None)?)?;
        let mut app = App::start(&home).await?;
        let popups = Popups::listen().await?;
        let settings = app.window(SETTINGS).await?;
        settings.run_tool("raw", "flood", &json!({ "count": COUNT })).await?;
        let review = app.window(REVIEW).await?;
        eventually("all in the queue", async || {
            let count = review.text("queue-count").await?;
            ensure!(count == COUNT.to_string(), "{count} are there");
            Ok(())
        })
        .await?;
        eventually("one notification for all", async || {
            let heard = popups.heard();
            ensure!(
                heard.last().is_some_and(|popup| popup.title == format!("{COUNT} questions wait for you")),
                "{heard:?}"
            );
            let on_screen = popups::on_screen().len();
            ensure!(on_screen == 1, "{on_screen} are on the screen");
            Ok(())
        })
        .await?;
        ensure!(popups.heard().len() <= COUNT / 4, "{:?}", popups.heard());

        review.click("deny").await?;
        review.says("deny-all", &format!("Deny all {COUNT}")).await?;
        review.click("deny-all").await?;
        review.see("empty").await?;
        settings.see("[data-testid=run][data-state=done]").await?;
        settings.says("run-result", &format!("\"error -1 person\": {COUNT}")).await?;
        eventually("the end of the notification", async || {
            ensure!(popups::on_screen().is_empty());
            Ok(())
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        ensure!(home.audit().await?.iter().all(|question| question.outcome.as_str() == "denied"));
        app.quit().await
    })
}

async fn shows(review: &Window, id: &str) -> Result<()> {
    review.see(&format!("[data-testid=review][data-id='{id}'][data-phase=request]")).await.map(drop)
}

async fn answer(review: &Window, text: &str) -> Result<()> {
    review.click("answer-by-hand").await?;
    review.fill("answer-text", text).await?;
    review.click("answer-send").await
}
