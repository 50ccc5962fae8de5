//! The connection behind the pipe: where it goes, and the session a host of an older revision opened.
//!
//! Invariants:
//! - The host sees one session. Where the connection or the session behind it is lost, the next message opens a new one
//!   and says there again what the host said that lasts: its `initialize`, its log level, its subscriptions.
//! - Only what certainly did not arrive is sent a second time.
//! - A gateway of our own is left for the app as soon as that is there and no call is in flight.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Bridge,
    http::{Endpoint, Failure, Piece, Response, SESSION},
    message::{self, CONNECTION_FAILED, Came, Lasting, Notification, Request, VERSION},
    pending::Waiting,
};

/// How long the other side may take to open a session, or to take a notification.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const ALONE: &str = "Samplegate's app is not running, so this bridge serves by itself, and nobody can be asked: what no \
                     rule allows is denied. Once the app runs, it is used.";

#[derive(Default)]
pub(super) struct Link {
    place: Option<Place>,
    session: Option<HeaderMap>,
    opening: Option<Opening>,
    /// Fires when place or session are gone.
    lost: CancellationToken,
}

struct Place {
    endpoint: Arc<Endpoint>,
    /// Ends the gateway, if it is our own.
    stop: Option<BoxFuture<'static, ()>>,
}

/// What the host said to open its session, and what of it lasts.
struct Opening {
    initialize: Request,
    initialized: Option<Bytes>,
    lasting: BTreeMap<Option<String>, Bytes>,
    /// The lists of which the other side said that it tells changes.
    lists: Vec<&'static str>,
}

/// Where a message goes now.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) endpoint: Arc<Endpoint>,
    /// The headers of the session; empty without one.
    pub(super) session: HeaderMap,
    pub(super) lost: CancellationToken,
}

/// What became of an `initialize`.
enum Opened {
    Session { headers: HeaderMap, lists: Vec<&'static str>, answer: Vec<u8> },
    Refused(Bytes),
}

impl Bridge {
    /// Where to send a message, after connecting and opening a session anew where that is needed.
    pub(super) async fn way(&self) -> Result<Way, String> {
        let mut link = self.link.lock().await;
        let endpoint = self.place(&mut link).await?;
        if link.session.is_none() && link.opening.is_some() {
            match timeout(PATIENCE, self.reopen(&mut link, &endpoint)).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(why),
                Err(_) => return Err("Samplegate does not open a session. Restart it.".to_owned()),
            }
        }
        Ok(link.way(endpoint))
    }

    /// Sends the host's `initialize`, and the answer back.
    pub(super) async fn initialize(&self, request: Request) {
        let mut link = self.link.lock().await;
        link.opening = None;
        self.end_session(&mut link).await;
        let opened = match self.place(&mut link).await {
            Ok(endpoint) => match self.open(&endpoint, &request).await {
                Err(Failure::Unreachable) => {
                    // It went away between looking and asking.
                    self.leave(&mut link);
                    match self.place(&mut link).await {
                        Ok(endpoint) => self.open(&endpoint, &request).await,
                        Err(why) => Ok(Opened::Refused(message::refusal(&request.id, CONNECTION_FAILED, &why))),
                    }
                }
                opened => opened,
            },
            Err(why) => Ok(Opened::Refused(message::refusal(&request.id, CONNECTION_FAILED, &why))),
        };
        let answer = match opened {
            Ok(Opened::Session { headers, lists, answer }) => {
                link.session = Some(headers);
                link.opening =
                    Some(Opening { initialize: request, initialized: None, lasting: BTreeMap::new(), lists });
                message::one_line(answer)
            }
            Ok(Opened::Refused(answer)) => answer,
            Err(_) => {
                self.leave(&mut link);
                message::refusal(&request.id, CONNECTION_FAILED, "Samplegate went away. Start it, and connect again.")
            }
        };
        drop(link);
        self.write(answer).await;
    }

    /// Passes on that the host is ready; from now on the server may speak on its own.
    pub(super) async fn initialized(&self, notification: Notification) {
        if let Some(opening) = &mut self.link.lock().await.opening {
            opening.initialized = Some(notification.line.clone());
        }
        self.notify(notification).await;
        if let Ok(way) = self.way().await
            && !way.session.is_empty()
        {
            self.tasks.spawn(self.clone().listen(way));
        }
    }

    /// Remembers what has to be said again in a new session.
    pub(super) async fn remember(&self, request: &Request) {
        let Some(lasting) = request.lasting() else { return };
        if let Some(opening) = &mut self.link.lock().await.opening {
            match lasting {
                Lasting::LogLevel => drop(opening.lasting.insert(None, request.line.clone())),
                Lasting::Subscribed(uri) => drop(opening.lasting.insert(Some(uri), request.line.clone())),
                Lasting::Unsubscribed(uri) => drop(opening.lasting.remove(&Some(uri))),
            }
        }
    }

    /// Nobody answers there any more.
    pub(super) async fn lost(&self, way: &Way) {
        let mut link = self.link.lock().await;
        if !way.lost.is_cancelled() {
            self.leave(&mut link);
        }
    }

    /// The other side does not know the session any more.
    pub(super) async fn expired(&self, way: &Way) {
        let mut link = self.link.lock().await;
        if !way.lost.is_cancelled() {
            link.forget_session();
        }
    }

    /// Leaves our own gateway for the app's, if that is there by now and nothing is in flight.
    pub(super) async fn prefer_app(&self) {
        // Whoever holds the lock is connecting anyway.
        let Ok(mut link) = self.link.try_lock() else { return };
        let alone = link.place.as_ref().is_some_and(|place| place.stop.is_some());
        if !alone || self.pending.all().iter().any(|waiting| !waiting.listens) {
            return;
        }
        let Some(endpoint) = self.places.app().await else { return };
        self.end_session(&mut link).await;
        self.leave(&mut link);
        link.place = Some(Place { endpoint: Arc::new(endpoint), stop: None });
        drop(link);
        for waiting in self.pending.all() {
            self.fail(&waiting.id, "Samplegate's app runs now. Subscribe again.").await;
            waiting.given_up.cancel();
        }
    }

    /// Withdraws these requests, and ends session and gateway for good.
    pub(super) async fn close(&self, waiting: &[Waiting]) {
        let mut link = self.link.lock().await;
        link.opening = None;
        if let (Some(place), Some(session)) = (&link.place, &link.session) {
            let withdrawn = waiting.iter().filter(|waiting| waiting.in_session);
            let lines = withdrawn.map(|waiting| message::cancellation(&waiting.id));
            join_all(lines.map(|line| self.http.post(&place.endpoint, session, line))).await;
        }
        self.end_session(&mut link).await;
        self.leave(&mut link);
    }

    async fn place(&self, link: &mut Link) -> Result<Arc<Endpoint>, String> {
        if let Some(place) = &link.place {
            return Ok(place.endpoint.clone());
        }
        let (endpoint, stop) = match self.places.app().await {
            Some(endpoint) => (endpoint, None),
            None => {
                let (endpoint, stop) = self.places.alone().await?;
                if !self.said_alone.swap(true, Ordering::Relaxed) {
                    (self.note)(ALONE);
                }
                (endpoint, Some(stop))
            }
        };
        let endpoint = Arc::new(endpoint);
        link.place = Some(Place { endpoint: endpoint.clone(), stop });
        Ok(endpoint)
    }

    /// Forgets where we were.
    fn leave(&self, link: &mut Link) {
        link.forget_session();
        if let Some(stop) = link.place.take().and_then(|place| place.stop) {
            self.tasks.spawn(stop);
        }
    }

    /// Tells the other side that the session is over, so that it withdraws what is asked for it.
    async fn end_session(&self, link: &mut Link) {
        if let (Some(place), Some(session)) = (&link.place, &link.session)
            && session.contains_key(SESSION)
        {
            let _ = timeout(Duration::from_secs(2), self.http.delete(&place.endpoint, session)).await;
        }
        link.forget_session();
    }

    async fn open(&self, endpoint: &Endpoint, request: &Request) -> Result<Opened, Failure> {
        let opened = timeout(PATIENCE, self.post_initialize(endpoint, request)).await;
        opened.unwrap_or_else(|_| {
            let why = "Samplegate does not open a session. Restart it, and connect again.";
            Ok(Opened::Refused(message::refusal(&request.id, CONNECTION_FAILED, why)))
        })
    }

    async fn post_initialize(&self, endpoint: &Endpoint, request: &Request) -> Result<Opened, Failure> {
        let response = self.http.post(endpoint, &HeaderMap::new(), request.line.clone()).await?;
        if !response.status.is_success() {
            return Ok(Opened::Refused(refused(response, &request.id).await));
        }
        let session = response.session.clone();
        let mut messages = response.messages();
        while let Some(piece) = messages.next().await? {
            let Piece::Message(data) = piece else { break };
            match message::look(&data) {
                Some(Came::Answer { id: Some(id), is_error: false }) if id == request.id => {
                    let (version, lists) = agreed(&data);
                    let mut headers = HeaderMap::new();
                    headers.extend(session.map(|session| (SESSION, session)));
                    headers.extend(version.map(|version| (VERSION, version)));
                    return Ok(Opened::Session { headers, lists, answer: data });
                }
                Some(Came::Answer { is_error: true, .. }) => {
                    return Ok(Opened::Refused(
                        message::readdressed(&data, &request.id).unwrap_or_else(|| message::one_line(data)),
                    ));
                }
                Some(_) => self.write(message::one_line(data)).await,
                None => {}
            }
        }
        let why = "Samplegate did not answer. Restart it, and connect again.";
        Ok(Opened::Refused(message::refusal(&request.id, CONNECTION_FAILED, why)))
    }

    /// A new session in place of the one that was lost, without the host.
    async fn reopen(&self, link: &mut Link, endpoint: &Arc<Endpoint>) -> Result<(), String> {
        let Some(opening) = &mut link.opening else { return Ok(()) };
        match self.open(endpoint, &opening.initialize).await {
            Ok(Opened::Session { headers, lists, .. }) => {
                let said = opening.initialized.iter().chain(opening.lasting.values()).cloned().collect::<Vec<_>>();
                let mut told = std::mem::replace(&mut opening.lists, lists);
                let ready = opening.initialized.is_some();
                link.session = Some(headers.clone());
                for line in said {
                    // An answer goes nowhere: the host had one.
                    let _ = self.http.post(endpoint, &headers, line).await;
                }
                if ready {
                    self.tasks.spawn(self.clone().listen(link.way(endpoint.clone())));
                } else {
                    told.clear();
                }
                // What is there now may not be what was.
                for list in told {
                    self.write(message::notification(list)).await;
                }
                Ok(())
            }
            Ok(Opened::Refused(_)) => {
                Err("Samplegate does not take this connection up again. Connect to it anew.".to_owned())
            }
            Err(_) => {
                self.leave(link);
                Err("Samplegate went away. Start it, and try again.".to_owned())
            }
        }
    }
}

impl Link {
    fn way(&self, endpoint: Arc<Endpoint>) -> Way {
        Way { endpoint, session: self.session.clone().unwrap_or_default(), lost: self.lost.clone() }
    }

    fn forget_session(&mut self) {
        self.session = None;
        std::mem::take(&mut self.lost).cancel();
    }
}

/// The revision that was agreed on, and the notifications of changed lists that may come.
fn agreed(answer: &[u8]) -> (Option<HeaderValue>, Vec<&'static str>) {
    let answer = serde_json::from_slice::<Value>(answer).unwrap_or_default();
    let result = &answer["result"];
    let version = result["protocolVersion"].as_str().and_then(|version| HeaderValue::from_str(version).ok());
    let lists = [
        ("tools", "notifications/tools/list_changed"),
        ("prompts", "notifications/prompts/list_changed"),
        ("resources", "notifications/resources/list_changed"),
    ];
    let told = lists.into_iter().filter(|(list, _)| result["capabilities"][*list]["listChanged"] == true);
    (version, told.map(|(_, notification)| notification).collect())
}

/// The answer to a request that was refused: the other side's own, if it gave one.
pub(super) async fn refused(response: Response, id: &Value) -> Bytes {
    let status = response.status;
    let own =
        response.error().await.filter(|body| matches!(message::look(body), Some(Came::Answer { is_error: true, .. })));
    let why = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "Samplegate does not let this host in: see `samplegate host list`."
        }
        StatusCode::NOT_FOUND => "Samplegate has no such server: see `samplegate server list`.",
        StatusCode::PAYLOAD_TOO_LARGE => "This message is too large for Samplegate.",
        _ => "Samplegate cannot take this message.",
    };
    own.and_then(|body| message::readdressed(&body, id))
        .unwrap_or_else(|| message::refusal(id, CONNECTION_FAILED, &format!("{why} ({status})")))
}
