//! The operating system's keychain, through the keyring project's stores: Secret Service on Linux, Keychain on macOS,
//! Credential Manager on Windows.
//!
//! The store is made anew until it could be made once, so that a keychain that starts later is found. It is also let
//! go of on a thread of its own: Linux's says goodbye to the bus by blocking, which panics inside a runtime.

use std::sync::{Arc, Mutex, PoisonError};

use keyring_core::{CredentialStore, Entry, Error};
use secrecy::{ExposeSecret as _, SecretString};

use super::{SecretError, SecretStore, parts};

/// How many units of UTF-16 an entry has room for; none: no bound that a secret reaches. Windows' is
/// CRED_MAX_CREDENTIAL_BLOB_SIZE, 2,560 bytes.
const ROOM: Option<usize> = if cfg!(target_os = "windows") { Some(1280) } else { None };

/// The OS keychain, under one service name.
pub struct Keychain(Entries);

impl Keychain {
    /// The keychain entries of one home. Opens nothing yet.
    pub fn new(service: String) -> Self {
        Self(Entries { service, store: Mutex::new(None) })
    }
}

/// The entries as the system has them.
struct Entries {
    service: String,
    store: Mutex<Option<Arc<CredentialStore>>>,
}

impl Entries {
    fn entry(&self, name: &str) -> Result<Entry, SecretError> {
        let mut slot = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match &*slot {
            Some(store) => Arc::clone(store),
            None => {
                let store = native().map_err(|error| SecretError::Absent(why_absent(&error)))?;
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
            Error::NoDefaultStore => SecretError::Absent(why_absent(&error)),
            // The payload of the other variants may hold the secret: name the kind only.
            Error::BadEncoding(_) | Error::BadDataFormat(..) => SecretError::Failed("the entry is not text".into()),
            Error::Ambiguous(_) => SecretError::Failed("there are several entries of that name".into()),
            other => SecretError::Failed(other.to_string()),
        }
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        let store = self.store.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(store) = store {
            std::thread::spawn(move || drop(store));
        }
    }
}

/// What is missing, in words; the libraries' own where it is none of the usual causes.
fn why_absent(error: &Error) -> String {
    let told = error.to_string();
    let says = |part: &str| told.contains(part);
    if says("Failed to connect to address") || says("no secret service provider or dbus session") {
        "there is no session bus here, as in a login over SSH".into()
    } else if says("DBus.Error.ServiceUnknown") {
        "no program here offers one".into()
    } else {
        told
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
        match ROOM {
            Some(_) => parts::get(&self.0, name),
            None => self.0.get(name),
        }
    }

    fn set(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
        match ROOM {
            Some(room) => parts::set(&self.0, name, value, room),
            None => self.0.set(name, value),
        }
    }

    fn remove(&self, name: &str) -> Result<(), SecretError> {
        match ROOM {
            Some(_) => parts::remove(&self.0, name),
            None => self.0.remove(name),
        }
    }
}

impl SecretStore for Entries {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_causes_are_told_in_words() {
        let why = |cause: &str| why_absent(&Error::PlatformFailure(cause.into()));
        let no_bus = "there is no session bus here, as in a login over SSH";
        assert_eq!(why("zbus error: Failed to connect to address `unix:path=/run/user/1000/bus`: …"), no_bus);
        assert_eq!(why("no secret service provider or dbus session found"), no_bus);
        let nobody = "zbus error: org.freedesktop.DBus.Error.ServiceUnknown: The name org.freedesktop.secrets was …";
        assert_eq!(why(nobody), "no program here offers one");
        assert!(why("something else").contains("something else"));
    }
}
