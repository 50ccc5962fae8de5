//! A home with `samplegate serve` running in it, and the servers behind it.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use support::{
    home::PATIENCE,
    servers::{given, python, samplegate},
};
use tokio::process::{Child, Command};

/// What every question is answered with.
pub(crate) const ANSWER: &str = "answered by a rule";

/// The servers: FastMCP 3 and 4, and three from npm.
pub(crate) fn servers(files: &Path) -> String {
    let node = |package: &str, args: &[&str], more: &str| {
        let main = given("SAMPLEGATE_TEST_HOSTS").join("@modelcontextprotocol").join(package);
        let args: Vec<String> = std::iter::once(main.join("dist/index.js").display().to_string())
            .chain(args.iter().map(|arg| (*arg).to_owned()))
            .collect();
        format!("command = \"node\"\nargs = {args:?}\nlimits = \"none\"\n{more}")
    };
    let files = files.display().to_string();
    let memory = format!("env = {{ MEMORY_FILE_PATH = {:?} }}\n", format!("{files}/memory.jsonl"));
    format!(
        "[servers.three]\n{}sampling = \"rules\"\n\n[servers.four]\n{}sampling = \"rules\"\n\n\
         [servers.everything]\n{}sampling = \"rules\"\n\n[servers.files]\n{}\n[servers.memory]\n{}\n\
         [[rules]]\nid = \"r\"\naction = \"answer\"\ntext = {ANSWER:?}\n",
        python("fastmcp3_prompts.py", &[]),
        python("fastmcp4_rounds.py", &[]),
        node("server-everything", &["stdio"], ""),
        node("server-filesystem", &[&files], ""),
        node("server-memory", &[], &memory),
    )
}

/// A running `samplegate serve`; it ends with this.
pub(crate) struct Serving {
    pub(crate) home: tempfile::TempDir,
    token: String,
    port: u16,
    _process: Option<Child>,
}

impl Serving {
    /// Serves without a terminal.
    pub(crate) async fn start(config: impl FnOnce(&Path) -> String) -> Self {
        let (home, token) = home(config).await;
        let process = command(home.path(), &["serve", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = port(home.path()).await;
        Self { home, token, port, _process: Some(process) }
    }

    /// The same, with what serves already.
    pub(crate) async fn found(home: tempfile::TempDir, token: String) -> Self {
        let port = port(home.path()).await;
        Self { home, token, port, _process: None }
    }

    /// How a host connects, to all servers or to one: by URL, and by the bridge.
    pub(crate) fn ways(&self, server: Option<&str>) -> [Value; 2] {
        let path = server.map(|server| format!("/{server}")).unwrap_or_default();
        [
            json!({"url": format!("http://127.0.0.1:{}/mcp{path}", self.port), "token": self.token}),
            bridge(self.home.path(), server),
        ]
    }

    /// Runs a command of `samplegate` in this home.
    pub(crate) async fn run(&self, args: &[&str]) {
        let output = command(self.home.path(), args).output().await.unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// Waits until these servers list their tools.
    pub(crate) async fn ready(&self, servers: &[&str]) {
        for server in servers {
            let [way, _] = self.ways(Some(server));
            let deadline = tokio::time::Instant::now() + PATIENCE;
            while let Err(why) = tools(&way).await {
                assert!(tokio::time::Instant::now() < deadline, "{server} is not ready: {why}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// The log of a home, oldest first.
pub(crate) async fn log(home: &Path) -> Vec<Value> {
    let output = command(home, &["audit", "list", "--json"]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.reverse();
    lines
}

/// How a host connects by the bridge, to all servers or to one.
pub(crate) fn bridge(home: &Path, server: Option<&str>) -> Value {
    let (program, home) = (samplegate().display().to_string(), home.display().to_string());
    let fixed = [program, "--home".into(), home, "bridge".into(), "--host".into(), "editor".into()];
    json!({"command": fixed.into_iter().chain(server.map(str::to_owned)).collect::<Vec<_>>()})
}

/// A home in which a host has a token.
pub(crate) async fn home(config: impl FnOnce(&Path) -> String) -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let files = home.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(home.path().join("config.toml"), config(&files)).unwrap();
    let added = command(home.path(), &["host", "add", "over-http"]).output().await.unwrap();
    assert!(added.status.success(), "{added:?}");
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    (home, added["token"].as_str().unwrap().to_owned())
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(samplegate());
    command.arg("--home").arg(home).args(args).kill_on_drop(true);
    // Nobody answers there: no keychain, whatever this machine has.
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    command
}

async fn port(home: &Path) -> u16 {
    let file = home.join("run/gateway.json");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Ok(told) = std::fs::read(&file) {
            let told: Value = serde_json::from_slice(&told).unwrap();
            return told["port"].as_u64().unwrap().try_into().unwrap();
        }
        assert!(tokio::time::Instant::now() < deadline, "it does not serve");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Lists tools as a host of 2026-07-28 does.
async fn tools(way: &Value) -> Result<(), String> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
    let response = reqwest::Client::new()
        .post(way["url"].as_str().unwrap())
        .bearer_auth(way["token"].as_str().unwrap())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list")
        .json(&message)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let text = response.text().await.map_err(|error| error.to_string())?;
    if text.contains("\"tools\":[{") { Ok(()) } else { Err(text) }
}
