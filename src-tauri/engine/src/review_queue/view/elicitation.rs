//! A question to the person as the shells see it.

use samplegate_core::{
    canonical::Sha256Hex,
    elicitation::{Choice, Elicitation, Field, FieldKind, Mode, secret_requests},
    inspect::{self, Finding, Place},
};
use serde_json::Value;

use super::{super::elicitation::Asking, Told};
use crate::wire::{AsksView, ChoiceView, ElicitationView, FieldTakes, FormField, ProblemView, SubjectView};

/// From so many characters on, a text gets several lines.
const LONG: u64 = 200;

pub(super) fn told(state: &Asking) -> Told {
    let (asked, typed) = (state.dialog.asked(), state.dialog.typed());
    let over = state.dialog.is_over();
    let problem =
        |problem: samplegate_core::elicitation::Problem| ProblemView { field: problem.field, why: problem.why };
    let problems = if over { Vec::new() } else { asked.problems(typed).into_iter().map(problem).collect() };
    Told {
        received: asked.params().clone(),
        request: asked.params().clone(),
        request_edited: false,
        unknown_fields: asked.unknown_fields().to_vec(),
        request_sha256: Sha256Hex::of_json(asked.params()).to_hex(),
        findings: findings(asked),
        actions: state.dialog.actions(),
        decides: false,
        subject: SubjectView::Elicitation(Box::new(ElicitationView {
            message: asked.message().to_owned(),
            asks: asks(asked),
            typed: Value::Object(typed.clone()),
            problems,
            with_host: state.dialog.is_with_host(),
        })),
    }
}

/// What inspection says of it, secrets that a form asks for first.
pub(crate) fn findings(asked: &Elicitation) -> Vec<Finding> {
    let mut findings = secret_requests(asked);
    let said = inspect::inspect(Place::Request, asked.params());
    let new = said
        .into_iter()
        .filter(|found| !findings.iter().any(|known| (known.kind, &known.pointer) == (found.kind, &found.pointer)));
    let new: Vec<Finding> = new.collect();
    findings.extend(new);
    findings
}

fn asks(asked: &Elicitation) -> AsksView {
    match asked.mode() {
        Mode::Form(form) => {
            let suggested = asked.suggested();
            let field = |field: &Field| FormField {
                name: field.name.clone(),
                title: field.title.clone(),
                description: field.description.clone(),
                required: field.required,
                suggested: suggested.get(&field.name).cloned().unwrap_or_default(),
                takes: takes(&field.kind),
            };
            AsksView::Form { fields: form.fields().iter().map(field).collect() }
        }
        Mode::Url { address, .. } => AsksView::Url {
            url: address.url().to_owned(),
            host: address.host().to_owned(),
            registered: address.registered().map(ToOwned::to_owned),
            warnings: address.warnings().to_vec(),
        },
    }
}

fn takes(kind: &FieldKind) -> FieldTakes {
    match kind {
        FieldKind::Text { min, max, pattern, format } => {
            let mut hint = between(*min, *max, "character");
            if let Some(pattern) = pattern {
                let asked = format!("must match {}", pattern.as_str());
                hint = if hint.is_empty() { asked } else { format!("{hint}; {asked}") };
            }
            FieldTakes::Text {
                format: format.map(|format| format.as_str().to_owned()),
                hint,
                long: format.is_none() && max.is_some_and(|max| max >= LONG),
            }
        }
        FieldKind::Number { whole, min, max } => {
            let bounds = match (min, max) {
                (Some(min), Some(max)) => format!("{min} to {max}"),
                (Some(min), None) => format!("{min} or more"),
                (None, Some(max)) => format!("{max} or less"),
                (None, None) => String::new(),
            };
            FieldTakes::Number { whole: *whole, hint: bounds }
        }
        FieldKind::Truth => FieldTakes::Truth,
        FieldKind::One(choices) => FieldTakes::One { choices: views(choices) },
        FieldKind::Several { choices, min, max } => {
            FieldTakes::Several { choices: views(choices), hint: between(*min, *max, "choice") }
        }
    }
}

fn views(choices: &[Choice]) -> Vec<ChoiceView> {
    choices.iter().map(|choice| ChoiceView { value: choice.value.clone(), title: choice.title.clone() }).collect()
}

fn between(min: Option<u64>, max: Option<u64>, thing: &str) -> String {
    let many = |count: u64| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
    match (min.filter(|min| *min > 0), max) {
        (Some(min), Some(max)) if min == max => format!("exactly {}", many(min)),
        (Some(min), Some(max)) => format!("{min} to {}", many(max)),
        (Some(min), None) => format!("at least {}", many(min)),
        (None, Some(max)) => format!("at most {}", many(max)),
        (None, None) => String::new(),
    }
}
