//! Review in the terminal: the window's keys, on stderr, while stdout stays free for the result.
//!
//! Data flow: the queue's oldest open question → shown in full → logged as shown → one key → an action on the revision
//! that was shown. Everything is read again when the engine says "changed".
//!
//! Invariants: keys typed before a question was fully shown are thrown away; nothing from a server or a model reaches
//! the terminal but visible text behind a margin of ours; the terminal is in raw mode only while a key is awaited, and
//! is put back however this ends.

mod each;
mod edit;
mod form;
mod keys;
mod outside;
mod show;

use std::{io::IsTerminal as _, time::Duration};

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    engine::Engine,
    review_queue::{ActError, ReviewQueue},
    wire::{Action, ActionKind, Phase, ReviewItem},
};
use tokio_util::sync::CancellationToken;

use crate::output;
use keys::{Input, Key};

/// A terminal with a person at it.
pub(crate) struct Terminal {
    input: Input,
}

/// What became of showing a question.
enum Next {
    /// Look at the queue again.
    Again,
    /// The person ended the call.
    Stop,
}

impl Terminal {
    /// The terminal, if stdin and stderr are one. Stdout may be a file.
    pub(crate) fn detect() -> Option<Self> {
        (std::io::stdin().is_terminal() && std::io::stderr().is_terminal()).then(|| Self { input: Input::new() })
    }

    /// Reviews whatever is asked until `work` is done. Ctrl-C denies what is open and fires `cancel`.
    pub(crate) async fn review_while<T>(
        &mut self,
        engine: &Engine,
        work: impl Future<Output = T>,
        cancel: CancellationToken,
    ) -> T {
        let _here = engine.queue().attach();
        let mut changes = engine.changes();
        tokio::pin!(work);
        loop {
            let open = engine.queue().list().into_iter().find(|question| question.phase != Phase::Closed);
            let id = open.and_then(|question| question.id.parse::<QuestionId>().ok());
            let next = match id {
                Some(id) => tokio::select! {
                    done = &mut work => return done,
                    next = self.question(engine, id) => next,
                },
                None => tokio::select! {
                    done = &mut work => return done,
                    _ = changes.recv() => Next::Again,
                    _ = tokio::signal::ctrl_c() => Next::Stop,
                },
            };
            if let Next::Stop = next {
                for question in engine.queue().list() {
                    engine.queue().deny_all(&question.server, "ended with Ctrl-C");
                }
                self.denials_are_carried_out(engine).await;
                cancel.cancel();
                return work.await;
            }
        }
    }

    /// Waits until the denials are in the log and told, so that ending the call does not turn them into withdrawals.
    async fn denials_are_carried_out(&self, engine: &Engine) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(3);
        let open = || {
            let queue = engine.queue();
            let ids = queue.list().into_iter().filter_map(|question| question.id.parse::<QuestionId>().ok());
            ids.filter_map(|id| queue.get(id)).any(|item| item.ended.is_none())
        };
        while open() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Shows a question at the gate it stands at and takes decisions until it leaves that gate.
    async fn question(&mut self, engine: &Engine, id: QuestionId) -> Next {
        let queue = engine.queue();
        let Some(mut item) = queue.get(id) else { return Next::Again };
        match item.phase {
            Phase::Request => show::request(&item),
            Phase::Answer => show::answer(&item),
            Phase::Waiting | Phase::Answering => return self.watch(engine, id, &item).await,
            Phase::Closed => return Next::Again,
        }
        loop {
            if let Err(error) = engine.shown(id, item.revision).await {
                show::say(&show::bad(&error.to_string()));
            }
            let offered = keys::offered(&item);
            let Some(key) = self.ask(engine, id, &item, &offered).await else {
                self.tell_end(engine, id);
                return Next::Again;
            };
            if key == Key::Opinion {
                self.opinion(engine, id, &item).await;
                continue;
            }
            let actions = match self.act_of(key, &item).await {
                Chosen::Actions(actions) => actions,
                Chosen::Stop => {
                    let _ = queue.act(id, item.revision, Action::Deny { reason: "ended with Ctrl-C".into() });
                    return Next::Stop;
                }
                Chosen::Nothing => continue,
            };
            if actions.iter().any(Action::goes_on)
                && let Some(name) = item.confirm.clone()
            {
                let prompt = format!("This is of high risk. Type {} to go on: ", output::inline(&name));
                let Some(typed) = self.input.line(&prompt).await else { continue };
                if let Err(error) = queue.act(id, item.revision, Action::Confirm { typed }) {
                    show::say(&show::bad(&error.to_string()));
                    continue;
                }
            }
            match act_all(queue, id, &item, actions) {
                Ok(after) if after.phase == item.phase => {
                    item = after;
                    show::changed(&item);
                }
                Ok(_) => return Next::Again,
                Err(error) => {
                    show::say(&show::bad(&error.to_string()));
                    match queue.get(id) {
                        Some(now) if now.phase == item.phase => item = now,
                        _ => return Next::Again,
                    }
                }
            }
        }
    }

    /// Waits for an offered key; none where the question left the gate meanwhile.
    async fn ask(&mut self, engine: &Engine, id: QuestionId, item: &ReviewItem, offered: &[Key]) -> Option<Key> {
        let mut changes = engine.changes();
        self.input.discard();
        show::prompt(offered);
        loop {
            tokio::select! {
                key = self.input.key(offered) => {
                    show::end_prompt();
                    return Some(key);
                }
                _ = changes.recv() => {
                    let same = engine.queue().get(id).is_some_and(|now| now.revision == item.revision && now.phase == item.phase);
                    if !same {
                        self.input.release();
                        show::end_prompt();
                        return None;
                    }
                }
            }
        }
    }

    /// While a model writes: its words as they come; stop, deny and answer by hand work.
    async fn watch(&mut self, engine: &Engine, id: QuestionId, item: &ReviewItem) -> Next {
        let queue = engine.queue();
        let mut changes = engine.changes();
        let mut shown = show::Stream::begin(item);
        let offered = keys::offered(item);
        self.input.discard();
        loop {
            let Some(now) = queue.get(id) else { return Next::Again };
            if !matches!(now.phase, Phase::Waiting | Phase::Answering) {
                self.input.release();
                shown.end();
                if now.phase == Phase::Closed {
                    self.tell_end(engine, id);
                }
                return Next::Again;
            }
            shown.grow(&now);
            tokio::select! {
                _ = changes.recv() => {}
                key = self.input.key(&offered) => {
                    shown.end();
                    match self.act_of(key, &now).await {
                        Chosen::Actions(actions) => {
                            if let Err(error) = act_all(queue, id, &now, actions) {
                                show::say(&show::bad(&error.to_string()));
                            }
                        }
                        Chosen::Stop => {
                            let _ = queue.act(id, now.revision, Action::Deny { reason: "ended with Ctrl-C".into() });
                            return Next::Stop;
                        }
                        Chosen::Nothing => {}
                    }
                    self.input.discard();
                }
            }
        }
    }

    fn tell_end(&self, engine: &Engine, id: QuestionId) {
        if let Some(ended) = engine.queue().get(id).and_then(|item| item.ended) {
            show::say(&show::muted(&format!("This question is over: {}.", ended.why)));
        }
    }

    /// Turns a key into an action, asking for what it needs.
    async fn act_of(&mut self, key: Key, item: &ReviewItem) -> Chosen {
        let action = match key {
            Key::Stop => return Chosen::Stop,
            // Asked beside the question, above.
            Key::Opinion => None,
            Key::Approve if let Some(asked) = item.elicitation() => {
                Some(Action::Accept { values: asked.typed.clone() })
            }
            Key::Approve => match item.phase {
                Phase::Answer => Some(Action::Return),
                Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => Some(Action::Approve),
            },
            Key::PassOn => Some(Action::Approve),
            Key::Deny => {
                self.input.line("Why? (stays in the log; may be empty) ").await.map(|reason| Action::Deny { reason })
            }
            Key::ByHand if let Some(asked) = item.elicitation() => self.fill(asked).await,
            Key::Cancel => Some(Action::Cancel),
            Key::ByHand => {
                let replies = item.sampling().map_or(&[][..], |sampling| &sampling.quick_replies);
                let hint = if replies.is_empty() { String::new() } else { format!(" (e.g. {})", replies.join(", ")) };
                let text = self.input.line(&format!("Your answer, final{hint}: ")).await;
                text.filter(|text| !text.is_empty()).map(|text| Action::AnswerByHand { text })
            }
            Key::ByHandInEditor => {
                self.input.release();
                outside::edit(String::new())
                    .await
                    .filter(|text| !text.trim().is_empty())
                    .map(|text| Action::AnswerByHand { text })
            }
            Key::Edit => {
                self.input.release();
                edit::run(item).await
            }
            Key::ForLonger => self.for_longer(item).await,
            Key::Again => Some(Action::AskAgain { model: None }),
            Key::Model => self.another_model(item).await,
            Key::Halt => Some(Action::Stop),
            Key::Revert => Some(Action::Revert),
            Key::Redact => self.redact(item).await,
            Key::PutBack => {
                let on = show::answer_of(item).and_then(|answer| answer.restores);
                on.map(|on| Action::Restore { on: !on })
            }
            Key::ToolCalls => return Chosen::of(self.each_tool_call(item).await),
            Key::All => {
                self.input.release();
                outside::page(show::everything(item)).await;
                None
            }
            Key::Json => {
                show::raw_json(item);
                None
            }
            Key::Help => {
                show::help(&keys::offered(item), item.elicitation().is_some());
                None
            }
        };
        Chosen::of(action.into_iter().collect())
    }

    /// Asks how far the decision reaches, and, at the request gate, whether the answers go through too.
    async fn for_longer(&mut self, item: &ReviewItem) -> Option<Action> {
        for (number, scope) in item.offer.scopes.iter().enumerate() {
            show::say(&crate::output::inline(&format!("{:>3}  {}", number + 1, scope.says)));
        }
        let number = self.input.line("Let through what is alike. Number (Esc: only this one): ").await?;
        let scope = item.offer.scopes.get(number.trim().parse::<usize>().ok()?.checked_sub(1)?)?;
        let answers = match &scope.with_answers {
            Some(says) => {
                show::say(&crate::output::inline(&format!("     {says}")));
                let also = self.input.line("The answers too, as just said? [y/N] ").await?;
                matches!(also.trim(), "y" | "Y" | "yes")
            }
            None => false,
        };
        Some(Action::Grant { scope: scope.scope, answers })
    }

    async fn another_model(&mut self, item: &ReviewItem) -> Option<Action> {
        let models = &item.sampling()?.models;
        for (number, model) in models.iter().enumerate() {
            let cannot = model.cannot.as_deref().map(|why| format!(" cannot: {why}")).unwrap_or_default();
            let line = format!("{:>3}  {} ({}, {}){cannot}", number + 1, model.name, model.provider, model.model);
            show::say(&crate::output::inline(&line));
        }
        let number = self.input.line("Number: ").await?.trim().parse::<usize>().ok()?;
        let name = models.get(number.checked_sub(1)?)?.name.clone();
        Some(match item.phase {
            Phase::Answer => Action::AskAgain { model: Some(name) },
            Phase::Request | Phase::Waiting | Phase::Answering | Phase::Closed => Action::ChooseModel { name },
        })
    }
}

/// What came of a key.
enum Chosen {
    /// One after the other, at least one.
    Actions(Vec<Action>),
    Nothing,
    Stop,
}

impl Chosen {
    fn of(actions: Vec<Action>) -> Self {
        if actions.is_empty() { Self::Nothing } else { Self::Actions(actions) }
    }
}

/// Takes actions one after the other, each on the revision that the one before made.
fn act_all(
    queue: &ReviewQueue,
    id: QuestionId,
    item: &ReviewItem,
    actions: Vec<Action>,
) -> Result<ReviewItem, ActError> {
    actions.into_iter().try_fold(item.clone(), |item, action| queue.act(id, item.revision, action))
}

/// Whether an action is offered.
fn has(item: &ReviewItem, kind: ActionKind) -> bool {
    item.actions.contains(&kind)
}
