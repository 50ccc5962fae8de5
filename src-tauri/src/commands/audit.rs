//! The audit window's commands. They only read.

use jiff::Timestamp;
use samplegate_core::audit::{Head, QuestionId};
use samplegate_engine::{
    engine::Engine,
    store::Filter,
    wire::{AuditFacets, AuditPage, AuditQuery, AuditRow, ChangeRow, ErrorCode, VerifyReport},
};
use serde_json::Value;
use tauri::State;

use super::Answer;
use crate::error::CommandError;

/// As many as the window reads at once.
const CHANGES_A_PAGE: u32 = 100;

fn invalid(error: impl ToString) -> CommandError {
    CommandError::new(ErrorCode::Invalid, error)
}

fn filter(query: AuditQuery) -> Answer<Filter> {
    let time = |text: Option<String>| text.map(|text| text.parse::<Timestamp>()).transpose().map_err(invalid);
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Filter {
        from: time(given(query.from))?,
        to: time(given(query.to))?,
        server: given(query.server),
        outcome: given(query.outcome).map(|name| name.parse()).transpose().map_err(invalid)?,
        decided_by: given(query.decided_by).map(|name| name.parse()).transpose().map_err(invalid)?,
        model: given(query.model),
        text: given(query.text),
        before: query.before.map(|id| id.parse::<QuestionId>()).transpose()?,
        limit: query.limit,
        ..Filter::default()
    })
}

#[tauri::command]
pub(super) async fn audit_list(engine: State<'_, Engine>, query: AuditQuery) -> Answer<AuditPage> {
    let page = engine.store().list(filter(query)?).await?;
    Ok(AuditPage {
        rows: page.questions.into_iter().map(AuditRow::from).collect(),
        next: page.next.map(|id| id.to_string()),
    })
}

#[tauri::command]
pub(super) async fn audit_facets(engine: State<'_, Engine>) -> Answer<AuditFacets> {
    let facets = engine.store().facets().await?;
    Ok(AuditFacets {
        servers: facets.servers,
        models: facets.models,
        total: u32::try_from(facets.total).unwrap_or(u32::MAX),
    })
}

#[tauri::command]
pub(super) async fn audit_show(engine: State<'_, Engine>, id: String) -> Answer<Value> {
    let entry = engine.store().show(id.parse::<QuestionId>()?).await?;
    serde_json::to_value(entry).map_err(|error| CommandError::new(ErrorCode::Failed, error))
}

#[tauri::command]
pub(super) async fn audit_changes(engine: State<'_, Engine>, before: Option<u64>) -> Answer<Vec<ChangeRow>> {
    let changes = engine.store().changes(before, CHANGES_A_PAGE).await?;
    Ok(changes.into_iter().map(ChangeRow::from).collect())
}

#[tauri::command]
pub(super) async fn audit_verify(engine: State<'_, Engine>, known: Option<String>) -> Answer<VerifyReport> {
    let known = known.filter(|text| !text.trim().is_empty()).map(|text| text.parse::<Head>()).transpose();
    let known = known.map_err(invalid)?;
    let verified = engine.store().verify(known).await?;
    Ok(VerifyReport::new(verified, known))
}
