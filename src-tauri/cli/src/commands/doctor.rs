//! `samplegate doctor`: what is wrong here, and how to mend it.

use std::time::Duration;

use futures::future::join_all;
use samplegate_core::{
    policy::Suspension,
    settings::{HUMAN, KeySource},
};
use samplegate_engine::{
    engine::{Engine, StartError},
    home::Home,
    wire::TestReport,
};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    output,
    start::Start,
    way_out::way_out,
};

/// How long a locked keychain is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Less than this many bytes are little.
#[cfg(unix)]
const LITTLE_SPACE: u64 = 200 * 1024 * 1024;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Worth knowing.
    Note,
    /// Something to mend.
    Mend,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Mend => "mend",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Check {
    name: String,
    state: State,
    text: String,
}

impl Check {
    fn new(name: impl Into<String>, state: State, text: impl Into<String>) -> Self {
        Self { name: name.into(), state, text: text.into() }
    }

    fn of(name: impl Into<String>, report: TestReport) -> Self {
        Self::new(name, if report.ok { State::Good } else { State::Mend }, report.message)
    }
}

pub(crate) async fn run(start: &Start, as_json: bool) -> Result<Exit, Failure> {
    let home = start.home()?;
    let mut checks = match start.try_idle(home.clone()).await? {
        Ok(engine) => {
            let checks = look(&engine, &home).await;
            engine.shutdown().await;
            checks
        }
        Err(error) => vec![cannot_start(&error)],
    };
    checks.push(disk(&home));
    checks.push(Check::new("tray and notifications", State::Note, "are checked by the desktop app"));
    output::listing(
        &checks,
        as_json,
        |check| json!({"name": check.name, "state": check.state.name(), "text": check.text}),
        |check| vec![check.state.name().into(), output::inline(&check.name), output::inline(&check.text)],
    )?;
    Ok(if checks.iter().any(|check| check.state == State::Mend) { Exit::Own } else { Exit::Done })
}

fn cannot_start(error: &StartError) -> Check {
    let (name, how) = match error {
        StartError::Home(_) => ("home", "Give another folder with --home DIR."),
        StartError::Config(_) => ("configuration", "Mend it, or move the file away to start with a new one."),
        // These say themselves what to do.
        StartError::Store(_) => ("audit log", ""),
        StartError::System(_) => ("system", ""),
    };
    Check::new(name, State::Mend, format!("{error}. {how}").trim_end_matches(". ").to_owned())
}

async fn look(engine: &Engine, home: &Home) -> Vec<Check> {
    let mut checks = vec![Check::new("configuration", State::Good, home.config_file().display().to_string())];
    checks.push(audit_log(engine, home).await);
    checks.push(keychain(engine).await);
    checks.push(confinement(engine).await);
    checks.extend(servers(engine).await);
    checks.extend(models(engine).await);
    checks
}

/// The engine has opened the log for writing, so it can be written.
async fn audit_log(engine: &Engine, home: &Home) -> Check {
    let path = home.database().display().to_string();
    match engine.store().verify(None).await {
        Ok(Ok(log)) => Check::new("audit log", State::Good, format!("{path}: {} events, the chain holds", log.events)),
        Ok(Err(finding)) => Check::new(
            "audit log",
            State::Mend,
            format!(
                "{path} was changed by something else than Samplegate: {finding}. Keep a copy of it for whoever has to find out; move it away to start with a new one."
            ),
        ),
        Err(error) => Check::new("audit log", State::Mend, error.to_string()),
    }
}

async fn keychain(engine: &Engine) -> Check {
    let settings = engine.config().settings();
    let needed = settings.models.values().any(|model| model.key == KeySource::Keychain);
    let report = tokio::time::timeout(PATIENCE, engine.probe_keychain()).await.unwrap_or_else(|_| TestReport {
        ok: false,
        message: format!("it did not answer within {} s: is it waiting to be unlocked?", PATIENCE.as_secs()),
    });
    match (report.ok, needed) {
        (false, false) => Check::new("keychain", State::Note, format!("{}. No model here needs it", report.message)),
        (true, _) | (false, true) => Check::of("keychain", report),
    }
}

async fn confinement(engine: &Engine) -> Check {
    let settings = engine.config().settings();
    let needed = settings.servers.values().any(|server| server.enabled && server.confine.enabled);
    let report = engine.probe_confinement().await;
    match (report.ok, needed) {
        (false, false) => {
            Check::new("confinement", State::Note, format!("{}. No server here is confined", report.message))
        }
        (true, _) | (false, true) => Check::of("confinement", report),
    }
}

async fn servers(engine: &Engine) -> Vec<Check> {
    join_all(engine.list_servers().into_iter().map(|server| async move {
        let name = format!("server {}", server.config.name);
        if !server.config.enabled {
            return Check::new(name, State::Note, "is switched off");
        }
        let report = engine.test_server(&server.config).await;
        let reached = report.message.clone();
        match engine.suspension(&server.config.name).await {
            Ok(why) if report.ok => approved(name, &reached, why, &server.config.name),
            Ok(_) | Err(_) => Check::of(name, report),
        }
    }))
    .await
}

/// A server that was reached, and whether rules and grants count for it.
fn approved(check: String, reached: &str, why: Option<Suspension>, server: &str) -> Check {
    let Some(why) = why else { return Check::new(check, State::Good, reached) };
    let state = match why {
        Suspension::Drift | Suspension::ReviewDue => State::Mend,
        Suspension::Unapproved | Suspension::Unseen | Suspension::Flagged => State::Note,
    };
    let how = way_out(why.into(), server).unwrap_or_default();
    Check::new(check, state, format!("{reached}. {} {how}", why.reason()).trim_end())
}

async fn models(engine: &Engine) -> Vec<Check> {
    let mut checks = Vec::new();
    for model in engine.list_models() {
        let report = tokio::time::timeout(PATIENCE, engine.check_key(&model.name)).await;
        checks.push(Check::of(
            format!("model {}", model.name),
            report.unwrap_or_else(|_| TestReport { ok: false, message: "the keychain does not answer".into() }),
        ));
    }
    let default = engine.config().settings().default_model.clone();
    let text = match default.as_str() {
        HUMAN => "you answer where no hint names a model; add one with `samplegate model add`".to_owned(),
        model => format!("{model} answers where no hint names another model"),
    };
    checks.push(Check::new("default model", State::Note, text));
    checks
}

#[cfg(unix)]
fn disk(home: &Home) -> Check {
    let existing = home.data.ancestors().find(|folder| folder.exists());
    let free = existing.and_then(|folder| rustix::fs::statvfs(folder).ok()).map(|disk| disk.f_bavail * disk.f_frsize);
    match free {
        Some(free) if free < LITTLE_SPACE => Check::new(
            "disk",
            State::Mend,
            format!("only {} MiB are free where the log is: a question that cannot be logged is denied", free >> 20),
        ),
        Some(free) => Check::new("disk", State::Good, format!("{} MiB are free where the log is", free >> 20)),
        None => Check::new("disk", State::Note, "how much is free cannot be told here"),
    }
}

#[cfg(not(unix))]
fn disk(home: &Home) -> Check {
    Check::new("disk", State::Note, format!("the log is in {}; look there how much is free", home.data.display()))
}
