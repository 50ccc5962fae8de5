//! One server's entry, taken apart field by field. What is left when a format is done with it is told by name, so that
//! nothing is dropped without a word.

use serde_json::{Map, Value};

use super::{FoundServer, Named, Reached, Source, references::resolve};

pub(super) struct Entry<'a> {
    source: Source<'a>,
    fields: Map<String, Value>,
    left_out: Vec<String>,
    cannot: Option<String>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(value: &Value, source: Source<'a>) -> Self {
        let mut entry =
            Self { source, fields: value.as_object().cloned().unwrap_or_default(), left_out: Vec::new(), cannot: None };
        if !value.is_object() {
            entry.refuse("its entry is not a table");
        }
        entry
    }

    /// It cannot be taken. The first reason counts.
    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        self.cannot.get_or_insert_with(|| why.into());
    }

    pub(super) fn tell(&mut self, what: impl Into<String>) {
        self.left_out.push(what.into());
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.shift_remove(key).filter(|value| !value.is_null())
    }

    /// Fields that say nothing about how the server is reached.
    pub(super) fn pass_over(&mut self, keys: &[&str]) {
        for key in keys {
            self.fields.shift_remove(*key);
        }
    }

    /// A field that is not taken, and why, if it is there and says something.
    pub(super) fn lose(&mut self, key: &str, why: &str) {
        let empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Bool(true) | Value::Number(_) => false,
        };
        if self.fields.shift_remove(key).is_some_and(|value| !empty(&value)) {
            self.tell(format!("`{key}` is not taken: {why}."));
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.take(key)?.as_bool()
    }

    /// A text with everything in it that the host would put there. Without it the server is another one.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(self.whole(key, &text)),
            _ => {
                self.refuse(format!("`{key}` is not a text"));
                None
            }
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().filter_map(|item| self.argument(key, item)).collect(),
            Some(_) => {
                self.refuse(format!("`{key}` is not a list"));
                Vec::new()
            }
        }
    }

    fn argument(&mut self, key: &str, item: &Value) -> Option<String> {
        match plain(item) {
            Some(text) => Some(self.whole(key, &text)),
            None => {
                self.refuse(format!("`{key}` has something in it that is not a text"));
                None
            }
        }
    }

    fn whole(&mut self, key: &str, text: &str) -> String {
        let resolved = resolve(text, self.source);
        if let Some(unknown) = resolved.unknown.first() {
            let app = self.source.app.title();
            self.refuse(format!("`{key}` has {unknown} in it, which only {app} knows: add the server by hand"));
        }
        self.tell_usual(key, &resolved.usual);
        resolved.text
    }

    fn tell_usual(&mut self, key: &str, usual: &[String]) {
        for name in usual {
            self.tell(format!("`{key}` depends on the variable {name}: what it is without one was taken."));
        }
    }

    /// Variables or headers. What is not known is left out and told: only its name is needed to give it here.
    pub(super) fn values(&mut self, key: &str) -> Vec<Named> {
        let fields = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                self.refuse(format!("`{key}` is not a table"));
                return Vec::new();
            }
        };
        fields.iter().filter_map(|(name, value)| self.named(key, name, value)).collect()
    }

    fn named(&mut self, key: &str, name: &str, value: &Value) -> Option<Named> {
        if value.is_null() {
            return None;
        }
        let Some(text) = plain(value) else {
            self.tell(format!("{name} in `{key}` is not taken: it is not a text."));
            return None;
        };
        if name.is_empty() || name.chars().any(|c| c.is_control() || c == '=') || text.contains('\0') {
            self.tell(format!("{name:?} in `{key}` is not taken: nothing can have this name."));
            return None;
        }
        let resolved = resolve(&text, self.source);
        if let Some(unknown) = resolved.unknown.first() {
            self.tell_unknown(name, unknown);
            return None;
        }
        self.tell_usual(name, &resolved.usual);
        Some(Named::new(name.to_owned(), resolved.text))
    }

    /// A value that is not in the file.
    pub(super) fn tell_unknown(&mut self, name: &str, what: &str) {
        let app = self.source.app.title();
        let why = if what.starts_with("${input:") || what.starts_with("${promptString:") {
            format!("{app} asks for it ({what})")
        } else {
            format!("it comes from {what}, which only {app} knows")
        };
        self.tell(format!("{name} is not taken: {why}. Give it here once the server is imported."));
    }

    /// The folder that a relative one starts from is the project's; the person's own files have none.
    pub(super) fn cwd(&mut self, key: &str) -> Option<String> {
        let given = self.text(key).filter(|cwd| !cwd.is_empty());
        let absolute = |path: &str| path.starts_with(['/', '\\', '~']) || path.get(1..3) == Some(":\\");
        match (given, self.source.project) {
            (Some(cwd), _) if absolute(&cwd) => Some(match cwd.strip_prefix("~/") {
                Some(below) => format!("{}/{below}", self.source.home),
                None => cwd,
            }),
            (Some(cwd), Some(project)) => Some(format!("{project}/{}", cwd.trim_start_matches("./"))),
            (Some(_), None) => {
                self.tell(format!("`{key}` is not taken: it is a relative folder, and nothing says of what."));
                None
            }
            (None, project) => project.map(str::to_owned),
        }
    }

    /// Reads it as most hosts have it: `command`, `args`, `env`, `cwd`, or a URL under one of these keys and `headers`.
    pub(super) fn reached(&mut self, urls: &[&str]) -> Option<Reached> {
        let url_key = urls.iter().copied().find(|key| self.has(key));
        match (self.has("command"), url_key) {
            (true, None) => self.command(),
            (false, Some(key)) => self.url(key, "headers"),
            (true, Some(key)) => {
                self.refuse(format!("it has both `command` and `{key}`"));
                None
            }
            (false, None) => {
                self.refuse("it has neither a command nor a URL");
                None
            }
        }
    }

    pub(super) fn command(&mut self) -> Option<Reached> {
        let command = self.text("command").unwrap_or_default();
        let args = self.texts("args");
        let env = self.values("env");
        let cwd = self.cwd("cwd");
        if command.trim().is_empty() {
            self.refuse("its command is empty");
        }
        Some(Reached::Command { command, args, cwd, env })
    }

    pub(super) fn url(&mut self, key: &str, headers: &str) -> Option<Reached> {
        let url = self.text(key).unwrap_or_default();
        let headers = self.values(headers);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            self.refuse("its URL does not begin with http:// or https://");
        }
        Some(Reached::Url { url, headers })
    }

    /// The server, with all that nothing has asked for told as not known.
    pub(super) fn finish(
        mut self,
        name: &str,
        place: Vec<String>,
        reached: Option<Reached>,
        enabled: bool,
    ) -> FoundServer {
        for key in std::mem::take(&mut self.fields).keys() {
            self.tell(format!("{key:?} is not taken: it is not known here."));
        }
        if self.cannot.is_some() {
            self.left_out.clear();
        }
        let reached = match (self.cannot, reached) {
            (None, Some(reached)) if reached.is_samplegate() => Err("it is Samplegate itself".into()),
            (None, Some(reached)) => Ok(reached),
            (Some(why), _) => Err(why),
            (None, None) => Err("it has neither a command nor a URL".into()),
        };
        FoundServer {
            name: name.to_owned(),
            place,
            project: self.source.project.map(str::to_owned),
            reached,
            enabled,
            left_out: self.left_out,
        }
    }
}

/// A text, or what is written as one.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
