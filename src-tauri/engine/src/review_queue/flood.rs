//! Too many questions: those that are alike fold into one card, a server can be muted, and one that is denied again and
//! again can be blocked.
//!
//! Invariant: none of this decides anything. A muted server's questions wait as all others do, without a popup.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use samplegate_core::inspect::Fingerprint;

use super::{Entry, ReviewQueue};
use crate::wire::{Muted, Phase, QuestionKind, ReviewSummary, Topic};

/// Fewer than this that are alike are shown each by itself.
const FOLD_FROM: usize = 4;
/// For how long a server is muted.
const MUTE_MINUTES: u64 = 10;
/// So many denials of a server,
const OFTEN: usize = 3;
/// within this time, are quick denials.
const QUICK: Duration = Duration::from_secs(60);

/// What a person did about servers that ask too much. It lasts as long as the process.
#[derive(Debug, Default)]
pub(super) struct Flood {
    muted: HashMap<String, Timestamp>,
    denied: HashMap<String, VecDeque<Instant>>,
}

impl ReviewQueue {
    /// Shows no popups about a server for ten minutes. Its questions wait.
    pub fn mute(&self, server: &str) {
        let until = Timestamp::now() + SignedDuration::from_mins(MUTE_MINUTES.cast_signed());
        self.flood().muted.insert(server.to_owned(), until);
        self.changed(Topic::Status, None);
        let (queue, server) = (self.clone(), server.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(MUTE_MINUTES * 60)).await;
            // Muted anew meanwhile, it ends later.
            let is_over = queue.flood().muted.get(&server).is_some_and(|end| *end <= until);
            if is_over {
                queue.unmute(&server);
            }
        });
    }

    /// Shows popups about a server again, and about what came meanwhile.
    pub fn unmute(&self, server: &str) {
        self.flood().muted.remove(server);
        self.changed(Topic::Status, None);
        self.changed(Topic::Review, None);
    }

    /// The servers that are muted, and until when.
    pub fn muted(&self) -> Vec<Muted> {
        let mut muted: Vec<Muted> = self
            .flood()
            .muted
            .iter()
            .map(|(server, until)| Muted { server: server.clone(), until: samplegate_core::audit::format_time(*until) })
            .collect();
        muted.sort_by(|a, b| a.server.cmp(&b.server));
        muted
    }

    /// Whether no popups are wanted about a server.
    pub fn is_muted(&self, server: &str) -> bool {
        self.flood().muted.contains_key(server)
    }

    /// The servers that a person denied three times within a minute, sorted.
    pub fn often_denied(&self) -> Vec<String> {
        let flood = self.flood();
        let quick = |times: &VecDeque<Instant>| times.len() >= OFTEN && times.iter().all(|at| at.elapsed() < QUICK);
        let mut often: Vec<String> =
            flood.denied.iter().filter(|(_, times)| quick(times)).map(|(server, _)| server.clone()).collect();
        often.sort();
        often
    }

    /// Forgets that a server was denied often: it was blocked, or the person does not want to.
    pub fn forget_denials(&self, server: &str) {
        self.flood().denied.remove(server);
        self.changed(Topic::Status, None);
    }

    /// Waits until what was decided about all questions of a server is done, five seconds at most.
    pub(crate) async fn ended(&self, server: &str) {
        let mut changes = self.changes.subscribe();
        let under_way = || self.lock().values().any(|entry| entry.provenance.server == server && !entry.has_ended());
        let all = async {
            while under_way() {
                // A lagging listener has missed some, and looks again all the same.
                let _ = changes.recv().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), all).await;
    }

    pub(super) fn note_denial(&self, server: &str) {
        let often = {
            let mut flood = self.flood();
            let times = flood.denied.entry(server.to_owned()).or_default();
            times.push_back(Instant::now());
            while times.len() > OFTEN {
                times.pop_front();
            }
            times.len() == OFTEN
        };
        if often {
            self.changed(Topic::Status, None);
        }
    }
}

/// Says of each question at the request gate which one it folds into, the oldest that is nearly the same and from the
/// same server, and how many do; fewer than four fold into none.
pub(super) fn fold<'e>(entries: impl Iterator<Item = &'e Entry>, summaries: &mut [ReviewSummary]) {
    struct Card<'e> {
        server: &'e str,
        kind: QuestionKind,
        fingerprint: Fingerprint,
        id: String,
        members: Vec<usize>,
    }
    let mut cards: Vec<Card<'_>> = Vec::new();
    for (at, entry) in entries.enumerate() {
        if summaries[at].phase != Phase::Request {
            continue;
        }
        let (server, fingerprint) = (entry.provenance.server.as_str(), entry.fingerprint);
        let kind = summaries[at].kind;
        let alike = |card: &&mut Card<'_>| {
            card.server == server
                && card.kind == kind
                && (card.fingerprint == fingerprint || card.fingerprint.is_near(fingerprint))
        };
        match cards.iter_mut().find(alike) {
            Some(card) => card.members.push(at),
            None => cards.push(Card { server, kind, fingerprint, id: summaries[at].id.clone(), members: vec![at] }),
        }
    }
    for card in cards.into_iter().filter(|card| card.members.len() >= FOLD_FROM) {
        for member in &card.members {
            summaries[*member].folds_into.clone_from(&card.id);
            summaries[*member].alike = u32::try_from(card.members.len()).unwrap_or(u32::MAX);
        }
    }
}
