//! Which headers may go over plain HTTP.

use super::InvalidSetting;
use crate::{
    inspect::names_a_secret,
    model_format::{is_loopback, is_plain_http},
};

/// Checks that no header with a secret would go over plain HTTP to another machine: one whose value is in the keychain
/// (`kept`), or one with a name like `Authorization`, `Cookie` or `X-Api-Key`, wherever its value is (`plain`).
///
/// # Errors
/// Names the header and says what to do.
pub fn check_headers<'a>(
    url: &str,
    plain: impl IntoIterator<Item = &'a str>,
    kept: impl IntoIterator<Item = &'a str>,
) -> Result<(), InvalidSetting> {
    if !is_plain_http(url) || is_loopback(url) {
        return Ok(());
    }
    let Some(name) = kept.into_iter().chain(plain.into_iter().filter(|name| names_a_secret(name))).next() else {
        return Ok(());
    };
    Err(InvalidSetting(format!(
        "the header {name} would go over plain HTTP, where anybody on the way can read it: use an https:// URL, or a \
         tunnel to a port of this computer and http://127.0.0.1"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_tls_or_to_this_computer() {
        let safe = ["https://example.org/mcp", "http://localhost:1/mcp", "http://127.0.0.1/mcp", "http://[::1]:8/mcp"];
        let open = [
            "http://example.org/mcp",
            "HTTP://example.org/mcp",
            "http://10.0.0.1/mcp",
            "http://localhost.example.org/mcp",
            "http://localhost@example.org/mcp",
            "http:/example.org/mcp",
        ];
        for name in ["Authorization", "proxy-authorization", "Cookie", "X-Api-Key", "X_AUTH_TOKEN", "apikey"] {
            assert!(safe.iter().all(|url| check_headers(url, [name], []).is_ok()), "{name}");
            assert!(open.iter().all(|url| check_headers(url, [name], []).is_err()), "{name}");
        }
        for name in ["X-Trace", "Accept-Language", "X-Keyboard", "X-Author"] {
            assert!(open.iter().all(|url| check_headers(url, [name], []).is_ok()), "{name}");
            assert!(open.iter().all(|url| check_headers(url, [], [name]).is_err()), "{name}");
            assert!(safe.iter().all(|url| check_headers(url, [], [name]).is_ok()), "{name}");
        }
    }
}
