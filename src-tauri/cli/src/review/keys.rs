//! Keys: which are offered, and reading them.

use std::time::Duration;

use crossterm::{
    event::{self, Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    terminal,
};
use futures::StreamExt as _;
use samplegate_engine::wire::{ActionKind, AsksView, Phase, ReviewItem};

use super::{has, show};

/// What a person can press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Approve,
    /// Let the host ask its person.
    PassOn,
    Edit,
    Deny,
    ByHand,
    ByHandInEditor,
    /// Approve, or return, for longer than this time.
    ForLonger,
    Help,
    Again,
    Model,
    Halt,
    Revert,
    Redact,
    PutBack,
    ToolCalls,
    Opinion,
    /// Neither yes nor no, to a question for input.
    Cancel,
    All,
    Json,
    /// Ctrl-C: deny, and end the call.
    Stop,
}

impl Key {
    /// The character on the keyboard, and what it does, for the help.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Approve => 'a',
            Self::PassOn => 'h',
            Self::Edit => 'e',
            Self::Deny => 'd',
            Self::ByHand => 'w',
            Self::ByHandInEditor => 'W',
            Self::ForLonger => 'A',
            Self::Help => '?',
            Self::Again => 'r',
            Self::Model => 'm',
            Self::Halt => 's',
            Self::Revert => 'u',
            Self::Redact => 'x',
            Self::PutBack => 'p',
            Self::ToolCalls => 't',
            Self::Opinion => 'o',
            Self::Cancel => 'c',
            Self::All => 'v',
            Self::Json => 'j',
            Self::Stop => '\u{3}',
        }
    }
}

/// The keys that apply to a question now, in the order in which they are shown.
pub(super) fn offered(item: &ReviewItem) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut offer = |applies: bool, key: Key| keys.extend(applies.then_some(key));
    let by_hand = has(item, ActionKind::AnswerByHand);
    let asked = item.elicitation();
    let filled = has(item, ActionKind::Accept) && asked.is_some_and(|asked| asked.problems.is_empty());
    let goes_on = asked.is_none() && (has(item, ActionKind::Approve) || has(item, ActionKind::Return));
    offer(goes_on || filled, Key::Approve);
    offer(asked.is_some() && has(item, ActionKind::Approve), Key::PassOn);
    offer(has(item, ActionKind::Edit), Key::Edit);
    offer(has(item, ActionKind::Deny), Key::Deny);
    let has_fields = asked.is_some_and(|asked| matches!(&asked.asks, AsksView::Form { fields } if !fields.is_empty()));
    offer(by_hand || has_fields && has(item, ActionKind::Fill), Key::ByHand);
    offer(true, Key::Help);
    offer(by_hand, Key::ByHandInEditor);
    offer(!item.offer.scopes.is_empty(), Key::ForLonger);
    offer(has(item, ActionKind::AskAgain), Key::Again);
    let sampling = item.sampling();
    let several = sampling.is_some_and(|sampling| {
        sampling.models.len() > 1 || (item.phase == Phase::Request && sampling.model.is_none())
    });
    offer(has(item, ActionKind::ChooseModel) && several, Key::Model);
    offer(has(item, ActionKind::Stop), Key::Halt);
    offer(has(item, ActionKind::Revert), Key::Revert);
    offer(has(item, ActionKind::Redact), Key::Redact);
    offer(has(item, ActionKind::Restore), Key::PutBack);
    offer(has(item, ActionKind::DecideToolUse), Key::ToolCalls);
    offer(sampling.and_then(|sampling| sampling.opinion.as_ref()).is_some_and(|opinion| !opinion.asking), Key::Opinion);
    offer(has(item, ActionKind::Cancel), Key::Cancel);
    offer(true, Key::All);
    offer(true, Key::Json);
    keys
}

/// The keyboard. Raw only while a key or a line is awaited.
pub(super) struct Input {
    raw: Option<Raw>,
}

/// Raw mode, until dropped.
struct Raw(EventStream);

impl Raw {
    fn new() -> Self {
        // Where this fails the terminal is not one after all; the keys then come a line at a time.
        let _ = terminal::enable_raw_mode();
        Self(EventStream::new())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
    }
}

impl Input {
    pub(super) fn new() -> Self {
        Self { raw: None }
    }

    /// Throws away what was typed so far, and listens from now on.
    pub(super) fn discard(&mut self) {
        self.raw = None;
        let _ = terminal::enable_raw_mode();
        // What was typed in line mode becomes readable a moment after the switch.
        while event::poll(Duration::from_millis(20)).unwrap_or(false) {
            if event::read().is_err() {
                break;
            }
        }
        self.raw = Some(Raw::new());
    }

    /// Puts the terminal back.
    pub(super) fn release(&mut self) {
        self.raw = None;
    }

    /// Waits for one of these keys, or Ctrl-C. The terminal is put back then.
    pub(super) async fn key(&mut self, offered: &[Key]) -> Key {
        loop {
            let event = self.next().await;
            let key = match event {
                None => Some(Key::Stop),
                Some(key) if is_ctrl_c(&key) => Some(Key::Stop),
                Some(KeyEvent { code: KeyCode::Char(c), modifiers, .. })
                    if modifiers.difference(KeyModifiers::SHIFT).is_empty() =>
                {
                    offered.iter().copied().find(|key| key.letter() == c)
                }
                Some(_) => None,
            };
            if let Some(key) = key {
                self.release();
                return key;
            }
        }
    }

    /// Reads a line; none where it was given up with Esc or Ctrl-C.
    pub(super) async fn line(&mut self, prompt: &str) -> Option<String> {
        show::write(prompt);
        self.raw.get_or_insert_with(Raw::new);
        let mut text = String::new();
        let taken = loop {
            let Some(key) = self.next().await else { break false };
            match key.code {
                _ if is_ctrl_c(&key) => break false,
                KeyCode::Esc => break false,
                KeyCode::Enter => break true,
                KeyCode::Backspace => rub_out(&mut text),
                KeyCode::Char(c) if key.modifiers.difference(KeyModifiers::SHIFT).is_empty() => {
                    text.push(c);
                    show::write(&c.to_string());
                }
                _ => {}
            }
        };
        self.release();
        show::write("\r\n");
        taken.then_some(text)
    }

    /// The next key that is pressed; none where the terminal is gone.
    async fn next(&mut self) -> Option<KeyEvent> {
        let stream = &mut self.raw.get_or_insert_with(Raw::new).0;
        loop {
            match stream.next().await {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => return Some(key),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// Takes back the last character of a line, on the screen too.
fn rub_out(text: &mut String) {
    let columns = text.pop().and_then(unicode_width::UnicodeWidthChar::width).unwrap_or(0);
    show::write(&"\u{8} \u{8}".repeat(columns));
}

fn is_ctrl_c(key: &KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}
