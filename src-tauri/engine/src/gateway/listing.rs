//! Listings: of one server as it gives them, page by page; of all servers together on one page.
//!
//! All are asked at once. One that does not answer in time is left out, or stands there as it was known last; when it
//! answers after all and is different, the host is told that the list changed. Until then it is not waited for again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    Endpoint, Gateway,
    failure::Failure,
    names,
    request::{Request, gone},
};
use crate::mcp::{CallError, Listing};

/// How long all together are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

const METHOD_NOT_FOUND: i64 = -32601;

/// A listing of a server, for a host.
type Key = (String, String, Listing);

/// What was listed, for the endpoint of all servers.
#[derive(Default)]
pub(super) struct Listed(Mutex<State>);

#[derive(Default)]
struct State {
    known: HashMap<Key, Vec<Value>>,
    /// What was asked and not answered yet.
    asked: HashMap<Key, Asked>,
}

/// Since when a listing is waited for; closed when it came.
#[derive(Clone)]
struct Asked {
    since: Instant,
    done: watch::Receiver<()>,
}

impl Listed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    pub(super) async fn list(&self, listing: Listing) -> Result<Value, Failure> {
        match &self.endpoint {
            Endpoint::One(server) => {
                let reached = self.gateway.listing_connection(server, &self.caller.name);
                let connection = self.cancel.run_until_cancelled(reached).await.ok_or_else(gone)??;
                let listed = connection.relay(listing.method(), self.params_for(&connection), &self.cancel).await;
                listed.map_err(|error| Failure::call(server, error))
            }
            Endpoint::All if self.params.get("cursor").is_some_and(|cursor| !cursor.is_null()) => {
                Err(Failure::params("Invalid params: there is no such cursor; all is on one page"))
            }
            Endpoint::All => {
                let all = self.gateway.list_all(&self.caller.name, listing);
                let items = self.cancel.run_until_cancelled(all).await.ok_or_else(gone)?;
                Ok(json!({listing.member(): items}))
            }
        }
    }
}

impl Gateway {
    async fn list_all(&self, host: &str, listing: Listing) -> Vec<Value> {
        let settings = self.0.engine.config().settings();
        let servers: Vec<&String> =
            settings.servers.iter().filter(|(_, server)| server.enabled).map(|(name, _)| name).collect();
        let asking = servers.iter().map(|server| self.asked(((*server).clone(), host.to_owned(), listing)));
        join_all(asking.map(async |mut asked| {
            // Closed when it came.
            let _ = tokio::time::timeout_at(asked.since + PATIENCE, asked.done.changed()).await;
        }))
        .await;
        let mut state = self.0.listed.lock();
        let mut items = Vec::new();
        for server in servers {
            let key = (server.clone(), host.to_owned(), listing);
            if state.asked.contains_key(&key) {
                // What comes later is compared with what is told now.
                state.known.entry(key.clone()).or_default();
            }
            items.extend(state.known.get(&key).into_iter().flatten().cloned().map(|mut item| {
                names::rename_listed(listing, server, &mut item);
                item
            }));
        }
        items
    }

    /// What is asked already, or is now.
    fn asked(&self, key: Key) -> Asked {
        let mut state = self.0.listed.lock();
        if let Some(asked) = state.asked.get(&key) {
            return asked.clone();
        }
        let (came, done) = watch::channel(());
        let asked = Asked { since: Instant::now(), done };
        state.asked.insert(key.clone(), asked.clone());
        let gateway = self.clone();
        tokio::spawn(async move {
            gateway.ask(key).await;
            drop(came);
        });
        asked
    }

    /// Asks a server and notes what it lists. Ends with the server's answer, or its end.
    async fn ask(self, key: Key) {
        let (server, host, listing) = &key;
        let stop = self.0.stop.clone();
        let asked = stop.run_until_cancelled(async {
            let connection = self.listing_connection(server, host).await.map_err(|failure| failure.message)?;
            match connection.list(*listing).await {
                Err(CallError::Protocol { code: METHOD_NOT_FOUND, .. }) => Ok(Vec::new()),
                listed => listed.map_err(|error| error.to_string()),
            }
        });
        let asked = asked.await;
        let changed = {
            let mut state = self.0.listed.lock();
            state.asked.remove(&key);
            match asked {
                Some(Ok(items)) => {
                    let before = state.known.insert(key.clone(), items);
                    before.is_some_and(|before| Some(&before) != state.known.get(&key))
                }
                // It offers nothing that can be used; what it is asked says why.
                Some(Err(why)) => {
                    tracing::debug!("{server} could not be listed: {why}");
                    state.known.remove(&key).is_some_and(|before| !before.is_empty())
                }
                None => false,
            }
        };
        if changed {
            self.list_changed(server, Some(host), listing.changed(), &Value::Null);
        }
    }
}

impl Listing {
    /// What tells that it changed.
    fn changed(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources | Self::ResourceTemplates => "notifications/resources/list_changed",
        }
    }
}
