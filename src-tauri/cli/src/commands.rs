//! The commands, a file each.

pub(crate) mod audit;
pub(crate) mod bridge;
pub(crate) mod call;
mod confine;
pub(crate) mod doctor;
pub(crate) mod grant;
pub(crate) mod host;
pub(crate) mod inspect;
pub(crate) mod model;
pub(crate) mod offers;
mod record;
pub(crate) mod rule;
pub(crate) mod serve;
pub(crate) mod server;
mod stdin;

use samplegate_engine::engine::Engine;

use crate::output;

/// Ends a command that may have changed the configuration. Where the app runs, what allows more is in the file and waits
/// for a person there; that is no failure of the command.
async fn finish(engine: &Engine) {
    if is_waiting(engine) {
        output::note(
            "The configuration allows more than was accepted, so the change waits for confirmation in the app's settings \
             window; until then what was accepted stays in force.",
        );
    }
    engine.shutdown().await;
}

/// Whether what the file says is not in force.
fn is_waiting(engine: &Engine) -> bool {
    engine.config().current().held.is_some()
}
