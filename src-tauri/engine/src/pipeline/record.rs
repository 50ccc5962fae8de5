//! A question's line in the audit log: events are noted as they happen and made durable together before an effect.

use std::sync::PoisonError;

use samplegate_core::{
    audit::{AuditEvent, Content, DecidedBy, NewEvent, QuestionId, Received, Released, Role},
    policy::Grant,
};
use serde_json::Value;

use super::{End, LogTrouble};
use crate::store::{Admitted, Asking, Before, GuardChange, Store, StoreError};

/// The events of one question.
#[derive(Debug)]
pub(super) struct Record {
    store: Store,
    trouble: LogTrouble,
    id: QuestionId,
    noted: Vec<NewEvent>,
    /// Changes that belong to what is noted.
    changes: Vec<GuardChange>,
    /// Whether the log knows this question.
    durable: bool,
}

impl Record {
    pub(super) fn new(store: Store, trouble: LogTrouble, id: QuestionId) -> Self {
        Self { store, trouble, id, noted: Vec::new(), changes: Vec::new(), durable: false }
    }

    pub(super) fn id(&self) -> QuestionId {
        self.id
    }

    /// Notes an event; it is durable after the next [`Record::flush`].
    pub(super) fn note(&mut self, event: impl Into<AuditEvent>) {
        self.noted.push(NewEvent::new(self.id, jiff::Timestamp::now(), event));
    }

    /// Notes an event with content.
    pub(super) fn note_with(&mut self, event: impl Into<AuditEvent>, role: Role, content: Content) {
        self.noted.push(NewEvent::new(self.id, jiff::Timestamp::now(), event).with(role, content));
    }

    /// Notes a grant: it is made in the transaction of the decision that was noted with it.
    pub(super) fn granted(&mut self, grant: Grant, owner: &str) {
        self.changes.push(GuardChange::Grant { grant: Box::new(grant), owner: owner.to_owned() });
    }

    pub(super) fn received(&mut self, event: Received, params: &Value, arguments: Option<&Value>) {
        let mut event = NewEvent::received(self.id, jiff::Timestamp::now(), event, Content::json(params));
        if let Some(arguments) = arguments {
            event = event.with(Role::Arguments, Content::json(arguments));
        }
        self.noted.push(event);
    }

    pub(super) fn released(&mut self, event: Released, result: &Value) {
        self.note_with(event, Role::Released, Content::json(result));
    }

    /// Judges the question by what was there before it, and makes everything noted so far durable with what came of
    /// that, in one transaction.
    pub(super) async fn admit<T: Send + 'static>(
        &mut self,
        asking: Asking,
        judge: impl Fn(&Before) -> (Admitted, T) + Send + 'static,
    ) -> Result<T, End> {
        let noted = std::mem::take(&mut self.noted);
        let store = self.store.clone();
        let admitted = store.admit(asking, move |before| {
            let (mut admitted, result) = judge(before);
            admitted.events.splice(0..0, noted.iter().cloned());
            (admitted, result)
        });
        self.written(admitted).await
    }

    /// Makes everything noted durable. No effect may come before this.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        if self.noted.is_empty() {
            return Ok(());
        }
        let (noted, changes) = (std::mem::take(&mut self.noted), std::mem::take(&mut self.changes));
        let store = self.store.clone();
        self.written(store.append_with(noted, changes)).await.map(drop)
    }

    /// Makes everything noted durable, a moment later: for what nothing waits for.
    pub(super) async fn flush_soon(&mut self) -> Result<(), End> {
        let noted = std::mem::take(&mut self.noted);
        let store = self.store.clone();
        self.written(store.append_soon(noted)).await.map(drop)
    }

    async fn written<T>(&mut self, written: impl Future<Output = Result<T, StoreError>>) -> Result<T, End> {
        // Stays so where this is dropped half way: the write goes on then.
        let known = std::mem::replace(&mut self.durable, true);
        let written = written.await;
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) =
            written.as_ref().err().map(|error| format!("Nothing can be decided now: {error}"));
        match written {
            Ok(written) => Ok(written),
            Err(error) => {
                self.durable = known;
                tracing::error!(question = %self.id, "the audit log cannot be written: {error}");
                let why = format!("the audit log cannot be written, so the answer is no: {error}");
                Err(End { decided: false, ..End::denied(DecidedBy::Nobody, why) })
            }
        }
    }

    /// Whether the log knows this question, and so must learn of its end.
    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }
}
