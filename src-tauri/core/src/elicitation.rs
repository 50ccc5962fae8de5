//! A question to the person: `elicitation/create`, as a form or as an address to open.
//!
//! [`Elicitation::parse`] reads the params strictly and keeps them, as [`crate::request`] does: what is asked is what is
//! shown, and what cannot be shown is refused with its place (JSON-RPC `-32602`), never dropped. [`Dialog`] is the state
//! machine: it makes the one [`Input`] that may go back, out of what a person typed, checked against the schema.
//!
//! Invariants: a question ends at most once; nothing goes back that a person did not type or leave as it was suggested;
//! an address is opened by nobody before it was accepted, and it is opened as it was shown.

mod address;
mod dialog;
mod form;
mod secrets;
#[cfg(test)]
mod tests;
mod typed;

use serde_json::{Map, Value};

pub use address::Address;
pub use dialog::{Dialog, DialogError, Effect, Event, Input};
pub use form::{Choice, Field, FieldKind, Form, Format};
pub use secrets::secret_requests;
pub use typed::Problem;

use crate::request::{Field as At, InvalidParams, one_line};

/// The newest revision that still sends `elicitationId`.
const LAST_WITH_IDS: &str = "2025-11-25";

/// What a person typed or left as suggested, by field: a string for texts, numbers and one choice, a truth value, a list
/// of strings for several choices.
pub type Typed = Map<String, Value>;

/// The params of one `elicitation/create`: the object as received and a typed view of it.
#[derive(Debug, Clone)]
pub struct Elicitation {
    params: Value,
    message: String,
    mode: Mode,
    unknown_fields: Vec<String>,
}

/// How the person is asked.
#[derive(Debug, Clone)]
pub enum Mode {
    /// A form to fill in.
    Form(Form),
    /// An address to open in the browser.
    Url {
        /// Where it leads.
        address: Address,
        /// The server's name for it, up to 2025-11-25.
        id: Option<String>,
    },
}

impl Elicitation {
    /// Reads params, in the server's revision of the protocol.
    ///
    /// # Errors
    /// The place and the reason, for what is no elicitation or cannot be shown as a form.
    pub fn parse(params: Value, protocol: &str) -> Result<Self, InvalidParams> {
        let root = At::root(&params);
        let message = root.required("message")?.text()?.to_owned();
        let mode = root.optional("mode")?;
        let (mode, known): (_, &[&str]) = match mode.as_ref().map(At::text).transpose()? {
            None | Some("form") => {
                let form = Form::parse(&root.required("requestedSchema")?)?;
                (Mode::Form(form), &["mode", "message", "requestedSchema", "_meta"])
            }
            Some("url") => {
                let url = root.required("url")?;
                let address = Address::parse(url.text()?).map_err(|why| url.invalid(why))?;
                let id = root.optional("elicitationId")?;
                if id.is_none() && protocol <= LAST_WITH_IDS {
                    return Err(root.invalid("elicitationId is missing"));
                }
                let id = id.map(|id| id.name().map(ToOwned::to_owned)).transpose()?;
                (Mode::Url { address, id }, &["mode", "message", "url", "elicitationId", "_meta"])
            }
            Some(_) => {
                let place = mode.unwrap_or(root);
                return Err(place.invalid("must be form or url"));
            }
        };
        let unknown = |name: &&String| !known.contains(&name.as_str());
        let unknown_fields = params.as_object().into_iter().flat_map(Map::keys).filter(unknown).cloned().collect();
        Ok(Self { message, mode, unknown_fields, params })
    }

    /// The params as received.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// Why the person is asked.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How the person is asked.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// `form` or `url`: what the log calls what it carries.
    pub fn content_class(&self) -> &'static str {
        match self.mode {
            Mode::Form(_) => "form",
            Mode::Url { .. } => "url",
        }
    }

    /// The beginning of the message, on one line.
    pub fn first_line(&self) -> String {
        one_line(&self.message)
    }

    /// Top-level members that are not known; they are shown and mean nothing.
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown_fields
    }

    /// What the server suggests, in the shape of what is typed.
    pub fn suggested(&self) -> Typed {
        match &self.mode {
            Mode::Form(form) => form.suggested(),
            Mode::Url { .. } => Typed::new(),
        }
    }

    /// What keeps this from being accepted; empty: nothing.
    pub fn problems(&self, typed: &Typed) -> Vec<Problem> {
        match &self.mode {
            Mode::Form(form) => form.read(typed).err().unwrap_or_default(),
            Mode::Url { .. } => Vec::new(),
        }
    }
}
