//! A scenario played with the `samplegate` command.

use std::process::Stdio;

use serde_json::Value;
use support::servers::samplegate;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Where the suite says that our client metadata document is.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";
/// How often a person signs in before they give the server up.
const PATIENCE: usize = 3;

/// Adds the server and uses all it lists; signs in where the scenario is about that. False if a command failed.
pub(crate) async fn play(scenario: &str, url: &str, context: &Value) -> bool {
    let home = tempfile::tempdir().unwrap();
    let signs_in = scenario.starts_with("auth/");
    let mut terminal = Terminal { home, sign_ins: if signs_in { PATIENCE } else { 0 }, went_well: true };
    let mut add = vec!["server", "add", "suite", "--url", url, "--limit", "none"];
    let secret = context["client_secret"].as_str();
    if signs_in {
        add.extend(["--oauth-client-id", context["client_id"].as_str().unwrap_or(DOCUMENT)]);
        add.extend(secret.map(|_| "--oauth-client-secret-stdin"));
    }
    terminal.run_once(&add, secret.unwrap_or_default()).await;
    terminal.sign_in().await;
    let tools = terminal.list("tools").await;
    for tool in &tools {
        let arguments = super::arguments(tool, &tools, context).to_string();
        let call = ["call", "suite", tool["name"].as_str().unwrap(), &arguments, "--json"];
        terminal.run(&call).await;
    }
    for resource in terminal.list("resources").await {
        if let Some(uri) = resource["uri"].as_str() {
            terminal.run(&["read", "suite", uri]).await;
        }
    }
    for prompt in terminal.list("prompts").await {
        terminal.run(&["prompt", "suite", prompt["name"].as_str().unwrap()]).await;
    }
    terminal.went_well
}

struct Terminal {
    home: tempfile::TempDir,
    /// How often the person will still sign in.
    sign_ins: usize,
    went_well: bool,
}

impl Terminal {
    /// False if the person will not, or it failed.
    async fn sign_in(&mut self) -> bool {
        let Some(left) = self.sign_ins.checked_sub(1) else { return false };
        self.sign_ins = left;
        self.run_once(&["server", "login", "suite"], "").await.is_some()
    }

    async fn list(&mut self, what: &str) -> Vec<Value> {
        let out = self.run(&[what, "suite", "--json"]).await.unwrap_or_default();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command, and again after another sign-in where it failed, as a person would who is told to. Its stdout;
    /// none: it failed for good.
    async fn run(&mut self, args: &[&str]) -> Option<String> {
        let mut ran = self.run_once(args, "").await;
        while ran.is_none() && self.sign_in().await {
            ran = self.run_once(args, "").await;
        }
        self.went_well &= ran.is_some();
        ran
    }

    /// Runs a command and prints what came of it. Its stdout; none: it failed.
    async fn run_once(&mut self, args: &[&str], stdin: &str) -> Option<String> {
        println!("$ samplegate {}", args.join(" "));
        let mut command = Command::new(samplegate());
        command.arg("--home").arg(self.home.path()).args(args).stdin(Stdio::piped());
        // The browser is this program.
        command.env("BROWSER", format!("{} browse", std::env::current_exe().unwrap().display()));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // A command that reads none of it may be gone before all of it is written.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{out}{err}-- {}\n", output.status);
        output.status.success().then(|| out.into_owned())
    }
}
