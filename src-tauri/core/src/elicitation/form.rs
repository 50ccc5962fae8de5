//! The schema of a form: a flat object of the primitive kinds that the revisions of the protocol have.
//!
//! A keyword that says what may be answered and is not understood is refused, since a form that ignores it would let
//! through what the server does not take. Annotations that mean nothing to a form are passed over.

use std::collections::HashSet;

use regex::Regex;
use serde_json::{Map, Value};

use super::Typed;
use crate::request::{Field as At, InvalidParams};

/// More is no form that a person fills in.
const MOST_FIELDS: usize = 100;
const MOST_CHOICES: usize = 500;
/// Bytes of a compiled pattern.
const PATTERN_SIZE: usize = 1 << 18;
/// Keywords that describe and restrict nothing.
const ANNOTATIONS: &[&str] =
    &["$schema", "$id", "$comment", "title", "description", "examples", "deprecated", "default"];

/// A form.
#[derive(Debug, Clone)]
pub struct Form {
    fields: Vec<Field>,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the answer.
    pub name: String,
    /// What to call it.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether an answer must have it.
    pub required: bool,
    /// What the server suggests, as JSON.
    pub default: Option<Value>,
    /// What it takes.
    pub kind: FieldKind,
}

/// What a field takes.
#[derive(Debug, Clone)]
pub enum FieldKind {
    /// A text.
    Text {
        /// The fewest characters (Unicode scalar values).
        min: Option<u64>,
        /// The most characters.
        max: Option<u64>,
        /// What it must match somewhere.
        pattern: Option<Regex>,
        /// What it must be.
        format: Option<Format>,
    },
    /// A number.
    Number {
        /// Whether it must be whole.
        whole: bool,
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// Yes or no.
    Truth,
    /// One of these.
    One(Vec<Choice>),
    /// Several of these.
    Several {
        /// Which.
        choices: Vec<Choice>,
        /// The fewest.
        min: Option<u64>,
        /// The most.
        max: Option<u64>,
    },
}

/// A value to choose, and what to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub value: String,
    /// What is shown.
    pub title: Option<String>,
}

/// What a text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An e-mail address.
    Email,
    /// An absolute URI.
    Uri,
    /// A day: 2026-01-31.
    Date,
    /// A moment: 2026-01-31T12:00:00Z (RFC 3339).
    DateTime,
}

impl Format {
    /// Its name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Date => "date",
            Self::DateTime => "date-time",
        }
    }
}

impl Form {
    pub(super) fn parse(schema: &At<'_>) -> Result<Self, InvalidParams> {
        known(schema, &["type", "properties", "required", "additionalProperties"])?;
        if schema.required("type")?.text()? != "object" {
            return Err(schema.required("type")?.invalid("must be object"));
        }
        let properties = schema.required("properties")?;
        let names = properties.object()?;
        if names.len() > MOST_FIELDS {
            return Err(properties.invalid(format!("has {} fields; a form has at most {MOST_FIELDS}", names.len())));
        }
        let required: HashSet<&str> = match schema.optional("required")? {
            Some(list) => list.items()?.map(|name| name.text()).collect::<Result<_, _>>()?,
            None => HashSet::new(),
        };
        if let Some(missing) = required.iter().find(|name| !names.contains_key(**name)) {
            let short: String = missing.chars().take(40).flat_map(char::escape_debug).collect();
            return Err(schema.required("required")?.invalid(format!("names “{short}”, which is no field")));
        }
        let fields = names
            .keys()
            .map(|name| Field::parse(name, &properties.required(name)?, required.contains(name.as_str())))
            .collect::<Result<_, _>>()?;
        Ok(Self { fields })
    }

    /// The fields, in the server's order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What the server suggests, in the shape of what is typed.
    pub(super) fn suggested(&self) -> Typed {
        let suggested = |field: &Field| Some((field.name.clone(), as_typed(field.default.as_ref()?)));
        self.fields.iter().filter_map(suggested).collect()
    }
}

/// A number is typed as text.
fn as_typed(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    }
}

impl Field {
    fn parse(name: &str, at: &At<'_>, required: bool) -> Result<Self, InvalidParams> {
        let text = |member: &str| -> Result<Option<String>, InvalidParams> {
            at.optional(member)?.map(|text| text.text().map(ToOwned::to_owned)).transpose()
        };
        let (title, description) = (text("title")?, text("description")?);
        // An optional field, as some libraries write it: this, or null.
        let inner = nullable(at)?;
        let kind = FieldKind::parse(inner.as_ref().unwrap_or(at))?;
        let default = at.optional("default")?;
        if let Some(default) = &default
            && !kind.takes(default.value())
        {
            return Err(default.invalid("is no value of this field"));
        }
        let default = default.map(|default| default.value().clone());
        Ok(Self { name: name.to_owned(), title, description, required, default, kind })
    }
}

/// The other of two alternatives of which one is null.
fn nullable<'a>(at: &At<'a>) -> Result<Option<At<'a>>, InvalidParams> {
    let Some(alternatives) = at.optional("anyOf")? else { return Ok(None) };
    known(at, &["anyOf"])?;
    let (null, mut others): (Vec<_>, Vec<_>) =
        alternatives.items()?.partition(|one| one.value().get("type").and_then(Value::as_str) == Some("null"));
    match (null.len(), others.pop()) {
        (1, Some(other)) if others.is_empty() => Ok(Some(other)),
        _ => Err(alternatives.invalid("must be one kind of value, or that and null")),
    }
}

impl FieldKind {
    fn parse(at: &At<'_>) -> Result<Self, InvalidParams> {
        let kind = at.required("type")?;
        let count = |member: &str| at.optional(member)?.map(|field| whole(&field)).transpose();
        match kind.text()? {
            "string" if at.optional("enum")?.is_some() || at.optional("oneOf")?.is_some() => {
                known(at, &["type", "enum", "enumNames", "oneOf"])?;
                Ok(Self::One(choices(at, "oneOf")?))
            }
            "string" => {
                known(at, &["type", "minLength", "maxLength", "pattern", "format"])?;
                let (min, max) = (count("minLength")?, count("maxLength")?);
                in_order(at, min, max)?;
                Ok(Self::Text { min, max, pattern: pattern(at)?, format: format(at)? })
            }
            kind @ ("number" | "integer") => {
                known(at, &["type", "minimum", "maximum"])?;
                let bound = |member: &str| at.optional(member)?.map(|field| field.number()).transpose();
                let (min, max) = (bound("minimum")?, bound("maximum")?);
                in_order(at, min, max)?;
                Ok(Self::Number { whole: kind == "integer", min, max })
            }
            "boolean" => {
                known(at, &["type"])?;
                Ok(Self::Truth)
            }
            "array" => {
                known(at, &["type", "items", "minItems", "maxItems", "uniqueItems"])?;
                let items = at.required("items")?;
                known(&items, &["type", "enum", "anyOf", "oneOf"])?;
                if let Some(kind) = items.optional("type")?
                    && kind.text()? != "string"
                {
                    return Err(kind.invalid("must be string"));
                }
                let member = if items.optional("oneOf")?.is_some() { "oneOf" } else { "anyOf" };
                let (min, max) = (count("minItems")?, count("maxItems")?);
                in_order(at, min, max)?;
                Ok(Self::Several { choices: choices(&items, member)?, min, max })
            }
            _ => Err(kind.invalid("must be string, number, integer, boolean, or an array of choices")),
        }
    }

    /// Whether it is of this kind; whether it also keeps the bounds is told when it is answered.
    fn takes(&self, value: &Value) -> bool {
        let offered = |choices: &[Choice], value: &Value| {
            value.as_str().is_some_and(|value| choices.iter().any(|choice| choice.value == value))
        };
        match self {
            Self::Text { .. } => value.is_string(),
            Self::Number { whole, .. } => value.as_f64().is_some_and(|number| !whole || number.fract() == 0.0),
            Self::Truth => value.is_boolean(),
            Self::One(choices) => offered(choices, value),
            Self::Several { choices, .. } => {
                value.as_array().is_some_and(|values| values.iter().all(|value| offered(choices, value)))
            }
        }
    }
}

/// Refuses a schema with members that mean something else than these.
fn known(at: &At<'_>, members: &[&str]) -> Result<(), InvalidParams> {
    let unknown = |name: &&String| !members.contains(&name.as_str()) && !ANNOTATIONS.contains(&name.as_str());
    match at.object()?.keys().find(unknown) {
        Some(name) => Err(at.optional(name)?.unwrap_or_else(|| at.clone()).invalid("is not known here")),
        None => Ok(()),
    }
}

fn choices(at: &At<'_>, titled: &str) -> Result<Vec<Choice>, InvalidParams> {
    let choices = match (at.optional("enum")?, at.optional(titled)?) {
        (Some(values), None) => {
            let titles: Option<Vec<&str>> = match at.optional("enumNames")? {
                Some(names) => Some(names.items()?.map(|name| name.text()).collect::<Result<_, _>>()?),
                None => None,
            };
            let values: Vec<&str> = values.items()?.map(|value| value.text()).collect::<Result<_, _>>()?;
            if titles.as_ref().is_some_and(|titles| titles.len() != values.len()) {
                return Err(at.required("enumNames")?.invalid("must have as many names as there are values"));
            }
            let title = |index: usize| Some((*titles.as_ref()?.get(index)?).to_owned());
            values
                .iter()
                .enumerate()
                .map(|(index, value)| Choice { value: (*value).to_owned(), title: title(index) })
                .collect::<Vec<_>>()
        }
        (None, Some(values)) => values
            .items()?
            .map(|one| {
                known(&one, &["const", "type"])?;
                let title = one.optional("title")?.map(|title| title.text().map(ToOwned::to_owned)).transpose()?;
                Ok(Choice { value: one.required("const")?.text()?.to_owned(), title })
            })
            .collect::<Result<_, InvalidParams>>()?,
        (Some(_), Some(both)) => return Err(both.invalid("cannot stand beside enum")),
        (None, None) => return Err(at.invalid("must name its choices")),
    };
    let distinct: HashSet<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
    match choices.len() {
        0 => Err(at.invalid("must have at least one choice")),
        count if count > MOST_CHOICES => {
            Err(at.invalid(format!("has {count} choices; at most {MOST_CHOICES} are shown")))
        }
        count if count != distinct.len() => Err(at.invalid("must not name a choice twice")),
        _ => Ok(choices),
    }
}

fn pattern(at: &At<'_>) -> Result<Option<Regex>, InvalidParams> {
    let Some(pattern) = at.optional("pattern")? else { return Ok(None) };
    let compiled = regex::RegexBuilder::new(pattern.text()?).size_limit(PATTERN_SIZE).build();
    compiled.map(Some).map_err(|_| pattern.invalid("is no pattern that can be checked here"))
}

fn format(at: &At<'_>) -> Result<Option<Format>, InvalidParams> {
    let Some(format) = at.optional("format")? else { return Ok(None) };
    let name = format.text()?;
    let known = [Format::Email, Format::Uri, Format::Date, Format::DateTime];
    let known = known.into_iter().find(|known| known.as_str() == name);
    known.map(Some).ok_or_else(|| format.invalid("must be email, uri, date or date-time"))
}

fn whole(at: &At<'_>) -> Result<u64, InvalidParams> {
    let number = at.number()?;
    let fits = number.fract() == 0.0 && (0.0..=1e15).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    let read = fits.then_some(number as u64);
    read.ok_or_else(|| at.invalid("must be a whole number, 0 or more"))
}

/// A form that nothing could satisfy is refused.
fn in_order<T: PartialOrd>(at: &At<'_>, min: Option<T>, max: Option<T>) -> Result<(), InvalidParams> {
    match min.zip(max) {
        Some((min, max)) if min > max => Err(at.invalid("has a least value above its greatest")),
        _ => Ok(()),
    }
}

/// The members of an object, as they go back: in the order of the form.
pub(super) fn object(members: Vec<(String, Value)>) -> Map<String, Value> {
    members.into_iter().collect()
}
