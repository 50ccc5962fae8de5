//! What the disk costs: SQLite commits with nothing around them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

/// About as much as the events of a question.
const ROW: usize = 1024;

/// A database that commits as the audit log does.
pub(crate) struct Disk(Connection);

impl Disk {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("disk.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, row BLOB)",
        )?;
        Ok(Self(connection))
    }

    /// The times of two commits, one after the other.
    pub(crate) fn two_commits(&self, times: usize) -> anyhow::Result<Vec<Duration>> {
        let mut insert = self.0.prepare("INSERT INTO t (row) VALUES (?1)")?;
        let row = vec![7; ROW];
        (0..times)
            .map(|_| {
                let started = Instant::now();
                insert.execute([&row])?;
                insert.execute([&row])?;
                Ok(started.elapsed())
            })
            .collect()
    }
}
