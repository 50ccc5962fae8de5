//! Addresses that a server wants opened before it makes a call (`-32042`, in 2025-11-25 only), and its word that what
//! was asked there is done (`notifications/elicitation/complete`).
//!
//! The error lists questions of the kind that a server asks by `elicitation/create`, so they go to the asker as such. No
//! reply goes to the server: it learns in the browser what the person did. Whether the call is made again is up to who made
//! it.

use std::collections::VecDeque;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    CallError, CallRef, Connection, Era, Refusal, Sent,
    receipt::Delivery,
    rounds::{Input, settle},
    sampling::ELICITATION,
};

const REQUIRED: i64 = -32042;
/// The one revision that has the error.
const REVISION: &str = "2025-11-25";
/// More at once are not examined by anybody.
const MOST: usize = 8;
/// How many addresses are remembered whose end the server may tell.
const KEPT: usize = 256;

pub(super) const COMPLETE: &str = "notifications/elicitation/complete";

/// The addresses a server asked to open and did not call done yet, by its id for them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Addresses(VecDeque<(String, Option<Uuid>)>);

impl Addresses {
    /// Remembers one that was asked in this call, as far as that is known.
    pub(super) fn note(&mut self, id: &str, call: Option<Uuid>) {
        self.0.retain(|(known, _)| known != id);
        self.0.push_back((id.to_owned(), call));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// Takes one that is done; none: it is not known, or was done before.
    pub(super) fn done(&mut self, id: &str) -> Option<Option<Uuid>> {
        let at = self.0.iter().position(|(known, _)| known == id)?;
        self.0.remove(at).map(|(_, call)| call)
    }
}

/// The id of an address that is asked to be opened.
pub(super) fn address_id(params: &Value) -> Option<&str> {
    let is_url = params.get("mode").and_then(Value::as_str) == Some("url");
    params.get("elicitationId").and_then(Value::as_str).filter(|id| is_url && !id.is_empty())
}

/// What a failed call wants opened first, as params of `elicitation/create`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted(Vec<Value>);

/// What came of asking the person.
#[derive(Debug)]
pub enum Opened {
    /// They opened all of it.
    All,
    /// They did not.
    No,
    /// It could not be asked.
    Refused(Refusal),
}

impl Connection {
    /// What a call that failed like this wants opened first; none: it is another failure, or one that the server's
    /// revision does not have, or the server was not told that it may ask.
    pub fn wants_opened(&self, error: &CallError) -> Option<Wanted> {
        let CallError::Protocol { code: REQUIRED, data: Some(data), .. } = error else { return None };
        if self.identity.era != Era::Legacy
            || self.identity.protocol_version != REVISION
            || !self.tap.declare.allows(ELICITATION)
        {
            return None;
        }
        read(data)
    }

    /// Asks the person to open it, all at once. Dropping the future, or the end of the connection, withdraws the questions.
    ///
    /// # Errors
    /// The caller gave up, or the connection ended.
    pub async fn ask_to_open(
        &self,
        call: &CallRef,
        wanted: Wanted,
        cancel: &CancellationToken,
    ) -> Result<Opened, CallError> {
        // Under way as long as the person thinks, so that nobody takes the connection for an idle one.
        let mut guard = self.tap.begin(call.clone(), None, None);
        let inputs: Vec<Input> = wanted
            .0
            .into_iter()
            .enumerate()
            .map(|(at, params)| {
                self.tap.note_address(&params, Some(call.call_id));
                Input { key: at.to_string(), method: ELICITATION.to_owned(), params }
            })
            .collect();
        let replies: Vec<Delivery> = inputs.iter().map(|_| Delivery::default()).collect();
        let answers = tokio::select! {
            answers = self.ask_all(call, 1, inputs, &replies) => answers,
            () = cancel.cancelled() => return Err(CallError::Cancelled),
            () = self.tap.gone.cancelled() => {
                settle(&replies, &Sent::Failed(self.tap.why()));
                return Err(CallError::Closed { why: self.tap.why(), stderr: self.stderr() });
            }
        };
        guard.answered();
        settle(&replies, &Sent::Nothing);
        let is_accepted = |answer: &Value| answer.get("action").and_then(Value::as_str) == Some("accept");
        Ok(match answers {
            Ok(answers) if answers.iter().flatten().all(|(_, answer)| is_accepted(answer)) => Opened::All,
            Ok(_) => Opened::No,
            Err(refusal) => Opened::Refused(refusal),
        })
    }
}

fn read(data: &Value) -> Option<Wanted> {
    let wanted = data.get("elicitations")?.as_array()?;
    let is_whole = |params: &Value| {
        // Anything else would be shown as a question of another kind.
        address_id(params).is_some() && params.get("url").is_some_and(Value::is_string)
    };
    let fits = (1..=MOST).contains(&wanted.len()) && wanted.iter().all(is_whole);
    fits.then(|| Wanted(wanted.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_lists_of_addresses_are_asked() {
        let one = || json!({"mode": "url", "elicitationId": "e", "url": "https://example.org", "message": "m", "x": 1});
        assert_eq!(read(&json!({"elicitations": [one()], "more": 1})), Some(Wanted(vec![one()])));
        let without = |member: &str| {
            let mut params = one();
            params.as_object_mut().expect("an object").remove(member);
            params
        };
        for bad in [
            json!(null),
            json!({}),
            json!({"elicitations": {}}),
            json!({"elicitations": []}),
            json!({"elicitations": [one(), "x"]}),
            json!({"elicitations": [one(), without("mode")]}),
            json!({"elicitations": [without("elicitationId")]}),
            json!({"elicitations": [without("url")]}),
            json!({"elicitations": [{"mode": "form", "elicitationId": "e", "url": "", "requestedSchema": {}}]}),
            json!({"elicitations": vec![one(); MOST + 1]}),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_done_once_and_no_more_are_kept_than_fit() {
        let (mut addresses, call) = (Addresses::default(), Uuid::now_v7());
        addresses.note("a", Some(call));
        addresses.note("b", None);
        assert_eq!(addresses.done("a"), Some(Some(call)));
        assert_eq!((addresses.done("a"), addresses.done("x")), (None, None));
        for id in 0..KEPT {
            addresses.note(&id.to_string(), None);
        }
        assert_eq!((addresses.done("b"), addresses.done("0")), (None, Some(None)));
    }
}
