//! The HTTP server of these tests.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::run_file::RunFile;

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) number: usize,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) message: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

/// What the server does with it.
pub(super) enum Reply {
    Status(StatusCode),
    Json(StatusCode, Option<String>, Value),
    /// Each text is sent as it is; an error breaks the connection.
    Events(mpsc::UnboundedReceiver<Result<String, std::io::Error>>),
    /// No response, until this is dropped.
    Never,
}

pub(super) type Behaviour = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;
pub(super) type Events = mpsc::UnboundedSender<Result<String, std::io::Error>>;

/// A stream of events that the test goes on writing.
pub(super) fn events(texts: &[&str]) -> (Events, Reply) {
    let (sender, receiver) = mpsc::unbounded_channel();
    for text in texts {
        sender.send(Ok((*text).to_owned())).unwrap();
    }
    (sender, Reply::Events(receiver))
}

/// A message as an event.
pub(super) fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

/// A server on a port of its own; it ends with this, and all its connections with it.
pub(super) struct Gateway {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Responses that were given up before they ended.
    dropped: Arc<AtomicUsize>,
    pub(super) port: u16,
    told: Mutex<Option<RunFile>>,
    _running: DropGuard,
}

impl Gateway {
    /// One that is found as the app is.
    pub(super) async fn start(behaviour: Behaviour) -> Self {
        let gateway = Self::hidden(behaviour).await;
        gateway.announce(gateway.runtime(), "secret");
        gateway
    }

    /// One that is not.
    pub(super) async fn hidden(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, dropped) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let stop = CancellationToken::new();
        let (all, count, ended) = (seen.clone(), dropped.clone(), stop.clone());
        let app = Router::new().fallback(move |request: Request| {
            let (all, count, behaviour, ended) = (all.clone(), count.clone(), behaviour.clone(), ended.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let message = serde_json::from_slice(&body).unwrap_or_default();
                let (headers, method, path) = (parts.headers, parts.method, parts.uri.path().to_owned());
                let seen = {
                    let mut all = all.lock().unwrap();
                    let seen = Seen { number: all.len(), method, path, headers, body, message };
                    all.push(seen.clone());
                    seen
                };
                respond(behaviour(&seen), count, ended).await
            }
        });
        let serving = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, app) => {}
                () = serving.cancelled() => {}
            }
        });
        Self {
            folder: tempfile::tempdir().unwrap(),
            seen,
            dropped,
            port,
            told: Mutex::default(),
            _running: stop.drop_guard(),
        }
    }

    pub(super) fn runtime(&self) -> &Path {
        self.folder.path()
    }

    /// Says in this folder how this one is reached, as long as it runs.
    pub(super) fn announce(&self, runtime: &Path, token: &str) {
        *self.told.lock().unwrap() = Some(RunFile::write(runtime, self.port, &token.into()).unwrap());
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for a request of which this holds.
    pub(super) async fn wait_for(&self, what: impl Fn(&Seen) -> bool) -> Seen {
        eventually(|| self.seen().into_iter().find(|seen| what(seen))).await
    }

    /// Waits until so many responses were given up.
    pub(super) async fn wait_for_dropped(&self, count: usize) {
        eventually(|| (self.dropped.load(Ordering::SeqCst) == count).then_some(())).await;
    }
}

/// Counts a response that is dropped before it is complete.
struct Complete(Arc<AtomicUsize>, bool);

impl Drop for Complete {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn respond(reply: Reply, dropped: Arc<AtomicUsize>, ended: CancellationToken) -> Response {
    match reply {
        Reply::Status(status) => status.into_response(),
        Reply::Json(status, session, message) => {
            let session = session.map(|session| [("mcp-session-id", session)]);
            (status, session, axum::Json(message)).into_response()
        }
        Reply::Never => {
            let _complete = Complete(dropped, false);
            ended.cancelled().await;
            // Without the report of a panic: the connection breaks.
            std::panic::resume_unwind(Box::new(()))
        }
        Reply::Events(events) => {
            let stream =
                futures::stream::unfold((events, Complete(dropped, false)), move |(mut events, mut complete)| {
                    let ended = ended.clone();
                    async move {
                        let part = tokio::select! {
                            part = events.recv() => part,
                            () = ended.cancelled() => Some(Err(std::io::Error::other("the server ended"))),
                        };
                        complete.1 = part.as_ref().is_none_or(Result::is_err);
                        Some((part?, (events, complete)))
                    }
                });
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream.boxed())).into_response()
        }
    }
}

pub(super) async fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    tokio::time::timeout(super::PATIENCE, async {
        loop {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
    .expect("it did not happen")
}
