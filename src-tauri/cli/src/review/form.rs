//! Filling in a server's form, field by field.

use samplegate_engine::wire::{Action, AsksView, ChoiceView, ElicitationView, FieldTakes, FormField};
use serde_json::{Map, Value};

use super::{Terminal, show};
use crate::output::inline;

impl Terminal {
    /// Asks for each field; Esc ends it, and keeps what was filled in so far. None: there is no form.
    pub(super) async fn fill(&mut self, asked: &ElicitationView) -> Option<Action> {
        let AsksView::Form { fields } = &asked.asks else { return None };
        show::say(&show::muted("Enter keeps what is in brackets, a single space empties it, Esc ends the filling in."));
        let mut values: Map<String, Value> = asked.typed.as_object().cloned().unwrap_or_default();
        for field in fields {
            loop {
                let Some(typed) = self.input.line(&prompt(field, values.get(&field.name))).await else {
                    return Some(Action::Fill { values: Value::Object(values) });
                };
                match read(field, &typed) {
                    Read::Kept => {}
                    Read::Emptied => drop(values.remove(&field.name)),
                    Read::Value(value) => drop(values.insert(field.name.clone(), value)),
                    Read::Wrong(why) => {
                        show::say(&show::bad(&why));
                        continue;
                    }
                }
                break;
            }
        }
        Some(Action::Fill { values: Value::Object(values) })
    }
}

fn prompt(field: &FormField, now: Option<&Value>) -> String {
    show::say(&inline(&show::label(field)));
    if let Some(description) = &field.description {
        show::say(&show::muted(&format!("  {description}")));
    }
    if let FieldTakes::One { choices } | FieldTakes::Several { choices, .. } = &field.takes {
        for (number, choice) in choices.iter().enumerate() {
            show::say(&inline(&format!("{:>3}  {}", number + 1, show::choice_text(choice))));
        }
    }
    let how = match &field.takes {
        FieldTakes::One { .. } => "number".into(),
        FieldTakes::Several { .. } => "numbers, e.g. 1 3".into(),
        FieldTakes::Truth => "y or n".into(),
        FieldTakes::Text { .. } | FieldTakes::Number { .. } => show::takes(field),
    };
    let now = now.map(|value| format!(" [{}]", show::value_text(value))).unwrap_or_default();
    inline(&format!("  {how}{now}: "))
}

enum Read {
    Kept,
    Emptied,
    Value(Value),
    Wrong(String),
}

/// What was typed for a field; whether it fits is judged with the whole form.
fn read(field: &FormField, typed: &str) -> Read {
    match typed {
        "" => return Read::Kept,
        " " => return Read::Emptied,
        _ => {}
    }
    match &field.takes {
        FieldTakes::Text { .. } => Read::Value(typed.into()),
        FieldTakes::Number { .. } => Read::Value(typed.trim().into()),
        FieldTakes::Truth => match typed.trim() {
            "y" | "Y" | "yes" => Read::Value(true.into()),
            "n" | "N" | "no" => Read::Value(false.into()),
            _ => Read::Wrong("Type y or n.".into()),
        },
        FieldTakes::One { choices } => match numbered(choices, typed.trim()) {
            Some(value) => Read::Value(value),
            None => Read::Wrong(format!("Type a number from 1 to {}.", choices.len())),
        },
        FieldTakes::Several { choices, .. } => {
            let words = typed.split([' ', ',']).filter(|word| !word.is_empty());
            match words.map(|word| numbered(choices, word)).collect::<Option<Vec<_>>>() {
                Some(values) => Read::Value(Value::Array(values)),
                None => Read::Wrong(format!("Type numbers from 1 to {}, with spaces between them.", choices.len())),
            }
        }
    }
}

fn numbered(choices: &[ChoiceView], number: &str) -> Option<Value> {
    let at = number.parse::<usize>().ok()?.checked_sub(1)?;
    Some(choices.get(at)?.value.as_str().into())
}
