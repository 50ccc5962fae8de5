//! Drives a call through its rounds.
//!
//! Up to 2025-11-25 a call is one request, and questions come beside it. From 2026-07-28 its result may be
//! `input_required`: all inputs of that round are asked, and the same call is sent again with the answers and the
//! server's opaque state, exactly as it came, absent included. A refusal ends the call; it is not sent again.

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Asked, CallError, CallRef, Connection, Era, News, Origin, Refusal, RoundPlace, Sent, ServerEvent,
    chain::MARK,
    connection::LOG_LEVEL_KEY,
    event::shorten,
    receipt::Delivery,
    roots::{self, ROOTS},
    tap::CallTag,
};

/// An `input_required` result.
struct InputRequired {
    requests: Vec<Input>,
    state: Option<Value>,
}

pub(super) struct Input {
    pub(super) key: String,
    pub(super) method: String,
    pub(super) params: Value,
}

impl Connection {
    pub(super) async fn drive(
        &self,
        call: CallRef,
        mut first: Map<String, Value>,
        cancel: CancellationToken,
        news: Option<mpsc::Sender<News>>,
    ) -> Result<Value, CallError> {
        let level = first.get("_meta").and_then(|meta| meta.get(LOG_LEVEL_KEY)).and_then(Value::as_str);
        let mut guard = self.tap.begin(call.clone(), news, level.map(str::to_owned));
        let method = call.kind.method();
        self.mark(&call, &mut first);
        let mut params = first.clone();
        let mut replies = Vec::new();
        let mut round = 0;
        loop {
            let tag = CallTag { call: call.call_id, replies };
            let result = self.request(method, params, Some(tag), Some(&cancel)).await?;
            let required = match self.identity.era {
                Era::Legacy => None,
                Era::Stateless => InputRequired::read(&result)?,
            };
            let Some(required) = required else {
                guard.answered();
                return Ok(result);
            };
            round += 1;
            if round > self.max_rounds {
                return Err(CallError::TooManyRounds(self.max_rounds));
            }
            if let Some(input) = required.requests.iter().find(|input| !self.tap.declare.allows(&input.method)) {
                let method = shorten(&input.method, 100);
                self.tap.note(ServerEvent::NotDeclared { method: method.clone() });
                return Err(CallError::NotDeclared { method });
            }
            // The call that is sent again carries them.
            replies = required.requests.iter().map(|_| Delivery::default()).collect();
            let answers = tokio::select! {
                answers = self.ask_all(&call, round, required.requests, &replies) => answers.map_err(CallError::Refused)?,
                () = cancel.cancelled() => return Err(CallError::Cancelled),
                () = self.tap.gone.cancelled() => {
                    settle(&replies, &Sent::Failed(self.tap.why()));
                    return Err(CallError::Closed { why: self.tap.why(), stderr: self.stderr() });
                }
            };
            params = first.clone();
            if let Some(answers) = answers {
                params.insert("inputResponses".to_owned(), Value::Object(answers));
            }
            if let Some(state) = required.state {
                params.insert("requestState".to_owned(), state);
            }
        }
    }

    /// Says which calls this one is part of, to be known again if it leads to another one.
    fn mark(&self, call: &CallRef, params: &mut Map<String, Value>) {
        let chain = call.chain.then(&self.identity.name, &call.kind);
        let meta = params.entry("_meta").or_insert_with(|| Map::new().into());
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(MARK.to_owned(), self.marks.mark(&chain).into());
        }
    }

    /// Asks all inputs of a round at once; roots are known without asking. The first refusal withdraws the others; so does dropping the future.
    pub(super) async fn ask_all(
        &self,
        call: &CallRef,
        round: u32,
        inputs: Vec<Input>,
        replies: &[Delivery],
    ) -> Result<Option<Map<String, Value>>, Refusal> {
        if inputs.is_empty() {
            return Ok(None);
        }
        let withdrawn = CancellationToken::new();
        let withdraw = withdrawn.clone().drop_guard();
        // Those that somebody is asked.
        let of = inputs.iter().filter(|input| input.method != ROOTS).count();
        let mut order = Vec::new();
        let mut open = FuturesUnordered::new();
        for (Input { key, method, params }, reply) in inputs.into_iter().zip(replies) {
            order.push(key.clone());
            if method == ROOTS {
                let told = Ok(roots::told(&self.tap, &*self.asker).await);
                open.push(async move { (key, Ok(told)) }.boxed());
                continue;
            }
            let asked = Asked {
                server: self.identity.clone(),
                method,
                params,
                origin: Origin::Call(call.clone()),
                session: self.lasting_session(),
                round,
                place: Some(RoundPlace { round, key: key.clone(), of }),
                arrival: self.tap.arrivals.next(),
                arrived_at: Timestamp::now(),
                withdrawn: withdrawn.clone(),
                receipt: reply.receipt(),
                sight: self.tap.sighting.sight(),
            };
            let asker = self.asker.clone();
            let answer = tokio::spawn(async move { asker.ask(asked).await });
            open.push(async move { (key, answer.await) }.boxed());
        }
        let mut answers = Map::new();
        while let Some((key, answer)) = open.next().await {
            match answer.unwrap_or_else(|_| Err(Refusal::new(-32603, "the request could not be answered"))) {
                Ok(answer) => drop(answers.insert(key, answer)),
                Err(refusal) => {
                    let why = "a question of this round was refused, so the call is not sent again";
                    settle(replies, &Sent::Unwanted(why.to_owned()));
                    return Err(refusal);
                }
            }
        }
        withdraw.disarm();
        // In the order they were asked, whoever answered first.
        let mut ordered = Map::new();
        for key in order {
            if let Some(answer) = answers.remove(&key) {
                ordered.insert(key, answer);
            }
        }
        Ok(Some(ordered))
    }
}

pub(super) fn settle(replies: &[Delivery], sent: &Sent) {
    for reply in replies {
        reply.settle(sent.clone());
    }
}

impl InputRequired {
    /// `None` for a result that is complete.
    fn read(result: &Value) -> Result<Option<Self>, CallError> {
        let Some(object) = result.as_object() else {
            return Err(CallError::BadResult("it is no object".to_owned()));
        };
        match object.get("resultType") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(kind)) if kind == "complete" => return Ok(None),
            Some(Value::String(kind)) if kind == "input_required" => {}
            Some(other) => {
                let kind = shorten(&other.to_string(), 100);
                return Err(CallError::BadResult(format!("its type {kind} is not known")));
            }
        }
        let requests = match object.get("inputRequests") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(requests)) => {
                requests.iter().map(|(key, request)| Input::read(key, request)).collect::<Result<_, _>>()?
            }
            Some(_) => {
                return Err(CallError::BadResult("inputRequests is no object".to_owned()));
            }
        };
        let state = object.get("requestState").cloned();
        if requests.is_empty() && state.is_none() {
            return Err(CallError::BadResult("it requires input, but names none".to_owned()));
        }
        Ok(Some(Self { requests, state }))
    }
}

impl Input {
    fn read(key: &str, request: &Value) -> Result<Self, CallError> {
        let method = request.get("method").and_then(Value::as_str);
        let Some(method) = method else {
            return Err(CallError::BadResult(format!("the input {} has no method", shorten(key, 100))));
        };
        let params = request.get("params").cloned().unwrap_or_default();
        Ok(Self { key: key.to_owned(), method: method.to_owned(), params })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_sorted_by_type() {
        let is_complete = |result: Value| matches!(InputRequired::read(&result), Ok(None));
        assert!(is_complete(json!({"content": []})));
        assert!(is_complete(json!({"resultType": "complete"})));
        let is_bad = |result: Value| matches!(InputRequired::read(&result), Err(CallError::BadResult(_)));
        assert!(is_bad(json!([])));
        assert!(is_bad(json!({"resultType": "task"})));
        assert!(is_bad(json!({"resultType": "input_required"})));
        assert!(is_bad(json!({"resultType": "input_required", "inputRequests": []})));
        assert!(is_bad(json!({"resultType": "input_required", "inputRequests": {"a": {}}})));
    }

    #[test]
    fn inputs_and_state_are_taken_as_they_are() -> Result<(), CallError> {
        let params = json!({"x": 10.0, "_meta": {"y": 1}});
        let result = json!({
            "resultType": "input_required",
            "inputRequests": {"b": {"method": "sampling/createMessage", "params": params}, "a": {"method": "m"}},
            "requestState": null,
        });
        let Some(required) = InputRequired::read(&result)? else {
            return Err(CallError::BadResult("complete".to_owned()));
        };
        let read: Vec<_> = required.requests.into_iter().map(|input| (input.key, input.method, input.params)).collect();
        assert_eq!(
            read,
            [
                ("b".to_owned(), "sampling/createMessage".to_owned(), params),
                ("a".to_owned(), "m".to_owned(), Value::Null)
            ]
        );
        assert_eq!(required.state, Some(Value::Null));
        Ok(())
    }
}
