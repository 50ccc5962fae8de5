//! The operating system's keychain, through the keyring project's stores: Secret Service on Linux, Keychain on macOS,
//! Credential Manager on Windows.
//!
//! The store is made anew until it could be made once, so that a keychain that starts later is found.

use std::sync::{Arc, Mutex, PoisonError};

use keyring_core::{CredentialStore, Entry, Error};
use secrecy::{ExposeSecret as _, SecretString};

use super::{SecretError, SecretStore};

/// The OS keychain, under one service name.
pub struct Keychain {
    service: String,
    store: Mutex<Option<Arc<CredentialStore>>>,
}

impl Keychain {
    /// The keychain entries of one home. Opens nothing yet.
    pub fn new(service: String) -> Self {
        Self { service, store: Mutex::new(None) }
    }

    fn entry(&self, name: &str) -> Result<Entry, SecretError> {
        let mut slot = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match &*slot {
            Some(store) => Arc::clone(store),
            None => {
                let store = native().map_err(|error| SecretError::Absent(error.to_string()))?;
                Arc::clone(slot.insert(store))
            }
        };
        drop(slot);
        store.build(&self.service, name, None).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: Error) -> SecretError {
        match error {
            Error::NoStorageAccess(cause) => SecretError::Locked(cause.to_string()),
            // The connection may be gone for good (the daemon restarted): start afresh at the next call.
            Error::PlatformFailure(cause) => {
                *self.store.lock().unwrap_or_else(PoisonError::into_inner) = None;
                SecretError::Failed(cause.to_string())
            }
            Error::NoDefaultStore => SecretError::Absent("no store".into()),
            // The payload of the other variants may hold the secret: name the kind only.
            Error::BadEncoding(_) | Error::BadDataFormat(..) => SecretError::Failed("the entry is not text".into()),
            Error::Ambiguous(_) => SecretError::Failed("there are several entries of that name".into()),
            other => SecretError::Failed(other.to_string()),
        }
    }
}

#[cfg(target_os = "linux")]
fn native() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn native() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn native() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

impl SecretStore for Keychain {
    fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        match self.entry(name)?.get_password() {
            Ok(value) => Ok(Some(SecretString::from(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    fn set(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
        self.entry(name)?.set_password(value.expose_secret()).map_err(|error| self.explain(error))
    }

    fn remove(&self, name: &str) -> Result<(), SecretError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(self.explain(error)),
        }
    }
}
