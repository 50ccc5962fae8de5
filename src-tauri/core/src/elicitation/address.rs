//! An address that a server wants opened: taken apart as a browser does it, so that what is shown is where it leads.

use url::{Host, Url};

use crate::inspect::{drawn_host, is_invisible, registered_domain};

/// Longer addresses are not examined by anybody.
const MOST_BYTES: usize = 4096;

/// An address that may be shown, and opened once it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    host: String,
    drawn: Option<String>,
    registered: Option<String>,
    warnings: Vec<String>,
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// Why it is not opened: it is no address, not encrypted, carries a login, or hides something.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("is longer than {MOST_BYTES} bytes"));
        }
        // A browser drops or changes these, so that the address that is opened would not be the one that is read.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\' || is_invisible(c)) {
            return Err("has characters that do not show or that a browser changes".into());
        }
        let url: Url = text.parse().map_err(|why| format!("is no address: {why}"))?;
        let host = url.host().ok_or("names no host")?;
        let is_here = match &host {
            Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            _ => return Err("must begin with https:// (or http:// on this computer)".into()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not carry a login".into());
        }
        let mut warnings = Vec::new();
        if matches!(host, Host::Ipv4(_) | Host::Ipv6(_)) && !is_here {
            warnings.push("It names a number instead of a host, so nobody can tell whose it is.".to_owned());
        }
        if is_here {
            warnings.push("It leads to a program on this computer.".to_owned());
        }
        if let Some(port) = url.port() {
            warnings.push(format!("It uses port {port}, which is not the usual one."));
        }
        let host = host.to_string();
        let drawn = drawn_host(&host);
        if let Some(drawn) = &drawn {
            warnings.push(format!(
                "The host looks like “{drawn}”, and is registered as {host}: letters may imitate others."
            ));
        }
        let registered = matches!(url.host(), Some(Host::Domain(_))).then(|| registered_domain(&host));
        if url.as_str() != text && url.as_str().strip_suffix('/') != Some(text) {
            warnings.push("It is shown as a browser writes it, which differs from how it was sent.".to_owned());
        }
        Ok(Self { url: url.to_string(), host, drawn, registered, warnings })
    }

    /// The whole address, as it is shown and opened.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host, in the letters it is registered in.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How the host looks where it is drawn in other letters.
    pub fn drawn(&self) -> Option<&str> {
        self.drawn.as_deref()
    }

    /// The part of the host that somebody registered; none for a number.
    pub fn registered(&self) -> Option<&str> {
        self.registered.as_deref()
    }

    /// What a person should know before opening it, each in a sentence.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
