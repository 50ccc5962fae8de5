//! Signing in to servers.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a person stands with a remote server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum ServerLogin {
    /// Not signed in, which some servers do not need.
    #[serde(rename_all = "camelCase")]
    SignedOut {
        /// Why the last attempt failed, and what to do.
        why: Option<String>,
    },
    /// Where to sign in is being found out.
    Finding,
    /// The person is to look where, and open the browser.
    #[serde(rename_all = "camelCase")]
    Ready {
        /// The host of the address; that of a stranger is a reason to stop.
        host: String,
        /// What opens.
        address: String,
        /// What is asked for; empty: what is usual there.
        scopes: Vec<String>,
    },
    /// The browser was opened.
    #[serde(rename_all = "camelCase")]
    Waiting {
        /// The host of the address.
        host: String,
        /// What was opened, to be opened by hand where no browser came up.
        address: String,
    },
    /// Signed in.
    #[serde(rename_all = "camelCase")]
    SignedIn {
        /// Where.
        host: String,
        /// What was granted.
        scopes: Vec<String>,
        /// What the server asked for besides, to be granted by signing in again.
        wanted: Vec<String>,
        /// Only until the app quits.
        in_memory: bool,
    },
}

/// What a server's authorization server knows us by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct OauthClientInput {
    /// The client id it gave out, or the https URL of a client metadata document; none: we register ourselves.
    pub client_id: Option<String>,
    /// Whether a secret that belongs to the id is in the keychain.
    pub has_secret: bool,
    /// The secret, on the way in only; left out: the one in the keychain stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub secret: Option<String>,
}
