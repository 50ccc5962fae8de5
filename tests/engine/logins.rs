//! Signing in to remote servers: the whole way with a real authorization server, and everything one can do wrong.

use std::{path::Path, sync::Arc};

use samplegate_engine::{
    engine::{Engine, Options},
    mcp::oauth::{LoginError, Revoked},
    wire::{ServerLogin, ServerState},
};
use serde_json::{Value, json};
use support::{
    home::{MemorySecrets, Running, options, text},
    oauth::{Refresh, SignInServer},
};
use tokio_util::sync::CancellationToken;

/// What a browser does: it goes where it is sent, and shows the last page.
async fn browse(address: &str) -> String {
    reqwest::get(address).await.unwrap().text().await.unwrap()
}

/// Signs in; gives the page that the person sees last.
async fn sign_in(engine: &Engine) -> (Result<(), LoginError>, String) {
    let login = match engine.begin_login("notes").await {
        Ok(login) => login,
        Err(samplegate_engine::engine::ServerError::Login(error)) => return (Err(error), String::new()),
        Err(error) => panic!("{error}"),
    };
    let address = login.address().to_owned();
    let browser = tokio::spawn(async move { browse(&address).await });
    let finished = login.finish(&CancellationToken::new(), false).await;
    (finished.map(drop), browser.await.unwrap())
}

fn view(home: &Running) -> (ServerState, Option<ServerLogin>) {
    let view = home.engine.list_servers().into_iter().find(|view| view.config.name == "notes").unwrap();
    (view.state, view.login)
}

async fn is_ready(home: &Running) {
    home.eventually(|| matches!(view(home).0, ServerState::Ready { .. }).then_some(())).await;
}

async fn needs_sign_in(home: &Running) {
    home.eventually(|| matches!(view(home).0, ServerState::NeedsSignIn { .. }).then_some(())).await;
}

async fn start(server: &SignInServer) -> Running {
    let home = Running::start(&format!("[servers.notes]\n{}", server.lines())).await;
    needs_sign_in(&home).await;
    home
}

async fn call(home: &Running, tool: &str) -> Result<Value, String> {
    home.call("notes", tool, json!({})).await.unwrap().result.map_err(|error| error.to_string())
}

/// Every byte under a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { std::fs::read(&path).unwrap_or_default() });
    }
    all
}

fn holds(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    let (state, login) = view(&home);
    let ServerState::NeedsSignIn { why } = state else { panic!("{state:?}") };
    assert!(why.contains("samplegate server login notes"), "{why}");
    assert_eq!(login, Some(ServerLogin::SignedOut { why: None }));
    assert!(server.seen().authorized.is_empty(), "nothing is asked for without a person");

    let (done, page) = sign_in(&home.engine).await;
    done.unwrap();
    assert!(page.contains("<h1>You are signed in</h1>"), "{page}");
    is_ready(&home).await;
    assert_eq!(text(&call(&home, "read").await.unwrap()), "done");
    {
        let seen = server.seen();
        let asked = &seen.authorized[0];
        assert_eq!(asked["resource"], format!("{}/mcp", server.base));
        assert_eq!((asked["scope"].as_str(), asked["code_challenge_method"].as_str()), ("notes:read", "S256"));
        assert_eq!(seen.tokens[0]["resource"], asked["resource"]);
        assert_eq!(seen.registered[0]["application_type"], "native");
        assert_eq!(seen.registered[0]["redirect_uris"], json!([asked["redirect_uri"]]));
        assert!(asked["redirect_uri"].starts_with("http://127.0.0.1:"), "{asked:?}");
    }
    let host = server.base.trim_start_matches("http://").to_owned();
    let signed_in = ServerLogin::SignedIn {
        host: host.clone(),
        scopes: vec!["notes:read".into()],
        wanted: Vec::new(),
        in_memory: false,
    };
    assert_eq!(view(&home).1, Some(signed_in));

    let revoked = home.engine.logout("notes").await.unwrap();
    assert_eq!(revoked, Revoked::Done);
    needs_sign_in(&home).await;
    assert_eq!(server.seen().revoked[0]["token_type_hint"], "refresh_token");
    assert!(call(&home, "read").await.unwrap_err().contains("samplegate server login notes"));

    // What was logged, and that no token is in any file.
    let logged = home.engine.store().list(Default::default()).await.map(|_| ()).is_ok();
    assert!(logged);
    let all = bytes(home.folder.path());
    assert!(holds(&all, &format!("Signed in to notes at {host}, for notes:read.")));
    assert!(holds(&all, "Signed out of notes."));
    let secrets = server.seen().secrets.clone();
    assert!(secrets.len() >= 3 && secrets.iter().all(|secret| !holds(&all, secret)), "a token is in a file");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_is_granted_by_signing_in_again() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    let why = call(&home, "write").await.unwrap_err();
    assert!(why.contains("notes:write") && why.contains("samplegate server login notes"), "{why}");
    is_ready(&home).await;
    let Some(ServerLogin::SignedIn { wanted, .. }) = view(&home).1 else { panic!("{:?}", view(&home)) };
    assert_eq!(wanted, ["notes:write"]);
    assert_eq!(text(&call(&home, "read").await.unwrap()), "done", "what was granted still holds");

    sign_in(&home.engine).await.0.unwrap();
    assert_eq!(server.seen().authorized[1]["scope"], "notes:read notes:write");
    assert_eq!(server.seen().registered.len(), 1, "the registration is used again");
    home.eventually(|| matches!(view(&home), (ServerState::Ready { .. }, Some(ServerLogin::SignedIn { wanted, .. })) if wanted.is_empty()).then_some(())).await;
    assert_eq!(text(&call(&home, "write").await.unwrap()), "done");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_once_for_all_and_a_refusal_asks_the_person() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    // Refused in the middle: eight calls at once use the refresh token once, which is worth nothing a second time.
    server.forget_tokens();
    let before = server.seen().tokens.len();
    let calls: Vec<_> = (0..8).map(|_| home.call("notes", "read", json!({}))).collect();
    for call in calls {
        assert_eq!(text(&call.await.unwrap().result.unwrap()), "done");
    }
    {
        let seen = server.seen();
        assert_eq!(seen.tokens.len() - before, 1, "{:?}", seen.tokens);
        let renewal = &seen.tokens[before];
        assert_eq!(renewal["grant_type"], "refresh_token");
        assert_eq!(renewal["resource"], format!("{}/mcp", server.base));
    }
    // The authorization server fails: the person is not asked, and told what failed.
    server.forget_tokens();
    server.habits().refresh = Refresh::Broken;
    let why = call(&home, "read").await.unwrap_err();
    assert!(why.contains("could not be renewed"), "{why}");
    assert!(!matches!(view(&home).0, ServerState::NeedsSignIn { .. }));
    // It refuses: only a person can help.
    server.habits().refresh = Refresh::Refused;
    let _ = call(&home, "read").await;
    needs_sign_in(&home).await;
    assert_eq!(view(&home).1, Some(ServerLogin::SignedOut { why: None }));
    server.habits().refresh = Refresh::Rotates;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_is_renewed_before_it_is_used() {
    let server = SignInServer::start().await;
    server.habits().expires_in = 5;
    let home = start(&server).await;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    assert_eq!(text(&call(&home, "read").await.unwrap()), "done");
    let seen = server.seen().tokens.iter().filter(|asked| asked["grant_type"] == "refresh_token").count();
    assert!(seen >= 1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_from_elsewhere_is_nothing() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    let cases = [
        (json!({"iss": "https://other.example"}), "does not belong to this sign-in"),
        (json!({"iss": null}), "does not belong to this sign-in"),
        (json!({"code": null, "error": "access_denied", "error_description": "no"}), "refused: access_denied: no"),
        (json!({"code": "invented"}), "gave no token"),
    ];
    for (redirect, why) in cases {
        server.habits().redirect = redirect;
        let (done, page) = sign_in(&home.engine).await;
        let told = done.unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
        assert!(page.contains("<h1>You are not signed in</h1>") && !page.contains("access_denied"), "{page}");
    }
    // Another state is not the one that is waited for; the person can still come back.
    server.habits().redirect = json!({"state": "wrong"});
    let login = home.engine.begin_login("notes").await.unwrap();
    let address = login.address().to_owned();
    let cancel = CancellationToken::new();
    let waiting = tokio::spawn({
        let cancel = cancel.clone();
        async move { login.finish(&cancel, false).await }
    });
    let page = browse(&address).await;
    assert!(page.contains("Nothing is here") && !page.contains("wrong"), "{page}");
    server.habits().redirect = json!({});
    assert!(browse(&address).await.contains("You are signed in"));
    waiting.await.unwrap().unwrap();
    home.engine.logout("notes").await.unwrap();
    // And can give up.
    let login = home.engine.begin_login("notes").await.unwrap();
    cancel.cancel();
    assert!(matches!(login.finish(&cancel, false).await, Err(LoginError::Cancelled)));
    assert_eq!(view(&home).1, Some(ServerLogin::SignedOut { why: None }));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_to_an_unsafe_place() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    let base = server.base.clone();
    let places = [
        (json!({"authorization_endpoint": "http://evil.example/authorize"}), json!({}), "not https"),
        (json!({"token_endpoint": "http://evil.example/token"}), json!({}), "not https"),
        (json!({"registration_endpoint": "https://169.254.169.254/register"}), json!({}), "network that the server"),
        (json!({"authorization_endpoint": "javascript:alert(1)"}), json!({}), "not valid"),
        (json!({"authorization_endpoint": "file:///etc/passwd"}), json!({}), "not valid"),
        (json!({"issuer": "https://other.example"}), json!({}), "issuer mismatch"),
        (json!({"issuer": null}), json!({}), "issuer"),
        (json!({"code_challenge_methods_supported": ["plain"]}), json!({}), "PKCE"),
        (json!({"code_challenge_methods_supported": null}), json!({}), "PKCE"),
        (json!({}), json!({"resource": "https://other.example/mcp"}), "mismatch"),
        (json!({}), json!({"resource": format!("{base}/another")}), "mismatch"),
        (json!({}), json!({"authorization_servers": ["http://evil.example"]}), "evil.example"),
        (json!({}), json!({"authorization_servers": ["https://10.0.0.1"]}), "10.0.0.1"),
        (json!({"registration_endpoint": null}), json!({}), "--oauth-client-id"),
    ];
    for (metadata, resource, why) in places {
        server.habits().metadata = metadata.clone();
        server.habits().resource = resource.clone();
        let told = sign_in(&home.engine).await.0.unwrap_err().to_string();
        assert!(told.contains(why), "{metadata} {resource}: {told}");
    }
    assert!(server.seen().authorized.is_empty() && server.seen().tokens.is_empty());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_resource_is_worth_nothing() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    server.habits().audience = Some("https://other.example/mcp".into());
    sign_in(&home.engine).await.0.unwrap();
    needs_sign_in(&home).await;
    server.habits().audience = None;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_to_the_url_it_was_made_for_and_to_no_other() {
    let (server, other) = (SignInServer::start().await, SignInServer::start().await);
    let home = start(&server).await;
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    let config = format!("[servers.notes]\n{}", other.lines());
    std::fs::write(home.folder.path().join("config.toml"), config).unwrap();
    needs_sign_in(&home).await;
    assert_eq!(other.seen().shown, Vec::<String>::new());
    assert_eq!(view(&home).1, Some(ServerLogin::SignedOut { why: None }));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_that_was_given_out_is_used_with_its_secret() {
    let server = SignInServer::start().await;
    server.habits().secret = Some("s3cret".into());
    let home = start(&server).await;
    let mut input = home.engine.list_servers().remove(0).config;
    let oauth = input.oauth.as_mut().unwrap();
    (oauth.client_id, oauth.secret) = (Some("given".into()), Some("s3cret".into()));
    home.engine.save_server(Some("notes"), input).await.unwrap();
    sign_in(&home.engine).await.0.unwrap();
    is_ready(&home).await;
    server.forget_tokens();
    assert_eq!(text(&call(&home, "read").await.unwrap()), "done", "the secret is shown for a renewal too");
    assert!(server.seen().registered.is_empty());
    let config = std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    assert!(
        config.contains("oauth_client_id = \"given\"") && config.contains("oauth_client_secret = true"),
        "{config}"
    );
    assert!(!holds(&bytes(home.folder.path()), "s3cret"));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_of_a_client_metadata_document_is_an_id_where_that_is_understood() {
    let server = SignInServer::start().await;
    let document = "https://samplegate.example/client.json";
    let home = Running::start(&format!("[servers.notes]\n{}oauth_client_id = \"{document}\"\n", server.lines())).await;
    needs_sign_in(&home).await;
    sign_in(&home.engine).await.0.unwrap();
    assert_eq!(server.seen().authorized[0]["client_id"], "registered-0");
    server.habits().metadata = json!({"client_id_metadata_document_supported": true});
    sign_in(&home.engine).await.0.unwrap();
    assert_eq!(server.seen().authorized[1]["client_id"], document);
    assert_eq!(server.seen().tokens[1]["client_id"], document);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_elsewhere_signs_in_here_too() {
    let server = SignInServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), format!("[servers.notes]\n{}", server.lines())).unwrap();
    let secrets = Arc::new(MemorySecrets::default());
    let options = || Options { secrets: secrets.clone(), ..options(folder.path()) };
    let app = Engine::start(options()).await.unwrap();
    let terminal = Engine::start(Options { only: Some(Vec::new()), ..options() }).await.unwrap();
    let home = Running { engine: app, folder: tempfile::tempdir().unwrap(), reviewer: None };
    needs_sign_in(&home).await;
    sign_in(&terminal).await.0.unwrap();
    is_ready(&home).await;
    assert_eq!(text(&call(&home, "read").await.unwrap()), "done");
    terminal.logout("notes").await.unwrap();
    let _ = call(&home, "read").await;
    needs_sign_in(&home).await;
    terminal.shutdown().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_shows_each_step_and_nothing_opens_before_the_person_has_seen_where() {
    let server = SignInServer::start().await;
    let home = start(&server).await;
    home.engine.start_login("notes").unwrap();
    let ready = home
        .eventually(|| match view(&home).1 {
            Some(ServerLogin::Ready { host, address, scopes }) => Some((host, address, scopes)),
            _ => None,
        })
        .await;
    assert_eq!(ready.0, server.base.trim_start_matches("http://"));
    assert_eq!(ready.2, ["notes:read"]);
    assert!(server.seen().authorized.is_empty());
    let address = home.engine.open_login("notes", true).await.unwrap();
    assert_eq!(address, ready.1);
    assert!(matches!(view(&home).1, Some(ServerLogin::Waiting { .. })));
    browse(&address).await;
    home.eventually(|| matches!(view(&home).1, Some(ServerLogin::SignedIn { in_memory: true, .. })).then_some(()))
        .await;
    is_ready(&home).await;
    assert!(!home.folder.path().join("sign-ins/notes").exists(), "in memory means nowhere else");
    home.engine.start_login("notes").unwrap();
    home.engine.cancel_login("notes");
    assert!(matches!(view(&home).1, Some(ServerLogin::SignedIn { .. })));
    home.stop().await;
}
