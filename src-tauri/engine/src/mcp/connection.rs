//! One live connection to one server: listings, calls, the end.
//!
//! Every request that returns content is sent and answered as JSON. How a connection comes about is in `opening`, how a
//! call goes through its rounds in `rounds`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleClient,
    model::{
        ClientRequest, CustomRequest, GetExtensions as _, RequestId, ServerCapabilities, ServerResult,
        SubscriptionFilter,
    },
    service::{Peer, PeerRequestOptions, RequestHandle, RunningServiceCancellationToken, ServiceError},
};
use samplegate_core::identity::{Identity, Launch, Says};
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Asker, CallError, CallRef, Era, EraHint, Marks, News, ServerIdentity, Sight, TransportKind,
    flight::RpcError,
    remote,
    tap::{CallTag, Tap},
    watches::Watches,
};

/// A listing is given up beyond this many pages.
const MAX_PAGES: usize = 1000;
const METHOD_NOT_FOUND: i64 = -32601;
const LOG_LEVEL: &str = "info";
/// Where a request of 2026-07-28 says which log messages it wants.
pub(crate) const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";
const RELISTEN: Duration = Duration::from_secs(5);

/// What a server lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
}

impl Listing {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// The member of the result that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    fn offered(self, capabilities: &ServerCapabilities) -> bool {
        match self {
            Self::Tools => capabilities.tools.is_some(),
            Self::Prompts => capabilities.prompts.is_some(),
            Self::Resources | Self::ResourceTemplates => capabilities.resources.is_some(),
        }
    }
}

/// A live connection.
pub struct Connection {
    pub(super) tap: Arc<Tap>,
    pub(super) asker: Arc<dyn Asker>,
    pub(super) peer: Peer<RoleClient>,
    pub(super) identity: ServerIdentity,
    /// What was started or reached.
    pub(super) launch: Launch,
    pub(super) capabilities: ServerCapabilities,
    pub(super) max_rounds: u32,
    pub(super) marks: Marks,
    /// What is watched on it.
    pub(super) watches: Watches,
    /// The level of log messages a host wanted last.
    pub(super) level: Mutex<Option<String>>,
    pub(super) stop: Mutex<Option<RunningServiceCancellationToken>>,
    /// Fires when the connection's task has ended, and with it the transport.
    pub(super) stopped: CancellationToken,
}

impl Connection {
    /// Who the server says it is.
    pub fn identity(&self) -> &ServerIdentity {
        &self.identity
    }

    /// What was seen of what the server is; known from the first listing of its tools on.
    pub fn sight(&self) -> Sight {
        self.tap.sighting.sight()
    }

    /// Its answer to the handshake, as it came; null where it is not known.
    pub fn welcome(&self) -> &Value {
        self.tap.welcome.get().unwrap_or(&Value::Null)
    }

    /// What it tells from now on to nobody's call.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.tap.relay.listen()
    }

    /// Whether a call, a request or a question is under way.
    pub fn is_busy(&self) -> bool {
        self.tap.is_busy()
    }

    /// The capabilities it declared, as JSON.
    pub fn capabilities(&self) -> Value {
        serde_json::to_value(&self.capabilities).unwrap_or_default()
    }

    /// What its questions name as their session.
    pub fn session(&self) -> Uuid {
        self.tap.session
    }

    /// The same, where it is one that lasts: over HTTP the newer revision has no sessions.
    pub(super) fn lasting_session(&self) -> Option<Uuid> {
        let lasts = self.identity.era == Era::Legacy || self.identity.transport == TransportKind::Stdio;
        lasts.then(|| self.session())
    }

    /// What to remember for the next connection.
    pub fn era_hint(&self) -> EraHint {
        // A slow start can look like the older era; then it is asked again next time.
        match self.tap.heard() {
            _ if self.identity.transport == TransportKind::Sse => EraHint::WasSse,
            (_, true) => EraHint::Unknown,
            (_, false) => EraHint::Was(self.identity.era),
        }
    }

    /// The last lines on standard error; empty over HTTP.
    pub fn stderr(&self) -> Vec<String> {
        self.tap.stderr.lines()
    }

    /// Waits for the end of the connection and says why it ended.
    pub async fn closed(&self) -> String {
        self.tap.gone.cancelled().await;
        self.tap.why()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.tap.gone.is_cancelled()
    }

    /// Everything of one kind the server lists, all pages, as the JSON it sent; empty where it does not offer the kind.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list(&self, listing: Listing) -> Result<Vec<Value>, CallError> {
        let mut items = Vec::new();
        if !listing.offered(&self.capabilities) {
            return Ok(items);
        }
        let mut cursor: Option<Value> = None;
        for _ in 0..MAX_PAGES {
            let mut params = Map::new();
            if let Some(cursor) = cursor.take() {
                params.insert("cursor".to_owned(), cursor);
            }
            let result = self.request(listing.method(), params, None, None).await?;
            let Value::Object(mut page) = result else {
                return Err(CallError::BadResult(format!("{} has no object", listing.method())));
            };
            match page.remove(listing.member()) {
                Some(Value::Array(found)) => items.extend(found),
                _ => {
                    return Err(CallError::BadResult(format!("{} has no {}", listing.method(), listing.member())));
                }
            }
            match page.remove("nextCursor").filter(|cursor| !cursor.is_null()) {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
        Err(CallError::BadResult(format!("{} does not end", listing.method())))
    }

    /// All tools. A server that knows no such listing has none.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn tools(&self) -> Result<Vec<Value>, CallError> {
        let tools = match self.list(Listing::Tools).await {
            Err(CallError::Protocol { code: METHOD_NOT_FOUND, .. }) => Vec::new(),
            listed => listed?,
        };
        let changes = self.tap.sighting.changes();
        let says = Says {
            name: self.identity.reported_name.clone(),
            version: self.identity.version.clone(),
            instructions: self.identity.instructions.clone(),
        };
        self.tap.sighting.note(Identity::new(self.launch.clone(), says, &tools), changes).await;
        Ok(tools)
    }

    /// Says that the tools are there now, as if the server had: they could not be listed before.
    pub(super) fn tools_came(&self) {
        self.tap.relay.tell(News { method: "notifications/tools/list_changed".to_owned(), params: Value::Null });
    }

    /// Makes a call and puts every question in it to the asker. Returns the protocol's result object as it came.
    ///
    /// When `cancel` fires, or the future is dropped, the server is told and open questions of the call are withdrawn.
    ///
    /// # Errors
    /// [`CallError`]. A tool's own error is a result, not an error.
    pub async fn call(
        &self,
        call: CallRef,
        cancel: CancellationToken,
        news: Option<mpsc::Sender<News>>,
    ) -> Result<Value, CallError> {
        let params = call.kind.params();
        self.drive(call, params, cancel, news).await
    }

    /// Makes a call with exactly these params, which are those of a host. Its questions go to the asker.
    ///
    /// # Errors
    /// [`CallError`]. A tool's own error is a result, not an error.
    pub async fn relay_call(
        &self,
        call: CallRef,
        params: Map<String, Value>,
        cancel: CancellationToken,
        news: mpsc::Sender<News>,
    ) -> Result<Value, CallError> {
        self.drive(call, params, cancel, Some(news)).await
    }

    /// Sends a request that asks nothing back, with exactly these params, and gives the result as it came.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn relay(
        &self,
        method: &str,
        params: Map<String, Value>,
        cancel: &CancellationToken,
    ) -> Result<Value, CallError> {
        self.request(method, params, None, Some(cancel)).await
    }

    /// Sees to it that a server of the older era sends log messages from this level on, as far as it has levels.
    pub async fn want_level(&self, level: &str, cancel: &CancellationToken) {
        let before = self.level.lock().unwrap_or_else(PoisonError::into_inner).replace(level.to_owned());
        if self.capabilities.logging.is_some() && before.as_deref() != Some(level) {
            let params = Map::from_iter([("level".to_owned(), level.into())]);
            let asked = self.request("logging/setLevel", params, None, Some(cancel));
            // A server that does not answer this one is called all the same.
            let _ = tokio::time::timeout(RELISTEN, asked).await;
        }
    }

    /// Ends the connection: an HTTP session is deleted, a process ended with its group. Safe to call twice.
    pub async fn close(&self) {
        self.tap.end("the connection was closed");
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stop) = stop {
            stop.cancel();
        }
        self.stopped.cancelled().await;
    }

    pub(super) async fn request(
        &self,
        method: &str,
        params: Map<String, Value>,
        tag: Option<CallTag>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Value, CallError> {
        let mut params = params;
        if self.identity.era == Era::Stateless && self.capabilities.logging.is_some() {
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry(LOG_LEVEL_KEY).or_insert_with(|| LOG_LEVEL.into());
            }
        }
        let params = (!params.is_empty()).then_some(Value::Object(params));
        let mut request = CustomRequest::new(method, params);
        if let Some(tag) = tag {
            request.extensions_mut().insert(tag);
        }
        let sent = self
            .peer
            .send_cancellable_request(ClientRequest::CustomRequest(request), PeerRequestOptions::no_options())
            .await;
        let handle = sent.map_err(|error| self.service_error(error))?;
        let id = handle.id.clone();
        let mut pending = Pending { id: id.clone(), handle: Some(handle), tap: self.tap.clone() };
        let never = CancellationToken::new();
        let received = tokio::select! {
            received = pending.received() => received,
            () = cancel.unwrap_or(&never).cancelled() => return Err(CallError::Cancelled),
            () = self.tap.gone.cancelled() => {
                pending.settle();
                return Err(self.gone());
            }
        };
        pending.settle();
        let shown = match received {
            Ok(Ok(shown)) => shown,
            Ok(Err(error)) => return Err(self.service_error(error)),
            Err(_) => return Err(self.broken()),
        };
        match self.tap.outcome(&id) {
            Some(Ok(result)) => Ok(keep_allowed_tools(result, &shown)),
            Some(Err(RpcError { code, message, data })) => Err(CallError::Protocol { code, message, data }),
            None => Err(CallError::BadResult("the response was lost".to_owned())),
        }
    }

    fn service_error(&self, error: ServiceError) -> CallError {
        match error {
            ServiceError::McpError(error) => {
                CallError::Protocol { code: error.code.0.into(), message: error.message.into_owned(), data: error.data }
            }
            ServiceError::Cancelled { .. } => CallError::Cancelled,
            ServiceError::TransportSend(error) if remote::is_about_sign_in(error.error.as_ref()) => {
                let (why, server) = (remote::describe(error.error.as_ref()), &self.identity.name);
                CallError::Closed {
                    why: format!(
                        "{why}: run `samplegate server login {server}`, or sign in in the settings window, and call again"
                    ),
                    stderr: Vec::new(),
                }
            }
            ServiceError::TransportSend(error) => {
                CallError::Closed { why: remote::describe(error.error.as_ref()), stderr: self.stderr() }
            }
            _ => self.broken(),
        }
    }

    /// The answer will not come, though the connection may be usable.
    fn broken(&self) -> CallError {
        if self.is_closed() {
            return self.gone();
        }
        CallError::Closed { why: "the connection broke before the answer came".to_owned(), stderr: self.stderr() }
    }

    fn gone(&self) -> CallError {
        CallError::Closed { why: self.tap.why(), stderr: self.stderr() }
    }
}

/// Over HTTP the library leaves out tools whose header annotations are not valid; so do we.
fn keep_allowed_tools(mut result: Value, shown: &ServerResult) -> Value {
    if let ServerResult::ListToolsResult(list) = shown
        && let Some(tools) = result.get_mut("tools").and_then(Value::as_array_mut)
    {
        tools.retain(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            list.tools.iter().any(|kept| Some(kept.name.as_ref()) == name)
        });
    }
    result
}

/// A request on its way; when dropped before its response came, the server is told.
struct Pending {
    id: RequestId,
    handle: Option<RequestHandle<RoleClient>>,
    tap: Arc<Tap>,
}

impl Pending {
    async fn received(&mut self) -> Result<Result<ServerResult, ServiceError>, tokio::sync::oneshot::error::RecvError> {
        match &mut self.handle {
            Some(handle) => (&mut handle.rx).await,
            None => std::future::pending().await,
        }
    }

    fn settle(&mut self) {
        self.handle = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.tap.forget(&self.id);
        let Some(handle) = self.handle.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(handle.cancel(Some("the caller gave up".to_owned())));
        }
    }
}

impl Connection {
    /// Asks for log messages and list changes, in the way of the era.
    pub(super) async fn ask_for_news(&self) {
        match self.identity.era {
            Era::Legacy => {
                if self.capabilities.logging.is_some() {
                    let params = Map::from_iter([("level".to_owned(), LOG_LEVEL.into())]);
                    let asked = self.request("logging/setLevel", params, None, None);
                    // A server that does not answer this one must not keep the connection from being used.
                    let _ = tokio::time::timeout(RELISTEN, asked).await;
                }
            }
            Era::Stateless => {
                let filter = self.changes();
                if filter != SubscriptionFilter::default() {
                    let (peer, gone) = (self.peer.clone(), self.tap.gone.clone());
                    tokio::spawn(async move {
                        gone.run_until_cancelled(listen(peer, filter)).await;
                    });
                }
            }
        }
    }

    fn changes(&self) -> SubscriptionFilter {
        let yes = |offered: Option<bool>| offered.filter(|offered| *offered);
        let mut filter = SubscriptionFilter::default();
        filter.tools_list_changed = yes(self.capabilities.tools.as_ref().and_then(|tools| tools.list_changed));
        filter.prompts_list_changed = yes(self.capabilities.prompts.as_ref().and_then(|prompts| prompts.list_changed));
        filter.resources_list_changed =
            yes(self.capabilities.resources.as_ref().and_then(|resources| resources.list_changed));
        filter
    }
}

/// Keeps a subscription open. What comes on it was already noted by the tap.
pub(super) async fn listen(peer: Peer<RoleClient>, filter: SubscriptionFilter) {
    let mut pause = RELISTEN;
    loop {
        match peer.listen(filter.clone()).await {
            Ok(mut subscription) => {
                pause = RELISTEN;
                while let Ok(Some(_)) = subscription.next().await {}
            }
            // A server that has no subscriptions is not asked for ever.
            Err(ServiceError::McpError(_)) => return,
            Err(_) => pause = (pause * 2).min(Duration::from_secs(300)),
        }
        tokio::time::sleep(pause).await;
    }
}
