//! The three windows: made when needed, destroyed when closed.
//!
//! A window that a person's own gesture opened comes to the front with the focus. A window that a request brings up
//! takes no focus: whatever a person is typing just then must not land on a decision.

use samplegate_engine::wire::Changed;
use serde::Deserialize;
use tauri::{AppHandle, Emitter as _, Manager as _, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// The windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Window {
    Review,
    Audit,
    Settings,
}

impl Window {
    const ALL: [Self; 3] = [Self::Review, Self::Audit, Self::Settings];

    fn label(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Audit => "audit",
            Self::Settings => "settings",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Review => "Review – Samplegate",
            Self::Audit => "Audit log – Samplegate",
            Self::Settings => "Settings – Samplegate",
        }
    }

    fn size(self) -> (f64, f64) {
        match self {
            Self::Review => (1080.0, 720.0),
            Self::Audit => (1180.0, 720.0),
            Self::Settings => (1000.0, 720.0),
        }
    }
}

/// Opens a window, or brings it to the front, because a person asked for it. `place` is a section or a question's id.
pub(crate) fn open<R: Runtime>(app: &AppHandle<R>, window: Window, place: Option<&str>) {
    show(app, window, place, true);
}

/// Shows a window because something happened: no focus, and nothing but its being there.
pub(crate) fn bring_up<R: Runtime>(app: &AppHandle<R>, window: Window) {
    if app.get_webview_window(window.label()).is_none() {
        show(app, window, None, false);
    }
}

/// Whether a person is looking at this window.
pub(crate) fn has_focus<R: Runtime>(app: &AppHandle<R>, window: Window) -> bool {
    app.get_webview_window(window.label()).is_some_and(|window| window.is_focused().unwrap_or(false))
}

/// Tells the open windows what to read again.
pub(crate) fn tell<R: Runtime>(app: &AppHandle<R>, changed: &Changed) {
    for window in Window::ALL.into_iter().filter_map(|window| app.get_webview_window(window.label())) {
        if let Err(error) = window.emit_to(window.label(), "changed", changed) {
            tracing::warn!(window = window.label(), "a window could not be told of a change: {error}");
        }
    }
}

fn show<R: Runtime>(app: &AppHandle<R>, window: Window, place: Option<&str>, focus: bool) {
    let result = match app.get_webview_window(window.label()) {
        Some(open) => come_forward(&open, place),
        None => build(app, window, place, focus),
    };
    if let Err(error) = result {
        tracing::error!(window = window.label(), "a window could not be shown: {error}");
    }
}

fn come_forward<R: Runtime>(window: &WebviewWindow<R>, place: Option<&str>) -> tauri::Result<()> {
    if let Some(place) = place {
        window.emit_to(window.label(), "goto", serde_json::json!({ "section": place, "id": place }))?;
    }
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn build<R: Runtime>(app: &AppHandle<R>, window: Window, place: Option<&str>, focus: bool) -> tauri::Result<()> {
    let mut page = format!("{}.html", window.label());
    if let Some(place) = place {
        page.push('#');
        page.push_str(place);
    }
    let (width, height) = window.size();
    WebviewWindowBuilder::new(app, window.label(), WebviewUrl::App(page.into()))
        .title(window.title())
        .inner_size(width, height)
        .min_inner_size(640.0, 420.0)
        .focused(focus)
        // The pages are ours and go nowhere else.
        .on_navigation(is_ours)
        .build()
        .map(drop)
}

/// The pages' address: a scheme of Tauri's, a host of its own on Windows, Vite's server under `tauri dev`.
fn is_ours(url: &tauri::Url) -> bool {
    let at = |host: &str, port: Option<u16>| url.host_str() == Some(host) && url.port() == port;
    url.scheme() == "tauri" || at("tauri.localhost", None) || (cfg!(dev) && at("localhost", Some(5173)))
}
