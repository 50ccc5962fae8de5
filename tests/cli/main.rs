//! The terminal command as scripts use it: exit codes, what stands on stdout, the shapes of its JSON.
//!
//! Every test runs the real program with a home of its own and without a terminal or a keychain.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod audit;
mod calls;
mod configuration;
mod connect;
mod grants;
mod hosts;
mod import;
mod inspect;
mod limits;
mod logins;
mod pins;
mod program;
mod record;
mod refusals;
mod rules;

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use support::{
    model::FakeModel,
    servers::{python, samplegate},
};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// How long a command may take; builds may run beside the tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// A home of its own.
struct Home(tempfile::TempDir);

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Home {
    /// A home in which nothing ever happened.
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(config: &str) -> Self {
        let home = Self::new();
        std::fs::write(home.path().join("config.toml"), config).unwrap();
        home
    }

    /// A home with a server, and a model that answers by default, its key from a command.
    fn with_model(script: &str, settings: &str, model: &FakeModel) -> Self {
        Self::with(&format!(
            "default_model = \"fake\"\n\n[servers.s]\n{}{settings}\n\n[models.fake]\nprovider = \"openai\"\n\
             base_url = {:?}\nmodel = \"fake-1\"\nkey = {{ command = \"echo sk-test\" }}\n",
            python(script, &[]),
            model.base_url,
        ))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.path().join("config.toml")).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(samplegate());
        command.arg("--home").arg(self.path()).args(args);
        // Nobody answers there: no keychain, whatever this machine has.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        command.env_remove("RUST_LOG").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args)).await
    }

    async fn run_with_stdin(&self, args: &[&str], text: &str) -> Ran {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads none of it may be gone before all of it is written.
        let _ = stdin.write_all(text.as_bytes()).await;
        drop(stdin);
        ran(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap())
    }

    /// Runs what must go well and gives its stdout.
    async fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args).await;
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran.out
    }

    /// Runs what must go well and reads a JSON object from each line of stdout.
    async fn json(&self, args: &[&str]) -> Vec<Value> {
        self.ok(args).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs what must go well and reads its stdout as one JSON value.
    async fn one(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args).await).unwrap()
    }

    /// Runs what must fail with this code, and gives its stderr.
    async fn fails(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args).await;
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        ran.err
    }
}

async fn finish(mut command: Command) -> Ran {
    ran(tokio::time::timeout(PATIENCE, command.output()).await.expect("it ended in time").unwrap())
}

fn ran(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Replaces the values of these fields, wherever they stand, by their type, so that whole objects can be compared.
fn without(value: &Value, fields: &[&str]) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| {
                    let known = !value.is_null() && fields.contains(&name.as_str());
                    (name.clone(), if known { Value::String(format!("<{name}>")) } else { without(value, fields) })
                })
                .collect(),
        ),
        Value::Array(items) => items.iter().map(|item| without(item, fields)).collect(),
        plain => plain.clone(),
    }
}
