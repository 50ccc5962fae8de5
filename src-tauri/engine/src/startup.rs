//! From what a process was started with to what the engine takes. Pure: a binary reads its arguments, its environment
//! and the platform's directories, and hands them in, so that the desktop app and the terminal command agree.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

use crate::{
    home::Home,
    host_files::{Folders, HostFiles, Platform},
    mcp::confine::Surroundings,
};

/// The variable that puts a whole home under one folder.
pub const HOME_VARIABLE: &str = "SAMPLEGATE_HOME";

/// The directories that the platform gives an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// For configuration.
    pub config: PathBuf,
    /// For data that stays on this computer.
    pub data: PathBuf,
    /// For files that end with the session; not every platform has one.
    pub runtime: Option<PathBuf>,
}

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum NoHome {
    /// The platform names no directories.
    #[error("there is no home folder: give one with --home DIR or {HOME_VARIABLE}")]
    Unknown,
    /// The folder that was given cannot be used.
    #[error("the home folder cannot be used: {0}")]
    Folder(#[from] io::Error),
}

/// The home: the folder of `--home`, else that of the variable, else the platform's directories.
///
/// # Errors
/// [`NoHome`].
pub fn home(
    folder: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
    platform: impl FnOnce() -> Option<Directories>,
) -> Result<Home, NoHome> {
    let from_variable = || variable(HOME_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let Some(folder) = folder.or_else(from_variable) {
        return Ok(Home::in_folder(&folder)?);
    }
    let Directories { config, data, runtime } = platform().ok_or(NoHome::Unknown)?;
    let runtime = runtime.unwrap_or_else(|| data.join("run"));
    Ok(Home::in_directories(config, data, runtime))
}

/// Where hosts keep their files, and the command by which they start us. A project's folder is given where there is one.
///
/// # Errors
/// The environment names no home folder.
pub fn host_files(
    program: &Path,
    project: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<HostFiles, NoHostFiles> {
    let folders = Folders::new(Platform::HERE, variable, project).ok_or(NoHostFiles)?;
    Ok(HostFiles { folders, command: HostFiles::command_beside(program) })
}

/// Why it is not known where hosts keep their files.
#[derive(Debug, thiserror::Error)]
#[error("where hosts keep their files is not known: the environment names no home folder")]
pub struct NoHostFiles;

/// What a confined server must not reach: this home, that of the platform's directories, and the session.
pub fn surroundings(
    home: &Home,
    variable: impl Fn(&str) -> Option<OsString>,
    platform: Option<Directories>,
) -> Surroundings {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut own = home.folders();
    own.extend(
        platform.into_iter().flat_map(|folders| [Some(folders.config), Some(folders.data), folders.runtime]).flatten(),
    );
    let bus = given("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
    let mut session: Vec<PathBuf> =
        ["XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "XAUTHORITY", "GNOME_KEYRING_CONTROL", "NOTIFY_SOCKET"]
            .into_iter()
            .filter_map(|name| given(name).map(PathBuf::from))
            .collect();
    session.extend(bus_values(&bus, "path").chain(bus_values(&bus, "dir")).map(PathBuf::from));
    // `socket:pid:protocol`
    let agent = given("GPG_AGENT_INFO").and_then(|info| info.to_str()?.split(':').next().map(PathBuf::from));
    session.extend(agent);
    // A bare number or `wayland-0` is below XDG_RUNTIME_DIR.
    session.extend(given("WAYLAND_DISPLAY").map(PathBuf::from));
    session.retain(|path| path.is_absolute());
    Surroundings {
        home: given("HOME").map(PathBuf::from),
        own,
        session,
        abstract_bus: bus_values(&bus, "abstract").next().is_some(),
        caches: home.data.join("confined"),
        works: crate::mcp::confine::Works::default(),
    }
}

/// The values of a key in a D-Bus address, e.g. `unix:path=/run/user/1000/bus,guid=…;…`.
fn bus_values<'a>(address: &'a OsStr, key: &'a str) -> impl Iterator<Item = String> + 'a {
    let address = address.to_string_lossy().into_owned();
    let found: Vec<String> = address
        .split([';', ',', ':'])
        .filter_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
        .map(unescape)
        .collect();
    found.into_iter()
}

/// `%2d` and its like, as D-Bus addresses have them.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Who decides: the name of `--reviewer`, else the user of the operating system.
pub fn reviewer(given: Option<String>, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let user = || {
        let set = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| variable(name)?.into_string().ok());
        set.filter(|name| !name.is_empty())
    };
    given.or_else(user).unwrap_or_else(|| "unknown".into())
}

/// What is logged: what `RUST_LOG` asks for, else warnings. The MCP library logs messages in full, so directives about
/// it, and those that reach into any module's spans, are left out.
pub fn log_directives(wanted: Option<&str>) -> String {
    let wanted = wanted.filter(|wanted| !wanted.trim().is_empty()).unwrap_or("warn");
    let harmless = wanted.split(',').map(str::trim).filter(|one| !one.starts_with("rmcp") && !one.contains('['));
    harmless.filter(|one| !one.is_empty()).chain(["rmcp=off"]).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn a_folder_that_was_given_comes_before_the_variable_and_that_before_the_platform() {
        let directories = || Some(Directories { config: "/config".into(), data: "/data".into(), runtime: None });
        let variable = |name: &str| (name == HOME_VARIABLE).then(|| OsString::from("/variable"));
        let of = |folder: &str| Home::in_folder(Path::new(folder)).unwrap();
        assert_eq!(home(Some("/given".into()), variable, directories).unwrap(), of("/given"));
        assert_eq!(home(None, variable, directories).unwrap(), of("/variable"));
        let platform = Home::in_directories("/config".into(), "/data".into(), "/data/run".into());
        assert_eq!(home(None, nothing, directories).unwrap(), platform);
        let empty = |_: &str| Some(OsString::new());
        assert_eq!(home(None, empty, directories).unwrap(), platform, "an empty variable is none");
        assert!(matches!(home(None, nothing, || None), Err(NoHome::Unknown)));
    }

    #[test]
    fn the_session_is_what_its_variables_name() {
        let home = Home::in_folder(Path::new("/given")).unwrap();
        let directories =
            Directories { config: "/config".into(), data: "/data".into(), runtime: Some("/run/x".into()) };
        let variable = |name: &str| {
            let value = match name {
                "HOME" => "/home/ada",
                "DBUS_SESSION_BUS_ADDRESS" => "unix:path=/tmp/dbus%2dA,guid=1;unix:abstract=/tmp/b",
                "SSH_AUTH_SOCK" => "/home/ada/.agent",
                "WAYLAND_DISPLAY" => "wayland-0",
                "GPG_AGENT_INFO" => "/home/ada/S.gpg:1:1",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let seen = surroundings(&home, variable, Some(directories));
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(paths(&seen.own), ["/given", "/given", "/given/run", "/config", "/data", "/run/x"]);
        assert_eq!(paths(&seen.session), ["/home/ada/.agent", "/tmp/dbus-A", "/home/ada/S.gpg"]);
        assert!(seen.abstract_bus);
        assert_eq!(seen.caches, Path::new("/given/confined"));
        assert!(!surroundings(&home, nothing, None).abstract_bus);
    }

    #[test]
    fn the_reviewer_is_the_user_unless_named() {
        let user = |name: &str| (name == "LOGNAME").then(|| OsString::from("ada"));
        assert_eq!(reviewer(None, user), "ada");
        assert_eq!(reviewer(Some("grace".into()), user), "grace");
        assert_eq!(reviewer(None, nothing), "unknown");
    }

    #[test]
    fn nothing_makes_the_protocol_library_log() {
        assert_eq!(log_directives(None), "warn,rmcp=off");
        assert_eq!(log_directives(Some("info,rmcp::service=trace,[span]=trace")), "info,rmcp=off");
        assert_eq!(log_directives(Some("")), "warn,rmcp=off");
    }
}
