//! Checks a stored log from its first event to its last, holding only the questions that are open at that point.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{
    AuditEvent, Head, Outcome, QuestionId, QuestionSummary, Role, StoredContent, StoredEvent, SummaryError, format_time,
};
use crate::canonical::Sha256Hex;

/// A log that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many events there are.
    pub events: u64,
    /// How many questions.
    pub questions: u64,
    /// How many pieces of content were checked.
    pub contents: u64,
    /// How many were pruned: their commitments stand, what they commit to is gone.
    pub pruned: u64,
    /// The time of the last event.
    #[serde(serialize_with = "time")]
    pub last_at: Option<Timestamp>,
    /// The head to note down and to compare with the next time.
    pub head: Head,
}

fn time<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(format_time).serialize(serializer)
}

/// The first place where a log does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", place(*seq, *question))]
pub struct Finding {
    /// The event, where it is one.
    pub seq: Option<u64>,
    /// The question, where it is about one.
    pub question: Option<QuestionId>,
    /// What is wrong.
    pub what: What,
}

fn place(seq: Option<u64>, question: Option<QuestionId>) -> String {
    match (seq, question) {
        (Some(seq), Some(question)) => format!("event {seq} of question {question}"),
        (Some(seq), None) => format!("event {seq}"),
        (None, Some(question)) => format!("question {question}"),
        (None, None) => "the log".to_owned(),
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// An event is not there, or not in its place.
    #[error("event {expected} is missing")]
    Missing {
        /// The number that should be here.
        expected: u64,
    },
    /// The event was changed, or one before it.
    #[error("its hash does not match: the event was changed")]
    Hash,
    /// The event says another number than the place where it is stored.
    #[error("it does not say what its place in the log says")]
    Misfiled,
    /// The event cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Content is not what the event committed to.
    #[error("its {0} is not what was logged")]
    Content(Role),
    /// There is content that the event does not know of.
    #[error("it has a {0} that was never logged")]
    UnknownContent(Role),
    /// The events of a question are in an order that cannot be.
    #[error("{0}")]
    Order(SummaryError),
    /// A question's row is not what its events say.
    #[error("its row in the list says another {0} than its events do")]
    Row(&'static str),
    /// A question has no row.
    #[error("its row is missing from the list")]
    RowMissing,
    /// There are rows without events.
    #[error("there are {found} rows in the list, but {expected} questions in the log")]
    Rows {
        /// How many rows.
        found: u64,
        /// How many questions.
        expected: u64,
    },
    /// The last event is not the one that the head names.
    #[error("it ends at event {found}, but its head is event {expected}: the end was cut off or replaced")]
    Head {
        /// The last event that is there.
        found: u64,
        /// The one that should be.
        expected: u64,
    },
    /// An event that was noted down earlier is not in the chain.
    #[error("event {0} is not the one that was noted down: the log was cut off or written anew")]
    Known(u64),
}

/// Walks a log. Hand in every event in order, then call [`Verifier::finish`].
#[derive(Debug)]
pub struct Verifier {
    head: Head,
    last_at: Option<Timestamp>,
    known: Option<Head>,
    open: HashMap<QuestionId, QuestionSummary>,
    questions: u64,
    contents: u64,
    pruned: u64,
}

impl Verifier {
    /// Starts at the genesis. `known` is a head that somebody noted down earlier.
    #[must_use]
    pub fn new(known: Option<Head>) -> Self {
        Self { head: Head::empty(), last_at: None, known, open: HashMap::new(), questions: 0, contents: 0, pruned: 0 }
    }

    /// Checks the next event: its place, its bytes, its hash, all that is stored of its content. Gives the event, and
    /// the summary of its question if that ended with it: the row to compare by [`compare`](Verifier::compare).
    ///
    /// # Errors
    /// The [`Finding`]; the walk ends there.
    pub fn event(
        &mut self,
        seq: u64,
        bytes: &[u8],
        hash: Sha256Hex,
        contents: &[StoredContent],
    ) -> Result<(StoredEvent, Option<QuestionSummary>), Finding> {
        let at = |question, what| Finding { seq: Some(seq), question, what };
        let expected = self.head.seq + 1;
        if seq != expected {
            return Err(at(None, What::Missing { expected }));
        }
        if Sha256Hex::of_pair(self.head.hash.as_bytes(), bytes) != hash {
            return Err(at(None, What::Hash));
        }

        let commitments = commitments(bytes).map_err(|what| at(None, what))?;
        for stored in contents {
            match commitments.get(&stored.role) {
                None => return Err(at(None, What::UnknownContent(stored.role))),
                Some(commitment) if *commitment != stored.commitment() => {
                    return Err(at(None, What::Content(stored.role)));
                }
                Some(_) => {}
            }
        }
        let sealed = contents.iter().find(|stored| stored.role == Role::Sealed);
        let event = StoredEvent::read(bytes, sealed.map(|stored| stored.content.bytes()))
            .map_err(|error| at(None, What::Unreadable(error.to_string())))?;
        if event.seq != seq {
            return Err(at(event.question, What::Misfiled));
        }

        let ended = self.fold(&event).map_err(|what| at(event.question, what))?;
        self.head = Head { seq, hash };
        self.last_at = Some(event.at);
        if self.known.is_some_and(|known| known.seq == seq && known.hash != hash) {
            return Err(at(event.question, What::Known(seq)));
        }
        self.contents += contents.len() as u64;
        self.pruned += commitments.len().saturating_sub(contents.len()) as u64;
        Ok((event, ended))
    }

    fn fold(&mut self, event: &StoredEvent) -> Result<Option<QuestionSummary>, What> {
        let Some(id) = event.question else {
            return match event.event {
                AuditEvent::Note(_) | AuditEvent::SettingsChanged(_) => Ok(None),
                AuditEvent::Received(_)
                | AuditEvent::Evaluated(_)
                | AuditEvent::Shown(_)
                | AuditEvent::Decided(_)
                | AuditEvent::Sent(_)
                | AuditEvent::Answered(_)
                | AuditEvent::Released(_)
                | AuditEvent::OpinionAsked(_)
                | AuditEvent::Opinion(_)
                | AuditEvent::Replied(_)
                | AuditEvent::ReplyFailed(_)
                | AuditEvent::Closed(_) => Err(What::Misfiled),
            };
        };
        let before = self.open.remove(&id);
        self.questions += u64::from(before.is_none());
        let after = QuestionSummary::apply(before, id, event.at, &event.event).map_err(What::Order)?;
        if after.outcome == Outcome::Open {
            self.open.insert(id, after);
            Ok(None)
        } else {
            Ok(Some(after))
        }
    }

    /// Compares a question's row with what its events say.
    ///
    /// # Errors
    /// The [`Finding`].
    pub fn compare(expected: &QuestionSummary, row: Option<&QuestionSummary>) -> Result<(), Finding> {
        let at = |what| Finding { seq: None, question: Some(expected.id), what };
        let Some(row) = row else {
            return Err(at(What::RowMissing));
        };
        match difference(expected, row) {
            Some(field) => Err(at(What::Row(field))),
            None => Ok(()),
        }
    }

    /// The questions that have not ended so far: their rows are compared last.
    pub fn open(&self) -> impl Iterator<Item = &QuestionSummary> {
        self.open.values()
    }

    /// Checks the end: the head that is stored, the head that was noted down, the number of rows.
    ///
    /// # Errors
    /// The [`Finding`].
    pub fn finish(self, stored: Head, rows: u64) -> Result<Report, Finding> {
        let at = |what| Finding { seq: None, question: None, what };
        if stored != self.head {
            return Err(at(What::Head { found: self.head.seq, expected: stored.seq }));
        }
        if let Some(known) = self.known
            && (known.seq > self.head.seq || (known.seq == 0 && known != Head::empty()))
        {
            return Err(at(What::Known(known.seq)));
        }
        if rows != self.questions {
            return Err(at(What::Rows { found: rows, expected: self.questions }));
        }
        let Self { head, last_at, questions, contents, pruned, .. } = self;
        Ok(Report { events: head.seq, questions, contents, pruned, last_at, head })
    }
}

fn commitments(bytes: &[u8]) -> Result<BTreeMap<Role, Sha256Hex>, What> {
    #[derive(serde::Deserialize)]
    struct Frame {
        contents: BTreeMap<Role, Sha256Hex>,
    }
    let frame: Frame = serde_json::from_slice(bytes).map_err(|error| What::Unreadable(error.to_string()))?;
    Ok(frame.contents)
}

/// The first field in which two summaries differ. Every field is named, so a new one cannot be forgotten.
fn difference(one: &QuestionSummary, other: &QuestionSummary) -> Option<&'static str> {
    macro_rules! first_difference {
        ($($field:ident),+ $(,)?) => {{
            let QuestionSummary { $($field),+ } = one;
            $(if *$field != other.$field {
                return Some(stringify!($field));
            })+
            None
        }};
    }
    first_difference!(
        id,
        at,
        kind,
        host,
        server,
        tool,
        call_id,
        round,
        outcome,
        decided_by,
        reviewer,
        context_class,
        answer_class,
        rules,
        reason,
        model,
        tokens_in,
        tokens_out,
        cost_microusd,
        request_sha256,
        approved_sha256,
        sent_sha256,
        wire_sha256,
        owner,
        first_line,
        attempts,
    )
}
