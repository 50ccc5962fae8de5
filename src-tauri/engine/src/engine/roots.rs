//! The roots of servers: checked when they are given, and told anew to those that run when they change.

use std::collections::BTreeMap;

use samplegate_core::settings::{InvalidSetting, Server};

use super::Engine;

/// The roots of each server as they were last.
pub(super) type Told = BTreeMap<String, Vec<String>>;

impl Engine {
    /// Tells the servers whose roots changed since. One that had none, or has none now, is started anew for that.
    pub(super) fn tell_roots(&self, before: &mut Told) {
        let now: Told =
            self.config.settings().servers.iter().map(|(name, server)| (name.clone(), server.roots.clone())).collect();
        for name in now.keys().filter(|name| before.get(*name).is_some_and(|roots| now.get(*name) != Some(roots))) {
            self.servers.roots_changed(name);
        }
        *before = now;
    }
}

/// Checks that folders that are given as roots now are there. One that was there when it was given may be a disk that is
/// away for today; the server is not told of it meanwhile.
pub(super) async fn check_new(server: &Server, old: Option<&Server>) -> Result<(), InvalidSetting> {
    for root in &server.roots {
        let is_new = old.is_none_or(|old| !old.roots.contains(root));
        if is_new && !tokio::fs::metadata(root).await.is_ok_and(|found| found.is_dir()) {
            return Err(InvalidSetting(format!("the root {root:?} is no folder here: make it first, or give another")));
        }
    }
    Ok(())
}

/// What a server was told, in a sentence for the logs.
pub(super) fn sentence(told: &[String], missing: &[String]) -> String {
    let mut sentence = match told {
        [] => "asked for its roots and was told none".to_owned(),
        told => format!("asked for its roots and was told {}", told.join(", ")),
    };
    if !missing.is_empty() {
        sentence.push_str("; left out, because there is no such folder: ");
        sentence.push_str(&missing.join(", "));
        sentence.push_str(" (make it, or take it off the server's roots)");
    }
    sentence
}
