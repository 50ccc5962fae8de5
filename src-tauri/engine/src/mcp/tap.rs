//! Takes the JSON that matters aside before the protocol library parses it.
//!
//! Every message from a server passes [`Tap::incoming`], every message to it [`Tap::outgoing`]. Questions are kept here
//! whole, and the library gets a private request that names only a token; results of our own requests are kept too, and
//! the library gets an empty one. Log lines, progress and list changes become events. Each question's delivery waits here
//! until a reply to it goes to the transport.
//!
//! Invariants: no request a server chose the method of reaches the library, but `ping`, so the private methods cannot
//! be forged. What is in flight is known here and nowhere else, in the order of the wire.

mod calls;
mod inbound;
mod told;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetExtensions as _, GetMeta as _, JsonRpcMessage, RequestId};
use serde_json::{Value, json};
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Arrivals, Declare, Events, MAX_MESSAGE_BYTES, Origin, ServerEvent, ServerIdentity, event,
    flight::{Question, RpcError, State, Waiting, json_key, key_of},
    news::Relay,
    oversized::Outline,
    receipt::{Carried, Delivery, Sent},
    required::address_id,
    roots::ROOTS,
    sampling::{ELICITATION, SAMPLING},
    sight::Sighting,
    spawn::StderrTail,
};

/// The private method under which a question reaches the handler.
pub(super) const ASKED: &str = "samplegate/asked";
/// The private method under which a request for roots reaches the handler.
pub(super) const TELL_ROOTS: &str = "samplegate/roots";
/// The private method that makes the handler answer with an error.
pub(super) const REFUSE: &str = "samplegate/refuse";

const MAX_OPEN_QUESTIONS: usize = 4096;
/// More than questions may be open, so that a refusal still finds room.
const MAX_UNANSWERED: usize = 2 * MAX_OPEN_QUESTIONS;
const MAX_OPEN_BYTES: usize = 8 * MAX_MESSAGE_BYTES;

const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_REQUEST: i64 = -32600;
/// Of the range that JSON-RPC leaves to implementations.
const OVERLOADED: i64 = -32000;

/// Marks an outgoing request as part of a call.
#[derive(Debug, Clone)]
pub(super) struct CallTag {
    pub(super) call: Uuid,
    /// The replies that go with it, in rounds.
    pub(super) replies: Vec<Delivery>,
}

/// Where a message arrived.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival<'a> {
    /// The one stream of a child process.
    Pipe,
    /// The response to the request with this key.
    Response(&'a str),
    /// A stream whose request the protocol library knows, if it has one.
    Stream,
}

/// What to do with a message.
#[derive(Debug)]
pub(super) enum Filtered {
    /// The library gets it as it is.
    Pass(Value),
    /// The library gets this instead.
    Replace(Value),
    /// Dealt with.
    Done,
}

/// One connection's tap.
pub(super) struct Tap {
    pub(super) server: String,
    pub(super) events: Events,
    pub(super) declare: Declare,
    pub(super) stderr: StderrTail,
    pub(super) arrivals: Arrivals,
    /// Names the connection.
    pub(super) session: Uuid,
    /// Set when the handshake is done.
    pub(super) identity: SetOnce<ServerIdentity>,
    /// The server's answer to the handshake, as it came.
    pub(super) welcome: OnceLock<Value>,
    /// What is told to nobody's call.
    pub(super) relay: Relay,
    /// What was seen of what the server is.
    pub(super) sighting: Sighting,
    /// The word of the roots that was noted last.
    roots: Mutex<Option<ServerEvent>>,
    /// Fires when the connection is over.
    pub(super) gone: CancellationToken,
    why: OnceLock<String>,
    /// Requests of the server's that are not answered yet, where the transport counts them.
    unanswered: watch::Sender<usize>,
    state: Mutex<State>,
}

impl Tap {
    pub(super) fn new(server: String, declare: Declare, events: Events, arrivals: Arrivals) -> Self {
        Self {
            arrivals,
            session: Uuid::now_v7(),
            stderr: StderrTail::new(server.clone(), events.clone()),
            server,
            events,
            declare,
            identity: SetOnce::new(),
            welcome: OnceLock::new(),
            relay: Relay::default(),
            sighting: Sighting::default(),
            roots: Mutex::default(),
            gone: CancellationToken::new(),
            why: OnceLock::new(),
            unanswered: watch::Sender::new(0),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, event: ServerEvent) {
        self.events.send(&self.server, event);
    }

    /// Notes what roots were told, once: a server may ask as often as it likes.
    pub(super) fn note_roots(&self, event: ServerEvent) {
        let mut last = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&event) {
            *last = Some(event.clone());
            self.note(event);
        }
    }

    /// Says that the connection is over; the first reason stays.
    pub(super) fn end(&self, why: impl Into<String>) {
        let _ = self.why.set(why.into());
        self.gone.cancel();
    }

    pub(super) fn why(&self) -> String {
        self.why.get().cloned().unwrap_or_else(|| "the connection is closed".to_owned())
    }

    /// Whether anything was heard, and whether an answer to `server/discover` came after `initialize` had gone out.
    pub(super) fn heard(&self) -> (bool, bool) {
        let state = self.state();
        (state.spoke, state.late_discover)
    }

    /// Notes a message on its way out, and gives the replies in it. Must be called before its bytes leave.
    pub(super) fn outgoing(&self, message: &ClientJsonRpcMessage) -> Carried {
        let mut state = self.state();
        let request = match message {
            JsonRpcMessage::Request(request) => request,
            JsonRpcMessage::Response(reply) => return state.reply(Some(&reply.id)),
            JsonRpcMessage::Error(refusal) => return state.reply(refusal.id.as_ref()),
            JsonRpcMessage::Notification(_) => return Carried::default(),
        };
        let key = key_of(&request.id);
        let mut carried = Carried::default();
        match &request.request {
            ClientRequest::DiscoverRequest(_) => state.discover.push(key),
            ClientRequest::InitializeRequest(_) => {
                state.initialize_sent = true;
                state.initialize.push(key);
            }
            ClientRequest::CustomRequest(custom) => {
                let tag = custom.extensions().get::<CallTag>();
                let call = tag.map(|tag| tag.call);
                carried = tag.map(|tag| tag.replies.clone()).unwrap_or_default().into();
                if let (Some(call), Some(token)) = (call, custom.get_meta().get_progress_token()) {
                    state.progress_tokens.insert(key_of(&token.0), call);
                }
                let show = custom.method == "tools/list";
                // A session that was renewed sends the same request twice.
                state.waiting.entry(key).or_insert_with(|| Waiting {
                    call,
                    show,
                    outcome: None,
                    lost: CancellationToken::new(),
                });
            }
            _ => {}
        }
        carried
    }

    /// Says what becomes of the reply to this question, whatever is sent for it.
    pub(super) fn settle(&self, id: &RequestId, sent: Sent) {
        if let Some(reply) = self.state().replies.get(id) {
            reply.settle(sent);
        }
    }

    /// Says that nothing is sent any more.
    pub(super) fn finish(&self) {
        let why = self.why();
        for (_, reply) in self.state().replies.drain() {
            reply.settle(Sent::Failed(why.clone()));
        }
    }

    /// Sorts a message that came in. `bytes` is its size on the wire.
    pub(super) fn incoming(&self, message: Value, bytes: usize, arrival: Arrival<'_>) -> Filtered {
        let Value::Object(mut object) = message else {
            self.note(event::bad_line(message.to_string().as_bytes()));
            return Filtered::Done;
        };
        let id = object.get("id").filter(|id| !id.is_null()).cloned();
        let method = object.get("method").and_then(Value::as_str).map(str::to_owned);
        self.state().spoke = true;
        match (method, id) {
            (Some(method), Some(id)) => {
                let Some(reply_to) = self.answerable(&id) else { return Filtered::Done };
                let params = object.remove("params").unwrap_or(Value::Null);
                if method == "ping" {
                    return Filtered::Pass(Value::Object(object));
                }
                self.request(method, reply_to, params, bytes, arrival)
            }
            (Some(method), None) => self.notification(&method, object, arrival),
            (None, Some(id)) => self.response(&id, object, arrival),
            (None, None) => {
                if !object.contains_key("error") {
                    self.note(event::bad_line(Value::Object(object).to_string().as_bytes()));
                    return Filtered::Done;
                }
                // An error nobody can be told of, except during the handshake.
                Filtered::Pass(Value::Object(object))
            }
        }
    }

    /// The id of a server's request. None: no reply to it could be told from another.
    fn answerable(&self, id: &Value) -> Option<RequestId> {
        let read = serde_json::from_value::<RequestId>(id.clone()).ok();
        let known = read.filter(|id| !self.state().replies.contains_key(id));
        if known.is_none() {
            let id = event::shorten(&id.to_string(), 100);
            self.note(event::bad_line(format!("a request whose id is not valid or in use: {id}").as_bytes()));
        }
        known
    }

    fn request(&self, method: String, id: RequestId, params: Value, bytes: usize, arrival: Arrival<'_>) -> Filtered {
        if method != SAMPLING && method != ELICITATION && method != ROOTS {
            return refuse(&id, METHOD_NOT_FOUND, &format!("Method not found: {}", event::shorten(&method, 100)));
        }
        if !self.declare.allows(&method) {
            let message = format!("Method not found: {method} was not declared");
            self.note(ServerEvent::NotDeclared { method });
            return refuse(&id, METHOD_NOT_FOUND, &message);
        }
        if method == ROOTS {
            return Filtered::Replace(json!({"jsonrpc": "2.0", "id": id, "method": TELL_ROOTS}));
        }
        let mut state = self.state();
        if state.open_questions >= MAX_OPEN_QUESTIONS || state.open_bytes.saturating_add(bytes) > MAX_OPEN_BYTES {
            drop(state);
            self.note(ServerEvent::TooManyQuestions { method });
            return refuse(&id, OVERLOADED, "Too many requests are open");
        }
        let lost = match arrival {
            Arrival::Response(key) => state.waiting.get(key).map(|waiting| waiting.lost.clone()),
            Arrival::Pipe | Arrival::Stream => None,
        }
        .unwrap_or_default();
        let origin = match arrival {
            Arrival::Pipe => Some(state.only_or_one_of(true)),
            Arrival::Response(key) => Some(state.of_request(key)),
            Arrival::Stream => None,
        };
        if let Some(id) = address_id(&params) {
            let call = match &origin {
                Some((Origin::Call(call), _)) => Some(call.call_id),
                Some((Origin::OneOf(_) | Origin::None, _)) | None => None,
            };
            state.addresses.note(id, call);
        }
        let token = state.next_token;
        state.next_token += 1;
        let reply = Delivery::default();
        let question = Question {
            method,
            params,
            origin,
            lost,
            bytes,
            arrival: self.arrivals.next(),
            arrived_at: Timestamp::now(),
            receipt: reply.receipt(),
        };
        state.replies.insert(id.clone(), reply);
        state.open_questions += 1;
        state.open_bytes += bytes;
        state.questions.insert(token, question);
        Filtered::Replace(json!({"jsonrpc": "2.0", "id": id, "method": ASKED, "params": {"token": token}}))
    }

    /// The library sends no reply to what was cancelled.
    fn taken_back(&self, params: &Value) {
        let id = params.get("requestId").cloned().unwrap_or_default();
        let reply = serde_json::from_value::<RequestId>(id).ok().and_then(|id| self.state().replies.remove(&id));
        if let Some(reply) = reply {
            reply.settle(Sent::Unwanted("the server took the question back".to_owned()));
        }
    }

    fn response(&self, id: &Value, mut object: serde_json::Map<String, Value>, arrival: Arrival<'_>) -> Filtered {
        let Some(key) = json_key(id) else {
            return Filtered::Pass(Value::Object(object));
        };
        let mut state = self.state();
        let is_welcome = state.initialize.contains(&key) || !state.initialize_sent && state.discover.contains(&key);
        if let Some(result) = object.get("result").filter(|_| is_welcome) {
            let _ = self.welcome.set(result.clone());
        }
        if state.initialize_sent && state.discover.contains(&key) {
            state.late_discover |= object.contains_key("result");
            return Filtered::Done;
        }
        let Some(waiting) = state.waiting.get_mut(&key) else {
            return Filtered::Pass(Value::Object(object));
        };
        // Over HTTP the library learns from a listing of tools which arguments go into headers.
        if waiting.show && !matches!(arrival, Arrival::Pipe) && object.contains_key("result") {
            waiting.outcome = object.get("result").cloned().map(Ok);
            return Filtered::Pass(Value::Object(object));
        }
        waiting.outcome = Some(match (object.remove("result"), object.remove("error")) {
            (Some(result), _) => Ok(result),
            (None, Some(error)) => Err(RpcError {
                code: error.get("code").and_then(Value::as_i64).unwrap_or(-32603),
                message: error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("the server gave no message")
                    .to_owned(),
                data: error.get("data").cloned(),
            }),
            (None, None) => Err(RpcError {
                code: -32603,
                message: "the server's response has neither result nor error".to_owned(),
                data: None,
            }),
        });
        Filtered::Replace(json!({"jsonrpc": "2.0", "id": id, "result": {}}))
    }

    /// Deals with a message too large to keep. `None`: nothing can be answered, the connection must end.
    pub(super) fn oversized(&self, outline: Outline, bytes: u64) -> Option<Filtered> {
        self.note(ServerEvent::Oversized {
            id: outline.id.clone(),
            bytes,
            method: outline.method.as_deref().map(|method| event::shorten(method, 100)),
        });
        let message = format!("the message is larger than {} MiB", MAX_MESSAGE_BYTES / (1024 * 1024));
        let id = outline.id?;
        if !outline.is_response {
            let id = self.answerable(&id)?;
            return Some(refuse(&id, INVALID_REQUEST, &message));
        }
        let mut object = serde_json::Map::new();
        object.insert("jsonrpc".to_owned(), "2.0".into());
        object.insert("id".to_owned(), id.clone());
        object.insert("error".to_owned(), json!({"code": INVALID_REQUEST, "message": message}));
        Some(self.response(&id, object, Arrival::Stream))
    }

    /// Waits while more of the server's requests are unanswered than are kept, or the connection is over.
    pub(super) async fn room(&self) {
        let mut unanswered = self.unanswered.subscribe();
        let room = unanswered.wait_for(|unanswered| *unanswered < MAX_UNANSWERED);
        let _ = self.gone.run_until_cancelled(room).await;
    }

    pub(super) fn unanswered(&self) {
        self.unanswered.send_modify(|unanswered| *unanswered += 1);
    }

    /// A request was answered, or the answer will not be sent.
    pub(super) fn answered(&self) {
        self.unanswered.send_modify(|unanswered| *unanswered = unanswered.saturating_sub(1));
    }

    /// Takes a question; its share of the limits is given back by [`Tap::question_closed`].
    pub(super) fn question(&self, token: u64) -> Option<Question> {
        self.state().questions.remove(&token)
    }

    pub(super) fn question_closed(&self, question_bytes: usize) {
        let mut state = self.state();
        state.open_questions = state.open_questions.saturating_sub(1);
        state.open_bytes = state.open_bytes.saturating_sub(question_bytes);
    }

    /// The origin of a question that came on the stream of this request, or on one of no request.
    pub(super) fn origin(&self, request: Option<&RequestId>) -> (Origin, u32) {
        let mut state = self.state();
        match request {
            Some(id) => state.of_request(&key_of(id)),
            None => state.only_or_one_of(false),
        }
    }
}

fn refuse(id: &RequestId, code: i64, message: &str) -> Filtered {
    let params = json!({"code": code, "message": message});
    Filtered::Replace(json!({"jsonrpc": "2.0", "id": id, "method": REFUSE, "params": params}))
}
