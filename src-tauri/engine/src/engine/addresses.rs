//! Calls that fail because an address must be opened first: the person is asked here, and whoever called may call again.

use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::mcp::{CallError, CallRef, Connection, Opened, Refusal};

impl Engine {
    /// The failure of a call as it is to be told. Where it wants an address opened first, the person is asked, and it is
    /// opened once they agree; any other failure comes back as it is. The call is never made again by itself.
    pub(crate) async fn open_first(
        &self,
        connection: &Connection,
        call: &CallRef,
        failed: CallError,
        cancel: &CancellationToken,
    ) -> CallError {
        let Some(wanted) = connection.wants_opened(&failed) else { return failed };
        let server = connection.identity().name.clone();
        match connection.ask_to_open(call, wanted, cancel).await {
            Ok(Opened::All) => CallError::Opened { server },
            Ok(Opened::No) => {
                let why = format!("{server} needs something done in the browser first, and its address was not opened");
                CallError::Refused(Refusal::new(-1, why))
            }
            // It cannot be shown, or nobody waits any more: what the server said says most.
            Ok(Opened::Refused(_)) => failed,
            Err(error) => error,
        }
    }
}
