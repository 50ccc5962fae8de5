//! From what arrived as one, a line or an event, to the messages that the library may see.

use serde_json::Value;

use super::{Arrival, Filtered, Tap};
use crate::mcp::{event, event_stream::Data};

impl Tap {
    /// The messages in it, sorted by [`Tap::incoming`]; what is no JSON is noted and left out.
    ///
    /// # Errors
    /// Why the connection must end: something too large that cannot be refused.
    pub(in crate::mcp) fn messages(&self, data: Data, arrival: Arrival<'_>) -> Result<Vec<Value>, String> {
        let filtered = match data {
            Data::None => Vec::new(),
            Data::Whole(data) => {
                let text = data.trim_ascii();
                match serde_json::from_slice::<Value>(text) {
                    _ if text.is_empty() => Vec::new(),
                    // 2025-03-26 allows batches.
                    Ok(Value::Array(batch)) => {
                        let share = text.len() / batch.len().max(1);
                        batch.into_iter().map(|message| self.incoming(message, share, arrival)).collect()
                    }
                    Ok(message) => vec![self.incoming(message, text.len(), arrival)],
                    Err(_) => {
                        self.note(event::bad_line(text));
                        Vec::new()
                    }
                }
            }
            Data::Oversized(remains) => match self.oversized(remains.outline(), remains.bytes) {
                Some(filtered) => vec![filtered],
                None => {
                    return Err(format!("the server sent a message of {} bytes that cannot be refused", remains.bytes));
                }
            },
        };
        let seen = filtered.into_iter().filter_map(|filtered| match filtered {
            Filtered::Pass(message) | Filtered::Replace(message) => Some(message),
            Filtered::Done => None,
        });
        Ok(seen.collect())
    }
}
