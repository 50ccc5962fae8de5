//! A host calls a tool: request gate → server → answer gate → reply.
//!
//! What goes to the server is the object that was approved, and what goes back stood at its gate. A refusal is a result
//! of the tool with `isError`, so that the agent that called reads who refused; nothing is ever answered in the tool's
//! place. The person's own calls, from the tool runner and the terminal, do not come here: they decided already.

mod gates;

use samplegate_core::{
    audit::{Answered, Content, DecidedBy, Gate, Kind, Outcome, Released, Role, Sent},
    canonical::Sha256Hex,
    inspect::{self, Place},
    policy::{Evaluation, Risk, is_looked_at},
    settings::ToolCalls,
    tool_call::{ApprovedCall, CallAnswer, CallReview, Effect, Event, ReleasedResult, ToolCall},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    End, Given, Looked, Pipeline, Question,
    docket::{Docket, listed_tool},
    intake::Evaluated,
};
use crate::mcp::{Asked, CallError, Origin};

const REJECTED: &str = "User rejected tool call";
/// Where a refusal says who refused, for programs.
const REASON: &str = "samplegate/reason";

/// What the request gate, or a decision while the server works, lets through.
enum Passed {
    /// The server may be called with this.
    Call(Box<ApprovedCall>),
    /// This may go back.
    Release(Box<ReleasedResult>),
}

/// Why a call has nothing that was reviewed to give back.
enum Unanswered {
    /// It ended.
    End(End),
    /// The server could not be called, or gave no answer.
    Failed(CallError),
}

impl From<End> for Unanswered {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl Pipeline {
    /// Whether a host's calls of a tool are looked at. Where not, they pass as if there were no gate, and leave nothing in
    /// the log.
    pub fn looks_at_calls(&self, host: &str, server: &str, tool: &str) -> bool {
        let current = self.config.current();
        let mode = current.settings.hosts.get(host).map_or(ToolCalls::default(), |host| host.tool_calls);
        let risk = current.settings.servers.get(server).map_or(Risk::High, |server| server.risk_of(Some(tool)));
        is_looked_at(&current.rules, mode, risk, host, server, tool)
    }

    /// Reviews a host's tool call, has it made by `perform` if that is approved, and gives what may go back.
    ///
    /// `asked.origin` is the call itself and `asked.params` its params as they came; `asked.withdrawn` fires when the host
    /// gives up. `perform` calls the server with exactly [`ToolCall::params`] of what was approved; its token fires when
    /// nobody waits for the result any more. It runs on a task of its own, so that it can tell the server of that.
    ///
    /// # Errors
    /// [`CallError`] as of `perform`, where the call failed, and for params that are none of a tool call. A refusal is no
    /// error but the result of a failed tool.
    pub async fn tool_call<P, F>(&self, asked: Asked, perform: P) -> Result<Value, CallError>
    where
        P: FnOnce(Box<ApprovedCall>, CancellationToken) -> F + Send,
        F: Future<Output = Result<Value, CallError>> + Send + 'static,
    {
        let withdrawn = asked.withdrawn.clone();
        let mut question = match self.receive_call(asked).await {
            Ok(question) => question,
            Err(end) => return told(Err(Unanswered::End(end))),
        };
        let reviewed = tokio::select! {
            biased;
            () = withdrawn.cancelled() => Err(Unanswered::End(withdrawn_by_host())),
            reviewed = self.review_call(&mut question, perform) => reviewed,
        };
        told(self.reply_to_host(question, reviewed).await)
    }

    /// Logs that a tool was called, checks it, evaluates it and puts it into the queue.
    async fn receive_call(&self, asked: Asked) -> Result<Question<Effect>, End> {
        let read = ToolCall::parse(&asked.server.name, &asked.params).map_err(|error| error.to_string());
        let read = read.and_then(|call| match &asked.origin {
            Origin::Call(origin) => Ok((call, origin.host.clone())),
            Origin::OneOf(_) | Origin::None => Err("a tool call has a host that makes it".to_owned()),
        });
        let told = |(call, _): &(ToolCall, String)| ("arguments".to_owned(), call.first_line());
        let (asked, mut record, (call, host)) = self.log_received(asked, Kind::ToolCall, read, told).await?;
        let findings = inspect::inspect(Place::Request, call.params());
        let raised = inspect::raises(&findings, Gate::Request).map(|finding| finding.kind);
        let seen = self.seen(&asked).await;
        let tool = seen.as_ref().and_then(|seen| listed_tool(seen, call.name())).cloned();
        let docket = Docket::of_call(&asked, &host, &call, seen);
        let evaluated = self.evaluate(&asked, &mut record, &docket, findings.clone()).await?;
        let Evaluated { evaluation, mut submission, used, .. } = evaluated;
        if tool.is_none() {
            submission.notes.push("The server does not list this tool, or did not tell yet what it is.".into());
        }
        let (entry, decisions) = self.queue.submit_call(submission, CallReview::new(call), tool);
        let looked = Looked { findings, answer: None };
        Ok(Question {
            asked,
            record,
            entry,
            decisions,
            host: None,
            docket,
            evaluation,
            looked,
            raised,
            used,
            attempt: 0,
        })
    }

    /// The two gates, and the server between them.
    async fn review_call<P, F>(&self, question: &mut Question<Effect>, perform: P) -> Result<ReleasedResult, Unanswered>
    where
        P: FnOnce(Box<ApprovedCall>, CancellationToken) -> F + Send,
        F: Future<Output = Result<Value, CallError>> + Send + 'static,
    {
        let approved = match self.call_gate(question).await? {
            Passed::Call(approved) => approved,
            Passed::Release(released) => return Ok(*released),
        };
        self.note_called(question, &approved).await?;
        // Whoever ends this ends the call: the server is told that nobody waits.
        let cancel = question.asked.withdrawn.child_token();
        let _nobody_waits = cancel.clone().drop_guard();
        let mut work = tokio::spawn(perform(approved, cancel));
        let outcome = tokio::select! {
            outcome = &mut work => outcome,
            decision = question.decisions.recv() => {
                // Only a denial is possible while the server works.
                let decision = decision.ok_or_else(withdrawn_by_host)?;
                return match self.carry_out_call(question, Gate::Answer, decision, None).await? {
                    Passed::Release(released) => Ok(*released),
                    Passed::Call(_) => Err(withdrawn_by_host().into()),
                };
            }
        };
        let answer = match outcome {
            Ok(Ok(result)) => CallAnswer::Result(result),
            Ok(Err(CallError::Protocol { code, message, data })) => {
                let mut error = json!({"code": code, "message": message});
                if let Some(data) = data {
                    error["data"] = data;
                }
                CallAnswer::Error(error)
            }
            Ok(Err(error)) => return self.no_result(question, error).await,
            Err(_) => return self.no_result(question, CallError::BadResult("the call was not finished".into())).await,
        };
        let evaluation = self.call_answered(question, answer).await?;
        Ok(*self.result_gate(question, evaluation).await?)
    }

    /// Computed anew from what goes out, not copied from what was approved: they must be equal.
    async fn note_called(&self, question: &mut Question<Effect>, approved: &ApprovedCall) -> Result<(), End> {
        let sent_sha256 = Sha256Hex::of_json(&approved.call().object());
        if sent_sha256 != approved.sha256() {
            return Err(End::failed(-32603, "what would be sent is not what was approved; nothing was sent"));
        }
        question.attempt += 1;
        question.record.note(Sent {
            provider: None,
            model: None,
            attempt: question.attempt,
            sent_sha256: Some(sent_sha256),
            wire_sha256: None,
        });
        question.record.flush().await
    }

    /// The call came to nothing: what the server would have said is missing, so there is nothing to review.
    async fn no_result(&self, question: &mut Question<Effect>, error: CallError) -> Result<ReleasedResult, Unanswered> {
        question.record.note(Answered { error: Some(error.to_string()), ..Answered::default() });
        if question.entry.apply_to_call(Event::Withdraw).is_err() {
            // A person denied it at this very moment.
            let decision = Self::decided_already(question).await?;
            self.carry_out_call(question, Gate::Answer, decision, None).await?;
        }
        Err(Unanswered::Failed(error))
    }

    /// Notes what the server gave with what inspection and policy say about it, and brings it to the answer gate.
    async fn call_answered(
        &self,
        question: &mut Question<Effect>,
        answer: CallAnswer,
    ) -> Result<Evaluation, Unanswered> {
        let findings = inspect::inspect(Place::ToolResult, answer.value());
        question.looked = Looked { findings: findings.clone(), answer: Some(Given::Result(answer.clone())) };
        let (evaluation, offer) = self.judge(question, Gate::Answer).await?;
        question.entry.judged((&evaluation).into(), offer);
        question.record.note_with(
            Answered {
                answer_class: Some(answer.class()),
                verdict: Some(evaluation.verdict),
                rules: evaluation.matched(),
                reason: Some(evaluation.reason.clone()),
                findings: serde_json::to_value(&findings).ok(),
                ..Answered::default()
            },
            Role::Answer,
            Content::json(&answer.logged()),
        );
        // An error: decided at this very moment; the decision is in the channel and the gate takes it from there.
        let _ = question.entry.apply_to_call(Event::Answered(answer));
        Ok(evaluation)
    }

    /// The last step: the log first, then the host.
    async fn reply_to_host(
        &self,
        mut question: Question<Effect>,
        reviewed: Result<ReleasedResult, Unanswered>,
    ) -> Result<CallAnswer, Unanswered> {
        let replied = match reviewed {
            Ok(released) => {
                let answer = released.answer();
                let logged = answer.logged();
                question.record.released(
                    Released {
                        edited: released.edited(),
                        model: None,
                        answer_class: Some(answer.class()),
                        released_sha256: Some(Sha256Hex::of_json(&logged)),
                    },
                    &logged,
                );
                question.record.flush().await.map(|()| answer.clone()).map_err(Unanswered::End)
            }
            Err(unanswered) => Err(unanswered),
        };
        match &replied {
            Ok(_) => self.close(question, Ok("returned to the host")),
            Err(Unanswered::End(end)) => self.close(question, Err(end)),
            Err(Unanswered::Failed(error)) => self.close(question, Err(&End::failed(-32603, error.to_string()))),
        }
        replied
    }
}

fn withdrawn_by_host() -> End {
    End { why: "withdrawn by the host".into(), ..End::withdrawn() }
}

/// What the host gets; what a person typed is not told.
fn told(replied: Result<CallAnswer, Unanswered>) -> Result<Value, CallError> {
    match replied {
        Ok(CallAnswer::Result(result)) => Ok(result),
        Ok(CallAnswer::Error(error)) => Err(CallError::Protocol {
            code: error["code"].as_i64().unwrap_or(-32603),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error.get("data").cloned(),
        }),
        Err(Unanswered::Failed(error)) => Err(error),
        Err(Unanswered::End(end)) => match (end.outcome, end.by) {
            (Outcome::Withdrawn, _) => Err(CallError::Cancelled),
            (_, Some(by)) => Ok(refused(by)),
            (_, None) => Err(CallError::Protocol { code: end.code, message: end.why, data: None }),
        },
    }
}

/// A refusal, as the result of a tool that failed: an agent reads it, and can do something else.
fn refused(by: DecidedBy) -> Value {
    json!({
        "content": [{"type": "text", "text": format!("{REJECTED} (reason: {by})")}],
        "isError": true,
        "_meta": {REASON: by.as_str()},
    })
}
