//! The tray icon: idle, waiting (with the count), paused, trouble; and its menu.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use samplegate_engine::{engine::Engine, wire::Status};
use tauri::{
    AppHandle, Manager as _, Wry,
    image::Image,
    menu::{Menu, MenuItem, PredefinedMenuItem},
    tray::{TrayIcon, TrayIconBuilder},
};

use crate::windows::{self, Window};

/// What the icon tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Idle,
    Waiting(u32),
    Paused,
    Trouble,
}

impl Look {
    fn of(status: &Status) -> Self {
        match (status.paused, status.pending, status.trouble.is_empty()) {
            (true, _, _) => Self::Paused,
            (false, 1.., _) => Self::Waiting(status.pending),
            (false, 0, false) => Self::Trouble,
            (false, 0, true) => Self::Idle,
        }
    }

    fn picture(self) -> &'static [u8] {
        macro_rules! icon {
            ($name:literal) => {
                include_bytes!(concat!("../../icons/tray/", $name, ".png"))
            };
        }
        match self {
            Self::Idle => icon!("idle"),
            Self::Paused => icon!("paused"),
            Self::Trouble => icon!("trouble"),
            Self::Waiting(0 | 1) => icon!("waiting-1"),
            Self::Waiting(2) => icon!("waiting-2"),
            Self::Waiting(3) => icon!("waiting-3"),
            Self::Waiting(4) => icon!("waiting-4"),
            Self::Waiting(5) => icon!("waiting-5"),
            Self::Waiting(6) => icon!("waiting-6"),
            Self::Waiting(7) => icon!("waiting-7"),
            Self::Waiting(8) => icon!("waiting-8"),
            Self::Waiting(9) => icon!("waiting-9"),
            Self::Waiting(_) => icon!("waiting-many"),
        }
    }
}

/// The tray icon and the parts of its menu that change.
pub(crate) struct Tray {
    icon: TrayIcon<Wry>,
    state: MenuItem<Wry>,
    review: MenuItem<Wry>,
    pause: MenuItem<Wry>,
    grants: MenuItem<Wry>,
    revoke: MenuItem<Wry>,
    shown: Mutex<Option<(Look, String, u32)>>,
}

/// Builds the tray icon. Its picture files go to a folder of ours: in the shared one they collide with other apps'.
pub(crate) fn build(app: &AppHandle, files: &Path) -> Result<Arc<Tray>, Box<dyn std::error::Error>> {
    std::fs::create_dir_all(files)?;
    let item = |id: &str, text: &str, enabled: bool| MenuItem::with_id(app, id, text, enabled, None::<&str>);
    let state = item("state", "Starting…", false)?;
    let review = item("review", "Review next", false)?;
    let pause = item("pause", "Pause", true)?;
    let grants = item("grants", &grants_text(0), false)?;
    let revoke = item("revoke", "Revoke all grants", false)?;
    let menu = Menu::with_items(
        app,
        &[
            &state,
            &PredefinedMenuItem::separator(app)?,
            &review,
            &pause,
            &grants,
            &revoke,
            &PredefinedMenuItem::separator(app)?,
            &item("settings", "Settings", true)?,
            &item("audit", "Audit log", true)?,
            &PredefinedMenuItem::separator(app)?,
            &item("quit", "Quit Samplegate", true)?,
        ],
    )?;
    let icon = TrayIconBuilder::with_id("samplegate")
        .icon(Image::from_bytes(Look::Idle.picture())?)
        .temp_dir_path(files)
        .tooltip("Samplegate")
        .menu(&menu)
        .on_menu_event(|app, event| clicked(app, event.id().as_ref()))
        .build(app)?;
    Ok(Arc::new(Tray { icon, state, review, pause, grants, revoke, shown: Mutex::default() }))
}

fn clicked(app: &AppHandle, item: &str) {
    match item {
        "review" => windows::open(app, Window::Review, None),
        "settings" => windows::open(app, Window::Settings, None),
        "grants" => windows::open(app, Window::Settings, Some("grants")),
        // Nothing is asked back: what is revoked by mistake is granted again with the next question.
        "revoke" => {
            let engine = app.state::<Engine>().inner().clone();
            tauri::async_runtime::spawn(async move {
                if let Err(error) = engine.revoke_grants().await {
                    tracing::error!("the grants could not be revoked: {error}");
                }
            });
        }
        "audit" => windows::open(app, Window::Audit, None),
        "pause" => {
            let engine = app.state::<Engine>();
            let paused = *engine.queue().paused().borrow();
            if let Err(error) = engine.set_paused(!paused) {
                tracing::error!("the pause could not be logged: {error}");
            }
        }
        "quit" => crate::quit(app),
        _ => {}
    }
}

impl Tray {
    /// Shows how things stand.
    pub(crate) fn show(&self, status: &Status) {
        let look = Look::of(status);
        let text = sentence(status);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref().is_some_and(|was| *was == (look, text.clone(), status.grants)) {
            return;
        }
        let set = || -> tauri::Result<()> {
            self.icon.set_icon(Some(Image::from_bytes(look.picture())?))?;
            self.state.set_text(&text)?;
            self.review.set_enabled(status.pending > 0)?;
            self.grants.set_text(grants_text(status.grants))?;
            self.grants.set_enabled(status.grants > 0)?;
            self.revoke.set_enabled(status.grants > 0)?;
            self.pause.set_text(if status.paused { "Resume" } else { "Pause" })
        };
        match set() {
            Ok(()) => *shown = Some((look, text, status.grants)),
            Err(error) => tracing::warn!("the tray icon could not be changed: {error}"),
        }
    }
}

fn sentence(status: &Status) -> String {
    let waiting = match status.pending {
        0 => "Nothing waits".to_owned(),
        1 => "1 question waits".to_owned(),
        many => format!("{many} questions wait"),
    };
    match (status.paused, status.trouble.len()) {
        (true, _) => format!("Paused. {waiting}"),
        (false, 0) => waiting,
        (false, 1) => format!("{waiting}. 1 thing needs a look: see Settings"),
        (false, many) => format!("{waiting}. {many} things need a look: see Settings"),
    }
}

fn grants_text(grants: u32) -> String {
    match grants {
        0 => "No active grants".to_owned(),
        1 => "1 active grant".to_owned(),
        many => format!("{many} active grants"),
    }
}

/// Whether anything shows tray icons on this desktop.
#[cfg(target_os = "linux")]
pub(crate) async fn is_seen() -> bool {
    let ask = async {
        let bus = zbus::Connection::session().await?;
        let name = zbus::names::BusName::try_from("org.kde.StatusNotifierWatcher")?;
        zbus::Result::Ok(zbus::fdo::DBusProxy::new(&bus).await?.name_has_owner(name).await?)
    };
    ask.await.unwrap_or(false)
}

/// Other desktops always have one.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn is_seen() -> bool {
    true
}
