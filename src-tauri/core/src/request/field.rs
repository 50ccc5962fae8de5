//! A JSON value and where it stands, so that every refusal names its place.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{InvalidParams, Media};

/// A value with its RFC 6901 pointer.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    value: &'a Value,
    pointer: String,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, pointer: String::new() }
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// An error at this place.
    pub(crate) fn invalid(&self, reason: impl Into<String>) -> InvalidParams {
        InvalidParams { pointer: self.pointer.clone(), reason: reason.into() }
    }

    /// The members, if this is an object.
    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, InvalidParams> {
        self.value.as_object().ok_or_else(|| self.invalid(format!("must be an object, is {}", kind(self.value))))
    }

    /// The member `name`, unless it is absent or null.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<Field<'a>>, InvalidParams> {
        Ok(self
            .object()?
            .get(name)
            .filter(|value| !value.is_null())
            .map(|value| Field { value, pointer: format!("{}/{}", self.pointer, escape(name)) }))
    }

    /// The member `name`, which must be there.
    pub(crate) fn required(&self, name: &str) -> Result<Field<'a>, InvalidParams> {
        self.optional(name)?.ok_or_else(|| InvalidParams {
            pointer: format!("{}/{}", self.pointer, escape(name)),
            reason: "is missing".to_owned(),
        })
    }

    /// The elements, if this is an array.
    pub(crate) fn items(&self) -> Result<impl Iterator<Item = Field<'a>> + use<'a>, InvalidParams> {
        let items =
            self.value.as_array().ok_or_else(|| self.invalid(format!("must be an array, is {}", kind(self.value))))?;
        let pointer = self.pointer.clone();
        Ok(items.iter().enumerate().map(move |(at, value)| Field { value, pointer: format!("{pointer}/{at}") }))
    }

    /// The text, if this is a string.
    pub(crate) fn text(&self) -> Result<&'a str, InvalidParams> {
        self.value.as_str().ok_or_else(|| self.invalid(format!("must be a string, is {}", kind(self.value))))
    }

    /// The text, if this is a string that is not empty.
    pub(crate) fn name(&self) -> Result<&'a str, InvalidParams> {
        match self.text()? {
            "" => Err(self.invalid("must not be empty")),
            text => Ok(text),
        }
    }

    /// The number, if this is one.
    pub(crate) fn number(&self) -> Result<f64, InvalidParams> {
        self.value.as_f64().ok_or_else(|| self.invalid(format!("must be a number, is {}", kind(self.value))))
    }

    /// The truth value, if this is one.
    pub(crate) fn boolean(&self) -> Result<bool, InvalidParams> {
        self.value.as_bool().ok_or_else(|| self.invalid(format!("must be true or false, is {}", kind(self.value))))
    }

    /// The text, if it is standard base64 with padding.
    pub(crate) fn base64(&self) -> Result<&'a str, InvalidParams> {
        let text = self.text()?;
        match STANDARD.decode(text) {
            Ok(_) => Ok(text),
            Err(why) => Err(self.invalid(format!("is not standard base64: {why}"))),
        }
    }

    /// An image or a sound whose type begins with `family`.
    pub(crate) fn media(&self, family: &str) -> Result<Media, InvalidParams> {
        let mime = self.required("mimeType")?;
        let mime_type = mime.name()?;
        if !mime_type.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family)) {
            return Err(mime.invalid(format!("must begin with “{family}”, is {}", quoted(mime_type))));
        }
        Ok(Media { mime_type: mime_type.to_owned(), data: self.required("data")?.base64()?.to_owned() })
    }
}

/// What a value is, for a reason.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A name escaped for a pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Foreign text in a reason: short, and nothing in it that does not show.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    format!("“{short}”")
}
