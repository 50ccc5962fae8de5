//! Brings a document to new settings, touching only what differs, so that comments and order stay.

use samplegate_core::{
    canonical::Sha256Hex,
    settings::{Host, Sampling, Server, Settings},
};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::ConfigError;

/// The document with the settings in it.
pub(super) fn merge(mut document: DocumentMut, settings: &Settings) -> Result<DocumentMut, ConfigError> {
    let wanted = written(settings)?;
    let mut usual = Settings::default();
    usual.servers.insert(ANY.into(), Server { sampling: Sampling::Off, ..Server::demo() });
    usual.hosts.insert(ANY.into(), Host::new(Sha256Hex::of(b"")));
    merge_table(document.as_table_mut(), wanted.as_table(), Some(written(&usual)?.as_table()));
    Ok(document)
}

/// Stands for every server, and every host, in the defaults.
const ANY: &str = "any";

fn written(settings: &Settings) -> Result<DocumentMut, ConfigError> {
    toml_edit::ser::to_document(settings)
        .map_err(|error| ConfigError::Io { path: "config.toml".into(), cause: error.to_string() })
}

/// `usual` holds the values of keys that are left out: these are not written where a person left them out too.
fn merge_table(old: &mut Table, new: &Table, usual: Option<&Table>) {
    let gone: Vec<String> = old.iter().map(|(key, _)| key.to_owned()).filter(|key| !new.contains_key(key)).collect();
    for key in gone {
        old.remove(&key);
    }
    for (key, wanted) in new {
        let usual_here = usual.and_then(|usual| usual.get(key).or_else(|| usual.get(ANY)));
        match old.get_mut(key) {
            Some(Item::Table(table)) if as_table(wanted).is_some() => {
                if let Some(wanted) = as_table(wanted) {
                    merge_table(table, &wanted, usual_here.and_then(as_table).as_ref());
                }
            }
            Some(present) if same(present, wanted) => {}
            Some(Item::Value(value)) if wanted.is_value() => {
                if let Some(mut wanted) = wanted.as_value().cloned() {
                    // The comment behind a value belongs to its line.
                    *wanted.decor_mut() = value.decor().clone();
                    *value = wanted;
                }
            }
            Some(present) => {
                *present = laid_out(key, wanted);
                // A table's key has no space behind it, and a value's has.
                if let Some(mut key) = old.key_mut(key) {
                    key.fmt();
                }
            }
            None if usual_here.is_some_and(|usual| same(usual, wanted)) => {}
            None => {
                old.insert(key, laid_out(key, wanted));
            }
        }
    }
}

/// Servers, models, hosts and rules stand as tables of their own; what is inside them stays on one line.
fn laid_out(key: &str, item: &Item) -> Item {
    match item {
        Item::Value(Value::InlineTable(inline)) if !matches!(key, "env" | "headers" | "key") => {
            let mut table = Table::new();
            table.set_implicit(matches!(key, "servers" | "models" | "hosts"));
            for (key, value) in inline {
                table.insert(key, laid_out(key, &Item::Value(value.clone())));
            }
            Item::Table(table)
        }
        Item::Table(old) => {
            let mut table = Table::new();
            table.set_implicit(matches!(key, "servers" | "models" | "hosts"));
            for (key, value) in old {
                table.insert(key, laid_out(key, value));
            }
            Item::Table(table)
        }
        Item::Value(Value::Array(array)) if key == "rules" => {
            let tables: ArrayOfTables =
                array.iter().filter_map(Value::as_inline_table).map(|inline| inline.clone().into_table()).collect();
            if tables.is_empty() { item.clone() } else { Item::ArrayOfTables(tables) }
        }
        other => other.clone(),
    }
}

fn as_table(item: &Item) -> Option<Table> {
    match item {
        Item::Table(table) => Some(table.clone()),
        Item::Value(Value::InlineTable(inline)) => Some(inline.clone().into_table()),
        Item::None | Item::Value(_) | Item::ArrayOfTables(_) => None,
    }
}

/// Whether two items mean the same, however they are written.
fn same(a: &Item, b: &Item) -> bool {
    fn plain(item: &Item) -> Option<serde_json::Value> {
        let mut document = DocumentMut::new();
        document.insert("x", item.clone());
        toml_edit::de::from_document(document).ok()
    }
    let (a, b) = (plain(a), plain(b));
    a.is_some() && a == b
}
