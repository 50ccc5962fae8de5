//! The audit log on disk: SQLite, in WAL mode, every commit synced.
//!
//! Data flow: [`Store::append`] hands events to the one writer thread, which chains and commits all that wait in one
//! transaction and answers when that is durable; readers have connections of their own that cannot write, and see the
//! log as it was when they began, whatever is written meanwhile, by this process or another. The tables have one file
//! each: [`meta`], [`events`], [`contents`], [`questions`], [`facets`], [`search`]; [`guard`] has what limits count on,
//! [`grants`] what a person granted, [`pins`] what each server was when it was approved, [`recent`] what was asked lately.
//!
//! Invariants: events are only ever added; a question's row changes in the transaction of the event that changes it;
//! what a process decides about the chain or a question it has read in the same transaction. A file that is damaged,
//! foreign or newer is refused before anything is written to it.
//!
//! Against someone who can write the file, the chain proves only what [`Store::verify`] can compare with a head that
//! was noted down elsewhere: see [`samplegate_core::audit`].

mod changes;
mod check;
mod contents;
mod error;
mod events;
mod facets;
mod grants;
mod guard;
mod instance;
mod list;
mod meta;
mod open;
mod pins;
mod questions;
mod recent;
mod search;
mod show;
mod writer;

#[cfg(test)]
mod tests;

pub use changes::Change;
pub use error::StoreError;
pub use grants::Granted;
pub use guard::{Admitted, Asking, Before, GuardChange};
pub use instance::{Instance, close_interrupted};
pub use list::{Facets, Filter, Page};
pub use pins::{Known, Pinned, known};
pub use show::Entry;
pub use writer::Appended;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use jiff::Timestamp;
use rusqlite::Connection;
use samplegate_core::{
    audit::{Finding, Head, NewEvent, QuestionId, QuestionSummary, Report},
    canonical::Sha256Hex,
    identity::Pin,
    limits::Tally,
};
use tokio::sync::{oneshot, watch};

use error::TxError;
use writer::{Job, Work};

/// The log. Cheap to clone; the writer stops when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    readers: Arc<Readers>,
    /// None: opened for reading.
    jobs: Option<mpsc::Sender<Job>>,
    /// Sees a new number whenever this process changed what is shared.
    shared: watch::Sender<u64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.readers.path).finish_non_exhaustive()
    }
}

/// Connections that only read, kept for the next reader.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// More idle connections than this are closed.
const IDLE_READERS: usize = 4;

impl Readers {
    /// Reads on a connection of its own, on the calling thread.
    fn read<T>(&self, action: impl FnOnce(&Connection) -> Result<T, TxError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::for_reading(&self.path)?,
        };
        let done = action(&connection).map_err(|error| error.at(&self.path));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        done
    }
}

/// Makes the id of a new question.
///
/// # Errors
/// [`StoreError::Random`] where the system gives no random bytes.
pub fn question_id(at: Timestamp) -> Result<QuestionId, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| StoreError::Random(error.to_string()))?;
    Ok(QuestionId::v7(at, random))
}

impl Store {
    /// Opens the log for reading and writing, and creates it where it is missing. Blocks while it looks at the file.
    ///
    /// # Errors
    /// [`StoreError`]: the file is damaged, foreign, newer, or cannot be written. It is then left as it was.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open::for_writing(path)?;
        let (jobs, queue) = mpsc::channel();
        let owned = path.to_owned();
        std::thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || writer::run(connection, &owned, &queue))
            .map_err(|error| StoreError::io(path, &error))?;
        Ok(Self { readers: Self::readers(path, None), jobs: Some(jobs), shared: watch::Sender::new(0) })
    }

    /// Opens the log for reading only, while other processes may write.
    ///
    /// # Errors
    /// [`StoreError`]: there is none, or it is damaged, foreign, newer, older, or cannot be read.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let connection = open::for_reading(path)?;
        Ok(Self { readers: Self::readers(path, Some(connection)), jobs: None, shared: watch::Sender::new(0) })
    }

    fn readers(path: &Path, first: Option<Connection>) -> Arc<Readers> {
        Arc::new(Readers { path: path.to_owned(), idle: Mutex::new(first.into_iter().collect()) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.readers.path
    }

    /// Appends events, all or none, and returns once they are durable. Dropping the future does not take them back.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written. Whatever the events were to allow must then not happen.
    pub async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, StoreError> {
        self.append_with(events, Vec::new()).await
    }

    /// As [`Store::append`], and changes what is shared in the same transaction: both, or neither.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written or changed.
    pub async fn append_with(
        &self,
        events: Vec<NewEvent>,
        changes: Vec<GuardChange>,
    ) -> Result<Vec<Appended>, StoreError> {
        self.write(Work::Append(events, changes), true).await
    }

    /// As [`Store::append`], but in no hurry: they are committed a moment later, many at once. For what no effect
    /// waits for.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written.
    pub async fn append_soon(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>, StoreError> {
        self.write(Work::Append(events, Vec::new()), false).await
    }

    /// Judges a question by what was there before it, and writes and counts what came of that, in one transaction: no
    /// other question of any process comes between. `judge` may be called more than once; the last result counts.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written, and the answer is no.
    pub async fn admit<T: Send + 'static>(
        &self,
        asking: Asking,
        judge: impl Fn(&Before) -> (Admitted, T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::new(Mutex::new(None));
        let judged = Arc::clone(&slot);
        let judge = move |before: &Before| {
            let (admitted, result) = judge(before);
            *judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            admitted
        };
        self.write(Work::Admit(asking, Box::new(judge)), true).await?;
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.ok_or(StoreError::ReadOnly)
    }

    /// Changes what is shared, and writes the events that tell of it; false where there was nothing to change.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was changed.
    pub async fn change(&self, change: GuardChange, events: Vec<NewEvent>) -> Result<bool, StoreError> {
        Ok(!self.write(Work::Change(change, events), true).await?.is_empty())
    }

    /// As [`Store::change`], but in no hurry and without an event: for what nothing waits for.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was changed.
    pub async fn change_soon(&self, change: GuardChange) -> Result<(), StoreError> {
        self.write(Work::Append(Vec::new(), vec![change]), false).await.map(drop)
    }

    async fn write(&self, work: Work, hurry: bool) -> Result<Vec<Appended>, StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::ReadOnly)?;
        let changes =
            matches!(&work, Work::Append(_, changes) if !changes.is_empty()) || matches!(work, Work::Change(..));
        let (waiter, answer) = oneshot::channel();
        jobs.send(Job::Write { work, hurry, waiter }).map_err(|_| StoreError::ReadOnly)?;
        let written = answer.await.map_err(|_| StoreError::ReadOnly)?;
        if changes && written.is_ok() {
            self.shared.send_modify(|number| *number += 1);
        }
        written
    }

    /// Hears when this process changed what is shared; other processes' changes are read, not heard.
    pub(crate) fn shared(&self) -> watch::Receiver<u64> {
        self.shared.subscribe()
    }

    /// What was granted and approved about a server and a tool, as the answer gate needs it. Its tallies are empty.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn standing(&self, server: String, tool: Option<String>) -> Result<Before, StoreError> {
        self.read(move |connection| guard::standing(connection, &server, tool.as_deref())).await
    }

    /// How often rules with a number of uses were used, by id.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn rule_uses(&self) -> Result<std::collections::BTreeMap<String, u64>, StoreError> {
        self.read(|connection| Ok(guard::rule_uses(connection)?)).await
    }

    /// Every grant that holds at this moment, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn grants(&self, now: Timestamp) -> Result<Vec<Granted>, StoreError> {
        self.read(move |connection| Ok(grants::standing(connection, now)?)).await
    }

    /// What a server was when it was approved, and how it differs since; none: it was never pinned.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn pin(&self, server: String) -> Result<Option<Pin>, StoreError> {
        self.read(move |connection| Ok(pins::pin(connection, &server)?)).await
    }

    /// All pins, by server.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn pins(&self) -> Result<BTreeMap<String, Pin>, StoreError> {
        self.read(|connection| Ok(pins::all(connection)?)).await
    }

    /// What a server used today and this month; all servers together where none is named.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn used(&self, server: Option<String>, at: Timestamp) -> Result<Tally, StoreError> {
        self.read(move |connection| guard::used(connection, server.as_deref(), at)).await
    }

    /// What a host's tool calls used, as [`Store::used`] tells it of servers.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn used_by_host(&self, host: String, at: Timestamp) -> Result<Tally, StoreError> {
        self.read(move |connection| guard::used_by_host(connection, &host, at)).await
    }

    /// Reads off the runtime's threads.
    async fn read<T, F>(&self, action: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TxError> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let detail = |error: tokio::task::JoinError| StoreError::Sqlite {
            path: self.readers.path.clone(),
            detail: error.to_string(),
        };
        tokio::task::spawn_blocking(move || readers.read(action)).await.map_err(detail)?
    }

    /// Lists a page, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] for a cursor that is no question's; otherwise the log cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        self.read(move |connection| list::page(connection, &filter)).await
    }

    /// The changes of the settings, newest first: those before the event of this number, at most so many.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn changes(&self, before: Option<u64>, limit: u32) -> Result<Vec<Change>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(move |connection| changes::list(connection, before, limit, |_| true)).await
    }

    /// The digest of the configuration file after the last change that was logged, and whether that waits. Blocks.
    pub(crate) fn logged_config(&self) -> Result<Option<(Sha256Hex, bool)>, StoreError> {
        let known = |change: &Change| change.config_sha256.is_some();
        let last = self.readers.read(|connection| changes::list(connection, None, 1, known))?;
        Ok(last.first().and_then(|change| Some((change.config_sha256?, change.waits))))
    }

    /// The digest of the configuration file that was accepted last: the newest that does not wait, and was not made to
    /// wait since. Blocks.
    pub(crate) fn accepted_config(&self) -> Result<Option<Sha256Hex>, StoreError> {
        let waiting = std::cell::RefCell::new(Vec::new());
        let accepted = |change: &Change| match change.config_sha256 {
            Some(digest) if change.waits => {
                waiting.borrow_mut().push(digest);
                false
            }
            Some(digest) => !waiting.borrow().contains(&digest),
            None => false,
        };
        let last = self.readers.read(|connection| changes::list(connection, None, 1, accepted))?;
        Ok(last.first().and_then(|change| change.config_sha256))
    }

    /// As [`Store::append`], for where nothing can be awaited: blocks until it is durable.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written.
    pub(crate) fn append_now(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        // The writer is a thread of its own and needs no runtime.
        futures::executor::block_on(self.append(events)).map(drop)
    }

    /// What can be filtered by.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn facets(&self) -> Result<Facets, StoreError> {
        self.read(list::facets).await
    }

    /// One question in full.
    ///
    /// # Errors
    /// [`StoreError::Unknown`]; otherwise the log cannot be read.
    pub async fn show(&self, id: QuestionId) -> Result<Entry, StoreError> {
        self.read(move |connection| show::entry(connection, id)).await
    }

    /// The questions that have not ended, oldest first, whichever process holds them.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn open_questions(&self) -> Result<Vec<QuestionSummary>, StoreError> {
        self.read(|connection| Ok(questions::open(connection)?)).await
    }

    /// The head of the chain, to note down.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn head(&self) -> Result<Head, StoreError> {
        self.read(|connection| Ok(meta::head(connection)?)).await
    }

    /// A UUID that was made with this log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn home_id(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| Ok(meta::home_id(connection)?)).await
    }

    /// Checks the whole log, and that a head noted down earlier is in it. Reads everything: minutes for millions.
    ///
    /// # Errors
    /// The log cannot be read. What does not hold is no error but a [`Finding`].
    pub async fn verify(&self, known: Option<Head>) -> Result<Result<Report, Finding>, StoreError> {
        self.read(move |connection| check::verify(connection, known)).await
    }
}
