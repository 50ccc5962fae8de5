//! Base URLs, as people give them: with or without the version part and the last slash.

use std::net::IpAddr;

use super::{Provider, Unsupported};

/// A base URL without a slash at its end.
pub(super) struct Base(String);

impl Base {
    /// Checks the base URL given, or takes the provider's own.
    pub(super) fn of(provider: &Provider, given: Option<&str>) -> Result<Self, Unsupported> {
        let given = given.map(str::trim).filter(|given| !given.is_empty()).unwrap_or(provider.base_url);
        let bad = |why: &str| Err(Unsupported::new("base URL", why));
        let Some((_, rest)) = split_scheme(given) else {
            return bad("it must begin with https:// (or http://, for this machine)");
        };
        if given.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return bad("it holds a space, a control character or a backslash");
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return bad("it holds a user name or password; give a key as the model's key");
        }
        if host_of(authority).is_empty() {
            return bad("it names no host");
        }
        if rest.contains(['?', '#']) {
            return bad("it must not hold a query or a fragment; give a key as the model's key");
        }
        let mut base = given.trim_end_matches('/');
        // Some vendors' pages name the endpoint where others name the base.
        for endpoint in ["/chat/completions", "/messages", "/api/chat"] {
            base = base.strip_suffix(endpoint).unwrap_or(base);
        }
        Ok(Self(base.trim_end_matches('/').to_owned()))
    }

    /// Whether this is OpenAI itself.
    pub(super) fn is_openai(&self) -> bool {
        split_scheme(&self.0).is_some_and(|(_, rest)| {
            host_of(rest.split('/').next().unwrap_or_default()).eq_ignore_ascii_case("api.openai.com")
        })
    }

    /// The path, in segments.
    fn segments(&self) -> impl Iterator<Item = &str> {
        split_scheme(&self.0).map_or("", |(_, rest)| rest).split('/').skip(1)
    }

    /// `v1` is added unless there is a version anywhere in the path: compatible vendors put it in several places.
    pub(super) fn openai(&self, path: &str) -> String {
        if self.segments().any(is_version) { format!("{}/{path}", self.0) } else { format!("{}/v1/{path}", self.0) }
    }

    pub(super) fn anthropic(&self, path: &str) -> String {
        self.versioned("v1", path)
    }

    pub(super) fn gemini(&self, path: &str) -> String {
        self.versioned("v1beta", path)
    }

    pub(super) fn gemini_stream(&self, model: &str) -> String {
        let (family, name) = match model.split_once('/') {
            Some((family @ ("models" | "tunedModels"), name)) => (family, name),
            _ => ("models", model),
        };
        self.gemini(&format!("{family}/{}:streamGenerateContent?alt=sse", escape(name)))
    }

    pub(super) fn ollama(&self, path: &str) -> String {
        let base = self.0.strip_suffix("/v1").or_else(|| self.0.strip_suffix("/api")).unwrap_or(&self.0);
        format!("{base}/api/{path}")
    }

    fn versioned(&self, version: &str, path: &str) -> String {
        if self.segments().last().is_some_and(is_version) {
            format!("{}/{path}", self.0)
        } else {
            format!("{}/{version}/{path}", self.0)
        }
    }
}

/// Whether a path segment is a version, e.g. `v1` or `v1beta`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Scheme (lower case) and the rest of an HTTP URL.
fn split_scheme(url: &str) -> Option<(&'static str, &str)> {
    ["https", "http"].into_iter().find_map(|scheme| {
        let (head, rest) = url.split_once("://")?;
        head.eq_ignore_ascii_case(scheme).then_some((scheme, rest))
    })
}

fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

/// Percent-encodes all but what may stand in a path segment unescaped (RFC 3986, unreserved).
fn escape(segment: &str) -> String {
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Whether a URL is plain HTTP, over which a key never goes except to this machine.
#[must_use]
pub fn is_plain_http(url: &str) -> bool {
    split_scheme(url).is_none_or(|(scheme, _)| scheme == "http")
}

/// Whether a URL names this machine: `localhost`, names below it, or a loopback address.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = split_scheme(url) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = host_of(authority).to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
