//! A remote MCP server that wants a sign-in, and its authorization server, in one: what a real pair does, and, on request,
//! what a hostile one would.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the pair does, to be changed in the middle of a test.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Put over the authorization server's metadata.
    pub metadata: Value,
    /// Put over the resource's metadata.
    pub resource: Value,
    /// Seconds a token lasts.
    pub expires_in: u64,
    /// What it does with refresh tokens.
    pub refresh: Refresh,
    /// Put over the parameters of the redirect; null leaves one out.
    pub redirect: Value,
    /// Issues tokens for this resource instead.
    pub audience: Option<String>,
    /// The secret that the client id `given` has to show.
    pub secret: Option<String>,
}

/// What becomes of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// A new pair; the old one is worth nothing any more.
    Rotates,
    /// It is refused.
    Refused,
    /// The server fails.
    Broken,
}

/// What it saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// The parameters of each authorization request.
    pub authorized: Vec<HashMap<String, String>>,
    /// The form of each token request.
    pub tokens: Vec<HashMap<String, String>>,
    /// What was registered.
    pub registered: Vec<Value>,
    /// What was revoked.
    pub revoked: Vec<HashMap<String, String>>,
    /// All tokens and codes that it gave out.
    pub secrets: Vec<String>,
    /// The bearer tokens that the resource was shown.
    pub shown: Vec<String>,
    codes: HashMap<String, HashMap<String, String>>,
    /// Access tokens that are good: what for, and which scopes.
    good: HashMap<String, (String, String)>,
    refresh: HashMap<String, HashMap<String, String>>,
}

/// The running pair.
#[derive(Clone)]
pub struct SignInServer {
    /// Its origin.
    pub base: String,
    habits: Arc<Mutex<Habits>>,
    seen: Arc<Mutex<Seen>>,
}

type Fields = HashMap<String, String>;

impl SignInServer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let habits = Habits {
            metadata: json!({}),
            resource: json!({}),
            expires_in: 3600,
            refresh: Refresh::Rotates,
            redirect: json!({}),
            audience: None,
            secret: None,
        };
        let server = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            habits: Arc::new(Mutex::new(habits)),
            seen: Arc::default(),
        };
        let app = Router::new()
            .route("/.well-known/oauth-protected-resource/mcp", get(resource_metadata))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/register", post(register))
            .route("/revoke", post(revoke))
            .route("/mcp", post(mcp))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// The lines of its `[servers.NAME]` table.
    pub fn lines(&self) -> String {
        format!("url = \"{}/mcp\"\nlimits = \"none\"\n", self.base)
    }

    pub fn habits(&self) -> MutexGuard<'_, Habits> {
        self.habits.lock().unwrap()
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Makes every access token worth nothing.
    pub fn forget_tokens(&self) {
        self.seen().good.clear();
    }
}

fn over(mut document: Value, changes: &Value) -> Json<Value> {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(document.as_object_mut().unwrap().remove(name)),
            value => document[name] = value.clone(),
        }
    }
    Json(document)
}

async fn resource_metadata(State(server): State<SignInServer>) -> Json<Value> {
    let document = json!({"resource": format!("{}/mcp", server.base), "authorization_servers": [server.base]});
    over(document, &server.habits().resource)
}

async fn metadata(State(server): State<SignInServer>) -> Json<Value> {
    let base = &server.base;
    let document = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "revocation_endpoint": format!("{base}/revoke"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    });
    over(document, &server.habits().metadata)
}

async fn register(State(server): State<SignInServer>, Json(asked): Json<Value>) -> Response {
    let mut seen = server.seen();
    let id = format!("registered-{}", seen.registered.len());
    let answer = json!({"client_id": id, "redirect_uris": asked["redirect_uris"], "client_name": asked["client_name"]});
    seen.registered.push(asked);
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// The person says yes at once.
async fn authorize(State(server): State<SignInServer>, Query(asked): Query<Fields>) -> Redirect {
    let habits = server.habits().clone();
    let mut seen = server.seen();
    let code = format!("code-{}-{}", seen.secrets.len(), asked["state"]);
    seen.secrets.push(code.clone());
    seen.authorized.push(asked.clone());
    seen.codes.insert(code.clone(), asked.clone());
    let answer = json!({"code": code, "state": asked["state"], "iss": server.base});
    let Json(answer) = over(answer, &habits.redirect);
    let mut address = reqwest::Url::parse(&asked["redirect_uri"]).unwrap();
    for (name, value) in answer.as_object().unwrap() {
        address.query_pairs_mut().append_pair(name, value.as_str().unwrap());
    }
    Redirect::to(address.as_str())
}

async fn token(State(server): State<SignInServer>, headers: HeaderMap, Form(asked): Form<Fields>) -> Response {
    let habits = server.habits().clone();
    let mut seen = server.seen();
    seen.tokens.push(asked.clone());
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    if let Some(secret) = &habits.secret {
        let pair = base64::prelude::BASE64_STANDARD.encode(format!("given:{secret}"));
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if given != Some(&format!("Basic {pair}")) {
            return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
        }
    }
    let granted = if asked["grant_type"] == "refresh_token" {
        match habits.refresh {
            Refresh::Rotates => seen.refresh.remove(&asked["refresh_token"]),
            Refresh::Refused => None,
            Refresh::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    } else {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"]));
        seen.codes.remove(&asked["code"]).filter(|about| {
            about["code_challenge"] == challenge
                && about["code_challenge_method"] == "S256"
                && about["redirect_uri"] == asked["redirect_uri"]
        })
    };
    let Some(about) = granted.filter(|about| about["resource"] == asked["resource"]) else {
        return refused("invalid_grant");
    };
    let (access, refresh) = (format!("access-{}", seen.secrets.len()), format!("refresh-{}", seen.secrets.len()));
    seen.secrets.extend([access.clone(), refresh.clone()]);
    let scope = about.get("scope").cloned().unwrap_or_default();
    let audience = habits.audience.unwrap_or_else(|| about["resource"].clone());
    seen.good.insert(access.clone(), (audience, scope.clone()));
    seen.refresh.insert(refresh.clone(), about);
    Json(json!({"access_token": access, "token_type": "Bearer", "expires_in": habits.expires_in,
        "refresh_token": refresh, "scope": scope}))
    .into_response()
}

async fn revoke(State(server): State<SignInServer>, Form(asked): Form<Fields>) -> StatusCode {
    let mut seen = server.seen();
    seen.refresh.remove(&asked["token"]);
    seen.good.clear();
    seen.revoked.push(asked);
    StatusCode::OK
}

/// Two tools: `read` needs the scope `notes:read`, `write` needs `notes:write` too.
async fn mcp(State(server): State<SignInServer>, headers: HeaderMap, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap();
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut seen = server.seen();
    seen.shown.extend(token.map(str::to_owned));
    let base = &server.base;
    let good = token.and_then(|token| seen.good.get(token)).filter(|(audience, _)| *audience == format!("{base}/mcp"));
    let about = format!("resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp\"");
    let challenge = |status: StatusCode, text: String| (status, [(header::WWW_AUTHENTICATE, text)]).into_response();
    let Some((_, scope)) = good else {
        return challenge(StatusCode::UNAUTHORIZED, format!("Bearer {about}, scope=\"notes:read\""));
    };
    let writes = message["params"]["name"] == "write";
    if writes && !scope.split(' ').any(|scope| scope == "notes:write") {
        let text = format!("Bearer error=\"insufficient_scope\", scope=\"notes:write\", {about}");
        return challenge(StatusCode::FORBIDDEN, text);
    }
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    let result = match message["method"].as_str().unwrap_or_default() {
        "server/discover" => return StatusCode::BAD_REQUEST.into_response(),
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "notes", "version": "1"}}),
        "tools/list" => json!({"tools": [tool("read"), tool("write")]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "done"}]}),
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).into_response()
}
