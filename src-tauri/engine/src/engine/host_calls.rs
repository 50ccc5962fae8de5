//! Calls that hosts make: through the gate where the person wants them looked at.

use std::sync::Arc;

use samplegate_core::tool_call::ApprovedCall;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::mcp::{CallError, CallKind, CallRef, Connection, HostReply, LogLevel, News, connection::LOG_LEVEL_KEY};

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
        mut params: Map<String, Value>,
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
        // What was approved is compared with what this connection sees before anything is judged by it.
        self.compare_new(&server, connection.sight().settled().await).await;
        let withdrawn = cancel.child_token();
        let _gives_up = withdrawn.clone().drop_guard();
        let reply = HostReply::default();
        let level = take_log_level(&mut params);
        let asked = connection.asked_by_host(call.clone(), Value::Object(params), withdrawn.clone(), reply.receipt());
        let pipeline = self.pipeline.clone();
        // On a task of its own: whatever becomes of the host, the question ends as one.
        let reviewed = tokio::spawn(async move {
            let perform = move |approved: Box<ApprovedCall>, cancel| async move {
                let mut params = approved.call().params().as_object().cloned().unwrap_or_default();
                if let Some(level) = level {
                    put_log_level(&mut params, level);
                }
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

/// Takes out of params which log messages the host wants to hear meanwhile: one of eight words about its connection, and
/// no part of the call. Anything else in that place stays, to be shown and approved like all that is sent.
fn take_log_level(params: &mut Map<String, Value>) -> Option<Value> {
    let meta = params.get_mut("_meta")?.as_object_mut()?;
    LogLevel::known(meta.get(LOG_LEVEL_KEY)?.as_str()?)?;
    let level = meta.remove(LOG_LEVEL_KEY);
    if meta.is_empty() {
        params.remove("_meta");
    }
    level
}

fn put_log_level(params: &mut Map<String, Value>, level: Value) {
    let meta = params.entry("_meta").or_insert_with(|| Map::new().into());
    if let Some(meta) = meta.as_object_mut() {
        meta.insert(LOG_LEVEL_KEY.to_owned(), level);
    }
}
