//! A stdio MCP server that is a pipe to the gateway: what a host that can only start programs connects to.
//!
//! Data flow: a line of the host is one message, posted as it is to the gateway's streamable HTTP endpoint; each message
//! that comes back, as JSON or as an event, is a line. Revisions up to 2025-11-25 get a session, opened by the host's
//! `initialize`, with a stream for what the server sends on its own; since 2026-07-28 each request stands for itself
//! and repeats in headers what it says.
//!
//! Invariants:
//! - Messages are not changed: only their line ends are, and ids of errors that name none.
//! - Every request gets one answer, unless the host withdraws it or ends. What the answer would be is never made up:
//!   where the connection is lost, it is an error that says so.
//! - No message waits for the answer to another, but those that the protocol orders: `initialize` and
//!   `notifications/initialized`.
//! - When the host ends, whatever is asked in its name is withdrawn before the bridge does.
//!
//! Absent on purpose: batches, which only 2025-03-26 has and hardly anybody sends; `Mcp-Param-*` headers, which would
//! need every tool's schema and which the gateway does not ask for.

mod exchange;
mod http;
mod link;
mod message;
mod pending;
mod place;
#[cfg(test)]
mod tests;

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    link::Link,
    message::{Answer, Message, Notification, Request},
    pending::{Pending, Questions},
    place::Places,
};
use crate::mcp::{event_stream::Data, line_reader::LineReader};

pub use place::{Alone, StartAlone};

/// How long answers may still come after the host closed our input.
const GRACE: Duration = Duration::from_millis(500);
/// How long the end may take.
const ENDING: Duration = Duration::from_secs(5);
/// Lines that wait for the host to read them; beyond that we do not read from the gateway either.
const UNREAD: usize = 64;
const TOO_LARGE: &str = "This message is larger than 16 MiB.";
/// JSON-RPC: the message cannot be taken.
const INVALID_REQUEST: i64 = -32600;

/// What a bridge is started with.
pub struct Options {
    /// The runtime folder of the home, where a running app says how to reach it.
    pub runtime: PathBuf,
    /// The one server to connect to; none: all together.
    pub server: Option<String>,
    /// The name of the host, as rules and the log have it.
    pub host: Option<String>,
    /// Starts a gateway of our own where no app runs.
    pub alone: StartAlone,
    /// Tells the person something.
    pub note: Box<dyn Fn(&str) + Send + Sync>,
    /// Ends the bridge.
    pub end: CancellationToken,
}

/// Why a bridge cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// No server can have this name.
    #[error("no server is called {0:?}: see `samplegate server list`")]
    Server(String),
    /// No host can have this name.
    #[error("a host cannot be called {0:?}: use letters, digits, `-`, `_`, `.`")]
    Host(String),
}

/// One running pipe. Cheap to clone.
#[derive(Clone)]
struct Bridge(Arc<Shared>);

struct Shared {
    http: http::Http,
    places: Places,
    link: tokio::sync::Mutex<Link>,
    pending: Pending,
    questions: Questions,
    /// The revision that requests named last, for notifications, which name none.
    version: Mutex<Option<::http::HeaderValue>>,
    out: mpsc::Sender<Bytes>,
    note: Box<dyn Fn(&str) + Send + Sync>,
    said_alone: AtomicBool,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Deref for Bridge {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Pipes between a host and the gateway until the host closes its end or `options.end` fires.
///
/// # Errors
/// A name cannot be one. Whatever else goes wrong is told to the host.
pub async fn run(
    options: Options,
    input: impl AsyncBufRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), BridgeError> {
    let places = Places::new(options.runtime, options.server, options.host.as_deref(), options.alone)?;
    let (out, lines) = mpsc::channel(UNREAD);
    let bridge = Bridge(Arc::new(Shared {
        http: http::Http::new(),
        places,
        link: tokio::sync::Mutex::default(),
        pending: Pending::default(),
        questions: Questions::default(),
        version: Mutex::default(),
        out,
        note: options.note,
        said_alone: AtomicBool::new(false),
        end: options.end,
        tasks: TaskTracker::new(),
    }));
    let writing = tokio::spawn(write_lines(output, lines, bridge.end.clone()));
    let (heard, mut said) = mpsc::channel(UNREAD);
    let reading = tokio::spawn(read_lines(input, heard, bridge.end.clone()));
    bridge.serve(&mut said).await;
    reading.abort();
    let _ = timeout(ENDING, bridge.finish()).await;
    drop(bridge);
    let _ = timeout(GRACE, writing).await;
    Ok(())
}

impl Bridge {
    async fn serve(&self, said: &mut mpsc::Receiver<Data>) {
        let (notices, queue) = mpsc::unbounded_channel();
        self.tasks.spawn(self.clone().notify_in_order(queue));
        let hear = async {
            while let Some(line) = said.recv().await {
                self.hear(line, &notices).await;
            }
            // The host has said all. What is about to come may still reach it.
            drop(notices);
            let answered = async {
                while self.pending.all().iter().any(|waiting| !waiting.listens) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let _ = timeout(GRACE, answered).await;
        };
        tokio::select! {
            () = hear => {}
            () = self.end.cancelled() => {}
        }
    }

    async fn hear(&self, line: Data, notices: &mpsc::UnboundedSender<Notification>) {
        let line = match line {
            Data::None => return,
            Data::Whole(line) if line.trim_ascii().is_empty() => return,
            Data::Whole(line) => line,
            Data::Oversized(remains) => {
                let outline = remains.outline();
                let id = outline.id.unwrap_or_default();
                let refusal = message::refusal(&id, INVALID_REQUEST, TOO_LARGE);
                if outline.is_response {
                    // Whoever asked must not wait for ever.
                    self.tasks.spawn(self.clone().answer(Answer { line: refusal, id }));
                } else {
                    self.write(refusal).await;
                }
                return;
            }
        };
        match message::read(line) {
            Ok(Message::Request(request)) => self.request(request).await,
            Ok(Message::Notification(notification)) => match notification.method.as_str() {
                "notifications/initialized" => self.initialized(notification).await,
                "notifications/cancelled" => {
                    // Else its answer is on its way to the host.
                    if let Some(waiting) = notification.cancels.as_ref().and_then(|id| self.pending.settle(id)) {
                        self.tasks.spawn(self.clone().cancel(notification, waiting));
                    }
                }
                // Nobody receives them once we end.
                _ => drop(notices.send(notification)),
            },
            Ok(Message::Answer(answer)) => drop(self.tasks.spawn(self.clone().answer(answer))),
            Err(refusal) => self.write(refusal).await,
        }
    }

    async fn request(&self, request: Request) {
        self.prefer_app().await;
        match &request.headers {
            Some(headers) => {
                let version = headers.get(message::VERSION).cloned();
                *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
            }
            None if request.method == "initialize" => return self.initialize(request).await,
            None => self.remember(&request).await,
        }
        let listens = request.method == "subscriptions/listen";
        match self.pending.begin(&request.id, request.headers.is_none(), listens) {
            Some(waiting) => drop(self.tasks.spawn(self.clone().carry(request, waiting))),
            None => {
                let why = "A request with this id is not answered yet.";
                self.write(message::refusal(&request.id, INVALID_REQUEST, why)).await;
            }
        }
    }

    async fn notify_in_order(self, mut queue: mpsc::UnboundedReceiver<Notification>) {
        while let Some(notification) = queue.recv().await {
            self.notify(notification).await;
        }
    }

    async fn write(&self, line: Bytes) {
        // The writer ends when the host does not read any more, and then so do we.
        let _ = self.out.send(line).await;
    }

    /// Withdraws whatever is still asked in the host's name, and ends session and gateway.
    async fn finish(&self) {
        let waiting = self.pending.all();
        for waiting in &waiting {
            self.pending.settle(&waiting.id);
            waiting.given_up.cancel();
        }
        self.end.cancel();
        self.close(&waiting).await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn read_lines(input: impl AsyncBufRead + Unpin, heard: mpsc::Sender<Data>, end: CancellationToken) {
    let mut lines = LineReader::new(Some(input));
    while let Ok(Some(line)) = lines.next().await {
        if heard.send(line).await.is_err() {
            return;
        }
    }
    drop(heard);
    // Should something that the host said before keep us from seeing that it has gone.
    tokio::time::sleep(ENDING).await;
    end.cancel();
}

async fn write_lines(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Bytes>, end: CancellationToken) {
    while let Some(line) = lines.recv().await {
        let written = async {
            output.write_all(&line).await?;
            output.flush().await
        };
        if written.await.is_err() {
            end.cancel();
            return;
        }
    }
}
