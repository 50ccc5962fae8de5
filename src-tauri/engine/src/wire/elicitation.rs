//! A question to the person: a form, or an address to open.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// A question to the person, as far as it is filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ElicitationView {
    /// Why the person is asked, in the server's words.
    pub message: String,
    /// How.
    pub asks: AsksView,
    /// What was typed, or suggested by the server and left: by field, a string for texts, numbers and one choice, a truth
    /// value, a list of strings for several choices. What was left empty may be absent.
    pub typed: Value,
    /// What keeps it from being accepted as it is typed now.
    pub problems: Vec<ProblemView>,
    /// Whether the host that made the call asks its person now. Who answers first, there or here, counts.
    pub with_host: bool,
}

/// How the person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "mode", rename_all = "camelCase")]
pub enum AsksView {
    /// A form.
    #[serde(rename_all = "camelCase")]
    Form {
        /// Its fields, in the server's order.
        fields: Vec<FormField>,
    },
    /// An address that is opened in the browser after it was accepted, and by nobody before.
    #[serde(rename_all = "camelCase")]
    Url {
        /// The whole of it, as it is opened.
        url: String,
        /// The host, in the letters it is registered in.
        host: String,
        /// The part of the host that somebody registered; none for a number.
        registered: Option<String>,
        /// What to know before it is opened, each in a sentence.
        warnings: Vec<String>,
    },
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct FormField {
    /// Its name in the answer.
    pub name: String,
    /// What the server calls it.
    pub title: Option<String>,
    /// What the server says it is for.
    pub description: Option<String>,
    /// Whether an answer must have it.
    pub required: bool,
    /// What the server suggests, in the shape of what is typed; null: nothing.
    pub suggested: Value,
    /// What it takes.
    pub takes: FieldTakes,
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum FieldTakes {
    /// A text.
    #[serde(rename_all = "camelCase")]
    Text {
        /// `email`, `uri`, `date`, `date-time`; none: any.
        format: Option<String>,
        /// What is asked of it, in a few words; empty: nothing.
        hint: String,
        /// Whether it may be of several lines.
        long: bool,
    },
    /// A number.
    #[serde(rename_all = "camelCase")]
    Number {
        /// Whether it must be whole.
        whole: bool,
        /// What is asked of it, in a few words; empty: nothing.
        hint: String,
    },
    /// Yes or no.
    Truth,
    /// One of these.
    #[serde(rename_all = "camelCase")]
    One {
        /// Which.
        choices: Vec<ChoiceView>,
    },
    /// Several of these.
    #[serde(rename_all = "camelCase")]
    Several {
        /// Which.
        choices: Vec<ChoiceView>,
        /// How many, in a few words; empty: any number.
        hint: String,
    },
}

/// A value to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ChoiceView {
    /// What is answered.
    pub value: String,
    /// What the server calls it; none: its value.
    pub title: Option<String>,
}

/// What keeps a field from being accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProblemView {
    /// The field's name; empty: of no field.
    pub field: String,
    /// What to do, in a sentence.
    pub why: String,
}
