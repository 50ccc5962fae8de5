//! Confinement as the shells see it, and what becomes of what they give.

use samplegate_core::settings::{Confinement, Sampling, Server, Transport};

use super::Engine;
use crate::wire::{Access, ConfinementView, FolderAccess};

/// What the settings say of it.
pub(super) fn view(confinement: &Confinement) -> ConfinementView {
    let of = |paths: &[String], access: Access| {
        paths.iter().map(|path| FolderAccess { path: path.clone(), access }).collect::<Vec<_>>()
    };
    let folders = [
        of(&confinement.hide, Access::Hide),
        of(&confinement.read, Access::Read),
        of(&confinement.write, Access::Write),
    ];
    ConfinementView { enabled: confinement.enabled, network: confinement.network, folders: folders.concat() }
}

/// What a shell gave, as settings. Of a folder that is named twice, the last word counts.
pub(super) fn settings(view: &ConfinementView) -> Confinement {
    let mut confinement = Confinement { enabled: view.enabled, network: view.network, ..Confinement::default() };
    for (at, folder) in view.folders.iter().enumerate() {
        let path = folder.path.trim();
        if path.is_empty() || view.folders[at + 1..].iter().any(|later| later.path.trim() == path) {
            continue;
        }
        let folders = match folder.access {
            Access::Hide => &mut confinement.hide,
            Access::Read => &mut confinement.read,
            Access::Write => &mut confinement.write,
        };
        folders.push(path.to_owned());
    }
    confinement
}

impl Engine {
    /// Confines a server that is about to be allowed to sample, where that works and nobody said otherwise.
    pub(super) async fn propose_confinement(&self, server: &mut Server, said: bool, was: Sampling) {
        let is_switched_on = was == Sampling::Off && server.sampling != Sampling::Off;
        if is_switched_on && !said && matches!(server.transport, Transport::Stdio { .. }) {
            server.confine.enabled = self.probe_confinement().await.ok;
        }
    }

    /// Removes what a confined server kept for itself.
    pub(super) fn remove_caches(&self, server: &str) {
        let folder = self.options.client.surroundings.caches.join(server);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} could not be removed: {error}", folder.display());
        }
    }
}
