//! What passed a gate: a request with the model it goes to, and an answer.

use serde_json::Value;

use crate::{answer::SamplingAnswer, canonical::Sha256Hex, request::SamplingRequest};

/// A configured model, as it is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The configured name.
    pub name: String,
    /// The provider.
    pub provider: String,
    /// The provider's model id.
    pub model: String,
    /// Where it is, as configured when it was chosen; none: the provider's own. A later change of the settings does
    /// not move what was approved.
    pub base_url: Option<String>,
}

/// The provider's name where a host answers with its own model. No provider is called that.
pub const HOST: &str = "host";

impl ModelRef {
    /// The model of a host that answers itself, as `host:NAME`, which no configured model can be called.
    pub fn of_host(name: &str) -> Self {
        Self { name: format!("{HOST}:{name}"), provider: HOST.into(), model: name.into(), base_url: None }
    }

    /// The host that answers; none: it is a configured model.
    pub fn host(&self) -> Option<&str> {
        (self.provider == HOST).then_some(self.model.as_str())
    }
}

/// A request that a person, or a rule that a person made, approved. Only [`Review::apply`](super::Review::apply) makes one.
#[derive(Debug, Clone)]
pub struct ApprovedRequest {
    request: SamplingRequest,
    model: ModelRef,
    object: Value,
    sha256: Sha256Hex,
}

impl ApprovedRequest {
    pub(super) fn new(request: SamplingRequest, model: ModelRef) -> Self {
        let object = approved_object(&request, &model);
        let sha256 = Sha256Hex::of_json(&object);
        Self { request, model, object, sha256 }
    }

    /// The request as approved.
    pub fn request(&self) -> &SamplingRequest {
        &self.request
    }

    /// The model it was approved for.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The object that was approved: the params, plus `model` and `provider`.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// SHA-256 of the object's canonical bytes (RFC 8785), taken when it was approved.
    pub fn sha256(&self) -> Sha256Hex {
        self.sha256
    }
}

/// The object that an approval of this request for this model approves.
pub fn approved_object(request: &SamplingRequest, model: &ModelRef) -> Value {
    let mut object = request.params().clone();
    if let Value::Object(fields) = &mut object {
        fields.insert("model".into(), Value::String(model.model.clone()));
        fields.insert("provider".into(), Value::String(model.provider.clone()));
    }
    object
}

/// An answer that may go back to the server. Only [`Review::apply`](super::Review::apply) makes one.
#[derive(Debug, Clone)]
pub struct ReleasedResponse {
    answer: SamplingAnswer,
    result: Value,
    edited: bool,
}

impl ReleasedResponse {
    pub(super) fn new(answer: SamplingAnswer, result: Value, edited: bool) -> Self {
        Self { answer, result, edited }
    }

    /// The answer.
    pub fn answer(&self) -> &SamplingAnswer {
        &self.answer
    }

    /// The answer as the protocol's result object, in the server's revision.
    pub fn result(&self) -> &Value {
        &self.result
    }

    /// Whether a person changed what the model wrote.
    pub fn edited(&self) -> bool {
        self.edited
    }
}
