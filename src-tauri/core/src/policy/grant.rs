//! Grants: what a person allowed in a review window beyond the one question they looked at.
//!
//! A grant lives in the database, not in the file: it is made with a click, ends by itself, and is revoked in one
//! place. It allows what looks like what was allowed, and falls back to asking when that changes: another system
//! prompt, a request much larger, a server whose identity drifted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Case;
use crate::{audit::Gate, canonical::Sha256Hex};

/// How long a grant of limited time lasts.
pub const MINUTES: i64 = 15;

/// A request may be this many times as large as the one that was looked at.
const GROWTH: usize = 2;

/// How far a decision reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This question only.
    Once,
    /// Whatever this tool call still asks.
    Call,
    /// For 15 minutes.
    Minutes,
    /// Until the server is started anew.
    Session,
    /// Until it is revoked.
    Always,
}

impl Scope {
    /// Every scope, the narrowest first.
    pub const ALL: [Self; 5] = [Self::Once, Self::Call, Self::Minutes, Self::Session, Self::Always];

    /// The name used in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Call => "call",
            Self::Minutes => "minutes",
            Self::Session => "session",
            Self::Always => "always",
        }
    }
}

/// Until when a grant holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "until", rename_all = "snake_case")]
pub enum Until {
    /// While this call runs.
    Call {
        /// Its id.
        call_id: String,
    },
    /// Until this moment.
    Time {
        /// The first moment at which it holds no more.
        at: Timestamp,
    },
    /// While this connection to the server lives.
    Session {
        /// Its id.
        session: String,
    },
    /// Until it is revoked.
    Revoked,
}

/// What a grant was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// SHA-256 of the system prompt; none: there was none.
    pub system_prompt: Option<Sha256Hex>,
    /// Bytes of the request that was looked at.
    pub bytes: usize,
    /// Whether it asked for context or brought tools: a grant never covers either where it did not.
    pub tools: Vec<String>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The gate it lets through.
    pub gate: Gate,
    /// The server.
    pub server: String,
    /// The tool whose call leads to the question.
    pub tool: String,
    /// Until when.
    #[serde(flatten)]
    pub until: Until,
    /// What it was given for.
    pub shape: Shape,
    /// When it was given.
    pub given_at: Timestamp,
    /// By whom.
    pub reviewer: String,
}

impl Grant {
    /// Whether it allows this case, whose system prompt has this digest. Never where the tool is not known for certain.
    pub fn allows(&self, case: &Case<'_>, system_prompt: Option<Sha256Hex>) -> bool {
        let facts = case.facts;
        self.gate == case.gate
            && self.server == case.server
            && case.tool == Some(self.tool.as_str())
            && match &self.until {
                Until::Call { call_id } => case.call_id == Some(call_id.as_str()),
                Until::Time { at } => case.now < *at,
                Until::Session { session } => case.session == Some(session.as_str()),
                Until::Revoked => true,
            }
            && facts.bytes <= self.shape.bytes.saturating_mul(GROWTH)
            && facts.tools.iter().all(|tool| self.shape.tools.contains(tool))
            && !facts.asks_for_context
            && system_prompt == self.shape.system_prompt
    }

    /// The grant in a sentence.
    pub fn sentence(&self) -> String {
        let what = match self.gate {
            Gate::Request => "requests",
            Gate::Answer => "answers",
        };
        let until = match &self.until {
            Until::Call { .. } => "while this call runs".to_owned(),
            Until::Time { .. } => format!("for {MINUTES} minutes"),
            Until::Session { .. } => "until the server is started anew".to_owned(),
            Until::Revoked => "until you revoke it".to_owned(),
        };
        format!("You let {what} of {}, {}, through {until}", self.server, self.tool)
    }
}
