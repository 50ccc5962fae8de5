//! Servers as they were approved: pinned when they are reached first, or, where they were taken over from elsewhere, when
//! a person approves what they are shown; compared with that each time they are looked at, approved anew by a person.
//!
//! Data flow: a connection sees what its server is → [`Engine::compare`] → the pin in the database, which the questions
//! of all processes are judged by, and an event in the log, in one transaction. What is kept in memory is for display,
//! and for a person to approve: only what was shown becomes a pin.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use samplegate_core::{
    audit::{NewEvent, SettingsChanged, Via},
    canonical::Sha256Hex,
    identity::{Pin, summary},
    policy::Suspension,
    settings::{PinAt, Server},
};
use serde_json::{Value, json};

use super::{Engine, ServerError, changes::via, record::today};
use crate::{
    mcp::Seen,
    pipeline::suspended,
    store::{GuardChange, Pinned, StoreError, known},
    wire::{PinSummary, PinView, Suspended, Topic},
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
    /// What servers are that nobody approved yet, as they were seen last.
    unapproved: BTreeMap<String, Unapproved>,
}

/// A server that nobody approved yet.
#[derive(Debug, Clone)]
struct Unapproved {
    seen: Arc<Seen>,
    view: PinView,
}

impl Known {
    /// Whether nothing can be new about what was seen of a server. What nobody approved may be to be pinned by now.
    fn is_settled(&self, server: &str, seen: &Arc<Seen>) -> bool {
        let is_old = self.compared.get(server).is_some_and(|compared| Arc::ptr_eq(compared, seen));
        is_old && !self.unapproved.contains_key(server)
    }
}

impl Pins {
    /// Forgets what a server was seen to be: its name may come to mean another.
    pub(super) fn forget(&self, server: &str) {
        let mut known = self.lock();
        known.unapproved.remove(server);
        known.compared.remove(server);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What a server was when it was approved, and how it differs since; none: it was never pinned.
    pub fn pin(&self, server: &str) -> Option<Arc<Pin>> {
        self.pins.lock().pins.get(server).cloned()
    }

    /// The same, as the shells show it; of a server that nobody approved yet, what it is, where this process saw it.
    pub fn pin_view(&self, server: &str) -> Option<PinView> {
        let unapproved = || self.pins.lock().unapproved.get(server).map(|unapproved| unapproved.view.clone());
        self.pin(server).map(|pin| PinView::from(pin.as_ref())).or_else(unapproved)
    }

    /// It in a line.
    pub(super) fn pin_summary(&self, server: &str) -> Option<PinSummary> {
        let known = self.pins.lock();
        let unapproved = || known.unapproved.get(server).map(|unapproved| unapproved.view.summary.clone());
        known.summaries.get(server).cloned().or_else(unapproved)
    }

    /// Whether a server has no pin until a person approves it.
    pub(super) fn needs_approval(&self, name: &str, server: &Server) -> bool {
        server.pin == PinAt::Approval && !self.pins.lock().pins.contains_key(name)
    }

    /// Why what was allowed about this server does not count now; none: it does, or there is no such server.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn suspension(&self, name: &str) -> Result<Option<Suspension>, StoreError> {
        let settings = self.config.settings();
        let Some(server) = settings.servers.get(name) else { return Ok(None) };
        let pin = self.store.pin(name.to_owned()).await?;
        Ok(suspended(server, pin.as_ref().map(Pinned::from).as_ref(), today()))
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
        known.unapproved.retain(|name, _| !pins.contains_key(name));
        let unchanged: Vec<String> =
            pins.iter().filter(|(_, pin)| pin.drift.is_none()).map(|(name, _)| name.clone()).collect();
        (known.pins, known.summaries) = (pins, summaries);
        drop(known);
        for name in unchanged {
            self.queue.lifted(&name, &[Suspended::Drift, Suspended::Unapproved, Suspended::Unseen]);
        }
        self.tell(Topic::Servers, None);
        self.tell(Topic::Status, None);
        Ok(())
    }

    /// Compares what a connection saw with what was approved. What is not new is not compared again.
    pub(super) async fn compare_new(&self, name: &str, seen: Option<Arc<Seen>>) {
        let Some(seen) = seen else { return };
        if self.pins.lock().is_settled(name, &seen) {
            return;
        }
        match self.compare(name, &seen).await {
            Ok(()) => drop(self.pins.lock().compared.insert(name.to_owned(), seen)),
            // Its questions are judged by what it is all the same, and asked about.
            Err(error) => tracing::error!(server = name, "what the server is could not be compared: {error}"),
        }
    }

    /// Compares what was seen of a server with what was approved: pins it where nothing was, notes the drift where it
    /// differs, and ends the drift of one that is started anew as it was approved. One that waits for a person's approval
    /// is kept to be shown.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub(super) async fn compare(&self, name: &str, seen: &Arc<Seen>) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let at = Timestamp::now();
            let old = self.store.pin(name.to_owned()).await?;
            let (new, text) = match &old {
                None => {
                    match self.config.settings().servers.get(name).map(|server| server.pin) {
                        Some(PinAt::First) => {}
                        Some(PinAt::Approval) => {
                            self.keep_unapproved(name, seen, at);
                            return Ok(());
                        }
                        None => return Ok(()),
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

    /// Keeps what a server is that nobody approved, for a person to look at.
    fn keep_unapproved(&self, name: &str, seen: &Arc<Seen>, at: Timestamp) {
        let mut known = self.pins.lock();
        if known.unapproved.get(name).is_some_and(|unapproved| unapproved.seen.sha256 == seen.sha256) {
            return;
        }
        let view = PinView::unapproved(&Pin::new(seen.identity.clone(), at, ""));
        known.unapproved.insert(name.to_owned(), Unapproved { seen: Arc::clone(seen), view });
        drop(known);
        self.tell(Topic::Servers, None);
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
    /// The server is another again, or was not seen, the tray app runs (then only its window may approve), or the log
    /// cannot be written.
    pub async fn approve_server(&self, name: &str, sha256: Sha256Hex) -> Result<(), ServerError> {
        if self.config.app_runs_elsewhere() {
            return Err(ServerError::AppRuns(name.into()));
        }
        let not_shown = || ServerError::NotShown(name.into());
        for _ in 0..TRIES {
            let (at, by) = (Timestamp::now(), self.options.reviewer.as_str());
            let old = self.store.pin(name.to_owned()).await?;
            let (new, text) = match &old {
                Some(old) => {
                    let new = old.approved(sha256, at, by).ok_or_else(not_shown)?;
                    let what = summary(&old.differences());
                    let what = if what.is_empty() { "nothing had changed".to_owned() } else { what };
                    (new, format!("Server {name} was approved anew: {what}. Its rules and grants count again."))
                }
                None => {
                    let shown = self.pins.lock().unapproved.get(name).map(|unapproved| Arc::clone(&unapproved.seen));
                    let shown = shown.filter(|seen| seen.sha256 == sha256).ok_or_else(not_shown)?;
                    let tools = shown.identity.tools.len();
                    let text = format!("Server {name} was approved as it is, with its tools ({tools}).");
                    (Pin::new(shown.identity.clone(), at, by), text)
                }
            };
            if self.write_pin(name, old.as_ref(), new, text, true).await? {
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
