//! What the process brings: the home, the reviewer, the environment. The only place that reads them.

use std::{path::PathBuf, sync::Arc};

use samplegate_core::audit::Place;
use samplegate_engine::{
    engine::{Engine, Options},
    home::Home,
    mcp::BaseEnv,
    secrets::Keychain,
};

use crate::exit::Failure;

/// The options that every command has.
pub(crate) struct Start {
    pub(crate) home: Option<PathBuf>,
    pub(crate) reviewer: Option<String>,
}

impl Start {
    /// Where the files are.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        if let Some(folder) = &self.home {
            return Ok(Home::in_folder(folder)?);
        }
        let folders = directories::ProjectDirs::from("", "", "samplegate")
            .ok_or_else(|| Failure::usage("there is no home folder: give one with --home DIR"))?;
        let data = folders.data_local_dir().to_owned();
        let runtime = folders.runtime_dir().map_or_else(|| data.join("run"), ToOwned::to_owned);
        Ok(Home::in_directories(folders.config_dir().to_owned(), data, runtime))
    }

    /// An engine that starts no server: for what only reads or changes the configuration.
    pub(crate) async fn idle(&self) -> Result<Engine, Failure> {
        self.engine(Vec::new()).await
    }

    /// An engine that starts these servers.
    pub(crate) async fn engine(&self, only: Vec<String>) -> Result<Engine, Failure> {
        let home = self.home()?;
        let user =
            || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).or_else(|_| std::env::var("USERNAME"));
        let reviewer = self.reviewer.clone().or_else(|| user().ok()).unwrap_or_else(|| "unknown".into());
        Ok(Engine::start(Options {
            base_env: BaseEnv::from_vars(std::env::vars_os()),
            program: std::env::current_exe()?,
            reviewer,
            place: Place::Terminal,
            secrets: Arc::new(Keychain::new(home.keychain_service.clone())),
            only: Some(only),
            home,
        })
        .await?)
    }
}

/// Logs to stderr: `RUST_LOG`, else errors. The MCP library logs messages in full: never those.
pub(crate) fn log() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(format!("{wanted},rmcp=off")))
        .init();
}
