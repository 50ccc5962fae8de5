//! What the process brings: arguments, environment, the platform's directories. The only place that reads them.

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use samplegate_core::{audit::Place, canonical::Sha256Hex};
use samplegate_engine::{
    engine,
    home::Home,
    host_files::HostFiles,
    mcp::BaseEnv,
    secrets::Keychain,
    startup::{self, Directories},
};

/// How the app was started.
pub(crate) struct Options {
    pub(crate) engine: engine::Options,
    /// Where hosts keep their files; none: nobody knows.
    pub(crate) host_files: Option<HostFiles>,
}

/// Reads `--home DIR` and `--reviewer NAME`, and what they default to.
pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut folder: Option<PathBuf> = None;
    let mut reviewer = None;
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--home") => folder = Some(args.next().ok_or("--home needs a folder")?.into()),
            Some("--reviewer") => {
                let name = args.next().ok_or("--reviewer needs a name")?;
                reviewer = Some(name.into_string().map_err(|_| "--reviewer needs a name that is text")?);
            }
            _ => return Err(format!("{arg:?} is not known; there are --home DIR and --reviewer NAME")),
        }
    }
    let variable = |name: &str| std::env::var_os(name);
    let home = startup::home(folder, variable, platform_directories).map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    Ok(Options {
        host_files: startup::host_files(&program, None, variable).ok(),
        engine: engine::Options {
            base_env: BaseEnv::from_vars(std::env::vars_os()),
            surroundings: startup::surroundings(&home, variable, platform_directories()),
            program,
            reviewer: startup::reviewer(reviewer, variable),
            place: Place::Window,
            browser: std::env::var_os("BROWSER"),
            secrets: Arc::new(Keychain::new(home.keychain_service.clone())),
            holds_changes: true,
            only: None,
            home,
        },
    })
}

/// The name by which a second start finds the first: one per home, however its folder is spelt. The home must exist.
pub(crate) fn instance_name(app: &str, home: &Home) -> String {
    let folder = home.data.canonicalize().unwrap_or_else(|_| home.data.clone());
    let digest = Sha256Hex::of(folder.as_os_str().as_encoded_bytes()).to_hex();
    // An element of a bus name begins with a letter.
    format!("{app}.h{}", &digest[..16])
}

/// What is logged to stderr.
pub(crate) fn log_filter() -> tracing_subscriber::EnvFilter {
    let wanted = std::env::var("RUST_LOG").ok();
    tracing_subscriber::EnvFilter::new(startup::log_directives(wanted.as_deref()))
}

fn platform_directories() -> Option<Directories> {
    let folders = directories::ProjectDirs::from("", "", "samplegate")?;
    Some(Directories {
        config: folders.config_dir().to_owned(),
        data: folders.data_local_dir().to_owned(),
        runtime: folders.runtime_dir().map(ToOwned::to_owned),
    })
}

/// Says what to do where no window can be shown. Tauri would panic there.
#[cfg(target_os = "linux")]
pub(crate) fn check_display() -> Result<(), String> {
    const ADVICE: &str = "Use `samplegate` in this terminal, or start the app from a desktop session.";
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some(format!("{name}={}", value.display()))
    };
    let displays: Vec<String> = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().filter_map(set).collect();
    if displays.is_empty() {
        return Err(format!("there is no display (DISPLAY and WAYLAND_DISPLAY are not set). {ADVICE}"));
    }
    gtk::init().map_err(|_| {
        format!("the display cannot be opened ({}): it is gone, or lets nobody in. {ADVICE}", displays.join(", "))
    })
}

/// Windows can always be shown here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check_display() -> Result<(), String> {
    Ok(())
}
