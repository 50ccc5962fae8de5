//! Where the browser comes back to: a port of this computer, for the one sign-in that waits.
//!
//! Invariants: listens on 127.0.0.1 only; ends with the first redirect that carries the right state, whatever it says;
//! a page never repeats anything that came in the address, and asks for no other.

use std::{io, net::Ipv4Addr, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const PATH: &str = "/callback";
/// A request's head is no longer, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// How long a browser takes to send one, and how many connections it may have open meanwhile.
const IN_TIME: Duration = Duration::from_secs(30);
const MAX_OPEN: usize = 64;

/// The open port.
pub(super) struct Redirect {
    listener: TcpListener,
    /// Its address, as it is told to the authorization server.
    pub(super) uri: String,
}

/// What the authorization server sent back.
pub(super) struct Arrived {
    /// The code, or the error.
    pub(super) answer: Result<String, String>,
    /// Who says so (RFC 9207).
    pub(super) issuer: Option<String>,
    /// The browser, which waits for a page.
    pub(super) browser: Browser,
}

/// A browser that waits for its page.
pub(super) struct Browser(TcpStream);

impl Browser {
    /// Tells the person how it went.
    pub(super) async fn tell(self, signed_in: bool) {
        let (title, text) = if signed_in {
            ("You are signed in", "Go back to Samplegate. You can close this page.")
        } else {
            ("You are not signed in", "Samplegate says why. You can close this page.")
        };
        page(self.0, "200 OK", title, text).await;
    }
}

impl Redirect {
    /// Opens the first of these ports that is free, or any.
    pub(super) async fn open(ports: impl IntoIterator<Item = u16>) -> io::Result<Self> {
        let mut listener = None;
        for port in ports {
            listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.ok();
            if listener.is_some() {
                break;
            }
        }
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let uri = format!("http://127.0.0.1:{}{PATH}", listener.local_addr()?.port());
        Ok(Self { listener, uri })
    }

    /// Waits for the redirect with this state.
    pub(super) async fn arrived(self, state: &str) -> io::Result<Arrived> {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if open.len() < MAX_OPEN => {
                    open.push(tokio::time::timeout(IN_TIME, read(accepted?.0)));
                }
                Some(read) = open.next(), if !open.is_empty() => {
                    let Ok(Some((stream, target))) = read else { continue };
                    match understood(&target, state) {
                        Some((answer, issuer)) => return Ok(Arrived { answer, issuer, browser: Browser(stream) }),
                        None => {
                            let text = "This is not the sign-in that Samplegate waits for. Begin again there.";
                            tokio::spawn(page(stream, "404 Not Found", "Nothing is here", text));
                        }
                    }
                }
            }
        }
    }
}

/// The target of a GET request.
async fn read(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&chunk[..read]);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().and_then(|line| str::from_utf8(line).ok())?;
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) => Some((stream, target.to_owned())),
        _ => None,
    }
}

type Answer = (Result<String, String>, Option<String>);

/// What a redirect says, if it is the one that is waited for. A parameter that is there twice makes it none
/// (RFC 6749, section 3.1).
fn understood(target: &str, state: &str) -> Option<Answer> {
    // What does not begin with a slash would be read as a part of the host.
    let target = target.strip_prefix('/')?;
    let url = Url::parse(&format!("http://127.0.0.1/{target}")).ok().filter(|url| url.path() == PATH)?;
    let one = |name: &str| {
        let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        (values.next(), values.next().is_some())
    };
    let [(given, g), (code, c), (error, e), (description, d), (issuer, i)] =
        ["state", "code", "error", "error_description", "iss"].map(one);
    if given.as_deref() != Some(state) || g || c || e || d || i {
        return None;
    }
    let answer = match (code, error) {
        (Some(code), None) => Ok(code),
        (_, Some(error)) => Err(description.map_or(error.clone(), |said| format!("{error}: {said}"))),
        (None, None) => return None,
    };
    Some((answer, issuer))
}

async fn page(mut stream: TcpStream, status: &str, title: &str, text: &str) {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let written = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.shutdown().await
    };
    // The browser may be gone; the sign-in is what it is.
    let _ = tokio::time::timeout(IN_TIME, written).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_redirect_that_is_waited_for_counts() {
        let code = |issuer: Option<&str>| Some((Ok("c d".to_owned()), issuer.map(str::to_owned)));
        assert_eq!(understood("/callback?code=c+d&state=s", "s"), code(None));
        assert_eq!(understood("/callback?iss=https%3A%2F%2Fa&state=s&code=c%20d", "s"), code(Some("https://a")));
        let refused = Some((Err("access_denied: no".to_owned()), None));
        assert_eq!(understood("/callback?error=access_denied&error_description=no&state=s", "s"), refused);
        let none = [
            "/callback?code=c&state=t",
            "/callback?code=c",
            "/callback?state=s",
            "/callback?code=c&state=s&state=s",
            "/callback?code=c&code=d&state=s",
            "/favicon.ico?code=c&state=s",
            "/callback/?code=c&state=s",
            "@evil.example/callback?code=c&state=s",
            "",
        ];
        for target in none {
            assert_eq!(understood(target, "s"), None, "{target}");
        }
    }

    #[tokio::test]
    async fn others_are_answered_without_an_echo_and_the_right_one_ends_it() {
        let redirect = Redirect::open([]).await.expect("a port");
        let address = redirect.uri.trim_end_matches(PATH).trim_start_matches("http://").to_owned();
        let ask = async |request: String| {
            let mut stream = TcpStream::connect(&address).await.expect("a connection");
            stream.write_all(request.as_bytes()).await.expect("written");
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            answer
        };
        let waiting = tokio::spawn(async move {
            let arrived = redirect.arrived("right").await.expect("a redirect");
            arrived.browser.tell(true).await;
            arrived.answer
        });
        // A browser opens connections that it does not use.
        let _idle = TcpStream::connect(&address).await.expect("a connection");
        let wrong = ask("GET /callback?state=wrong&code=%3Cscript%3Eevil HTTP/1.1\r\n\r\n".into()).await;
        assert!(wrong.starts_with("HTTP/1.1 404") && !wrong.contains("evil"), "{wrong}");
        assert_eq!(ask("POST /callback?state=right&code=c HTTP/1.1\r\n\r\n".into()).await, "");
        assert_eq!(ask(format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD))).await, "");
        let right = ask("GET /callback?state=right&code=c HTTP/1.1\r\nHost: x\r\n\r\n".into()).await;
        assert!(right.contains("<h1>You are signed in</h1>") && right.contains("default-src 'none'"), "{right}");
        assert_eq!(waiting.await.expect("an answer"), Ok("c".to_owned()));
        assert!(TcpStream::connect(&address).await.is_err(), "the port must be closed");
    }
}
