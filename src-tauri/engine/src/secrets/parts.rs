//! Secrets that are longer than an entry of the keychain may be: kept in parts.
//!
//! Windows takes 2,560 bytes an entry and stores text as UTF-16, so 1,280 units of it; tokens of some authorization
//! servers are longer. Such a value lies in entries of its own, named after its digest, and the entry with its name says
//! how many there are.
//!
//! Invariants: a value is read whole or not at all; until its head is written the old value is the one that is read; what
//! was replaced or removed leaves no part behind.

use secrecy::{ExposeSecret as _, SecretString};

use super::{SecretError, SecretStore};
use samplegate_core::canonical::Sha256Hex;

/// What an entry begins with that only names the parts.
const HEAD: &str = "samplegate:parts:";

/// How a value lies in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    count: usize,
    sha256: Sha256Hex,
}

impl Head {
    fn of(value: &str, count: usize) -> Self {
        Self { count, sha256: Sha256Hex::of(value.as_bytes()) }
    }

    fn read(entry: &str) -> Option<Self> {
        let (count, sha256) = entry.strip_prefix(HEAD)?.split_once(':')?;
        Some(Self { count: count.parse().ok()?, sha256: sha256.parse().ok()? })
    }

    fn text(&self) -> String {
        format!("{HEAD}{}:{}", self.count, self.sha256)
    }

    fn names(&self, name: &str) -> impl Iterator<Item = String> {
        let tag = self.sha256.to_hex()[..16].to_owned();
        (1..=self.count).map(move |part| format!("{name}:part:{tag}:{part}"))
    }
}

/// The value in pieces of at most so many units of UTF-16.
fn pieces(value: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, character) in value.char_indices() {
        if used + character.len_utf16() > room {
            pieces.push(&value[start..at]);
            (start, used) = (at, 0);
        }
        used += character.len_utf16();
    }
    pieces.push(&value[start..]);
    pieces
}

fn head(store: &impl SecretStore, name: &str) -> Result<Option<Head>, SecretError> {
    Ok(store.get(name)?.and_then(|entry| Head::read(entry.expose_secret())))
}

/// Reads a value, whether or not it is in parts.
pub(super) fn get(store: &impl SecretStore, name: &str) -> Result<Option<SecretString>, SecretError> {
    let Some(entry) = store.get(name)? else { return Ok(None) };
    let Some(head) = Head::read(entry.expose_secret()) else { return Ok(Some(entry)) };
    let not_whole = || SecretError::Failed("the entry is not whole: give it again".into());
    let mut value = String::new();
    for part in head.names(name) {
        value.push_str(store.get(&part)?.ok_or_else(not_whole)?.expose_secret());
    }
    let value = SecretString::from(value);
    if Sha256Hex::of(value.expose_secret().as_bytes()) == head.sha256 { Ok(Some(value)) } else { Err(not_whole()) }
}

/// Writes a value, in parts where an entry has no room for it; `room`: units of UTF-16.
pub(super) fn set(store: &impl SecretStore, name: &str, value: &SecretString, room: usize) -> Result<(), SecretError> {
    let text = value.expose_secret();
    let old = head(store, name)?;
    let pieces = pieces(text, room);
    // What looks like a head must not be read as one.
    let new = (pieces.len() > 1 || text.starts_with(HEAD)).then(|| Head::of(text, pieces.len()));
    match &new {
        None => store.set(name, value)?,
        Some(head) => {
            for (part, piece) in head.names(name).zip(pieces) {
                store.set(&part, &SecretString::from(piece))?;
            }
            store.set(name, &SecretString::from(head.text()))?;
        }
    }
    match old.filter(|old| Some(old) != new.as_ref()) {
        Some(old) => old.names(name).try_for_each(|part| store.remove(&part)),
        None => Ok(()),
    }
}

/// Removes a value and all of its parts.
pub(super) fn remove(store: &impl SecretStore, name: &str) -> Result<(), SecretError> {
    // The parts first: as long as the head is there, what is left of them is found again.
    if let Some(head) = head(store, name)? {
        head.names(name).try_for_each(|part| store.remove(&part))?;
    }
    store.remove(name)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Mutex, PoisonError},
    };

    use super::*;

    /// A keychain whose entries have so much room, and that takes so many more writes.
    struct Narrow {
        entries: Mutex<BTreeMap<String, String>>,
        room: usize,
        writes: Mutex<usize>,
    }

    impl Narrow {
        fn new(room: usize) -> Self {
            Self { entries: Mutex::default(), room, writes: Mutex::new(usize::MAX) }
        }

        fn entries(&self) -> BTreeMap<String, String> {
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn write(&self) -> Result<(), SecretError> {
            let mut left = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            *left = left.checked_sub(1).ok_or_else(|| SecretError::Failed("gone".into()))?;
            Ok(())
        }
    }

    impl SecretStore for Narrow {
        fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
            Ok(self.entries().get(name).cloned().map(SecretString::from))
        }

        fn set(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
            self.write()?;
            let value = value.expose_secret();
            // The head is short; a real entry has room for it.
            if value.encode_utf16().count() > self.room && !value.starts_with(HEAD) {
                return Err(SecretError::Failed("too long".into()));
            }
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), value.into());
            Ok(())
        }

        fn remove(&self, name: &str) -> Result<(), SecretError> {
            self.write()?;
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            Ok(())
        }
    }

    fn read(store: &Narrow) -> Option<String> {
        get(store, "token").ok().flatten().map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn what_has_room_is_one_entry_and_what_has_not_is_several() {
        let store = Narrow::new(1280);
        let write = |value: &str| set(&store, "token", &SecretString::from(value), 1280).expect("has room");
        write(&"a".repeat(1280));
        assert_eq!(store.entries().len(), 1);
        // One character more, and two units each.
        let long = "😀".repeat(1281);
        write(&long);
        assert_eq!((store.entries().len(), read(&store)), (1 + 3, Some(long)));
        // What is shorter again leaves no part behind.
        write("short");
        assert_eq!(store.entries().into_iter().collect::<Vec<_>>(), [("token".to_owned(), "short".to_owned())]);
        write(&"b".repeat(5000));
        remove(&store, "token").expect("is removed");
        assert_eq!(store.entries().len(), 0);
    }

    #[test]
    fn a_value_that_looks_like_a_head_is_the_value() {
        let store = Narrow::new(1280);
        let value = Head::of("x", 2).text();
        set(&store, "token", &SecretString::from(value.as_str()), 1280).expect("has room");
        assert_eq!(read(&store), Some(value));
    }

    #[test]
    fn what_is_not_whole_is_an_error_and_no_value() {
        let store = Narrow::new(4);
        set(&store, "token", &SecretString::from("abcdefgh"), 4).expect("has room");
        for lost in [true, false] {
            let part = Head::of("abcdefgh", 2).names("token").next().expect("there are two");
            let mut entries = store.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if lost {
                entries.remove(&part)
            } else {
                entries.insert(part, "zzzz".into())
            };
            drop(entries);
            assert!(get(&store, "token").is_err());
        }
    }

    /// Wherever a write ends, what is read is the old value or the new one, and never a mix.
    #[test]
    fn a_write_that_ends_halfway_leaves_the_old_value_or_the_new() {
        let values = ["", "ab", "abcd", "abcde", "aé😀b", "😀😀😀😀", "abcdabcdabcd", "zzzzabcdabcdabcdy"];
        for (old, new, writes) in cases(&values) {
            let store = Narrow::new(4);
            set(&store, "token", &SecretString::from(old), 4).expect("has room");
            *store.writes.lock().unwrap_or_else(PoisonError::into_inner) = writes;
            let written = set(&store, "token", &SecretString::from(new), 4);
            let found = read(&store);
            let is_old = written.is_err() && found.as_deref() == Some(old);
            assert!(is_old || found.as_deref() == Some(new), "{old} → {new} after {writes}: {found:?}");
        }
    }

    /// Every pair of values, with the number of writes after which the keychain goes away.
    fn cases<'a>(values: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str, usize)> {
        values.iter().flat_map(move |old| values.iter().flat_map(move |new| (0..12).map(move |n| (*old, *new, n))))
    }
}
