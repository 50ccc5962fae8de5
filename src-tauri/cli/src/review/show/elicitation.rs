//! A question to the person: a form as far as it is filled in, or an address.

use samplegate_engine::wire::{ActionKind, AsksView, ChoiceView, ElicitationView, FieldTakes, FormField, ReviewItem};
use serde_json::Value;

use super::super::has;
use super::{Page, accent, bad, bold, findings, muted, provenance};
use crate::output::inline;

pub(super) fn text(item: &ReviewItem, asked: &ElicitationView) -> String {
    let mut page = Page::default();
    page.title(&match &asked.asks {
        AsksView::Form { .. } => format!("{} asks for your input", item.provenance.server),
        AsksView::Url { .. } => format!("{} wants your browser to open a page", item.provenance.server),
    });
    provenance(&mut page, item);
    super::why::why(&mut page, item);
    findings(&mut page, &item.findings);
    page.heading("It says");
    page.foreign(&asked.message);
    match &asked.asks {
        AsksView::Form { fields } if fields.is_empty() => page.line("It wants no more than your word."),
        AsksView::Form { fields } => {
            for field in fields {
                field_text(&mut page, field, asked);
            }
        }
        AsksView::Url { url, host, registered, warnings } => {
            page.heading("Host");
            page.line(&format!("  {}", bold(&inline(host))));
            if let Some(registered) = registered.as_ref().filter(|registered| *registered != host) {
                page.line(&muted(&format!("  part of {registered}")));
            }
            page.heading("The whole address");
            page.foreign(url);
            for warning in warnings {
                page.line(&bad(warning));
            }
            page.line(&muted("It is opened in your browser once you accept, and not looked at before."));
        }
    }
    for field in &item.unknown_fields {
        page.line(&muted(&format!("Not known to Samplegate: {field}: {}", item.request[field.as_str()])));
    }
    if has(item, ActionKind::Approve) {
        let host = item.provenance.host.as_deref().unwrap_or("the host");
        page.line(&accent(&inline(&format!("Answer it here, or let {host} ask its user (h)."))));
    }
    page.line(&muted("That is all of it."));
    page.text
}

fn field_text(page: &mut Page, field: &FormField, asked: &ElicitationView) {
    page.line("");
    page.heading(&label(field));
    if let Some(description) = &field.description {
        page.foreign(description);
    }
    let takes = takes(field);
    if !takes.is_empty() {
        page.line(&muted(&format!("  {takes}")));
    }
    if let FieldTakes::One { choices } | FieldTakes::Several { choices, .. } = &field.takes {
        for choice in choices {
            page.line(&format!("  - {}", inline(&choice_text(choice))));
        }
    }
    let value = asked.typed.get(&field.name).filter(|value| !is_empty(value));
    match value {
        Some(value) => {
            let from = if *value == field.suggested { " (suggested by the server)" } else { "" };
            page.line(&format!("  = {}{from}", bold(&inline(&value_text(value)))));
        }
        None => page.line(&muted("  = nothing yet")),
    }
    // What was left empty is said above; what was typed wrongly is said here.
    for problem in asked.problems.iter().filter(|problem| problem.field == field.name && value.is_some()) {
        page.line(&bad(&format!("  {}", problem.why)));
    }
}

/// What a field is called, and whether it must be there.
pub(in crate::review) fn label(field: &FormField) -> String {
    let must = if field.required { "required" } else { "optional" };
    match &field.title {
        Some(title) => format!("{title} ({}, {must})", field.name),
        None => format!("{} ({must})", field.name),
    }
}

/// What a field takes, in a few words.
pub(in crate::review) fn takes(field: &FormField) -> String {
    let joined = |what: &str, hint: &str| if hint.is_empty() { what.to_owned() } else { format!("{what}, {hint}") };
    match &field.takes {
        FieldTakes::Text { format, hint, .. } => joined(format.as_deref().unwrap_or("text"), hint),
        FieldTakes::Number { whole, hint } => joined(if *whole { "a whole number" } else { "a number" }, hint),
        FieldTakes::Truth => "yes or no".into(),
        FieldTakes::One { .. } => "one of these".into(),
        FieldTakes::Several { hint, .. } => joined("any of these", hint),
    }
}

/// A choice and, where it is called otherwise, its value.
pub(in crate::review) fn choice_text(choice: &ChoiceView) -> String {
    match &choice.title {
        Some(title) if *title != choice.value => format!("{title} ({})", choice.value),
        Some(title) => title.clone(),
        None => choice.value.clone(),
    }
}

/// A value as a person reads it.
pub(in crate::review) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(values) => values.iter().map(value_text).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
