//! What is chosen one by one: findings to redact, tool calls to approve.

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    engine::Engine,
    wire::{Action, FindingView, ReviewItem, ToolUseDecision},
};

use super::{Terminal, show};

impl Terminal {
    /// Lists what was found and asks what of it is replaced; all data, where nothing is said.
    pub(super) async fn redact(&mut self, item: &ReviewItem) -> Option<Action> {
        for (number, finding) in item.findings.iter().enumerate() {
            let chosen = if is_chosen(finding, &item.findings) { '*' } else { ' ' };
            let line =
                format!("{chosen}{:>3}  {}: {}", number + 1, finding.kind, show::spanned(&item.request, finding));
            show::say(&line);
        }
        let text = self.input.line("Replace which? (Enter: those with *; or numbers, e.g. 1 3; Esc: none) ").await?;
        match numbers(&text, &item.findings) {
            Ok(findings) => Some(Action::Redact { findings }),
            Err(error) => {
                show::say(&show::bad(&error));
                None
            }
        }
    }

    /// Asks the model that the person chose for its opinion, and shows it once it is there.
    pub(super) async fn opinion(&mut self, engine: &Engine, id: QuestionId, item: &ReviewItem) {
        let Some(offered) = item.sampling().and_then(|sampling| sampling.opinion.as_ref()) else { return };
        let mut confirmed = false;
        if !offered.is_local {
            let warning = format!(
                "{} is at {}, not on this computer: the request is sent there before you approved it.",
                offered.model, offered.host
            );
            show::say(&show::bad(&warning));
            confirmed = self.input.line("Type yes to send it: ").await.as_deref() == Some("yes");
            if !confirmed {
                return;
            }
        }
        let mut changes = engine.changes();
        if let Err(error) = engine.ask_opinion(id, item.revision, confirmed).await {
            show::say(&show::bad(&error.to_string()));
            return;
        }
        show::say(&show::muted(&format!("Asking {} on {}…", offered.model, offered.host)));
        loop {
            match engine.queue().get(id).and_then(|now| now.sampling()?.opinion.clone()) {
                Some(now) if now.asking => {
                    tokio::select! {
                        _ = changes.recv() => {}
                        _ = tokio::signal::ctrl_c() => return,
                    }
                }
                Some(now) => return show::opinion(&now),
                None => return,
            }
        }
    }

    /// Asks about each tool call by itself, and whether those refused are taken out of the answer.
    pub(super) async fn each_tool_call(&mut self, item: &ReviewItem) -> Vec<Action> {
        let Some(answer) = item.sampling().and_then(|sampling| sampling.answer.as_ref()) else { return Vec::new() };
        let (mut actions, mut refused) = (Vec::new(), 0);
        for (number, tool_use) in answer.tool_uses.iter().enumerate() {
            let arguments = serde_json::to_string(&tool_use.arguments).unwrap_or_default();
            let call =
                format!("Tool call {} of {}: {}({arguments})", number + 1, answer.tool_uses.len(), tool_use.name);
            show::say(&crate::output::inline(&call));
            for fact in show::tool_use_facts(tool_use) {
                show::say(&fact);
            }
            // Nothing but a plain yes approves.
            let decision = match self.input.line("Approve this call? [y n, Enter leaves it as it is] ").await.as_deref()
            {
                Some("y" | "yes") => ToolUseDecision::Approved,
                Some("n" | "no") => ToolUseDecision::Refused,
                Some(_) => {
                    refused += usize::from(tool_use.decision == Some(ToolUseDecision::Refused));
                    continue;
                }
                None => return actions,
            };
            refused += usize::from(decision == ToolUseDecision::Refused);
            actions.push(Action::DecideToolUse { id: tool_use.id.clone(), decision });
        }
        if refused > 0 {
            show::say("An answer with a refused call does not go back. Without it, the server is told of the rest.");
            if matches!(
                self.input.line("Take what you refused out of the answer? [y n] ").await.as_deref(),
                Some("y" | "yes")
            ) {
                actions.push(Action::RemoveRefused);
            }
        }
        actions
    }
}

/// Data is chosen unless something else is said; where there is none, everything.
fn is_chosen(finding: &FindingView, all: &[FindingView]) -> bool {
    finding.is_data || !all.iter().any(|finding| finding.is_data)
}

fn numbers(text: &str, findings: &[FindingView]) -> Result<Vec<u32>, String> {
    let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        let chosen = findings.iter().enumerate().filter(|(_, finding)| is_chosen(finding, findings));
        return Ok(chosen.map(|(at, _)| position(at)).collect());
    }
    let number = |word: &str| word.parse::<usize>().ok().filter(|number| (1..=findings.len()).contains(number));
    words
        .into_iter()
        .map(|word| {
            number(word)
                .map(|number| position(number - 1))
                .ok_or_else(|| format!("{word:?} is no number of the list; nothing was replaced"))
        })
        .collect()
}
