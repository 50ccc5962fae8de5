//! Windows and macOS: the notification is shown; clicks on it need the platforms' own back ends and are not taken yet,
//! so it says where to decide.

use std::path::Path;

use notify_rust::{Notification, error::Error};
use tokio::sync::oneshot;

use super::{Click, Popup};

/// Shows a popup, with the icon that the platform has for the app. It closes by itself.
pub(super) async fn show(popup: Popup, _icon: Option<&Path>, _close: oneshot::Receiver<()>) -> Result<Click, Error> {
    let body = format!("{}\nReview it from the tray icon.", popup.body);
    let shown = tokio::task::spawn_blocking(move || Notification::new().summary(&popup.title).body(&body).show());
    match shown.await {
        Ok(shown) => shown.map(|_| Click::Nothing),
        Err(_) => Ok(Click::Nothing),
    }
}
