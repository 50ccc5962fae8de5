//! One request from the host to its answer, and the stream on which the server speaks on its own.

use std::{sync::PoisonError, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{
    Bridge,
    http::{Failure, Messages, Piece, Response},
    link::{PATIENCE, Way, refused},
    message::{self, Answer, CONNECTION_FAILED, Came, Notification, Request},
    pending::Waiting,
};

const LOST: &str = "The connection to Samplegate was lost before the answer came, so it is not known whether the call was \
                    carried out. Try again: Samplegate is looked for anew.";
const UNANSWERED: &str = "Samplegate ended the call without an answer. Try again.";
const TOO_LARGE: &str = "The answer is larger than 16 MiB.";
/// How often a stream that brings nothing is taken up again.
const RESUMPTIONS: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a stream may stay open after its answer.
const LINGER: Duration = Duration::from_secs(1);
/// How long a cancellation waits for its request to get there first.
const OVERTAKING: Duration = Duration::from_secs(1);

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Cleanly,
    Broken,
}

impl Bridge {
    /// Sends a request, and back whatever comes on its stream.
    pub(super) async fn carry(self, request: Request, waiting: Waiting) {
        let outcome = tokio::select! {
            biased;
            // What is dropped closes the stream, which is how a request without a session is withdrawn.
            () = waiting.given_up.cancelled() => return,
            outcome = self.exchange(&request, &waiting) => outcome,
        };
        if let Err(why) = outcome {
            self.fail(&request.id, &why).await;
        }
    }

    async fn exchange(&self, request: &Request, waiting: &Waiting) -> Result<(), String> {
        let (way, response) = self.ask(request).await?;
        waiting.arrived.cancel();
        if !response.status.is_success() {
            let answer = refused(response, &request.id).await;
            self.settle(&request.id, answer).await;
            return Ok(());
        }
        let mut messages = response.messages();
        let mut fruitless = 0;
        loop {
            let before = messages.last_event.clone();
            let ended = self.relay(&mut messages, &way, &request.id).await;
            if !self.pending.waits(&request.id) {
                return Ok(());
            }
            fruitless = if messages.last_event == before { fruitless + 1 } else { 1 };
            let Some(after) = messages.last_event.clone().filter(|_| waiting.in_session) else {
                return Err(if ended == Ended::Broken { LOST } else { UNANSWERED }.to_owned());
            };
            if fruitless > RESUMPTIONS {
                return Err(UNANSWERED.to_owned());
            }
            if ended == Ended::Cleanly {
                // A server may end a stream to have it asked for later.
                sleep(messages.retry.unwrap_or_default().min(LONGEST_PAUSE)).await;
            }
            messages = match self.http.listen(&way.endpoint, &way.session, Some(&after)).await {
                Ok(response) if response.status.is_success() && response.events => {
                    let mut resumed = response.messages();
                    resumed.last_event = Some(after);
                    resumed
                }
                Ok(_) | Err(Failure::Broken) => return Err(LOST.to_owned()),
                Err(Failure::Unreachable) => {
                    self.lost(&way).await;
                    return Err(LOST.to_owned());
                }
            };
        }
    }

    /// Posts a request; again, if it certainly did not get through.
    async fn ask(&self, request: &Request) -> Result<(Way, Response), String> {
        let mut again = true;
        loop {
            let way = self.way().await?;
            let headers = request.headers.as_ref().unwrap_or(&way.session);
            match self.http.post(&way.endpoint, headers, request.line.clone()).await {
                // The app was started anew, with another token.
                Ok(response) if again && response.status == StatusCode::UNAUTHORIZED => self.lost(&way).await,
                Ok(response) if again && response.status == StatusCode::NOT_FOUND && in_session(request, &way) => {
                    self.expired(&way).await;
                }
                Err(Failure::Unreachable) if again => self.lost(&way).await,
                Ok(response) => return Ok((way, response)),
                Err(_) => return Err(LOST.to_owned()),
            }
            again = false;
        }
    }

    /// Passes a stream on, until it ends or has brought the answer.
    async fn relay(&self, messages: &mut Messages, way: &Way, id: &Value) -> Ended {
        loop {
            match messages.next().await {
                Ok(Some(piece)) => self.pass(piece, way, Some(id)).await,
                Ok(None) => return Ended::Cleanly,
                Err(_) => return Ended::Broken,
            }
            if !self.pending.waits(id) {
                // Read to its end, the connection can be used again.
                let rest = async {
                    while let Ok(Some(piece)) = messages.next().await {
                        self.pass(piece, way, None).await;
                    }
                };
                let _ = timeout(LINGER, rest).await;
                return Ended::Cleanly;
            }
        }
    }

    /// Passes one message to the host. An answer goes to whoever waits for it, once.
    async fn pass(&self, piece: Piece, way: &Way, on: Option<&Value>) {
        let data = match (piece, on) {
            (Piece::Message(data), _) => data,
            (Piece::TooLarge, Some(id)) => return self.fail(id, TOO_LARGE).await,
            (Piece::TooLarge, None) => return (self.note)("A message larger than 16 MiB was left out."),
        };
        match message::look(&data) {
            Some(Came::Answer { id: Some(id), .. }) if self.pending.waits(&id) => {
                self.settle(&id, message::one_line(data)).await;
            }
            // Some servers name no request, or one of their own making, where they refuse one.
            Some(Came::Answer { id, is_error: true }) => {
                let known = id.is_some_and(|id| id.is_number());
                if let Some(on) = on.filter(|_| !known)
                    && let Some(answer) = message::readdressed(&data, on)
                {
                    self.settle(on, answer).await;
                }
            }
            // To a request that was withdrawn, or answered before.
            Some(Came::Answer { .. }) => {}
            Some(Came::Question(id)) if !self.questions.begin(&id, &way.lost) => {
                let refusal = message::refusal(&id, CONNECTION_FAILED, "The host has an older question of this id.");
                let _ = self.http.post(&way.endpoint, &way.session, refusal).await;
            }
            Some(Came::Question(_) | Came::Notification) => self.write(message::one_line(data)).await,
            None => (self.note)("Samplegate sent something that is no message; it was left out."),
        }
    }

    /// The stream on which the server speaks on its own, as long as this session lasts.
    pub(super) async fn listen(self, way: Way) {
        let ended = way.lost.clone();
        tokio::select! {
            () = ended.cancelled() => {}
            () = self.end.cancelled() => {}
            () = self.follow(&way) => {}
        }
    }

    async fn follow(&self, way: &Way) {
        let mut after: Option<String> = None;
        let mut pause = LINGER;
        loop {
            match self.http.listen(&way.endpoint, &way.session, after.as_deref()).await {
                Ok(response) if response.status.is_success() && response.events => {
                    let mut messages = response.messages();
                    while let Ok(Some(piece)) = messages.next().await {
                        self.pass(piece, way, None).await;
                    }
                    pause = messages.retry.unwrap_or(pause).clamp(Duration::from_millis(100), LONGEST_PAUSE);
                    after = messages.last_event.or(after);
                }
                Ok(response) if response.status == StatusCode::NOT_FOUND => return self.expired(way).await,
                // It has no such stream.
                Ok(_) => return,
                Err(Failure::Unreachable) => return self.lost(way).await,
                Err(Failure::Broken) => {}
            }
            sleep(pause).await;
        }
    }

    /// Posts a notification, and waits until it was taken.
    pub(super) async fn notify(&self, notification: Notification) {
        let sent = timeout(PATIENCE, async {
            let way = self.way().await?;
            let headers = match &*self.version.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(version) if way.session.is_empty() => message::described(version, &notification.method),
                _ => way.session.clone(),
            };
            self.hand_over(&way, &headers, notification.line).await
        });
        if let Ok(Err(why)) = sent.await {
            (self.note)(&format!("{} was not passed on: {why}", notification.method));
        }
    }

    /// Posts the host's answer to a question, unless nobody waits for it any more.
    pub(super) async fn answer(self, answer: Answer) {
        if !self.questions.settle(&answer.id) {
            return;
        }
        let sent = async {
            let way = self.way().await?;
            self.hand_over(&way, &way.session, answer.line).await
        };
        if let Err(why) = sent.await {
            (self.note)(&format!("An answer was not passed on: {why}"));
        }
    }

    async fn hand_over(&self, way: &Way, headers: &HeaderMap, line: Bytes) -> Result<(), String> {
        match self.http.post(&way.endpoint, headers, line).await {
            Ok(response) if response.status.is_success() => Ok(()),
            Ok(response) => Err(format!("Samplegate answered HTTP {}", response.status)),
            Err(Failure::Unreachable) => {
                self.lost(way).await;
                Err("Samplegate went away".to_owned())
            }
            Err(Failure::Broken) => Err("the connection broke".to_owned()),
        }
    }

    /// Withdraws a request.
    pub(super) async fn cancel(self, notification: Notification, waiting: Waiting) {
        if waiting.in_session {
            let _ = timeout(OVERTAKING, waiting.arrived.cancelled()).await;
            self.notify(notification).await;
        }
        waiting.given_up.cancel();
    }

    /// Answers a request with an error, unless it was answered or withdrawn.
    pub(super) async fn fail(&self, id: &Value, why: &str) {
        self.settle(id, message::refusal(id, CONNECTION_FAILED, why)).await;
    }

    async fn settle(&self, id: &Value, answer: Bytes) {
        if self.pending.settle(id).is_some() {
            self.write(answer).await;
        }
    }
}

fn in_session(request: &Request, way: &Way) -> bool {
    request.headers.is_none() && !way.session.is_empty()
}
