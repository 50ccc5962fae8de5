//! What became of a reply: whether its bytes went out.
//!
//! The connection holds a [`Delivery`] for each question and settles it once; the asker waits on the [`Receipt`].

use std::sync::Arc;

use tokio::sync::watch;

/// What became of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Written to the server's input and flushed, or the POST that carried it was accepted. Whether the server read it
    /// cannot be known.
    Written,
    /// It was to be written and was not; says why.
    Failed(String),
    /// It was not to be written any more, or never: the server took its question back, the call was given up, or the
    /// protocol has no place for it (a refusal in the 2026-07-28 revision); says why.
    Unwanted(String),
    /// There is none: the server learns elsewhere what was done.
    Nothing,
}

/// Tells the asker what became of its reply. The first word counts; without one, the reply is [`Sent::Unwanted`].
#[derive(Debug, Clone)]
pub(super) struct Delivery(Arc<watch::Sender<Option<Sent>>>);

impl Default for Delivery {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Delivery {
    pub(super) fn receipt(&self) -> Receipt {
        Receipt(self.0.subscribe())
    }

    pub(super) fn settle(&self, sent: Sent) {
        self.0.send_if_modified(|settled| {
            let first = settled.is_none();
            if first {
                *settled = Some(sent);
            }
            first
        });
    }
}

/// Says what became of a reply, once that is known.
#[derive(Debug, Clone)]
pub struct Receipt(watch::Receiver<Option<Sent>>);

impl Receipt {
    /// Waits until the reply was written or will not be, at the latest until the connection has ended.
    pub async fn sent(&self) -> Sent {
        let mut settled = self.0.clone();
        let settled = settled.wait_for(Option::is_some).await;
        settled.ok().and_then(|sent| sent.clone()).unwrap_or_else(|| Sent::Unwanted("the call was given up".to_owned()))
    }
}

/// The replies that one message carries; where they are dropped unsettled, they were not written.
#[derive(Debug, Default)]
pub(super) struct Carried(Vec<Delivery>);

impl Carried {
    pub(super) fn settle(self, sent: &Sent) {
        for delivery in &self.0 {
            delivery.settle(sent.clone());
        }
    }
}

impl From<Vec<Delivery>> for Carried {
    fn from(deliveries: Vec<Delivery>) -> Self {
        Self(deliveries)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        for delivery in &self.0 {
            delivery.settle(Sent::Failed("the connection ended before it was written".to_owned()));
        }
    }
}
