//! Where the programs under test and the servers to test against are.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use crate::home::PATIENCE;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A variable that `scripts/test-env` gives. Absent, the test fails and says how to get it.
pub fn given(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("{name} is not set: run the tests with `make test`, or see `scripts/test-env`"),
    }
}

/// A program of ours, built beside the tests.
pub fn program(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let here = std::env::current_exe().unwrap();
    // Tests are one folder below the programs.
    let built = here.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|built| built.exists());
    built.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"))
}

/// The terminal command.
pub fn samplegate() -> PathBuf {
    program("SAMPLEGATE_BIN", "samplegate")
}

/// A server of `tests/servers`, as the lines of a `[servers.NAME]` table; without limits, which have tests of their own.
pub fn python(script: &str, args: &[&str]) -> String {
    format!("{}limits = \"none\"\n", limited_python(script, args))
}

/// As [`python`], with the limits of a new server.
pub fn limited_python(script: &str, args: &[&str]) -> String {
    let (python, script) = (interpreter(script), path(script));
    let args: Vec<String> =
        std::iter::once(script.display().to_string()).chain(args.iter().map(|arg| (*arg).to_owned())).collect();
    format!("command = {:?}\nargs = {args:?}\n", python.display().to_string())
}

/// A server of `tests/servers` that runs beside the test, at a URL; it ends with this.
pub struct OverHttp {
    _process: tokio::process::Child,
    url: String,
}

impl OverHttp {
    /// Starts one of the servers that can be reached over HTTP, and waits until it can be reached.
    pub async fn start(script: &str) -> Self {
        Self::over(script, "http", "mcp").await
    }

    /// The same over the transport of 2024-11-05.
    pub async fn start_sse(script: &str) -> Self {
        Self::over(script, "sse", "sse").await
    }

    async fn over(script: &str, transport: &str, path_in_url: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut process = tokio::process::Command::new(interpreter(script))
            .arg(path(script))
            .args([transport, &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "{script} ended");
            assert!(tokio::time::Instant::now() < deadline, "{script} did not start in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { _process: process, url: format!("http://127.0.0.1:{port}/{path_in_url}") }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The lines of its `[servers.NAME]` table.
    pub fn lines(&self) -> String {
        format!("url = {:?}\n", self.url)
    }
}

fn path(script: &str) -> PathBuf {
    root().join("tests/servers").join(script)
}

/// What runs a script.
fn interpreter(script: &str) -> PathBuf {
    match script {
        "fastmcp3_prompts.py" | "fastmcp3_elicit.py" => given("SAMPLEGATE_TEST_PY3"),
        "fastmcp4_rounds.py" | "conforming.py" => given("SAMPLEGATE_TEST_PY4"),
        // The system's own: a version manager's shim adds variables that a test would take for ours.
        _ if Path::new("/usr/bin/python3").exists() => "/usr/bin/python3".into(),
        _ => "python3".into(),
    }
}
