//! What the way through Samplegate adds to a tool call: over the gateway's HTTP, and over the bridge, beside the same
//! call made to the server directly; and how soon the bridge answers.
//!
//! Everything that is measured is driven by the same few lines, without a library: a message goes out as a line or as a
//! POST, and the watch stops at the byte that ends its answer.

use std::{
    ffi::OsStr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use samplegate_engine::{
    engine::{Engine, GatewayState},
    wire::{HostInput, HostMode, ToolCalls},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    Wanted,
    report::{Report, Times, Verdict, time},
    running,
};

/// The bridge's first byte.
const FIRST_BYTE: Duration = Duration::from_millis(30);
/// Rounds in which the ways take turns, so that a slow moment of the machine meets all of them.
const ROUNDS: usize = 4;
const SERVER: &str = "load";
/// Names the program of the crate `mcp-proxy`, a published gateway to stand beside.
const PEER: &str = "SAMPLEGATE_BENCH_MCP_PROXY";
/// How long it may take to listen.
const PEER_START: Duration = Duration::from_secs(20);

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let folder = crate::folder()?;
    std::fs::write(folder.path().join("config.toml"), running::server(SERVER, "off", &[])?)?;
    let engine = Engine::start(running::options(folder.path())?).await?;
    engine.ready(SERVER).await?;
    engine.serve_gateway(Some(0));
    let state = engine.gateway().wait_for(|state| *state != GatewayState::Off).await?.clone();
    let GatewayState::Listening { port } = state else { anyhow::bail!("the gateway does not listen: {state:?}") };

    let mut direct = Pipe::start(Command::new(crate::myself()?).arg("serve-load")).await?;
    let answer = HostMode::Answer;
    let host = HostInput {
        name: "bench".into(),
        sampling: answer,
        elicitation: answer,
        tool_calls: ToolCalls::Off,
        review_results: false,
        limits: None,
    };
    let token = engine.add_host(host)?.token;
    let mut http = Http::connect(format!("http://127.0.0.1:{port}/mcp/{SERVER}"), Some(token), "load").await?;
    let mut peer = match std::env::var_os(PEER) {
        Some(program) => Some(Peer::start(&program, folder.path()).await?),
        None => None,
    };
    let mut bridge = match crate::program("SAMPLEGATE_BIN", "samplegate") {
        Some(samplegate) => {
            let command = || {
                let mut command = Command::new(&samplegate);
                command.arg("--home").arg(folder.path()).args(["bridge", SERVER]);
                command
            };
            first_byte(wanted, report, command).await?;
            Some(Pipe::start(&mut command()).await?)
        }
        None => None,
    };

    let times = wanted.times(500);
    let (mut directly, mut over_http, mut over_bridge) = (Times::default(), Times::default(), Times::default());
    let mut over_peer = Times::default();
    for round in 0..=ROUNDS {
        let mut each = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..times {
            each.0.push(direct.call().await?);
            each.1.push(http.call().await?);
            if let Some(bridge) = &mut bridge {
                each.2.push(bridge.call().await?);
            }
            if let Some(peer) = &mut peer {
                each.3.push(peer.http.call().await?);
            }
        }
        // The first round warms.
        if round > 0 {
            directly.add(each.0);
            over_http.add(each.1);
            over_bridge.add(each.2);
            over_peer.add(each.3);
        }
    }
    report.note("tool call, directly over stdio", &directly.shown());
    report.note("tool call, through the gateway over HTTP", &added(&over_http, &directly));
    match bridge {
        Some(_) => report.note("tool call, through bridge and gateway", &added(&over_bridge, &directly)),
        None => report.not_measured("tool call, through the bridge", "the terminal command is not built"),
    }
    let what = "tool call, through the crate mcp-proxy over HTTP";
    match peer {
        Some(_) => report.note(what, &added(&over_peer, &directly)),
        None => report.not_measured(what, &format!("{PEER} does not name it")),
    }
    drop((direct, bridge, peer));
    engine.shutdown().await;
    Ok(())
}

/// The times of a way, and what it adds to the direct one.
fn added(times: &Times, directly: &Times) -> String {
    let more = |part| time(times.at(part).saturating_sub(directly.at(part)));
    format!("{} (+{}, +{})", times.shown(), more(0.5), more(0.99))
}

/// From starting the bridge to the answer to its first message, which the app gives.
async fn first_byte(wanted: &Wanted, report: &mut Report, command: impl Fn() -> Command) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..wanted.times(100) {
        let started = Instant::now();
        drop(Pipe::start(&mut command()).await?);
        times.push(started.elapsed());
    }
    let times: Times = times.into_iter().collect();
    let verdict = Verdict::of_time(times.p50(), FIRST_BYTE);
    report.line("bridge: start to first byte", &format!("p50 {}", time(FIRST_BYTE)), &times.shown(), verdict);
    Ok(())
}

fn initialize() -> Value {
    let info = json!({"name": "bench", "version": "1"});
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
           "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}})
}

fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// A call that does nothing.
fn call(id: u64, tool: &str) -> Value {
    let arguments = json!({"count": 0, "in_flight": 1});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

/// A process that speaks MCP on stdin and stdout, initialized.
struct Pipe {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Pipe {
    async fn start(command: &mut Command) -> anyhow::Result<Self> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.kill_on_drop(true).spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let (input, output) = (input.context("no stdin")?, BufReader::new(output.context("no stdout")?).lines());
        let mut pipe = Self { _process: process, input, output, next: 0 };
        pipe.ask(&initialize()).await?;
        pipe.say(&initialized()).await?;
        Ok(pipe)
    }

    async fn say(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.input.write_all(format!("{message}\n").as_bytes()).await?)
    }

    async fn ask(&mut self, message: &Value) -> anyhow::Result<()> {
        self.say(message).await?;
        loop {
            let line = self.output.next_line().await?.context("it ended")?;
            let answer: Value = serde_json::from_str(&line)?;
            if answer["id"] == message["id"] && answer.get("method").is_none() {
                anyhow::ensure!(answer.get("result").is_some(), "{answer}");
                return Ok(());
            }
        }
    }

    async fn call(&mut self) -> anyhow::Result<Duration> {
        self.next += 1;
        let message = call(self.next, "load");
        let started = Instant::now();
        self.ask(&message).await?;
        Ok(started.elapsed())
    }
}

/// A host on a gateway, initialized.
struct Http {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
    /// The tool, as it is called there.
    tool: &'static str,
    session: Option<String>,
    next: u64,
}

impl Http {
    async fn connect(url: String, token: Option<String>, tool: &'static str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        let mut http = Self { client, url, token, tool, session: None, next: 0 };
        let response = http.post(&initialize()).await?;
        let session = response.headers().get("mcp-session-id").context("no session")?.to_str()?.to_owned();
        response.bytes().await?;
        http.session = Some(session);
        http.post(&initialized()).await?;
        Ok(http)
    }

    async fn post(&self, message: &Value) -> anyhow::Result<reqwest::Response> {
        let mut request = self.client.post(&self.url).json(message);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        let response = request.header("accept", "application/json, text/event-stream").send().await?;
        Ok(response.error_for_status()?)
    }

    async fn call(&mut self) -> anyhow::Result<Duration> {
        self.next += 1;
        let message = call(self.next, self.tool);
        let started = Instant::now();
        let body = self.post(&message).await?.bytes().await?;
        let took = started.elapsed();
        let text = String::from_utf8_lossy(&body);
        anyhow::ensure!(text.contains("\"result\""), "{text}");
        Ok(took)
    }
}

/// The crate `mcp-proxy`, with the same server behind it and nothing switched on.
struct Peer {
    _process: Child,
    http: Http,
}

impl Peer {
    async fn start(program: &OsStr, folder: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = folder.join("mcp-proxy.toml");
        let server = crate::myself()?;
        std::fs::write(
            &config,
            format!(
                "[proxy]\nname = \"bench\"\nseparator = \"__\"\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {port}\n\
                 [[backends]]\nname = {SERVER:?}\ntransport = \"stdio\"\ncommand = {server:?}\nargs = [\"serve-load\"]\n"
            ),
        )?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.kill_on_drop(true).spawn().context("mcp-proxy does not start")?;
        let until = Instant::now() + PEER_START;
        loop {
            match Http::connect(format!("http://127.0.0.1:{port}/"), None, "load__load").await {
                Ok(http) => return Ok(Self { _process: process, http }),
                Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => return Err(error.context("mcp-proxy does not answer")),
            }
        }
    }
}
