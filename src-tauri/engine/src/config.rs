//! `config.toml`: read, watched, and rewritten without losing a person's comments.
//!
//! Data flow: file → [`Settings`] (validated) → everybody who subscribed. [`Config::update`] changes the file first
//! and the settings by reading it back, so that the file is the truth, for this process and for others.
//!
//! Invariants: a broken file never replaces good settings and is never overwritten; the error names the line. The
//! file is written whole, beside itself, and moved into place under a lock shared with other processes. What we change
//! is in the [`Journal`] before it is in the file.

mod edit;
mod hold;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use samplegate_core::canonical::Sha256Hex;
use samplegate_core::policy::Rules;
use samplegate_core::settings::{InvalidSetting, Settings};
use tokio::sync::watch;
use toml_edit::DocumentMut;

pub use hold::Held;
pub(crate) use hold::Hold;

/// What a new home starts with: the demo server, and the person as the one who answers.
const NEW: &str = "\
# Samplegate's configuration. You may edit it: it is read again when it changes, and your comments are kept.
# Keys and other secrets are not here; they are in the keychain of this computer.

# Who answers where a server's hints name no configured model: a model's name, or \"human\" for you.
default_model = \"human\"

# The built-in server to try things on.
[servers.demo]
demo = true
sampling = \"ask\"
";

/// Why the configuration cannot be read or written, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The file is not valid.
    #[error("{path}, line {line}: {message}")]
    Broken {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A setting is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
    /// The change could not be written down.
    #[error("nothing was changed, because the audit log cannot be written: {0}")]
    NotLogged(String),
    /// It cannot be told what was accepted.
    #[error("what was allowed before cannot be told, because the audit log cannot be read: {0}")]
    LogUnreadable(String),
    /// A change from outside waits for a person.
    #[error("the configuration file was changed from outside; accept or refuse that first, in the settings window")]
    Waits,
    /// The change that a person saw is not the one that waits.
    #[error("the configuration file was changed again; look at it once more")]
    ChangedAgain,
    /// The text that was accepted is not there any more.
    #[error("the file cannot be put back, because the one that was accepted is lost; edit it by hand")]
    Lost,
}

/// Where changes of the settings are written down, under the lock of the file.
pub(crate) trait Journal: Send + Sync {
    /// Writes down a change that is about to be made, to a file of this text; one that `waits` is not in force yet.
    fn changes(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String>;

    /// Writes down a change that was found in the file, unless whoever made it has.
    fn found(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String>;

    /// Writes down that a person refused a change; the file has this text now, and the change `waits` if that is its.
    fn refused(&self, before: &Settings, after: &Settings, text: &str, waits: bool) -> Result<(), String>;

    /// Looks whether the file was edited while nobody watched it.
    fn began(&self, text: &str);

    /// Writes down the file that the app found when it started for the first time.
    fn first(&self, text: &str) -> Result<(), String>;

    /// Whether a file of this text is known to wait for a person.
    fn waits(&self, text: &str) -> Result<bool, String>;

    /// The digest of the file that was accepted last; none: none ever was.
    fn accepted(&self) -> Result<Option<Sha256Hex>, String>;
}

/// The settings as they stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// The last good settings.
    pub settings: Arc<Settings>,
    /// Their rules, ready to be matched.
    pub rules: Arc<Rules>,
    /// Why the file as it is now is not them.
    pub error: Option<ConfigError>,
    /// What the file says instead and waits for a person.
    pub held: Option<Arc<Held>>,
}

impl Current {
    fn good(settings: Settings) -> Self {
        Self {
            rules: Arc::new(Rules::new(settings.rules.clone())),
            settings: Arc::new(settings),
            error: None,
            held: None,
        }
    }
}

/// The configuration of one home. Cheap to clone.
#[derive(Clone)]
pub struct Config {
    path: PathBuf,
    current: watch::Sender<Current>,
    watcher: Arc<Mutex<Option<notify::RecommendedWatcher>>>,
    journal: Arc<OnceLock<Arc<dyn Journal>>>,
    hold: Arc<OnceLock<Hold>>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Config {
    /// Opens the configuration; where there is no file, writes one with the demo server in it.
    ///
    /// # Errors
    /// There is a file and it cannot be read or is not valid: it is left as it is.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        if !path.try_exists().map_err(|error| io_error(path, &error))? {
            write(path, NEW)?;
        }
        Self::holding(path, read(path)?.2)
    }

    /// Opens the configuration and writes nothing, not even where there is no file.
    ///
    /// # Errors
    /// There is a file and it cannot be read or is not valid.
    pub fn peek(path: &Path) -> Result<Self, ConfigError> {
        let there = path.try_exists().map_err(|error| io_error(path, &error))?;
        Self::holding(path, if there { read(path)?.2 } else { Settings::default() })
    }

    fn holding(path: &Path, settings: Settings) -> Result<Self, ConfigError> {
        let (current, _) = watch::channel(Current::good(settings));
        Ok(Self {
            path: path.to_owned(),
            current,
            watcher: Arc::default(),
            journal: Arc::default(),
            hold: Arc::default(),
        })
    }

    /// The settings as they stand.
    pub fn current(&self) -> Current {
        self.current.borrow().clone()
    }

    /// The last good settings.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current.borrow().settings)
    }

    /// Told of every change.
    pub fn subscribe(&self) -> watch::Receiver<Current> {
        self.current.subscribe()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again, keeping the last good settings if it is broken.
    pub fn reload(&self) {
        // Whoever changes it in another process holds the lock until it has written that down.
        let _lock = lock(&self.path);
        if !self.hold.get().is_some_and(Hold::has_ended) {
            self.take_up();
        }
    }

    fn take_up(&self) {
        let next = match read(&self.path) {
            Ok((text, _, settings)) => {
                let before = self.settings();
                let journal = self.journal.get();
                if let Some(journal) = journal.filter(|_| !self.may_take_up(&before, &settings, &text)) {
                    return self.hold(&before, &settings, &text, journal.as_ref());
                }
                if *before != settings || self.current().held.is_some() {
                    if let Some(journal) = journal
                        && let Err(error) = journal.found(&before, &settings, &text, false)
                    {
                        // It is a person's own file: it counts all the same.
                        tracing::error!("a change of the configuration could not be logged: {error}");
                    }
                    self.keep(&text);
                }
                Current::good(settings)
            }
            Err(error) => Current { error: Some(error), ..self.current() },
        };
        self.current.send_if_modified(|current| {
            let changed = *current != next;
            *current = next;
            changed
        });
    }

    /// Changes the settings: reads the file, applies `change`, writes it back with the comments kept.
    ///
    /// # Errors
    /// The file is broken (mend it first), the result is not valid, or it or the log cannot be written; nothing changed
    /// then.
    pub fn update<T, E: From<ConfigError>>(&self, change: impl FnOnce(&mut Settings) -> Result<T, E>) -> Result<T, E> {
        let _lock = lock(&self.path)?;
        let (was, document, mut settings) = read(&self.path)?;
        let before = settings.clone();
        let guards = self.hold.get().is_some_and(Hold::guards);
        if guards && !self.may_take_up(&self.settings(), &before, &was) {
            self.take_up();
            return Err(ConfigError::Waits.into());
        }
        let result = change(&mut settings)?;
        settings.check().map_err(ConfigError::from)?;
        let text = edit::merge(document, &settings)?.to_string();
        // What another process changes beside the app waits for the app's windows; what the app changes was seen there.
        let waits = !guards && !self.may_take_up(&self.settings(), &settings, &text);
        if let Some(journal) = self.journal.get() {
            journal.changes(&before, &settings, &text, waits).map_err(ConfigError::NotLogged)?;
        }
        if let Err(error) = write(&self.path, &text) {
            if let Some(journal) = self.journal.get() {
                // Best effort: the log must not say that it is so.
                let _ = journal.changes(&settings, &before, &was, waits);
            }
            return Err(error.into());
        }
        if waits && let Some(journal) = self.journal.get() {
            self.hold(&self.settings(), &settings, &text, journal.as_ref());
            return Ok(result);
        }
        self.keep(&text);
        self.current.send_if_modified(|current| {
            let next = Current::good(settings);
            let changed = *current != next;
            *current = next;
            changed
        });
        Ok(result)
    }

    /// Watches the file from now on, for as long as this configuration lives.
    ///
    /// # Errors
    /// The platform's file watching does not work here.
    pub fn watch(&self) -> Result<(), ConfigError> {
        let (changed, mut changes) = tokio::sync::mpsc::unbounded_channel();
        let name = self.path.file_name().map(ToOwned::to_owned);
        let failed =
            |error: notify::Error| ConfigError::Io { path: self.path.display().to_string(), cause: error.to_string() };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| event.paths.iter().any(|path| path.file_name() == name.as_deref())) {
                let _ = changed.send(());
            }
        })
        .map_err(failed)?;
        // The folder, because editors replace the file.
        let folder = self.path.parent().unwrap_or(Path::new("."));
        notify::Watcher::watch(&mut watcher, folder, notify::RecursiveMode::NonRecursive).map_err(failed)?;
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
        let config = self.clone_without_watcher();
        tokio::spawn(async move {
            while changes.recv().await.is_some() {
                // Editors write in several steps: let them finish.
                tokio::time::sleep(Duration::from_millis(100)).await;
                while changes.try_recv().is_ok() {}
                let config = config.clone();
                let _ = tokio::task::spawn_blocking(move || {
                    config.settle();
                    config.reload();
                })
                .await;
            }
        });
        Ok(())
    }

    /// Waits until the file reads twice the same: whoever empties it before they fill it again means no empty file.
    fn settle(&self) {
        let mut before = fs::read(&self.path).ok();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(25));
            let now = fs::read(&self.path).ok();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// For the watching task, which must not keep its own watcher alive.
    fn clone_without_watcher(&self) -> Self {
        Self { watcher: Arc::default(), ..self.clone() }
    }
}

fn read(path: &Path) -> Result<(String, DocumentMut, Settings), ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| io_error(path, &error))?;
    let (document, settings) = parse(path, &text)?;
    Ok((text, document, settings))
}

fn settings_of(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    parse(path, text).map(|(_, settings)| settings)
}

fn parse(path: &Path, text: &str) -> Result<(DocumentMut, Settings), ConfigError> {
    let broken = |span: Option<std::ops::Range<usize>>, message: &str| ConfigError::Broken {
        path: path.display().to_string(),
        line: span.map_or(1, |span| text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1),
        message: message.trim().replace('\n', " "),
    };
    let document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| broken(error.span(), error.message()))?;
    let settings: Settings = toml_edit::de::from_str(text).map_err(|error| broken(error.span(), error.message()))?;
    settings.check()?;
    Ok((document, settings))
}

fn write(path: &Path, text: &str) -> Result<(), ConfigError> {
    let beside = path.with_extension("toml.new");
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        io_error(path, &error)
    })
}

/// Holds the lock until dropped. Other processes of this home wait.
fn lock(path: &Path) -> Result<fs::File, ConfigError> {
    let path = path.with_extension("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| io_error(&path, &error))?;
    file.lock().map_err(|error| io_error(&path, &error))?;
    Ok(file)
}

fn io_error(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::Io { path: path.display().to_string(), cause: error.to_string() }
}
