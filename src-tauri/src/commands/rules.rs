//! The settings window's commands about rules.

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    engine::Engine,
    wire::{DryRunView, ProposalView, RuleInput, RuleReading, RuleView},
};
use tauri::State;

use super::Answer;

#[tauri::command]
pub(super) async fn rules_list(engine: State<'_, Engine>) -> Answer<Vec<RuleView>> {
    Ok(engine.list_rules().await?)
}

#[tauri::command(async)]
pub(super) fn rule_read(engine: State<'_, Engine>, rule: RuleInput) -> RuleReading {
    engine.read_rule(rule)
}

#[tauri::command]
pub(super) async fn rule_try(engine: State<'_, Engine>, rule: RuleInput, last: u32) -> Answer<DryRunView> {
    Ok(engine.try_rule(rule, last).await?)
}

#[tauri::command]
pub(super) async fn rule_propose(engine: State<'_, Engine>, question: String) -> Answer<ProposalView> {
    Ok(engine.propose_rule(question.parse::<QuestionId>()?).await?)
}

#[tauri::command(async)]
pub(super) fn rule_save(engine: State<'_, Engine>, rule: RuleInput) -> Answer<String> {
    Ok(engine.save_rule(rule)?)
}

#[tauri::command(async)]
pub(super) fn rule_set_enabled(engine: State<'_, Engine>, id: &str, enabled: bool) -> Answer<()> {
    Ok(engine.set_rule_enabled(id, enabled)?)
}

#[tauri::command(async)]
pub(super) fn rule_remove(engine: State<'_, Engine>, id: &str) -> Answer<()> {
    Ok(engine.remove_rule(id)?)
}
