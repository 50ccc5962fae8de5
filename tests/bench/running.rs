//! A running engine in a folder of its own.

use std::sync::Arc;

use samplegate_core::audit::Place;
use samplegate_engine::{
    engine::{Engine, Options},
    home::Home,
    mcp::{BaseEnv, CallKind},
    secrets::{SecretError, SecretStore},
};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::load::{Load, Loaded};

/// There are none: what is measured needs no key.
struct NoSecrets;

impl SecretStore for NoSecrets {
    fn get(&self, _name: &str) -> Result<Option<SecretString>, SecretError> {
        Ok(None)
    }

    fn set(&self, _name: &str, _value: &SecretString) -> Result<(), SecretError> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> Result<(), SecretError> {
        Ok(())
    }
}

/// The lines of a `[servers.NAME]` table for the load server.
pub(crate) fn server(name: &str, sampling: &str, args: &[&str]) -> anyhow::Result<String> {
    let bench = crate::myself()?.display().to_string();
    let args: Vec<&str> = ["serve-load"].iter().chain(args).copied().collect();
    Ok(format!(
        "[servers.{name}]\ncommand = {bench:?}\nargs = {args:?}\nsampling = \"{sampling}\"\nlimits = \"none\"\n"
    ))
}

/// The options for an engine in this folder.
pub(crate) fn options(folder: &std::path::Path) -> anyhow::Result<Options> {
    Ok(Options {
        home: Home::in_folder(folder)?,
        base_env: BaseEnv::from_vars(std::env::vars_os()),
        surroundings: samplegate_engine::mcp::confine::Surroundings::default(),
        program: crate::myself()?,
        reviewer: "bench".into(),
        place: Place::Terminal,
        browser: None,
        secrets: Arc::new(NoSecrets),
        holds_changes: false,
        only: None,
    })
}

/// An engine with the load server.
pub(crate) struct Running {
    engine: Engine,
    pub(crate) folder: tempfile::TempDir,
}

impl Running {
    /// Starts an engine with this configuration.
    pub(crate) async fn start(config: &str) -> anyhow::Result<Self> {
        let folder = crate::folder()?;
        let mut options = options(folder.path())?;
        // Beside the log, as it is without `--home`: what watches it would wake with every write.
        options.home.config = folder.path().join("config");
        std::fs::create_dir(&options.home.config)?;
        std::fs::write(options.home.config.join("config.toml"), config)?;
        let engine = Engine::start(options).await?;
        Ok(Self { engine, folder })
    }

    /// Has the server ask.
    pub(crate) async fn load(&self, load: Load) -> anyhow::Result<Loaded> {
        let target = CallKind::Tool { name: "load".into(), arguments: serde_json::to_value(load)? };
        let result: Value = self.engine.call("load", "bench", target, CancellationToken::new()).await.result?;
        Loaded::read(&result)
    }

    /// Ends it; its folder stays as long as what is given.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.engine.shutdown().await;
        self.folder
    }
}
