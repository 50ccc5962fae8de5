//! How long it takes until there is something: the engine, and the terminal command; and how large that is.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use samplegate_engine::engine::Engine;

use crate::{
    Wanted,
    report::{Report, Times, Verdict},
    running,
};

const SIZE_MIB: f64 = 25.0;
/// Parts of the names of libraries that only a program with windows links.
const GUI: &[&str] = &["gtk", "webkit", "libX11", "libxcb", "wayland", "gdk", "appindicator", "libQt"];

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let folder = crate::folder()?;
    // No servers: what their programs take to start is theirs.
    std::fs::write(folder.path().join("config.toml"), "")?;
    let mut times = Vec::new();
    for _ in 0..wanted.times(50) {
        let started = Instant::now();
        let engine = Engine::start(running::options(folder.path())?).await?;
        times.push(started.elapsed());
        engine.shutdown().await;
    }
    let times: Times = times.into_iter().collect();
    report.note("start to engine ready, log and configuration there", &times.shown());

    let Some(samplegate) = crate::program("SAMPLEGATE_BIN", "samplegate") else {
        report.not_measured("samplegate", "the terminal command is not built");
        return Ok(());
    };
    command(wanted, report, &samplegate, "samplegate --version", &["--version"])?;
    let home = folder.path().display().to_string();
    let servers: Result<Vec<String>, _> = (0..3).map(|n| running::server(&format!("s{n}"), "ask", &[])).collect();
    std::fs::write(folder.path().join("config.toml"), servers?.join("\n"))?;
    command(
        wanted,
        report,
        &samplegate,
        "samplegate server list, three servers",
        &["--home", &home, "server", "list"],
    )?;
    command(wanted, report, &samplegate, "samplegate audit list, an empty log", &["--home", &home, "audit", "list"])?;

    let mib = std::fs::metadata(&samplegate)?.len() as f64 / f64::from(1 << 20);
    let measured = format!("{mib:.1} MiB");
    report.line("size of the terminal command", &format!("{SIZE_MIB:.0} MiB"), &measured, Verdict::of(mib, SIZE_MIB));
    libraries(report, &samplegate)
}

fn command(wanted: &Wanted, report: &mut Report, samplegate: &Path, what: &str, args: &[&str]) -> anyhow::Result<()> {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..wanted.times(50) {
        let mut command = Command::new(samplegate);
        let started = Instant::now();
        let output = command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
        times.push(started.elapsed());
        if !output.status.success() || (output.stdout.is_empty() && args.contains(&"--version")) {
            report.not_measured(what, "this build does not know the command");
            return Ok(());
        }
    }
    let times: Times = times.into_iter().collect();
    report.note(what, &times.shown());
    Ok(())
}

fn libraries(report: &mut Report, program: &Path) -> anyhow::Result<()> {
    let what = "GUI libraries that the terminal command links";
    if !cfg!(target_os = "linux") {
        report.not_measured(what, "only on Linux");
        return Ok(());
    }
    let listed = Command::new("ldd").arg(program).output().context("ldd cannot be run")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let found: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|library| GUI.iter().any(|part| library.to_lowercase().contains(&part.to_lowercase())))
        .collect();
    let measured = if found.is_empty() { "none".to_owned() } else { found.join(" ") };
    report.line(what, "none", &measured, if found.is_empty() { Verdict::Within } else { Verdict::Over });
    Ok(())
}
