//! What a server tells without being asked: log messages, progress, changes, and that what was opened is done.

use serde_json::Value;
use uuid::Uuid;

use super::{Arrival, Filtered, Tap};
use crate::mcp::{
    Era, News, ServerEvent, event,
    flight::json_key,
    required::{COMPLETE, address_id},
};

impl Tap {
    pub(super) fn notification(
        &self,
        method: &str,
        mut object: serde_json::Map<String, Value>,
        arrival: Arrival<'_>,
    ) -> Filtered {
        let mut params = || object.remove("params").unwrap_or(Value::Null);
        match method {
            "notifications/message" => {
                let params = params();
                self.tell_log(method, &params, arrival);
                self.note(event::log(params));
                return Filtered::Done;
            }
            "notifications/progress" => {
                self.progress(params());
                return Filtered::Done;
            }
            "notifications/resources/updated" => {
                self.relay.tell(News { method: method.to_owned(), params: params() });
                return Filtered::Done;
            }
            COMPLETE => {
                self.address_done(params());
                return Filtered::Done;
            }
            "notifications/tools/list_changed" => {
                self.sighting.unsettle();
                self.note(ServerEvent::ToolsChanged);
            }
            "notifications/prompts/list_changed" => self.note(ServerEvent::PromptsChanged),
            "notifications/resources/list_changed" => self.note(ServerEvent::ResourcesChanged),
            "notifications/cancelled" => self.taken_back(object.get("params").unwrap_or(&Value::Null)),
            other if other.starts_with("notifications/subscriptions/") => {}
            _ => return Filtered::Done,
        }
        if method.ends_with("/list_changed") {
            let params = object.get("params").cloned().unwrap_or_default();
            self.relay.tell(News { method: method.to_owned(), params });
        }
        Filtered::Pass(Value::Object(object))
    }

    /// Tells the call that a log message belongs to; where that is not known, who listens to the connection. On the pipe to a
    /// server of 2026-07-28 with several calls under way it is told to each that asked for messages like it: there a
    /// message belongs to a request, and does not say which.
    fn tell_log(&self, method: &str, params: &Value, arrival: Arrival<'_>) {
        let response = match arrival {
            Arrival::Response(key) => Some(key),
            Arrival::Pipe | Arrival::Stream => None,
        };
        let news = News { method: method.to_owned(), params: params.clone() };
        let state = self.state();
        let stateless = self.identity.get().is_some_and(|server| server.era == Era::Stateless);
        let sinks: Vec<_> = match state.call_told(response) {
            Some(in_flight) => in_flight.news.iter().cloned().collect(),
            None if stateless && matches!(arrival, Arrival::Pipe) => {
                state.calls_asking(params).filter_map(|in_flight| in_flight.news.clone()).collect()
            }
            None => Vec::new(),
        };
        drop(state);
        if sinks.is_empty() {
            self.relay.tell(news);
            return;
        }
        for sink in sinks {
            // A caller that does not keep up misses some.
            let _ = sink.try_send(news.clone());
        }
    }

    /// Remembers an address that is asked to be opened, so that it can be called done.
    pub(in crate::mcp) fn note_address(&self, params: &Value, call: Option<Uuid>) {
        if let Some(id) = address_id(params) {
            self.state().addresses.note(id, call);
        }
    }

    /// What was opened is done, says the server. Of what it never asked, or called done before, nothing is told.
    fn address_done(&self, params: Value) {
        let id = params.get("elicitationId").and_then(Value::as_str);
        let Some(call_id) = id.and_then(|id| self.state().addresses.done(id)) else { return };
        self.note(ServerEvent::AddressDone { call_id });
        self.relay.tell(News { method: COMPLETE.to_owned(), params });
    }

    fn progress(&self, params: Value) {
        let Some(token) = params.get("progressToken").and_then(json_key) else {
            return;
        };
        let state = self.state();
        let Some(call_id) = state.progress_tokens.get(&token).copied() else {
            return;
        };
        let Some(in_flight) = state.calls.iter().find(|in_flight| in_flight.call.call_id == call_id) else {
            return;
        };
        let noted = ServerEvent::Progress {
            call_id,
            progress: params.get("progress").and_then(Value::as_f64).unwrap_or_default(),
            total: params.get("total").and_then(Value::as_f64),
            message: params.get("message").and_then(Value::as_str).map(|text| event::shorten(text, 1024)),
        };
        if let Some(sink) = &in_flight.news {
            // A caller that does not keep up misses steps, never the end.
            let _ = sink.try_send(News { method: "notifications/progress".to_owned(), params });
        }
        drop(state);
        self.note(noted);
    }
}
