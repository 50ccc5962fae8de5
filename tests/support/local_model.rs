//! A real model, small enough for any machine.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// SmolLM2 behind `scripts/local_model.py`. It ends when its stdin closes, however this test ends.
pub struct LocalModel {
    child: Child,
    _stdin: Option<ChildStdin>,
    pub base_url: String,
}

impl LocalModel {
    /// Starts it on a free port, and waits until it answers.
    pub fn start() -> Self {
        let python = std::env::var("SAMPLEGATE_TEST_MODEL_PY")
            .expect("SAMPLEGATE_TEST_MODEL_PY is not set: scripts/test-env prints it");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/local_model.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(["0", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            if let Some(address) = line.unwrap().strip_prefix("ready ") {
                let base_url = format!("{}/v1", address.trim_end_matches('/'));
                return Self { child, _stdin: stdin, base_url };
            }
        }
        panic!("the model did not start: {}", child.wait().unwrap())
    }
}

impl Drop for LocalModel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
