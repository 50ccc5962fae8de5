//! The resources watched on a connection: asked once of the server however many want to hear of them, and until the last
//! of them does not any more.
//!
//! One at a time is said of a resource, so that what the server was told last is what is wanted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::model::SubscriptionFilter;
use serde_json::{Map, Value};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{CallError, Connection, Era, connection::listen};

/// What is watched, by URI.
#[derive(Default)]
pub(super) struct Watches(Mutex<HashMap<String, Watched>>);

#[derive(Default)]
struct Watched {
    /// How many want to hear of it.
    by: usize,
    /// Held while the server is told.
    told: Arc<tokio::sync::Mutex<Told>>,
}

/// What the server was told of a resource last.
#[derive(Default)]
enum Told {
    #[default]
    Nothing,
    /// Up to 2025-11-25: that it is wanted.
    Subscribed,
    /// From 2026-07-28: it is listened to until this is dropped.
    Listening { _until: DropGuard },
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody wants to hear of a resource until this is dropped.
pub struct Watch {
    connection: Arc<Connection>,
    uri: String,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watches = self.connection.watches.lock();
        let Some(watched) = watches.get_mut(&self.uri) else { return };
        watched.by = watched.by.saturating_sub(1);
        if watched.by > 0 {
            return;
        }
        drop(watches);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connection, uri) = (self.connection.clone(), self.uri.clone());
        runtime.spawn(async move {
            // The server may be gone, or be done with it.
            let _ = connection.tell_watched(&uri).await;
        });
    }
}

impl Connection {
    /// Asks to be told of changes of a resource, for as long as what this gives is kept.
    ///
    /// # Errors
    /// [`CallError`]: the server does not do that, or is gone.
    pub async fn watch(self: &Arc<Self>, uri: &str) -> Result<Watch, CallError> {
        self.watches.lock().entry(uri.to_owned()).or_default().by += 1;
        let watch = Watch { connection: self.clone(), uri: uri.to_owned() };
        self.tell_watched(uri).await?;
        Ok(watch)
    }

    /// Tells the server whether a resource is wanted now, unless that is what it was told last.
    async fn tell_watched(&self, uri: &str) -> Result<(), CallError> {
        let Some(told) = self.watches.lock().get(uri).map(|watched| watched.told.clone()) else { return Ok(()) };
        let mut told = told.lock().await;
        let wanted = self.watches.lock().get(uri).is_some_and(|watched| watched.by > 0);
        match (wanted, &*told, self.identity.era) {
            (true, Told::Nothing, Era::Legacy) => {
                // Said before it is: who gives up meanwhile leaves a server that may have heard it.
                *told = Told::Subscribed;
                if let Err(error) = self.request("resources/subscribe", of(uri), None, None).await {
                    *told = Told::Nothing;
                    return Err(error);
                }
            }
            (true, Told::Nothing, Era::Stateless) => *told = Told::Listening { _until: self.listen_to(uri) },
            (false, Told::Subscribed, _) => {
                *told = Told::Nothing;
                self.request("resources/unsubscribe", of(uri), None, None).await?;
            }
            (false, Told::Listening { .. }, _) => *told = Told::Nothing,
            (true, Told::Subscribed | Told::Listening { .. }, _) | (false, Told::Nothing, _) => {}
        }
        if !wanted {
            let mut watches = self.watches.lock();
            if watches.get(uri).is_some_and(|watched| watched.by == 0) {
                watches.remove(uri);
            }
        }
        Ok(())
    }

    fn listen_to(&self, uri: &str) -> DropGuard {
        let mut filter = SubscriptionFilter::default();
        filter.resource_subscriptions = Some(vec![uri.to_owned()]);
        let (peer, gone, end) = (self.peer.clone(), self.tap.gone.clone(), CancellationToken::new());
        let ended = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = listen(peer, filter) => {}
                () = gone.cancelled() => {}
                () = ended.cancelled() => {}
            }
        });
        end.drop_guard()
    }
}

fn of(uri: &str) -> Map<String, Value> {
    Map::from_iter([("uri".to_owned(), uri.into())])
}
