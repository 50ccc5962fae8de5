//! The review window's commands.

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    engine::Engine,
    wire::{Action, ErrorCode, ReviewItem, ReviewSummary},
};
use tauri::State;

use super::Answer;
use crate::error::CommandError;

fn gone() -> CommandError {
    CommandError::new(ErrorCode::NotFound, "this question is over")
}

#[tauri::command(async)]
pub(super) fn review_list(engine: State<'_, Engine>) -> Vec<ReviewSummary> {
    engine.queue().list()
}

#[tauri::command(async)]
pub(super) fn review_get(engine: State<'_, Engine>, id: &str) -> Answer<ReviewItem> {
    engine.queue().get(id.parse::<QuestionId>()?).ok_or_else(gone)
}

#[tauri::command]
pub(super) async fn review_shown(engine: State<'_, Engine>, id: String, revision: u32) -> Answer<()> {
    Ok(engine.shown(id.parse::<QuestionId>()?, revision).await?)
}

#[tauri::command(async)]
pub(super) fn review_act(engine: State<'_, Engine>, id: &str, revision: u32, action: Action) -> Answer<ReviewItem> {
    Ok(engine.queue().act(id.parse::<QuestionId>()?, revision, action)?)
}

#[tauri::command(async)]
pub(super) fn review_outgoing(engine: State<'_, Engine>, id: &str) -> Answer<String> {
    engine.queue().outgoing(id.parse::<QuestionId>()?).ok_or_else(gone)
}

#[tauri::command]
pub(super) async fn review_opinion(
    engine: State<'_, Engine>,
    id: String,
    revision: u32,
    confirmed: bool,
) -> Answer<()> {
    Ok(engine.ask_opinion(id.parse::<QuestionId>()?, revision, confirmed).await?)
}

#[tauri::command(async)]
pub(super) fn review_deny_all(engine: State<'_, Engine>, server: &str, reason: &str) -> u32 {
    engine.queue().deny_all(server, reason)
}

#[tauri::command]
pub(super) async fn review_mute(engine: State<'_, Engine>, server: String, muted: bool) -> Answer<()> {
    if muted {
        engine.queue().mute(&server);
    } else {
        engine.queue().unmute(&server);
    }
    Ok(())
}

#[tauri::command]
pub(super) async fn review_block(engine: State<'_, Engine>, server: String) -> Answer<u32> {
    Ok(engine.block_server(&server).await?)
}

#[tauri::command(async)]
pub(super) fn review_forget_denials(engine: State<'_, Engine>, server: &str) {
    engine.queue().forget_denials(server);
}
