//! The settings window's commands about a server's record, its tools and its limits.

use std::{fs::OpenOptions, io::Write as _};

use samplegate_core::limits::Limits;
use samplegate_engine::{
    engine::Engine,
    wire::{ErrorCode, LimitView, LimitsOf, RecordFormat, RecordInput, RecordView, RiskInput, RiskView},
};
use tauri::{AppHandle, Manager as _, Runtime, State};

use super::Answer;
use crate::error::CommandError;

#[tauri::command]
pub(super) async fn server_record(engine: State<'_, Engine>, name: String) -> Answer<RecordView> {
    Ok(engine.record(&name).await?)
}

#[tauri::command]
pub(super) async fn server_record_save(engine: State<'_, Engine>, name: String, input: RecordInput) -> Answer<()> {
    Ok(engine.save_record(&name, input).await?)
}

#[tauri::command(async)]
pub(super) fn server_record_renew(engine: State<'_, Engine>, name: &str) -> Answer<()> {
    Ok(engine.renew_record(name)?)
}

#[tauri::command]
pub(super) async fn server_record_text(
    engine: State<'_, Engine>,
    name: String,
    format: RecordFormat,
) -> Answer<String> {
    Ok(engine.record_text(&name, format).await?)
}

/// Writes a record into the person's downloads folder, under a name of its own; gives the path.
#[tauri::command]
pub(super) async fn server_record_file<R: Runtime>(
    app: AppHandle<R>,
    engine: State<'_, Engine>,
    name: String,
    format: RecordFormat,
) -> Answer<String> {
    let text = engine.record_text(&name, format).await?;
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::new(ErrorCode::Failed, format!("The record cannot be written: {error}. Copy it instead."))
    };
    let paths = app.path();
    let folder = paths.download_dir().or_else(|_| paths.document_dir()).or_else(|_| paths.home_dir());
    let folder = folder.map_err(|error| failed(&error))?;
    std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let ending = match format {
        RecordFormat::Markdown => "md",
        RecordFormat::Json => "json",
    };
    for number in 1..1000 {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("samplegate-record-{name}{again}.{ending}"));
        // Nothing of the person's is written over.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
                return Ok(path.display().to_string());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(failed(&"there are a thousand of them already"))
}

#[tauri::command(async)]
pub(super) fn server_risk(engine: State<'_, Engine>, name: &str) -> Answer<RiskView> {
    Ok(engine.risk(name)?)
}

#[tauri::command(async)]
pub(super) fn server_risk_save(engine: State<'_, Engine>, name: &str, input: RiskInput) -> Answer<()> {
    Ok(engine.save_risk(name, input)?)
}

#[tauri::command]
pub(super) async fn limits_list(engine: State<'_, Engine>, of: LimitsOf) -> Answer<Vec<LimitView>> {
    Ok(engine.limits(&of).await?)
}

#[tauri::command(async)]
pub(super) fn limits_save(engine: State<'_, Engine>, of: LimitsOf, limits: Limits) -> Answer<()> {
    Ok(engine.save_limits(&of, limits)?)
}
