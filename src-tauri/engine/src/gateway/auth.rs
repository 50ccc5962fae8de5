//! Who may connect: a host by its token, the bridge by the one of this run; from this computer, not from a web page.

use http::{
    HeaderMap, Uri,
    header::{AUTHORIZATION, HOST, ORIGIN},
    uri::Authority,
};
use samplegate_core::{
    canonical::Sha256Hex,
    settings::{Host, HostMode, Settings, ToolCalls, check_host_name},
};

/// In which the bridge names its host.
const HOST_NAME: &str = "x-samplegate-host";

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The host's configured name, or the one that the bridge was given.
    pub(super) name: String,
    /// Who answers sampling in its calls.
    pub(super) sampling: HostMode,
    /// Who answers elicitation in its calls.
    pub(super) elicitation: HostMode,
    /// Whether its calls of tools are looked at.
    pub(super) tool_calls: ToolCalls,
}

impl Caller {
    fn new(name: &str, host: Option<&Host>) -> Self {
        Self {
            name: name.to_owned(),
            sampling: host.map(|host| host.sampling).unwrap_or_default(),
            elicitation: host.map(|host| host.elicitation).unwrap_or_default(),
            tool_calls: host.map(|host| host.tool_calls).unwrap_or_default(),
        }
    }
}

/// Who makes a request with these headers; none: nobody who may. `bridge`: the digest of this run's token.
pub(super) fn caller(headers: &HeaderMap, settings: &Settings, bridge: Sha256Hex) -> Option<Caller> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let digest = Sha256Hex::of(token.trim().as_bytes());
    // All are looked at, so that the time does not tell which ones are there.
    let theirs = settings.hosts.iter().filter(|(_, host)| same(host.token_sha256, digest));
    let found = theirs.fold(None, |_, found| Some(found));
    if let Some((name, host)) = found {
        return Some(Caller::new(name, Some(host)));
    }
    if !same(bridge, digest) {
        return None;
    }
    let name = headers.get(HOST_NAME).map_or(Some("bridge"), |name| name.to_str().ok())?;
    check_host_name(name).ok()?;
    Some(Caller::new(name, settings.hosts.get(name)))
}

/// Compares two digests in the same time wherever they differ.
fn same(one: Sha256Hex, other: Sha256Hex) -> bool {
    let differences = one.as_bytes().iter().zip(other.as_bytes()).fold(0, |found, (one, other)| found | (one ^ other));
    std::hint::black_box(differences) == 0
}

/// Whether a request is addressed to this computer by name, and does not come from a page of somewhere else: a web
/// page can make a browser send one to any address that its name resolves to.
pub(super) fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = match headers.get(HOST) {
        Some(host) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        None => uri.authority().cloned(),
    };
    let origins = headers.get_all(ORIGIN).iter();
    host.is_some_and(|host| is_loopback(host.host()))
        && origins.into_iter().all(|origin| {
            let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
            let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
            origin.is_some_and(|origin| is_web(&origin) && origin.host().is_some_and(is_loopback))
        })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_tells_the_host_and_nothing_else_lets_in() {
        let mut settings = Settings::default();
        let host = Host { tool_calls: ToolCalls::Ask, ..Host::new(Sha256Hex::of(b"one")) };
        settings.hosts.insert("h".into(), host.clone());
        let bridge = Sha256Hex::of(b"run");
        let who = |pairs: &[(&'static str, &str)]| caller(&headers(pairs), &settings, bridge);
        assert_eq!(who(&[("authorization", "Bearer one")]), Some(Caller::new("h", Some(&host))));
        assert_eq!(who(&[("authorization", "bearer one"), ("x-samplegate-host", "z")]).unwrap().name, "h");
        assert_eq!(
            who(&[("authorization", "Bearer run"), ("x-samplegate-host", "h")]),
            Some(Caller::new("h", Some(&host)))
        );
        assert_eq!(
            who(&[("authorization", "Bearer run"), ("x-samplegate-host", "new")]),
            Some(Caller::new("new", None))
        );
        for bad in ["Bearer two", "Bearer ", "Basic one", "one", ""] {
            assert_eq!(who(&[("authorization", bad)]), None, "{bad:?}");
        }
        assert_eq!(who(&[("authorization", "Bearer run"), ("x-samplegate-host", "terminal")]), None);
        assert_eq!(who(&[]), None);
    }

    #[test]
    fn only_this_computer_is_meant_and_no_page_asks() {
        let local = |pairs: &[(&'static str, &str)]| is_local(&Uri::from_static("/mcp"), &headers(pairs));
        for host in ["127.0.0.1:7717", "localhost:7717", "LOCALHOST", "[::1]:7717"] {
            assert!(local(&[("host", host)]), "{host}");
        }
        for host in ["evil.example:7717", "127.0.0.1.evil.example", "0.0.0.0", "a@b c"] {
            assert!(!local(&[("host", host)]), "{host}");
        }
        assert!(!local(&[]));
        let with = |origin| local(&[("host", "127.0.0.1"), ("origin", origin)]);
        assert!(with("http://localhost:3000") && with("http://127.0.0.1") && with("https://[::1]:1"));
        for origin in
            ["https://evil.example", "null", "", "file://", "http://localhost.evil.example", "app://localhost"]
        {
            assert!(!with(origin), "{origin:?}");
        }
    }
}
