//! Signing in to a remote server: OAuth 2.1 as the MCP authorization specification has it, for both revisions.
//!
//! Data flow: a person asks → [`SignIns::begin`] finds out where to sign in ([`login`]) → the shell shows where and opens
//! the browser → the redirect comes back to a port of this computer ([`redirect`]) → tokens in the keychain ([`kept`]) →
//! [`Access`] puts the access token on requests to that server, and renews it.
//!
//! Invariants:
//! - Tokens, refresh tokens and registrations are in the keychain (or, where the person asked, in memory for this run) and
//!   go to the one server URL they were made for, and to the authorization server that issued them.
//! - What a server or an authorization server names is hostile: https only, except on this computer where the server is on
//!   it too; never an address of a network that the server itself is not in ([`outbound`]).
//! - Nothing here opens a browser, and no token is asked for without a person.
//!
//! Absent: client credentials and other grants without a person; the hosting of a client metadata document, whose URL may
//! be given as the client id.

mod access;
mod form;
mod kept;
mod login;
mod outbound;
mod redirect;
mod revoke;

pub(super) use access::Access;
pub use kept::{SignIns, SignedIn};
pub use login::{Client, Login, LoginError};
pub use revoke::Revoked;

/// The longest scope that is asked for, in bytes, and how many of them.
const LONGEST_SCOPE: usize = 200;
const MOST_SCOPES: usize = 64;

/// The scopes in text that a server wrote: what is no scope by RFC 6749, section 3.3, is left out.
fn scopes(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| is_scope(scope)) {
        if scopes.len() < MOST_SCOPES && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

fn is_scope(scope: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.is_empty() && scope.len() <= LONGEST_SCOPE && scope.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_scope_is_left_out() {
        let long = "x".repeat(LONGEST_SCOPE + 1);
        let text = format!("files:read  files:read a\"b \u{202e}x {long} https://example.org/scope");
        assert_eq!(scopes(&text), ["files:read", "https://example.org/scope"]);
        let many = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(scopes(&many).len(), MOST_SCOPES);
    }
}
