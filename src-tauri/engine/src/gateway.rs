//! The gateway: hosts connect here, and see the servers behind it.
//!
//! Data flow: an HTTP request of a host ([`http`]) → who is it ([`auth`]), what does its revision want ([`headers`],
//! [`session`]) → a [`request`] → the server, over a connection of the host's own where the server is of the older era
//! → the result as it came, fitted to the host's revision ([`fit`]) and, at the endpoint of all servers, renamed
//! ([`names`]) → a response, or a stream of events ([`reply`]). What servers tell meanwhile takes the same way
//! ([`changes`]). What they ask goes to the engine's asker, which knows nothing of the gateway; a host that answers itself
//! is asked in its session, or in the result of its call ([`asking`]), which then waits for it ([`parked`]).
//!
//! Invariants:
//! - It listens on the loopback address only, and answers nobody without a token but with 401 or 403.
//! - Params, results and notifications are the JSON that came. The protocol's types are not used here: what they do not
//!   know would be lost.
//! - A server that does not answer holds up requests to itself and nothing else.
//! - A host that goes away takes its requests, their questions and in the end its connections with it.
//!
//! Absent on purpose: resumption of broken streams (hosts are on this computer), methods that are not known here.

mod asking;
mod auth;
mod calls;
mod changes;
mod failure;
mod fit;
mod headers;
mod http;
mod listing;
mod names;
mod parked;
mod reply;
mod request;
mod session;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use samplegate_core::canonical::Sha256Hex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::Engine;
use session::Session;

/// How often what is not used any more is looked for.
const TIDY: Duration = Duration::from_secs(60);
/// A host's own connection ends when it was not used for so long and the host has no session.
const IDLE_LINE: Duration = Duration::from_secs(10 * 60);
/// The same where the host has a session: what a server remembers for it would be lost.
const LONG_IDLE_LINE: Duration = Duration::from_secs(4 * 60 * 60);
/// How long open responses may take to end with the gateway.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where a host connects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Endpoint {
    /// All servers, with names that tell them apart.
    All,
    /// One server, as it is.
    One(String),
}

impl Endpoint {
    fn has(&self, server: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name == server,
        }
    }
}

/// One run of the gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Inner>);

struct Inner {
    engine: Engine,
    /// Of the token that the bridge shows.
    bridge: Sha256Hex,
    /// Fires when it is over.
    stop: CancellationToken,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    listeners: changes::Listeners,
    listed: listing::Listed,
    parked: parked::Parked,
    /// The connections whose news are heard.
    heard: Mutex<HashSet<Uuid>>,
}

impl Gateway {
    pub(crate) fn new(engine: Engine, bridge: Sha256Hex, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            engine,
            bridge,
            stop,
            sessions: Mutex::default(),
            listeners: changes::Listeners::default(),
            listed: listing::Listed::default(),
            parked: parked::Parked::default(),
            heard: Mutex::default(),
        }))
    }

    /// Serves until it is told to stop.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let stop = self.0.stop.clone();
        let (tidy, changes) = (self.clone(), self.clone());
        let background = async move {
            tokio::join!(tidy.tidy(), changes.follow_servers(), changes.follow_settings());
        };
        let ending = stop.clone();
        let serving =
            axum::serve(listener, self.router()).with_graceful_shutdown(async move { ending.cancelled().await });
        let over = async {
            stop.cancelled().await;
            self.close();
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            ended = serving.into_future() => {
                if let Err(error) = ended {
                    tracing::error!("the gateway ended: {error}");
                }
            }
            () = over => {}
            () = background => {}
        }
        self.close();
    }

    fn close(&self) {
        for (_, session) in self.sessions().drain() {
            session.close();
        }
        self.0.parked.end(None);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is not used any more, from time to time.
    async fn tidy(&self) {
        loop {
            tokio::time::sleep(TIDY).await;
            let idle: Vec<_> = self.sessions().values().filter(|session| session.is_idle()).cloned().collect();
            idle.iter().for_each(|session| self.end_session(session));
            self.0.parked.tidy();
            self.end_lines();
        }
    }

    /// Ends a session, and with the last one of a host its own connections.
    fn end_session(&self, session: &Session) {
        session.close();
        self.sessions().remove(&session.id);
        if !self.has_sessions(&session.host) {
            // What a host of the newer era still does on them is under way, or was done a moment ago.
            let host = session.host.clone();
            self.0.engine.servers.end_lines(|of, unused| of == host && unused > Duration::from_secs(1));
        }
    }

    fn end_lines(&self) {
        let with: HashSet<String> = self.sessions().values().map(|session| session.host.clone()).collect();
        let bound = |host: &str| if with.contains(host) { LONG_IDLE_LINE } else { IDLE_LINE };
        self.0.engine.servers.end_lines(|host, unused| unused > bound(host));
    }

    fn has_sessions(&self, host: &str) -> bool {
        self.sessions().values().any(|session| session.host == host)
    }

    /// Ends what hosts have that were removed, or whose token is another one now.
    async fn follow_settings(&self) {
        let mut settings = self.0.engine.config().subscribe();
        let mut before = self.0.engine.config().settings();
        while settings.changed().await.is_ok() {
            let now = self.0.engine.config().settings();
            let token = |host: Option<&samplegate_core::settings::Host>| host.map(|host| host.token_sha256);
            for (name, host) in &before.hosts {
                if token(now.hosts.get(name)) != token(Some(host)) {
                    let theirs: Vec<_> =
                        self.sessions().values().filter(|session| session.host == *name).cloned().collect();
                    theirs.iter().for_each(|session| self.end_session(session));
                    self.0.parked.end(Some(name));
                    self.0.engine.servers.end_host(name);
                }
            }
            before = now;
        }
    }
}
