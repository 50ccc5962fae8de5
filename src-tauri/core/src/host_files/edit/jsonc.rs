//! JSON with comments, over its concrete syntax tree.

use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

use super::{super::syntax::jsonc, CannotEdit, Change, shown};

pub(super) fn edit(text: &str, changes: &[Change]) -> Result<String, CannotEdit> {
    let root = parse(text)?;
    let mut stands_for: Vec<(String, String)> = Vec::new();
    for change in changes {
        match change {
            Change::Put { place, value } => put(&root, place, usize::MAX, input(value))?,
            Change::Remove { place } => remove(&root, place)?,
            Change::Restore { place, from } => {
                let other = parse(from)?;
                let Some(prop) = find(&other, place)? else { return Err(CannotEdit::NotFaithful) };
                let raw = prop.value().map(|value| value.to_string()).unwrap_or_default();
                let mark = mark(text, from, stands_for.len());
                put(&root, place, prop.property_index(), CstInputValue::String(mark.clone()))?;
                stands_for.push((format!("\"{mark}\""), raw));
            }
        }
    }
    let mut text = root.to_string();
    for (mark, raw) in stands_for {
        text = text.replacen(&mark, &raw, 1);
    }
    Ok(text)
}

fn parse(text: &str) -> Result<CstRootNode, CannotEdit> {
    let text = text.strip_prefix(super::BOM).unwrap_or(text);
    let root = CstRootNode::parse(text, &jsonc()).map_err(|_| CannotEdit::NotFaithful)?;
    if root.to_string() == text { Ok(root) } else { Err(CannotEdit::NotFaithful) }
}

/// A text that stands in neither, for what is put in as it is written.
fn mark(text: &str, from: &str, number: usize) -> String {
    let candidates = (0_u32..).map(|n| format!("samplegate:{number}:{n}"));
    candidates.into_iter().find(|mark| !text.contains(mark) && !from.contains(mark)).unwrap_or_default()
}

fn put(root: &CstRootNode, place: &[String], index: usize, value: CstInputValue) -> Result<(), CannotEdit> {
    let Some((last, way)) = place.split_last() else { return Err(CannotEdit::NotFaithful) };
    let mut table = root.object_value_or_create().ok_or_else(|| CannotEdit::NotATable("its root".into()))?;
    for (depth, key) in way.iter().enumerate() {
        one(&table, key, place)?;
        table = table.object_value_or_create(key).ok_or_else(|| CannotEdit::NotATable(shown(&place[..=depth])))?;
    }
    match one(&table, last, place)? {
        Some(prop) => prop.set_value(value),
        None => drop(table.insert(index.min(table.properties().len()), last, value)),
    }
    Ok(())
}

fn remove(root: &CstRootNode, place: &[String]) -> Result<(), CannotEdit> {
    if let Some(prop) = find(root, place)? {
        prop.remove();
    }
    Ok(())
}

fn find(root: &CstRootNode, place: &[String]) -> Result<Option<CstObjectProp>, CannotEdit> {
    let Some((last, way)) = place.split_last() else { return Ok(None) };
    let mut table = root.object_value();
    for key in way {
        let Some(object) = table else { return Ok(None) };
        table = one(&object, key, place)?.and_then(|prop| prop.object_value());
    }
    table.map_or(Ok(None), |table| one(&table, last, place))
}

/// The one property of this name.
fn one(table: &CstObject, name: &str, place: &[String]) -> Result<Option<CstObjectProp>, CannotEdit> {
    let mut named =
        table.properties().into_iter().filter(|prop| prop.decoded_name().is_some_and(|known| known == name));
    let first = named.next();
    if named.next().is_some() { Err(CannotEdit::Twice(shown(place))) } else { Ok(first) }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(fields) => {
            CstInputValue::Object(fields.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
