//! `samplegate call|prompt|read`: a call, and the review of whatever is asked meanwhile.
//!
//! Data flow: arguments → the engine's call → its questions to the terminal's reviewer, or to nobody → the result on
//! stdout; the server's log, what was refused and why on stderr → the exit code.

mod exits;
mod show;

use samplegate_core::audit::{DecidedBy, Outcome};
use samplegate_engine::{
    engine::{CallFailure, CallReport, Engine, Target},
    mcp::CallError,
    wire::{LogLine, Phase},
};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{Call, Prompt, Read},
    exit::{Exit, Failure},
    output,
    review::Terminal,
    start::Start,
    way_out::way_out,
};

pub(crate) async fn tool(start: &Start, call: Call) -> Result<Exit, Failure> {
    let target = Target::Tool { name: call.tool, arguments: object(call.arguments.as_deref())? };
    let made = make(start, &call.server, target).await?;
    let exit = made.exit();
    let result = match made.report.result {
        Ok(result) => result,
        // In 2026-07-28 a refused call is not sent again: it ends as a tool error with the refusal's text.
        Err(CallFailure::Call(CallError::Refused(refusal))) => {
            json!({"content": [{"type": "text", "text": refusal.message}], "isError": true})
        }
        Err(error) => return Err(failure(exit, &error)),
    };
    if call.json {
        output::json(&result)?;
    } else {
        show::tool_result(&result)?;
    }
    Ok(exit)
}

pub(crate) async fn prompt(start: &Start, prompt: Prompt) -> Result<Exit, Failure> {
    let target = Target::Prompt { name: prompt.name, arguments: object(prompt.arguments.as_deref())? };
    let made = make(start, &prompt.server, target).await?;
    let exit = made.exit();
    let result = made.report.result.map_err(|error| failure(exit, &error))?;
    if prompt.json {
        output::json(&result)?;
    } else {
        show::prompt(&result)?;
    }
    Ok(exit)
}

pub(crate) async fn read(start: &Start, read: Read) -> Result<Exit, Failure> {
    let made = make(start, &read.server, Target::Resource { uri: read.uri }).await?;
    let exit = made.exit();
    let result = made.report.result.map_err(|error| failure(exit, &error))?;
    if read.json {
        output::json(&result)?;
    } else {
        show::resource(&result)?;
    }
    Ok(exit)
}

/// A call that was made.
struct Made {
    report: CallReport,
    /// Whether the server has what was called, as far as it tells.
    known: bool,
}

impl Made {
    fn exit(&self) -> Exit {
        exits::of(&self.report, self.known)
    }
}

async fn make(start: &Start, server: &str, target: Target) -> Result<Made, Failure> {
    let engine = start.engine(vec![server.to_owned()]).await?;
    let made = make_with(&engine, server, target).await;
    engine.shutdown().await;
    Ok(made)
}

async fn make_with(engine: &Engine, server: &str, target: Target) -> Made {
    let cancel = CancellationToken::new();
    let work = with_log(engine, engine.call(server, "terminal", target.clone(), cancel.clone()));
    let work = ended_by_signals(work, &cancel);
    let mut terminal = Terminal::detect();
    let mut report = match &mut terminal {
        Some(terminal) => terminal.review_while(engine, work, cancel.clone()).await,
        None => work.await,
    };
    if cancel.is_cancelled() {
        if terminal.is_some() {
            output::note("The call was ended.");
        }
        // The person ended the call: a result that came just then is not wanted any more.
        report.result = Err(CallFailure::Call(CallError::Cancelled));
    }
    tell_refusals(engine, server, &report, terminal.is_some()).await;
    let known = !exits::may_be_unknown(&report) || lists(engine, server, &target).await;
    if !known {
        let what = match &target {
            Target::Tool { name, .. } => format!("no tool {name:?}: see `samplegate tools {server}`"),
            Target::Prompt { name, .. } => format!("no prompt {name:?}: see `samplegate prompts {server}`"),
            Target::Resource { uri } => format!("no resource {uri:?}"),
        };
        output::note(&format!("{server} has {what}"));
    }
    Made { report, known }
}

/// Says on stderr what the server logs while the call runs. Lines wait while a question is open, which has the
/// terminal to itself.
async fn with_log<T>(engine: &Engine, work: impl Future<Output = T>) -> T {
    let mut log = engine.follow_logs();
    let mut changes = engine.changes();
    let mut waiting: Vec<String> = Vec::new();
    tokio::pin!(work);
    let done = loop {
        if !waiting.is_empty() && engine.queue().list().iter().all(|question| question.phase == Phase::Closed) {
            waiting.drain(..).for_each(|line| output::note(&line));
        }
        tokio::select! {
            done = &mut work => break done,
            line = next_line(&mut log) => waiting.push(line),
            // A question may have been closed.
            _ = changes.recv(), if !waiting.is_empty() => {}
        }
    };
    // What was logged last may come a moment after the result.
    while let Ok(line) = tokio::time::timeout(std::time::Duration::from_millis(10), next_line(&mut log)).await {
        waiting.push(line);
    }
    waiting.iter().for_each(|line| output::note(line));
    done
}

/// The next line to show.
async fn next_line(log: &mut Receiver<(String, LogLine)>) -> String {
    match log.recv().await {
        Ok((server, line)) => output::visible(&format!("{server}: {}: {}", line.level, line.text)),
        Err(RecvError::Lagged(missed)) => format!("({missed} log lines came too fast and are left out)"),
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

/// Gives the call up, so that its server and the log learn of it, when this process is told to end.
async fn ended_by_signals<T>(work: impl Future<Output = T>, cancel: &CancellationToken) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = told_to_end() => cancel.cancel(),
    }
    work.await
}

/// Waits until this process is told to end.
#[cfg(unix)]
pub(super) async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let one = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = one(SignalKind::interrupt()) => {}
        () = one(SignalKind::terminate()) => {}
        () = one(SignalKind::hangup()) => {}
    }
}

#[cfg(not(unix))]
pub(super) async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Says which questions were refused without a person, and how to go on.
async fn tell_refusals(engine: &Engine, server: &str, report: &CallReport, reviewed: bool) {
    let mut nobody = false;
    for question in &report.questions {
        match (question.outcome, question.by) {
            (Outcome::Denied | Outcome::TimedOut, Some(DecidedBy::Person)) => {}
            (Outcome::Denied | Outcome::TimedOut, by) => {
                nobody |= by == Some(DecidedBy::Nobody);
                output::note(&format!("A question of {server} was denied: {}", output::visible(&question.why)));
                if by == Some(DecidedBy::Drift)
                    && let Ok(Some(why)) = engine.suspension(server).await
                    && let Some(how) = way_out(why.into(), server)
                {
                    output::note(&how);
                }
            }
            (Outcome::Failed, _) => {
                output::note(&format!("A question of {server} failed: {}", output::visible(&question.why)));
            }
            (Outcome::Open | Outcome::Released | Outcome::Withdrawn | Outcome::Interrupted, _) => {}
        }
    }
    if nobody && !reviewed && engine.status().trouble.is_empty() {
        output::note(&format!(
            "To go on: run this in a terminal and decide there; or make a rule that decides, e.g. `samplegate rule add \
             --server {server} --action answer --text yes` (`allow` instead of `answer` lets a model answer); or make \
             the call from the desktop app."
        ));
    }
}

async fn lists(engine: &Engine, server: &str, target: &Target) -> bool {
    let Ok(offers) = engine.server_offers(server).await else { return true };
    let (items, name) = match target {
        Target::Tool { name, .. } => (offers.tools, name),
        Target::Prompt { name, .. } => (offers.prompts, name),
        // A resource need not be listed: it may come from a template.
        Target::Resource { .. } => return true,
    };
    items.iter().any(|item| item["name"].as_str() == Some(name))
}

fn failure(exit: Exit, error: &CallFailure) -> Failure {
    let mut message = error.to_string();
    if let CallFailure::Call(CallError::Closed { stderr, .. }) = error {
        stderr.iter().for_each(|line| message.extend(["\n", line]));
    }
    Failure::new(exit, output::visible(&message))
}

fn object(text: Option<&str>) -> Result<Value, Failure> {
    let Some(text) = text else { return Ok(json!({})) };
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Failure::usage("the arguments must be a JSON object, e.g. '{\"topic\": \"tea\"}'")),
        Err(error) => Err(Failure::usage(format!("the arguments are not JSON: {error}"))),
    }
}
