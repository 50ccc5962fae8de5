//! Servers as they were approved: pinned when they are reached first, compared with that each time they are looked at,
//! approved anew by a person.
//!
//! Data flow: a connection sees what its server is → [`Engine::compare`] → the pin in the database, which the questions
//! of all processes are judged by, and an event in the log, in one transaction. What is kept in memory is for display.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use samplegate_core::{
    audit::{NewEvent, SettingsChanged, Via},
    canonical::Sha256Hex,
    identity::{Pin, summary},
    settings::Sampling,
};
use serde_json::{Value, json};

use super::{Engine, ServerError, changes::via};
use crate::{
    mcp::Seen,
    store::{GuardChange, StoreError, known},
    wire::{PinSummary, PinView, Topic},
};

/// So many differences are written into an event.
const LOGGED: usize = 200;
/// How often a pin that others change meanwhile is read again.
const TRIES: usize = 8;

/// What is known of the pins, for display.
#[derive(Debug, Clone, Default)]
pub(super) struct Pins(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    pins: BTreeMap<String, Arc<Pin>>,
    /// Made once, since text is inspected for it.
    summaries: BTreeMap<String, PinSummary>,
    /// What was compared last, by server.
    compared: HashMap<String, Arc<Seen>>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What a server was when it was approved, and how it differs since; none: it was never pinned.
    pub fn pin(&self, server: &str) -> Option<Arc<Pin>> {
        self.pins.lock().pins.get(server).cloned()
    }

    /// The same, as the shells show it.
    pub fn pin_view(&self, server: &str) -> Option<PinView> {
        self.pin(server).map(|pin| PinView::from(pin.as_ref()))
    }

    /// A pin in a line.
    pub(super) fn pin_summary(&self, server: &str) -> Option<PinSummary> {
        self.pins.lock().summaries.get(server).cloned()
    }

    /// Reads all pins again, which other processes change too.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(super) async fn read_pins(&self) -> Result<(), StoreError> {
        let pins: BTreeMap<_, _> =
            self.store.pins().await?.into_iter().map(|(name, pin)| (name, Arc::new(pin))).collect();
        if self.pins.lock().pins == pins {
            return Ok(());
        }
        let summaries = pins.iter().map(|(name, pin)| (name.clone(), PinSummary::from(pin.as_ref()))).collect();
        let mut known = self.pins.lock();
        (known.pins, known.summaries) = (pins, summaries);
        drop(known);
        self.tell(Topic::Servers, None);
        self.tell(Topic::Status, None);
        Ok(())
    }

    /// Compares what a connection saw with what was approved. What is not new is not compared again.
    pub(super) async fn compare_new(&self, name: &str, seen: Option<Arc<Seen>>) {
        let Some(seen) = seen else { return };
        let is_new = self.pins.lock().compared.get(name).is_none_or(|compared| !Arc::ptr_eq(compared, &seen));
        if !is_new {
            return;
        }
        match self.compare(name, &seen).await {
            Ok(()) => drop(self.pins.lock().compared.insert(name.to_owned(), seen)),
            // Its questions are judged by what it is all the same, and asked about.
            Err(error) => tracing::error!(server = name, "what the server is could not be compared: {error}"),
        }
    }

    /// Compares what was seen of a server with what was approved: pins it where nothing was, notes the drift where it
    /// differs, and ends the drift of one that is started anew as it was approved.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub(super) async fn compare(&self, name: &str, seen: &Seen) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let at = Timestamp::now();
            let old = self.store.pin(name.to_owned()).await?;
            let (new, text) = match &old {
                None => {
                    let settings = self.config.settings();
                    if settings.servers.get(name).is_none_or(|server| server.sampling == Sampling::Off) {
                        return Ok(());
                    }
                    let tools = seen.identity.tools.len();
                    let text = format!("Server {name} was pinned as it is, with its tools ({tools}).");
                    (Pin::new(seen.identity.clone(), at, &self.options.reviewer), text)
                }
                Some(old) => {
                    let Some(new) = old.seen(&seen.identity, seen.sha256, at, seen.afresh) else {
                        // Nothing is new in the database, but another may have written it.
                        return if self.pin(name).as_deref() == Some(old) { Ok(()) } else { self.read_pins().await };
                    };
                    let text = if new.drift.is_some() {
                        let what = summary(&new.differences());
                        format!(
                            "Server {name} changed since it was approved: {what}. Its rules and grants are suspended."
                        )
                    } else {
                        format!("Server {name} was started anew as it was approved: its rules and grants count again.")
                    };
                    (new, text)
                }
            };
            let by_us = old.is_none();
            if self.write_pin(name, old.as_ref(), new, text, by_us).await? {
                return self.read_pins().await;
            }
        }
        // Whoever is at it writes what they saw; this connection's questions are judged by what it saw.
        Ok(())
    }

    async fn write_pin(
        &self,
        name: &str,
        old: Option<&Pin>,
        new: Pin,
        text: String,
        by_us: bool,
    ) -> Result<bool, StoreError> {
        let event = SettingsChanged {
            via: if by_us { via(self.options.place) } else { Via::Server },
            reviewer: by_us.then(|| self.options.reviewer.clone()),
            text: Some(text),
            changes: Some(changes(name, old, &new)),
            config_sha256: None,
            waits: false,
        };
        let event = NewEvent::settings_changed(Timestamp::now(), event);
        let change = GuardChange::Pin { server: name.to_owned(), known: old.map(known), pin: Box::new(new) };
        self.store.change(change, vec![event]).await
    }

    /// Approves a server as it is: `sha256` names the identity that the person was shown.
    ///
    /// # Errors
    /// The server was not pinned, is another again, the tray app runs (then only its window may approve), or the log
    /// cannot be written.
    pub async fn approve_server(&self, name: &str, sha256: Sha256Hex) -> Result<(), ServerError> {
        if self.config.app_runs_elsewhere() {
            return Err(ServerError::AppRuns(name.into()));
        }
        let not_shown = || ServerError::NotShown(name.into());
        for _ in 0..TRIES {
            let old = self.store.pin(name.to_owned()).await?.ok_or_else(not_shown)?;
            let new = old.approved(sha256, Timestamp::now(), &self.options.reviewer).ok_or_else(not_shown)?;
            let what = summary(&old.differences());
            let what = if what.is_empty() { "nothing had changed".to_owned() } else { what };
            let text = format!("Server {name} was approved anew: {what}. Its rules and grants count again.");
            if self.write_pin(name, Some(&old), new, text, true).await? {
                self.read_pins().await?;
                return Ok(());
            }
        }
        Err(not_shown())
    }
}

/// What changed, as the log has changes of settings.
fn changes(name: &str, old: Option<&Pin>, new: &Pin) -> Value {
    let key = |what: &str| format!("servers.{name}.identity{what}");
    let brief = |pin: &Pin| {
        let lines = pin.identity.lines().into_iter().map(|(what, text)| (what.to_owned(), text.into()));
        let mut lines: serde_json::Map<String, Value> = lines.collect();
        lines.insert("tools".into(), pin.identity.tools.clone().into());
        lines.insert("sha256".into(), json!(pin.sha256));
        Value::Object(lines)
    };
    let Some(old) = old else { return json!([{"key": key(""), "before": null, "after": brief(new)}]) };
    let differences = if new.drift.is_some() { new.differences() } else { old.differences() };
    let digest = |pin: &Pin| json!(pin.drift.as_ref().map_or(pin.sha256, |drift| drift.sha256));
    let first = json!({"key": key(".sha256"), "before": digest(old), "after": digest(new)});
    let rest = differences.into_iter().take(LOGGED).map(|one| {
        let tool = one.tool.map(|tool| format!(".tools.{tool}")).unwrap_or_default();
        json!({"key": format!("{}.{}", key(&tool), one.what), "before": one.before, "after": one.after})
    });
    std::iter::once(first).chain(rest).collect()
}
