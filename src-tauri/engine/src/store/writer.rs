//! The one thread that writes. It takes everything that waits, writes it in one transaction, and answers each waiter
//! when that is durable (group commit): a disk that syncs a thousand times a second does not limit us to a thousand
//! events a second.
//!
//! The chain's head and the state of a question are read from the database in each transaction, never remembered:
//! other processes of the same home write too.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior};
use samplegate_core::{
    audit::{AuditEvent, Head, NewEvent, Outcome, QuestionId, QuestionSummary, SummaryError, seal},
    canonical::Sha256Hex,
};
use tokio::sync::oneshot;

use super::{
    contents,
    error::{StoreError, TxError},
    events,
    facets::Numbering,
    guard::{self, Admitted, Asking, Before, GuardChange},
    meta, questions,
    search::{self, Text},
};

/// An event that is in the log, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Sha256Hex,
}

/// What a waiter gets.
pub(super) type Answer = Result<Vec<Appended>, StoreError>;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Write this, all or nothing.
    Write {
        /// What.
        work: Work,
        /// Whether an effect waits for it.
        hurry: bool,
        /// Who waits.
        waiter: oneshot::Sender<Answer>,
    },
    /// Do something to the writer's connection.
    #[cfg(test)]
    With(Box<dyn FnOnce(&Connection) + Send>),
}

/// What is written in one step.
pub(super) enum Work {
    /// These events, and the changes that belong to them.
    Append(Vec<NewEvent>, Vec<GuardChange>),
    /// A question, judged by what was there before it, in the same transaction. Judged again where the transaction
    /// is tried again.
    Admit(Asking, Box<dyn Fn(&Before) -> Admitted + Send>),
    /// A change of what is shared, and the events that tell of it; no events where nothing changed.
    Change(GuardChange, Vec<NewEvent>),
}

/// More than this is not taken into one transaction, so that the first waiter does not wait for the thousandth.
const LARGEST_BATCH: usize = 512;

/// What is in no hurry is kept this long, for one commit with others of its kind: the end of a question costs more to
/// write than its beginning, because it is then indexed, and nobody should wait for that.
const AT_LEISURE: Duration = Duration::from_millis(20);

type Request = (Work, oneshot::Sender<Answer>);

/// Writes until every [`super::Store`] is gone.
pub(super) fn run(mut connection: Connection, path: &Path, jobs: &Receiver<Job>) {
    let mut writer = Writer { path: path.to_owned(), connection: &mut connection };
    let mut later: Vec<Request> = Vec::new();
    let mut due: Option<Instant> = None;
    loop {
        let first = match due {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        let is_over = matches!(first, Err(RecvTimeoutError::Disconnected));
        let mut next = first.ok();
        let mut batch = Vec::new();
        while let Some(job) = next {
            match job {
                Job::Write { work, hurry: true, waiter } => batch.push((work, waiter)),
                Job::Write { work, hurry: false, waiter } => {
                    later.push((work, waiter));
                    due.get_or_insert_with(|| Instant::now() + AT_LEISURE);
                }
                #[cfg(test)]
                Job::With(action) => action(writer.connection),
            }
            if batch.len() == LARGEST_BATCH || later.len() == LARGEST_BATCH {
                break;
            }
            next = jobs.try_recv().ok();
        }
        if !batch.is_empty() {
            writer.commit(batch);
        }
        if is_over || later.len() == LARGEST_BATCH || due.is_some_and(|due| due <= Instant::now()) {
            due = None;
            if !later.is_empty() {
                writer.commit(std::mem::take(&mut later));
            }
        }
        if is_over {
            return;
        }
    }
}

struct Writer<'c> {
    path: PathBuf,
    connection: &'c mut Connection,
}

impl Writer<'_> {
    /// Writes a batch. Where that fails as a whole, each is tried alone: one message too big for a disk that is nearly
    /// full denies one question, not all of them.
    fn commit(&mut self, batch: Vec<Request>) {
        let (requests, waiters): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let answers = match self.transaction(&requests) {
            Ok(answers) => answers,
            Err(error) if requests.len() < 2 => vec![Err(error)],
            Err(_) => {
                let alone = |request| self.transaction(std::slice::from_ref(request));
                let answer = |done: Result<Vec<Answer>, _>| done.and_then(|answers| answers.into_iter().collect());
                requests.iter().map(alone).map(answer).map(|all| all.map(|all: Vec<_>| all.concat())).collect()
            }
        };
        for (waiter, answer) in waiters.into_iter().zip(answers) {
            // A waiter that has gone away meanwhile loses nothing: what was written stays.
            let _ = waiter.send(answer);
        }
    }

    fn transaction(&mut self, requests: &[Work]) -> Result<Vec<Answer>, StoreError> {
        write(self.connection, requests).map_err(|error| error.at(&self.path))
    }
}

fn write(connection: &mut Connection, requests: &[Work]) -> Result<Vec<Answer>, TxError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut batch = Batch::begin(&transaction)?;
    let answers = requests.iter().map(|work| batch.work(work)).collect::<Result<_, _>>()?;
    batch.finish()?;
    transaction.commit()?;
    Ok(answers)
}

/// A question as it stands in this transaction.
struct Touched {
    n: Option<i64>,
    summary: QuestionSummary,
    /// The text of its request, where that came in this transaction.
    text: Option<Text>,
    /// Whether its answer was released in this transaction.
    released: bool,
}

struct Batch<'t> {
    transaction: &'t Connection,
    head: Head,
    touched: BTreeMap<QuestionId, Touched>,
    added: i64,
}

impl<'t> Batch<'t> {
    fn begin(transaction: &'t Connection) -> Result<Self, TxError> {
        Ok(Self { transaction, head: meta::head(transaction)?, touched: BTreeMap::new(), added: 0 })
    }

    fn work(&mut self, work: &Work) -> Result<Answer, TxError> {
        match work {
            Work::Append(events, changes) => {
                let answer = self.append(events)?;
                for change in changes.iter().filter(|_| answer.is_ok()) {
                    guard::change(self.transaction, change)?;
                }
                Ok(answer)
            }
            Work::Admit(asking, judge) => {
                let admitted = judge(&guard::before(self.transaction, asking)?);
                let answer = self.append(&admitted.events)?;
                if answer.is_ok() {
                    guard::admit(self.transaction, asking, &admitted)?;
                }
                Ok(answer)
            }
            Work::Change(change, events) if guard::change(self.transaction, change)? => self.append(events),
            Work::Change(..) => Ok(Ok(Vec::new())),
        }
    }

    /// Appends all events of a request, or none of them and says why.
    fn append(&mut self, events: &[NewEvent]) -> Result<Answer, TxError> {
        if let Err(error) = self.check(events)? {
            return Ok(Err(error.into()));
        }
        let mut appended = Vec::with_capacity(events.len());
        for event in events {
            appended.push(self.append_one(event)?);
        }
        Ok(Ok(appended))
    }

    /// Whether every event may follow what is in the log and what comes before it in the request.
    fn check(&mut self, events: &[NewEvent]) -> Result<Result<(), SummaryError>, TxError> {
        let mut after: BTreeMap<QuestionId, (Option<i64>, QuestionSummary)> = BTreeMap::new();
        for new in events {
            let Some(id) = new.question else { continue };
            let (n, before) = match after.remove(&id) {
                Some((n, summary)) => (n, Some(summary)),
                None => self.load(id)?,
            };
            match QuestionSummary::apply(before, id, new.at, &new.event) {
                Ok(summary) => after.insert(id, (n, summary)),
                Err(error) => return Ok(Err(error)),
            };
        }
        for (id, (n, summary)) in after {
            let (text, released) = self.touched.remove(&id).map_or((None, false), |was| (was.text, was.released));
            self.touched.insert(id, Touched { n, summary, text, released });
        }
        Ok(Ok(()))
    }

    fn load(&self, id: QuestionId) -> Result<(Option<i64>, Option<QuestionSummary>), TxError> {
        match self.touched.get(&id) {
            Some(touched) => Ok((touched.n, Some(touched.summary.clone()))),
            None => Ok(questions::find(self.transaction, id)?.unzip()),
        }
    }

    fn append_one(&mut self, new: &NewEvent) -> Result<Appended, TxError> {
        if let Some(id) = new.question {
            guard::follow(self.transaction, id, new.at, &new.event)?;
        }
        let sealed = seal(new.clone(), self.head, || -> Result<_, TxError> {
            let mut salt = [0; 32];
            getrandom::fill(&mut salt).map_err(|error| StoreError::Random(error.to_string()))?;
            Ok(salt)
        })?;
        let seq = sealed.head.seq;
        let mut question = None;
        if let Some(touched) = new.question.and_then(|id| self.touched.get_mut(&id)) {
            let n = *touched.n.get_or_insert_with(|| {
                touched.text = Some(Text::default());
                self.added += 1;
                questions::key(new.at, seq)
            });
            touched.released |= matches!(new.event, AuditEvent::Released(_));
            if let Some(text) = &mut touched.text {
                new.contents.iter().for_each(|(role, content)| text.add_content(*role, content));
            }
            question = Some(n);
        }
        events::insert(self.transaction, question, &sealed)?;
        for stored in &sealed.contents {
            contents::insert(self.transaction, seq, stored)?;
        }
        self.head = sealed.head;
        Ok(Appended { seq, hash: sealed.head.hash })
    }

    /// Writes the rows and index entries of the questions that were touched, and the head.
    fn finish(self) -> Result<(), TxError> {
        meta::set_head(self.transaction, self.head, self.added)?;
        let mut numbering = Numbering::default();
        // The index is fastest where its keys come in order.
        let mut touched: Vec<(i64, Touched)> =
            self.touched.into_values().filter_map(|touched| Some((touched.n?, touched))).collect();
        touched.sort_unstable_by_key(|(n, _)| *n);
        for (n, Touched { summary, text, released, .. }) in touched {
            questions::upsert(self.transaction, n, &summary)?;
            let text = match text {
                // Its end comes in a moment, and is what will be looked for.
                Some(_) if released && summary.outcome == Outcome::Open => continue,
                Some(text) => text,
                None if summary.outcome != Outcome::Open => search::text_of(self.transaction, n)?,
                None => continue,
            };
            search::write(self.transaction, &mut numbering, n, &summary, text)?;
        }
        Ok(())
    }
}
