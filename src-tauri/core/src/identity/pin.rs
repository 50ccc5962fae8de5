//! An identity that was approved, and what was seen since that differs from it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Difference, Identity, differences};
use crate::canonical::Sha256Hex;

/// The identity of a server that was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The identity.
    pub identity: Identity,
    /// Names it.
    pub sha256: Sha256Hex,
    /// When it was approved.
    pub at: Timestamp,
    /// By whom; where nobody looked at it, who filled the record that it was pinned for.
    pub by: String,
    /// What was seen since, where it differs: rules and grants are suspended until a person approves it.
    pub drift: Option<Drift>,
}

/// An identity that is not what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The identity.
    pub identity: Identity,
    /// Names it.
    pub sha256: Sha256Hex,
    /// When it was seen first.
    pub at: Timestamp,
}

impl Pin {
    /// Pins an identity.
    pub fn new(identity: Identity, at: Timestamp, by: &str) -> Self {
        Self { sha256: identity.sha256(), identity, at, by: by.into(), drift: None }
    }

    /// What differs from what was approved.
    pub fn differences(&self) -> Vec<Difference> {
        self.drift.as_ref().map(|drift| differences(&self.identity, &drift.identity)).unwrap_or_default()
    }

    /// The pin after a look at the server; none: nothing is new. `afresh`: at the beginning of a connection. A server
    /// that changed while it ran is not trusted again because it changed back; one that is started anew and is exactly
    /// what was approved is what was approved.
    #[must_use]
    pub fn seen(&self, identity: &Identity, sha256: Sha256Hex, at: Timestamp, afresh: bool) -> Option<Self> {
        let drift = match &self.drift {
            Some(_) if sha256 == self.sha256 && afresh => None,
            _ if sha256 == self.sha256 => return None,
            Some(known) if known.sha256 == sha256 => return None,
            Some(_) | None => Some(Drift { identity: identity.clone(), sha256, at }),
        };
        Some(Self { drift, ..self.clone() })
    }

    /// The pin after a person approved what has this digest: what was seen last, or what was approved before. None:
    /// it is neither, so they looked at something else.
    #[must_use]
    pub fn approved(&self, sha256: Sha256Hex, at: Timestamp, by: &str) -> Option<Self> {
        match &self.drift {
            Some(drift) if drift.sha256 == sha256 => Some(Self::new(drift.identity.clone(), at, by)),
            _ if self.sha256 == sha256 => Some(Self::new(self.identity.clone(), at, by)),
            Some(_) | None => None,
        }
    }
}
