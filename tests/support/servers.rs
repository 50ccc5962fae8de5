//! Where the programs under test and the servers to test against are.

use std::path::{Path, PathBuf};

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
    let built = here.parent().and_then(Path::parent).unwrap().join(name);
    assert!(built.exists(), "{} is not built: run `cargo build --workspace` first", built.display());
    built
}

/// The terminal command.
pub fn samplegate() -> PathBuf {
    program("SAMPLEGATE_BIN", "samplegate")
}

/// A server of `tests/servers`, as the lines of a `[servers.NAME]` table.
pub fn python(script: &str, args: &[&str]) -> String {
    let python = match script {
        "fastmcp3_prompts.py" => given("SAMPLEGATE_TEST_PY3"),
        "fastmcp4_rounds.py" => given("SAMPLEGATE_TEST_PY4"),
        // The system's own: a version manager's shim adds variables that a test would take for ours.
        _ if Path::new("/usr/bin/python3").exists() => "/usr/bin/python3".into(),
        _ => "python3".into(),
    };
    let script = root().join("tests/servers").join(script);
    let args: Vec<String> =
        std::iter::once(script.display().to_string()).chain(args.iter().map(|arg| (*arg).to_owned())).collect();
    format!("command = {:?}\nargs = {args:?}\n", python.display().to_string())
}
