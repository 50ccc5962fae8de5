//! Changes single places of a file's text; everything else stays to the byte: comments, order, indentation, line ends.
//!
//! The result is read again, and has to be exactly the old one with the changes in it. Where it is not, or where the
//! text says something twice, nothing is edited.

mod jsonc;
mod toml;

use serde_json::{Map, Value};

use super::{App, Syntax, Unreadable, syntax::BOM};

/// A change of one place, named by its keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Puts this value there; tables on the way are made.
    Put {
        /// The place.
        place: Vec<String>,
        /// The value.
        value: Value,
    },
    /// Takes out what is there.
    Remove {
        /// The place.
        place: Vec<String>,
    },
    /// Puts there what stands in another text at the same place, as it is written there.
    Restore {
        /// The place.
        place: Vec<String>,
        /// The other text.
        from: String,
    },
}

impl Change {
    fn place(&self) -> &[String] {
        match self {
            Self::Put { place, .. } | Self::Remove { place } | Self::Restore { place, .. } => place,
        }
    }
}

/// Why a text is not edited. It is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotEdit {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Something on the way is no table.
    #[error("{0} is not a table")]
    NotATable(String),
    /// A key on the way stands twice.
    #[error("{0} stands there twice, so which one counts is not clear: take one out")]
    Twice(String),
    /// The text or the result is not what is understood of it.
    #[error("it is written in a way that cannot be changed without changing more: change it by hand")]
    NotFaithful,
}

/// The text with these changes.
///
/// # Errors
/// [`CannotEdit`].
pub fn edit(syntax: Syntax, text: &str, changes: &[Change]) -> Result<String, CannotEdit> {
    let mut expected = syntax.parse(text)?;
    for change in changes {
        let value = match change {
            Change::Put { value, .. } => Some(value.clone()),
            Change::Remove { .. } => None,
            Change::Restore { place, from } => value_at(&syntax.parse(from)?, place).cloned(),
        };
        set(&mut expected, change.place(), value)?;
    }
    let (mark, body) = match text.strip_prefix(BOM) {
        Some(body) => (&text[..BOM.len_utf8()], body),
        None => ("", text),
    };
    let edited = match syntax {
        Syntax::Jsonc => jsonc::edit(body, changes)?,
        Syntax::Toml => toml::edit(body, changes)?,
    };
    // JSON keeps numbers as they are written and TOML knows dates: as values both compare.
    if syntax.parse(&edited)? != expected {
        return Err(CannotEdit::NotFaithful);
    }
    Ok(format!("{mark}{edited}"))
}

/// What stands at a place.
pub fn value_at<'a>(root: &'a Value, place: &[String]) -> Option<&'a Value> {
    place.iter().try_fold(root, |value, key| value.as_object()?.get(key))
}

/// Puts a value at a place, or takes it out.
fn set(root: &mut Value, place: &[String], value: Option<Value>) -> Result<(), CannotEdit> {
    let Some((last, way)) = place.split_last() else { return Err(CannotEdit::NotFaithful) };
    let mut table = root;
    for key in way {
        let fields = table.as_object_mut().ok_or_else(|| CannotEdit::NotATable(shown(place)))?;
        if value.is_none() && !fields.contains_key(key) {
            return Ok(());
        }
        table = fields.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    let fields = table.as_object_mut().ok_or_else(|| CannotEdit::NotATable(shown(way)))?;
    match value {
        Some(value) => drop(fields.insert(last.clone(), value)),
        None => drop(fields.shift_remove(last)),
    }
    Ok(())
}

/// A place for people.
fn shown(place: &[String]) -> String {
    format!("`{}`", place.join("."))
}

/// Why a connection cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotUndo {
    /// What was written there was changed.
    #[error("{0} was changed since: take it out by hand")]
    Changed(String),
    /// What was taken out from there was put in again.
    #[error("{0} was put in again since: take it out by hand first, so that nothing is lost")]
    There(String),
    /// It cannot be edited.
    #[error(transparent)]
    Edit(#[from] CannotEdit),
}

/// The text without our entry and with what was moved out of it, where it changed since in other places. `before` is
/// the text as it was before.
///
/// # Errors
/// Our own places changed too, or it cannot be edited.
pub fn undone(
    app: App,
    now: &str,
    before: &str,
    is_ours: impl Fn(&Value) -> bool,
    moved: &[Vec<String>],
) -> Result<String, CannotUndo> {
    let syntax = app.syntax();
    let (root, old) = (syntax.parse(now).map_err(CannotEdit::from)?, syntax.parse(before).map_err(CannotEdit::from)?);
    let place = app.entry_at();
    let mut changes = Vec::new();
    match (value_at(&root, &place), value_at(&old, &place)) {
        (Some(entry), _) if !is_ours(entry) => return Err(CannotUndo::Changed(shown(&place))),
        (_, Some(_)) => changes.push(Change::Restore { place: place.clone(), from: before.into() }),
        (Some(_), None) => changes.push(Change::Remove { place: made_for(&place, &root, &old).to_vec() }),
        (None, None) => {}
    }
    for place in moved {
        if value_at(&root, place).is_some() {
            return Err(CannotUndo::There(shown(place)));
        }
        changes.push(Change::Restore { place: place.clone(), from: before.into() });
    }
    Ok(edit(syntax, now, &changes)?)
}

/// The entry, or the outermost table that was made for it and holds nothing else.
fn made_for<'a>(place: &'a [String], root: &Value, old: &Value) -> &'a [String] {
    let alone =
        |table: &[String]| value_at(root, table).and_then(Value::as_object).is_some_and(|table| table.len() == 1);
    let tables = (1..place.len()).rev().map(|length| &place[..length]);
    tables.take_while(|table| value_at(old, table).is_none() && alone(table)).last().unwrap_or(place)
}
