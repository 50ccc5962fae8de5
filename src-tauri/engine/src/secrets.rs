//! Keys and other secrets: the OS keychain, or memory for one run.
//!
//! Data flow: a name (`model:claude`, `env:server:VAR`) → [`Secrets::get`] → the value, read at call time on a thread
//! of its own, because a locked keychain blocks until its prompt is answered. Dropping the future gives up waiting.
//!
//! Invariants: a value is never in a file, a log or an error; a failed keychain is tried again at the next call.
//! Absent: a fallback. Without a keychain the caller is told, and decides about memory or a command.

mod keychain;
mod parts;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

pub use keychain::Keychain;
use secrecy::{ExposeSecret as _, SecretString};

/// Somewhere that keeps secrets by name. Calls may block.
pub trait SecretStore: Send + Sync + 'static {
    /// Reads a secret; none: there is no such entry.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError>;

    /// Writes a secret.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    fn set(&self, name: &str, value: &SecretString) -> Result<(), SecretError>;

    /// Removes a secret; none there is no error.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    fn remove(&self, name: &str) -> Result<(), SecretError>;
}

/// Why a secret cannot be had. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no keychain on this session.
    #[error(
        "no keychain can be reached ({0}): start one (on Linux a Secret Service such as gnome-keyring), or keep the key in memory for this run (in the desktop app), or let a command print it (--key-command)"
    )]
    Absent(String),
    /// The keychain refused, or was not unlocked.
    #[error("the keychain could not be unlocked ({0}): unlock it and try again")]
    Locked(String),
    /// Anything else.
    #[error("the keychain failed: {0}")]
    Failed(String),
}

/// The secrets of one home: a store, and what was put into memory for this run.
#[derive(Clone)]
pub struct Secrets {
    store: Arc<dyn SecretStore>,
    memory: Arc<Mutex<HashMap<String, SecretString>>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Secrets kept in `store`.
    pub fn new(store: Arc<dyn SecretStore>) -> Self {
        Self { store, memory: Arc::default() }
    }

    /// Reads a secret: from memory, else from the store.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    pub async fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        if let Some(value) = self.remembered(name) {
            return Ok(Some(value));
        }
        let name = name.to_owned();
        self.off_thread(move |store| store.get(&name)).await
    }

    /// Writes a secret into the store and forgets the one in memory.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    pub async fn set(&self, name: &str, value: SecretString) -> Result<(), SecretError> {
        let stored = name.to_owned();
        self.off_thread(move |store| store.set(&stored, &value)).await?;
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }

    /// Removes a secret from memory and from the store.
    ///
    /// # Errors
    /// The store is absent, locked or broken; memory is cleared all the same.
    pub async fn remove(&self, name: &str) -> Result<(), SecretError> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let name = name.to_owned();
        self.off_thread(move |store| store.remove(&name)).await
    }

    /// Keeps a secret in memory for this run.
    pub fn remember(&self, name: &str, value: SecretString) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), value);
    }

    /// The secret kept in memory, if there is one.
    pub fn remembered(&self, name: &str) -> Option<SecretString> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether the store can be used now. Reads an entry that does not exist.
    ///
    /// # Errors
    /// The store is absent, locked or broken.
    pub async fn probe(&self) -> Result<(), SecretError> {
        self.off_thread(|store| store.get("probe").map(drop)).await
    }

    /// A thread of its own rather than the runtime's pool: a locked keychain may keep it for as long as it likes,
    /// and the runtime must still be able to stop.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SecretStore) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let (done, result) = tokio::sync::oneshot::channel();
        let store = Arc::clone(&self.store);
        std::thread::Builder::new()
            .name("keychain".into())
            .spawn(move || drop(done.send(work(&*store))))
            .map_err(|error| SecretError::Failed(error.to_string()))?;
        result.await.map_err(|_| SecretError::Failed("its thread stopped".into()))?
    }
}

/// Whether two secrets are equal, without printing either.
pub fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}
