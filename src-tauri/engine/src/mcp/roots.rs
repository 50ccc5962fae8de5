//! The roots of a server (`roots/list`): told at once, because a person picked them for it.
//!
//! Up to 2025-11-25 a server asks whenever it likes, and hears when they changed; from 2026-07-28 it asks in a result.
//! The settings say what they are at that moment ([`Asker::roots`](super::Asker::roots)). A folder that is not there is
//! left out, and that is said.

use rmcp::model::{ClientNotification, CustomNotification};
use samplegate_core::settings::{root_name, root_uri};
use serde_json::{Value, json};

use super::{Asker, Connection, Era, ServerEvent, tap::Tap};

/// The method.
pub(super) const ROOTS: &str = "roots/list";
const CHANGED: &str = "notifications/roots/list_changed";

/// The result for a server, and a word of it for the log where it is another one than was told last.
pub(super) async fn told(tap: &Tap, asker: &dyn Asker) -> Value {
    let (mut told, mut missing) = (Vec::new(), Vec::new());
    for root in asker.roots(&tap.server) {
        let is_there = tokio::fs::metadata(&root).await.is_ok_and(|found| found.is_dir());
        if is_there { told.push(root) } else { missing.push(root) }
    }
    let result = json!({
        "roots": told.iter().map(|root| json!({"uri": root_uri(root), "name": root_name(root)})).collect::<Vec<_>>(),
    });
    tap.note_roots(ServerEvent::Roots { told, missing });
    result
}

impl Connection {
    /// Says that the roots are others now, to a server that is told so and not only when it asks.
    pub(super) async fn roots_changed(&self) {
        if self.identity.era == Era::Legacy && self.tap.declare.roots {
            let changed = ClientNotification::CustomNotification(CustomNotification::new(CHANGED, None));
            // A server that is gone needs to hear nothing.
            let _ = self.peer.send_notification(changed).await;
        }
    }
}
