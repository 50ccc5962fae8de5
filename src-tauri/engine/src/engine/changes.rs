//! Changes of what is allowed, written into the audit log before they are made.
//!
//! Several processes share the configuration file, and each sees what the others change. A change is logged once: its
//! event holds the digest of the file as it became, and who finds that file knows that it was logged.

use samplegate_core::{
    audit::{NewEvent, Place, SettingsChanged, Via},
    canonical::Sha256Hex,
    policy::Grant,
    settings::{SettingChange, Settings, changes, summary},
};
use serde_json::json;

use super::Engine;
use crate::{
    config::{ConfigError, Journal},
    store::{Store, StoreError},
    wire::{HeldChange, HeldKey},
};

/// How a person changes what is allowed, where they are shown questions.
pub(super) fn via(place: Place) -> Via {
    match place {
        Place::Window | Place::Notification => Via::Window,
        Place::Terminal => Via::Command,
    }
}

/// Writes changes of the settings into the log.
pub(super) struct Changes {
    pub(super) store: Store,
    pub(super) reviewer: String,
    pub(super) place: Place,
}

impl Changes {
    fn via(&self) -> Via {
        via(self.place)
    }

    fn write(&self, via: Via, changes: &[SettingChange], config: &str, waits: bool) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.append(via, summary(changes), serde_json::to_value(changes).ok(), Some(config), waits)
    }

    pub(super) fn append(
        &self,
        via: Via,
        text: String,
        changes: Option<serde_json::Value>,
        config: Option<&str>,
        waits: bool,
    ) -> Result<(), StoreError> {
        let change = SettingsChanged {
            via,
            reviewer: (via != Via::File).then(|| self.reviewer.clone()),
            text: Some(text),
            changes,
            config_sha256: config.map(|text| Sha256Hex::of(text.as_bytes())),
            waits,
        };
        self.store.append_now(vec![NewEvent::settings_changed(jiff::Timestamp::now(), change)])
    }

    /// The event that tells of grants that a person revoked.
    pub(super) fn revoked(&self, grants: &[&Grant]) -> NewEvent {
        let sentences: Vec<String> = grants.iter().map(|grant| grant.sentence()).collect();
        let text = match sentences.as_slice() {
            [] => "No grant is left.".to_owned(),
            [one] => format!("Grant revoked. {one}."),
            many => format!("{} grants revoked. {}.", many.len(), many.join(". ")),
        };
        let ended = |grant: &&Grant| json!({"key": format!("grants.{}", grant.id), "before": grant, "after": null});
        let change = SettingsChanged {
            via: self.via(),
            reviewer: Some(self.reviewer.clone()),
            text: Some(text),
            changes: Some(grants.iter().map(ended).collect()),
            config_sha256: None,
            waits: false,
        };
        NewEvent::settings_changed(jiff::Timestamp::now(), change)
    }

    /// Whether the log says that the file has this text, and that it waits, or not.
    fn is_logged(&self, text: &str, waits: bool) -> Result<Option<bool>, StoreError> {
        let logged = self.store.logged_config()?;
        Ok(logged.map(|(digest, waited)| digest == Sha256Hex::of(text.as_bytes()) && waited == waits))
    }
}

impl Journal for Changes {
    fn changes(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String> {
        self.write(self.via(), &changes(before, after), text, waits).map_err(|error| error.to_string())
    }

    fn found(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String> {
        match self.is_logged(text, waits) {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false) | None) => {
                self.write(Via::File, &changes(before, after), text, waits).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn refused(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String> {
        let refused = changes(before, after);
        let said = format!(
            "Refused, and {}: {}",
            if waits { "left in the file" } else { "taken out of the file" },
            summary(&refused).replace('\n', " ")
        );
        let refused = serde_json::to_value(refused).ok();
        self.append(self.via(), said, refused, Some(text), waits).map_err(|error| error.to_string())
    }

    /// What it said before is not known then, and before the first change that was logged there is nothing to compare
    /// with.
    fn began(&self, text: &str) {
        let logged = self.is_logged(text, false).and_then(|logged| match logged {
            Some(false) => {
                let said = "The configuration file was edited since the last change that is logged.";
                self.append(Via::File, said.into(), None, Some(text), false)
            }
            Some(true) | None => Ok(()),
        });
        if let Err(error) = logged {
            tracing::error!("a change of the configuration could not be logged: {error}");
        }
    }

    fn first(&self, text: &str) -> Result<(), String> {
        let said = "The configuration file was taken as it is, because none was accepted before.";
        self.append(Via::File, said.into(), None, Some(text), false).map_err(|error| error.to_string())
    }

    fn waits(&self, text: &str) -> Result<bool, String> {
        self.is_logged(text, true).map(|logged| logged == Some(true)).map_err(|error| error.to_string())
    }

    fn accepted(&self) -> Result<Option<Sha256Hex>, String> {
        self.store.accepted_config().map_err(|error| error.to_string())
    }
}

impl Engine {
    /// The change of the configuration that waits for a person, if there is one.
    pub fn held_change(&self) -> Option<HeldChange> {
        let held = self.config.current().held?;
        let keys = held.changes.iter().map(|change| HeldKey {
            key: change.key.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            allows_more: held.wider.contains(&change.key),
        });
        Some(HeldChange {
            id: held.digest.to_string(),
            summary: summary(&held.changes),
            keys: keys.collect(),
            refused: held.refused,
        })
    }

    /// Puts the change that waits into force.
    ///
    /// # Errors
    /// It is not the one that waits any more, or the log or the file cannot be written.
    pub fn accept_change(&self, id: &str) -> Result<(), ConfigError> {
        self.config.accept(held_id(id)?)
    }

    /// Refuses the change that waits. `restore`: puts the file back, with the refused one beside it, whose path is given.
    ///
    /// # Errors
    /// It is not the one that waits any more, what was accepted is lost, or the log or the file cannot be written.
    pub fn refuse_change(&self, id: &str, restore: bool) -> Result<Option<String>, ConfigError> {
        let beside = self.config.refuse(held_id(id)?, restore)?;
        Ok(beside.map(|path| path.display().to_string()))
    }

    /// Makes incoming questions wait undecided, or go on.
    ///
    /// # Errors
    /// The log cannot be written. It is paused all the same, but does not go on.
    pub fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        let log = self.logs_changes();
        let text = if paused { "Paused." } else { "Going on after a pause." };
        let changes = json!([{"key": "paused", "before": !paused, "after": paused}]);
        let was = *self.queue.paused().borrow();
        let logged =
            if was == paused { Ok(()) } else { log.append(log.via(), text.into(), Some(changes), None, false) };
        if paused || logged.is_ok() {
            self.queue.set_paused(paused);
        }
        logged
    }
}

fn held_id(id: &str) -> Result<Sha256Hex, ConfigError> {
    id.parse().map_err(|_| ConfigError::ChangedAgain)
}
