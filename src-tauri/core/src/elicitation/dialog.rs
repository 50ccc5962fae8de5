//! One question to the person, from asked to answered: what may be done, what follows.

use serde_json::{Map, Value, json};

use super::{Elicitation, Mode, Problem, Typed};
use crate::{action::ActionKind, request::one_line};

/// More is not kept of what is typed, in bytes as JSON.
const MOST_TYPED: usize = 1 << 20;

/// What a person answered, here or in the host that made the call. Only [`Dialog::apply`] makes one.
#[derive(Debug, Clone)]
pub struct Input {
    /// `accept`, or what the host's person did.
    action: &'static str,
    content: Option<Value>,
    opens: Option<String>,
    is_of_host: bool,
}

impl Input {
    /// The protocol's result object.
    pub fn result(&self) -> Value {
        match &self.content {
            Some(content) => json!({"action": self.action, "content": content}),
            None => json!({"action": self.action}),
        }
    }

    /// Whether the host's person answered.
    pub fn is_of_host(&self) -> bool {
        self.is_of_host
    }

    /// The address to open in the browser; none: it was a form.
    pub fn opens(&self) -> Option<&str> {
        self.opens.as_deref()
    }
}

fn accepted() -> Input {
    Input { action: "accept", content: None, opens: None, is_of_host: false }
}

/// Something that happens to the question.
#[derive(Debug, Clone)]
pub enum Event {
    /// Answer with this, or open the address.
    Accept(Typed),
    /// Let the host ask its person.
    PassOn,
    /// What the host answered, as it came.
    OfHost(Value),
    /// Say no.
    Decline,
    /// Say neither yes nor no.
    Cancel,
    /// A rule, a limit or a deadline says no, or nobody is there.
    Refuse,
    /// Nobody waits any more.
    Withdraw,
}

/// What the engine must do now.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Return this.
    Accept(Box<Input>),
    /// Ask the host.
    PassOn,
    /// Tell the server that the person said no.
    Decline,
    /// Tell the server that the person said neither yes nor no.
    Cancel,
    /// Nothing: whoever refused it goes on.
    End,
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// It is over.
    #[error("this question is over")]
    Over,
    /// What was typed does not fit the form.
    #[error("{}", told(.0))]
    Problems(Vec<Problem>),
    /// No host can be asked, or it is asked already.
    #[error("no host can be asked now")]
    NoHost,
    /// The host's answer is none.
    #[error("{0}")]
    NoAnswer(String),
    /// Too much was typed.
    #[error("this is more than is kept: shorten it to less than 1 MiB")]
    TooMuch,
}

fn told(problems: &[Problem]) -> String {
    let named = |problem: &Problem| format!("{}: {}", problem.field, problem.why);
    problems.iter().map(named).collect::<Vec<_>>().join(" ")
}

/// A question to the person.
#[derive(Debug, Clone)]
pub struct Dialog {
    asked: Elicitation,
    /// Only to be shown again: what is accepted comes with the event.
    typed: Typed,
    revision: u32,
    host: Host,
    over: bool,
}

/// Where the host stands that made the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// It is not asked.
    None,
    /// It can be asked.
    CanBe,
    /// It asks its person now.
    Asks,
}

impl Dialog {
    /// The question as it arrives, with what the server suggests filled in.
    pub fn new(asked: Elicitation) -> Self {
        Self { typed: asked.suggested(), asked, revision: 1, host: Host::None, over: false }
    }

    /// The same question, which the host can ask its person.
    #[must_use]
    pub fn with_host(self) -> Self {
        Self { host: Host::CanBe, ..self }
    }

    /// Whether the host can be asked now.
    pub fn may_pass_on(&self) -> bool {
        self.host == Host::CanBe && !self.over
    }

    /// Whether the host asks its person now. Who answers first, there or here, counts.
    pub fn is_with_host(&self) -> bool {
        self.host == Host::Asks && !self.over
    }

    /// What is asked.
    pub fn asked(&self) -> &Elicitation {
        &self.asked
    }

    /// What was typed so far.
    pub fn typed(&self) -> &Typed {
        &self.typed
    }

    /// Goes up when it ends; typing changes nothing about the question.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What may be done now.
    pub fn actions(&self) -> Vec<ActionKind> {
        use ActionKind::{Accept, Approve, Cancel, Deny, Fill};
        let actions = if self.over { Vec::new() } else { vec![Deny, Cancel, Fill, Accept] };
        actions.into_iter().chain(self.may_pass_on().then_some(Approve)).collect()
    }

    /// Keeps what is being typed, so that a window that closes loses nothing.
    ///
    /// # Errors
    /// It is over, or too much.
    pub fn fill(&mut self, typed: Typed) -> Result<(), DialogError> {
        if self.over {
            return Err(DialogError::Over);
        }
        if serde_json::to_vec(&typed).map_or(usize::MAX, |bytes| bytes.len()) > MOST_TYPED {
            return Err(DialogError::TooMuch);
        }
        self.typed = typed;
        Ok(())
    }

    /// Applies an event.
    ///
    /// # Errors
    /// It is over, or what was typed does not fit; nothing has changed then.
    pub fn apply(&mut self, event: Event) -> Result<Effect, DialogError> {
        if self.over {
            return Err(DialogError::Over);
        }
        let effect = match event {
            Event::Accept(typed) => {
                self.fill(typed)?;
                Effect::Accept(Box::new(self.input()?))
            }
            Event::PassOn if self.host == Host::CanBe => {
                self.host = Host::Asks;
                self.revision = self.revision.saturating_add(1);
                return Ok(Effect::PassOn);
            }
            Event::OfHost(result) if self.host == Host::Asks => {
                Effect::Accept(Box::new(self.of_host(&result).map_err(DialogError::NoAnswer)?))
            }
            Event::PassOn | Event::OfHost(_) => return Err(DialogError::NoHost),
            Event::Decline => Effect::Decline,
            Event::Cancel => Effect::Cancel,
            Event::Refuse | Event::Withdraw => Effect::End,
        };
        self.over = true;
        self.typed = Typed::new();
        self.revision = self.revision.saturating_add(1);
        Ok(effect)
    }

    fn input(&self) -> Result<Input, DialogError> {
        match self.asked.mode() {
            Mode::Form(form) => {
                let content = form.read(&self.typed).map_err(DialogError::Problems)?;
                Ok(Input { content: Some(Value::Object(content)), ..accepted() })
            }
            Mode::Url { address, .. } => Ok(Input { opens: Some(address.url().to_owned()), ..accepted() }),
        }
    }

    /// Reads a host's result object. What it holds beyond an answer is refused, not dropped.
    fn of_host(&self, result: &Value) -> Result<Input, String> {
        let members = result.as_object().ok_or("it is no object")?;
        let known = ["action", "content", "_meta", "resultType"];
        if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("{} is not part of an answer", one_line(unknown)));
        }
        let action = match members.get("action").and_then(Value::as_str) {
            Some("accept") => "accept",
            Some("decline") => "decline",
            Some("cancel") => "cancel",
            _ => return Err("its action is none of accept, decline, cancel".into()),
        };
        let content = members.get("content").filter(|content| !content.is_null());
        let content = match (action, self.asked.mode(), content) {
            ("accept", Mode::Form(form), content) => {
                let none = Map::new();
                let given = content.map_or(Some(&none), Value::as_object).ok_or("its content is no object")?;
                form.check(given).map_err(|problems| told(&problems))?;
                Some(Value::Object(given.clone()))
            }
            (_, _, Some(content)) if content.as_object().is_none_or(|content| !content.is_empty()) => {
                return Err("it has content where none belongs".into());
            }
            _ => None,
        };
        Ok(Input { action, content, is_of_host: true, ..accepted() })
    }
}
