//! From what a person typed to what goes back, checked against the form.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Number, Value};

use super::{
    Typed,
    form::{Choice, Field, FieldKind, Form, Format, object},
};

/// What keeps a field from being accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name; empty: of no field.
    pub field: String,
    /// What to do, in a sentence.
    pub why: String,
}

impl Form {
    /// Reads what was typed. What was left empty is left out.
    ///
    /// # Errors
    /// Every field that cannot be accepted, in the order of the form.
    pub fn read(&self, typed: &Typed) -> Result<Map<String, Value>, Vec<Problem>> {
        let mut problems = Vec::new();
        if typed.keys().any(|name| !self.fields().iter().any(|field| field.name == *name)) {
            problems.push(Problem { field: String::new(), why: "There is a value of no field.".into() });
        }
        let mut members = Vec::new();
        for field in self.fields() {
            match field.read(typed.get(&field.name)) {
                Ok(Some(value)) => members.push((field.name.clone(), value)),
                Ok(None) => {}
                Err(why) => problems.push(Problem { field: field.name.clone(), why }),
            }
        }
        if problems.is_empty() { Ok(object(members)) } else { Err(problems) }
    }

    /// Checks an answer that another client's form gave, as JSON.
    ///
    /// # Errors
    /// Every field that does not fit, in the order of the form.
    pub fn check(&self, given: &Map<String, Value>) -> Result<(), Vec<Problem>> {
        let strange = given.keys().filter(|name| !self.fields().iter().any(|field| field.name == **name));
        let strange = strange.map(|_| Problem { field: String::new(), why: "There is a value of no field.".into() });
        let unfit = self.fields().iter().filter_map(|field| {
            let why = field.check(given.get(&field.name)).err()?;
            Some(Problem { field: field.name.clone(), why })
        });
        let problems: Vec<Problem> = strange.chain(unfit).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl Field {
    fn read(&self, typed: Option<&Value>) -> Result<Option<Value>, String> {
        let missing = || if self.required { Err("This is required.".to_owned()) } else { Ok(None) };
        let typed = match typed {
            None | Some(Value::Null) => return missing(),
            Some(typed) => typed,
        };
        let wrong = || "This is no value of this field.".to_owned();
        match &self.kind {
            FieldKind::Truth => typed.as_bool().map(|truth| Some(Value::Bool(truth))).ok_or_else(wrong),
            FieldKind::Several { choices, min, max } => {
                let values = typed.as_array().ok_or_else(wrong)?;
                if values.is_empty() && !self.required {
                    return Ok(None);
                }
                several(values, choices, *min, *max).map(Some)
            }
            FieldKind::Text { .. } | FieldKind::Number { .. } | FieldKind::One(_) => {
                let text = typed.as_str().ok_or_else(wrong)?;
                if text.is_empty() { missing() } else { self.kind.read(text).map(Some) }
            }
        }
    }
}

impl Field {
    fn check(&self, given: Option<&Value>) -> Result<(), String> {
        let wrong = || "This is no value of this field.".to_owned();
        let fits = match (&self.kind, given) {
            (_, None) if self.required => return Err("This is required.".to_owned()),
            (_, None) | (FieldKind::Truth, Some(Value::Bool(_))) => return Ok(()),
            (FieldKind::Several { choices, min, max }, Some(Value::Array(values))) => {
                several(values, choices, *min, *max)
            }
            (FieldKind::Number { .. }, Some(Value::Number(number))) => self.kind.read(&number.to_string()),
            (FieldKind::Text { .. } | FieldKind::One(_), Some(Value::String(text))) => self.kind.read(text),
            _ => return Err(wrong()),
        };
        fits.map(drop)
    }
}

impl FieldKind {
    fn read(&self, typed: &str) -> Result<Value, String> {
        match self {
            Self::Text { min, max, pattern, format } => {
                let length = typed.chars().count() as u64;
                let short = min.filter(|min| length < *min);
                let long = max.filter(|max| length > *max);
                if let Some(min) = short {
                    return Err(format!("Type at least {} (now {length}).", counted(min, "character")));
                }
                if let Some(max) = long {
                    return Err(format!("Type at most {} (now {length}).", counted(max, "character")));
                }
                if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(typed)) {
                    return Err("This does not have the form that is asked for.".into());
                }
                match format.filter(|format| !format.fits(typed)) {
                    Some(format) => Err(format.advice().into()),
                    None => Ok(typed.into()),
                }
            }
            Self::Number { whole, min, max } => number(typed, *whole, *min, *max),
            Self::One(choices) => match choices.iter().find(|choice| choice.value == typed) {
                Some(choice) => Ok(choice.value.as_str().into()),
                None => Err("Choose one of these.".into()),
            },
            Self::Truth | Self::Several { .. } => Err("This is no value of this field.".into()),
        }
    }
}

fn number(typed: &str, whole: bool, min: Option<f64>, max: Option<f64>) -> Result<Value, String> {
    let asked = if whole { "Type a whole number." } else { "Type a number, e.g. 2.5." };
    let read: Number = serde_json::from_str(typed.trim()).map_err(|_| asked.to_owned())?;
    let size = read.as_f64().filter(|size| size.is_finite()).ok_or(asked)?;
    if whole && size.fract() != 0.0 {
        return Err(asked.into());
    }
    if let Some(min) = min.filter(|min| size < *min) {
        return Err(format!("The least is {min}."));
    }
    if let Some(max) = max.filter(|max| size > *max) {
        return Err(format!("The greatest is {max}."));
    }
    Ok(Value::Number(read))
}

fn several(typed: &[Value], choices: &[Choice], min: Option<u64>, max: Option<u64>) -> Result<Value, String> {
    let chosen = |choice: &&Choice| typed.iter().any(|value| value.as_str() == Some(&choice.value));
    // In the order of the form, each once.
    let values: Vec<Value> = choices.iter().filter(chosen).map(|choice| choice.value.as_str().into()).collect();
    if values.len() != typed.len() {
        return Err("Choose out of these, each once.".into());
    }
    let count = values.len() as u64;
    match (min.filter(|min| count < *min), max.filter(|max| count > *max)) {
        (Some(min), _) => Err(format!("Choose at least {min}.")),
        (None, Some(max)) => Err(format!("Choose at most {max}.")),
        (None, None) => Ok(Value::Array(values)),
    }
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

impl Format {
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Email => text.split_once('@').is_some_and(|(name, domain)| {
                let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
                clean(name) && clean(domain) && domain.split('.').all(|label| !label.is_empty())
            }),
            Self::Uri => text.parse::<url::Url>().is_ok(),
            Self::Date => text.len() == 10 && text.parse::<Date>().is_ok(),
            Self::DateTime => text.parse::<Timestamp>().is_ok(),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Email => "Type an e-mail address, e.g. name@example.org.",
            Self::Uri => "Type a whole address, e.g. https://example.org/page.",
            Self::Date => "Type a day, e.g. 2026-01-31.",
            Self::DateTime => "Type a day, a time and a zone, e.g. 2026-01-31T12:00:00Z.",
        }
    }
}
