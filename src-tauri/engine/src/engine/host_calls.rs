//! Calls that hosts make: through the gate where the person wants them looked at.

use std::sync::Arc;

use samplegate_core::tool_call::{ApprovedCall, ToolCall, belongs_to_the_connection};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::mcp::{CallError, CallKind, CallRef, Connection, HostReply, News};

impl Engine {
    /// Makes a host's call with exactly these params, or with those that the person made of them. `cancel` fires when the
    /// host gives up; so does dropping this.
    ///
    /// # Errors
    /// [`CallError`]. A refusal is no error but the result of a failed tool.
    pub(crate) async fn call_for_host(
        &self,
        connection: Arc<Connection>,
        call: CallRef,
        params: Map<String, Value>,
        cancel: CancellationToken,
        news: mpsc::Sender<News>,
    ) -> Result<Value, CallError> {
        let server = connection.identity().name.clone();
        let is_looked_at = match &call.kind {
            CallKind::Tool { name, .. } => self.pipeline.looks_at_calls(&call.host, &server, name),
            CallKind::Prompt { .. } | CallKind::Resource { .. } => false,
        };
        if !is_looked_at {
            return connection.relay_call(call, params, cancel, news).await;
        }
        let withdrawn = cancel.child_token();
        let _gives_up = withdrawn.clone().drop_guard();
        let reply = HostReply::default();
        let meta = params.get("_meta").cloned();
        let asked = connection.asked_by_host(call.clone(), Value::Object(params), withdrawn.clone(), reply.receipt());
        let pipeline = self.pipeline.clone();
        // On a task of its own: whatever becomes of the host, the question ends as one.
        let reviewed = tokio::spawn(async move {
            let perform = move |approved: Box<ApprovedCall>, cancel| async move {
                let params = with_meta_of_the_connection(approved.call(), meta.as_ref());
                connection.relay_call(call, params, cancel, news).await
            };
            pipeline.tool_call(asked, perform).await
        });
        let result = reviewed.await.unwrap_or_else(|_| Err(CallError::BadResult("the call was not finished".into())));
        if !withdrawn.is_cancelled() {
            reply.handed_over();
        }
        result
    }
}

/// The params as approved, with what in `_meta` is about the connection and no part of the call.
fn with_meta_of_the_connection(call: &ToolCall, meta: Option<&Value>) -> Map<String, Value> {
    let mut params = call.params().as_object().cloned().unwrap_or_default();
    let own = meta.and_then(Value::as_object).into_iter().flatten();
    let own: Map<String, Value> = own
        .filter(|(key, _)| belongs_to_the_connection(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        match params.entry("_meta").or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(meta) => meta.extend(own),
            other => *other = Value::Object(own),
        }
    }
    params
}
