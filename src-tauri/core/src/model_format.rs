//! The vendors' formats: from a request to the exact bytes of an HTTP body, and from a stream to an answer.
//!
//! Pure, so that the bytes can be hashed and shown before they go, and nothing but them goes. Four formats; every
//! other vendor speaks one of them ([`PROVIDERS`]). Each is one file: [`encode`] makes a [`WireRequest`], a
//! [`Decoder`] takes the bytes that come back, cut anywhere.
//!
//! Invariants: the same request gives the same bytes; what a vendor has no place for is refused by name
//! ([`Unsupported`]), never dropped; a stream that ends without its proper end is an error, never an answer.
//!
//! Deliberately absent: keys (the engine adds the header), HTTP, retries.

mod anthropic;
mod decode;
mod frames;
mod gemini;
mod ollama;
mod openai;
mod providers;
#[cfg(test)]
mod tests;
mod tool_result;
mod url;
mod vendor_error;

use std::fmt;

use serde_json::{Map, Value};

use crate::request::SamplingRequest;

pub use decode::{BadStream, Completion, Decoder, Delta, Usage};
pub use providers::{PROVIDERS, Provider, provider};
pub use url::{is_loopback, is_plain_http};
pub use vendor_error::error_message;

/// A way of talking to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's chat completions, and the many that are compatible with them.
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's `streamGenerateContent`.
    Gemini,
    /// Ollama's `/api/chat`.
    Ollama,
}

impl Format {
    /// The vendor, for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "the OpenAI format",
            Self::Anthropic => "the Anthropic format",
            Self::Gemini => "the Gemini format",
            Self::Ollama => "the Ollama format",
        }
    }
}

/// In which header a key goes, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthStyle {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key`
    XApiKey,
    /// `x-goog-api-key`
    XGoogApiKey,
}

/// An HTTP POST, all but the key.
#[derive(Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// The format of the response.
    pub format: Format,
    /// Where it goes.
    pub url: String,
    /// Headers, `content-type` included; none of them secret.
    pub headers: Vec<(&'static str, String)>,
    /// Where the key goes.
    pub auth: AuthStyle,
    /// The exact body.
    pub body: Vec<u8>,
}

impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the body: it is the prompt.
        f.debug_struct("WireRequest")
            .field("format", &self.format)
            .field("url", &self.url)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An HTTP GET of the list of models, all but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireList {
    /// The format of the response; read it with [`model_names`].
    pub format: Format,
    /// Where it goes.
    pub url: String,
    /// Headers; none of them secret.
    pub headers: Vec<(&'static str, String)>,
    /// Where the key goes.
    pub auth: AuthStyle,
}

/// Something in a request that a vendor's format has no place for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Unsupported {
    /// What, e.g. `audio/ogg audio`.
    pub what: String,
    /// Why not, and what would do.
    pub why: String,
}

impl Unsupported {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// Encodes a request for a model: the exact bytes that would go to the vendor. The answer is asked for as a stream.
///
/// `base_url` defaults to the provider's; with or without its version part and last slash.
///
/// # Errors
/// What the format has no place for, or an unusable base URL.
pub fn encode(
    provider: &Provider,
    base_url: Option<&str>,
    model: &str,
    request: &SamplingRequest,
) -> Result<WireRequest, Unsupported> {
    let base = url::Base::of(provider, base_url)?;
    let (url, body) = match provider.format {
        Format::OpenAi => (base.openai("chat/completions"), openai::body(&base, model, request)?),
        Format::Anthropic => (base.anthropic("messages"), anthropic::body(model, request)?),
        Format::Gemini => (base.gemini_stream(model), gemini::body(model, request)?),
        Format::Ollama => (base.ollama("chat"), ollama::body(model, request)?),
    };
    let mut headers = vec![("content-type", "application/json".to_owned())];
    headers.extend(version_header(provider.format));
    Ok(WireRequest {
        format: provider.format,
        url,
        headers,
        auth: auth(provider.format),
        body: Value::Object(body).to_string().into_bytes(),
    })
}

/// Makes the question which models a provider has.
///
/// # Errors
/// An unusable base URL.
pub fn list_models(provider: &Provider, base_url: Option<&str>) -> Result<WireList, Unsupported> {
    let base = url::Base::of(provider, base_url)?;
    let url = match provider.format {
        Format::OpenAi => base.openai("models"),
        Format::Anthropic => base.anthropic("models?limit=1000"),
        Format::Gemini => base.gemini("models?pageSize=1000"),
        Format::Ollama => base.ollama("tags"),
    };
    let format = provider.format;
    Ok(WireList { format, url, headers: version_header(format).into_iter().collect(), auth: auth(format) })
}

/// Reads a list of models in a vendor's format; none if it is not one.
#[must_use]
pub fn model_names(format: Format, body: &[u8]) -> Option<Vec<String>> {
    let (list, name) = match format {
        Format::OpenAi | Format::Anthropic => ("data", "id"),
        Format::Gemini | Format::Ollama => ("models", "name"),
    };
    let body: Value = serde_json::from_slice(body).ok()?;
    let names = body.get(list)?.as_array()?.iter().filter_map(|model| model.get(name)?.as_str());
    Some(names.map(|name| name.strip_prefix("models/").unwrap_or(name).to_owned()).collect())
}

/// Anthropic wants to know which version of its API is spoken.
fn version_header(format: Format) -> Option<(&'static str, String)> {
    (format == Format::Anthropic).then(|| ("anthropic-version", anthropic::VERSION.to_owned()))
}

fn auth(format: Format) -> AuthStyle {
    match format {
        Format::OpenAi | Format::Ollama => AuthStyle::Bearer,
        Format::Anthropic => AuthStyle::XApiKey,
        Format::Gemini => AuthStyle::XGoogApiKey,
    }
}

/// An object under construction; its keys stay in the order in which they are put.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    fn maybe(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// The system prompt, where it says anything.
fn system_prompt(request: &SamplingRequest) -> Option<&str> {
    request.system_prompt().filter(|prompt| !prompt.is_empty())
}

/// A choice that makes a tool use required needs tools; otherwise there is nothing to choose.
fn check_tool_choice(request: &SamplingRequest) -> Result<(), Unsupported> {
    use crate::request::ToolChoiceMode;
    match request.tool_choice() {
        Some(ToolChoiceMode::Required) if request.tools().is_empty() => {
            Err(Unsupported::new("toolChoice “required”", "the request gives no tools to choose from"))
        }
        Some(ToolChoiceMode::Required | ToolChoiceMode::Auto | ToolChoiceMode::None) | None => Ok(()),
    }
}
