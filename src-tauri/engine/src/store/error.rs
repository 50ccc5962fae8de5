//! What can go wrong with the log, said so that a person knows what to do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use samplegate_core::audit::{AuditError, QuestionId, SummaryError};

/// Why the log could not be opened, written or read. Nothing of a failed write is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet.
    #[error("there is no audit log at {0} yet")]
    Missing(PathBuf),
    /// The file is damaged, or no database at all.
    #[error(
        "the audit log {path} is damaged ({detail}). It was left as it is: move it away, or put a backup in its place"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// The file belongs to another program.
    #[error("{0} is another program's database. It was left as it is: move it away")]
    Foreign(PathBuf),
    /// A newer version wrote it.
    #[error(
        "the audit log {path} was written by a newer Samplegate (schema {found}, this one knows {known}). \
         It was left as it is: update Samplegate"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this build knows.
        known: i64,
    },
    /// An older version wrote it, and it was opened only for reading.
    #[error("the audit log {path} is of an older schema ({found}). Start Samplegate once, which brings it up to date")]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
    },
    /// The file or its folder cannot be written or read.
    #[error("the audit log {path} cannot be opened: {why}")]
    Inaccessible {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The disk, or the quota, is full.
    #[error("the disk is full: the audit log {0} cannot grow. Free some space; until then every question is denied")]
    Full(PathBuf),
    /// Another process held the log for too long.
    #[error("the audit log {0} is held by another process")]
    Busy(PathBuf),
    /// The event may not follow what is in the log.
    #[error(transparent)]
    Rejected(#[from] SummaryError),
    /// The event cannot be written, or a stored one not be read.
    #[error("{0}")]
    Event(AuditError),
    /// No such question.
    #[error("there is no question {0} in the audit log")]
    Unknown(QuestionId),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// The store was opened for reading, or its writer has stopped.
    #[error("the audit log is not open for writing")]
    ReadOnly,
    /// Anything else.
    #[error("the audit log {path} failed: {detail}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
}

impl From<AuditError> for StoreError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Summary(error) => Self::Rejected(error),
            AuditError::Unreadable(_) => Self::Event(error),
        }
    }
}

impl StoreError {
    /// Sorts an error of SQLite.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { path, detail },
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::Inaccessible { path, why: detail }
            }
            _ => Self::Sqlite { path, detail },
        }
    }

    /// An error of the file system.
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(path.to_owned()),
            _ => Self::Inaccessible { path: path.to_owned(), why: error.to_string() },
        }
    }
}

/// An error inside a transaction: SQLite's own, or ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum TxError {
    /// SQLite's.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TxError {
    /// Names the file.
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::sqlite(path, &error),
            Self::Store(error) => error,
        }
    }
}

impl From<AuditError> for TxError {
    fn from(error: AuditError) -> Self {
        Self::Store(error.into())
    }
}

/// A stored value that this version does not write.
pub(super) fn unreadable(detail: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, detail.to_string().into())
}
