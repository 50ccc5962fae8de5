//! A home of one's own with a running engine in it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use samplegate_core::{
    audit::{Place, QuestionId},
    settings::Settings,
};
use samplegate_engine::{
    config::ConfigError,
    engine::{CallReport, Engine, Options},
    home::Home,
    mcp::{BaseEnv, CallKind},
    review_queue::Reviewer,
    secrets::{SecretError, SecretStore},
    startup,
    store::Entry,
    wire::{Action, Phase, ReviewItem},
};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::servers;

/// How long anything may take here; builds may run beside the tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Secrets in memory.
#[derive(Default)]
pub struct MemorySecrets(Mutex<HashMap<String, SecretString>>);

impl SecretStore for MemorySecrets {
    fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn set(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
        self.0.lock().unwrap().insert(name.into(), value.clone());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), SecretError> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// An engine in a folder of its own.
pub struct Running {
    pub engine: Engine,
    pub folder: tempfile::TempDir,
    /// Somebody is there to decide, until this is dropped.
    pub reviewer: Option<Reviewer>,
}

/// The options for an engine in this folder.
pub fn options(folder: &Path) -> Options {
    let home = Home::in_folder(folder).unwrap();
    Options {
        surroundings: startup::surroundings(&home, |name| std::env::var_os(name), None),
        home,
        base_env: BaseEnv::from_vars(std::env::vars_os()),
        program: servers::samplegate(),
        reviewer: "tester".into(),
        place: Place::Window,
        browser: Some("true".into()),
        secrets: Arc::new(MemorySecrets::default()),
        holds_changes: false,
        only: None,
    }
}

impl Running {
    /// Starts an engine with this configuration.
    pub async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let engine = Engine::start(options(folder.path())).await.unwrap();
        let reviewer = Some(engine.queue().attach());
        Self { engine, folder, reviewer }
    }

    /// Calls a tool in the background.
    pub fn call(&self, server: &str, tool: &str, arguments: Value) -> tokio::task::JoinHandle<CallReport> {
        let (engine, server, name) = (self.engine.clone(), server.to_owned(), tool.to_owned());
        tokio::spawn(async move {
            let target = CallKind::Tool { name, arguments };
            engine.call(&server, "test", target, CancellationToken::new()).await
        })
    }

    /// Changes the settings as a person in a window does.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        let changed = self.engine.config().update(|settings| {
            change(settings);
            Ok::<_, ConfigError>(())
        });
        changed.unwrap();
    }

    /// Waits for a question in one of these phases.
    pub async fn question(&self, phase: Phase) -> ReviewItem {
        self.eventually(|| {
            let queue = self.engine.queue();
            let summary = queue.list().into_iter().find(|question| question.phase == phase)?;
            queue.get(summary.id.parse::<QuestionId>().unwrap())
        })
        .await
    }

    /// Acts on a question as it was read.
    pub fn act(&self, item: &ReviewItem, action: Action) -> ReviewItem {
        self.engine.queue().act(item.id.parse::<QuestionId>().unwrap(), item.revision, action).unwrap()
    }

    /// One entry of the log, once its question has ended.
    pub async fn entry(&self, id: &str) -> Entry {
        let id = id.parse::<QuestionId>().unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.engine.store().show(id).await {
                Ok(entry) if entry.summary.outcome != samplegate_core::audit::Outcome::Open => return entry,
                _ if tokio::time::Instant::now() > deadline => panic!("the question did not end in the log"),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Waits until there is something.
    pub async fn eventually<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "it did not happen in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops, and checks that the log holds.
    pub async fn stop(self) {
        self.engine.shutdown().await;
        let verified = self.engine.store().verify(None).await.unwrap();
        assert!(verified.is_ok(), "{verified:?}");
    }
}

/// The text of a tool's result.
pub fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}"))
}
