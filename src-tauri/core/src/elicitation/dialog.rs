//! One question to the person, from asked to answered: what may be done, what follows.

use serde_json::{Value, json};

use super::{Elicitation, Mode, Problem, Typed};
use crate::action::ActionKind;

/// More is not kept of what is typed, in bytes as JSON.
const MOST_TYPED: usize = 1 << 20;

/// What a person answered. Only [`Dialog::apply`] makes one.
#[derive(Debug, Clone)]
pub struct Input {
    content: Option<Value>,
    opens: Option<String>,
}

impl Input {
    /// The protocol's result object.
    pub fn result(&self) -> Value {
        match &self.content {
            Some(content) => json!({"action": "accept", "content": content}),
            None => json!({"action": "accept"}),
        }
    }

    /// The address to open in the browser; none: it was a form.
    pub fn opens(&self) -> Option<&str> {
        self.opens.as_deref()
    }
}

/// Something that happens to the question.
#[derive(Debug, Clone)]
pub enum Event {
    /// Answer with this, or open the address.
    Accept(Typed),
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
    over: bool,
}

impl Dialog {
    /// The question as it arrives, with what the server suggests filled in.
    pub fn new(asked: Elicitation) -> Self {
        Self { typed: asked.suggested(), asked, revision: 1, over: false }
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
        use ActionKind::{Accept, Cancel, Deny, Fill};
        if self.over { Vec::new() } else { vec![Deny, Cancel, Fill, Accept] }
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
                Ok(Input { content: Some(Value::Object(content)), opens: None })
            }
            Mode::Url { address, .. } => Ok(Input { content: None, opens: Some(address.url().to_owned()) }),
        }
    }
}
