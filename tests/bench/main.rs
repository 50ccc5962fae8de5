//! `make bench`: measures Samplegate against its budgets, side by side with a bare rmcp client, FastMCP's Python client
//! and a bare HTTP client, in one run on one machine.
//!
//! Data flow: each part measures and adds [`report::Line`]s; the table is printed as it grows. Nothing is asserted: a
//! figure over its budget is printed as that.
//!
//! This binary is also its own load: `bench serve-load` is the MCP server that all clients are measured against, so
//! that what they are asked, and who holds the watch, is the same for each.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its purpose is to print")]

mod audit;
mod bare;
mod desktop;
mod disk;
mod inspect;
mod load;
mod model;
mod policy;
mod proxy;
mod report;
mod running;
mod sampling;
mod start;
mod text;
mod window;

use std::path::PathBuf;

use anyhow::Context as _;

const USAGE: &str = "\
usage: bench [--quick] [--million] [PART…]
  parts: sampling model proxy start inspect policy text audit desktop (all unless said)
  --quick     fewer repetitions
  --million   the audit log at 1,000,000 questions (takes minutes and gigabytes) instead of 100,000";

/// What was asked for.
struct Wanted {
    quick: bool,
    million: bool,
    parts: Vec<String>,
}

impl Wanted {
    fn parse(args: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut wanted = Self { quick: false, million: false, parts: Vec::new() };
        for arg in args {
            match arg.as_str() {
                "--quick" => wanted.quick = true,
                "--million" => wanted.million = true,
                "sampling" | "model" | "proxy" | "start" | "inspect" | "policy" | "text" | "audit" | "desktop" => {
                    wanted.parts.push(arg);
                }
                _ => anyhow::bail!("{arg:?} is not known.\n{USAGE}"),
            }
        }
        Ok(wanted)
    }

    fn part(&self, name: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| part == name)
    }

    /// Fewer repetitions where it should be quick.
    fn times(&self, count: usize) -> usize {
        if self.quick { (count / 10).max(5) } else { count }
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).peekable();
    // What the engine and the other clients start as a server.
    if args.peek().is_some_and(|first| first == samplegate_engine::mcp::SHIM_COMMAND) {
        return Err(samplegate_engine::mcp::run_spawn_shim(args.skip(1)).into());
    }
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    if args.first().is_some_and(|first| first == "serve-load") {
        return load::serve(load::Mode::parse(&args[1..])?);
    }
    let wanted = Wanted::parse(args.into_iter())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(measure(&wanted))
}

async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    let mut report = report::Report::begin();
    if wanted.part("sampling") {
        sampling::measure(wanted, &mut report).await?;
    }
    if wanted.part("model") {
        model::measure(wanted, &mut report).await?;
    }
    if wanted.part("proxy") {
        proxy::measure(wanted, &mut report).await?;
    }
    if wanted.part("start") {
        start::measure(wanted, &mut report).await?;
    }
    if wanted.part("inspect") {
        inspect::measure(wanted, &mut report);
    }
    if wanted.part("policy") {
        policy::measure(wanted, &mut report)?;
    }
    if wanted.part("text") {
        text::measure(wanted, &mut report)?;
    }
    if wanted.part("audit") {
        audit::measure(wanted, &mut report).await?;
    }
    if wanted.part("desktop") {
        desktop::measure(wanted, &mut report).await?;
    }
    report.end();
    Ok(())
}

/// This program.
fn myself() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("where is this program?")
}

/// A program of ours: named by a variable, or built beside this one.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let path = given.or_else(|| Some(myself().ok()?.with_file_name(name)))?;
    path.exists().then_some(path)
}

/// A folder for a home, on the disk that programs are built on: the temporary folder may be memory.
fn folder() -> anyhow::Result<tempfile::TempDir> {
    let here = myself()?;
    let beside = here.parent().context("this program is in no folder")?;
    tempfile::Builder::new().prefix("bench-").tempdir_in(beside).context("no folder to measure in")
}
