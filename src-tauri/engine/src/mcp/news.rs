//! What a server tells besides results and questions, as it came: progress, log messages, changes of its lists.
//!
//! What belongs to a call goes to its caller, in the order of the wire; the rest to whoever listens to the connection.

use serde_json::Value;
use tokio::sync::broadcast;

/// A caller or a listener that does not keep up misses the oldest of so many.
pub const KEPT_NEWS: usize = 256;

/// A notification of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// Its method.
    pub method: String,
    /// Its params, unknown members included; null where there were none.
    pub params: Value,
}

/// What no call is told, for whoever listens to the connection.
#[derive(Debug)]
pub(super) struct Relay(broadcast::Sender<News>);

impl Default for Relay {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT_NEWS))
    }
}

impl Relay {
    pub(super) fn tell(&self, news: News) {
        // Nobody listening is no error.
        let _ = self.0.send(news);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}
