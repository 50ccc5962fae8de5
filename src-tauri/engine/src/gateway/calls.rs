//! A host's call: tools, prompts, resources. Its questions are answered here, while the host is kept informed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{sync::mpsc, time::MissedTickBehavior};
use uuid::Uuid;

use super::{
    Endpoint,
    failure::{Failure, INVALID_PARAMS},
    names,
    request::{Request, Side},
};
use crate::mcp::{
    CallError, CallKind, CallRef, Chain, Era, KEPT_NEWS, LogLevel, News,
    chain::{DEEPEST, MARK},
    connection::LOG_LEVEL_KEY,
};

/// How often a host is told that a person is waited for, where it asked for progress.
const STILL_WAITING: Duration = Duration::from_secs(4);
/// What progress goes up by then: it has to go up, and must not overtake the server's own.
const STEP: f64 = 1e-6;
const WAITING: &str = "waiting for your approval in Samplegate";

impl Request {
    pub(super) async fn call(&mut self) -> Result<Value, Failure> {
        let member = if self.method == "resources/read" { "uri" } else { "name" };
        let target = self.target(member, &self.text(member)?)?;
        self.params.insert(member.to_owned(), target.name.clone().into());
        let arguments = || self.params.get("arguments").cloned().unwrap_or_default();
        let kind = match self.method.as_str() {
            "tools/call" => CallKind::Tool { name: target.name, arguments: arguments() },
            "prompts/get" => CallKind::Prompt { name: target.name, arguments: arguments() },
            _ => CallKind::Resource { uri: target.name },
        };
        let server = target.server;
        let connection = self.connection(&server).await?;
        if let (Side::Stateless, Era::Legacy, Some(level)) = (&self.side, connection.identity().era, self.level()) {
            connection.want_level(&level, &self.cancel).await;
        }
        let chain = self.chain(&server, &kind)?;
        let call = CallRef { call_id: Uuid::now_v7(), host: self.caller.name.clone(), kind, chain };
        let call_id = call.call_id;
        let params = self.params_for(&connection);
        let (tell, mut news) = mpsc::channel(KEPT_NEWS);
        let engine = self.gateway.0.engine.clone();
        let mut told = Told::default();
        let made = {
            let made = async {
                match engine.call_for_host(connection.clone(), call.clone(), params, self.cancel.clone(), tell).await {
                    Err(failed) => Err(engine.open_first(&connection, &call, failed, &self.cancel).await),
                    made => made,
                }
            };
            tokio::pin!(made);
            let mut waiting = tokio::time::interval(STILL_WAITING);
            waiting.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    Some(news) = news.recv() => self.tell(news, &mut told).await,
                    made = &mut made => break made,
                    _ = waiting.tick(), if self.meta.progress_token.is_some() => {
                        if engine.queue().pending_by_call().iter().any(|(call, _)| *call == call_id.to_string()) {
                            self.tell_waiting(&mut told).await;
                        }
                    }
                }
            }
        };
        // What was told before the result comes before it.
        while let Ok(news) = news.try_recv() {
            self.tell(news, &mut told).await;
        }
        engine.call_ended(call_id);
        match made {
            Ok(mut result) => {
                if self.endpoint == Endpoint::All {
                    names::rename_resources(&server, &mut result);
                }
                Ok(result)
            }
            // From 2026-07-28 on the call is not sent again, and who made it is told so.
            Err(CallError::Refused(refusal)) if self.method == "tools/call" && refusal.code != INVALID_PARAMS => {
                Ok(json!({"content": [{"type": "text", "text": refusal.message}], "isError": true}))
            }
            Err(error @ CallError::Opened { .. }) if self.method == "tools/call" => {
                Ok(json!({"content": [{"type": "text", "text": error.to_string()}], "isError": true}))
            }
            Err(error) => Err(Failure::call(&server, error)),
        }
    }

    /// The calls that this one is part of, as far as that can be told: the host may be one of the servers here.
    fn chain(&mut self, server: &str, kind: &CallKind) -> Result<Chain, Failure> {
        let mark = self.meta.rest.remove(MARK);
        let marks = self.gateway.0.engine.marks();
        let chain = mark.and_then(|mark| marks.read(mark.as_str()?)).unwrap_or_default();
        if chain.has(server, kind) {
            return Err(Failure::params(format!(
                "this call to {server} leads back to itself: exactly the same one is already under way"
            )));
        }
        if chain.depth() >= DEEPEST {
            return Err(Failure::params(format!("this is a call within {DEEPEST} calls; it is not made")));
        }
        Ok(chain)
    }

    /// The level of log messages that the request asks for.
    fn level(&self) -> Option<String> {
        self.meta.rest.get(LOG_LEVEL_KEY).and_then(Value::as_str).map(str::to_owned)
    }

    /// Passes on what a server tells in the call.
    async fn tell(&self, news: News, told: &mut Told) {
        let News { method, mut params } = news;
        match method.as_str() {
            "notifications/progress" => {
                let Some(token) = &self.meta.progress_token else { return };
                told.note(&params);
                if let Some(params) = params.as_object_mut() {
                    params.insert("progressToken".to_owned(), token.clone());
                }
            }
            "notifications/message" if !self.wants(&params) => return,
            _ => {}
        }
        self.send(&method, &params).await;
    }

    async fn tell_waiting(&self, told: &mut Told) {
        let Some(token) = &self.meta.progress_token else { return };
        told.progress += STEP;
        let mut params = json!({"progressToken": token, "progress": told.progress, "message": WAITING});
        if let Some(total) = &told.total {
            params["total"] = total.clone();
        }
        self.send("notifications/progress", &params).await;
    }

    /// Whether the host wants log messages like this one. From 2026-07-28 on it gets those that it asked for.
    fn wants(&self, params: &Value) -> bool {
        let wanted = match &self.side {
            Side::Session(session) => match session.level() {
                Some(level) => level,
                None => return true,
            },
            Side::Stateless => match self.level() {
                Some(level) => level,
                None => return false,
            },
        };
        LogLevel::is_at_least(params, &wanted)
    }

    async fn send(&self, method: &str, params: &Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        // A host that does not read holds up its own call.
        let sent = self.cancel.run_until_cancelled(self.out.send(message));
        drop(sent.await);
    }
}

/// The progress that was told last.
#[derive(Default)]
struct Told {
    progress: f64,
    total: Option<Value>,
}

impl Told {
    fn note(&mut self, params: &Value) {
        let progress = params.get("progress").and_then(Value::as_f64).unwrap_or_default();
        self.progress = self.progress.max(progress);
        self.total = params.get("total").cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_goes_on_from_the_servers_own_progress() {
        let mut told = Told::default();
        told.note(&json!({"progress": 2, "total": 5}));
        told.progress += STEP;
        assert!(told.progress > 2.0 && told.progress < 3.0);
        told.note(&json!({"progress": 1}));
        assert!(told.progress > 2.0);
    }
}
