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
    config::Journal,
    store::{Store, StoreError},
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

    fn write(&self, via: Via, changes: &[SettingChange], config: Option<&str>) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.append(via, summary(changes), serde_json::to_value(changes).ok(), config)
    }

    fn append(
        &self,
        via: Via,
        text: String,
        changes: Option<serde_json::Value>,
        config: Option<&str>,
    ) -> Result<(), StoreError> {
        let change = SettingsChanged {
            via,
            reviewer: (via != Via::File).then(|| self.reviewer.clone()),
            text: Some(text),
            changes,
            config_sha256: config.map(|text| Sha256Hex::of(text.as_bytes())),
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
        };
        NewEvent::settings_changed(jiff::Timestamp::now(), change)
    }

    /// Whether the log says that the file has this text.
    fn is_logged(&self, text: &str) -> Result<Option<bool>, StoreError> {
        Ok(self.store.logged_config()?.map(|logged| logged == Sha256Hex::of(text.as_bytes())))
    }

    /// Looks whether the file was edited while nobody watched it. What it said before is not known then, and before the
    /// first change that was logged there is nothing to compare with.
    pub(super) fn began(&self, text: &str) {
        let logged = self.is_logged(text).and_then(|logged| match logged {
            Some(false) => {
                let said = "The configuration file was edited since the last change that is logged.";
                self.append(Via::File, said.into(), None, Some(text))
            }
            Some(true) | None => Ok(()),
        });
        if let Err(error) = logged {
            tracing::error!("a change of the configuration could not be logged: {error}");
        }
    }
}

impl Journal for Changes {
    fn changes(&self, before: &Settings, after: &Settings, text: &str) -> Result<(), String> {
        self.write(self.via(), &changes(before, after), Some(text)).map_err(|error| error.to_string())
    }

    fn found(&self, before: &Settings, after: &Settings, text: &str) -> Result<(), String> {
        match self.is_logged(text) {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false) | None) => {
                self.write(Via::File, &changes(before, after), Some(text)).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Engine {
    /// Makes incoming questions wait undecided, or go on.
    ///
    /// # Errors
    /// The log cannot be written. It is paused all the same, but does not go on.
    pub fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        let log = self.logs_changes();
        let text = if paused { "Paused." } else { "Going on after a pause." };
        let changes = json!([{"key": "paused", "before": !paused, "after": paused}]);
        let was = *self.queue.paused().borrow();
        let logged = if was == paused { Ok(()) } else { log.append(log.via(), text.into(), Some(changes), None) };
        if paused || logged.is_ok() {
            self.queue.set_paused(paused);
        }
        logged
    }
}
