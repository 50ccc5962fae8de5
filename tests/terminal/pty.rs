//! A program in a pseudo-terminal: stdin and stderr are the terminal, stdout is a pipe.

use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use pty_process::OwnedWritePty;
use support::servers::samplegate;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Session {
    child: Child,
    keyboard: OwnedWritePty,
    screen: Arc<Mutex<String>>,
    /// What was waited for already.
    read_to: usize,
    out: tokio::task::JoinHandle<String>,
}

impl Session {
    pub(crate) fn start(home: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(50, 120)).unwrap();
        let mut child = pty_process::Command::new(samplegate())
            .arg("--home")
            .arg(home)
            .args(args)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("VISUAL")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn(pts)
            .unwrap();
        let (mut reader, keyboard) = pty.into_split();
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                bytes.extend_from_slice(&buffer[..count]);
                *shown.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        let mut stdout = child.stdout.take().unwrap();
        let out = tokio::spawn(async move {
            let mut text = String::new();
            stdout.read_to_string(&mut text).await.unwrap();
            text
        });
        Self { child, keyboard, screen, read_to: 0, out }
    }

    /// Waits until this text is on the screen, behind what was waited for before.
    pub(crate) async fn expect(&mut self, text: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let screen = self.seen();
            if let Some(at) = screen[self.read_to..].find(text) {
                self.read_to += at + text.len();
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{text:?} did not come; there is:\n{}",
                &screen[self.read_to..]
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that was written to the terminal.
    pub(crate) fn seen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    pub(crate) async fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Kills the program, as a crash would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end; gives stdout and the exit code.
    pub(crate) async fn end(mut self) -> (String, i32) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it did not end").unwrap();
        (self.out.await.unwrap(), status.code().unwrap())
    }
}
