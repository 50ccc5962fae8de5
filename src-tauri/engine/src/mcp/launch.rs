//! Looks at what a server is before it is started: its program, its script, the package a launcher fetched.
//!
//! Files are hashed before each start, never from memory: a file that another process of the same user replaced looks
//! the same in every attribute it can set. Who replaces it between the look and the start is not caught.

mod npm;
mod uv;

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use samplegate_core::{
    canonical::Sha256Hex,
    identity::{Base, Fetched, File, Launch, Launcher, Package, Process, Runs, Unpinned, runs},
};
use sha2::{Digest as _, Sha256};

use super::{BaseEnv, ClientSettings, ConnectError, Secret, TransportSpec, spawn};

/// What is looked at, without values that may be secret.
pub(super) struct Look {
    command: String,
    args: Vec<String>,
    cwd: Option<PathBuf>,
    program: PathBuf,
    env: Vec<(String, Secret)>,
    base_env: BaseEnv,
}

/// The launch of a server, before it. Reads files, off the runtime's threads. What was fetched is read by [`after`].
pub(super) async fn before(
    transport: &TransportSpec,
    settings: &ClientSettings,
) -> Result<(Launch, Option<Look>), ConnectError> {
    let (command, args, env, cwd) = match transport {
        TransportSpec::Stdio { command, args, env, cwd, confinement: _ } => (command, args, env, cwd),
        TransportSpec::Http { url, headers } => {
            return Ok((Launch::url(url, headers.iter().map(|(name, _)| name.as_str())), None));
        }
    };
    let own = settings.launcher.as_ref().is_some_and(|own| own.as_os_str() == command.as_str());
    if own && *args == ["demo-server"] {
        return Ok((Launch::BuiltIn, None));
    }
    let look = Look {
        command: command.clone(),
        args: args.clone(),
        cwd: cwd.clone(),
        program: spawn::find(command, env, cwd.as_deref(), &settings.base_env)?,
        env: env.clone(),
        base_env: settings.base_env.clone(),
    };
    let looked = tokio::task::spawn_blocking(move || (Launch::Process(Box::new(look.process())), Some(look))).await;
    looked
        .map_err(|error| ConnectError::Closed { why: format!("its files were not read: {error}"), stderr: Vec::new() })
}

/// Adds what the launcher has fetched meanwhile.
pub(super) async fn after(launch: &mut Launch, look: Option<Look>) {
    let (Launch::Process(process), Some(look)) = (launch, look) else { return };
    let Runs::Package(package) = runs(&look.command, &look.args) else { return };
    match tokio::task::spawn_blocking(move || look.fetched(&package)).await {
        Ok(Ok(fetched)) => process.package = Some(fetched),
        Ok(Err(unpinned)) => process.unpinned = Some(unpinned),
        Err(error) => {
            process.unpinned = Some(Unpinned {
                why: format!("what was fetched could not be read: {error}"),
                instead: "the same, and restart it".into(),
            });
        }
    }
}

impl Look {
    fn process(&self) -> Process {
        let mut env: Vec<String> = self.env.iter().map(|(name, _)| name.clone()).collect();
        env.sort_unstable();
        let mut process = Process {
            command: self.command.clone(),
            args: self.args.clone(),
            cwd: self.cwd.as_ref().map(|cwd| cwd.display().to_string()),
            env,
            program: file(&self.program),
            script: None,
            package: None,
            unpinned: None,
        };
        match runs(&self.command, &self.args) {
            Runs::Program | Runs::Package(_) => {}
            Runs::Script { path, base } => {
                let start = self.start();
                let folder = match base {
                    Base::Start => start,
                    Base::Folder(folder) => start.join(folder),
                };
                let path = folder.join(path);
                let script = file(&path);
                if script.sha256.is_none() {
                    process.unpinned = Some(Unpinned {
                        why: format!("there is no script at {} that can be read", path.display()),
                        instead: "the whole path of the script".into(),
                    });
                }
                process.script = Some(script);
            }
            Runs::Unknown(unpinned) => process.unpinned = Some(unpinned),
        }
        if process.program.sha256.is_none() {
            process.unpinned = Some(Unpinned {
                why: format!("the program {} cannot be read", process.program.path),
                instead: "a program that you may read".into(),
            });
        }
        process
    }

    fn fetched(&self, package: &Package) -> Result<Fetched, Unpinned> {
        match package.launcher {
            Launcher::Npm => npm::fetched(self, package),
            Launcher::Uv => uv::fetched(self, package),
        }
    }

    /// The folder that the process starts in.
    fn start(&self) -> PathBuf {
        let cwd = self.cwd.as_deref().unwrap_or(Path::new("."));
        std::path::absolute(cwd).unwrap_or_else(|_| cwd.to_owned())
    }

    /// A variable as the process has it.
    fn variable(&self, name: &str) -> Option<PathBuf> {
        let given = self.env.iter().find(|(given, _)| spawn::same_name(given.as_ref(), name));
        let value = given.map(|(_, value)| value.expose().into()).or_else(|| self.base_env.get(name).map(Into::into));
        value.filter(|value: &PathBuf| !value.as_os_str().is_empty())
    }
}

fn file(path: &Path) -> File {
    File { path: path.display().to_string(), sha256: hash(path).ok() }
}

/// Of a file's bytes. Only of a regular file: a pipe would never end.
fn hash(path: &Path) -> io::Result<Sha256Hex> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Sha256Hex::from_bytes(digest.finalize().into())),
            read => digest.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests;
