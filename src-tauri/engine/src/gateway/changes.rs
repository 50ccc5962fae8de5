//! What servers tell outside of calls, and servers that come and go: passed on to the hosts that want to hear it.
//!
//! A host's own connection tells that host. What the connection that is kept up to each server tells is for all of them,
//! but log messages: whose they are is not known.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use samplegate_core::settings::HostMode;
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast::error::RecvError, mpsc};
use uuid::Uuid;

use super::{
    Endpoint, Gateway,
    failure::Failure,
    fit::SUBSCRIPTION_ID,
    names,
    request::Request,
    session::{MOST_OF_A_HOST, Session},
};
use crate::mcp::{Connection, LogLevel, News, Watch};

/// The lists that can change, as a subscription names them.
const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];
const RESOURCES: &str = "resourceSubscriptions";
const UPDATED: &str = "notifications/resources/updated";
const COMPLETE: &str = "notifications/elicitation/complete";

/// The open subscriptions of hosts of 2026-07-28.
#[derive(Default, Clone)]
pub(super) struct Listeners(Arc<Mutex<HashMap<Uuid, Listener>>>);

struct Listener {
    host: String,
    endpoint: Endpoint,
    /// The request that it is.
    id: Value,
    /// The methods it wants.
    lists: HashSet<&'static str>,
    /// The resources it wants, by server.
    resources: HashSet<(String, String)>,
    out: mpsc::Sender<Value>,
}

impl Listeners {
    /// Adds one, which hears this first: nothing that changes from then on is missed.
    fn add(&self, key: Uuid, listener: Listener, first: Value) -> Result<(), Failure> {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.values().filter(|other| other.host == listener.host).count() >= MOST_OF_A_HOST {
            return Err(Failure::internal(format!("this host has {MOST_OF_A_HOST} subscriptions: end one first")));
        }
        // A host that went away hears nothing.
        let _ = listener.out.try_send(first);
        listeners.insert(key, listener);
        Ok(())
    }

    fn remove(&self, key: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn tell(&self, method: &str, params: &Value, wants: impl Fn(&Listener) -> bool) {
        let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.values().filter(|listener| wants(listener)) {
            let mut params = params.as_object().cloned().unwrap_or_default();
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            meta[SUBSCRIPTION_ID] = listener.id.clone();
            // A host that does not read misses some.
            let _ = listener.out.try_send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
        }
    }
}

impl Request {
    /// Tells the host of changes until it goes away.
    pub(super) async fn subscribe(&self) -> Result<Value, Failure> {
        let Some(wanted) = self.params.get("notifications").and_then(Value::as_object) else {
            return Err(Failure::params("Invalid params: notifications must be an object"));
        };
        let mut accepted = Map::new();
        let mut lists = HashSet::new();
        for (name, method) in LISTS {
            if wanted.get(name) == Some(&Value::Bool(true)) {
                accepted.insert(name.to_owned(), true.into());
                lists.insert(method);
            }
        }
        let (mut resources, mut watches, mut uris) = (HashSet::new(), Vec::<Watch>::new(), Vec::new());
        let given = wanted.get(RESOURCES).and_then(Value::as_array);
        for uri in given.into_iter().flatten().filter_map(Value::as_str) {
            let Ok(target) = self.target("uri", uri) else { continue };
            let Ok(connection) = self.connection(&target.server).await else { continue };
            if let Ok(guard) = connection.watch(&target.name).await {
                watches.push(guard);
                resources.insert((target.server, target.name));
                uris.push(Value::from(uri));
            }
        }
        if given.is_some() {
            accepted.insert(RESOURCES.to_owned(), uris.into());
        }
        let key = Uuid::now_v7();
        let acknowledged = json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"notifications": accepted, "_meta": {SUBSCRIPTION_ID: self.id}},
        });
        let listener = Listener {
            host: self.caller.name.clone(),
            endpoint: self.endpoint.clone(),
            id: self.id.clone(),
            lists,
            resources,
            out: self.out.clone(),
        };
        let listeners = self.gateway.0.listeners.clone();
        listeners.add(key, listener, acknowledged)?;
        self.cancel.cancelled().await;
        listeners.remove(key);
        drop(watches);
        // For who listens until the gateway ends.
        Ok(json!({"_meta": {SUBSCRIPTION_ID: self.id}}))
    }
}

impl Gateway {
    /// Hears what a connection tells, from now on and once; `host` is whose own it is; none: it is for all of them.
    pub(super) fn hear(&self, server: &str, host: Option<&str>, connection: &Arc<Connection>) {
        let session = connection.session();
        if !self.0.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(session) {
            return;
        }
        let host = host.map(str::to_owned);
        let (gateway, server, connection) = (self.clone(), server.to_owned(), connection.clone());
        let mut news = connection.news();
        tokio::spawn(async move {
            if host.is_some() {
                gateway.0.engine.compare_line(&server, &connection).await;
            }
            loop {
                let told = tokio::select! {
                    told = news.recv() => told,
                    _ = connection.closed() => break,
                    () = gateway.0.stop.cancelled() => break,
                };
                match told {
                    Ok(news) => gateway.pass_on(&server, host.as_deref(), &news, &connection).await,
                    Err(RecvError::Lagged(_)) => {
                        // Any of them may have been among what was missed.
                        for (_, method) in LISTS {
                            gateway.list_changed(&server, host.as_deref(), method, &Value::Null);
                        }
                    }
                    Err(RecvError::Closed) => break,
                }
            }
            gateway.0.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        });
    }

    async fn pass_on(&self, server: &str, host: Option<&str>, news: &News, connection: &Connection) {
        match news.method.as_str() {
            "notifications/message" => {
                for session in self.sessions_at(server, host).filter(|_| host.is_some()) {
                    if session.level().is_none_or(|level| LogLevel::is_at_least(&news.params, &level)) {
                        session.notify(&news.method, &news.params);
                    }
                }
            }
            // A host whose questions are answered here was never asked to open an address.
            COMPLETE => {
                let settings = self.0.engine.config().settings();
                let mode = host.and_then(|host| settings.hosts.get(host)).map(|host| host.elicitation);
                if mode.is_some_and(|mode| mode != HostMode::Answer) {
                    let sessions = self.sessions_at(server, host).filter(|session| session.side.opens_addresses());
                    sessions.for_each(|session| session.notify(&news.method, &news.params));
                }
            }
            UPDATED => self.updated(server, host, &news.params),
            list => {
                if host.is_some() && list == LISTS[0].1 {
                    self.0.engine.compare_line(server, connection).await;
                }
                self.list_changed(server, host, list, &news.params);
            }
        }
    }

    /// Tells who can see a server that one of its lists changed.
    pub(super) fn list_changed(&self, server: &str, host: Option<&str>, method: &str, params: &Value) {
        let params = without_subscription(params);
        for session in self.sessions_at(server, host) {
            session.notify(method, &params);
        }
        self.0.listeners.tell(method, &params, |listener| {
            let theirs = host.is_none_or(|host| listener.host == host);
            theirs && listener.endpoint.has(server) && listener.lists.contains(method)
        });
    }

    fn updated(&self, server: &str, host: Option<&str>, params: &Value) {
        let Some(uri) = params.get("uri").and_then(Value::as_str) else { return };
        let as_is = without_subscription(params);
        let mut renamed = as_is.clone();
        renamed["uri"] = names::uri(server, uri).into();
        let at = |endpoint: &Endpoint| match endpoint {
            Endpoint::All => &renamed,
            Endpoint::One(_) => &as_is,
        };
        for session in self.sessions_at(server, host).filter(|session| session.watches(server, uri)) {
            session.notify(UPDATED, at(&session.endpoint));
        }
        let key = (server.to_owned(), uri.to_owned());
        for endpoint in [Endpoint::All, Endpoint::One(server.to_owned())] {
            self.0.listeners.tell(UPDATED, at(&endpoint), |listener| {
                let theirs = host.is_none_or(|host| listener.host == host);
                theirs && listener.endpoint == endpoint && listener.resources.contains(&key)
            });
        }
    }

    fn sessions_at(&self, server: &str, host: Option<&str>) -> impl Iterator<Item = Arc<Session>> {
        let sessions: Vec<_> = self
            .sessions()
            .values()
            .filter(|session| session.endpoint.has(server) && host.is_none_or(|host| session.host == host))
            .cloned()
            .collect();
        sessions.into_iter()
    }

    /// Tells everybody of servers that came, went or were started anew.
    pub(super) async fn follow_servers(&self) {
        let mut changed = self.0.engine.servers.changed();
        let mut before = self.connected();
        loop {
            let now = self.connected();
            let names: HashSet<&String> = before.keys().chain(now.keys()).collect();
            for name in names.into_iter().filter(|name| before.get(*name) != now.get(*name)) {
                for (_, method) in LISTS {
                    self.list_changed(name, None, method, &Value::Null);
                }
            }
            before = now;
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// The connections that are kept up, by server. They are heard.
    fn connected(&self) -> BTreeMap<String, Uuid> {
        let settings = self.0.engine.config().settings();
        let connections = settings.servers.keys().filter_map(|name| Some((name, self.0.engine.servers.get(name)?)));
        connections
            .map(|(name, connection)| {
                self.hear(name, None, &connection);
                (name.clone(), connection.session())
            })
            .collect()
    }
}

/// The params without the subscription of ours that they came on.
fn without_subscription(params: &Value) -> Value {
    let mut params = params.clone();
    if let Some(object) = params.as_object_mut() {
        let is_empty = object.get_mut("_meta").and_then(Value::as_object_mut).is_some_and(|meta| {
            meta.remove(SUBSCRIPTION_ID);
            meta.is_empty()
        });
        if is_empty {
            object.remove("_meta");
        }
    }
    params
}
