//! What differs between two settings, for the log: key by key, and in sentences.
//!
//! Values that may be secret (a server's variables and headers, a command that gives a key) are never told, only that
//! they are there and that they changed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Settings;

/// Stands for a value that may be secret.
const HIDDEN: &str = "(not shown)";

/// A key of the configuration whose value changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// Its place in the file, e.g. `servers.demo.gates`; of a rule, `rules.` and its id. Where a whole server, model, host
    /// or rule came or went, the table.
    pub key: String,
    /// The value before; null: there was none.
    pub before: Value,
    /// The value after; null: there is none.
    pub after: Value,
}

/// What differs, in order of the keys.
pub fn changes(before: &Settings, after: &Settings) -> Vec<SettingChange> {
    let (before, after) = (tables(before), tables(after));
    let mut changes = Vec::new();
    // A table that says nothing is not written, so either may be the only one to have it.
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for table in names {
        let of = |tables: &Map<String, Value>| tables.get(table).cloned().unwrap_or_default();
        let (before, after) = (&of(&before), &of(&after));
        match table.as_str() {
            "servers" | "models" | "hosts" | "rules" => each(table, before, after, &mut |key, before, after| {
                if before.is_object() && after.is_object() {
                    each(key, before, after, &mut |key, before, after| note(&mut changes, key, before, after));
                } else {
                    note(&mut changes, key, before, after);
                }
            }),
            "general" | "gateway" => {
                each(table, before, after, &mut |key, before, after| note(&mut changes, key, before, after));
            }
            key => note(&mut changes, key, before, after),
        }
    }
    changes
}

/// What changed, a sentence for each server, model, host and rule.
pub fn summary(changes: &[SettingChange]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let mut told = BTreeSet::new();
    for change in changes {
        // A name may hold dots, so fields are told apart by what whole tables are called.
        let (table, rest) = change.key.split_once('.').unwrap_or((&change.key, ""));
        let what = match table {
            "servers" => "Server",
            "models" => "Model",
            "hosts" => "Host",
            "rules" => "Rule",
            "general" => "General settings",
            "gateway" => "The gateway's settings",
            _ => {
                sentences.push(format!("{table} was changed from {} to {}.", change.before, change.after));
                continue;
            }
        };
        let fields = |of: &str| {
            let fields = changes.iter().filter_map(|other| other.key.strip_prefix(of)?.strip_prefix('.'));
            fields.collect::<Vec<_>>().join(", ")
        };
        if matches!(table, "general" | "gateway") {
            if told.insert(table.to_owned()) {
                sentences.push(format!("{what} were changed: {}.", fields(table)));
            }
            continue;
        }
        // A field may be a table too; what a whole server, model, host or rule cannot do without tells them apart.
        let whole = |value: &Value| {
            value.is_null()
                || ["command", "url", "demo", "provider", "token_sha256", "action"]
                    .iter()
                    .any(|key| value.get(key).is_some())
        };
        let came_or_went =
            whole(&change.before) && whole(&change.after) && change.before.is_null() != change.after.is_null();
        match (came_or_went, rest.rsplit_once('.')) {
            (false, Some((name, _))) => {
                let of = format!("{table}.{name}");
                if told.insert(of.clone()) {
                    sentences.push(format!("{what} {name} was changed: {}.", fields(&of)));
                }
            }
            (_, _) if change.before.is_null() => sentences.push(format!("{what} {rest} was added.")),
            (_, _) => sentences.push(format!("{what} {rest} was removed.")),
        }
    }
    sentences.join("\n")
}

/// The part of a server's table that a change is about, empty where the whole server came or went; none: the change
/// is about something else.
pub fn about_server<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    let rest = key.strip_prefix("servers.")?.strip_prefix(name)?;
    match rest.strip_prefix('.') {
        None => rest.is_empty().then_some(""),
        // Another server's name may begin with this one and a dot; a key of a table holds none.
        Some(field) => (!field.contains('.')).then_some(field),
    }
}

/// The settings as tables of the file, rules by their ids.
fn tables(settings: &Settings) -> Map<String, Value> {
    let Ok(Value::Object(mut tables)) = serde_json::to_value(settings) else { return Map::new() };
    let rules = settings.rules.iter().map(|rule| (rule.id.clone(), serde_json::to_value(rule).unwrap_or_default()));
    tables.insert("rules".into(), Value::Object(rules.collect()));
    tables
}

/// Looks at each key of either table, in order.
fn each(of: &str, before: &Value, after: &Value, look: &mut dyn FnMut(&str, &Value, &Value)) {
    let fields = |value: &Value| value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect::<Vec<_>>();
    let keys: BTreeSet<String> = fields(before).into_iter().chain(fields(after)).collect();
    for key in keys {
        let value = |table: &Value| table.get(&key).cloned().unwrap_or_default();
        look(&format!("{of}.{key}"), &value(before), &value(after));
    }
}

fn note(changes: &mut Vec<SettingChange>, key: &str, before: &Value, after: &Value) {
    if before != after {
        let name = key.rsplit('.').next().unwrap_or(key);
        changes.push(SettingChange { key: key.into(), before: shown(name, before), after: shown(name, after) });
    }
}

/// A value without what may be secret in it.
fn shown(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("env" | "headers" | "key", Value::Object(values)) => {
            values.keys().map(|name| (name.clone(), Value::from(HIDDEN))).collect::<Map<_, _>>().into()
        }
        (_, Value::Object(fields)) => {
            fields.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect::<Map<_, _>>().into()
        }
        (_, value) => value.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        canonical::Sha256Hex,
        policy::{Action, Rule},
        settings::{Gates, Host, KeySource, Model, Server, Transport},
    };

    fn model(command: &str) -> Model {
        let key = KeySource::Command(command.into());
        Model { provider: "openai".into(), base_url: None, model: "m-1".into(), key }
    }

    fn server(token: &str) -> Server {
        let env = [("TOKEN".to_owned(), token.to_owned())].into();
        let transport = Transport::Stdio {
            command: "serve".into(),
            args: vec!["-v".into()],
            cwd: None,
            env,
            secret_env: Vec::new(),
        };
        Server { transport, ..Server::demo() }
    }

    #[test]
    fn each_change_is_told_and_no_secret() {
        let mut before = Settings::default();
        before.servers.insert("old".into(), server("s3cret-1"));
        before.servers.insert("kept.one".into(), server("s3cret-2"));
        before.models.insert("m".into(), model("echo s3cret-3"));
        let mut after = before.clone();
        assert_eq!(changes(&before, &after), []);
        after.default_model = "m".into();
        after.general.notifications = false;
        after.general.approve_from_notifications = true;
        after.gateway.port = 4000;
        after.hosts.insert("h.i".into(), Host::new(Sha256Hex::of(b"t")));
        after.servers.remove("old");
        let record = Some(super::super::Record::default());
        after.servers.insert("kept.one".into(), Server { gates: Gates::Request, record, ..server("s3cret-4") });
        after.models.insert("m".into(), model("echo s3cret-5"));
        after.rules.push(Rule::new("r", Action::Allow));
        after.limits = crate::limits::Limits::none();

        let changed = changes(&before, &after);
        let keys: Vec<&str> = changed.iter().map(|change| change.key.as_str()).collect();
        let expected = [
            "default_model",
            "gateway.port",
            "general.approve_from_notifications",
            "general.notifications",
            "hosts.h.i",
            "limits",
            "models.m.key",
            "rules.r",
            "servers.kept.one.env",
            "servers.kept.one.gates",
            "servers.kept.one.record",
            "servers.old",
        ];
        assert_eq!(keys, expected);
        assert_eq!((&changed[9].before, &changed[9].after), (&json!("both"), &json!("request")));
        assert_eq!((&changed[8].before, &changed[8].after), (&json!({"TOKEN": HIDDEN}), &json!({"TOKEN": HIDDEN})));
        assert_eq!((&changed[11].before["command"], &changed[11].after), (&json!("serve"), &Value::Null));
        assert_eq!(changed[7].after["action"], "allow");
        assert!(!serde_json::to_string(&changed).unwrap().contains("s3cret"));
        let sentences = "default_model was changed from \"human\" to \"m\".\n\
            The gateway's settings were changed: port.\n\
            General settings were changed: approve_from_notifications, notifications.\n\
            Host h.i was added.\n\
            limits was changed from null to \"none\".\n\
            Model m was changed: key.\n\
            Rule r was added.\n\
            Server kept.one was changed: env, gates, record.\n\
            Server old was removed.";
        assert_eq!(summary(&changed), sentences);
    }
}
