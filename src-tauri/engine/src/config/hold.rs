//! Changes from outside that allow more: while the tray app runs, they wait in the file until a person accepts them.
//!
//! Data flow: a process finds settings in the file that are not those in force → [`wider`] → held, or taken up. What was
//! accepted last is known by its digest, which is in the log, and lies as text in a file of its own, which counts only if
//! it has that digest; so a restart changes nothing about what waits.
//!
//! Invariants: the app's own changes do not wait, but none is made over one that does. Where the text that was accepted
//! is lost, nothing of it is in force.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use samplegate_core::{
    canonical::Sha256Hex,
    settings::{SettingChange, Settings, changes, wider},
};

use super::{Config, ConfigError, Current, Journal, lock, read, settings_of, write};

/// A change that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The settings as they would become.
    pub settings: Arc<Settings>,
    /// Of the file that holds them.
    pub digest: Sha256Hex,
    /// All that differs from what is in force.
    pub changes: Vec<SettingChange>,
    /// The keys of those by which it allows more.
    pub wider: BTreeSet<String>,
    /// Whether a person refused it and left it in the file.
    pub refused: bool,
}

impl Held {
    pub(super) fn new(before: &Settings, settings: &Settings, text: &str) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
            digest: digest(text),
            changes: changes(before, settings),
            wider: wider(before, settings).into_iter().map(|change| change.key).collect(),
            refused: false,
        }
    }
}

/// The digest by which a text of the file is known.
pub(super) fn digest(text: &str) -> Sha256Hex {
    Sha256Hex::of(text.as_bytes())
}

/// Who holds changes, and where the text that was accepted lies.
#[derive(Debug)]
pub(crate) struct Hold {
    accepted: PathBuf,
    app: PathBuf,
    /// The lock that says that the app runs, where this is the app.
    own: Option<fs::File>,
    /// Whether this process has stopped looking at the file.
    ended: AtomicBool,
}

impl Hold {
    /// In this folder. `guards`: this is the process whose windows a person is asked in; it is as long as this lives.
    ///
    /// # Errors
    /// The lock cannot be had.
    pub(crate) fn new(data: &Path, guards: bool) -> io::Result<Self> {
        let app = data.join("app.lock");
        let own = guards.then(|| -> io::Result<fs::File> {
            let file = open_lock(&app)?;
            file.lock_shared()?;
            Ok(file)
        });
        Ok(Self {
            accepted: data.join("config.accepted.toml"),
            app,
            own: own.transpose()?,
            ended: AtomicBool::new(false),
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    pub(super) fn guards(&self) -> bool {
        self.own.is_some()
    }

    /// Whether changes that allow more wait: here, or in another process. Where that cannot be told they do.
    pub(super) fn is_on(&self) -> bool {
        if self.guards() {
            return true;
        }
        match open_lock(&self.app) {
            Ok(file) => file.try_lock().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The text that was accepted last, if this is it.
    pub(super) fn accepted(&self, known: Sha256Hex) -> Option<String> {
        fs::read_to_string(&self.accepted).ok().filter(|text| digest(text) == known)
    }

    /// Keeps the text if the log says that it is the one that was accepted last: where a change is none, nothing is
    /// logged.
    pub(super) fn keep_if(&self, text: &str, journal: &dyn Journal) {
        if journal.accepted().is_ok_and(|known| known == Some(digest(text))) {
            self.keep(text);
        }
    }

    /// Keeps the text that was accepted.
    fn keep(&self, text: &str) {
        if fs::read_to_string(&self.accepted).is_ok_and(|kept| kept == text) {
            return;
        }
        if let Err(error) = write(&self.accepted, text) {
            tracing::error!("what was accepted could not be kept: {error}");
        }
    }
}

fn open_lock(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path)
}

impl Config {
    /// Writes changes down from now on, and holds those that allow more. Looks first whether the file became another
    /// while nobody watched it.
    ///
    /// # Errors
    /// The file or the log cannot be read.
    pub(crate) fn begin(&self, journal: Arc<dyn Journal>, hold: Hold) -> Result<(), ConfigError> {
        let _lock = lock(&self.path)?;
        let (text, _, settings) = read(&self.path)?;
        let known = journal.accepted().map_err(ConfigError::LogUnreadable)?;
        match known {
            Some(known) if known == digest(&text) => hold.keep(&text),
            Some(known) if hold.is_on() || journal.waits(&text).map_err(ConfigError::LogUnreadable)? => {
                let before = hold.accepted(known).and_then(|text| settings_of(&self.path, &text).ok());
                let before = before.unwrap_or_else(nothing_allowed);
                if wider(&before, &settings).is_empty() {
                    journal.began(&text);
                    hold.keep_if(&text, journal.as_ref());
                } else {
                    self.hold(&before, &settings, &text, journal.as_ref());
                }
            }
            Some(_) => {
                journal.began(&text);
                hold.keep_if(&text, journal.as_ref());
            }
            // A person wrote it before there was anything to guard.
            None => {
                if hold.guards() {
                    journal.first(&text).map_err(ConfigError::NotLogged)?;
                    hold.keep(&text);
                }
            }
        }
        // The first ones stay.
        let _ = self.journal.set(journal);
        let _ = self.hold.set(hold);
        Ok(())
    }

    /// Leaves `before` in force and keeps the change for a person.
    pub(super) fn hold(&self, before: &Settings, settings: &Settings, text: &str, journal: &dyn Journal) {
        let held = Held::new(before, settings, text);
        // Told once: said again, it would count as waiting again though it was accepted meanwhile.
        let known = self.current().held.is_some_and(|known| known.digest == held.digest);
        if known && *self.settings() == *before {
            return;
        }
        if let Err(error) = journal.found(before, settings, text, true) {
            tracing::error!("a change of the configuration could not be logged: {error}");
        }
        self.current.send_replace(Current { held: Some(Arc::new(held)), ..Current::good(before.clone()) });
    }

    /// Whether settings that were found in the file may be in force.
    pub(super) fn may_take_up(&self, before: &Settings, settings: &Settings, text: &str) -> bool {
        // What once waits goes on waiting, also when the app has ended.
        let is_on = |hold: &&Hold| hold.is_on() || self.current.borrow().held.is_some();
        let Some(hold) = self.hold.get().filter(is_on) else { return true };
        if wider(before, settings).is_empty() {
            return true;
        }
        // What a person accepted in the app, any other process takes up.
        !hold.guards()
            && self
                .journal
                .get()
                .is_some_and(|journal| journal.accepted().is_ok_and(|known| known == Some(digest(text))))
    }

    /// Whether the tray app runs for this home, and this is not it: what allows more is for its windows then.
    pub(crate) fn app_runs_elsewhere(&self) -> bool {
        self.hold.get().is_some_and(|hold| !hold.guards() && hold.is_on())
    }

    /// Puts the change that waits into force.
    ///
    /// # Errors
    /// The file is not that any more, or the log cannot be written: nothing changed then.
    pub(crate) fn accept(&self, known: Sha256Hex) -> Result<(), ConfigError> {
        let _lock = lock(&self.path)?;
        let (text, _, settings) = self.read_held(known)?;
        if let Some(journal) = self.journal.get() {
            journal.changes(&self.settings(), &settings, &text, false).map_err(ConfigError::NotLogged)?;
        }
        self.keep(&text);
        self.current.send_replace(Current::good(settings));
        // Other processes watch the file.
        write(&self.path, &text)
    }

    /// Leaves what is in force in force for good. `restore`: puts the file back to it, with the refused one beside it.
    ///
    /// # Errors
    /// The file is not that any more, the text that was accepted is lost, or file or log cannot be written.
    pub(crate) fn refuse(&self, known: Sha256Hex, restore: bool) -> Result<Option<PathBuf>, ConfigError> {
        let _lock = lock(&self.path)?;
        let (text, _, settings) = self.read_held(known)?;
        let (Some(journal), Some(hold)) = (self.journal.get(), self.hold.get()) else { return Ok(None) };
        let in_force = self.settings();
        let accepted = journal.accepted().map_err(ConfigError::LogUnreadable)?;
        let accepted = accepted.and_then(|accepted| hold.accepted(accepted));
        let back = match (restore, accepted) {
            (true, Some(accepted)) => Some(accepted),
            (true, None) => return Err(ConfigError::Lost),
            (false, _) => None,
        };
        journal
            .refused(&in_force, &settings, back.as_deref().unwrap_or(&text), back.is_none())
            .map_err(ConfigError::NotLogged)?;
        let Some(back) = back else {
            self.current.send_modify(|current| {
                current.held = current.held.take().map(|held| Arc::new(Held { refused: true, ..Held::clone(&held) }));
            });
            return Ok(None);
        };
        let beside = self.path.with_extension(format!("toml.refused-{}", &known.to_hex()[..8]));
        write(&beside, &text)?;
        write(&self.path, &back)?;
        self.current.send_replace(Current::good(Settings::clone(&in_force)));
        Ok(Some(beside))
    }

    /// Watches no more, and says that the app runs no more, though somebody may still hold this.
    pub(crate) fn end_guard(&self) {
        drop(self.watcher.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        // What is being read just now is read to its end, and nothing after it.
        let _lock = lock(&self.path);
        let Some(hold) = self.hold.get() else { return };
        hold.ended.store(true, Ordering::SeqCst);
        if let Some(own) = &hold.own {
            // The system takes the lock away when the process ends.
            let _ = own.unlock();
        }
    }

    /// Keeps the text of the file as what was accepted, if it was.
    pub(super) fn keep(&self, text: &str) {
        if let (Some(hold), Some(journal)) = (self.hold.get(), self.journal.get()) {
            hold.keep_if(text, journal.as_ref());
        }
    }

    fn read_held(&self, known: Sha256Hex) -> Result<(String, toml_edit::DocumentMut, Settings), ConfigError> {
        let found = read(&self.path)?;
        let is_held = self.current().held.is_some_and(|held| held.digest == known);
        if is_held && digest(&found.0) == known { Ok(found) } else { Err(ConfigError::ChangedAgain) }
    }
}

/// What is in force where nobody knows what was: no servers, no models, no rules.
fn nothing_allowed() -> Settings {
    Settings::default()
}
