//! The review window under load: a request of 5 MiB, and a thousand that wait.
//!
//! WebDriver joins the app from outside, as in the tests of the real windows, and the watch is held in the page: from
//! a click in the queue until the question was painted, and while its text or the queue is scrolled.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    Wanted,
    load::LARGE_MIB,
    report::{Report, Times, Verdict, time},
    running,
};

const USABLE: Duration = Duration::from_millis(300);
const HANDLER: Duration = Duration::from_millis(16);
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(60);
const MANY: usize = 1000;

/// Takes the next question in the queue, and waits until the frame that has it was painted. Gives milliseconds.
const CLICK: &str = r#"
    const [done] = [...arguments].slice(-1)
    const shown = document.querySelector('[data-testid=review]')?.dataset.id
    const rows = [...document.querySelectorAll('[data-testid=queue-item]')]
    const next = rows[(rows.findIndex((row) => row.dataset.id === shown) + 1) % rows.length]
    const since = performance.now()
    next.click()
    const look = () => {
      if (document.querySelector('[data-testid=review]')?.dataset.id !== next.dataset.id) requestAnimationFrame(look)
      else requestAnimationFrame(() => setTimeout(() => done(performance.now() - since)))
    }
    requestAnimationFrame(look)
"#;

/// Scrolls an element for sixty frames. Gives the longest run of its handlers, and the longest time in which the page
/// took nothing else up, both in milliseconds.
const SCROLL: &str = r#"
    const [css, done] = arguments
    const it = document.querySelector(css)
    let [handler, busy, last, frames] = [0, 0, performance.now(), 0]
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      const now = performance.now()
      busy = Math.max(busy, now - last)
      last = now
      if (frames < 60) port2.postMessage(0)
      else done([handler, busy, it.scrollTop])
    }
    port2.postMessage(0)
    const step = () => {
      it.scrollTop += 400
      const since = performance.now()
      it.dispatchEvent(new Event('scroll'))
      handler = Math.max(handler, performance.now() - since)
      if (++frames < 60) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
"#;

/// Measures both, with this program as the server.
pub(crate) async fn measure(wanted: &Wanted, report: &mut Report, program: &Path) -> anyhow::Result<()> {
    if Command::new("WebKitWebDriver").arg("--version").stdout(Stdio::null()).status().is_err() {
        report.not_measured("the review window under load", "WebKitWebDriver is not installed");
        return Ok(());
    }
    let large = format!("review window, a request of {LARGE_MIB} MiB");
    under(wanted, report, program, &large, ["large", "2"], "[data-testid=paper]").await?;
    let many = format!("review window, {MANY} pending");
    under(wanted, report, program, &many, ["many", &MANY.to_string()], "[data-testid=queue] .scroll").await
}

async fn under(
    wanted: &Wanted,
    report: &mut Report,
    program: &Path,
    what: &str,
    mode: [&str; 2],
    scrolled: &str,
) -> anyhow::Result<()> {
    let home = crate::desktop::used_home(&running::server("asks", "ask", &mode)?).await?;
    let driven = Driven::start(program, home.path())?;
    let client = driven.review(mode[1]).await?;
    let mut times = Vec::new();
    for _ in 0..wanted.times(20) {
        let ms = client.execute_async(CLICK, Vec::new()).await?;
        times.push(milliseconds(&ms)?);
    }
    report.p95(&format!("{what}: a click to painted"), USABLE, &times.into_iter().collect::<Times>());
    let scrolled = client.execute_async(SCROLL, vec![json!(scrolled)]).await?;
    anyhow::ensure!(scrolled[2].as_f64() > Some(0.0), "{what}: nothing was scrolled");
    let (handler, busy) = (milliseconds(&scrolled[0])?, milliseconds(&scrolled[1])?);
    report.line(
        &format!("{what}: longest handler while scrolling"),
        &time(HANDLER),
        &format!("{}; the page was busy for {} at most", time(handler), time(busy)),
        Verdict::of_time(handler, HANDLER),
    );
    client.close().await?;
    Ok(())
}

fn milliseconds(value: &Value) -> anyhow::Result<Duration> {
    let ms = value.as_f64().with_context(|| format!("the page gave {value}"))?;
    Ok(Duration::from_secs_f64(ms.max(0.0) / 1000.0))
}

/// The app and the driver that joins it, until they are dropped.
struct Driven {
    children: [Child; 2],
    url: String,
}

impl Driven {
    fn start(program: &Path, home: &Path) -> anyhow::Result<Self> {
        let (inspector, port) = (free_port()?, free_port()?);
        let quiet =
            |command: &mut Command| command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let app = quiet(
            Command::new(program)
                .arg("--home")
                .arg(home)
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("WEBKIT_INSPECTOR_SERVER", format!("127.0.0.1:{inspector}")),
        )?;
        let driver = quiet(
            Command::new("WebKitWebDriver").args([format!("--port={port}"), format!("--target=127.0.0.1:{inspector}")]),
        )?;
        Ok(Self { children: [app, driver], url: format!("http://127.0.0.1:{port}") })
    }

    /// The review window, once it says that so many wait.
    async fn review(&self, waiting: &str) -> anyhow::Result<Client> {
        let deadline = Instant::now() + PATIENCE;
        let mut joined = None;
        while Instant::now() < deadline {
            sleep(Duration::from_millis(200)).await;
            // There is no session before there is a window.
            let client = match &joined {
                Some(client) => client,
                None => match ClientBuilder::new(HttpConnector::new()).connect(&self.url).await {
                    Ok(client) => joined.insert(client),
                    Err(_) => continue,
                },
            };
            for window in client.windows().await? {
                client.switch_to_window(window).await?;
                let Ok(count) = client.find(Locator::Css("[data-testid=queue-count]")).await else { continue };
                let digits: String = count.text().await?.chars().filter(char::is_ascii_digit).collect();
                if digits == waiting {
                    return Ok(client.clone());
                }
            }
        }
        anyhow::bail!("no review window with {waiting} questions came within {} s", PATIENCE.as_secs())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
