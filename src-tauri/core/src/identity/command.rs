//! What a command line runs: the program itself, a script, code in the arguments, or a package that is fetched first.
//!
//! Only programs whose rules are written here are read. An option that is not known may take the next word as its
//! value, so the word after it could be anything: then it is said that nothing can be pinned.

use super::Unpinned;

/// What has to be looked at besides the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// Nothing: the program is what runs, or its code is in the arguments.
    Program,
    /// A script.
    Script {
        /// As written.
        path: String,
        /// What a relative path starts from.
        base: Base,
    },
    /// A package of this name and exact version.
    Package(Package),
    /// It cannot be told from the command line.
    Unknown(Unpinned),
}

/// What a relative path starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The folder that the process starts in.
    Start,
    /// This folder, itself relative to the former.
    Folder(String),
}

/// A package that a launcher fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Who fetches it.
    pub launcher: Launcher,
    /// Its name in the registry.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Name and version as they stand in the arguments.
    pub spec: String,
}

/// Launchers whose caches can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// `npx`, `npm exec`.
    Npm,
    /// `uvx`, `uv tool run`.
    Uv,
}

/// What a command line runs.
pub fn runs(command: &str, args: &[String]) -> Runs {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match (program_name(command).as_str(), args.as_slice()) {
        ("npx", rest) => npx(rest),
        ("npm", ["exec" | "x", rest @ ..]) => npx(rest),
        ("uvx", rest) => uvx(rest),
        ("uv", rest) => uv(rest),
        ("docker" | "podman" | "nerdctl", rest) => container(command, rest),
        ("bunx", rest) => refetched("bunx", rest.iter().find(|arg| !arg.starts_with('-'))),
        ("bun", ["x", rest @ ..]) => refetched("bun x", rest.iter().find(|arg| !arg.starts_with('-'))),
        (name @ ("pnpm" | "yarn"), ["dlx" | "exec", rest @ ..]) => {
            refetched(&format!("{name} dlx"), rest.iter().find(|arg| !arg.starts_with('-')))
        }
        ("pnpx", rest) => refetched("pnpx", rest.iter().find(|arg| !arg.starts_with('-'))),
        ("pipx", ["run", rest @ ..]) => fetched_by_pipx(rest.iter().find(|arg| !arg.starts_with('-'))),
        (name @ ("npm" | "pnpm" | "yarn" | "pipx"), _) => unknown(
            format!("{name} runs something that it looks up by itself"),
            "the program or script that it starts".into(),
        ),
        (
            name @ ("env" | "sudo" | "nice" | "nohup" | "timeout" | "xargs" | "setsid" | "stdbuf" | "time" | "bwrap"
            | "firejail" | "flatpak" | "cmd" | "powershell" | "pwsh" | "wsl" | "ssh" | "java" | "dotnet" | "go"
            | "cargo"),
            _,
        ) => unknown(
            format!("{name} starts something else, which is not looked at"),
            "the program itself that it starts".into(),
        ),
        (name, rest) => match interpreter(name) {
            Some(rules) => script(name, &rules, rest),
            None => Runs::Program,
        },
    }
}

fn unknown(why: impl Into<String>, instead: String) -> Runs {
    Runs::Unknown(Unpinned { why: why.into(), instead })
}

/// The name by which a program is known: without its folder, `.exe` and the like.
fn program_name(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command).to_ascii_lowercase();
    let name = [".exe", ".cmd", ".bat"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned();
    // python3, python3.12, ruby3.3, pypy3: the rules are the same.
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
    if interpreter(bare).is_some() { bare.to_owned() } else { name }
}

/// How an interpreter reads its arguments.
struct Rules {
    /// Single letters without a value; several may stand behind one dash.
    letters: &'static str,
    /// Long options without a value.
    long: &'static [&'static str],
    /// Options whose value is the next word.
    with_value: &'static [&'static str],
    /// Beginnings of options that hold their value.
    prefixes: &'static [&'static str],
    /// Letters after which the code itself comes.
    code: &'static [&'static str],
    /// Letters after which the name of a module comes.
    module: &'static [&'static str],
    /// Words that may stand before the script.
    words: &'static [&'static str],
    /// Whether what it is for is to start other programs.
    starts_others: bool,
    /// Whether a word without a dot is the name of something else than a file.
    names: bool,
}

const NO_RULES: Rules = Rules {
    letters: "",
    long: &[],
    with_value: &[],
    prefixes: &[],
    code: &[],
    module: &[],
    words: &[],
    starts_others: false,
    names: false,
};

fn interpreter(name: &str) -> Option<Rules> {
    Some(match name {
        "python" | "pythonw" | "pypy" => Rules {
            letters: "bBdEiIOPqsSuvx",
            with_value: &["-W", "-X", "--check-hash-based-pycs"],
            prefixes: &["-W", "-X"],
            code: &["-c"],
            module: &["-m"],
            ..NO_RULES
        },
        "node" | "nodejs" => Rules {
            long: &[
                "--enable-source-maps",
                "--no-warnings",
                "--no-deprecation",
                "--trace-warnings",
                "--trace-uncaught",
                "--experimental-strip-types",
                "--experimental-transform-types",
            ],
            prefixes: &["--max-old-space-size=", "--stack-size=", "--disable-warning="],
            code: &["-e", "--eval", "-p", "--print"],
            ..NO_RULES
        },
        "deno" => Rules {
            letters: "Aq",
            long: &["--quiet", "--no-check", "--no-prompt", "--allow-all", "--cached-only", "--no-remote"],
            prefixes: &["--allow-", "--deny-", "--v8-flags="],
            words: &["run"],
            ..NO_RULES
        },
        "bun" => {
            Rules { long: &["--silent", "--smol"], words: &["run"], code: &["-e", "--eval"], names: true, ..NO_RULES }
        }
        "ruby" => Rules { letters: "wWUv", long: &["--yjit", "--jit"], code: &["-e"], ..NO_RULES },
        "perl" => Rules { letters: "wTtW", code: &["-e", "-E"], ..NO_RULES },
        "sh" | "bash" | "dash" | "zsh" | "ksh" => Rules {
            letters: "euxlafnv",
            long: &["--norc", "--noprofile", "--login", "--posix"],
            code: &["-c"],
            starts_others: true,
            ..NO_RULES
        },
        "php" | "lua" | "rscript" => NO_RULES,
        _ => return None,
    })
}

fn script(name: &str, rules: &Rules, args: &[&str]) -> Runs {
    let mut rest = args.iter();
    let mut words_left = rules.words;
    while let Some(arg) = rest.next() {
        if !arg.starts_with('-') && words_left.contains(arg) {
            words_left = &[];
            continue;
        }
        if *arg == "--" {
            return rest.next().map_or_else(|| no_script(name), |path| script_at(name, rules, path));
        }
        if !arg.starts_with('-') || arg.len() == 1 {
            return script_at(name, rules, arg);
        }
        // Letters stand together: -uB, and -uc CODE. A node may have its own -e as a long word too.
        let letters = arg.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        let ends_in = |options: &[&str]| {
            options.contains(arg)
                || letters.is_some_and(|letters| {
                    letters.split_at_checked(letters.len() - 1).is_some_and(|(before, last)| {
                        options.contains(&format!("-{last}").as_str())
                            && before.chars().all(|letter| rules.letters.contains(letter))
                    })
                })
        };
        if ends_in(rules.code) {
            if rules.starts_others {
                return unknown(
                    format!("the code for {name} in the arguments starts something else, which is not looked at"),
                    "the program itself that it starts".into(),
                );
            }
            // The arguments are pinned as they are, and they are the code.
            return Runs::Program;
        }
        if ends_in(rules.module) {
            let module = rest.next().copied().unwrap_or_default();
            return unknown(
                format!("{name} looks for the module {module} in its own folders"),
                "the path of the script that starts it, or the program that installing it made".into(),
            );
        }
        if rules.with_value.contains(arg) {
            rest.next();
            continue;
        }
        let known = rules.long.contains(arg)
            || rules.prefixes.iter().any(|prefix| arg.len() > prefix.len() && arg.starts_with(prefix))
            || letters.is_some_and(|letters| letters.chars().all(|letter| rules.letters.contains(letter)));
        if !known {
            return unknown(
                format!("the option {arg} of {name} may load or name other code"),
                "the script first, with options that change nothing about what runs".into(),
            );
        }
    }
    no_script(name)
}

fn no_script(name: &str) -> Runs {
    unknown(format!("{name} is given no script"), format!("{name} SCRIPT"))
}

fn script_at(name: &str, rules: &Rules, path: &str) -> Runs {
    let remote =
        path.contains("://") || ["npm:", "jsr:", "node:", "data:"].iter().any(|scheme| path.starts_with(scheme));
    if path == "-" || remote {
        return unknown(
            format!("{name} fetches or reads {path} when it starts"),
            "the path of a script on this machine".into(),
        );
    }
    if rules.names && !path.contains(['.', '/', '\\']) {
        return unknown(format!("{name} looks up what {path} means"), format!("{name} with the path of the script"));
    }
    Runs::Script { path: path.into(), base: Base::Start }
}

/// `docker run IMAGE@sha256:…` names what runs; the arguments are pinned as they are.
fn container(command: &str, args: &[&str]) -> Runs {
    let named = |arg: &&&str| {
        arg.rsplit_once("@sha256:")
            .is_some_and(|(image, digest)| !image.is_empty() && !image.starts_with('-') && is_hex(digest, 64))
    };
    match args.iter().filter(named).count() {
        1 => Runs::Program,
        _ => unknown(
            "an image without its digest can be another one each time",
            format!("{command} run … IMAGE@sha256:… (`{command} images --digests` prints it)"),
        ),
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Launchers whose caches do not say what they ran.
fn refetched(launcher: &str, spec: Option<&&str>) -> Runs {
    let name = spec.map_or("PACKAGE", |spec| npm_name(spec));
    unknown(
        format!("{launcher} fetches a package, and what it fetched cannot be read back for certain"),
        format!("npx -y {name}@1.2.3 with the version you want"),
    )
}

fn fetched_by_pipx(spec: Option<&&str>) -> Runs {
    let name = spec.and_then(|spec| spec.split(['=', '@', '<', '>', '~', '!', '[']).next()).unwrap_or("PACKAGE");
    unknown(
        "pipx fetches a package, and what it fetched cannot be read back for certain",
        format!("uvx {name}@1.2.3 with the version you want"),
    )
}

/// The name in `name@version`, which may begin with an `@` of its own.
fn npm_name(spec: &str) -> &str {
    match spec.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => &spec[..at],
        None => spec,
    }
}

fn npx(args: &[&str]) -> Runs {
    let mut rest = args.iter();
    let mut package: Option<&str> = None;
    let spec = loop {
        match rest.next().copied() {
            Some("-y" | "--yes" | "-q" | "--quiet") => {}
            Some("--") => break package.or_else(|| rest.next().copied()),
            Some("-p" | "--package") if package.is_none() => package = rest.next().copied(),
            Some(arg) if arg.starts_with("--package=") && package.is_none() => {
                package = arg.strip_prefix("--package=");
            }
            Some(arg) if arg.starts_with('-') => {
                return unknown(
                    format!("the option {arg} of npx changes what it runs in a way that is not known here"),
                    "npx -y PACKAGE@1.2.3 with the version you want".into(),
                );
            }
            Some(arg) => break package.or(Some(arg)),
            None => break package,
        }
    };
    let Some(spec) = spec else { return no_script("npx") };
    let name = npm_name(spec);
    match spec[name.len()..].strip_prefix('@').filter(|version| exact_version(version)) {
        // Two numbers are a range for npm.
        Some(version) if is_npm_name(name) && core_of(version).split('.').count() == 3 => Runs::Package(Package {
            launcher: Launcher::Npm,
            name: name.into(),
            version: version.into(),
            spec: spec.into(),
        }),
        _ => unknown(
            format!("npx fetches what {spec} means on the day"),
            format!("npx -y {}@1.2.3 with the version you want", if is_npm_name(name) { name } else { "PACKAGE" }),
        ),
    }
}

fn is_npm_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match name.strip_prefix('@').map(|name| name.split_once('/')) {
        Some(Some((scope, name))) => part(scope) && part(name),
        Some(None) => false,
        None => part(name),
    }
}

/// Whether it names one version and no range: `1.2.3`, `1.2.3-rc.1`, `2024.1`.
pub fn exact_version(version: &str) -> bool {
    let core = core_of(version);
    core.split('.').count() >= 2
        && core.split('.').all(|number| number.bytes().next().is_some_and(|byte| byte.is_ascii_digit()))
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

/// The numbers of a version, without what follows a dash or plus.
fn core_of(version: &str) -> &str {
    version.split(['-', '+']).next().unwrap_or_default()
}

fn uvx(args: &[&str]) -> Runs {
    let mut rest = args.iter();
    let mut from: Option<&str> = None;
    let spec = loop {
        match rest.next().copied() {
            Some("-q" | "--quiet" | "--offline" | "--isolated" | "--no-progress") => {}
            Some("-p" | "--python") => drop(rest.next()),
            Some("--from") => from = rest.next().copied(),
            Some(arg) if arg.starts_with('-') => {
                return unknown(
                    format!("the option {arg} of uvx changes what it runs in a way that is not known here"),
                    "uvx PACKAGE@1.2.3 with the version you want".into(),
                );
            }
            Some(arg) => break from.or(Some(arg)),
            None => break from,
        }
    };
    let Some(spec) = spec else { return no_script("uvx") };
    let (name, version) = spec.split_once("==").or_else(|| spec.split_once('@')).unwrap_or((spec, ""));
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !name.starts_with(['-', '.']);
    if is_name && exact_version(version) {
        return Runs::Package(Package {
            launcher: Launcher::Uv,
            name: name.into(),
            version: version.into(),
            spec: format!("{name}=={version}"),
        });
    }
    let named = if is_name { name } else { "PACKAGE" };
    unknown(format!("uvx fetches what {spec} means on the day"), format!("uvx {named}@1.2.3 with the version you want"))
}

/// `uv [--directory DIR] run [OPTION…] SCRIPT`.
fn uv(args: &[&str]) -> Runs {
    let mut rest = args.iter();
    let (mut base, mut running) = (Base::Start, false);
    while let Some(arg) = rest.next().copied() {
        match arg {
            "--directory" => base = rest.next().map_or(Base::Start, |folder| Base::Folder((*folder).into())),
            "--project" | "--python" | "-p" | "--extra" | "--group" => drop(rest.next()),
            "-q" | "--quiet" | "--offline" | "--frozen" | "--locked" | "--no-sync" | "--no-dev" | "--isolated"
            | "--no-project" | "--script" | "-s" | "--no-progress" => {}
            "--" => {}
            "run" if !running => running = true,
            "tool" if !running && rest.next() == Some(&"run") => return uvx(rest.as_slice()),
            _ if !running || arg.starts_with('-') => break,
            _ if program_name(arg) == "python" => {
                return match script("python", &interpreter("python").unwrap_or(NO_RULES), rest.as_slice()) {
                    Runs::Script { path, .. } => Runs::Script { path, base },
                    other => other,
                };
            }
            _ if arg.to_ascii_lowercase().ends_with(".py") && !arg.contains("://") => {
                return Runs::Script { path: arg.into(), base };
            }
            _ => {
                return unknown(
                    format!("uv looks for the command {arg} in an environment that it makes"),
                    "uv run with the path of the script".into(),
                );
            }
        }
    }
    unknown("what uv runs cannot be told from these arguments", "uv run SCRIPT.py, or uvx PACKAGE@1.2.3".into())
}
