//! The supervisor: live changes, restarts, the end.

use std::sync::mpsc as threads;

use secrecy::SecretString;

use super::*;
use crate::secrets::{SecretError, SecretStore, Secrets};

/// A keychain that is locked until somebody unlocks it, or refuses to.
struct Locked(std::sync::Mutex<threads::Receiver<Result<(), SecretError>>>);

impl SecretStore for Locked {
    fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        let unlocked = self.0.lock().expect("a lock").recv();
        unlocked.unwrap_or_else(|_| Err(SecretError::Failed("gone".to_owned())))?;
        Ok((name != "missing").then(|| SecretString::from("hush")))
    }

    fn set(&self, _name: &str, _value: &SecretString) -> Result<(), SecretError> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> Result<(), SecretError> {
        Ok(())
    }
}

fn locked() -> (Secrets, threads::Sender<Result<(), SecretError>>) {
    let (unlock, unlocked) = threads::channel();
    (Secrets::new(Arc::new(Locked(std::sync::Mutex::new(unlocked)))), unlock)
}

fn servers(timing: Timing) -> (Servers, mpsc::UnboundedReceiver<Asked>) {
    let (secrets, unlock) = locked();
    // Never unlocked.
    std::mem::forget(unlock);
    with_secrets(timing, secrets)
}

fn with_secrets(timing: Timing, secrets: Secrets) -> (Servers, mpsc::UnboundedReceiver<Asked>) {
    let (asked_tx, asked) = mpsc::unbounded_channel();
    let asker = Arc::new(Shown { answer: Answer::Text, asked: asked_tx, roots: Roots::default() });
    (Servers::new(settings(), timing, asker, secrets).expect("a thread"), asked)
}

fn quick() -> Timing {
    Timing { first_pause: Duration::from_millis(50), ..Timing::default() }
}

async fn until(servers: &Servers, wanted: impl Fn(&ServerState) -> bool) -> ServerState {
    let mut changed = servers.changed();
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(state) = servers.state("raw").filter(|state| wanted(state)) {
                return state;
            }
            changed.changed().await.expect("servers");
        }
    })
    .await
    .expect("the state in time")
}

fn ready(state: &ServerState) -> bool {
    matches!(state, ServerState::Ready { .. })
}

#[tokio::test]
async fn servers_follow_the_configuration() {
    let (servers, _asked) = servers(quick());
    servers.apply(vec![(raw_server("2025-11-25"), true)]).await;
    let ServerState::Ready { identity, tools, .. } = until(&servers, ready).await else { unreachable!() };
    assert_eq!((identity.version.as_deref(), tools.len()), (Some("1"), 2));
    let first = servers.get("raw").expect("a connection");

    // The same again changes nothing.
    servers.apply(vec![(raw_server("2025-11-25"), true)]).await;
    assert!(Arc::ptr_eq(&first, &servers.get("raw").expect("a connection")));

    // Another start: the old one ends, the new one speaks the newer version.
    servers.apply(vec![(raw_server("2026-07-28"), true)]).await;
    let newer = |state: &ServerState| matches!(state, ServerState::Ready { identity, .. } if identity.protocol_version == "2026-07-28");
    until(&servers, newer).await;
    assert!(first.is_closed());

    servers.apply(vec![(raw_server("2026-07-28"), false)]).await;
    assert_eq!(servers.state("raw"), Some(ServerState::Disabled));
    assert!(servers.get("raw").is_none());
    servers.apply(Vec::new()).await;
    assert_eq!(servers.list(), []);
    servers.shutdown().await;
}

#[tokio::test]
async fn a_server_that_died_is_started_again_and_a_person_may_not_want_to_wait() {
    let (servers, _asked) = servers(quick());
    servers.apply(vec![(raw_server("2025-11-25"), true)]).await;
    until(&servers, ready).await;
    let first = servers.get("raw").expect("a connection");
    assert!(call(&first, "ask_and_die").await.is_err());
    let failed = until(&servers, |state| matches!(state, ServerState::Failed { .. })).await;
    let ServerState::Failed { why, stderr, retry_at } = failed else { unreachable!() };
    assert_eq!(why, "the server exited with status 5");
    assert_eq!(stderr.last().map(String::as_str), Some("last words"));
    assert!(retry_at.is_some());
    until(&servers, ready).await;

    let second = servers.get("raw").expect("a connection");
    assert!(servers.restart("raw"));
    second.closed().await;
    until(&servers, ready).await;
    assert!(!servers.restart("other"));
    servers.shutdown().await;
    assert!(servers.get("raw").is_none());
}

#[tokio::test]
async fn tools_that_cannot_be_listed_are_told_and_asked_for_again() {
    let (servers, _asked) = servers(quick());
    servers.apply(vec![(raw_server("lists_late"), true)]).await;
    let ServerState::Ready { tools, trouble, .. } = until(&servers, ready).await else { unreachable!() };
    assert_eq!((tools, trouble.as_deref()), (Vec::new(), Some("the server answered with error -32603: not yet")));
    let connection = servers.get("raw").expect("a connection");
    let mut news = connection.news();
    // A host has a connection of its own, which lists too.
    let line = servers.for_host("raw", "host").await.expect("a line").expect("a line");
    let mut own_news = line.news();
    assert!(!Arc::ptr_eq(&connection, &line));
    call(&connection, "list_now").await.expect("a result");
    call(&line, "list_now").await.expect("a result");
    let listed = until(&servers, |state| matches!(state, ServerState::Ready { trouble: None, .. })).await;
    let ServerState::Ready { tools, .. } = listed else { unreachable!() };
    assert_eq!(tools.len(), 2);
    for news in [&mut news, &mut own_news] {
        let told = tokio::time::timeout(Duration::from_secs(20), news.recv()).await.expect("news in time");
        assert_eq!(told.expect("news").method, "notifications/tools/list_changed");
    }
    assert!(line.sight().now().is_some(), "its questions can be judged");
    servers.shutdown().await;
}

#[tokio::test]
async fn what_a_person_must_mend_is_not_tried_again() {
    let (servers, _asked) = servers(quick());
    let mut spec = raw_server("2025-11-25");
    spec.transport = TransportSpec::Http { url: "ftp://example.com".to_owned(), headers: Vec::new() };
    servers.apply(vec![(spec, true)]).await;
    let state = servers.settled("raw").await;
    let Some(ServerState::Failed { retry_at, .. }) = state else { panic!("{state:?}") };
    assert_eq!(retry_at, None);
    servers.shutdown().await;
}

/// A server named so, with a variable from the keychain.
fn secretive(name: &str, entry: &str) -> ServerSpec {
    let kept = vec![Kept { name: "TOKEN".to_owned(), entry: entry.to_owned() }];
    ServerSpec { name: name.to_owned(), kept, ..raw_server("2025-11-25") }
}

#[tokio::test]
async fn a_locked_keychain_holds_up_only_the_server_that_needs_it() {
    let (secrets, unlock) = locked();
    let (servers, _asked) = with_secrets(quick(), secrets);
    let wanted = |third| {
        let mut wanted = vec![(secretive("a", "entry"), true), (secretive("off", "entry"), false)];
        wanted.push((raw_server("2025-11-25"), true));
        wanted.extend(Option::<ServerSpec>::map(third, |spec| (spec, true)));
        wanted
    };
    servers.apply(wanted(None)).await;
    until(&servers, ready).await;
    assert_eq!(servers.state("a"), Some(ServerState::Unlocking));
    assert_eq!(servers.state("off"), Some(ServerState::Disabled));
    let first = servers.get("raw").expect("a connection");

    // A change is taken up meanwhile, and what did not change is left alone.
    servers.apply(wanted(Some(ServerSpec { name: "third".to_owned(), ..raw_server("2025-11-25") }))).await;
    assert!(matches!(servers.settled("third").await, Some(ServerState::Ready { .. })));
    assert!(Arc::ptr_eq(&first, &servers.get("raw").expect("a connection")));
    assert_eq!(servers.state("a"), Some(ServerState::Unlocking));

    unlock.send(Ok(())).expect("somebody waits");
    assert!(matches!(servers.settled("a").await, Some(ServerState::Ready { .. })));
    let connection = servers.get("a").expect("a connection");
    let told = told(&call(&connection, "env").await.expect("a result"));
    assert!(told.as_array().expect("names").contains(&json!("TOKEN")));
    servers.shutdown().await;
}

#[tokio::test]
async fn waiting_for_a_keychain_can_be_given_up_and_a_refusal_is_not_asked_for_again() {
    let (servers, _asked) = servers(quick());
    servers.apply(vec![(secretive("raw", "entry"), true)]).await;
    until(&servers, |state| *state == ServerState::Unlocking).await;
    // Nobody unlocks it, and yet it ends.
    servers.apply(vec![(secretive("raw", "entry"), false)]).await;
    assert_eq!(servers.state("raw"), Some(ServerState::Disabled));
    servers.shutdown().await;

    for (entry, answer, why) in [
        ("entry", Err(SecretError::Locked("dismissed".to_owned())), "could not be unlocked"),
        ("missing", Ok(()), "the value of TOKEN is not in the keychain"),
    ] {
        let (secrets, unlock) = locked();
        let (servers, _asked) = with_secrets(quick(), secrets);
        servers.apply(vec![(secretive("raw", entry), true)]).await;
        unlock.send(answer).expect("somebody waits");
        let state = servers.settled("raw").await;
        let Some(ServerState::Failed { why: told, retry_at: None, .. }) = state else { panic!("{state:?}") };
        assert!(told.contains(why), "{told}");
        servers.shutdown().await;
    }
}

#[tokio::test]
async fn a_secret_header_is_not_even_read_for_plain_http_to_another_machine() {
    let (servers, _asked) = servers(quick());
    let kept = vec![Kept { name: "X-Trace".to_owned(), entry: "entry".to_owned() }];
    let to = |url: &str, headers| TransportSpec::Http { url: url.to_owned(), headers };
    for (transport, kept) in [
        (to("http://mcp.invalid/", Vec::new()), kept),
        (to("http://mcp.invalid/", vec![("Authorization".to_owned(), "k".into())]), Vec::new()),
    ] {
        servers.apply(vec![(ServerSpec { transport, kept, ..raw_server("") }, true)]).await;
        let state = servers.settled("raw").await;
        let Some(ServerState::Failed { why, retry_at: None, .. }) = state else { panic!("{state:?}") };
        assert!(why.contains("over plain HTTP") && why.contains("https://"), "{why}");
        servers.apply(Vec::new()).await;
    }
    servers.shutdown().await;
}

#[test]
fn pauses_double_up_to_the_longest() {
    let timing = Timing::default();
    let mut pause = timing.first_pause;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pauses.push(pause.as_secs());
        pause = timing.after(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
}
