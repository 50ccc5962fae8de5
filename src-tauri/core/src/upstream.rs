//! A host that answers what is asked in its calls: what it can be asked, and exactly what it is sent.
//!
//! A host says what it can do at its handshake, or in each request from 2026-07-28 on. What it did not say, and what its
//! revision of the protocol has no form for, it is not asked: [`HostSide::cannot_sample`] and [`HostSide::cannot_elicit`]
//! say why. What goes to it is what a person saw, without what belongs to the connection to the server (`_meta`, tasks),
//! what the protocol does not know, and the wish for context: no server is offered any.

use serde_json::Value;

use crate::{
    elicitation::{Elicitation, FieldKind, Mode},
    request::{Block, SamplingRequest},
};

/// The first revision with tools and several blocks in sampling, addresses and choices by title in elicitation.
const WITH_TOOLS: &str = "2025-11-25";
/// The first revision with elicitation.
const WITH_FORMS: &str = "2025-06-18";
/// The first revision with sounds.
const WITH_AUDIO: &str = "2025-03-26";

/// What a host says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSide {
    /// The protocol's revision that it speaks.
    pub version: String,
    /// The capabilities that it declares, as they came.
    pub capabilities: Value,
}

impl HostSide {
    fn declares(&self, pointer: &str) -> bool {
        self.capabilities.pointer(pointer).is_some_and(Value::is_object)
    }

    fn is_before(&self, revision: &str) -> bool {
        self.version.as_str() < revision
    }

    /// Why it cannot be asked for this answer of a model; none: it can.
    pub fn cannot_sample(&self, request: &SamplingRequest) -> Option<&'static str> {
        let blocks = || request.messages().iter().flat_map(|message| &message.blocks);
        let lists = || {
            let messages = request.params()["messages"].as_array().into_iter().flatten();
            messages.into_iter().any(|message| message["content"].is_array())
        };
        if !self.declares("/sampling") {
            Some("it did not say that it can sample")
        } else if request.needs_tools() && (!self.declares("/sampling/tools") || self.is_before(WITH_TOOLS)) {
            Some("it did not say that it can sample with tools")
        } else if self.is_before(WITH_TOOLS) && lists() {
            Some("its revision of the protocol has one text, image or sound in a message")
        } else if self.is_before(WITH_AUDIO) && blocks().any(|block| matches!(block, Block::Audio(_))) {
            Some("its revision of the protocol has no sounds")
        } else {
            None
        }
    }

    /// Whether its person can be asked to open an address, and it wants to hear when what is done there is done.
    pub fn opens_addresses(&self) -> bool {
        self.declares("/elicitation/url") && !self.is_before(WITH_TOOLS)
    }

    /// Why it cannot ask its person this; none: it can.
    pub fn cannot_elicit(&self, asked: &Elicitation) -> Option<&'static str> {
        if !self.declares("/elicitation") || self.is_before(WITH_FORMS) {
            return Some("it did not say that it can ask its person");
        }
        // An empty object meant forms before there were addresses, and still does.
        let forms = self.declares("/elicitation/form") || !self.declares("/elicitation/url");
        match asked.mode() {
            Mode::Form(_) if !forms => Some("it did not say that it can show forms"),
            Mode::Form(form) if self.is_before(WITH_TOOLS) => {
                let newer = form.fields().iter().any(|field| match &field.kind {
                    FieldKind::Several { .. } => true,
                    FieldKind::One(choices) => choices.iter().any(|choice| choice.title.is_some()),
                    FieldKind::Text { .. } | FieldKind::Number { .. } | FieldKind::Truth => false,
                });
                newer.then_some("its revision of the protocol has no such fields in forms")
            }
            Mode::Url { .. } if !self.opens_addresses() => Some("it did not say that it can show addresses"),
            Mode::Url { id: None, .. } if self.version == WITH_TOOLS => {
                Some("its revision of the protocol wants an id, which the server did not give")
            }
            Mode::Form(_) | Mode::Url { .. } => None,
        }
    }
}

/// The params with which a host is asked to sample.
pub fn sampling_params(request: &SamplingRequest) -> Value {
    without(request.params(), request.unknown_fields(), &["_meta", "task", "includeContext"])
}

/// The params with which a host is asked to ask its person.
pub fn elicitation_params(asked: &Elicitation) -> Value {
    without(asked.params(), asked.unknown_fields(), &["_meta"])
}

fn without(params: &Value, unknown: &[String], ours: &[&str]) -> Value {
    let mut params = params.clone();
    if let Value::Object(members) = &mut params {
        members.retain(|name, _| !unknown.contains(name) && !ours.contains(&name.as_str()));
    }
    params
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn host(version: &str, capabilities: Value) -> HostSide {
        HostSide { version: version.into(), capabilities }
    }

    fn request(more: Value) -> SamplingRequest {
        let mut params =
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": "q"}}], "maxTokens": 5});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        SamplingRequest::parse(params).unwrap()
    }

    fn form(properties: Value) -> Elicitation {
        let schema = json!({"type": "object", "properties": properties});
        Elicitation::parse(json!({"message": "m", "requestedSchema": schema}), "2025-11-25").unwrap()
    }

    #[test]
    fn a_host_is_asked_to_sample_only_what_it_said_it_can() {
        let (plain, with_tools) = (json!({"sampling": {}}), json!({"sampling": {"tools": {}}}));
        let tools = request(json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}));
        let text = |kind: &str| json!({"type": kind, "data": "AAAA", "mimeType": "audio/wav"});
        let list = request(json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]}));
        let sound = request(json!({"messages": [{"role": "user", "content": text("audio")}]}));
        for (host, request, can) in [
            (host("2025-11-25", json!({})), request(json!({})), false),
            (host("2026-07-28", json!({"sampling": true})), request(json!({})), false),
            (host("2024-11-05", plain.clone()), request(json!({})), true),
            (host("2026-07-28", plain.clone()), tools.clone(), false),
            (host("2025-06-18", with_tools.clone()), tools.clone(), false),
            (host("2025-11-25", with_tools), tools, true),
            (host("2025-06-18", plain.clone()), list.clone(), false),
            (host("2025-11-25", plain.clone()), list, true),
            (host("2024-11-05", plain.clone()), sound.clone(), false),
            (host("2025-03-26", plain), sound, true),
        ] {
            assert_eq!(host.cannot_sample(&request).is_none(), can, "{host:?} {:?}", request.params());
        }
    }

    #[test]
    fn a_host_is_asked_to_elicit_only_what_it_said_it_can() {
        let text = form(json!({"a": {"type": "string"}}));
        let several = form(json!({"a": {"type": "array", "items": {"type": "string", "enum": ["x"]}}}));
        let address = |id: Value| {
            let mut params = json!({"mode": "url", "message": "m", "url": "https://example.org"});
            params.as_object_mut().unwrap().extend(id.as_object().unwrap().clone());
            Elicitation::parse(params, "2026-07-28").unwrap()
        };
        let (named, unnamed) = (address(json!({"elicitationId": "e"})), address(json!({})));
        let (any, url) = (json!({"elicitation": {}}), json!({"elicitation": {"url": {}}}));
        let both = json!({"elicitation": {"form": {}, "url": {}}});
        for (host, asked, can) in [
            (host("2025-11-25", json!({})), &text, false),
            (host("2025-06-18", any.clone()), &text, true),
            (host("2025-06-18", any.clone()), &several, false),
            (host("2025-11-25", any.clone()), &several, true),
            (host("2025-11-25", url.clone()), &text, false),
            (host("2025-11-25", both.clone()), &text, true),
            (host("2025-11-25", any), &named, false),
            (host("2025-11-25", both), &named, true),
            (host("2025-11-25", url.clone()), &unnamed, false),
            (host("2026-07-28", url), &unnamed, true),
        ] {
            assert_eq!(host.cannot_elicit(asked).is_none(), can, "{host:?} {:?}", asked.params());
        }
    }

    #[test]
    fn a_host_is_sent_what_was_shown_and_nothing_of_the_connection() {
        let asked = request(json!({
            "_meta": {"progressToken": 1}, "task": {}, "later": 1, "includeContext": "allServers", "temperature": 0.5,
        }));
        let text = json!({"type": "text", "text": "q"});
        let expected = json!({"messages": [{"role": "user", "content": text}], "maxTokens": 5, "temperature": 0.5});
        assert_eq!(sampling_params(&asked), expected);
    }
}
