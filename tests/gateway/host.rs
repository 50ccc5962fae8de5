//! A host without a library, of either era, and a home with a gateway.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use reqwest::{Response, header::HeaderMap};
use samplegate_engine::{
    engine::GatewayState,
    wire::{HostInput, HostMode, ToolCalls},
};
use serde_json::{Value, json};
use support::home::{PATIENCE, Running};

/// The eras a host can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Stateless,
}

pub(crate) const ERAS: [Era; 2] = [Era::Legacy, Era::Stateless];

/// A server of `raw_passing.py` of this era.
pub(crate) fn passing(name: &str, era: Era, more: &[&str]) -> String {
    let args: Vec<&str> = if era == Era::Stateless { vec!["--stateless"] } else { vec![] }
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    format!("[servers.{name}]\n{}sampling = \"ask\"\n", support::servers::python("raw_passing.py", &args))
}

/// A home whose gateway listens.
pub(crate) async fn listening(config: &str) -> (Running, u16) {
    let home = Running::start(config).await;
    home.engine.serve_gateway(Some(0));
    let mut states = home.engine.gateway();
    let state = states.wait_for(|state| *state != GatewayState::Off).await.unwrap().clone();
    let GatewayState::Listening { port } = state else { panic!("{state:?}") };
    (home, port)
}

/// Lets a host in; gives its token.
pub(crate) fn token(home: &Running, name: &str) -> String {
    token_of(home, name, HostMode::Answer)
}

/// Lets a host in whose questions are answered like this; gives its token.
pub(crate) fn token_of(home: &Running, name: &str, mode: HostMode) -> String {
    let input = HostInput {
        name: name.into(),
        sampling: mode,
        elicitation: mode,
        tool_calls: ToolCalls::Off,
        review_results: false,
        limits: None,
    };
    home.engine.add_host(input).unwrap().token
}

/// A connected host.
pub(crate) struct Host {
    pub(crate) era: Era,
    pub(crate) url: String,
    token: String,
    session: Option<String>,
    can: Value,
    /// What it got for its first word.
    pub(crate) welcome: Value,
    http: reqwest::Client,
    next: AtomicU64,
}

/// A response as it comes in.
pub(crate) struct Coming {
    stream: futures::stream::BoxStream<'static, Value>,
}

impl Coming {
    /// The next message.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message in time")
    }

    /// What comes until the response, and that.
    pub(crate) async fn all(mut self) -> (Vec<Value>, Value) {
        let mut told = Vec::new();
        while let Some(message) = self.next().await {
            if message.get("method").is_none() {
                return (told, message);
            }
            told.push(message);
        }
        panic!("no response, but {told:?}");
    }
}

impl Host {
    /// Connects to all servers, or to one.
    pub(crate) async fn connect(era: Era, port: u16, server: Option<&str>, token: &str) -> Self {
        Self::that_can(json!({}), era, port, server, token).await
    }

    /// Connects as a host with these capabilities.
    pub(crate) async fn that_can(can: Value, era: Era, port: u16, server: Option<&str>, token: &str) -> Self {
        let url = format!("http://127.0.0.1:{port}/mcp{}", server.map(|name| format!("/{name}")).unwrap_or_default());
        let (http, next) = (reqwest::Client::new(), AtomicU64::new(1));
        let mut host = Self { era, url, token: token.into(), session: None, can, welcome: Value::Null, http, next };
        match era {
            Era::Legacy => {
                let params = json!({"protocolVersion": "2025-11-25", "capabilities": host.can, "clientInfo": {"name": "h", "version": "1"}});
                let response = host.post(&host.message("initialize", params)).await;
                assert_eq!(response.status(), 200);
                host.session = Some(response.headers()["mcp-session-id"].to_str().unwrap().to_owned());
                host.welcome = coming(response).all().await.1["result"].clone();
                host.notify("notifications/initialized", json!({})).await;
            }
            Era::Stateless => host.welcome = host.ask("server/discover", json!({})).await,
        }
        host
    }

    fn message(&self, method: &str, mut params: Value) -> Value {
        if self.era == Era::Stateless {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            meta["io.modelcontextprotocol/clientCapabilities"] = self.can.clone();
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "h", "version": "1"});
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    fn headers(&self, message: Option<&Value>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        if let Some(session) = &self.session {
            headers.insert("mcp-session-id", session.parse().unwrap());
        }
        if let (Era::Stateless, Some(message)) = (self.era, message) {
            headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
            headers.insert("mcp-method", message["method"].as_str().unwrap().parse().unwrap());
            let params = &message["params"];
            let named = match message["method"].as_str().unwrap() {
                "tools/call" | "prompts/get" => params["name"].as_str(),
                "resources/read" => params["uri"].as_str(),
                _ => None,
            };
            if let Some(name) = named {
                headers.insert("mcp-name", name.parse().unwrap());
            }
        }
        headers
    }

    async fn post(&self, message: &Value) -> Response {
        self.try_post(message).await.unwrap()
    }

    async fn try_post(&self, message: &Value) -> reqwest::Result<Response> {
        let request = self.http.post(&self.url).headers(self.headers(Some(message))).json(message);
        request.header("accept", "application/json, text/event-stream").send().await
    }

    /// Sends a notification.
    pub(crate) async fn notify(&self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        assert_eq!(self.post(&message).await.status(), 202);
    }

    /// Answers a request that came, in a session.
    pub(crate) async fn answer(&self, request: &Value, mut answer: Value) {
        answer["jsonrpc"] = "2.0".into();
        answer["id"] = request["id"].clone();
        assert_eq!(self.post(&answer).await.status(), 202);
    }

    /// Sends a request; gives its id and what comes.
    pub(crate) async fn start(&self, method: &str, params: Value) -> (Value, Coming) {
        let message = self.message(method, params);
        let response = self.post(&message).await;
        (message["id"].clone(), coming(response))
    }

    /// Sends a request to a gateway that may go away before it begins to answer; gives what comes until then.
    #[cfg(target_os = "linux")]
    pub(crate) async fn until_it_goes(&self, method: &str, params: Value) -> Vec<Value> {
        let mut came = Vec::new();
        if let Ok(response) = self.try_post(&self.message(method, params)).await {
            let mut coming = coming(response);
            while let Some(message) = coming.next().await {
                came.push(message);
            }
        }
        came
    }

    /// Sends a request and gives its response, result or error.
    pub(crate) async fn response(&self, method: &str, params: Value) -> Value {
        self.start(method, params).await.1.all().await.1
    }

    /// Sends a request and gives its result.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let response = self.response(method, params).await;
        assert!(response.get("result").is_some(), "{method}: {response}");
        response["result"].clone()
    }

    /// Calls a tool.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Listens for changes, and is sure to.
    pub(crate) async fn listen(&self, resources: &[&str]) -> Coming {
        match self.era {
            Era::Legacy => {
                let request =
                    self.http.get(&self.url).headers(self.headers(None)).header("accept", "text/event-stream");
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                for uri in resources {
                    self.ask("resources/subscribe", json!({"uri": uri})).await;
                }
                coming(response)
            }
            Era::Stateless => {
                let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": resources});
                let (id, mut coming) = self.start("subscriptions/listen", json!({"notifications": wanted})).await;
                let first = coming.next().await.unwrap();
                assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
                assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
                assert_eq!(first["params"]["notifications"], wanted);
                coming
            }
        }
    }

    /// What its session is called.
    pub(crate) fn session_id(&self) -> String {
        self.session.clone().unwrap()
    }

    /// Ends the session, where there is one.
    pub(crate) async fn end(self) {
        if self.session.is_some() {
            let ended = self.http.delete(&self.url).headers(self.headers(None)).send().await.unwrap();
            assert_eq!(ended.status(), 204);
        }
    }
}

fn coming(response: Response) -> Coming {
    let is_events = response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream");
    if !is_events {
        let one = futures::stream::once(async move { response.json().await.unwrap() });
        return Coming { stream: one.boxed() };
    }
    let chunks = response.bytes_stream();
    let events = futures::stream::unfold((chunks.boxed(), String::new()), |(mut chunks, mut text)| async move {
        loop {
            if let Some((event, rest)) = text.clone().split_once("\n\n") {
                text = rest.to_owned();
                let data = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect::<String>();
                if !data.is_empty() {
                    return Some((serde_json::from_str(&data).unwrap(), (chunks, text)));
                }
                continue;
            }
            match chunks.next().await {
                Some(Ok(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Some(Err(_)) | None => return None,
            }
        }
    });
    Coming { stream: events.boxed() }
}
