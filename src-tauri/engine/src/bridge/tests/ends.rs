//! Hosts that go, apps that go and come.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Answers with `name`, but holds the calls of `slow`.
fn named(name: &'static str) -> raw::Behaviour {
    in_sessions(move |seen| match seen.message["params"]["name"].as_str() {
        Some("slow") => Reply::Never,
        Some(_) => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], name)),
        None => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
    })
}

/// What starts this gateway "of our own"; counts how often it was started, and ended.
fn alone(port: u16, started: &Arc<AtomicUsize>, stopped: &Arc<AtomicUsize>) -> StartAlone {
    let (started, stopped) = (started.clone(), stopped.clone());
    Box::new(move || {
        started.fetch_add(1, Ordering::SeqCst);
        let stopped = stopped.clone();
        let stop = Box::pin(async move {
            stopped.fetch_add(1, Ordering::SeqCst);
        });
        Box::pin(async move { Ok(Alone { port, token: "own".into(), stop }) })
    })
}

#[tokio::test]
async fn what_is_asked_for_a_host_is_withdrawn_when_it_goes() {
    let gateway = Gateway::start(named("app")).await;
    let mut host = Host::of(&gateway);
    host.initialize().await;
    host.say(call(1, "slow")).await;
    host.say(whole_call(2, "slow")).await;
    gateway.wait_for(|seen| seen.message["id"] == 1).await;
    gateway.wait_for(|seen| seen.message["id"] == 2).await;
    assert_eq!(host.leave().await, [] as [Value; 0]);
    let seen = gateway.seen();
    let told: Vec<_> = seen.iter().filter(|seen| seen.message["method"] == "notifications/cancelled").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message["params"]["requestId"], 1);
    assert_eq!(seen.last().unwrap().method, "DELETE");
    gateway.wait_for_dropped(2).await;
}

#[tokio::test]
async fn answers_that_are_about_to_come_still_reach_a_host_that_said_all() {
    let gateway = Gateway::start(named("app")).await;
    let mut host = Host::of(&gateway);
    host.say(initialize()).await;
    host.say(call(1, "t")).await;
    let answers = host.leave().await;
    assert_eq!(answers.iter().map(|answer| &answer["id"]).collect::<Vec<_>>(), [&json!(0), &json!(1)]);
}

#[tokio::test]
async fn where_the_app_goes_a_pending_call_is_told_and_the_next_one_is_served_alone_until_it_is_back() {
    let (started, stopped) = (Arc::default(), Arc::default());
    let app = Gateway::start(named("app")).await;
    let own = Gateway::hidden(named("own")).await;
    let runtime = tempfile::tempdir().unwrap();
    app.announce(runtime.path(), "one");
    let mut host = Host::start(runtime.path(), alone(own.port, &started, &stopped));
    host.initialize().await;
    host.say(call(1, "slow")).await;
    app.wait_for(|seen| seen.message["id"] == 1).await;

    // Killed: the file stays.
    let file = runtime.path().join("gateway.json");
    let left_behind = std::fs::read(&file).unwrap();
    drop(app);
    std::fs::write(&file, left_behind).unwrap();
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32000)));
    assert!(answer["error"]["message"].as_str().unwrap().contains("Try again"), "{answer}");

    host.say(call(2, "t")).await;
    let mut answers = [host.hear().await, host.hear().await];
    answers.sort_by_key(|answer| answer["method"].is_null());
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), "of a new session");
    assert_eq!(answers[1], result(&json!(2), "own"));
    assert_eq!((started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 0));
    let opened: Vec<_> = own.seen().into_iter().map(|seen| seen.message["method"].clone()).take(2).collect();
    assert_eq!(opened, ["initialize", "notifications/initialized"]);
    assert!(own.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer own")));

    let app = Gateway::hidden(named("app")).await;
    app.announce(runtime.path(), "two");
    host.say(call(3, "t")).await;
    let mut answers = [host.hear().await, host.hear().await];
    answers.sort_by_key(|answer| answer["method"].is_null());
    assert_eq!(answers[1], result(&json!(3), "app"));
    raw::eventually(|| (stopped.load(Ordering::SeqCst) == 1).then_some(())).await;
    assert!(app.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer two")));
    host.leave().await;
    assert_eq!((started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn an_app_that_was_started_anew_has_another_token() {
    let gateway = Gateway::start(Arc::new(|seen| match seen.header("authorization") {
        Some("Bearer new") => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], "done")),
        _ => Reply::Status(StatusCode::UNAUTHORIZED),
    }))
    .await;
    let mut host = Host::of(&gateway);
    host.say(whole_call(1, "t")).await;
    let answer = host.hear().await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("samplegate host list"), "{answer}");
    gateway.announce(gateway.runtime(), "new");
    host.say(whole_call(2, "t")).await;
    assert_eq!(host.hear().await["result"], "done");
    host.leave().await;
}

#[tokio::test]
async fn no_gateway_at_all_is_told_to_every_request() {
    let runtime = tempfile::tempdir().unwrap();
    let mut host = Host::start(runtime.path(), Box::new(|| Box::pin(async { Err("the disk is full".to_owned()) })));
    for (id, line) in [(json!(0), initialize()), (json!(1), call(1, "t")), (json!(2), whole_call(2, "t"))] {
        host.say(line).await;
        let answer = host.hear().await;
        assert_eq!((&answer["id"], answer["error"]["message"].as_str()), (&id, Some("the disk is full")));
    }
    host.leave().await;
}

#[tokio::test]
async fn an_answer_to_a_question_of_a_lost_session_goes_nowhere() {
    let behaviour = || {
        in_sessions(|seen| match seen.message["params"]["name"].as_str() {
            Some("ask") => {
                let question = json!({"jsonrpc": "2.0", "id": 5, "method": "elicitation/create"});
                let (events, reply) = raw::events(&[&raw::event(&question)]);
                tokio::spawn(async move { events.closed().await });
                reply
            }
            Some(_) => Reply::Json(StatusCode::OK, None, result(&seen.message["id"], "done")),
            None => Reply::Status(StatusCode::METHOD_NOT_ALLOWED),
        })
    };
    let (first, runtime) = (Gateway::hidden(behaviour()).await, tempfile::tempdir().unwrap());
    first.announce(runtime.path(), "one");
    let mut host = Host::start(runtime.path(), Box::new(|| Box::pin(async { Err("none".to_owned()) })));
    host.initialize().await;
    host.say(call(1, "ask")).await;
    assert_eq!(host.hear().await["id"], 5);
    let second = Gateway::hidden(behaviour()).await;
    second.announce(runtime.path(), "two");
    drop(first);
    assert_eq!(host.hear().await["error"]["code"], -32000);

    // The new session asks under the same id, and the host is still busy with the old question.
    host.say(call(2, "ask")).await;
    let refused = second.wait_for(|seen| seen.message["id"] == 5).await;
    assert!(refused.message["error"].is_object());
    host.say(result(&json!(5), "yes")).await;
    host.say(call(3, "t")).await;
    while host.hear().await["id"] != 3 {}
    let answers = second.seen().into_iter().filter(|seen| seen.message["result"] == "yes").count();
    assert_eq!(answers, 0, "the old answer is no answer to the new question");
    host.end.cancel();
    host.leave().await;
}

#[test]
fn a_server_and_a_host_are_names() {
    for (server, host) in [("a/b", "h"), ("..", "h"), ("a?x", "h"), ("", "h"), ("a", "h\n")] {
        let start: StartAlone = Box::new(|| Box::pin(async { Err(String::new()) }));
        assert!(Places::new(std::env::temp_dir(), Some(server.into()), Some(host), start).is_err(), "{server} {host}");
    }
}
