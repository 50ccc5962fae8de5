//! Calls made from a front end: the tool runner's and the terminal's.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use samplegate_core::audit::Outcome;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Engine, ServerError};
use crate::{
    mcp::{CallError, CallKind, CallRef, Chain},
    pipeline::{Ended, call_view, now},
    wire::{self, CallAgain, CallInput, LogLine, RunState, RunView, Topic},
};

/// How many calls are remembered.
const KEPT: usize = 50;
/// How long after its end a call still takes up log lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How many log lines of a call are kept.
const LOG_LINES: usize = 200;

/// What a front end calls: the same as the protocol's, without an id.
pub type Target = CallKind;

/// What came of a call.
#[derive(Debug)]
pub struct CallReport {
    /// The protocol's result object, or why there is none.
    pub result: Result<Value, CallFailure>,
    /// What came of the questions asked in it.
    pub questions: Vec<Ended>,
}

impl CallReport {
    /// How the questions asked in it ended.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.questions.iter().map(|question| question.outcome).collect()
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// The server is not there.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

#[derive(Debug)]
struct Run {
    id: Uuid,
    view: RunView,
    cancel: CancellationToken,
    ended: Option<Instant>,
}

/// The calls of the tool runner, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(Arc<Mutex<VecDeque<Run>>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: Uuid, change: impl FnOnce(&mut RunView)) {
        if let Some(run) = self.lock().iter_mut().find(|run| run.id == id) {
            change(&mut run.view);
        }
    }

    fn end(&self, id: Uuid, state: RunState) {
        if let Some(run) = self.lock().iter_mut().find(|run| run.id == id) {
            run.view.state = state;
            run.ended = Some(Instant::now());
        }
    }

    /// The server says that what was opened in the browser for this call is done.
    pub(super) fn address_done(&self, id: Uuid) {
        self.change(id, |view| {
            if let RunState::Failed { again: Some(again), .. } = &mut view.state {
                *again = CallAgain::Done;
            }
        });
    }

    pub(super) fn progress(&self, id: Uuid, progress: f64, total: Option<f64>, message: Option<String>) {
        self.change(id, |view| {
            if matches!(view.state, RunState::Running { .. }) {
                let fraction = total.filter(|total| *total > 0.0).map(|total| (progress / total).clamp(0.0, 1.0));
                view.state = RunState::Running { fraction, message };
            }
        });
    }

    /// A server's log line belongs to all its calls under way, and to those that ended just now: lines and results
    /// are taken up by different tasks, so what was said before a result may be read after it. Says whether any took it.
    pub(super) fn log(&self, server: &str, line: &LogLine) -> bool {
        let mut taken = false;
        for run in self.lock().iter_mut().filter(|run| run.view.server == server) {
            if run.ended.is_none_or(|ended| ended.elapsed() < LAST_LINES) && run.view.log.len() < LOG_LINES {
                run.view.log.push(line.clone());
                taken = true;
            }
        }
        taken
    }
}

impl Engine {
    /// Makes a call and waits for what comes of it. Its questions go to the queue.
    pub async fn call(&self, server: &str, host: &str, target: Target, cancel: CancellationToken) -> CallReport {
        let call = CallRef { call_id: Uuid::now_v7(), host: host.into(), kind: target, chain: Chain::default() };
        self.run(server, call, cancel).await
    }

    async fn run(&self, server: &str, call: CallRef, cancel: CancellationToken) -> CallReport {
        let call_id = call.call_id;
        self.pipeline.ends.begin(call_id);
        let result = match cancel.run_until_cancelled(self.ready(server)).await {
            Some(Ok(connection)) => match connection.call(call.clone(), cancel.clone(), None).await {
                Ok(result) => Ok(result),
                Err(failed) => Err(self.open_first(&connection, &call, failed, &cancel).await.into()),
            },
            Some(Err(error)) => Err(error.into()),
            None => Err(CallError::Cancelled.into()),
        };
        self.pipeline.scope_ended(call_id);
        CallReport { result, questions: self.pipeline.ends.take(call_id) }
    }

    /// Starts a call in the background, to be listed by [`Engine::list_calls`]. Gives its id.
    pub fn start_call(&self, input: CallInput) -> String {
        let arguments = input.arguments;
        let kind = match input.kind {
            wire::CallKind::Tool => CallKind::Tool { name: input.name, arguments },
            wire::CallKind::Prompt => CallKind::Prompt { name: input.name, arguments },
            wire::CallKind::Resource => CallKind::Resource { uri: input.name },
        };
        let call = CallRef { call_id: Uuid::now_v7(), host: "Samplegate".into(), kind, chain: Chain::default() };
        let id = call.call_id;
        let cancel = CancellationToken::new();
        let view = RunView {
            call: call_view(&call),
            server: input.server.clone(),
            started_at: now(),
            state: RunState::Running { fraction: None, message: None },
            log: Vec::new(),
            questions: Vec::new(),
        };
        {
            let mut runs = self.runs.lock();
            runs.push_back(Run { id, view, cancel: cancel.clone(), ended: None });
            if runs.len() > KEPT {
                runs.pop_front();
            }
        }
        self.tell(Topic::Calls, Some(id.to_string()));
        let engine = self.clone();
        self.tasks.spawn(async move {
            let report = engine.run(&input.server, call, cancel).await;
            engine.runs.end(id, state(report));
            engine.tell(Topic::Calls, Some(id.to_string()));
        });
        id.to_string()
    }

    /// The calls of the tool runner, newest first.
    pub fn list_calls(&self) -> Vec<RunView> {
        let mut views: Vec<RunView> = self.runs.lock().iter().rev().map(|run| run.view.clone()).collect();
        let pending = self.queue.pending_by_call();
        for view in &mut views {
            view.questions =
                pending.iter().filter(|(call, _)| *call == view.call.call_id).map(|(_, id)| id.clone()).collect();
        }
        views
    }

    /// Gives up a call: the server is told, its open questions are withdrawn.
    pub fn cancel_call(&self, id: &str) {
        if let Some(run) = self.runs.lock().iter().find(|run| run.id.to_string() == id) {
            run.cancel.cancel();
        }
    }
}

fn state(report: CallReport) -> RunState {
    match report.result {
        Ok(result) => {
            let is_error = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
            RunState::Done { result, is_error }
        }
        Err(CallFailure::Call(CallError::Refused(refusal))) => {
            let denied = report.questions.iter().find(|question| question.outcome != Outcome::Released);
            match denied {
                Some(Ended { by: Some(_), why, .. }) => RunState::Denied { why: why.clone() },
                Some(Ended { by: None, .. }) | None => RunState::Failed { why: refusal.message, again: None },
            }
        }
        Err(error) => {
            let opened = matches!(error, CallFailure::Call(CallError::Opened { .. }));
            RunState::Failed { why: error.to_string(), again: opened.then_some(CallAgain::Opened) }
        }
    }
}
