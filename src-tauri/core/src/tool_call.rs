//! A tool call of a host, between its two gates: what state it is in, what may be done, what follows.
//!
//! Data flow: the params of a `tools/call` become a [`ToolCall`]; [`CallReview::apply`] takes an [`Event`] (a person's
//! action, a rule's, the server's or the host's) and gives the [`Effect`] that the engine must carry out. Nothing else
//! creates an [`ApprovedCall`] or a [`ReleasedResult`], so an unreviewed call cannot reach a server, nor an unreviewed
//! result a host.
//!
//! Invariants, property-tested: a call ends at most once; a server is called at most once, with what was approved; a
//! result goes back only as it stood at its gate; what was redacted from the arguments never reaches the server. Every
//! change raises the revision, and an action names the revision it was taken on (the engine checks it).
//!
//! Deliberately absent: answering in the server's place. What goes back is what its tool gave, as a person may have
//! edited it, or a refusal that says who refused.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::{
    canonical::Sha256Hex,
    inspect::Finding,
    redact::{self, Originals},
    request::{InvalidParams, one_line},
    review::ActionKind,
};

/// A tool call, as a host asked for it or as a person edited it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    server: String,
    name: String,
    params: Value,
}

impl ToolCall {
    /// Reads the params of a `tools/call` that is to go to this server. What belongs to the host's own connection
    /// (`_meta.progressToken` and the protocol's own keys in `_meta`) is not part of the call; all else is kept.
    ///
    /// # Errors
    /// The first place where they are not what the protocol allows.
    pub fn parse(server: impl Into<String>, params: &Value) -> Result<Self, InvalidParams> {
        let invalid = |pointer: &str, reason: &str| InvalidParams { pointer: pointer.into(), reason: reason.into() };
        let Value::Object(fields) = params else { return Err(invalid("", "must be an object")) };
        let name = match fields.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            Some(_) => return Err(invalid("/name", "must be the name of a tool")),
            None => return Err(invalid("/name", "is missing")),
        };
        if fields.get("arguments").is_some_and(|arguments| !arguments.is_object()) {
            return Err(invalid("/arguments", "must be an object"));
        }
        let mut params = fields.clone();
        if let Some(meta) = params.remove("_meta") {
            let Value::Object(mut meta) = meta else { return Err(invalid("/_meta", "must be an object")) };
            meta.retain(|key, _| !belongs_to_the_connection(key));
            if !meta.is_empty() {
                params.insert("_meta".into(), Value::Object(meta));
            }
        }
        Ok(Self { server: server.into(), name, params: Value::Object(params) })
    }

    /// The configured name of the server that is called.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments, an object; null where there are none.
    pub fn arguments(&self) -> &Value {
        self.params.get("arguments").unwrap_or(&Value::Null)
    }

    /// The names of the arguments, sorted.
    pub fn argument_names(&self) -> Vec<String> {
        argument_names(self.arguments())
    }

    /// The params to call the server with.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The object that an approval approves: the params, and the server.
    pub fn object(&self) -> Value {
        let mut object = self.params.clone();
        if let Value::Object(fields) = &mut object {
            fields.insert("server".into(), self.server.clone().into());
        }
        object
    }

    /// The same call with other arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Map<String, Value>) -> Self {
        if let Value::Object(fields) = &mut self.params {
            fields.insert("arguments".into(), Value::Object(arguments));
        }
        self
    }

    /// One line for lists and popups: the tool and its arguments.
    pub fn first_line(&self) -> String {
        match self.arguments() {
            Value::Object(arguments) if !arguments.is_empty() => {
                one_line(&format!("{} {}", self.name, self.arguments()))
            }
            _ => one_line(&self.name),
        }
    }
}

/// The names in an arguments object, sorted.
pub(crate) fn argument_names(arguments: &Value) -> Vec<String> {
    let mut names: Vec<String> = arguments.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    names.sort_unstable();
    names
}

/// Whether a key in `_meta` is about the host's connection to us and is not passed on (MCP, `_meta`).
pub fn belongs_to_the_connection(key: &str) -> bool {
    key == "progressToken" || key.starts_with("io.modelcontextprotocol/")
}

/// A tool call that a person, or a rule that a person made, approved. Only [`CallReview::apply`] makes one.
#[derive(Debug, Clone)]
pub struct ApprovedCall {
    call: ToolCall,
    object: Value,
    sha256: Sha256Hex,
}

impl ApprovedCall {
    fn new(call: ToolCall) -> Self {
        let object = call.object();
        let sha256 = Sha256Hex::of_json(&object);
        Self { call, object, sha256 }
    }

    /// The call as approved.
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    /// The object that was approved: the params, and the server.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// SHA-256 of the object's canonical bytes (RFC 8785), taken when it was approved.
    pub fn sha256(&self) -> Sha256Hex {
        self.sha256
    }
}

/// What a server gave.
#[derive(Debug, Clone, PartialEq)]
pub enum CallAnswer {
    /// The protocol's result object; the tool may have failed by its own word (`isError`).
    Result(Value),
    /// The protocol's error object: `code`, `message` and perhaps `data`.
    Error(Value),
}

impl CallAnswer {
    /// The object.
    pub fn value(&self) -> &Value {
        match self {
            Self::Result(value) | Self::Error(value) => value,
        }
    }

    /// The object as the log keeps it: an error is told from a result by being the member `error`.
    pub fn logged(&self) -> Value {
        match self {
            Self::Result(result) => result.clone(),
            Self::Error(error) => serde_json::json!({ "error": error }),
        }
    }

    /// Whether it tells of a failure, as result or as error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Result(result) => result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            Self::Error(_) => true,
        }
    }

    /// All text in it, as rules match it: the text blocks, and resources that are text, each on lines of their own; of
    /// an error its message. What is structured, and no text, is written as JSON.
    pub fn text(&self) -> String {
        let result = match self {
            Self::Result(result) => result,
            Self::Error(error) => {
                return error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            }
        };
        let blocks = result.get("content").and_then(Value::as_array).into_iter().flatten();
        let mut texts: Vec<String> = blocks.map(block_text).collect();
        texts.extend(result.get("structuredContent").map(Value::to_string));
        texts.join("\n\n")
    }

    /// What it carries as one word, e.g. `text+image`, or `error`.
    pub fn class(&self) -> String {
        let Self::Result(result) = self else { return "error".into() };
        let blocks = result.get("content").and_then(Value::as_array).into_iter().flatten();
        let known = ["text", "image", "audio", "resource", "resource_link"];
        let has = |kind: &str| blocks.clone().any(|block| block.get("type").and_then(Value::as_str) == Some(kind));
        let mut kinds: Vec<&str> = known.into_iter().filter(|kind| has(kind)).collect();
        kinds.extend(result.get("structuredContent").map(|_| "structured"));
        kinds.join("+")
    }
}

/// A block as rules match it: what is no text is its JSON, so that no block goes unmatched.
fn block_text(block: &Value) -> String {
    let text = block.get("text").or_else(|| block.pointer("/resource/text")).and_then(Value::as_str);
    text.map_or_else(|| block.to_string(), ToOwned::to_owned)
}

/// A result that may go back to the host. Only [`CallReview::apply`] makes one.
#[derive(Debug, Clone)]
pub struct ReleasedResult {
    answer: CallAnswer,
    edited: bool,
}

impl ReleasedResult {
    /// What goes back.
    pub fn answer(&self) -> &CallAnswer {
        &self.answer
    }

    /// Whether a person changed what the server gave.
    pub fn edited(&self) -> bool {
        self.edited
    }
}

/// Where a tool call stands.
#[derive(Debug, Clone)]
pub enum State {
    /// At the request gate.
    Request,
    /// Approved; the server is being called.
    Calling(ApprovedCall),
    /// At the answer gate.
    Result {
        /// What the server was called with.
        approved: ApprovedCall,
        /// What it gave.
        original: CallAnswer,
        /// What would go back.
        draft: CallAnswer,
    },
    /// Over.
    Closed,
}

/// Something that happens to a tool call.
#[derive(Debug, Clone)]
pub enum Event {
    /// Call the server as shown.
    Approve,
    /// Replace the arguments.
    EditArguments(Map<String, Value>),
    /// Replace the spans of these findings in the params, as they stand now, by placeholders.
    Redact(Vec<Finding>),
    /// Replace the result.
    EditResult(Value),
    /// Undo all edits of this gate.
    Revert,
    /// Refuse.
    Deny,
    /// Return the result as shown.
    Return,
    /// The server answered.
    Answered(CallAnswer),
    /// The host gave up, the server could not be called, or the process ends.
    Withdraw,
}

/// What the engine must do now.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Only show the change.
    Show,
    /// Call the server with this.
    Call(Box<ApprovedCall>),
    /// Return this to the host.
    Release(Box<ReleasedResult>),
    /// Tell the host that the call was refused. Where the server is being called, it is told that nobody waits.
    Refuse,
    /// Nobody waits any more.
    End,
}

/// An event that cannot happen in this state, or that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The action is not offered now.
    #[error("this is not possible now; the question has moved on")]
    NotOffered,
    /// Nothing was chosen to be redacted.
    #[error("nothing was chosen that could be replaced: only the values of arguments can")]
    NothingToRedact,
    /// An edited result that the protocol does not allow.
    #[error("this is no result of a tool: {0}")]
    NoResult(#[from] InvalidParams),
}

/// A tool call between its two gates.
#[derive(Debug, Clone)]
pub struct CallReview {
    revision: u32,
    received: ToolCall,
    draft: ToolCall,
    /// What the placeholders in the arguments stand for: here only, until the call ends.
    originals: Originals,
    state: State,
}

impl CallReview {
    /// A call as it arrives.
    pub fn new(received: ToolCall) -> Self {
        Self { revision: 1, draft: received.clone(), received, originals: Originals::default(), state: State::Request }
    }

    /// Goes up with every change.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The call as received.
    pub fn received(&self) -> &ToolCall {
        &self.received
    }

    /// The call as an approval now would approve it.
    pub fn draft(&self) -> &ToolCall {
        &self.draft
    }

    /// Whether a person edited the arguments.
    pub fn request_edited(&self) -> bool {
        self.draft != self.received
    }

    /// The placeholders that stand in the arguments for what was redacted.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.originals.placeholders()
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What stands at the answer gate: as the server gave it, and as it would go back.
    pub fn answer(&self) -> Option<(&CallAnswer, &CallAnswer)> {
        match &self.state {
            State::Result { original, draft, .. } => Some((original, draft)),
            State::Request | State::Calling(_) | State::Closed => None,
        }
    }

    /// Whether a person edited the result.
    pub fn result_edited(&self) -> bool {
        self.answer().is_some_and(|(original, draft)| original != draft)
    }

    /// What may be done now.
    pub fn actions(&self) -> Vec<ActionKind> {
        use ActionKind::{Approve, Deny, Edit, Redact, Return, Revert};
        match &self.state {
            State::Request => {
                let mut actions = vec![Deny, Edit, Redact];
                actions.extend(self.request_edited().then_some(Revert));
                actions.push(Approve);
                actions
            }
            State::Calling(_) => vec![Deny],
            State::Result { draft, .. } => {
                let mut actions = vec![Deny];
                // An error has nothing in it that could be edited and still be that error.
                actions.extend(matches!(draft, CallAnswer::Result(_)).then_some(Edit));
                actions.extend(self.result_edited().then_some(Revert));
                actions.push(Return);
                actions
            }
            State::Closed => vec![],
        }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// The event is not possible in this state, or not valid; nothing has changed then.
    pub fn apply(&mut self, event: Event) -> Result<Effect, NotNow> {
        if event.kind().is_some_and(|kind| !self.actions().contains(&kind)) {
            return Err(NotNow::NotOffered);
        }
        let effect = self.step(event)?;
        self.revision = self.revision.saturating_add(1);
        Ok(effect)
    }

    fn step(&mut self, event: Event) -> Result<Effect, NotNow> {
        match event {
            Event::Approve => {
                let approved = ApprovedCall::new(self.draft.clone());
                self.state = State::Calling(approved.clone());
                Ok(Effect::Call(Box::new(approved)))
            }
            Event::EditArguments(arguments) => {
                if !matches!(self.state, State::Request) {
                    return Err(NotNow::NotOffered);
                }
                self.draft = self.draft.clone().with_arguments(arguments);
                Ok(Effect::Show)
            }
            Event::Redact(chosen) => {
                // Another name of an argument is another call.
                let chosen: Vec<Finding> = chosen
                    .into_iter()
                    .filter(|finding| !finding.in_name && finding.pointer.starts_with("/arguments/"))
                    .collect();
                let redacted = redact::redact_more(self.draft.params(), &chosen, &self.originals);
                if redacted.params == *self.draft.params() {
                    return Err(NotNow::NothingToRedact);
                }
                self.draft.params = redacted.params;
                self.originals = redacted.originals;
                Ok(Effect::Show)
            }
            Event::EditResult(result) => {
                let State::Result { draft, .. } = &mut self.state else { return Err(NotNow::NotOffered) };
                check_result(&result)?;
                *draft = CallAnswer::Result(result);
                Ok(Effect::Show)
            }
            Event::Revert => {
                if let State::Result { original, draft, .. } = &mut self.state {
                    draft.clone_from(original);
                } else {
                    self.draft = self.received.clone();
                    self.originals = Originals::default();
                }
                Ok(Effect::Show)
            }
            Event::Return => {
                let edited = self.result_edited();
                let State::Result { draft, .. } = &self.state else { return Err(NotNow::NotOffered) };
                let released = ReleasedResult { answer: draft.clone(), edited };
                Ok(self.close(Effect::Release(Box::new(released))))
            }
            Event::Deny => Ok(self.close(Effect::Refuse)),
            Event::Answered(answer) => match std::mem::replace(&mut self.state, State::Closed) {
                State::Calling(approved) => {
                    self.state = State::Result { approved, original: answer.clone(), draft: answer };
                    Ok(Effect::Show)
                }
                // The server's last words after a denial or a withdrawal change nothing.
                other => {
                    self.state = other;
                    Err(NotNow::NotOffered)
                }
            },
            Event::Withdraw if self.is_closed() => Err(NotNow::NotOffered),
            Event::Withdraw => Ok(self.close(Effect::End)),
        }
    }

    fn close(&mut self, effect: Effect) -> Effect {
        self.state = State::Closed;
        self.originals = Originals::default();
        effect
    }
}

/// What a host relies on in a result: `content`, a list of blocks with a type, and `isError`, if it is there.
fn check_result(result: &Value) -> Result<(), InvalidParams> {
    let invalid = |pointer: String, reason: &str| Err(InvalidParams { pointer, reason: reason.to_owned() });
    let Value::Object(fields) = result else { return invalid(String::new(), "must be an object") };
    let Some(Value::Array(content)) = fields.get("content") else {
        return invalid("/content".into(), "must be a list");
    };
    for (at, block) in content.iter().enumerate() {
        if !block.get("type").is_some_and(Value::is_string) {
            return invalid(format!("/content/{at}/type"), "is missing");
        }
    }
    match fields.get("isError") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => invalid("/isError".into(), "must be true or false"),
    }
}

impl Event {
    /// The action it is, if it is a person's or a rule's.
    pub fn kind(&self) -> Option<ActionKind> {
        match self {
            Self::Approve => Some(ActionKind::Approve),
            Self::EditArguments(_) | Self::EditResult(_) => Some(ActionKind::Edit),
            Self::Redact(_) => Some(ActionKind::Redact),
            Self::Revert => Some(ActionKind::Revert),
            Self::Deny => Some(ActionKind::Deny),
            Self::Return => Some(ActionKind::Return),
            Self::Answered(_) | Self::Withdraw => None,
        }
    }
}
