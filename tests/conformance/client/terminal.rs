//! A scenario played with the `samplegate` command.

use std::process::Stdio;

use serde_json::Value;
use support::servers::samplegate;
use tokio::process::Command;

/// Adds the server and uses all it lists. False if a command failed.
pub(crate) async fn play(url: &str, context: &Value) -> bool {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal { home, went_well: true };
    terminal.run(&["server", "add", "suite", "--url", url, "--limit", "none"]).await;
    let tools = terminal.list("tools").await;
    for tool in &tools {
        let arguments = super::arguments(tool, &tools, context).to_string();
        terminal.run(&["call", "suite", tool["name"].as_str().unwrap(), &arguments, "--json"]).await;
    }
    for resource in terminal.list("resources").await {
        terminal.run(&["read", "suite", resource["uri"].as_str().unwrap()]).await;
    }
    for prompt in terminal.list("prompts").await {
        terminal.run(&["prompt", "suite", prompt["name"].as_str().unwrap()]).await;
    }
    terminal.went_well
}

struct Terminal {
    home: tempfile::TempDir,
    went_well: bool,
}

impl Terminal {
    async fn list(&mut self, what: &str) -> Vec<Value> {
        let out = self.run(&[what, "suite", "--json"]).await;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command, prints what came of it, and gives its stdout.
    async fn run(&mut self, args: &[&str]) -> String {
        println!("$ samplegate {}", args.join(" "));
        let output = Command::new(samplegate())
            .arg("--home")
            .arg(self.home.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{out}{err}-- {}\n", output.status);
        self.went_well &= output.status.success();
        out.into_owned()
    }
}
