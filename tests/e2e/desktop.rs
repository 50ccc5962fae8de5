//! The private desktop that the tests run on: taken by one test at a time, and looked at with a person's tools.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};

/// How long anything may take until it counts as not happening.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a whole test may take.
const WHOLE_TEST: Duration = Duration::from_secs(150);

/// The desktop, for as long as one test holds it.
struct Desktop {
    _turn: File,
}

/// Runs a test on the desktop. What is waited for in vain leaves a picture of the screen behind.
pub(crate) fn on_desktop(test: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let _desktop = Desktop::take()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let outcome = tokio::time::timeout(WHOLE_TEST, test()).await;
        outcome.unwrap_or_else(|_| Err(anyhow!("the test took longer than {WHOLE_TEST:?}")))
    })
}

/// Takes a picture of the screen as it is, named after the running test, and says where it is.
fn picture() -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("test").replace("::", "-");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
    match run("import", ["-window".as_ref(), "root".as_ref(), file.as_os_str()]) {
        Ok(_) => format!("the screen then: {}", file.display()),
        Err(error) => format!("no picture of the screen: {error}"),
    }
}

fn pictures() -> Option<std::ffi::OsString> {
    std::env::var_os("SAMPLEGATE_LOOK")
}

/// Whether [`look`] leaves pictures.
pub(crate) fn wants_pictures() -> bool {
    pictures().is_some()
}

/// Leaves a picture of the screen in the folder that SAMPLEGATE_LOOK names, for whoever wants to see what the tests see.
pub(crate) async fn look(name: &str) -> Result<()> {
    let Some(folder) = pictures() else { return Ok(()) };
    tokio::time::sleep(Duration::from_millis(600)).await;
    let file = Path::new(&folder).join(format!("{name}.png"));
    run("import", ["-window".as_ref(), "root".as_ref(), file.as_os_str()]).map(drop)
}

impl Desktop {
    fn take() -> Result<Self> {
        let folder = std::env::var_os("SAMPLEGATE_DESKTOP")
            .context("these tests drive real windows: run them as `scripts/with-desktop cargo test --test e2e`")?;
        for tool in ["WebKitWebDriver", "xdotool", "import", "xprop", "wmctrl", "secret-tool"] {
            run("which", [tool]).with_context(|| format!("{tool} is missing: scripts/system-packages test"))?;
        }
        let turn = File::create(Path::new(&folder).join("e2e.lock"))?;
        turn.lock()?;
        Ok(Self { _turn: turn })
    }
}

/// The built tray app.
pub(crate) fn program() -> Result<PathBuf> {
    let program = std::env::var_os("SAMPLEGATE_DESKTOP_BIN").context("SAMPLEGATE_DESKTOP_BIN is not set")?;
    Ok(fs::canonicalize(program)?)
}

/// Runs a program to its end and gives what it printed.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        bail!("{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Tries until it goes well.
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Err(error).with_context(|| format!("waited {PATIENCE:?} for: {what}; {}", picture()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(60)).await,
        }
    }
}

/// Windows on the screen with this in their title, by X id.
pub(crate) fn windows_named(title: &str) -> Vec<String> {
    // xdotool fails where there is none.
    let found = run("xdotool", ["search", "--onlyvisible", "--name", title]).unwrap_or_default();
    found.lines().map(ToOwned::to_owned).collect()
}

/// Waits for a window on the screen.
pub(crate) async fn window_named(title: &str) -> Result<String> {
    eventually(&format!("a window named {title:?}"), async || windows_named(title).pop().context("there is none")).await
}

/// Waits until no window of this name is on the screen.
pub(crate) async fn no_window_named(title: &str) -> Result<()> {
    eventually(&format!("no window named {title:?}"), async || match windows_named(title).as_slice() {
        [] => Ok(()),
        windows => bail!("there are {windows:?}"),
    })
    .await
}

/// The window that has the keyboard.
pub(crate) fn focused() -> Result<String> {
    let active = run("xprop", ["-root", "-notype", "32x", " $0\n", "_NET_ACTIVE_WINDOW"])?;
    let id = active.rsplit(' ').next().unwrap_or_default().trim_start_matches("0x").to_owned();
    Ok(u64::from_str_radix(&id, 16).with_context(|| active.clone())?.to_string())
}

/// Gives a window the keyboard, as a click on it would.
pub(crate) async fn give_focus(window: &str) -> Result<()> {
    eventually("the focus", async || {
        run("xdotool", ["windowactivate", window])?;
        let has = focused()?;
        if has == window { Ok(()) } else { bail!("{has} has it, not {window}") }
    })
    .await
}

/// Presses keys on the real keyboard.
pub(crate) fn press(keys: &[&str]) -> Result<()> {
    run("xdotool", ["key", "--delay", "40"].iter().chain(keys)).map(drop)
}

/// A process and all that came from it.
pub(crate) fn family(of: u32) -> Result<Vec<u32>> {
    let mut family = vec![of];
    let listed = run("ps", ["-eo", "pid=,ppid="])?;
    let pairs: Vec<(u32, u32)> = listed
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .filter_map(|(child, parent)| Some((child.parse().ok()?, parent.trim().parse().ok()?)))
        .collect();
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    Ok(family)
}
