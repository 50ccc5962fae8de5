//! The freedesktop notification service (Desktop Notifications Specification 1.2).

use std::path::Path;

use notify_rust::{Hint, Notification, NotificationResponse, Urgency, error::Error};
use tokio::sync::oneshot;

use super::{Click, Popup};

/// Shows a popup until it is clicked, closed, or `close` fires.
pub(super) async fn show(popup: Popup, icon: Option<&Path>, close: oneshot::Receiver<()>) -> Result<Click, Error> {
    let capabilities = capabilities().await?;
    let can = |what: &str| capabilities.iter().any(|capability| capability == what);
    let body = if can("body-markup") { escape(&popup.body) } else { popup.body };
    let mut notification = Notification::new();
    notification
        .appname("Samplegate")
        .icon(icon.and_then(Path::to_str).unwrap_or("samplegate-desktop"))
        .summary(&popup.title)
        .body(&body)
        .hint(Hint::DesktopEntry("samplegate-desktop".into()))
        .urgency(Urgency::Normal);
    if can("actions") {
        // Without a label of its own: some daemons make a button of it, too.
        notification.action("default", "").action("review", "Review");
        if popup.may_deny {
            notification.action("deny", "Deny");
        }
        if popup.may_approve {
            notification.action("approve", "Approve");
        }
    }
    let handle = notification.show_async().await?;
    let mut click = Click::Nothing;
    tokio::select! {
        () = handle.wait_for_action_async(|response: &NotificationResponse| {
            click = match response {
                NotificationResponse::Default => Click::Review,
                NotificationResponse::Action(action) => match action.as_str() {
                    "review" => Click::Review,
                    "deny" => Click::Deny,
                    "approve" => Click::Approve,
                    _ => Click::Nothing,
                },
                NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => Click::Nothing,
            };
        }) => {}
        // The sender is dropped when the question waits no more.
        _ = close => handle.close_async().await,
    }
    Ok(click)
}

/// What the daemon can do. Asked here, because notify-rust asks on the calling thread.
async fn capabilities() -> zbus::Result<Vec<String>> {
    const NAME: &str = "org.freedesktop.Notifications";
    let bus = zbus::Connection::session().await?;
    let path = "/org/freedesktop/Notifications";
    bus.call_method(Some(NAME), path, Some(NAME), "GetCapabilities", &()).await?.body().deserialize()
}

/// Some daemons render a subset of HTML: text stays text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
