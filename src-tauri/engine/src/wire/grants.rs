//! Grants: what a person allowed beyond the question they looked at.

use samplegate_core::policy::Scope;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Gates;

/// Until when a grant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum GrantScope {
    /// Whatever this tool call still asks.
    Call,
    /// For 15 minutes.
    Minutes,
    /// Until the server is started anew.
    Session,
    /// Until it is revoked.
    Always,
}

impl From<GrantScope> for Scope {
    fn from(scope: GrantScope) -> Self {
        match scope {
            GrantScope::Call => Self::Call,
            GrantScope::Minutes => Self::Minutes,
            GrantScope::Session => Self::Session,
            GrantScope::Always => Self::Always,
        }
    }
}

/// This time only is no grant.
#[derive(Debug)]
pub struct NoGrant;

impl TryFrom<Scope> for GrantScope {
    type Error = NoGrant;

    fn try_from(scope: Scope) -> Result<Self, NoGrant> {
        match scope {
            Scope::Once => Err(NoGrant),
            Scope::Call => Ok(Self::Call),
            Scope::Minutes => Ok(Self::Minutes),
            Scope::Session => Ok(Self::Session),
            Scope::Always => Ok(Self::Always),
        }
    }
}

/// How far a decision may reach. This time only is always offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    /// The scopes beyond this time, the narrowest first.
    pub scopes: Vec<ScopeView>,
    /// Why there are none, in a sentence.
    pub only_once: Option<String>,
    /// Why a grant that is about this question does not cover it, in a sentence.
    pub missed: Option<String>,
}

/// A scope that a decision may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ScopeView {
    /// Which.
    pub scope: GrantScope,
    /// Until when, in words.
    pub words: String,
    /// Exactly what would be allowed, in a sentence.
    pub says: String,
    /// The same where the answers are let through too; none at the answer gate.
    pub with_answers: Option<String>,
}

/// A grant that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// Its id, as the log names it.
    pub id: String,
    /// What it allows, in a sentence.
    pub sentence: String,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// The gates it lets through.
    pub gates: Gates,
    /// Until when.
    pub scope: GrantScope,
    /// When it ends by itself, RFC 3339 UTC; none where no time is set.
    pub until: Option<String>,
    /// When it was given, RFC 3339 UTC.
    pub given_at: String,
    /// By whom.
    pub reviewer: String,
    /// The question that was looked at, as in the audit log.
    pub question: String,
    /// How many decisions it made.
    pub used: u32,
    /// When it made the last one, RFC 3339 UTC.
    pub used_at: Option<String>,
    /// Why it allows nothing at the moment, in a sentence; none: it does.
    pub suspended: Option<String>,
}
