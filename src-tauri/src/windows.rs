//! The three windows: made when needed, destroyed when closed.
//!
//! A window that a person's own gesture opened comes to the front with the focus. A window that a request brings up
//! takes no focus: whatever a person is typing just then must not land on a decision.
//!
//! Invariant: windows are made and looked up on the main thread alone, where their events come in. Made elsewhere, a
//! window could be closed before it is registered, and its label would stay taken. What is asked of a window that is
//! on its way out is done when it is gone.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use samplegate_engine::wire::Changed;
use serde::Deserialize;
use tauri::{
    AppHandle, Emitter as _, Manager as _, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};

/// The windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
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

/// What is wanted of a window.
#[derive(Debug, Clone, Default)]
struct Wish {
    /// A section or a question's id.
    place: Option<String>,
    /// A person asked for it.
    focus: bool,
}

impl Wish {
    /// Both at once: a person's own wish counts, and the later place.
    fn and(self, later: Self) -> Self {
        Self { place: later.place.or(self.place), focus: self.focus || later.focus }
    }
}

/// Nothing, which a window shows until it may load its page.
const BLANK: &str = "about:blank";

/// The windows on their way out, and what is wanted of them afterwards; and where web views keep their files.
pub(crate) struct Windows {
    closing: Mutex<HashMap<Window, Option<Wish>>>,
    files: PathBuf,
}

impl Windows {
    /// None yet. Web views keep what they must under `files`.
    pub(crate) fn new(files: PathBuf) -> Self {
        Self { closing: Mutex::default(), files }
    }

    fn closing<T>(&self, change: impl FnOnce(&mut HashMap<Window, Option<Wish>>) -> T) -> T {
        change(&mut self.closing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens a window, or brings it to the front, because a person asked for it. `place` is a section or a question's id.
pub(crate) fn open<R: Runtime>(app: &AppHandle<R>, window: Window, place: Option<&str>) {
    want(app, window, Wish { place: place.map(ToOwned::to_owned), focus: true });
}

/// Shows a window because something happened: no focus, and nothing but its being there.
pub(crate) fn bring_up<R: Runtime>(app: &AppHandle<R>, window: Window) {
    want(app, window, Wish::default());
}

/// Follows what happens to the windows.
pub(crate) fn on_event<R: Runtime>(app: &AppHandle<R>, label: &str, event: &WindowEvent) {
    let Some(window) = Window::ALL.into_iter().find(|window| window.label() == label) else { return };
    let windows = app.state::<Windows>();
    match event {
        WindowEvent::CloseRequested { .. } => windows.closing(|closing| drop(closing.insert(window, None))),
        WindowEvent::Destroyed => {
            if let Some(wish) = windows.closing(|closing| closing.remove(&window)).flatten() {
                want(app, window, wish);
            }
        }
        // GTK hands keys to the widget that has the focus within its window, and a web view in a window that came up
        // without the focus has none. Elsewhere the platform sees to it.
        WindowEvent::Focused(true) if cfg!(target_os = "linux") => {
            let focused =
                app.get_webview_window(label).map(|window| AsRef::<tauri::Webview<R>>::as_ref(&window).set_focus());
            if let Some(Err(error)) = focused {
                tracing::warn!(window = label, "a window could not be given the keys: {error}");
            }
        }
        _ => {}
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

fn want<R: Runtime>(app: &AppHandle<R>, window: Window, wish: Wish) {
    let handle = app.clone();
    if let Err(error) = app.run_on_main_thread(move || show(&handle, window, wish)) {
        tracing::error!(window = window.label(), "a window could not be asked for: {error}");
    }
}

/// Runs on the main thread.
fn show<R: Runtime>(app: &AppHandle<R>, window: Window, wish: Wish) {
    let windows = app.state::<Windows>();
    let later = windows.closing(|closing| match closing.get_mut(&window) {
        Some(wanted) => {
            *wanted = Some(wanted.take().unwrap_or_default().and(wish.clone()));
            true
        }
        None => false,
    });
    if later {
        return;
    }
    let result = match app.get_webview_window(window.label()) {
        Some(open) if wish.focus => come_forward(&open, wish.place.as_deref()),
        // It is there already.
        Some(_) => Ok(()),
        None => build(app, window, &wish),
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

fn build<R: Runtime>(app: &AppHandle<R>, window: Window, wish: &Wish) -> tauri::Result<()> {
    let mut page = format!("{}.html", window.label());
    if let Some(place) = &wish.place {
        page.push('#');
        page.push_str(place);
    }
    let (width, height) = window.size();
    let build = |page: WebviewUrl| {
        WebviewWindowBuilder::new(app, window.label(), page)
            .title(window.title())
            .inner_size(width, height)
            .min_inner_size(640.0, 420.0)
            .focused(wish.focus)
            .data_directory(app.state::<Windows>().files.clone())
            // The pages are ours and go nowhere else.
            .on_navigation(is_ours)
            .build()
    };
    #[cfg(target_os = "linux")]
    {
        draw_plainly(&build(WebviewUrl::External(blank()?))?, &page)
    }
    #[cfg(not(target_os = "linux"))]
    {
        build(WebviewUrl::App(page.into())).map(drop)
    }
}

/// Loads a page into a window that shows nothing yet, without the graphics card: text and boxes need none. A web view then
/// starts sooner, takes less memory, and shows something where a driver would leave it blank. WebKitGTK has to know before
/// it loads a page; later, the page does not scroll.
#[cfg(target_os = "linux")]
fn draw_plainly<R: Runtime>(window: &WebviewWindow<R>, page: &str) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })?;
    let pages = if cfg!(dev) { "http://localhost:5173" } else { "tauri://localhost" };
    window.navigate(format!("{pages}/{page}").parse().map_err(tauri::Error::InvalidUrl)?)
}

#[cfg(target_os = "linux")]
fn blank() -> tauri::Result<tauri::Url> {
    BLANK.parse().map_err(tauri::Error::InvalidUrl)
}

/// The pages' address: a scheme of Tauri's, a host of its own on Windows, Vite's server under `tauri dev`.
fn is_ours(url: &tauri::Url) -> bool {
    let at = |host: &str, port: Option<u16>| url.host_str() == Some(host) && url.port() == port;
    let is_blank = cfg!(target_os = "linux") && url.as_str() == BLANK;
    is_blank || url.scheme() == "tauri" || at("tauri.localhost", None) || (cfg!(dev) && at("localhost", Some(5173)))
}
