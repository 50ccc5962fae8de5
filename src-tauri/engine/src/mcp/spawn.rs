//! Starts child processes: what they inherit, who is their parent thread, and the shim that ties their life to ours.
//!
//! On Linux a child is started through a small program (normally this app itself, called with [`SHIM_COMMAND`]) that
//! asks the kernel for SIGKILL at the death of its parent and then becomes the server. The kernel takes the *thread*
//! that started the child for the parent, so all children are started by one thread that lives as long as any of them.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use samplegate_core::settings::Confinement;
use tokio::sync::oneshot;

use super::{ConnectError, Events, Secret, ServerEvent, confine};

/// The hidden command of a binary that can be a launcher: `BINARY __spawn PARENT_PID [SCOPE] COMMAND ARG…`, where SCOPE
/// keeps the command from abstract sockets.
pub const SHIM_COMMAND: &str = "__spawn";

const STDERR_LINES: usize = 20;

#[cfg(not(windows))]
const INHERITED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "TMPDIR"];
#[cfg(windows)]
const INHERITED: &[&str] = &[
    "SYSTEMROOT",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
    "PATH",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERNAME",
    "HOMEDRIVE",
    "HOMEPATH",
    "COMSPEC",
];

/// The variables every child process gets: a fixed short list, taken from the environment the app was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseEnv(Vec<(OsString, OsString)>);

impl BaseEnv {
    /// Keeps the variables of the list; a binary passes `std::env::vars_os()`.
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(vars.into_iter().filter(|(name, _)| inherited(name)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(known, _)| same_name(known, name)).map(|(_, value)| value.as_os_str())
    }
}

pub(super) fn same_name(one: &OsStr, other: &str) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}

fn inherited(name: &OsStr) -> bool {
    let locale = !cfg!(windows) && name.to_str().is_some_and(|name| name.starts_with("LC_"));
    locale || INHERITED.iter().any(|known| same_name(name, known))
}

/// What to start.
pub(super) struct Program<'a> {
    /// The server's name.
    pub(super) server: &'a str,
    pub(super) command: &'a str,
    pub(super) args: &'a [String],
    pub(super) env: &'a [(String, Secret)],
    pub(super) cwd: Option<&'a Path>,
    pub(super) base_env: &'a BaseEnv,
    pub(super) launcher: Option<&'a Path>,
    /// What it may reach; none: whatever the person may.
    pub(super) confinement: Option<&'a Confinement>,
    pub(super) surroundings: &'a confine::Surroundings,
}

type Spawned = io::Result<Box<dyn ChildWrapper>>;

struct Job {
    command: CommandWrap,
    done: oneshot::Sender<Spawned>,
}

/// The thread that starts all children. It ends when the last clone is gone, so every child keeps one.
#[derive(Debug, Clone)]
pub struct Spawner(std::sync::mpsc::Sender<Job>);

impl Spawner {
    /// Starts the thread. Call within a tokio runtime.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let (jobs, queue) = std::sync::mpsc::channel::<Job>();
        std::thread::Builder::new().name("server-parent".to_owned()).spawn(move || {
            let _inside = runtime.enter();
            while let Ok(mut job) = queue.recv() {
                // A receiver that is gone drops the child, which kills it.
                let _ = job.done.send(job.command.spawn());
            }
        })?;
        Ok(Self(jobs))
    }

    pub(super) async fn spawn(&self, program: &Program<'_>) -> Result<Box<dyn ChildWrapper>, ConnectError> {
        let failed = |source| ConnectError::Spawn { command: program.command.to_owned(), source };
        let command = command(program).await?;
        let (done, started) = oneshot::channel();
        let stopped = || failed(io::Error::other("the starting thread has ended"));
        self.0.send(Job { command, done }).map_err(|_| stopped())?;
        started.await.map_err(|_| stopped())?.map_err(failed)
    }
}

/// The program that a command leads to, in the PATH and the folder that the process would have.
pub(super) fn find(
    command: &str,
    env: &[(String, Secret)],
    cwd: Option<&Path>,
    base_env: &BaseEnv,
) -> Result<PathBuf, ConnectError> {
    let own_path = env.iter().find(|(name, _)| same_name(OsStr::new(name), "PATH"));
    let path = own_path.map(|(_, value)| OsStr::new(value.expose())).or_else(|| base_env.get("PATH"));
    which::which_in(command, path, cwd.unwrap_or(Path::new(".")))
        .map_err(|_| ConnectError::CommandNotFound { command: command.to_owned() })
}

async fn command(program: &Program<'_>) -> Result<CommandWrap, ConnectError> {
    let found = find(program.command, program.env, program.cwd, program.base_env)?;
    let wrapped = match program.confinement {
        Some(confinement) => {
            let seen = confine::Seen {
                name: program.server,
                program: &found,
                args: program.args,
                cwd: program.cwd,
                base_path: program.base_env.get("PATH"),
                tmpdir: program.base_env.get("TMPDIR"),
            };
            Some(confine::wrap(confinement, program.surroundings, &seen).await?)
        }
        None => None,
    };
    let launcher = program.launcher.filter(|_| cfg!(target_os = "linux"));
    let mut words: Vec<OsString> = Vec::new();
    if let Some(launcher) = launcher {
        words.extend([launcher.into(), SHIM_COMMAND.into(), std::process::id().to_string().into()]);
        words.extend(wrapped.as_ref().and_then(|wrapped| wrapped.scope.option()).map(OsString::from));
    }
    // What steers the loader is for the server, not for what confines it.
    let is_for_loader = |name: &str| wrapped.is_some() && (name.starts_with("LD_") || name == "GLIBC_TUNABLES");
    if let Some(wrapped) = &wrapped {
        words.push(wrapped.program.clone().into());
        words.extend(wrapped.args.iter().cloned());
        for (name, value) in program.env.iter().filter(|(name, _)| is_for_loader(name)) {
            words.extend(["--setenv".into(), name.into(), value.expose().into()]);
        }
        words.push("--".into());
    }
    words.push(found.into());
    let mut command = CommandWrap::with_new(&words[0], |command| {
        command.args(&words[1..]).args(program.args);
        command.env_clear();
        command.envs(program.base_env.0.iter().map(|(name, value)| (name, value)));
        let given = program.env.iter().filter(|(name, _)| !is_for_loader(name));
        command.envs(given.map(|(name, value)| (name, value.expose())));
        if let Some(cwd) = program.cwd {
            command.current_dir(cwd);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    });
    command.wrap(KillOnDrop);
    #[cfg(unix)]
    command.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    command.wrap(process_wrap::tokio::JobObject);
    Ok(command)
}

/// Becomes the server: what a launcher runs for [`SHIM_COMMAND`], with the arguments that follow it. Returns only when
/// that failed.
#[cfg(target_os = "linux")]
pub fn run_spawn_shim(args: impl IntoIterator<Item = OsString>) -> io::Error {
    use std::os::unix::process::CommandExt as _;

    let mut args = args.into_iter();
    let parent = args.next().and_then(|parent| parent.to_str()?.parse::<i32>().ok());
    let mut program = args.next();
    let scope = program.as_deref().and_then(confine::Scope::read);
    if scope.is_some() {
        program = args.next();
    }
    let (Some(parent), Some(program)) = (parent, program) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "a parent process and a program are needed");
    };
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)) {
        return error.into();
    }
    // The parent may have died before the line above.
    if rustix::process::getppid().map(rustix::process::Pid::as_raw_pid) != Some(parent) {
        return io::Error::other("the parent process has ended");
    }
    if let Some(Err(error)) = scope.map(confine::Scope::enter) {
        return error;
    }
    std::process::Command::new(program).args(args).exec()
}

/// Only on Linux is there something for a shim to do.
#[cfg(not(target_os = "linux"))]
pub fn run_spawn_shim(_args: impl IntoIterator<Item = OsString>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "only used on Linux")
}

/// The last lines a server wrote to standard error.
#[derive(Clone)]
pub(super) struct StderrTail {
    server: String,
    events: Events,
    lines: Arc<Mutex<VecDeque<String>>>,
    /// How many lines nobody was told of, because they came too fast.
    left_out: Arc<AtomicU64>,
}

impl StderrTail {
    pub(super) fn new(server: String, events: Events) -> Self {
        Self { server, events, lines: Arc::default(), left_out: Arc::default() }
    }

    pub(super) fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == STDERR_LINES {
            lines.pop_front();
        }
        lines.push_back(line.clone());
        drop(lines);
        if !self.events.has_room() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let told = format!("({left_out} lines came too fast and are left out)");
            self.events.send(&self.server, ServerEvent::Stderr(told));
        }
        self.events.send(&self.server, ServerEvent::Stderr(line));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_is_inherited() {
        let vars = ["PATH", "HOME", "LC_ALL", "LANG", "OPENAI_API_KEY", "LD_PRELOAD", "SSH_AUTH_SOCK", "TMPDIR"];
        let env = BaseEnv::from_vars(vars.map(|name| (name.into(), "v".into())));
        let kept: Vec<_> = env.0.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(kept, ["PATH", "HOME", "LC_ALL", "LANG", "TMPDIR"]);
    }
}
