//! A tool call, and the approved form of it.

use serde_json::{Map, Value, json};

use crate::{
    canonical::Sha256Hex,
    request::{InvalidParams, one_line},
};

/// A tool call, as a host asked for it or as a person edited it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    server: String,
    name: String,
    params: Value,
}

impl ToolCall {
    /// Reads the params of a `tools/call` that is to go to this server. All of them are kept: what would go to the
    /// server is what is shown and approved.
    ///
    /// # Errors
    /// The first place where they are not what the protocol allows.
    pub fn parse(server: impl Into<String>, params: &Value) -> Result<Self, InvalidParams> {
        let invalid = |pointer: &str, reason: &str| InvalidParams { pointer: pointer.into(), reason: reason.into() };
        let Value::Object(fields) = params else { return Err(invalid("", "must be an object")) };
        let name = match fields.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            Some(_) => return Err(invalid("/name", "must be the name of a tool")),
            None => return Err(invalid("/name", "is missing")),
        };
        if fields.get("arguments").is_some_and(|arguments| !arguments.is_object()) {
            return Err(invalid("/arguments", "must be an object"));
        }
        if fields.get("_meta").is_some_and(|meta| !meta.is_object()) {
            return Err(invalid("/_meta", "must be an object"));
        }
        Ok(Self { server: server.into(), name, params: params.clone() })
    }

    /// The configured name of the server that is called.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments, an object; null where there are none.
    pub fn arguments(&self) -> &Value {
        self.params.get("arguments").unwrap_or(&Value::Null)
    }

    /// The names of the arguments, sorted.
    pub fn argument_names(&self) -> Vec<String> {
        argument_names(self.arguments())
    }

    /// The names of what else is in the params, sorted; those in `_meta` each for itself, e.g. `_meta/example.com/x`.
    pub fn besides(&self) -> Vec<String> {
        let fields = self.params.as_object().into_iter().flatten();
        let mut names: Vec<String> = fields
            .filter(|(name, _)| !matches!(name.as_str(), "name" | "arguments"))
            .flat_map(|(name, value)| match value {
                Value::Object(meta) if name == "_meta" => meta.keys().map(|key| format!("_meta/{key}")).collect(),
                _ => vec![name.clone()],
            })
            .collect();
        names.sort_unstable();
        names
    }

    /// The params to call the server with.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The object that an approval approves: `{server, params}`. Apart from each other, so that no member of the params
    /// can stand for the server, or be hidden by it.
    pub fn object(&self) -> Value {
        json!({"server": self.server, "params": self.params})
    }

    /// The same call with other arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Map<String, Value>) -> Self {
        if let Value::Object(fields) = &mut self.params {
            fields.insert("arguments".into(), Value::Object(arguments));
        }
        self
    }

    /// The same call with other values in its params, of the same tool.
    pub(super) fn with_params(mut self, params: Value) -> Self {
        self.params = params;
        self
    }

    /// One line for lists and popups: the tool and its arguments.
    pub fn first_line(&self) -> String {
        match self.arguments() {
            Value::Object(arguments) if !arguments.is_empty() => {
                one_line(&format!("{} {}", self.name, self.arguments()))
            }
            _ => one_line(&self.name),
        }
    }
}

/// The names in an arguments object, sorted.
pub(crate) fn argument_names(arguments: &Value) -> Vec<String> {
    let mut names: Vec<String> = arguments.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    names.sort_unstable();
    names
}

/// A tool call that a person, or a rule that a person made, approved. Only [`CallReview::apply`](super::CallReview::apply) makes one.
#[derive(Debug, Clone)]
pub struct ApprovedCall {
    call: ToolCall,
    object: Value,
    sha256: Sha256Hex,
}

impl ApprovedCall {
    pub(super) fn new(call: ToolCall) -> Self {
        let object = call.object();
        let sha256 = Sha256Hex::of_json(&object);
        Self { call, object, sha256 }
    }

    /// The call as approved.
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    /// The object that was approved, as of [`ToolCall::object`].
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// SHA-256 of the object's canonical bytes (RFC 8785), taken when it was approved.
    pub fn sha256(&self) -> Sha256Hex {
        self.sha256
    }
}
