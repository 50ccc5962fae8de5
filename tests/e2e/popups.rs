//! Native notifications: what was asked to be shown, heard on the bus, and the buttons, clicked with the mouse.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use zbus::{Connection, MessageStream, Proxy, zvariant::OwnedValue};

use crate::desktop::{eventually, run};

/// A notification as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Popup {
    pub(crate) title: String,
    pub(crate) body: String,
    /// The buttons' names, without what a click on the notification itself does.
    pub(crate) buttons: Vec<String>,
}

/// Everything that was asked to be shown since it began to listen.
pub(crate) struct Popups {
    heard: Arc<Mutex<Vec<Popup>>>,
}

impl Popups {
    pub(crate) async fn listen() -> Result<Self> {
        let bus = Connection::session().await?;
        let monitoring =
            Proxy::new(&bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring")
                .await?;
        let mut messages = MessageStream::from(&bus);
        let only = ["type='method_call',interface='org.freedesktop.Notifications',member='Notify'"];
        let () = monitoring.call("BecomeMonitor", &(&only[..], 0_u32)).await?;
        let heard = Arc::<Mutex<Vec<Popup>>>::default();
        let listener = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                type Notify = (String, u32, String, String, String, Vec<String>, HashMap<String, OwnedValue>, i32);
                let Ok((_, _, _, title, body, actions, _, _)) = message.body().deserialize::<Notify>() else {
                    continue;
                };
                let pairs = actions.chunks_exact(2);
                let buttons = pairs.filter(|pair| pair[0] != "default").map(|pair| pair[1].clone()).collect();
                listener.lock().unwrap_or_else(PoisonError::into_inner).push(Popup { title, body, buttons });
            }
        });
        Ok(Self { heard })
    }

    pub(crate) fn heard(&self) -> Vec<Popup> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many were asked for in all, and gives the last.
    pub(crate) async fn nth(&self, count: usize) -> Result<Popup> {
        eventually(&format!("notification {count}"), async || {
            let heard = self.heard();
            if heard.len() < count {
                bail!("heard {heard:?}")
            }
            heard.into_iter().nth(count - 1).context("it is gone")
        })
        .await
    }
}

/// The notifications on the screen, by X id.
pub(crate) fn on_screen() -> Vec<String> {
    let found = run("xdotool", ["search", "--onlyvisible", "--class", "Xfce4-notifyd"]).unwrap_or_default();
    found.lines().map(ToOwned::to_owned).collect()
}

/// Where xfce4-notifyd puts its buttons: in a row, from the right, each as wide as the others.
const LAST_BUTTON: (i32, i32) = (57, 30);
const BUTTON_WIDTH: i32 = 92;

impl Popups {
    /// Clicks a button of the newest notification on the screen, with the mouse.
    pub(crate) async fn click(&self, button: &str) -> Result<()> {
        let window =
            eventually("a notification on the screen", async || on_screen().pop().context("there is none")).await?;
        let buttons = self.heard().pop().context("none was heard of")?.buttons;
        let at = buttons.iter().rev().position(|name| name == button).with_context(|| format!("it has {buttons:?}"))?;
        // It grows into its place.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let geometry = run("xdotool", ["getwindowgeometry", "--shell", &window])?;
        let of = |name: &str| -> Result<i32> {
            let line = geometry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            Ok(line.with_context(|| geometry.clone())?.parse()?)
        };
        let x = of("X")? + of("WIDTH")? - LAST_BUTTON.0 - BUTTON_WIDTH * i32::try_from(at)?;
        let y = of("Y")? + of("HEIGHT")? - LAST_BUTTON.1;
        run("xdotool", ["mousemove", &x.to_string(), &y.to_string(), "click", "1"]).map(drop)
    }
}
