//! Requests to authorization servers, whose addresses a server chose.
//!
//! Invariants: https, except on this computer where the MCP server is on it too; no redirect is followed (the protocol
//! library follows those of discovery itself, within one origin and ten at most); an address is public, or of the kind that
//! the server's own address is; answers are at most 1 MiB and 30 s.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use futures::StreamExt as _;
use http::{HeaderValue, header};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientError, OAuthHttpClientFuture, OAuthHttpRequest};
use samplegate_core::model_format::is_loopback;

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_BODY: usize = 1024 * 1024;

/// How near an address is, farthest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Public,
    /// A network of a home or a company.
    Private,
    /// This computer.
    Loopback,
}

impl Reach {
    /// None: an address that no server of ours has, such as that of a cloud's metadata.
    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let [a, b, ..] = address.octets();
        match address {
            _ if address.is_loopback() => Some(Self::Loopback),
            _ if address.is_private() || (a == 100 && (64..128).contains(&b)) => Some(Self::Private),
            _ if address.is_link_local() || address.is_multicast() || address.is_broadcast() || a == 0 || a >= 240 => {
                None
            }
            _ => Some(Self::Public),
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let low = || Ipv4Addr::from((u32::from(g) << 16) | u32::from(h));
        match [a, b, c, d, e, f] {
            _ if address.is_loopback() => Some(Self::Loopback),
            // An IPv4 address in the clothes of IPv6: mapped, compatible, NAT64, 6to4.
            [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Self::of_v4(low()),
            [0x2002, ..] => Self::of_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
            [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => None,
            _ if a & 0xfe00 == 0xfc00 => Some(Self::Private),
            _ if a & 0xffc0 == 0xfe80 || address.is_multicast() => None,
            _ => Some(Self::Public),
        }
    }

    /// Of the server at this URL. Private only where all of its addresses are: else its name server could open ours.
    pub(super) async fn of_server(url: &Url) -> Self {
        if is_loopback(url.as_str()) {
            return Self::Loopback;
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let Some(host) = url.host_str() else { return Self::Public };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<_> = tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default();
        let private = |address: &SocketAddr| Self::of(address.ip()) == Some(Self::Private);
        if !found.is_empty() && found.iter().all(private) { Self::Private } else { Self::Public }
    }

    fn allows(self, address: IpAddr) -> bool {
        Self::of(address).is_some_and(|reach| reach == Self::Public || reach == self)
    }
}

/// Why no request goes to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsafe {
    #[error("{0} is not https, so anybody on the way could read the sign-in")]
    Plain(String),
    #[error("{0} is in a network that the server itself is not in")]
    Inside(String),
    #[error("its answer is larger than {} KiB", MAX_BODY / 1024)]
    TooLarge,
    #[error("it names an address that is not valid")]
    Invalid,
}

/// Whether a request, or a browser, may go to this address.
pub(super) fn check(url: &str, server: Reach) -> Result<Url, Unsafe> {
    let url = Url::parse(url).map_err(|_| Unsafe::Invalid)?;
    let host = url.host_str().filter(|_| url.username().is_empty() && url.password().is_none());
    let host = host.ok_or(Unsafe::Invalid)?.to_owned();
    let local = is_loopback(url.as_str());
    match url.scheme() {
        "https" => {}
        "http" if local && server == Reach::Loopback => {}
        _ => return Err(Unsafe::Plain(host)),
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let inside = local && server != Reach::Loopback || literal.is_some_and(|address| !server.allows(address));
    if inside { Err(Unsafe::Inside(host)) } else { Ok(url) }
}

/// The client that the protocol library makes its requests with.
pub(super) struct Outbound {
    client: reqwest::Client,
    server: Reach,
}

impl Outbound {
    pub(super) fn new(server: Reach) -> Result<Self, reqwest::Error> {
        let mut client = reqwest::Client::builder();
        if server == Reach::Loopback {
            client = client.no_proxy();
        }
        let client = client
            .dns_resolver(Guarded(server))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, server })
    }

    /// A form, posted to an address of the authorization server.
    pub(super) async fn post(
        &self,
        url: &str,
        form: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<http::Response<Vec<u8>>, OAuthHttpClientError> {
        let url = check(url, self.server)?;
        let mut request = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form.to_owned());
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.fetch(request.build()?).await
    }

    async fn fetch(&self, request: reqwest::Request) -> Result<http::Response<Vec<u8>>, OAuthHttpClientError> {
        check(request.url().as_str(), self.server)?;
        let response = self.client.execute(request).await.map_err(reqwest::Error::without_url)?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(reqwest::Error::without_url)?;
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Unsafe::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body)?)
    }
}

impl OAuthHttpClient for Outbound {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move { self.fetch(request.request.try_into()?).await })
    }
}

/// Resolves names, and leaves out addresses that the server may not lead to.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let server = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = crate::local_names::LocalNames.resolve(name).await?.collect();
            let allowed: Vec<_> = found.into_iter().filter(|address| server.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Unsafe::Inside(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_leads_into_a_network_that_is_not_its_own() {
        let allowed = |url: &str, server| check(url, server).is_ok();
        let always = ["https://auth.example.com/token", "https://93.184.216.34/", "https://[2606:2800::1]/"];
        let never = [
            "http://auth.example.com/token",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://user:word@auth.example.com/",
            "https://0.0.0.0/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//auth.example.com/",
        ];
        for server in [Reach::Public, Reach::Private, Reach::Loopback] {
            assert!(always.iter().all(|url| allowed(url, server)), "{server:?}");
            assert!(never.iter().all(|url| !allowed(url, server)), "{server:?}");
        }
        for local in ["http://127.0.0.1:9/", "http://localhost:9/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"] {
            assert!(allowed(local, Reach::Loopback), "{local}");
            assert!(!allowed(local, Reach::Private) && !allowed(local, Reach::Public), "{local}");
        }
        for private in ["https://10.0.0.1/", "https://[fd00::1]/", "https://100.64.0.1/", "https://[2002:0a00:1::]/"] {
            assert!(allowed(private, Reach::Private), "{private}");
            assert!(!allowed(private, Reach::Public) && !allowed(private, Reach::Loopback), "{private}");
        }
    }
}
