//! Sends approved bytes to models: exactly those that core encoded, to the place they were encoded for.
//!
//! Data flow: a [`WireRequest`] and a key read just now → attempts, each one POST → the stream through core's decoder
//! → a [`Completion`]. Progress is told as it happens; [`Control`] stops (what came so far is the answer) or cancels.
//!
//! Invariants: a key goes over TLS or to this machine, nowhere else; nothing follows a redirect; no proxy is taken
//! from the environment; once content has come, nothing is sent a second time; no error holds the prompt or the key.
//!
//! Deliberately absent: choosing a model, encoding, hashing, the keychain.

mod control;
mod error;
mod retry;
mod transport;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{
    RequestBuilder, Response,
    header::{HeaderMap, HeaderValue},
};
use samplegate_core::{
    model_format::{
        self, AuthStyle, BadStream, Completion, Decoder, Delta, Format, Provider, WireRequest, error_message,
        is_loopback, is_plain_http,
    },
    request::SamplingRequest,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::timeout;

pub use control::{Control, Progress};
pub use error::ProviderError;
use retry::{Attempts, Failure, Retry};
use transport::Transport;

/// Bytes of a response that are taken.
const RESPONSE_BYTES: usize = 32 << 20;
/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 << 10;
/// How long the tokens' count may take to follow a whole answer.
const AFTERWORD: Duration = Duration::from_secs(2);

/// What a test allows an answer; models that reason count their thoughts in.
const TEST_TOKENS: u32 = 1024;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte, the first included.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), silence: Duration::from_secs(5 * 60) }
    }
}

/// Talks to models. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    silence: Duration,
}

impl Client {
    /// Makes a client; connections and certificates are first touched when it is used.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { transport: Transport::new(patience.connect), silence: patience.silence }
    }

    /// Sends an approved request and collects the answer.
    ///
    /// Overloaded servers are tried again when they say, broken ones soon, within limits (see `retry`); progress tells
    /// why nothing comes. A [`Control::stop`] while text is coming makes what has come the answer.
    ///
    /// # Errors
    /// Why there is no answer, and what to do.
    pub async fn complete(
        &self,
        wire: &WireRequest,
        key: Option<&SecretString>,
        mut on_progress: impl FnMut(Progress),
        control: &Control,
    ) -> Result<Completion, ProviderError> {
        let headers = headers(&wire.headers, wire.auth, &wire.url, key)?;
        let mut attempts = Attempts::default();
        loop {
            on_progress(Progress::Sending);
            let post =
                self.transport.client(&wire.url)?.post(&wire.url).headers(headers.clone()).body(wire.body.clone());
            let attempt = self.attempt(post, wire.format, &mut on_progress, control);
            let failure = match attempt.await {
                Ok(completion) => return Ok(completion),
                Err(failure) => failure,
            };
            let error = without_key(failure.error, key);
            let Some(wait) = attempts.wait(failure.retry) else { return Err(error) };
            on_progress(Progress::Waiting(format!("{}; trying again in {}", error.brief(), seconds(wait))));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = control.stopped() => return Err(ProviderError::Cancelled),
            }
        }
    }

    /// Lists the models that a provider has.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub async fn list_models(
        &self,
        provider: &Provider,
        base_url: Option<&str>,
        key: Option<&SecretString>,
    ) -> Result<Vec<String>, ProviderError> {
        let list = model_format::list_models(provider, base_url)?;
        let headers = headers(&list.headers, list.auth, &list.url, key)?;
        let asked = async {
            let response =
                self.respond(self.transport.client(&list.url)?.get(&list.url).headers(headers), list.format).await?;
            let body = self.body(response, RESPONSE_BYTES).await?;
            model_format::model_names(list.format, &body)
                .ok_or_else(|| Failure::last(BadStream::Malformed("it is no list of models".to_owned())))
        };
        asked.await.map_err(|failure: Failure| without_key(failure.error, key))
    }

    /// Asks a model for one word, to see whether it answers. Gives the name it reports.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub async fn test(
        &self,
        provider: &Provider,
        base_url: Option<&str>,
        model: &str,
        key: Option<&SecretString>,
    ) -> Result<Option<String>, ProviderError> {
        let request = SamplingRequest::parse(json!({
            "messages": [{"role": "user", "content": {"type": "text", "text": "Reply with the word OK."}}],
            "maxTokens": TEST_TOKENS,
        }))
        .map_err(|why| ProviderError::Unsupported { what: "the test".to_owned(), why: why.to_string() })?;
        let wire = model_format::encode(provider, base_url, model, &request)?;
        match self.complete(&wire, key, |_| {}, &Control::default()).await {
            Ok(completion) => Ok(completion.model),
            // It reasons even longer; but it answers.
            Err(ProviderError::Broken(BadStream::CutOff)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One POST and its stream.
    async fn attempt(
        &self,
        post: RequestBuilder,
        format: Format,
        on_progress: &mut impl FnMut(Progress),
        control: &Control,
    ) -> Result<Completion, Failure> {
        let mut response = tokio::select! {
            response = self.respond(post, format) => response?,
            () = control.stopped() => return Err(Failure::last(ProviderError::Cancelled)),
        };
        let mut decoder = Decoder::new(format);
        let mut bytes = 0;
        let mut reasoned = 0;
        loop {
            let patience = if decoder.is_complete() { AFTERWORD.min(self.silence) } else { self.silence };
            let chunk = tokio::select! {
                biased;
                () = control.cancelled() => return Err(Failure::last(ProviderError::Cancelled)),
                () = control.stopped() => {
                    return if decoder.has_content() {
                        Ok(decoder.stopped())
                    } else {
                        Err(Failure::last(ProviderError::Cancelled))
                    };
                }
                chunk = timeout(patience, response.chunk()) => chunk,
            };
            let chunk = match chunk {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                // The answer is whole; only its afterword is missing.
                Ok(Err(_)) | Err(_) if decoder.is_complete() => break,
                Ok(Err(error)) => return Err(Failure::broken(&error, decoder.has_content())),
                Err(_) => return Err(Failure::last(ProviderError::Silent { after: self.silence })),
            };
            bytes += chunk.len();
            if bytes > RESPONSE_BYTES {
                return Err(Failure::last(ProviderError::TooLarge { limit: RESPONSE_BYTES }));
            }
            let deltas = decoder.push(&chunk).map_err(|bad| Failure::stream(bad, decoder.has_content()))?;
            for delta in deltas {
                match delta {
                    Delta::Text(text) => on_progress(Progress::Text(text)),
                    Delta::Model(name) => on_progress(Progress::Model(name)),
                    Delta::Reasoning(more) => {
                        reasoned += more;
                        on_progress(Progress::Waiting(format!("the model is thinking ({reasoned} characters)")));
                    }
                    Delta::ToolUse { name } => {
                        on_progress(Progress::Waiting(format!("the model is writing a call of “{name}”")));
                    }
                    Delta::Image | Delta::Usage(_) => {}
                }
            }
        }
        let content = decoder.has_content();
        decoder.finish().map_err(|bad| Failure::stream(bad, content))
    }

    /// Sends a request and takes the head of a good response.
    async fn respond(&self, request: RequestBuilder, format: Format) -> Result<Response, Failure> {
        let response = match timeout(self.silence, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::unsent(&error)),
            Err(_) => return Err(Failure::last(ProviderError::Silent { after: self.silence })),
        };
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(response);
        }
        let after = retry::retry_after(response.headers());
        // Without a body, the status says enough.
        let body = self.body(response, ERROR_BYTES).await.unwrap_or_default();
        Err(Failure::status(status, error_message(format, status, &body), after))
    }

    /// The body of a response, up to a limit.
    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            match timeout(self.silence, response.chunk()).await {
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() <= limit => body.extend_from_slice(&chunk),
                Ok(Ok(Some(_))) => return Err(Failure::last(ProviderError::TooLarge { limit })),
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(error)) => return Err(Failure::broken(&error, false)),
                Err(_) => return Err(Failure::last(ProviderError::Silent { after: self.silence })),
            }
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Patience::default())
    }
}

/// The headers with the key, if it may go there.
fn headers(
    plain: &[(&'static str, String)],
    auth: AuthStyle,
    url: &str,
    key: Option<&SecretString>,
) -> Result<HeaderMap, ProviderError> {
    let mut headers = HeaderMap::new();
    for (name, value) in plain {
        headers.insert(*name, HeaderValue::from_str(value).map_err(|_| ProviderError::UnusableKey)?);
    }
    let Some(key) = key.map(|key| key.expose_secret()).filter(|key| !key.is_empty()) else { return Ok(headers) };
    if is_plain_http(url) && !is_loopback(url) {
        return Err(ProviderError::KeyOverPlainHttp);
    }
    let (name, value) = match auth {
        AuthStyle::Bearer => ("authorization", HeaderValue::from_str(&format!("Bearer {key}"))),
        AuthStyle::XApiKey => ("x-api-key", HeaderValue::from_str(key)),
        AuthStyle::XGoogApiKey => ("x-goog-api-key", HeaderValue::from_str(key)),
    };
    let mut value = value.map_err(|_| ProviderError::UnusableKey)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// Takes the key out of an error: some vendors repeat it.
fn without_key(mut error: ProviderError, key: Option<&SecretString>) -> ProviderError {
    if let Some(key) = key.map(|key| key.expose_secret()).filter(|key| !key.is_empty())
        && let Some(words) = error.words_mut()
        && words.contains(key)
    {
        *words = words.replace(key, "[the key]");
    }
    error
}

/// A duration for people.
fn seconds(wait: Duration) -> String {
    format!("{} s", wait.as_secs_f64().ceil())
}

impl Failure {
    /// A failure by status.
    fn status(status: u16, message: String, after: Option<Duration>) -> Self {
        match status {
            401 | 403 => Self::last(ProviderError::Unauthorized { status, message }),
            429 | 503 | 529 => Self {
                retry: Some(Retry::Overloaded { after }),
                error: ProviderError::RateLimited { status, message, after },
            },
            500 | 502 | 504 => Self { error: ProviderError::Server { status, message }, retry: Some(Retry::Broken) },
            300..=399 => Self::last(ProviderError::Redirected { status }),
            505.. => Self::last(ProviderError::Server { status, message }),
            _ => Self::last(ProviderError::Refused { status, message }),
        }
    }

    /// A connection that could not be made, or broke before the head of a response.
    fn unsent(error: &reqwest::Error) -> Self {
        let why = error::cause(error);
        let error =
            if error.is_connect() { ProviderError::Unreachable { why } } else { ProviderError::Disconnected { why } };
        Self { error, retry: Some(Retry::Broken) }
    }

    /// A connection that broke in a response.
    fn broken(error: &reqwest::Error, content: bool) -> Self {
        Self {
            error: ProviderError::Disconnected { why: error::cause(error) },
            retry: (!content).then_some(Retry::Broken),
        }
    }

    /// A stream that is not an answer.
    fn stream(bad: BadStream, content: bool) -> Self {
        let retry = match &bad {
            _ if content => None,
            BadStream::Truncated => Some(Retry::Broken),
            BadStream::Vendor { overloaded: true, .. } => Some(Retry::Overloaded { after: None }),
            BadStream::Vendor { overloaded: false, .. }
            | BadStream::Malformed(_)
            | BadStream::Blocked(_)
            | BadStream::Unrepresentable(_)
            | BadStream::CutOff => None,
        };
        Self { error: ProviderError::Broken(bad), retry }
    }
}
