//! The supervisor: live changes, restarts, the end.

use super::*;

fn servers(timing: Timing) -> (Servers, mpsc::UnboundedReceiver<Asked>) {
    let (asked_tx, asked) = mpsc::unbounded_channel();
    let asker = Arc::new(Shown { answer: Answer::Text, asked: asked_tx });
    (Servers::new(settings(), timing, asker).expect("a thread"), asked)
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
    let ServerState::Ready { identity, tools } = until(&servers, ready).await else { unreachable!() };
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
