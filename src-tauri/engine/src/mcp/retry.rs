//! Tools that could not be listed are asked for again, after a pause that doubles.

use std::time::Duration;

use serde_json::Value;

use super::{CallError, Timing};

/// When tools that could not be listed are asked for again.
pub(super) struct Retry {
    timing: Timing,
    pause: Option<Duration>,
}

impl Retry {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, pause: None }
    }

    /// Notes how a listing went; gives why it failed, and whether it came off after one that failed.
    pub(super) fn listed(&mut self, listed: &Result<Vec<Value>, CallError>) -> (Option<String>, bool) {
        match listed {
            Ok(_) => (None, self.pause.take().is_some()),
            Err(error) => {
                self.pause = Some(self.pause.map_or(self.timing.first_pause, |pause| self.timing.after(pause)));
                (Some(error.to_string()), false)
            }
        }
    }

    /// Waits until it is time; for ever where the last listing came off.
    pub(super) async fn due(&self) {
        match self.pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    }
}
