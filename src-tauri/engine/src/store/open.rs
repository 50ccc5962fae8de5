//! Opens the database: looks before it touches, refuses what it does not know, and keeps it to this user.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{
    changes, contents, error::StoreError, events, facets, grants, guard, meta, pins, questions, recent, search,
};

/// The version of the schema that this build writes: the number of its migrations.
pub(super) const SCHEMA_VERSION: i64 = 6;

/// Marks the file as ours: "SGAT".
const APPLICATION_ID: i64 = 0x5347_4154;

/// How long a lock of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// The first version. What came later has a migration of its own, which never changes again.
fn schema() -> String {
    [
        &format!("PRAGMA application_id = {APPLICATION_ID};"),
        meta::SCHEMA,
        events::SCHEMA,
        contents::SCHEMA,
        questions::SCHEMA,
        facets::SCHEMA,
        search::SCHEMA,
    ]
    .concat()
}

/// Opens for writing; creates the file, and the folder, where they are missing.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    create(path)?;
    let started = Instant::now();
    loop {
        match try_for_writing(path) {
            // Two that start at once get into each other's way while they create the tables.
            Err(StoreError::Busy(_)) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
}

fn try_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    // Looking goes through a connection that cannot write.
    check(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, path)?;

    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;",
        )
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(256);
    if version(&connection).map_err(failed)? < SCHEMA_VERSION {
        migrate(&mut connection, path)?;
    }
    connection.execute_batch(changes::INDEX).map_err(failed)?;
    meta::create(&connection, &uuid::Uuid::now_v7().to_string()).map_err(failed)?;
    Ok(connection)
}

/// Brings the schema up to date. Where another process did that meanwhile, there is nothing left to do.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let schema = schema();
    let before = version(connection).map_err(|error| StoreError::sqlite(path, &error))?;
    let later = [guard::SCHEMA, recent::SCHEMA, grants::USES, pins::SCHEMA, guard::MINUTES].into_iter().map(M::up);
    let steps = std::iter::once(M::up(&schema)).chain(later).collect();
    let done = Migrations::new(steps).to_latest(connection);
    match (done, version(connection)) {
        (_, Ok(SCHEMA_VERSION)) => Ok(()),
        // Another is at it, and further than it was.
        (Err(_), Ok(now)) if now > before => Err(StoreError::Busy(path.to_owned())),
        (Err(rusqlite_migration::Error::RusqliteError { err, .. }), _) | (Ok(()), Err(err)) => {
            Err(StoreError::sqlite(path, &err))
        }
        (Err(error), _) => Err(StoreError::Sqlite { path: path.to_owned(), detail: error.to_string() }),
        (Ok(()), Ok(_)) => Err(StoreError::Busy(path.to_owned())),
    }
}

/// Opens for reading, as another process may while this one writes.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    if !path.try_exists().map_err(|error| StoreError::io(path, &error))? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match check(&connection, path)? {
        0 => Err(StoreError::Missing(path.to_owned())),
        found if found < SCHEMA_VERSION => Err(StoreError::Older { path: path.to_owned(), found }),
        _ => {
            let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
            connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -32768;").map_err(failed)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        }
    }
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whether the file is a database, ours, sound at first sight, and of a schema we know; gives its version, 0 for an
/// empty one. All of it is checked by `verify`: at start there is no time to read gigabytes.
fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let found = version(connection).map_err(failed)?;
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let empty = tables == 0 && found == 0 && id == 0;
    if !empty && id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    if found == SCHEMA_VERSION {
        // One row at the end of each table: a file that was cut short fails here.
        for table in ["meta", "events", "contents", "questions"] {
            let last = format!("SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT 1");
            connection.prepare(&last).and_then(|mut last| last.exists([])).map_err(failed)?;
        }
    }
    Ok(found)
}

/// Creates the folder and an empty file, for this user only. SQLite gives its other files the same permissions.
fn create(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| StoreError::io(folder, &error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io(path, &error)),
    }
}
