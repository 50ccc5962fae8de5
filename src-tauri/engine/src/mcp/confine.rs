//! Confinement: a server's process sees the system read-only, its own processes only, and nothing of Samplegate, of the
//! session and of the keychain. On Linux by bubblewrap (`bwrap`); elsewhere a server that is to be confined does not
//! start.
//!
//! Data flow: [`Surroundings`] (what a binary read from its environment) and the server's
//! [`Confinement`] → [`view`](view::arguments), the arguments of `bwrap` → the shim of `spawn`, which ends with us and
//! becomes `bwrap`, which becomes the server. All of its processes are in a PID namespace that ends with `bwrap`, so they
//! end with us however we end.
//!
//! Invariants: what cannot be confined does not start, and the error says how to mend that. Samplegate's own folders,
//! the session bus and the agents' sockets are hidden last, over whatever the person chose.
//!
//! Abstract sockets (X11 has one) belong to the network. Where a server may use the network, Landlock keeps it from them
//! (Linux 6.12 and later). Without Landlock nothing does, and where the session bus is such a socket it is not started.

mod view;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use samplegate_core::settings::Confinement;

use super::ConnectError;

/// What of this computer a confined server must not reach, and where its own files are.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The person's home directory.
    pub home: Option<PathBuf>,
    /// Samplegate's own folders: of this home, and of the platform's directories.
    pub own: Vec<PathBuf>,
    /// Sockets and folders of the session: the bus, the keychain, agents, displays.
    pub session: Vec<PathBuf>,
    /// Whether the session bus has an abstract address, which no folder hides.
    pub abstract_bus: bool,
    /// Where each confined server has the caches that are its own.
    pub caches: PathBuf,
    /// Once it was seen to work it is not tried again.
    pub works: Works,
}

/// Whether confinement was seen to work in this process. Clones know together.
#[derive(Debug, Clone, Default)]
pub struct Works(Arc<AtomicBool>);

/// What starts a confined server: `program` with `args` before the server's own program.
#[derive(Debug)]
pub(super) struct Wrapped {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) scope: Scope,
}

/// Whether the shim keeps the server from abstract sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// There are none: it has a network of its own.
    NotNeeded,
    /// Where the kernel can.
    IfPossible,
    /// Or it does not start.
    Required,
}

/// The word by which the shim is told to keep abstract sockets away where the kernel can.
const SCOPED: &str = "--scoped";
/// The same, and to fail where it cannot.
const MUST_SCOPE: &str = "--must-scope";

impl Scope {
    /// The shim's option.
    pub(super) fn option(self) -> Option<&'static str> {
        match self {
            Self::NotNeeded => None,
            Self::IfPossible => Some(SCOPED),
            Self::Required => Some(MUST_SCOPE),
        }
    }

    /// The scope that an option of the shim means.
    #[cfg(target_os = "linux")]
    pub(super) fn read(option: &std::ffi::OsStr) -> Option<Self> {
        [Self::IfPossible, Self::Required].into_iter().find(|scope| scope.option().is_some_and(|word| option == word))
    }

    /// Keeps this process, and what it becomes and starts, from abstract sockets of others.
    #[cfg(target_os = "linux")]
    pub(super) fn enter(self) -> std::io::Result<()> {
        if self == Self::NotNeeded {
            return Ok(());
        }
        let entered = landlock_scope(self == Self::Required).map_err(|error| error.to_string()).and_then(|ruleset| {
            landlock::RulesetCreated::restrict_self(ruleset).map(drop).map_err(|error| error.to_string())
        });
        match (entered, self) {
            (Err(error), Self::Required) => Err(std::io::Error::other(format!("cannot be confined: {error}"))),
            _ => Ok(()),
        }
    }
}

#[cfg(target_os = "linux")]
fn landlock_scope(required: bool) -> Result<landlock::RulesetCreated, landlock::RulesetError> {
    use landlock::{CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};

    let level = if required { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    Ruleset::default().set_compatibility(level).scope(Scope::AbstractUnixSocket)?.create()
}

/// Whether this kernel can keep a process with network from abstract sockets.
#[cfg(target_os = "linux")]
pub fn abstract_sockets_can_be_hidden() -> bool {
    landlock_scope(true).is_ok()
}

/// Only Linux has them.
#[cfg(not(target_os = "linux"))]
pub fn abstract_sockets_can_be_hidden() -> bool {
    true
}

/// `bwrap`, where the app's own PATH has it. A server's PATH is not asked.
fn bwrap(path: Option<&std::ffi::OsStr>) -> Result<PathBuf, String> {
    let found = which::which_in("bwrap", path, "/").map_err(|_| {
        "bubblewrap is not installed: install the package bubblewrap, e.g. `sudo apt-get install bubblewrap`".to_owned()
    })?;
    Ok(found)
}

/// Whether servers can be confined here. Starts `bwrap` once, until it worked.
///
/// # Errors
/// Why not, and how to mend it.
pub async fn probe(path: Option<&std::ffi::OsStr>, works: &Works) -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("servers can be confined on Linux only".to_owned());
    }
    if works.0.load(Ordering::Relaxed) {
        return Ok(());
    }
    let bwrap = bwrap(path)?;
    let mut command = tokio::process::Command::new(&bwrap);
    command.env_clear().args(view::NAMESPACES);
    command.args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--"]);
    let tried = command.arg(&bwrap).arg("--version").output().await;
    let said = match tried {
        Ok(output) if output.status.success() => {
            works.0.store(true, Ordering::Relaxed);
            return Ok(());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let is = |file: &str, value: &str| std::fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    let how = if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "; AppArmor keeps programs from user namespaces here: allow bwrap with a profile in /etc/apparmor.d (see README)"
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "; user namespaces are switched off here: set the sysctl user.max_user_namespaces above 0"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "; user namespaces are switched off here: set the sysctl kernel.unprivileged_userns_clone to 1"
    } else {
        "; user namespaces may be switched off here"
    };
    Err(format!("bubblewrap does not work ({said}){how}"))
}

/// What starts this server confined.
pub(super) async fn wrap(
    confinement: &Confinement,
    surroundings: &Surroundings,
    server: &view::Seen<'_>,
) -> Result<Wrapped, ConnectError> {
    let failed = |why: String| ConnectError::Confine { server: server.name.to_owned(), why };
    let path = server.base_path;
    probe(path, &surroundings.works).await.map_err(failed)?;
    let program = bwrap(path).map_err(failed)?;
    let scope = match (confinement.network, surroundings.abstract_bus) {
        (false, _) => Scope::NotNeeded,
        (true, false) if is_setuid(&program) => Scope::NotNeeded,
        (true, false) => Scope::IfPossible,
        (true, true) if !is_setuid(&program) && abstract_sockets_can_be_hidden() => Scope::Required,
        (true, true) => {
            return Err(failed(
                "the session bus is an abstract socket here, which this kernel keeps from a server only if it has no \
                 network: `--network off`"
                    .to_owned(),
            ));
        }
    };
    let args = view::arguments(confinement, surroundings, server).map_err(failed)?;
    Ok(Wrapped { program, args, scope })
}

/// Landlock forbids programs to gain rights, which an old `bwrap` needs.
fn is_setuid(program: &Path) -> bool {
    #[cfg(unix)]
    return std::fs::metadata(program)
        .is_ok_and(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o4000 != 0);
    #[cfg(not(unix))]
    return {
        let _ = program;
        false
    };
}

pub(super) use view::Seen;
