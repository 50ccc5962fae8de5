//! What the process brings: the home, the reviewer, the environment. The only place that reads them.

use std::{ffi::OsString, io::IsTerminal as _, path::PathBuf, sync::Arc};

use samplegate_core::audit::Place;
use samplegate_engine::{
    engine::{Engine, Options, StartError},
    home::Home,
    host_files::HostFiles,
    mcp::BaseEnv,
    secrets::Keychain,
    startup::{self, Directories, NoHome},
};

use crate::exit::{Exit, Failure};

/// The options that every command has.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) home: Option<PathBuf>,
    pub(crate) reviewer: Option<String>,
}

impl Start {
    /// Where the files are.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        startup::home(self.home.clone(), variable, platform_directories).map_err(|error| match error {
            NoHome::Unknown => Failure::usage(error),
            NoHome::Folder(_) => Failure::new(Exit::Own, error),
        })
    }

    /// Where hosts keep their files; the folder that this runs in may be a project's.
    pub(crate) fn host_files(&self) -> Result<HostFiles, Failure> {
        let program = std::env::current_exe()?;
        startup::host_files(&program, std::env::current_dir().ok(), variable).map_err(Failure::usage)
    }

    /// An engine that starts no server: for what only reads or changes the configuration.
    pub(crate) async fn idle(&self) -> Result<Engine, Failure> {
        self.engine(Vec::new()).await
    }

    /// An engine that starts all servers and takes up what changes.
    pub(crate) async fn serving(&self) -> Result<Engine, Failure> {
        let options = Options { only: None, ..self.options(self.home()?, Vec::new())? };
        Ok(Engine::start(options).await?)
    }

    /// An idle one, to learn why it cannot start.
    pub(crate) async fn try_idle(&self, home: Home) -> Result<Result<Engine, StartError>, Failure> {
        Ok(Engine::start(self.options(home, Vec::new())?).await)
    }

    /// An engine that starts these servers.
    pub(crate) async fn engine(&self, only: Vec<String>) -> Result<Engine, Failure> {
        Ok(Engine::start(self.options(self.home()?, only)?).await?)
    }

    fn options(&self, home: Home, only: Vec<String>) -> Result<Options, Failure> {
        Ok(Options {
            base_env: BaseEnv::from_vars(std::env::vars_os()),
            surroundings: startup::surroundings(&home, variable, platform_directories()),
            program: std::env::current_exe()?,
            reviewer: startup::reviewer(self.reviewer.clone(), variable),
            place: Place::Terminal,
            browser: variable("BROWSER"),
            secrets: Arc::new(Keychain::new(home.keychain_service.clone())),
            holds_changes: false,
            only: Some(only),
            home,
        })
    }
}

/// Logs to stderr.
pub(crate) fn log() {
    let wanted = std::env::var("RUST_LOG").ok();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
        .with_env_filter(tracing_subscriber::EnvFilter::new(startup::log_directives(wanted.as_deref())))
        .init();
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn platform_directories() -> Option<Directories> {
    let folders = directories::ProjectDirs::from("", "", "samplegate")?;
    Some(Directories {
        config: folders.config_dir().to_owned(),
        data: folders.data_local_dir().to_owned(),
        runtime: folders.runtime_dir().map(ToOwned::to_owned),
    })
}
