//! A host's call: tools, prompts, resources. The host is kept informed while its questions are answered, and asked where
//! it answers itself.

use std::time::Duration;

use samplegate_core::{settings::HostMode, upstream::HostSide};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Endpoint,
    asking::{InSession, Inputs},
    failure::{Failure, INVALID_PARAMS},
    names,
    parked::SameCall,
    request::{Again, Request, Side},
};
use crate::{
    mcp::{
        CallError, CallKind, CallRef, Chain, Era, KEPT_NEWS, LogLevel, News,
        chain::{DEEPEST, MARK},
        connection::LOG_LEVEL_KEY,
    },
    upstream::{HostAsker, Way},
};

/// How often a host is told that a person is waited for, where it asked for progress.
const STILL_WAITING: Duration = Duration::from_secs(4);
/// What progress goes up by then: it has to go up, and must not overtake the server's own.
const STEP: f64 = 1e-6;
const WAITING: &str = "waiting for your approval in Samplegate";

/// A call to a server, from the host's first request to its last: a host of 2026-07-28 that is asked in a result sends it
/// again. Dropped, it is given up.
pub(super) struct Running {
    call_id: Uuid,
    server: String,
    made: JoinHandle<Result<Value, CallError>>,
    news: mpsc::Receiver<News>,
    told: Told,
    /// What the host is asked in results; none: it is asked otherwise, or not.
    inputs: Option<Inputs>,
    cancel: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Running {
    /// Waits until the host has to answer something. Cancel safe.
    async fn wanted(inputs: &mut Option<Inputs>) {
        match inputs {
            Some(inputs) => inputs.wanted().await,
            None => std::future::pending().await,
        }
    }
}

impl Request {
    pub(super) async fn call(&mut self) -> Result<Value, Failure> {
        let same = self.same_call();
        let running = match self.again.take() {
            Some(Again { state, responses }) => {
                let gateway = &self.gateway.0;
                let mut running = gateway.parked.take(&state, &same, gateway.engine.marks())?;
                if let Some(inputs) = &mut running.inputs {
                    inputs.answer(responses);
                }
                running
            }
            None => self.begin().await?,
        };
        self.attend(running, same).await
    }

    /// Calls the server, on a task of its own: the call may outlive this request.
    async fn begin(&mut self) -> Result<Running, Failure> {
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
        let (tell, news) = mpsc::channel(KEPT_NEWS);
        let (way, inputs) = self.way();
        let engine = self.gateway.0.engine.clone();
        let cancel = self.gateway.0.stop.child_token();
        let given_up = cancel.clone();
        let made = tokio::spawn(async move {
            let _under_way = way.map(|way| engine.upstream().begin(call_id, way));
            let made = engine.call_for_host(connection.clone(), call.clone(), params, given_up.clone(), tell).await;
            let made = match made {
                Err(failed) => Err(engine.open_first(&connection, &call, failed, &given_up).await),
                made => made,
            };
            engine.call_ended(call_id);
            made
        });
        Ok(Running { call_id, server, made, news, told: Told::default(), inputs, cancel })
    }

    /// How this host is asked in this call, if it answers anything itself.
    fn way(&self) -> (Option<Way>, Option<Inputs>) {
        if [self.caller.sampling, self.caller.elicitation] == [HostMode::Answer; 2] {
            return (None, None);
        }
        let (side, asker, inputs): (_, Box<dyn HostAsker>, _) = match &self.side {
            Side::Session(session) => {
                let asker = InSession { session: session.clone(), out: self.out.downgrade() };
                (session.side.clone(), Box::new(asker), None)
            }
            Side::Stateless => {
                let (version, capabilities) = (self.meta.version.clone(), self.meta.capabilities.clone());
                let (asker, inputs) = Inputs::new();
                let (version, capabilities) = (version.unwrap_or_default(), capabilities.unwrap_or_default());
                (HostSide { version, capabilities }, Box::new(asker), Some(inputs))
            }
        };
        (Some(Way { host: self.caller.name.clone(), side, asker }), inputs)
    }

    /// What has to be the same when this call is sent again.
    fn same_call(&self) -> SameCall {
        SameCall {
            host: self.caller.name.clone(),
            endpoint: self.endpoint.clone(),
            method: self.method.clone(),
            params: self.params.clone(),
        }
    }

    /// Waits for the server's result and passes on what it tells meanwhile; or gives what the host is asked first.
    async fn attend(&mut self, mut running: Running, same: SameCall) -> Result<Value, Failure> {
        let queue = self.gateway.0.engine.queue().clone();
        let mut waiting = tokio::time::interval(STILL_WAITING);
        waiting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let made = loop {
            tokio::select! {
                biased;
                Some(news) = running.news.recv() => self.tell(news, &mut running.told).await,
                made = &mut running.made => break made,
                () = self.cancel.cancelled(), if !running.cancel.is_cancelled() => running.cancel.cancel(),
                () = Running::wanted(&mut running.inputs), if !running.cancel.is_cancelled() => {
                    return self.ask_host(running, same);
                }
                _ = waiting.tick(), if self.meta.progress_token.is_some() => {
                    let call = running.call_id.to_string();
                    if queue.pending_by_call().iter().any(|(pending, _)| *pending == call) {
                        self.tell_waiting(&mut running.told).await;
                    }
                }
            }
        };
        // What was told before the result comes before it.
        while let Ok(news) = running.news.try_recv() {
            self.tell(news, &mut running.told).await;
        }
        match made.unwrap_or_else(|_| Err(CallError::BadResult("the call was not finished".into()))) {
            Ok(mut result) => {
                if self.endpoint == Endpoint::All {
                    names::rename_resources(&running.server, &mut result);
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
            Err(error) => Err(Failure::call(&running.server, error)),
        }
    }

    /// The result that asks the host; the call waits until it is sent again.
    fn ask_host(&self, running: Running, same: SameCall) -> Result<Value, Failure> {
        let gateway = &self.gateway.0;
        let requests = running.inputs.as_ref().map(Inputs::requests).unwrap_or_default();
        let state = gateway.parked.keep(same, running, gateway.engine.marks())?;
        Ok(json!({"resultType": "input_required", "inputRequests": requests, "requestState": state}))
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
