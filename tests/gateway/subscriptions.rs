//! Two sessions of one host, and two hosts, that want to hear of the same resource.

use serde_json::{Value, json};
use support::home::PATIENCE;

use crate::host::{Coming, ERAS, Era, Host, listening, passing, token};

const ONE: &str = "memo://one?x#y";
const OTHER: &str = "memo://other";

/// What the server was told of resources, after it told of a change of the first one.
async fn update(host: &Host) -> Value {
    host.call("update", json!({})).await["structuredContent"]["value"].clone()
}

/// What a session hears.
struct Ear {
    coming: Coming,
    /// How often it heard that the tools changed.
    changes: usize,
}

impl Ear {
    async fn of(host: &Host, resource: &str) -> Self {
        Self { coming: host.listen(&[resource]).await, changes: 0 }
    }

    /// Waits for the next change of a resource; gives its URI.
    async fn updated(&mut self) -> Value {
        loop {
            if let Some(uri) = self.next().await {
                return uri;
            }
        }
    }

    /// How many changes of resources it heard before the tools changed so often.
    async fn until(&mut self, changes: usize) -> usize {
        let mut updates = 0;
        while self.changes < changes {
            updates += usize::from(self.next().await.is_some());
        }
        updates
    }

    async fn next(&mut self) -> Option<Value> {
        let message = self.coming.next().await.unwrap();
        match message["method"].as_str().unwrap() {
            "notifications/resources/updated" => return Some(message["params"]["uri"].clone()),
            "notifications/tools/list_changed" => self.changes += 1,
            _ => {}
        }
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_once_and_until_the_last_session_wants_no_more() {
    for era in ERAS {
        let (home, port) = listening(&passing("s", era, &[])).await;
        let token = token(&home, "h");
        let connect = || Host::connect(Era::Legacy, port, Some("s"), &token);
        let (first, second, third) = (connect().await, connect().await, connect().await);
        let (mut first_hears, mut second_hears) = (Ear::of(&first, ONE).await, Ear::of(&second, ONE).await);
        let mut third_hears = Ear::of(&third, OTHER).await;
        // One that asks twice has to take it back once.
        second.ask("resources/subscribe", json!({"uri": ONE})).await;
        // Told in the background to a server of the newest revision.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut told = update(&first).await;
        while told.as_array().unwrap().len() < 2 {
            assert!(tokio::time::Instant::now() < deadline, "{told}");
            told = update(&first).await;
        }
        // To a server of the newest revision these are two streams, in any order.
        let mut asked: Vec<&str> = told.as_array().unwrap().iter().map(|uri| uri.as_str().unwrap()).collect();
        asked.sort_unstable();
        assert_eq!(asked, [format!("+{ONE}"), format!("+{OTHER}")], "{era:?}");
        assert_eq!((first_hears.updated().await, second_hears.updated().await), (json!(ONE), json!(ONE)));

        // What was told so far is passed by.
        first.call("change", json!({})).await;
        first_hears.until(1).await;
        second_hears.until(1).await;

        first.ask("resources/unsubscribe", json!({"uri": ONE})).await;
        let told = update(&first).await;
        assert_eq!(told.as_array().unwrap().len(), 2, "the second one still wants it: {told}");
        assert_eq!(second_hears.updated().await, ONE);
        first.call("change", json!({})).await;
        assert_eq!(first_hears.until(2).await, 0, "the first one took it back");
        second.ask("resources/unsubscribe", json!({"uri": ONE})).await;
        while update(&second).await.as_array().unwrap().last() != Some(&json!(format!("-{ONE}"))) {
            assert!(tokio::time::Instant::now() < deadline, "{era:?}: the server was not told");
        }
        assert_eq!(third_hears.until(2).await, 0, "the third one wanted another");
        // It can be wanted again.
        let mut again = Ear::of(&first, ONE).await;
        while update(&first).await.as_array().unwrap().last() != Some(&json!(format!("+{ONE}"))) {
            assert!(tokio::time::Instant::now() < deadline, "{era:?}: the server was not asked again");
        }
        assert_eq!(again.updated().await, ONE);
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_so_many_subscriptions_and_no_more() {
    let (home, port) = listening("").await;
    let host = Host::connect(Era::Stateless, port, None, &token(&home, "greedy")).await;
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(host.listen(&[]).await);
    }
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let refused = host.response("subscriptions/listen", wanted.clone()).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("256 subscriptions"), "{refused}");
    let other = Host::connect(Era::Stateless, port, None, &token(&home, "other")).await;
    drop(other.listen(&[]).await);
    drop(open.pop());
    let again = async || {
        let (_, mut coming) = host.start("subscriptions/listen", wanted.clone()).await;
        coming.next().await.unwrap().get("method").is_some()
    };
    let begun = tokio::time::Instant::now();
    while !again().await {
        assert!(begun.elapsed() < PATIENCE, "one that ended makes room");
    }
    home.stop().await;
}
