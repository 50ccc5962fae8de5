//! What a confined server sees, as arguments of `bwrap`.
//!
//! The whole system read-only, then over it: an empty `/tmp` and `/run` (sockets of displays, buses, agents, terminals,
//! containers are there), caches of its own, then the person's folders, the deeper ones later, and last what is never
//! shown. A folder that is hidden is an empty one in memory.

use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
};

use samplegate_core::settings::Confinement;

use super::Surroundings;

/// Own processes, own IPC, no rights, no terminal, and an end with whoever started it.
pub(super) const NAMESPACES: &[&str] = &[
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--cap-drop",
    "ALL",
    "--new-session",
    "--die-with-parent",
];

/// Folders that are empty for a confined server: what is in them belongs to the session.
const EMPTY: &[&str] = &["/tmp", "/var/tmp", "/run"];

/// What of `/run` is needed to look up names, and to find programs on NixOS.
const NEEDED: &[&str] = &[
    "/run/systemd/resolve",
    "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/resolvconf",
    "/run/connman/resolv.conf",
    "/run/nscd",
    "/run/current-system",
    "/run/opengl-driver",
];

/// Of a home directory: keys, and sockets of programs that do what they are told. A person may show them again.
const PRIVATE: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".Xauthority",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".docker/run",
    ".docker/desktop",
    ".1password",
];

/// What launchers keep in `~/.cache` and others run from there: a confined server has its own.
const LAUNCHERS: &[&str] = &["uv", "pip", "pipx", "deno", "node", "pnpm", "yarn", "bun"];

/// A server, as far as its view depends on it.
#[derive(Debug)]
pub(in crate::mcp) struct Seen<'a> {
    pub(in crate::mcp) name: &'a str,
    /// The program, absolute.
    pub(in crate::mcp) program: &'a Path,
    pub(in crate::mcp) args: &'a [String],
    pub(in crate::mcp) cwd: Option<&'a Path>,
    /// PATH and TMPDIR of the app.
    pub(in crate::mcp) base_path: Option<&'a OsStr>,
    pub(in crate::mcp) tmpdir: Option<&'a OsStr>,
}

/// How a place looks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Hidden,
    Readable,
    Writable,
    /// This folder in its place.
    Own(PathBuf),
}

/// The arguments up to and without the program, `--` included.
pub(super) fn arguments(
    confinement: &Confinement,
    surroundings: &Surroundings,
    server: &Seen<'_>,
) -> Result<Vec<OsString>, String> {
    let mut args: Vec<OsString> = NAMESPACES.iter().map(OsString::from).collect();
    if !confinement.network {
        args.push("--unshare-net".into());
    }
    let mut add = |words: &[&OsStr]| args.extend(words.iter().map(|word| (*word).to_owned()));
    let option = OsStr::new;
    add(&[
        option("--ro-bind"),
        option("/"),
        option("/"),
        option("--dev"),
        option("/dev"),
        option("--proc"),
        option("/proc"),
    ]);
    let empty: Vec<PathBuf> = EMPTY.iter().filter_map(|folder| Path::new(folder).canonicalize().ok()).collect();
    for folder in &empty {
        add(&[option("--tmpfs"), folder.as_os_str()]);
    }
    for path in NEEDED {
        add(&[option("--ro-bind-try"), option(path), option(path)]);
    }
    let home = surroundings.home.as_deref().and_then(|home| home.canonicalize().ok());
    let own: Vec<PathBuf> = surroundings.own.iter().flat_map(|path| spellings(path)).collect();
    let mut hidden: Vec<PathBuf> = Vec::new();
    for (path, look) in places(confinement, surroundings, server, &empty, home.as_deref(), &own)? {
        match look {
            Look::Readable => add(&[option("--ro-bind"), path.as_os_str(), path.as_os_str()]),
            Look::Writable => add(&[option("--bind"), path.as_os_str(), path.as_os_str()]),
            Look::Own(source) => add(&[option("--bind"), source.as_os_str(), path.as_os_str()]),
            Look::Hidden if path.is_dir() => {
                add(&[option("--tmpfs"), path.as_os_str()]);
                hidden.push(path);
            }
            Look::Hidden => add(&[option("--ro-bind"), option("/dev/null"), path.as_os_str()]),
        }
    }
    let never = own.into_iter().chain(surroundings.session.iter().flat_map(|path| spellings(path)));
    for path in never.filter(|path| path.exists()) {
        if path.is_dir() {
            add(&[option("--tmpfs"), path.as_os_str()]);
            hidden.push(path);
        } else {
            add(&[option("--ro-bind"), option("/dev/null"), path.as_os_str()]);
        }
    }
    // Not before all that lies deeper has its place. A write to nowhere must not look like one.
    for path in &hidden {
        add(&[option("--remount-ro"), path.as_os_str()]);
    }
    if let Some(cwd) = server.cwd {
        add(&[option("--chdir"), cwd.as_os_str()]);
    }
    Ok(args)
}

/// What lies over the bare view, in the order in which it is laid.
fn places(
    confinement: &Confinement,
    surroundings: &Surroundings,
    server: &Seen<'_>,
    empty: &[PathBuf],
    home: Option<&Path>,
    own: &[PathBuf],
) -> Result<Vec<(PathBuf, Look)>, String> {
    let mut places: Vec<(PathBuf, Look)> = Vec::new();
    if let Some(home) = home {
        // A home directory may itself be below a folder that is empty.
        if empty.iter().any(|folder| home.starts_with(folder)) {
            places.push((home.to_owned(), Look::Readable));
        }
        places.extend(caches(confinement, surroundings, server, home)?);
        places.extend(PRIVATE.iter().map(|name| (home.join(name), Look::Hidden)));
    }
    if let Some(folder) = server.tmpdir.and_then(|folder| Path::new(folder).canonicalize().ok())
        && !empty.contains(&folder)
        && folder.parent().is_some()
        && home.is_none_or(|home| !home.starts_with(&folder))
    {
        places.push((folder, Look::Hidden));
    }
    places.extend(named(server, empty).into_iter().map(|path| (path, Look::Readable)));
    let chosen =
        [(&confinement.hide, Look::Hidden), (&confinement.read, Look::Readable), (&confinement.write, Look::Writable)];
    for (folders, look) in chosen {
        for folder in folders {
            let path = expand(folder, home)?;
            let path = match path.canonicalize() {
                Ok(path) => path,
                Err(_) if look == Look::Hidden => continue,
                Err(error) => return Err(format!("the folder {folder} cannot be given to it: {error}")),
            };
            // Whoever may write to a folder may put another one in the place of what is in it.
            if look == Look::Writable && own.iter().any(|own| own.starts_with(&path) || path.starts_with(own)) {
                return Err(format!("it may not write to {folder}: Samplegate's own files are there"));
            }
            places.push((path, look.clone()));
        }
    }
    places.retain(|(path, look)| *look != Look::Hidden || path.exists());
    // Stable: of what was said of one place, the person's word comes last.
    places.sort_by_key(|(path, _)| path.components().count());
    Ok(places)
}

/// `~/.cache` and `~/.npm`: its own, so that it cannot put anything into what other programs run from there. What else is
/// in `~/.cache` can be read.
fn caches(
    confinement: &Confinement,
    surroundings: &Surroundings,
    server: &Seen<'_>,
    home: &Path,
) -> Result<Vec<(PathBuf, Look)>, String> {
    let mut places = Vec::new();
    let hidden = confinement.hide.iter().filter_map(|folder| expand(folder, Some(home)).ok()?.canonicalize().ok());
    let hidden: Vec<PathBuf> = hidden.collect();
    let failed = |error: std::io::Error| format!("its caches cannot be made: {error}");
    for (name, folder) in [("cache", ".cache"), ("npm", ".npm")] {
        let place = home.join(folder);
        let is_launched = matches!(server.program.file_name().and_then(OsStr::to_str), Some("npx" | "npm"));
        if !place.exists() && (name == "cache" || is_launched) {
            // A place that is not there cannot be laid over, and who keeps caches would make it.
            make(&place).map_err(failed)?;
        }
        // A link would lead somewhere else.
        if !place.is_dir() || place.is_symlink() {
            continue;
        }
        let source = surroundings.caches.join(server.name).join(name);
        make(&source).map_err(failed)?;
        places.push((place.clone(), Look::Own(source)));
        if name == "cache" && !hidden.iter().any(|hidden| place.starts_with(hidden)) {
            let others = std::fs::read_dir(&place).map_err(failed)?.filter_map(Result::ok).map(|entry| entry.path());
            let is_other = |path: &PathBuf| {
                let name = path.file_name().and_then(OsStr::to_str);
                path.is_dir() && !path.is_symlink() && name.is_some_and(|name| !LAUNCHERS.contains(&name))
            };
            places.extend(others.filter(is_other).map(|path| (path, Look::Readable)));
        }
    }
    Ok(places)
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What its command line names below a folder that is empty for it: the person named it, so it can be read, with what
/// lies beside it below the same top.
fn named(server: &Seen<'_>, empty: &[PathBuf]) -> Vec<PathBuf> {
    let words = server.args.iter().map(Path::new).chain([server.program]).chain(server.cwd);
    let mut named = Vec::new();
    for word in words.filter(|word| word.is_absolute()) {
        // As it is spelt, and where it leads.
        for path in [Some(word.to_owned()), word.canonicalize().ok()].into_iter().flatten() {
            let Some(folder) = empty.iter().find(|folder| path.starts_with(folder)) else { continue };
            let Some(Component::Normal(top)) = path.strip_prefix(folder).ok().and_then(|rest| rest.components().next())
            else {
                continue;
            };
            let top = folder.join(top);
            let is_plain = top.symlink_metadata().is_ok_and(|found| found.is_dir() || found.is_file());
            if is_plain && folder != Path::new("/run") && !named.contains(&top) {
                named.push(top);
            }
        }
    }
    named
}

/// A folder as a person gives it.
fn expand(folder: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let path = match (folder.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(folder),
    };
    if path.is_absolute() { Ok(path) } else { Err(format!("the folder {folder} is not absolute: say all of it")) }
}

/// A place as it is spelt and as it is: either may be hidden by the other's way.
fn spellings(path: &Path) -> Vec<PathBuf> {
    match path.canonicalize() {
        Ok(real) => vec![real],
        // What is not there cannot be reached.
        Err(_) => Vec::new(),
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn seen<'a>(program: &'a Path, args: &'a [String]) -> Seen<'a> {
        Seen { name: "s", program, args, cwd: None, base_path: None, tmpdir: None }
    }

    fn words(args: &[OsString]) -> String {
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn home() -> (tempfile::TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        for name in [".cache/uv", ".cache/huggingface", ".config/samplegate", ".ssh", "work/secret"] {
            std::fs::create_dir_all(home.join(name)).unwrap();
        }
        let surroundings = Surroundings {
            own: vec![home.join(".config/samplegate")],
            caches: home.join(".config/samplegate/confined"),
            home: Some(home),
            ..Surroundings::default()
        };
        (folder, surroundings)
    }

    #[test]
    fn what_is_never_shown_is_hidden_after_everything_else() {
        let (_folder, surroundings) = home();
        let at = |name: &str| surroundings.home.clone().unwrap().join(name).display().to_string();
        let confinement = Confinement {
            enabled: true,
            network: false,
            read: vec!["~/.ssh".into()],
            write: vec!["~/work".into()],
            hide: vec!["~/work/secret".into(), "~/not-there".into()],
        };
        let args = words(&arguments(&confinement, &surroundings, &seen(Path::new("/usr/bin/true"), &[])).unwrap());
        let after = |one: &str, other: &str| {
            let place = |text: &str| args.find(text).unwrap_or_else(|| panic!("no {text} in {args}"));
            assert!(place(one) < place(other), "{other} comes first in {args}");
        };
        assert!(args.contains("--unshare-net") && args.contains("--die-with-parent"), "{args}");
        after("--ro-bind / /", "--tmpfs /tmp");
        after(&format!("--bind {} {}", at("work"), at("work")), &format!("--tmpfs {}", at("work/secret")));
        after(&format!("--tmpfs {}", at(".ssh")), &format!("--ro-bind {} {}", at(".ssh"), at(".ssh")));
        after(&format!("/confined/s/cache {}", at(".cache")), &format!("--ro-bind {}", at(".cache/huggingface")));
        assert!(!args.contains(&at(".cache/uv")) && !args.contains("not-there"), "{args}");
        after("--bind ", &format!("--tmpfs {}", at(".config/samplegate")));
        let (_, last) = args.split_once(&format!("--tmpfs {} ", at(".config/samplegate"))).unwrap();
        assert!(!last.contains("bind"), "{args}");
    }

    #[test]
    fn nothing_above_our_own_files_can_be_written() {
        let (_folder, surroundings) = home();
        for folder in ["~", "~/.config", "~/.config/samplegate", "/"] {
            let confinement = Confinement { enabled: true, write: vec![folder.into()], ..Confinement::default() };
            let refused = arguments(&confinement, &surroundings, &seen(Path::new("/usr/bin/true"), &[])).unwrap_err();
            assert!(refused.contains("Samplegate's own files"), "{folder}: {refused}");
        }
        for folder in ["work", "~/nowhere"] {
            let confinement = Confinement { enabled: true, write: vec![folder.into()], ..Confinement::default() };
            arguments(&confinement, &surroundings, &seen(Path::new("/usr/bin/true"), &[])).unwrap_err();
        }
    }

    #[test]
    fn of_tmp_only_what_the_command_line_names_is_seen() {
        let (folder, surroundings) = home();
        let other = tempfile::tempdir().unwrap();
        let script = other.path().join("deep/server.py");
        std::fs::create_dir_all(script.parent().unwrap()).unwrap();
        std::fs::write(&script, "").unwrap();
        let given = [script.display().to_string()];
        let args = words(
            &arguments(&Confinement::default(), &surroundings, &seen(Path::new("/usr/bin/true"), &given)).unwrap(),
        );
        let top = other.path().canonicalize().unwrap().display().to_string();
        assert!(args.contains(&format!("--ro-bind {top} {top} ")), "{args}");
        drop(folder);
    }
}
