//! Calls that wait until their host, of 2026-07-28, answers what it was asked in a result and sends the call again.
//!
//! The call to the server goes on meanwhile; what the host gets as `requestState` names it. It is signed, so nobody can
//! make one up; it counts for the host, the endpoint and the params that it was given for, once and for an hour.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Endpoint, calls::Running, failure::Failure};
use crate::mcp::Marks;

/// How long a host may take.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// More calls of a host do not wait at once.
const MOST: usize = 256;
/// What the signature is for.
const PURPOSE: &str = "requestState";

/// What has to be the same when a call is sent again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SameCall {
    pub(super) host: String,
    pub(super) endpoint: Endpoint,
    pub(super) method: String,
    /// Without what answers questions, and `_meta`.
    pub(super) params: Map<String, Value>,
}

/// The calls that wait, by what their state names. Dropped, a call is given up.
#[derive(Default)]
pub(super) struct Parked(Mutex<HashMap<Uuid, (SameCall, Timestamp, Running)>>);

impl Parked {
    fn calls(&self) -> MutexGuard<'_, HashMap<Uuid, (SameCall, Timestamp, Running)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a call, and gives its state.
    ///
    /// # Errors
    /// Too many calls of this host wait; this one is given up.
    pub(super) fn keep(&self, call: SameCall, running: Running, marks: &Marks) -> Result<String, Failure> {
        let mut calls = self.calls();
        if calls.values().filter(|(other, ..)| other.host == call.host).count() >= MOST {
            let why = format!("{MOST} calls of this host wait for its answers already; answer some of them first");
            return Err(Failure::internal(why));
        }
        let (id, now) = (Uuid::new_v4(), Timestamp::now());
        let until = now.checked_add(KEPT).unwrap_or(Timestamp::MAX);
        calls.insert(id, (call, until, running));
        Ok(marks.signed(PURPOSE, &format!("{}.{}", id.simple(), until.as_second())))
    }

    /// Takes the call that a state names.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub(super) fn take(&self, state: &Value, call: &SameCall, marks: &Marks) -> Result<Running, Failure> {
        let unknown = || {
            Failure::params(
                "requestState is none that this gateway gave: send it back exactly as it came, or make the call anew \
                 without it",
            )
        };
        let said = state.as_str().and_then(|state| marks.said(PURPOSE, state)).ok_or_else(unknown)?;
        let (id, until) = said.split_once('.').ok_or_else(unknown)?;
        let id: Uuid = id.parse().map_err(|_| unknown())?;
        let until: i64 = until.parse().map_err(|_| unknown())?;
        let mut calls = self.calls();
        match calls.get(&id) {
            Some((same, ..)) if same != call => Err(Failure::params(
                "requestState belongs to another call: a call is sent again with the same name and arguments, by the \
                 same host, at the same endpoint",
            )),
            Some(_) if Timestamp::now().as_second() < until => {
                calls.remove(&id).map(|(.., running)| running).ok_or_else(unknown)
            }
            None if Timestamp::now().as_second() < until => Err(Failure::params(
                "requestState was used already, or Samplegate was started anew since: make the call anew without it",
            )),
            Some(_) | None => Err(Failure::params(
                "requestState has expired: its call waited for an hour and was given up; make the call anew without it",
            )),
        }
    }

    /// Gives up the calls that waited too long.
    pub(super) fn tidy(&self) {
        let now = Timestamp::now();
        self.calls().retain(|_, (_, until, _)| *until > now);
    }

    /// Gives up the calls of a host; none: of all.
    pub(super) fn end(&self, host: Option<&str>) {
        self.calls().retain(|_, (call, ..)| host.is_some_and(|host| call.host != host));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_expired_says_so() {
        let (marks, parked) = (Marks::alone(), Parked::default());
        let params = Map::new();
        let call = SameCall { host: "h".into(), endpoint: Endpoint::All, method: "tools/call".into(), params };
        let id = Uuid::new_v4().simple().to_string();
        let take = |until: i64| {
            let state = marks.signed(PURPOSE, &format!("{id}.{until}"));
            parked.take(&state.into(), &call, &marks).err().unwrap().message
        };
        let now = Timestamp::now().as_second();
        assert!(take(now - 1).contains("has expired"));
        assert!(take(now + 60).contains("used already"));
        let other = marks.signed("chain", &format!("{id}.{}", now + 60));
        let why = parked.take(&other.into(), &call, &marks).err().unwrap().message;
        assert!(why.contains("none that this gateway gave"), "a signature is for one purpose");
    }
}
