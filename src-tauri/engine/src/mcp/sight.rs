//! What a connection has seen of its server's identity, as questions on it are judged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use samplegate_core::{canonical::Sha256Hex, identity::Identity, inspect::FindingKind};
use tokio::sync::watch;

/// A question waits this long for a listing that is under way. A server that does not list meanwhile is judged as one
/// that is not known.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same where nobody is there who could be asked instead: on a busy machine fifty servers take longer to start.
const PATIENCE_ALONE: Duration = Duration::from_secs(20);

/// An identity as it was seen on a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The identity.
    pub identity: Identity,
    /// Names it.
    pub sha256: Sha256Hex,
    /// What is hidden or misleading in what it says of itself and its tools.
    pub flagged: Option<FindingKind>,
    /// Whether it is what the connection saw first.
    pub afresh: bool,
}

/// Looks at what was seen last; none while that is not known: before the first listing, and from the word that the tools
/// changed until they are listed again.
#[derive(Debug, Clone)]
pub struct Sight(watch::Receiver<Option<Arc<Seen>>>);

impl Sight {
    /// What was seen last.
    pub fn now(&self) -> Option<Arc<Seen>> {
        self.0.borrow().clone()
    }

    /// What was seen last, after a listing that is under way.
    pub async fn settled(&self) -> Option<Arc<Seen>> {
        self.settled_within(PATIENCE).await
    }

    /// The same, with the patience of those who cannot ask anybody instead.
    pub async fn settled_alone(&self) -> Option<Arc<Seen>> {
        self.settled_within(PATIENCE_ALONE).await
    }

    async fn settled_within(&self, patience: Duration) -> Option<Arc<Seen>> {
        let mut seen = self.0.clone();
        let known = tokio::time::timeout(patience, seen.wait_for(Option::is_some)).await;
        known.ok().and_then(Result::ok).and_then(|seen| seen.clone())
    }
}

/// Where a connection notes what it saw.
#[derive(Debug)]
pub(super) struct Sighting {
    seen: watch::Sender<Option<Arc<Seen>>>,
    /// How often the server said that its tools changed.
    changes: AtomicU64,
    any: AtomicBool,
}

impl Default for Sighting {
    fn default() -> Self {
        Self { seen: watch::Sender::new(None), changes: AtomicU64::new(0), any: AtomicBool::new(false) }
    }
}

impl Sighting {
    pub(super) fn sight(&self) -> Sight {
        Sight(self.seen.subscribe())
    }

    /// The tools may be others now.
    pub(super) fn unsettle(&self) {
        self.seen.send_modify(|seen| {
            self.changes.fetch_add(1, Ordering::Relaxed);
            *seen = None;
        });
    }

    /// How often it was unsettled, to be taken when a listing arrives.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Notes what was listed, unless the tools changed since it arrived.
    pub(super) async fn note(&self, identity: Identity, changes: u64) {
        // A listing can be long, and is inspected.
        let looked = tokio::task::spawn_blocking(move || (identity.sha256(), identity.flagged(), identity)).await;
        let Ok((sha256, flagged, identity)) = looked else { return };
        self.seen.send_modify(|seen| {
            if self.changes() == changes {
                let afresh = !self.any.swap(true, Ordering::Relaxed);
                *seen = Some(Arc::new(Seen { identity, sha256, flagged, afresh }));
            }
        });
    }
}
