//! The tray app on a real desktop: its start, what it costs while nothing happens, and how soon a question is seen.
//!
//! `scripts/bench` runs this inside `scripts/with-desktop`. Linux only: it reads `/proc`.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use samplegate_engine::store::{Filter, Store};
use tokio::time::sleep;

use crate::{
    Wanted,
    load::{Load, PAUSE},
    report::{Report, Verdict, time},
    running::{self, Running},
};

const TRAY: Duration = Duration::from_millis(200);
const IDLE_CPU: Duration = Duration::from_millis(10);
const PSS_BEFORE_MIB: f64 = 75.0;
const PSS_AFTER_MIB: f64 = 120.0;
const PAINTED: Duration = Duration::from_millis(150);
const PAINTED_COLD: Duration = Duration::from_millis(700);
const SERVERS: usize = 10;
/// By then a question is seen, its server's start included.
const SEEN: Duration = Duration::from_secs(3);
/// By then keys decide.
const ARMED: Duration = Duration::from_millis(2500);
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let given = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(program) = crate::program("SAMPLEGATE_DESKTOP_BIN", "samplegate-desktop") else {
        report.not_measured("the tray app", "it is not built");
        return Ok(());
    };
    if !cfg!(target_os = "linux") || !given("DISPLAY") || !given("DBUS_SESSION_BUS_ADDRESS") {
        report.not_measured("the tray app", "there is no desktop (scripts/with-desktop)");
        return Ok(());
    }
    let bus = zbus::Connection::session().await?;
    start(wanted, report, &program, &bus).await?;
    idle(wanted, report, &program).await?;
    painted(wanted, report, &program).await?;
    crate::window::measure(wanted, report, &program).await
}

/// A home that was used before: the first run opens a window by itself.
pub(crate) async fn used_home(config: &str) -> anyhow::Result<tempfile::TempDir> {
    let rule = "\n[[rules]]\nid = \"yes\"\nserver = \"load\"\naction = \"answer\"\ntext = \"yes\"\n";
    let running = Running::start(&(running::server("load", "rules", &[])? + rule)).await?;
    running.load(Load { count: 1, in_flight: 1 }).await?;
    let folder = running.stop().await;
    fs::write(folder.path().join("config.toml"), config)?;
    Ok(folder)
}

/// The app, until it is dropped.
struct App(Child);

impl App {
    fn start(program: &Path, home: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("--home").arg(home).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.spawn().context("the tray app cannot be started")?))
    }

    /// The processes that are the app's own, and how many servers there are besides.
    fn processes(&self) -> (Vec<u32>, usize) {
        let bench = crate::myself().ok();
        let is_server = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).ok() == bench;
        let (servers, own): (Vec<u32>, Vec<u32>) = descendants(self.0.id()).into_iter().partition(is_server);
        (own, servers.len())
    }

    fn own(&self) -> Vec<u32> {
        self.processes().0
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(wanted: &Wanted, report: &mut Report, program: &Path, bus: &zbus::Connection) -> anyhow::Result<()> {
    let what = "start to tray ready";
    if items(bus).await.is_err() {
        report.not_measured(what, "nothing shows tray icons here");
        return Ok(());
    }
    let home = used_home("").await?;
    let mut times = Vec::new();
    for _ in 0..wanted.times(20) {
        let before = items(bus).await?;
        let started = Instant::now();
        let app = App::start(program, home.path())?;
        until("the tray icon", || async { Ok(items(bus).await?.difference(&before).next().is_some()) }).await?;
        times.push(started.elapsed());
        drop(app);
        until("the end of the tray icon", || async { Ok(items(bus).await?.is_subset(&before)) }).await?;
    }
    report.p50(what, TRAY, &times.into_iter().collect());
    Ok(())
}

async fn idle(wanted: &Wanted, report: &mut Report, program: &Path) -> anyhow::Result<()> {
    let servers: Result<Vec<String>, _> = (0..SERVERS).map(|n| running::server(&format!("s{n}"), "ask", &[])).collect();
    let home = used_home(&servers?.join("\n")).await?;
    let app = App::start(program, home.path())?;
    until("ten servers", || async { Ok(app.processes().1 == SERVERS) }).await?;
    sleep(Duration::from_secs(10)).await;
    let before = cpu(&app.own());
    let minute = Duration::from_secs(if wanted.quick { 10 } else { 60 });
    sleep(minute).await;
    let used = cpu(&app.own()).saturating_sub(before);
    report.line(
        &format!("idle, ten servers: CPU over {} s", minute.as_secs()),
        &format!("under {}", time(IDLE_CPU)),
        &time(used),
        Verdict::of_time(used, IDLE_CPU),
    );
    memory(report, "idle, ten servers: memory (PSS) before a window", PSS_BEFORE_MIB, &app);

    // A second start asks the first for its settings window.
    drop(App::start(program, home.path())?.0.wait());
    until("a window", || async { Ok(windows().contains("Settings")) }).await?;
    sleep(Duration::from_secs(3)).await;
    report.note("with the settings window open: memory (PSS)", &format!("{:.0} MiB", pss(&app.own())));
    Command::new("wmctrl").args(["-c", "Settings"]).status().context("wmctrl cannot be run")?;
    until("no window", || async { Ok(!windows().contains("Settings")) }).await?;
    sleep(Duration::from_secs(10)).await;
    memory(report, "idle, ten servers: memory (PSS) after a window", PSS_AFTER_MIB, &app);
    Ok(())
}

fn memory(report: &mut Report, what: &str, budget: f64, app: &App) {
    let own = app.own();
    let mib = pss(&own);
    let measured = format!("{mib:.0} MiB in {} processes", own.len());
    report.line(what, &format!("{budget:.0} MiB"), &measured, Verdict::of(mib, budget));
}

/// From `received` to `shown`, as the audit log has it. The first question of a run meets no window, the others one
/// that is open.
async fn painted(wanted: &Wanted, report: &mut Report, program: &Path) -> anyhow::Result<()> {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    let (starts, questions) = if wanted.quick { (1, 2) } else { (8, 20) };
    for start in 0..starts {
        let home = used_home(&running::server("asks", "ask", &["ask"])?).await?;
        let app = App::start(program, home.path())?;
        sleep(SEEN).await;
        // The first start goes on, for the questions that meet an open window.
        for _ in 0..if start == 0 { questions } else { 0 } {
            deny().await?;
            sleep(PAUSE + SEEN).await;
        }
        drop(app);
        let mut latencies = latencies(&home.path().join("samplegate.db")).await?.into_iter();
        cold.extend(latencies.next());
        warm.extend(latencies);
    }
    for (what, budget, times) in [
        ("request to painted review window, none open", PAINTED_COLD, cold),
        ("request to painted review window, open", PAINTED, warm),
    ] {
        if times.is_empty() {
            report.not_measured(what, "no question was shown");
        } else {
            report.p95(&format!("{what} ({} times)", times.len()), budget, &times.into_iter().collect());
        }
    }
    Ok(())
}

/// Denies the question in the review window, as a person would: keys do nothing until it was there for a while.
async fn deny() -> anyhow::Result<()> {
    // A click beside the text: a window that came up by itself takes keys only then.
    let click = "search --onlyvisible --name ^Review windowactivate --sync mousemove --window %1 300 560 click 1";
    let keys = [click, "key d", "key Return"];
    for (keys, pause) in keys.into_iter().zip([ARMED, Duration::from_millis(300), Duration::ZERO]) {
        let done = Command::new("xdotool").args(keys.split(' ')).stdout(Stdio::null()).status();
        anyhow::ensure!(done.context("xdotool cannot be run")?.success(), "there is no review window to press keys in");
        sleep(pause).await;
    }
    Ok(())
}

/// How long each question took to be shown, oldest first.
async fn latencies(log: &Path) -> anyhow::Result<Vec<Duration>> {
    let store = Store::open_read_only(log)?;
    let filter = Filter { server: Some("asks".into()), ..Filter::default() };
    let mut latencies = Vec::new();
    for question in store.list(filter).await?.questions.iter().rev() {
        let entry = store.show(question.id).await?;
        let at = |name: &str| -> Option<jiff::Timestamp> {
            let event = entry.events.iter().find(|event| event["event"] == name)?;
            event["at"].as_str()?.parse().ok()
        };
        if let (Some(received), Some(shown)) = (at("received"), at("shown")) {
            latencies.push(shown.duration_since(received).unsigned_abs());
        }
    }
    Ok(latencies)
}

/// The tray icons.
async fn items(bus: &zbus::Connection) -> anyhow::Result<HashSet<String>> {
    let name = "org.kde.StatusNotifierWatcher";
    let asked = ("org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems");
    let interface = Some("org.freedesktop.DBus.Properties");
    let reply = bus.call_method(Some(name), "/StatusNotifierWatcher", interface, "Get", &asked).await?;
    let items: zbus::zvariant::OwnedValue = reply.body().deserialize()?;
    Ok(Vec::<String>::try_from(items)?.into_iter().collect())
}

/// The titles of the windows on screen.
fn windows() -> String {
    let listed = Command::new("wmctrl").arg("-l").stderr(Stdio::null()).output();
    listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default()
}

async fn until<F: Future<Output = anyhow::Result<bool>>>(what: &str, look: impl Fn() -> F) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !look().await? {
        anyhow::ensure!(Instant::now() < deadline, "{what} did not come within {} s", PATIENCE.as_secs());
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A process and all that it started.
fn descendants(root: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            // After the name, which may hold anything: the state, then the parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// The time that these processes ran, in steps of 10 ms: that is how Linux counts it.
fn cpu(processes: &[u32]) -> Duration {
    let ticks = processes.iter().filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name, which may hold anything, the 12th and 13th: in the program, and in the kernel for it.
        let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>()
    });
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// The proportional set size of these processes, in MiB. Not a number where it may not be read: the app's own is for root
/// alone, because it keeps its memory to itself.
fn pss(processes: &[u32]) -> f64 {
    let kib = processes.iter().map(|pid| {
        let rollup = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            Ok(rollup) => rollup,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return f64::NAN,
            // It has ended meanwhile.
            Err(_) => return 0.0,
        };
        let line = rollup.lines().find(|line| line.starts_with("Pss:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(0.0)
    });
    kib.sum::<f64>() / 1024.0
}
