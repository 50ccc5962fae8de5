//! The app at a glance: what waits, and what is not as it should be.

use std::sync::{PoisonError, atomic::Ordering};

use samplegate_core::settings::{KeySource, Settings};

use super::{Engine, GatewayState};
use crate::{
    mcp::confine,
    wire::{SamplingMode, ServerState, Status, TestReport, Topic, Trouble},
};

impl Engine {
    /// The app at a glance.
    pub fn status(&self) -> Status {
        let settings = self.config.settings();
        let keychain = self.keychain.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Status {
            pending: self.queue.pending(),
            grants: self.grants.load(Ordering::Relaxed),
            paused: *self.queue.paused().borrow(),
            trouble: self.trouble(&settings, keychain.as_ref()),
            first_run: self.first_run,
            default_model: settings.default_model.clone(),
            keychain: keychain.unwrap_or(TestReport { ok: true, message: "not asked yet".into() }),
            reviewer: self.options.reviewer.clone(),
            muted: self.queue.muted(),
            often_denied: self.queue.often_denied(),
            config_path: self.config.path().display().to_string(),
            version: self.options.version.into(),
        }
    }

    /// Asks the keychain whether it can be used. May take until a person unlocks it.
    pub async fn probe_keychain(&self) -> TestReport {
        let report = match self.secrets.probe().await {
            Ok(()) => TestReport { ok: true, message: "the keychain is there".into() },
            Err(error) => TestReport { ok: false, message: error.to_string() },
        };
        *self.keychain.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        self.tell(Topic::Status, None);
        report
    }

    /// Whether servers can be confined here; if not, why, and how to mend it.
    pub async fn probe_confinement(&self) -> TestReport {
        let client = &self.options.client;
        match confine::probe(client.base_env.get("PATH"), &client.surroundings.works).await {
            Ok(()) if client.surroundings.abstract_bus && !confine::abstract_sockets_can_be_hidden() => TestReport {
                ok: true,
                message: "bubblewrap works; the session bus is an abstract socket, so only without network".into(),
            },
            Ok(()) if !confine::abstract_sockets_can_be_hidden() => TestReport {
                ok: true,
                message:
                    "bubblewrap works; this kernel is older than 6.12, so a confined server with network can reach \
                          abstract sockets, which X11 may have"
                        .into(),
            },
            Ok(()) => TestReport { ok: true, message: "bubblewrap works".into() },
            Err(why) => TestReport { ok: false, message: why },
        }
    }

    fn trouble(&self, settings: &Settings, keychain: Option<&TestReport>) -> Vec<Trouble> {
        let mut trouble = Vec::new();
        let mut add =
            |text: String, section: Option<&str>| trouble.push(Trouble { text, section: section.map(Into::into) });
        if let Some(error) = self.config.current().error {
            add(format!("{error}. The last good settings stay in force until it is mended."), None);
        }
        if let Some(held) = self.config.current().held.filter(|held| !held.refused) {
            let more = held.wider.len();
            add(
                format!(
                    "The configuration was changed from outside and would allow more ({}). What was in force stays in \
                     force until you accept it.",
                    if more == 1 { "1 place".to_owned() } else { format!("{more} places") }
                ),
                Some("waiting"),
            );
        }
        if let GatewayState::Failed { why } = &*self.gateway.borrow() {
            add(format!("{why}."), None);
        }
        if let Some(error) = self.pipeline.log_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            add(error, None);
        }
        let needs_keychain = settings.models.values().any(|model| model.key == KeySource::Keychain);
        if let Some(report) = keychain.filter(|report| !report.ok && needs_keychain) {
            add(report.message.clone(), Some("models"));
        }
        for server in self.list_servers() {
            if let Some(what) = server.pin.and_then(|pin| pin.changed) {
                let name = &server.config.name;
                let or = if server.config.sampling == SamplingMode::Off { "" } else { ", or switch its sampling off" };
                add(
                    format!("{name} changed since you approved it: {what}. Look at it and approve it anew{or}."),
                    Some("servers"),
                );
            }
            match server.state {
                ServerState::Failed { why, .. } | ServerState::NeedsSignIn { why } => {
                    add(format!("{}: {why}", server.config.name), Some("servers"));
                }
                ServerState::Ready { trouble: Some(why), .. } => {
                    add(format!("{}: its tools could not be listed: {why}", server.config.name), Some("servers"));
                }
                ServerState::Starting { .. } | ServerState::Ready { trouble: None, .. } | ServerState::Disabled => {}
            }
        }
        trouble
    }
}
