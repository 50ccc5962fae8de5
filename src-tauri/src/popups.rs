//! Native notifications: one for each request, one for many when they flood in.
//!
//! Data flow: the queue changed → which questions are new, which are gone → notifications are shown and closed. A
//! click opens the very question; Deny denies it. Approving from a notification is off unless the person switched it
//! on, and then offered only for an unflagged request that fits in the notification whole. What it said is in the log
//! before what was decided in it.
//!
//! Invariant: a notification that expires, is closed or cannot be shown decides nothing.

mod content;
#[cfg(target_os = "linux")]
#[path = "popups/linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "popups/other.rs"]
mod platform;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    engine::Engine,
    wire::{Action, Phase, ReviewSummary},
};
use tauri::AppHandle;
use tokio::sync::oneshot;

use crate::windows::{self, Window};

/// More new questions than this at once, or more popups than this, fold into one.
const FLOOD: usize = 3;

/// What a popup says and offers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Popup {
    title: String,
    body: String,
    /// The question and its revision; none: a popup about many.
    about: Option<(QuestionId, u32)>,
    may_deny: bool,
    may_approve: bool,
}

/// What a person clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "popups have no buttons there"))]
enum Click {
    Review,
    Deny,
    Approve,
    /// Closed, expired, or the notification daemon went away.
    Nothing,
}

/// A question, and whether it stands at the answer gate.
type Gate = (String, bool);

fn key(question: &ReviewSummary) -> Gate {
    (question.id.clone(), question.phase == Phase::Answer)
}

/// Says, where no window will, that the app cannot start. Best effort.
pub(crate) fn cannot_start(why: &str) {
    let mut notification = notify_rust::Notification::new();
    notification.appname("Samplegate").summary("Samplegate cannot start").body(why);
    if let Err(error) = notification.show() {
        tracing::warn!("a notification could not be shown: {error}");
    }
}

/// Puts the app's icon where a notification daemon can read it. Without it, the daemon takes one of its own.
pub(crate) fn icon(folder: &Path) -> Option<PathBuf> {
    let file = folder.join("samplegate.png");
    let written = std::fs::write(&file, include_bytes!("../../icons/128x128.png"));
    written
        .inspect_err(|error| tracing::warn!("the notifications' icon could not be written: {error}"))
        .ok()
        .map(|()| file)
}

/// The popups on screen.
pub(crate) struct Popups {
    engine: Engine,
    app: AppHandle,
    icon: Option<PathBuf>,
    /// What was told already. The sender closes the popup when it is dropped.
    told: Mutex<HashMap<Gate, Option<oneshot::Sender<()>>>>,
    many: Mutex<Option<oneshot::Sender<()>>>,
    /// The change of the configuration that was told of.
    held: Mutex<Option<(String, oneshot::Sender<()>)>>,
}

impl Popups {
    pub(crate) fn new(engine: Engine, app: AppHandle, icon: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { engine, app, icon, told: Mutex::default(), many: Mutex::default(), held: Mutex::default() })
    }

    /// Brings the popups, and the review window, to the queue as it is now.
    pub(crate) async fn update(self: &Arc<Self>) {
        let waiting: Vec<ReviewSummary> = self
            .engine
            .queue()
            .list()
            .into_iter()
            .filter(|question| matches!(question.phase, Phase::Request | Phase::Answer))
            .collect();
        self.forget_others(&waiting);
        // Those of a muted server wait quietly too.
        let waiting: Vec<ReviewSummary> =
            waiting.into_iter().filter(|question| !self.engine.queue().is_muted(&question.server)).collect();
        // While paused, questions wait quietly, and are told of when it goes on.
        if *self.engine.queue().paused().borrow() {
            return;
        }
        let new = self.take_new(&waiting);
        if new.is_empty() {
            return;
        }
        // Whoever looks at the queue needs no popup.
        let looking = windows::has_focus(&self.app, Window::Review);
        windows::bring_up(&self.app, Window::Review);
        if looking || !self.engine.config().settings().general.notifications {
            return;
        }
        let on_screen = self.told.lock().unwrap_or_else(PoisonError::into_inner).values().flatten().count();
        if new.len() + on_screen > FLOOD {
            self.fold(&waiting);
        } else {
            for question in new {
                self.pop_up_one(&question);
            }
        }
    }

    /// Tells once of a change of the configuration that waits, whatever is set about requests: somebody may be at work who
    /// is not the person.
    pub(crate) fn tell_of_held_change(self: &Arc<Self>) {
        let waiting = self.engine.held_change().filter(|held| !held.refused);
        let mut told = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = waiting else {
            told.take();
            return;
        };
        if told.as_ref().is_some_and(|(id, _)| *id == held.id) {
            return;
        }
        let (close, closed) = oneshot::channel();
        *told = Some((held.id, close));
        let popups = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            match platform::show(content::held(), popups.icon.as_deref(), closed).await {
                Ok(Click::Review) => windows::open(&popups.app, Window::Settings, Some("waiting")),
                Ok(Click::Deny | Click::Approve | Click::Nothing) => {}
                Err(error) => tracing::warn!("a notification could not be shown: {error}"),
            }
        });
    }

    /// Forgets, and so closes the popups of, the questions that wait no more.
    fn forget_others(&self, waiting: &[ReviewSummary]) {
        let waiting: HashSet<Gate> = waiting.iter().map(key).collect();
        self.told.lock().unwrap_or_else(PoisonError::into_inner).retain(|known, _| waiting.contains(known));
        if waiting.is_empty() {
            self.many.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// The questions not told of yet.
    fn take_new(&self, waiting: &[ReviewSummary]) -> Vec<ReviewSummary> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<ReviewSummary> =
            waiting.iter().filter(|question| !told.contains_key(&key(question))).cloned().collect();
        for question in &new {
            told.insert(key(question), None);
        }
        new
    }

    fn pop_up_one(self: &Arc<Self>, question: &ReviewSummary) {
        let Some(id) = question.id.parse::<QuestionId>().ok() else { return };
        let Some(item) = self.engine.queue().get(id) else { return };
        let approving = self.engine.config().settings().general.approve_from_notifications;
        let popup = content::one(id, question, &item, approving);
        let close = self.pop_up(popup);
        if let Some(slot) = self.told.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&key(question)) {
            *slot = Some(close);
        }
    }

    /// One popup for all that wait, in place of those on screen.
    fn fold(self: &Arc<Self>, waiting: &[ReviewSummary]) {
        for close in self.told.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            close.take();
        }
        let close = self.pop_up(content::many(waiting));
        *self.many.lock().unwrap_or_else(PoisonError::into_inner) = Some(close);
    }

    fn pop_up(self: &Arc<Self>, popup: Popup) -> oneshot::Sender<()> {
        let (close, closed) = oneshot::channel();
        let popups = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            let about = popup.about;
            let said = format!("{}\n{}", popup.title, popup.body);
            match platform::show(popup, popups.icon.as_deref(), closed).await {
                Ok(click) => popups.clicked(click, about, said).await,
                // Not every desktop has notifications; the tray and the window are still there.
                Err(error) => tracing::warn!("a notification could not be shown: {error}"),
            }
        });
        close
    }

    async fn clicked(&self, click: Click, about: Option<(QuestionId, u32)>, said: String) {
        let queue = self.engine.queue();
        let result = match (click, about) {
            (Click::Nothing, _) | (Click::Deny | Click::Approve, None) => return,
            (Click::Review, about) => {
                windows::open(&self.app, Window::Review, about.map(|(id, _)| id.to_string()).as_deref());
                return;
            }
            (Click::Deny, Some((id, _))) => {
                // A denial needs no fresh look, and no log: whatever the question became, the answer is no.
                let Some(item) = queue.get(id) else { return };
                if let Err(error) = self.engine.shown_in_notification(id, item.revision, said, false).await {
                    tracing::error!("what a notification said could not be logged: {error}");
                }
                queue.act(id, item.revision, Action::Deny { reason: "in the notification".into() })
            }
            (Click::Approve, Some((id, revision))) => {
                if let Err(error) = self.engine.shown_in_notification(id, revision, said, true).await {
                    tracing::error!("nothing was approved, because the log cannot be written: {error}");
                    windows::open(&self.app, Window::Review, Some(&id.to_string()));
                    return;
                }
                queue.act(id, revision, Action::Approve)
            }
        };
        if let Err(error) = result {
            tracing::info!("a click on a notification came too late: {error}");
        }
    }
}
