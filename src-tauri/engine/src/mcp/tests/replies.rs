//! What becomes of replies, and in which order questions arrive.

use super::*;

/// Makes a question reach the tap.
fn ask(tap: &tap::Tap, id: &Value) -> Option<u64> {
    let message = json!({"jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": {}});
    match tap.incoming(message, 10, tap::Arrival::Pipe) {
        tap::Filtered::Replace(replaced) => replaced["params"]["token"].as_u64(),
        tap::Filtered::Pass(_) | tap::Filtered::Done => None,
    }
}

fn tap(arrivals: &Arrivals) -> tap::Tap {
    let declare = Declare { sampling: true, ..Declare::default() };
    tap::Tap::new("raw".to_owned(), declare, Events::default(), arrivals.clone())
}

#[test]
fn questions_are_numbered_as_they_arrive_over_all_connections() {
    let arrivals = Arrivals::default();
    let (left, right) = (tap(&arrivals), tap(&arrivals));
    let mut numbers = Vec::new();
    for n in 0..6 {
        let tap = if n % 2 == 0 { &left } else { &right };
        let token = ask(tap, &json!(n)).expect("a question");
        numbers.push(tap.question(token).expect("it is kept").arrival);
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_id_in_use_cannot_be_asked_under_again() {
    let tap = tap(&Arrivals::default());
    let mut events = tap.events.subscribe();
    let token = ask(&tap, &json!("q")).expect("a question");
    for id in [json!("q"), json!(1.5), json!({"a": 1})] {
        assert_eq!(ask(&tap, &id), None, "{id}");
        assert!(matches!(events.recv().await.expect("an event").event, ServerEvent::BadLine(_)));
    }
    assert!(ask(&tap, &json!(1)).is_some() && ask(&tap, &json!("1")).is_some(), "a number is no text");

    // Taken back: the id is free again, and nobody waits for the reply.
    let receipt = tap.question(token).expect("it is kept").receipt;
    let back = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "q"}});
    let _ = tap.incoming(back, 10, tap::Arrival::Pipe);
    assert!(matches!(receipt.sent().await, Sent::Unwanted(_)));
    assert!(ask(&tap, &json!("q")).is_some());
}

#[tokio::test]
async fn what_was_never_sent_has_failed_when_the_connection_is_over() {
    let tap = tap(&Arrivals::default());
    let token = ask(&tap, &json!("q")).expect("a question");
    let receipt = tap.question(token).expect("it is kept").receipt;
    tap.end("the server exited with status 7");
    tap.finish();
    assert_eq!(receipt.sent().await, Sent::Failed("the server exited with status 7".to_owned()));
}

/// What is sent for a question that our own end stops is no reply to it.
#[tokio::test]
async fn closing_with_a_question_open_leaves_it_unreplied() {
    // Several things say so at once, in any order.
    for _ in 0..8 {
        let mut bench = bench(Answer::Never);
        let connection = bench.open("2025-11-25").await;
        let cancel = CancellationToken::new();
        let calling = connection.call(tool("ask_and_hang"), cancel.clone(), None);
        let closing = async {
            let asked = bench.asked.recv().await.expect("a question");
            connection.close().await;
            asked.receipt.sent().await
        };
        let (result, sent) = tokio::join!(calling, closing);
        assert!(result.is_err());
        assert_eq!(sent, Sent::Failed("the connection was closed".to_owned()));
    }
}

#[tokio::test]
async fn a_reply_over_a_pipe_is_written() {
    let mut bench = bench(Answer::Text);
    let connection = bench.open("2025-11-25").await;
    call(&connection, "ask").await.expect("a result");
    let asked = bench.asked.recv().await.expect("a question");
    assert_eq!(asked.receipt.sent().await, Sent::Written);
    connection.close().await;
}
