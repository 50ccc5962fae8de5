//! Hosts: who may connect, the known ones on this computer, and the servers in their files.

use std::path::Path;

use samplegate_core::host_files::App;
use samplegate_engine::{
    engine::Engine,
    host_files::HostFiles,
    wire::{
        ErrorCode, HostAdded, HostFileChange, HostInput, HostView, ImportFile, ImportTake, Imported, KnownHost,
        OtherHost,
    },
};
use tauri::State;

use super::Answer;
use crate::error::CommandError;

#[tauri::command(async)]
pub(super) fn hosts_list(engine: State<'_, Engine>) -> Vec<HostView> {
    engine.list_hosts()
}

#[tauri::command(async)]
pub(super) fn host_add(engine: State<'_, Engine>, input: HostInput) -> Answer<HostAdded> {
    Ok(engine.add_host(input)?)
}

#[tauri::command(async)]
#[expect(clippy::needless_pass_by_value, reason = "Tauri reads it from the message")]
pub(super) fn host_save(engine: State<'_, Engine>, input: HostInput) -> Answer<()> {
    Ok(engine.save_host(&input)?)
}

#[tauri::command(async)]
pub(super) fn host_remove(engine: State<'_, Engine>, name: &str) -> Answer<()> {
    Ok(engine.remove_host(name)?)
}

#[tauri::command(async)]
pub(super) fn known_hosts(engine: State<'_, Engine>, files: State<'_, Files>) -> Answer<Vec<KnownHost>> {
    Ok(engine.known_hosts(files.get()?))
}

#[tauri::command(async)]
pub(super) fn other_host(engine: State<'_, Engine>, files: State<'_, Files>) -> Answer<OtherHost> {
    Ok(engine.other_host(files.get()?))
}

#[tauri::command(async)]
#[expect(clippy::needless_pass_by_value, reason = "Tauri reads it from the message")]
pub(super) fn host_plan(
    engine: State<'_, Engine>,
    files: State<'_, Files>,
    app: &str,
    moved: Vec<String>,
) -> Answer<HostFileChange> {
    Ok(engine.plan_connection(files.get()?, known(app)?, &moved)?)
}

#[tauri::command(async)]
#[expect(clippy::needless_pass_by_value, reason = "Tauri reads it from the message")]
pub(super) fn host_connect(
    engine: State<'_, Engine>,
    files: State<'_, Files>,
    app: &str,
    moved: Vec<String>,
    id: &str,
) -> Answer<HostFileChange> {
    Ok(engine.connect_host(files.get()?, known(app)?, &moved, id)?)
}

#[tauri::command(async)]
pub(super) fn host_undo_plan(engine: State<'_, Engine>, files: State<'_, Files>, app: &str) -> Answer<HostFileChange> {
    Ok(engine.plan_undo(files.get()?, known(app)?)?)
}

#[tauri::command(async)]
pub(super) fn host_undo(
    engine: State<'_, Engine>,
    files: State<'_, Files>,
    app: &str,
    id: &str,
) -> Answer<HostFileChange> {
    Ok(engine.disconnect_host(files.get()?, known(app)?, id)?)
}

/// The servers in the files of all known hosts, or in the one that the person named.
#[tauri::command(async)]
pub(super) fn import_look(
    engine: State<'_, Engine>,
    files: State<'_, Files>,
    file: Option<&str>,
) -> Answer<Vec<ImportFile>> {
    Ok(engine.find_servers(files.get()?, &App::ALL, file.map(Path::new)))
}

#[tauri::command]
pub(super) async fn import_take(
    engine: State<'_, Engine>,
    files: State<'_, Files>,
    file: Option<String>,
    takes: Vec<ImportTake>,
) -> Answer<Vec<Imported>> {
    Ok(engine.take_servers(files.get()?, &App::ALL, file.as_deref().map(Path::new), takes).await)
}

/// Where hosts keep their files, if that is known.
pub(crate) struct Files(pub(crate) Option<HostFiles>);

impl Files {
    fn get(&self) -> Answer<&HostFiles> {
        let why = "Where hosts keep their files is not known: the environment names no home folder.";
        self.0.as_ref().ok_or_else(|| CommandError::new(ErrorCode::Failed, why))
    }
}

fn known(app: &str) -> Answer<App> {
    App::from_id(app).ok_or_else(|| CommandError::new(ErrorCode::NotFound, format!("There is no known host {app:?}.")))
}
