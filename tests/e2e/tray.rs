//! The tray icon, as the desktop sees it: a status notifier item on the session bus, and its menu.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use zbus::{
    Connection, Proxy,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Structure, Value},
};

use crate::desktop::eventually;

/// A node of the menu as it is on the bus: its id, properties and children.
type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// A line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    id: i32,
    pub(crate) label: String,
    pub(crate) enabled: bool,
}

/// The tray icon of one process.
pub(crate) struct Tray {
    bus: Connection,
    owner: String,
    path: String,
}

impl Tray {
    /// Waits for the icon of this process.
    pub(crate) async fn of(pid: u32) -> Result<Self> {
        let bus = Connection::session().await?;
        let (owner, path) = eventually("the tray icon", async || {
            let watcher = Proxy::new(
                &bus,
                "org.kde.StatusNotifierWatcher",
                "/StatusNotifierWatcher",
                "org.kde.StatusNotifierWatcher",
            )
            .await?;
            let items: Vec<String> = watcher.get_property("RegisteredStatusNotifierItems").await?;
            let dbus = zbus::fdo::DBusProxy::new(&bus).await?;
            for item in &items {
                let Some((name, path)) = item.split_once('/') else { continue };
                let owner = dbus.get_connection_unix_process_id(name.try_into()?).await;
                if owner.is_ok_and(|owner| owner == pid) {
                    return Ok((name.to_owned(), format!("/{path}")));
                }
            }
            bail!("the tray has {items:?}")
        })
        .await?;
        Ok(Self { bus, owner, path })
    }

    async fn item(&self) -> Result<Proxy<'_>> {
        let (owner, path) = (self.owner.as_str(), self.path.as_str());
        Ok(Proxy::new(&self.bus, owner, path, "org.kde.StatusNotifierItem").await?)
    }

    /// The picture that is shown now.
    pub(crate) async fn icon(&self) -> Result<Vec<u8>> {
        let item = self.item().await?;
        let name: String = item.get_property("IconName").await?;
        let folder: String = item.get_property("IconThemePath").await?;
        let file = [name.clone(), format!("{folder}/{name}.png")].into_iter().find(|file| file.ends_with(".png"));
        let file = file.context("the icon has no file")?;
        std::fs::read(&file).with_context(|| file.clone())
    }

    /// The menu as it is now, separators left out.
    pub(crate) async fn menu(&self) -> Result<Vec<Line>> {
        let menu: OwnedObjectPath = self.item().await?.get_property("Menu").await?;
        let menu = self.menu_proxy(menu).await?;
        // The menu is filled when it is about to be shown.
        let _: Result<bool, _> = menu.call("AboutToShow", &(0_i32,)).await;
        let (_, (_, _, lines)): (u32, Node) = menu.call("GetLayout", &(0_i32, -1_i32, Vec::<&str>::new())).await?;
        lines.iter().map(line).filter_map(Result::transpose).collect()
    }

    /// The menu's labels.
    pub(crate) async fn labels(&self) -> Result<Vec<String>> {
        Ok(self.menu().await?.into_iter().map(|line| line.label).collect())
    }

    /// Clicks the line of this label, once it is there and can be clicked.
    pub(crate) async fn click(&self, label: &str) -> Result<()> {
        let line = eventually(&format!("{label:?} in the tray's menu"), async || {
            let lines = self.menu().await?;
            let found = lines.iter().find(|line| line.label == label && line.enabled);
            found.cloned().with_context(|| format!("it has {lines:?}"))
        })
        .await?;
        let menu: OwnedObjectPath = self.item().await?.get_property("Menu").await?;
        let menu = self.menu_proxy(menu).await?;
        let () = menu.call("Event", &(line.id, "clicked", Value::I32(0), 0_u32)).await?;
        Ok(())
    }

    async fn menu_proxy(&self, path: OwnedObjectPath) -> Result<Proxy<'_>> {
        let path: ObjectPath<'_> = path.into_inner();
        Ok(Proxy::new(&self.bus, self.owner.as_str(), path, "com.canonical.dbusmenu").await?)
    }
}

fn line(value: &OwnedValue) -> Result<Option<Line>> {
    let structure: Structure<'_> = value.try_clone()?.try_into()?;
    let (id, properties, _): Node = structure.try_into()?;
    let Some(label) = properties.get("label") else { return Ok(None) };
    let label: String = label.try_clone()?.try_into()?;
    let enabled = match properties.get("enabled") {
        Some(enabled) => enabled.try_clone()?.try_into()?,
        None => true,
    };
    // An underscore marks the key of a menu line.
    Ok(Some(Line { id, label: label.replace('_', ""), enabled }))
}
