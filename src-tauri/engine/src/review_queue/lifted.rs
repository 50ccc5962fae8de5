//! Questions that wait while what they were asked for goes away: a server is approved, or its record renewed. They are
//! decided all the same, but must not go on saying what is not true any more.

use super::{ReviewQueue, entry::EntryState};
use crate::{pipeline::RECORD_DUE, wire::Suspended};

const LIFTED: &str =
    "The rules and grants of this server count again since this was asked: what comes next is judged by them.";

impl ReviewQueue {
    /// Says at what waits of a server that this does not suspend its rules and grants any more.
    pub(crate) fn lifted(&self, server: &str, why: &[Suspended]) {
        let waiting: Vec<_> = self.lock().values().filter(|entry| entry.provenance.server == server).cloned().collect();
        for entry in waiting {
            let mut state = entry.state();
            let is_it = state.evaluation.suspended.is_some_and(|suspended| why.contains(&suspended));
            if !is_it || state.ended.is_some() {
                continue;
            }
            state.evaluation.suspended = None;
            state.lifted = Some(std::mem::replace(&mut state.evaluation.reason, LIFTED.to_owned()));
            drop(state);
            self.touch(&entry);
        }
    }
}

impl EntryState {
    /// What is to be known besides, as far as it is still true.
    pub(super) fn still_true(&self, notes: &[String]) -> Vec<String> {
        let Some(was) = &self.lifted else { return notes.to_vec() };
        let rest = notes.iter().filter(|note| *note != was && !note.starts_with(RECORD_DUE));
        std::iter::once(LIFTED.to_owned()).chain(rest.cloned()).collect()
    }
}
