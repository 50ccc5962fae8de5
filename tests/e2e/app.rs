//! One run of the tray app, and its windows through WebDriver.
//!
//! The app is started as a person's desktop would, by its command alone; the driver joins it from outside. So a test
//! can kill it, start it again, and see its real environment.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::{Client, ClientBuilder, Locator, elements::Element, wd::WindowHandle};
use hyper_util::client::legacy::connect::HttpConnector;
use samplegate_core::audit::QuestionSummary;
use samplegate_engine::{
    config::Config,
    store::{Entry, Filter, Store},
};
use tempfile::TempDir;

use crate::{
    desktop::{eventually, give_focus, look, program, wants_pictures, window_named},
    tray::Tray,
};

/// The titles of the windows.
pub(crate) const REVIEW: &str = "Review – Samplegate";
pub(crate) const SETTINGS: &str = "Settings – Samplegate";
pub(crate) const AUDIT: &str = "Audit log – Samplegate";

/// A home folder of its own, and what was put into it before the app first saw it.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    fn empty() -> Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("samplegate-home.").tempdir()? })
    }

    /// As a person has it at first, but for the gateway's port: another run, or another app, may have the usual one.
    pub(crate) fn fresh() -> Result<Self> {
        let home = Self::empty()?;
        let file = home.path().join("config.toml");
        Config::open(&file)?;
        let written = fs::read_to_string(&file)?;
        fs::write(&file, format!("{written}\n[gateway]\nport = {}\n", free_port()?))?;
        Ok(home)
    }

    /// With this configuration.
    pub(crate) fn with(config: &str) -> Result<Self> {
        let home = Self::empty()?;
        // Apps of several tests at once would want the same port.
        let gateway = if config.contains("[gateway]") { "" } else { "\n[gateway]\nenabled = false\n" };
        fs::write(home.path().join("config.toml"), format!("{config}{gateway}"))?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The questions in the audit log, newest first.
    pub(crate) async fn audit(&self) -> Result<Vec<QuestionSummary>> {
        let store = Store::open_read_only(&self.path().join("samplegate.db"))?;
        Ok(store.list(Filter { limit: 100, ..Filter::default() }).await?.questions)
    }

    /// The only question in the audit log, in full.
    pub(crate) async fn only_entry(&self) -> Result<Entry> {
        let store = Store::open_read_only(&self.path().join("samplegate.db"))?;
        let all = self.audit().await?;
        let [question] = all.as_slice() else { bail!("the log has {} questions", all.len()) };
        Ok(store.show(question.id).await?)
    }

    /// Waits until the newest question in the audit log has ended like this.
    pub(crate) async fn newest_ended(&self, outcome: &str) -> Result<QuestionSummary> {
        eventually(&format!("the newest question {outcome}"), async || {
            let newest = self.audit().await?.into_iter().next().context("there is none")?;
            ensure!(newest.outcome.as_str() == outcome, "it is {}", newest.outcome);
            Ok(newest)
        })
        .await
    }
}

/// A command of the test's servers, for the configuration.
pub(crate) fn server_script(name: &str) -> Result<PathBuf> {
    Ok(fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(name))?)
}

/// The Python that has FastMCP 3.
pub(crate) fn python3() -> Result<String> {
    std::env::var("SAMPLEGATE_TEST_PY3").context("SAMPLEGATE_TEST_PY3 is not set: scripts/test-env prints it")
}

/// A configuration with the FastMCP 3 server `prompts`, the raw server `raw`, and maybe a model that needs no key.
pub(crate) fn config(model: Option<&str>) -> Result<String> {
    let (python, prompts, raw) = (python3()?, server_script("fastmcp3_prompts.py")?, server_script("raw_legacy.py")?);
    let (default, model) = match model {
        Some(url) => (
            "probe",
            format!(
                "[models.probe]\nprovider = \"openai\"\nbase_url = \"{url}\"\nmodel = \"probe-1\"\nkey = \"none\"\n"
            ),
        ),
        None => ("human", String::new()),
    };
    Ok(format!(
        "default_model = \"{default}\"\n\
         [servers.prompts]\ncommand = \"{python}\"\nargs = [\"{}\"]\nsampling = \"ask\"\nsampling_tools = \"all\"\n\
         [servers.raw]\ncommand = \"{python}\"\nargs = [\"{}\"]\nsampling = \"ask\"\nlimits = \"none\"\n{model}",
        prompts.display(),
        raw.display(),
    ))
}

/// A model of this name that needs no key, for the configuration.
pub(crate) fn model_table(name: &str, url: &str) -> String {
    format!("[models.{name}]\nprovider = \"openai\"\nbase_url = \"{url}\"\nmodel = \"{name}-1\"\nkey = \"none\"\n")
}

/// A running app.
pub(crate) struct App {
    child: Child,
    driver: Child,
    client: Option<Client>,
    driver_url: String,
    log: PathBuf,
}

impl App {
    /// Starts the app and waits for its tray icon.
    pub(crate) async fn start(home: &Home) -> Result<Self> {
        let app = Self::start_with(home, |_| {}).await?;
        app.tray().await?;
        Ok(app)
    }

    /// Starts the app as changed by `change`, and waits for nothing.
    pub(crate) async fn start_with(home: &Home, change: impl FnOnce(&mut Command)) -> Result<Self> {
        let (inspector, port) = (free_port()?, free_port()?);
        let log = home.path().join("app.log");
        let log_file = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(program()?);
        command
            .arg("--home")
            .arg(home.path())
            .args(["--reviewer", "ada"])
            .env("RUST_LOG", "info")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_INSPECTOR_SERVER", format!("127.0.0.1:{inspector}"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .process_group(0);
        change(&mut command);
        let child = command.spawn().context("the app does not start")?;
        let driver = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .arg(format!("--target=127.0.0.1:{inspector}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, driver, client: None, driver_url: format!("http://127.0.0.1:{port}"), log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote on stderr.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) async fn tray(&self) -> Result<Tray> {
        Tray::of(self.pid()).await.with_context(|| self.log())
    }

    /// The driver's session; the first time there must be a window.
    async fn client(&mut self) -> Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let url = self.driver_url.clone();
        let client = eventually("a WebDriver session", async || {
            let builder = ClientBuilder::new(HttpConnector::new());
            Ok(tokio::time::timeout(Duration::from_secs(10), builder.connect(&url)).await??)
        })
        .await
        .with_context(|| self.log())?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// Waits for a window of this title, on the screen and in the driver.
    pub(crate) async fn window(&mut self, title: &str) -> Result<Window> {
        let x_id = window_named(title).await?;
        let client = self.client().await?;
        let handle = eventually(&format!("the driver's view of {title:?}"), async || {
            for handle in client.windows().await? {
                // A window may close meanwhile.
                if client.switch_to_window(handle.clone()).await.is_ok()
                    && client.title().await.is_ok_and(|named| title.starts_with(&named) && !named.is_empty())
                {
                    return Ok(handle);
                }
            }
            bail!("it is not there")
        })
        .await?;
        Ok(Window { client, handle, x_id })
    }

    /// Chooses a line of the tray's menu and waits for the window that it opens.
    pub(crate) async fn open(&mut self, line: &str, title: &str) -> Result<Window> {
        self.tray().await?.click(line).await?;
        self.window(title).await
    }

    /// Opens the review window though nothing waits, as starting the app with one open would leave it: by answering a
    /// question and keeping the window.
    pub(crate) async fn open_review_by_hand(&mut self) -> Result<Window> {
        let settings = self.window(SETTINGS).await?;
        settings.run_tool("raw", "fine_hello", &serde_json::json!({})).await?;
        let review = self.window(REVIEW).await?;
        review.question("request").await?;
        review.click("answer-by-hand").await?;
        review.fill("answer-text", "hello").await?;
        review.click("answer-send").await?;
        review.see("empty").await?;
        Ok(review)
    }

    /// Quits by the tray and waits for the end.
    pub(crate) async fn quit(mut self) -> Result<()> {
        self.tray().await?.click("Quit Samplegate").await?;
        let status = self.ended().await?;
        ensure!(status.success(), "{status}: {}", self.log());
        Ok(())
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        eventually("the end of the app", async || child.try_wait()?.context("it still runs")).await
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.ended().await.map(drop)
    }
}

impl Drop for App {
    #[expect(clippy::print_stdout, reason = "shown with the test, if it fails")]
    fn drop(&mut self) {
        println!("The app said:\n{}", self.log());
        for child in [&mut self.driver, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A window, by the test ids in it.
#[derive(Clone)]
pub(crate) struct Window {
    client: Client,
    handle: WindowHandle,
    pub(crate) x_id: String,
}

impl Window {
    async fn to_front(&self) -> Result<&Client> {
        self.client.switch_to_window(self.handle.clone()).await?;
        Ok(&self.client)
    }

    /// Waits for an element that can be seen.
    pub(crate) async fn see(&self, css: &str) -> Result<Element> {
        let css = selector(css);
        eventually(&format!("{css} on the screen"), async || {
            let element = self.to_front().await?.find(Locator::Css(&css)).await?;
            ensure!(element.is_displayed().await?, "{css} is hidden");
            Ok(element)
        })
        .await
    }

    /// Whether there is such an element now.
    pub(crate) async fn has(&self, css: &str) -> Result<bool> {
        Ok(!self.to_front().await?.find_all(Locator::Css(&selector(css))).await?.is_empty())
    }

    /// Waits until there is no such element.
    pub(crate) async fn gone(&self, css: &str) -> Result<()> {
        eventually(&format!("the end of {css}"), async || {
            ensure!(!self.has(css).await?, "it is there");
            Ok(())
        })
        .await
    }

    /// Clicks an element once it can be clicked; a decision is dead for its first second.
    pub(crate) async fn click(&self, css: &str) -> Result<()> {
        let selected = selector(css);
        eventually(&format!("a click on {selected}"), async || {
            let element = self.to_front().await?.find(Locator::Css(&selected)).await?;
            ensure!(element.attr("aria-disabled").await?.as_deref() != Some("true"), "it rests");
            ensure!(element.is_enabled().await?, "it is disabled");
            let clicked = element.click().await;
            // What is clicked may close the window before the driver tells that it was.
            if clicked.is_err() && !self.client.windows().await?.contains(&self.handle) {
                return Ok(());
            }
            Ok(clicked?)
        })
        .await
    }

    /// Replaces what stands in a field.
    pub(crate) async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let element = self.see(css).await?;
        element.clear().await?;
        // A new line is the Return key.
        element.send_keys(&text.replace('\n', "\u{E006}")).await?;
        Ok(())
    }

    /// Chooses from a list by the option's value.
    pub(crate) async fn choose(&self, css: &str, value: &str) -> Result<()> {
        let css = selector(css);
        eventually(&format!("{value:?} in {css}"), async || {
            let list = self.to_front().await?.find(Locator::Css(&css)).await?;
            list.select_by_value(value).await?;
            let chosen = list.prop("value").await?;
            ensure!(chosen.as_deref() == Some(value), "{chosen:?} is chosen");
            Ok(())
        })
        .await
    }

    /// An element's text. WebDriver's own rendering of it leaves out what lies below the edge of the window.
    pub(crate) async fn text(&self, css: &str) -> Result<String> {
        Ok(self.see(css).await?.prop("textContent").await?.unwrap_or_default())
    }

    /// Waits until an element's text holds this.
    pub(crate) async fn says(&self, css: &str, words: &str) -> Result<String> {
        let selected = selector(css);
        eventually(&format!("{words:?} in {selected}"), async || {
            let element = self.to_front().await?.find(Locator::Css(&selected)).await?;
            let text = element.prop("textContent").await?.unwrap_or_default();
            ensure!(text.contains(words), "it says {text:?}");
            Ok(text)
        })
        .await
    }

    pub(crate) async fn attr(&self, css: &str, name: &str) -> Result<String> {
        self.see(css).await?.attr(name).await?.with_context(|| format!("{css} has no {name}"))
    }

    /// How many such elements there are.
    pub(crate) async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.to_front().await?.find_all(Locator::Css(&selector(css))).await?.len())
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn script(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.to_front().await?.execute(script, Vec::new()).await?)
    }

    /// Brings the window to the front for a picture, where pictures are wanted.
    pub(crate) async fn look(&self, name: &str) -> Result<()> {
        if wants_pictures() {
            give_focus(&self.x_id).await?;
        }
        look(name).await
    }

    /// In the settings window: runs a tool in the tool runner with these arguments.
    pub(crate) async fn run_tool(&self, server: &str, tool: &str, arguments: &serde_json::Value) -> Result<()> {
        self.click("nav-tools").await?;
        self.choose("run-server", server).await?;
        self.choose("run-name", tool).await?;
        if !self.has("run-json").await? {
            self.click("run-as-json").await?;
        }
        self.fill("run-json", &arguments.to_string()).await?;
        let before = self.count("run").await?;
        self.click("run-tool").await?;
        eventually("the call", async || {
            ensure!(self.count("run").await? > before, "it is not listed");
            Ok(())
        })
        .await
    }

    /// In the settings window: gets a prompt in the tool runner.
    pub(crate) async fn get_prompt(&self, server: &str, prompt: &str, arguments: &serde_json::Value) -> Result<()> {
        self.click("nav-tools").await?;
        self.choose("run-server", server).await?;
        self.click("run-tab-prompt").await?;
        self.choose("run-name", prompt).await?;
        if !self.has("run-json").await? {
            self.click("run-as-json").await?;
        }
        self.fill("run-json", &arguments.to_string()).await?;
        self.click("run-tool").await
    }

    /// In the review window: denies what is shown, with a reason.
    pub(crate) async fn deny(&self, reason: &str) -> Result<()> {
        self.click("deny").await?;
        self.fill("deny-reason", reason).await?;
        self.click("deny-confirm").await
    }

    /// In the review window: answers what is shown by hand.
    pub(crate) async fn answer(&self, text: &str) -> Result<()> {
        self.click("answer-by-hand").await?;
        self.fill("answer-text", text).await?;
        self.click("answer-send").await
    }

    /// In the review window: waits for a question at this gate, and gives its id.
    pub(crate) async fn question(&self, phase: &str) -> Result<String> {
        self.attr(&format!("[data-testid=review][data-phase={phase}]"), "data-id").await
    }
}

/// A bare word is a test id; anything else is CSS as it is.
fn selector(css: &str) -> String {
    if css.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        format!("[data-testid=\"{css}\"]")
    } else {
        css.to_owned()
    }
}
