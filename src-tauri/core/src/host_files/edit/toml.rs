//! TOML, over a document that keeps how it is written.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::{CannotEdit, Change, shown};

pub(super) fn edit(text: &str, changes: &[Change]) -> Result<String, CannotEdit> {
    // A document has one kind of line ends, the plain ones; a text that has the others throughout gets them back.
    let windows = text.contains("\r\n");
    let plain = if windows { text.replace("\r\n", "\n") } else { text.to_owned() };
    if windows && plain.replace('\n', "\r\n") != text {
        return Err(CannotEdit::NotFaithful);
    }
    let mut document = parse(&plain)?;
    if document.to_string() != plain {
        return Err(CannotEdit::NotFaithful);
    }
    for change in changes {
        match change {
            Change::Put { place, value } => put(&mut document, place, item(value)?)?,
            Change::Remove { place } => remove(&mut document, place),
            Change::Restore { place, from } => {
                let other = parse(&from.replace("\r\n", "\n"))?;
                let found = place.iter().try_fold(other.as_item(), |item, key| item.as_table_like()?.get(key));
                put(&mut document, place, found.cloned().ok_or(CannotEdit::NotFaithful)?)?;
            }
        }
    }
    let edited = document.to_string();
    Ok(if windows { edited.replace('\n', "\r\n") } else { edited })
}

fn parse(text: &str) -> Result<DocumentMut, CannotEdit> {
    text.strip_prefix(super::BOM).unwrap_or(text).parse().map_err(|_| CannotEdit::NotFaithful)
}

fn put(document: &mut DocumentMut, place: &[String], item: Item) -> Result<(), CannotEdit> {
    let Some((last, way)) = place.split_last() else { return Err(CannotEdit::NotFaithful) };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, key) in way.iter().enumerate() {
        if !table.contains_key(key) {
            let mut made = Table::new();
            made.set_implicit(true);
            table.insert(key, Item::Table(made));
        }
        let next = table.get_mut(key).and_then(Item::as_table_like_mut);
        table = next.ok_or_else(|| CannotEdit::NotATable(shown(&place[..=depth])))?;
    }
    table.insert(last, item);
    Ok(())
}

fn remove(document: &mut DocumentMut, place: &[String]) {
    let Some((last, way)) = place.split_last() else { return };
    let root: &mut dyn TableLike = document.as_table_mut();
    let table = way.iter().try_fold(root, |table, key| table.get_mut(key)?.as_table_like_mut());
    if let Some(table) = table {
        table.remove(last);
    }
}

/// A table of its own; what is in it stands on one line each.
fn item(value: &Value) -> Result<Item, CannotEdit> {
    match value {
        Value::Object(fields) => {
            let mut table = Table::new();
            for (key, value) in fields {
                table.insert(key, Item::Value(line(value)?));
            }
            Ok(Item::Table(table))
        }
        other => Ok(Item::Value(line(other)?)),
    }
}

fn line(value: &Value) -> Result<toml_edit::Value, CannotEdit> {
    Ok(match value {
        Value::Null => return Err(CannotEdit::NotFaithful),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(broken)) => broken.into(),
            (None, None) => return Err(CannotEdit::NotFaithful),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(line).collect::<Result<Array, _>>()?.into(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| Ok((key.as_str(), line(value)?)));
            fields.collect::<Result<InlineTable, CannotEdit>>()?.into()
        }
    })
}
