//! Processes that hold questions, and the questions of those that died.
//!
//! Each process that hosts servers holds a lock on a file of its own while it lives; the system takes the lock away
//! when it dies, however it dies. A question whose owner's lock is free is closed as `interrupted`. Two processes may
//! sweep at once: a question ends only once, and the second is told so.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use samplegate_core::audit::{NewEvent, Outcome, QuestionId};

use super::{GuardChange, Store, StoreError};

/// This process, alive as long as this value.
#[derive(Debug)]
pub struct Instance {
    id: String,
    path: PathBuf,
    /// Holds the lock.
    file: File,
}

impl Instance {
    /// Takes a new lock in `instances/` of the home's data folder, which is the same for whoever opens the log: one that
    /// depended on the session would make a living process look dead to another session.
    ///
    /// # Errors
    /// The folder or the file cannot be written, or the file system knows no locks.
    pub fn acquire(data: &Path) -> io::Result<Self> {
        let folder = folder(data);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        loop {
            let id = uuid::Uuid::now_v7().to_string();
            let path = lock_path(&folder, &id);
            let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            match file.try_lock() {
                // Between its creation and its lock, a sweep may have taken the file for a dead process's.
                Ok(()) if path.try_exists()? => return Ok(Self { id, path, file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Its name, the `owner` of the questions it holds.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // What cannot be removed is unlocked when the process ends, and removed by the next sweep.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn folder(data: &Path) -> PathBuf {
    data.join("instances")
}

fn lock_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

/// Whether the process of this name has died: its lock is free, or its file is gone. Holds the lock where it could.
fn is_dead(folder: &Path, id: &str) -> io::Result<(bool, Option<File>)> {
    // An id comes from the database: nothing but a UUID becomes part of a path.
    if uuid::Uuid::try_parse(id).is_err() {
        return Ok((true, None));
    }
    match File::open(lock_path(folder, id)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Ok((true, Some(file))),
            Err(TryLockError::WouldBlock) => Ok((false, None)),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((true, None)),
        Err(error) => Err(error),
    }
}

/// Closes the questions of processes that died; gives those it closed. Locks that nobody holds are removed.
///
/// # Errors
/// [`StoreError`] where the log cannot be read or written, or a lock not be tried.
pub async fn close_interrupted(store: &Store, data: &Path, at: Timestamp) -> Result<Vec<QuestionId>, StoreError> {
    let folder = folder(data);
    let mut dead: HashMap<String, bool> = HashMap::new();
    let mut held = Vec::new();
    let mut closed = Vec::new();
    for question in store.open_questions().await? {
        let owner = question.owner.unwrap_or_default();
        let is_dead = match dead.get(&owner) {
            Some(is_dead) => *is_dead,
            None => {
                let (is_dead, lock) = is_dead(&folder, &owner).map_err(|error| StoreError::io(&folder, &error))?;
                held.extend(lock);
                dead.insert(owner, is_dead);
                is_dead
            }
        };
        if is_dead {
            match store.append(vec![NewEvent::closed(question.id, at, Outcome::Interrupted)]).await {
                Ok(_) => closed.push(question.id),
                // Another process was faster.
                Err(StoreError::Rejected(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    drop(held);
    remove_free_locks(&folder);
    // Whatever lock is still there is held by somebody.
    store
        .change(GuardChange::Tidy { now: at, alive: locks(&folder).filter_map(|path| name(&path)).collect() }, vec![])
        .await?;
    Ok(closed)
}

/// The lock files.
fn locks(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "lock"))
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_str()?.to_owned())
}

/// Tidies up. A file that cannot be looked at stays.
fn remove_free_locks(folder: &Path) {
    for path in locks(folder) {
        let free = File::open(&path).ok().filter(|file| file.try_lock().is_ok());
        if free.is_some() {
            let _ = std::fs::remove_file(&path);
        }
    }
}
