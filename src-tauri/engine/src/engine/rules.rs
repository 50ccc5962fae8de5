//! Rules: listed, saved, set aside, removed, tried on the log, proposed from a decision.

use jiff::Timestamp;
use samplegate_core::{
    audit::QuestionId,
    policy::{Rule, Suspension},
    settings::InvalidSetting,
};
use uuid::Uuid;

use super::{Engine, ModelError, record::today};
use crate::{
    pipeline::{self, NotProposed, suspended},
    store::{Pinned, StoreError},
    wire::{DryRunView, ProposalView, RuleInput, RuleReading, RuleState, RuleView},
};

/// A dry run looks at no more questions than this.
pub const LONGEST_DRY_RUN: u32 = 1000;

impl Engine {
    /// The rules, each in a sentence and as it stands.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn list_rules(&self) -> Result<Vec<RuleView>, StoreError> {
        let settings = self.config.settings();
        let used = self.store.rule_uses().await?;
        let now = Timestamp::now();
        let pins = self.store.pins().await?;
        let view = |rule: &Rule| {
            let left = rule.uses.map(|uses| uses.saturating_sub(used.get(&rule.id).copied().unwrap_or(0)));
            let server = rule.server.as_ref().filter(|_| rule.action.lets_through());
            let server = server.and_then(|name| Some((name, settings.servers.get(name)?)));
            let why = server.and_then(|(name, server)| {
                let why = suspended(server, pins.get(name).map(Pinned::from).as_ref(), today());
                // What was never reached is pinned when it is.
                why.filter(|why| *why != Suspension::Unseen)
            });
            RuleView {
                rule: rule.into(),
                sentence: rule.sentence(),
                state: if rule.disabled {
                    RuleState::Disabled
                } else if rule.expires.is_some_and(|expires| expires <= now) {
                    RuleState::Expired
                } else if left == Some(0) {
                    RuleState::UsedUp
                } else if why.is_some() {
                    RuleState::Suspended
                } else {
                    RuleState::Active
                },
                suspended: why.map(|why| why.reason().to_owned()),
                uses_left: left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
            }
        };
        Ok(settings.rules.iter().map(view).collect())
    }

    /// What a form's rule says. Nothing is saved.
    pub fn read_rule(&self, input: RuleInput) -> RuleReading {
        match input.read() {
            Ok(rule) => RuleReading { sentence: Some(rule.sentence()), problems: Vec::new() },
            Err(problems) => RuleReading { sentence: None, problems },
        }
    }

    /// Saves a rule as a form holds it, under a new id where it has none; gives its id.
    ///
    /// # Errors
    /// The rule is not valid, there is none of its id any more, or the configuration cannot be written.
    pub fn save_rule(&self, input: RuleInput) -> Result<String, ModelError> {
        let rule = valid(input)?;
        if rule.id.is_empty() {
            return self.make_rule(rule);
        }
        let id = rule.id.clone();
        self.change_rule(&id, |saved| *saved = rule)?;
        Ok(id)
    }

    /// Adds a rule under a new id; gives that.
    ///
    /// # Errors
    /// The rule is not valid, or the configuration cannot be written.
    pub fn make_rule(&self, rule: Rule) -> Result<String, ModelError> {
        let id = Uuid::now_v7().simple().to_string();
        // The last digits are the random ones; eight of them are short enough to type.
        let rule = Rule { id: format!("r-{}", &id[24..]), ..rule };
        let id = rule.id.clone();
        self.config.update(|settings| {
            settings.rules.push(rule);
            Ok::<_, ModelError>(())
        })?;
        Ok(id)
    }

    /// Sets a rule aside, or takes it up again.
    ///
    /// # Errors
    /// There is none of that id, or the configuration cannot be written.
    pub fn set_rule_enabled(&self, id: &str, enabled: bool) -> Result<(), ModelError> {
        self.change_rule(id, |rule| rule.disabled = !enabled)
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// There is none of that id, or the configuration cannot be written.
    pub fn remove_rule(&self, id: &str) -> Result<(), ModelError> {
        self.config.update(|settings| {
            let before = settings.rules.len();
            settings.rules.retain(|rule| rule.id != id);
            if settings.rules.len() == before { Err(unknown(id)) } else { Ok(()) }
        })
    }

    fn change_rule(&self, id: &str, change: impl FnOnce(&mut Rule)) -> Result<(), ModelError> {
        self.config.update(|settings| {
            change(settings.rules.iter_mut().find(|rule| rule.id == id).ok_or_else(|| unknown(id))?);
            Ok(())
        })
    }

    /// Tries a form's rule on the last questions of the log, at most [`LONGEST_DRY_RUN`]. Nothing is saved or counted.
    ///
    /// # Errors
    /// The rule is not valid, or the log cannot be read.
    pub async fn try_rule(&self, input: RuleInput, last: u32) -> Result<DryRunView, TryError> {
        // What is tried counts, whether or not it is set aside.
        let rule = Rule { disabled: false, ..valid(input)? };
        let last = last.clamp(1, LONGEST_DRY_RUN);
        Ok(pipeline::dry_run(&self.store, &self.config, vec![rule], last).await?.into())
    }

    /// Proposes a rule from a question of the log. Nothing is saved.
    ///
    /// # Errors
    /// There is nothing to make one from, or the log cannot be read.
    pub async fn propose_rule(&self, id: QuestionId) -> Result<ProposalView, NotProposed> {
        Ok(pipeline::propose(&self.store, &self.config, id, None).await?.into())
    }
}

/// Why a rule could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// The rule.
    #[error(transparent)]
    Rule(#[from] ModelError),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn unknown(id: &str) -> ModelError {
    ModelError::NotFound("rule", id.into())
}

fn valid(input: RuleInput) -> Result<Rule, ModelError> {
    input.read().map_err(|problems| {
        let all: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
        InvalidSetting(all.join("; ")).into()
    })
}
