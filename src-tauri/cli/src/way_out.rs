//! How what was allowed about a server comes to count, where it does not.

use samplegate_engine::wire::Suspended;

/// The one command for it; none: there is none.
pub(crate) fn way_out(why: Suspended, server: &str) -> Option<String> {
    match why {
        Suspended::Drift => Some(format!("See what changed, and approve it: samplegate server approve {server}")),
        Suspended::Unapproved => Some(format!("See what it is, and approve it: samplegate server approve {server}")),
        Suspended::ReviewDue => Some(format!("Read its record again: samplegate server record {server} --renew")),
        Suspended::Unseen | Suspended::Flagged => None,
    }
}
