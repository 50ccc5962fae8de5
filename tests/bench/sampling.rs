//! Sampling answered by a rule's fixed text, every decision durable, beside clients that log nothing.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::{
    Wanted,
    bare::Bare,
    disk::Disk,
    load::{Load, Loaded},
    report::{Report, Times, Verdict, time},
    running::{self, Running},
};

/// What Samplegate may add to a bare client and two commits.
const OWN: Duration = Duration::from_micros(300);
/// Rounds in which the clients take turns, so that a slow moment of the machine meets all of them.
const ROUNDS: usize = 4;
const IN_FLIGHT: usize = 64;

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let config = format!(
        "{}\n[[rules]]\nid = \"yes\"\nserver = \"load\"\naction = \"answer\"\ntext = \"yes\"\n",
        running::server("load", "rules", &[])?
    );
    let ours = Running::start(&config).await?;
    let disk = Disk::open(ours.folder.path())?;
    let bare = Bare::start().await?;
    warm(&ours, &bare).await?;

    let one = Load { count: wanted.times(1000), in_flight: 1 };
    let (mut our_times, mut bare_times, mut commits) = (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        bare_times.add(bare.load(one).await?.times());
        commits.add(disk.two_commits(wanted.times(200))?);
        our_times.add(ours.load(one).await?.times());
    }
    let budget = bare_times.p50() + commits.p50() + OWN;
    report.note("1 in flight: bare rmcp client, a constant", &bare_times.shown());
    report.note("two SQLite FULL commits on this disk", &commits.shown());
    report.line(
        "1 in flight: rule with a fixed text, durable",
        &format!("p50 {} (bare + two + 0.3)", time(budget)),
        &our_times.shown(),
        Verdict::of_time(our_times.p50(), budget),
    );

    let many = Load { count: wanted.times(10_000), in_flight: IN_FLIGHT };
    let (mut our_rates, mut bare_rates, mut python_rates) = (Vec::new(), Vec::new(), Vec::new());
    our_times = Times::default();
    for _ in 0..ROUNDS {
        bare_rates.push(bare.load(many).await?.per_second());
        let loaded = ours.load(many).await?;
        our_rates.push(loaded.per_second());
        our_times.add(loaded.times());
        if let Some(python) = python() {
            python_rates.push(fastmcp(&python, many).await?.per_second());
        }
    }
    report.note("64 in flight: bare rmcp client, a constant", &rate(&bare_rates));
    let measured = format!("{}, {}", rate(&our_rates), our_times.shown());
    let what = "64 in flight: rule with a fixed text, durable";
    if python_rates.is_empty() {
        report.note(what, &measured);
        report.not_measured("64 in flight: FastMCP's Python client", "SAMPLEGATE_BENCH_PYTHON is not set");
    } else {
        report.note("64 in flight: FastMCP's Python client, no-op handler", &rate(&python_rates));
        // The budget allows us half of its speed.
        let least = median(&python_rates) / 2.0;
        let verdict = if median(&our_rates) >= least { Verdict::Within } else { Verdict::Over };
        report.line(what, &format!("{least:.0}/s (FastMCP's time x 2)"), &measured, verdict);
    }
    bare.stop().await?;
    drop(ours.stop().await);
    Ok(())
}

async fn warm(ours: &Running, bare: &Bare) -> anyhow::Result<()> {
    let few = Load { count: 200, in_flight: 8 };
    ours.load(few).await?;
    bare.load(few).await?;
    Ok(())
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn rate(rates: &[f64]) -> String {
    format!("{:.0}/s", median(rates))
}

/// A Python with FastMCP.
fn python() -> Option<PathBuf> {
    std::env::var_os("SAMPLEGATE_BENCH_PYTHON").map(PathBuf::from)
}

async fn fastmcp(python: &PathBuf, load: Load) -> anyhow::Result<Loaded> {
    let output = Command::new(python)
        .args(["-c", include_str!("fastmcp_client.py")])
        .arg(crate::myself()?)
        .arg(serde_json::to_string(&load)?)
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "FastMCP's client failed: {}", output.status);
    Loaded::parse(String::from_utf8_lossy(&output.stdout).trim())
}
