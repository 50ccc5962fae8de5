//! What a person may do to a model that is answering, and what is told meanwhile.

use tokio_util::sync::CancellationToken;

/// Stops or cancels a call. Clones act on the same call.
#[derive(Debug, Clone)]
pub struct Control {
    cancel: CancellationToken,
    /// Also set by `cancel`.
    stop: CancellationToken,
}

impl Default for Control {
    fn default() -> Self {
        let cancel = CancellationToken::new();
        Self { stop: cancel.child_token(), cancel }
    }
}

impl Control {
    /// Stops the model: what has come so far is the answer.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Cancels the call: there is no answer.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until the call is stopped or cancelled.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until the call is cancelled.
    pub(super) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}

/// What happens while a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The bytes go out now.
    Sending,
    /// More text of the answer.
    Text(String),
    /// The model's real name.
    Model(String),
    /// Why no text comes: the server asks to wait, the model is thinking, a tool call is being written.
    Waiting(String),
}
