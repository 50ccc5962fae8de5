//! A host's tool call on its way to a server, as a question for the person.

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Asked, CallRef, Connection, Origin,
    receipt::{Delivery, Receipt},
};

impl Connection {
    /// The question whether this call, with these params as they came from the host, may be made on this connection.
    /// `withdrawn` fires when the host gives up; `receipt` tells what became of the reply.
    pub fn asked_by_host(&self, call: CallRef, params: Value, withdrawn: CancellationToken, receipt: Receipt) -> Asked {
        Asked {
            server: self.identity().clone(),
            method: call.kind.method().to_owned(),
            params,
            origin: Origin::Call(call),
            session: self.lasting_session(),
            round: 1,
            place: None,
            arrival: self.tap.arrivals.next(),
            arrived_at: Timestamp::now(),
            withdrawn,
            receipt,
            sight: self.sight(),
        }
    }
}

/// Tells what becomes of a reply to a host. Dropped without a word, the reply was not given.
#[derive(Debug, Default)]
pub struct HostReply(Delivery);

impl HostReply {
    /// What the pipeline waits on.
    pub fn receipt(&self) -> Receipt {
        self.0.receipt()
    }

    /// The reply was handed to the host's connection.
    pub fn handed_over(self) {
        self.0.settle(super::Sent::Written);
    }
}
