//! A running child process: its pipes, and the task that waits for its end or brings it about.
//!
//! Ending is staged: stdin is closed and the process gets 3 s; then its whole group gets SIGTERM and 2 s; then SIGKILL.
//! What a server leaves behind in its group after it exited by itself is ended too.

use std::{process::ExitStatus, time::Duration};

use process_wrap::tokio::ChildWrapper;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{
    event::shorten,
    spawn::{Spawner, StderrTail},
};

const GRACE: Duration = Duration::from_secs(3);
const TERM_GRACE: Duration = Duration::from_secs(2);
/// What a server leaves behind gets this long after its SIGTERM.
#[cfg(unix)]
const GROUP_GRACE: Duration = Duration::from_millis(500);
const STDERR_LINE_BYTES: usize = 8 * 1024;

/// The pipes of a child.
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
}

/// Waits for a child, or ends it.
#[derive(Clone)]
pub(super) struct Keeper {
    close: CancellationToken,
    ended: watch::Receiver<Option<String>>,
    /// Fires when the whole group is gone.
    finished: CancellationToken,
}

impl Keeper {
    /// Takes charge of a child. The spawner is kept as long as the child lives.
    pub(super) fn new(mut child: Box<dyn ChildWrapper>, spawner: Spawner, stderr: StderrTail) -> (Pipes, Self) {
        let pipes = Pipes { stdin: child.stdin().take(), stdout: child.stdout().take() };
        let stderr_done = child.stderr().take().map(|pipe| tokio::spawn(read_stderr(pipe, stderr)));
        let close = CancellationToken::new();
        let (ended_tx, ended) = watch::channel(None);
        let closing = close.clone();
        let finished = CancellationToken::new();
        let finish = finished.clone().drop_guard();
        tokio::spawn(async move {
            let group = child.id();
            let status = tokio::select! {
                status = child.wait() => Some(status),
                () = closing.cancelled() => None,
            };
            let status = match status {
                Some(status) => status,
                None => match tokio::time::timeout(GRACE, child.wait()).await {
                    Ok(status) => status,
                    Err(_) => {
                        terminate(child.as_ref());
                        match tokio::time::timeout(TERM_GRACE, child.wait()).await {
                            Ok(status) => status,
                            Err(_) => {
                                let _ = child.start_kill();
                                child.wait().await
                            }
                        }
                    }
                },
            };
            let why = match &status {
                Ok(status) => describe(*status),
                Err(error) => format!("the server's process is lost: {error}"),
            };
            // Its last words belong to the reason.
            if let Some(reading) = stderr_done {
                let _ = tokio::time::timeout(Duration::from_millis(200), reading).await;
            }
            let _ = ended_tx.send(Some(why));
            end_group(child.as_mut(), group).await;
            drop(spawner);
            drop(finish);
        });
        (pipes, Self { close, ended, finished })
    }

    /// Begins the staged end. The caller has closed stdin.
    pub(super) fn close(&self) {
        self.close.cancel();
    }

    /// Waits until nothing of the process and its group is left.
    pub(super) async fn finished(&self) {
        self.finished.cancelled().await;
    }

    /// Waits for the process to exit and says how it did.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the server's process is lost".to_owned(),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("the server was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("the server exited with status {code}"),
        None => "the server exited".to_owned(),
    }
}

#[cfg(unix)]
fn terminate(child: &dyn ChildWrapper) {
    let _ = child.signal(rustix::process::Signal::TERM.as_raw());
}

#[cfg(not(unix))]
fn terminate(_child: &dyn ChildWrapper) {}

/// Ends what is left of the group after its leader.
#[cfg(unix)]
async fn end_group(_child: &mut dyn ChildWrapper, group: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    let group = group.and_then(|group| Pid::from_raw(group.try_into().ok()?));
    let Some(group) = group else { return };
    // A group that is empty refuses the signal.
    if kill_process_group(group, Signal::TERM).is_err() {
        return;
    }
    let until = tokio::time::Instant::now() + GROUP_GRACE;
    while tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if test_kill_process_group(group).is_err() {
            return;
        }
    }
    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(not(unix))]
async fn end_group(child: &mut dyn ChildWrapper, _group: Option<u32>) {
    let _ = child.start_kill();
}

async fn read_stderr(pipe: impl AsyncRead + Unpin, tail: StderrTail) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            break;
        }
        let newline = chunk.iter().position(|byte| *byte == b'\n');
        let room = STDERR_LINE_BYTES.saturating_sub(line.len());
        let taken = newline.unwrap_or(chunk.len());
        line.extend_from_slice(&chunk[..taken.min(room)]);
        reader.consume(newline.map_or(taken, |at| at + 1));
        if newline.is_some() {
            push_line(&tail, &mut line);
        }
    }
    push_line(&tail, &mut line);
}

fn push_line(tail: &StderrTail, line: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if !text.is_empty() {
        tail.push(shorten(text, STDERR_LINE_BYTES));
    }
    line.clear();
}
