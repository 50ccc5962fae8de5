//! A model's answer at its gate: as it came, as it would be returned, and what was decided about each tool call in it.
//!
//! Invariants: a decision is about one exact tool call (id, name and arguments), so a call that is edited, or whose
//! arguments change because values are put back, is undecided again; an answer in which a call is undecided or refused
//! does not go back; what was redacted from the request is put back here only, and never in what a model is sent.

use super::NotNow;
use crate::{answer::SamplingAnswer, redact::Originals, request::ToolUse};

/// What was decided about a tool call in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolUseDecision {
    /// It may go back, for the server to carry out.
    Approved,
    /// It may not.
    Refused,
}

impl ToolUseDecision {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

/// A model's answer between its arrival and its return.
#[derive(Debug, Clone)]
pub struct AnswerDraft {
    original: SamplingAnswer,
    /// The answer with the redacted values in place of their placeholders; none: it holds no placeholder.
    restored: Option<SamplingAnswer>,
    restores: bool,
    draft: SamplingAnswer,
    decided: Vec<(ToolUse, ToolUseDecision)>,
}

impl AnswerDraft {
    /// An answer that has just come. Redacted values are put back until the person says otherwise.
    pub(super) fn new(original: SamplingAnswer, originals: &Originals) -> Self {
        let restored = Some(original.restored(originals)).filter(|restored| *restored != original);
        let draft = restored.as_ref().unwrap_or(&original).clone();
        Self { original, restores: restored.is_some(), restored, draft, decided: Vec::new() }
    }

    /// As the model gave it.
    pub fn original(&self) -> &SamplingAnswer {
        &self.original
    }

    /// As it would be returned.
    pub fn draft(&self) -> &SamplingAnswer {
        &self.draft
    }

    /// As it would be returned if nobody had edited it.
    pub fn unedited(&self) -> &SamplingAnswer {
        self.restored.as_ref().filter(|_| self.restores).unwrap_or(&self.original)
    }

    /// Whether a person changed it. Putting back what was redacted is no edit.
    pub fn is_edited(&self) -> bool {
        self.draft != *self.unedited()
    }

    /// Whether redacted values are put back; none: the answer holds no placeholder.
    pub fn restores(&self) -> Option<bool> {
        self.restored.as_ref().map(|_| self.restores)
    }

    /// Whether it may be chosen now to put values back or not: an edit would be lost.
    pub(super) fn may_switch_restoring(&self) -> bool {
        self.restored.is_some() && !self.is_edited()
    }

    pub(super) fn restore(&mut self, on: bool) {
        self.restores = on;
        self.revert();
    }

    pub(super) fn edit(&mut self, answer: SamplingAnswer) {
        self.draft = answer;
    }

    pub(super) fn revert(&mut self) {
        self.draft = self.unedited().clone();
    }

    /// The tool calls that would be returned, each with what was decided about it.
    pub fn tool_uses(&self) -> impl Iterator<Item = (&ToolUse, Option<ToolUseDecision>)> {
        self.draft.tool_uses().map(|tool_use| (tool_use, self.decision(tool_use)))
    }

    fn decision(&self, tool_use: &ToolUse) -> Option<ToolUseDecision> {
        self.decided.iter().find(|(decided, _)| decided == tool_use).map(|(_, decision)| *decision)
    }

    /// Decides about a call that would be returned.
    pub(super) fn decide(&mut self, id: &str, decision: ToolUseDecision) -> Result<(), NotNow> {
        let tool_use = self.draft.tool_uses().find(|tool_use| tool_use.id == id).ok_or(NotNow::NoSuchToolUse)?.clone();
        self.decided.retain(|(decided, _)| *decided != tool_use);
        self.decided.push((tool_use, decision));
        Ok(())
    }

    /// Takes the refused calls out of what would be returned.
    pub(super) fn remove_refused(&mut self) {
        let decided = std::mem::take(&mut self.decided);
        let refused = |tool_use: &ToolUse| decided.contains(&(tool_use.clone(), ToolUseDecision::Refused));
        self.draft = self.draft.without_tool_uses(refused);
        self.decided = decided;
    }

    pub(super) fn has_refused(&self) -> bool {
        self.tool_uses().any(|(_, decision)| decision == Some(ToolUseDecision::Refused))
    }

    /// Why it may not go back although the protocol could carry it.
    pub(super) fn held_by(&self) -> Option<NotNow> {
        if self.has_refused() {
            return Some(NotNow::ToolUseRefused);
        }
        let undecided = self.tool_uses().filter(|(_, decision)| decision.is_none()).count();
        (undecided > 0).then_some(NotNow::ToolUseUndecided { count: undecided })
    }

    /// Every call about which something was decided: those that would be returned, and those taken out.
    pub fn decided(&self) -> impl Iterator<Item = (&ToolUse, ToolUseDecision)> {
        let kept = |tool_use: &ToolUse| self.draft.tool_uses().any(|other| other == tool_use);
        let of_model = |tool_use: &ToolUse| self.unedited().tool_uses().any(|other| other == tool_use);
        self.decided
            .iter()
            .filter(move |(tool_use, _)| kept(tool_use) || of_model(tool_use))
            .map(|(tool_use, decision)| (tool_use, *decision))
    }
}
