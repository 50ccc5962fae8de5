//! The settings window's commands.

use samplegate_engine::{
    engine::{Engine, ServerError},
    wire::{
        CallInput, FoundModels, GeneralSettings, GrantView, HeldChange, ModelInput, ModelView, Offers, PinView,
        ProviderOption, RunView, ServerInput, ServerView, Status, TestReport,
    },
};
use tauri::{AppHandle, Runtime, State};

use super::Answer;
use crate::windows::{self, Window};

#[tauri::command(async)]
pub(super) fn servers_list(engine: State<'_, Engine>) -> Vec<ServerView> {
    engine.list_servers()
}

#[tauri::command]
pub(super) async fn server_save(engine: State<'_, Engine>, original: Option<String>, input: ServerInput) -> Answer<()> {
    Ok(engine.save_server(original.as_deref(), input).await?)
}

#[tauri::command]
pub(super) async fn server_remove(engine: State<'_, Engine>, name: String) -> Answer<()> {
    Ok(engine.remove_server(&name).await?)
}

#[tauri::command(async)]
pub(super) fn server_restart(engine: State<'_, Engine>, name: &str) -> Answer<()> {
    Ok(engine.restart_server(name)?)
}

#[tauri::command(async)]
pub(super) fn server_set_enabled(engine: State<'_, Engine>, name: &str, enabled: bool) -> Answer<()> {
    Ok(engine.set_server_enabled(name, enabled)?)
}

#[tauri::command]
pub(super) async fn server_test(engine: State<'_, Engine>, input: ServerInput) -> Answer<TestReport> {
    Ok(engine.test_server(&input).await)
}

#[tauri::command(async)]
pub(super) fn server_pin(engine: State<'_, Engine>, name: &str) -> Option<PinView> {
    engine.pin_view(name)
}

#[tauri::command]
pub(super) async fn server_approve(engine: State<'_, Engine>, name: String, sha256: String) -> Answer<()> {
    let sha256 = sha256.parse().map_err(|_| ServerError::NotShown(name.clone()))?;
    Ok(engine.approve_server(&name, sha256).await?)
}

#[tauri::command]
pub(super) async fn confinement_test(engine: State<'_, Engine>) -> Answer<TestReport> {
    Ok(engine.probe_confinement().await)
}

#[tauri::command(async)]
pub(super) fn held_change(engine: State<'_, Engine>) -> Option<HeldChange> {
    engine.held_change()
}

#[tauri::command(async)]
pub(super) fn held_accept(engine: State<'_, Engine>, id: &str) -> Answer<()> {
    Ok(engine.accept_change(id)?)
}

#[tauri::command(async)]
pub(super) fn held_refuse(engine: State<'_, Engine>, id: &str, restore: bool) -> Answer<Option<String>> {
    Ok(engine.refuse_change(id, restore)?)
}

#[tauri::command]
pub(super) async fn server_offers(engine: State<'_, Engine>, name: String) -> Answer<Offers> {
    Ok(engine.server_offers(&name).await?)
}

#[tauri::command]
pub(super) async fn call_start(engine: State<'_, Engine>, input: CallInput) -> Answer<String> {
    Ok(engine.start_call(input))
}

#[tauri::command(async)]
pub(super) fn calls_list(engine: State<'_, Engine>) -> Vec<RunView> {
    engine.list_calls()
}

#[tauri::command(async)]
pub(super) fn call_cancel(engine: State<'_, Engine>, id: &str) {
    engine.cancel_call(id);
}

#[tauri::command(async)]
pub(super) fn models_list(engine: State<'_, Engine>) -> Vec<ModelView> {
    engine.list_models()
}

#[tauri::command(async)]
pub(super) fn providers_list(engine: State<'_, Engine>) -> Vec<ProviderOption> {
    engine.list_providers()
}

#[tauri::command]
pub(super) async fn model_save(engine: State<'_, Engine>, original: Option<String>, input: ModelInput) -> Answer<()> {
    Ok(engine.save_model(original.as_deref(), input).await?)
}

#[tauri::command]
pub(super) async fn model_remove(engine: State<'_, Engine>, name: String) -> Answer<()> {
    Ok(engine.remove_model(&name).await?)
}

#[tauri::command(async)]
pub(super) fn model_set_default(engine: State<'_, Engine>, name: &str) -> Answer<()> {
    Ok(engine.set_default_model(name)?)
}

#[tauri::command]
pub(super) async fn model_test(engine: State<'_, Engine>, name: String) -> Answer<TestReport> {
    Ok(engine.test_model(&name).await)
}

#[tauri::command]
pub(super) async fn find_local_models(engine: State<'_, Engine>) -> Answer<Vec<FoundModels>> {
    Ok(engine.find_local_models().await)
}

#[tauri::command]
pub(super) async fn grants_list(engine: State<'_, Engine>) -> Answer<Vec<GrantView>> {
    Ok(engine.list_grants().await?)
}

#[tauri::command]
pub(super) async fn grant_revoke(engine: State<'_, Engine>, id: String) -> Answer<()> {
    Ok(engine.revoke_grant(&id).await?)
}

#[tauri::command]
pub(super) async fn grants_revoke_all(engine: State<'_, Engine>) -> Answer<()> {
    Ok(engine.revoke_grants().await.map(drop)?)
}

#[tauri::command(async)]
pub(super) fn status(engine: State<'_, Engine>) -> Status {
    engine.status()
}

#[tauri::command(async)]
pub(super) fn set_paused(engine: State<'_, Engine>, paused: bool) -> Answer<()> {
    Ok(engine.set_paused(paused)?)
}

#[tauri::command(async)]
pub(super) fn general_get(engine: State<'_, Engine>) -> GeneralSettings {
    engine.general()
}

#[tauri::command(async)]
pub(super) fn general_save(engine: State<'_, Engine>, settings: GeneralSettings) -> Answer<()> {
    Ok(engine.save_general(settings)?)
}

/// Opens a window because a person clicked in another one: it may take the focus.
#[tauri::command]
pub(super) async fn open_window<R: Runtime>(
    app: AppHandle<R>,
    name: Window,
    section: Option<String>,
    id: Option<String>,
) -> Answer<()> {
    windows::open(&app, name, id.or(section).as_deref());
    Ok(())
}
