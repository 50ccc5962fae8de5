//! `samplegate doctor`: what is wrong here, and how to mend it.

use samplegate_core::settings::{HUMAN, KeySource};
use samplegate_engine::wire::KeyState;

use crate::{
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start) -> Result<Exit, Failure> {
    let home = start.home()?;
    let engine = start.idle().await?;
    let mut report = Report::default();
    report.good("configuration", &home.config_file().display().to_string());
    // The engine opened the log for writing, so the disk takes writes.
    match engine.store().verify(None).await {
        Ok(Ok(log)) => report.good("audit log", &format!("{} events, the chain holds", log.events)),
        Ok(Err(finding)) => {
            report.bad("audit log", &format!("{finding}. Keep a copy of {}", home.database().display()));
        }
        Err(error) => report.bad("audit log", &error.to_string()),
    }
    let settings = engine.config().settings();
    let needed = settings.models.values().any(|model| model.key == KeySource::Keychain);
    let keychain = engine.probe_keychain().await;
    match (keychain.ok, needed) {
        (true, _) => report.good("keychain", &keychain.message),
        (false, true) => report.bad("keychain", &keychain.message),
        (false, false) => report.note("keychain", &format!("{}. No model here needs it", keychain.message)),
    }
    for server in engine.list_servers() {
        let name = format!("server {}", server.config.name);
        if !server.config.enabled {
            report.note(&name, "switched off");
            continue;
        }
        let test = engine.test_server(&server.config).await;
        if test.ok { report.good(&name, &test.message) } else { report.bad(&name, &test.message) }
    }
    if settings.models.is_empty() {
        report.note("models", "none: you answer yourself. Add one with `samplegate model add`");
    }
    for model in engine.list_models() {
        let name = format!("model {}", model.name);
        match model.key {
            KeyState::Missing => {
                report.bad(&name, "its key was kept in memory for an earlier run: remove it and add it again");
            }
            KeyState::None | KeyState::Keychain | KeyState::Memory | KeyState::Command => {
                report.good(&name, "configured; `samplegate model test` asks it for a word");
            }
        }
    }
    if settings.default_model == HUMAN {
        report.note("default", "you answer where no hint names a model");
    }
    report.note("tray and notifications", "are looked at by the desktop app, samplegate-desktop");
    engine.shutdown().await;
    Ok(if report.bad == 0 { Exit::Done } else { Exit::Own })
}

#[derive(Default)]
struct Report {
    bad: usize,
}

impl Report {
    fn good(&mut self, what: &str, text: &str) {
        output::line(&format!("ok    {what}: {}", output::visible(text)));
    }

    fn note(&mut self, what: &str, text: &str) {
        output::line(&format!("note  {what}: {}", output::visible(text)));
    }

    fn bad(&mut self, what: &str, text: &str) {
        self.bad += 1;
        output::line(&format!("MEND  {what}: {}", output::visible(text)));
    }
}
