//! Answers what the protocol library hands over: pings, and the private requests of the tap.
//!
//! A question waits here for its answer and, at the same time, for everything that withdraws it: the server's own
//! cancellation, the end of the connection, of the stream it came on, or of the call it belongs to.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleClient, Service,
    model::{ClientConfig, ClientResult, CustomRequest, CustomResult, ErrorCode, ServerNotification, ServerRequest},
    service::{InboundStreamOrigin, NotificationContext, RequestContext},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Asked, Asker, Era, Origin, Refusal, ServerIdentity,
    flight::Question,
    receipt::Sent,
    roots,
    tap::{ASKED, REFUSE, TELL_ROOTS, Tap},
};

pub(super) struct Handler {
    pub(super) tap: Arc<Tap>,
    pub(super) asker: Arc<dyn Asker>,
    pub(super) client: ClientConfig,
}

impl Service<RoleClient> for Handler {
    async fn handle_request(
        &self,
        request: ServerRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        match request {
            ServerRequest::PingRequest(_) => Ok(ClientResult::empty(())),
            ServerRequest::CustomRequest(request) if request.method == ASKED => self.asked(request, context).await,
            ServerRequest::CustomRequest(request) if request.method == TELL_ROOTS => {
                self.asks_itself(roots::ROOTS).await?;
                let told = roots::told(&self.tap, &*self.asker).await;
                Ok(ClientResult::CustomResult(CustomResult::new(told)))
            }
            ServerRequest::CustomRequest(request) if request.method == REFUSE => Err(refusal_in(request.params)),
            // The tap lets nothing else through.
            _ => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None)),
        }
    }

    async fn handle_notification(
        &self,
        _notification: ServerNotification,
        _context: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        self.client.clone()
    }
}

impl Handler {
    /// Who asks on its own, which is over with 2026-07-28.
    async fn asks_itself(&self, method: &str) -> Result<ServerIdentity, ErrorData> {
        let known = self.tap.gone.run_until_cancelled(self.tap.identity.wait()).await;
        let Some(server) = known.cloned() else { return Err(withdrawn_error()) };
        if server.era == Era::Stateless {
            let message = format!("Method not found: {method} is asked in results only");
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None));
        }
        Ok(server)
    }

    async fn asked(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        let token = request.params.as_ref().and_then(|params| params.get("token")).and_then(Value::as_u64);
        let Some(question) = token.and_then(|token| self.tap.question(token)) else {
            return Err(ErrorData::internal_error("the request was lost", None));
        };
        let _open = Open { tap: &self.tap, bytes: question.bytes };
        let server = self.asks_itself(&question.method).await?;
        let Question { method, params, origin, lost, arrival, arrived_at, receipt, bytes: _ } = question;
        let (origin, round) = origin.unwrap_or_else(|| {
            let request = match context.extensions.get::<InboundStreamOrigin>() {
                Some(InboundStreamOrigin::OutboundRequest(id)) => Some(id),
                Some(InboundStreamOrigin::Unassociated) | None => None,
            };
            self.tap.origin(request)
        });
        let call_ended = match &origin {
            Origin::Call(call) => self.tap.call_ended(call.call_id),
            Origin::OneOf(_) | Origin::None => CancellationToken::new(),
        };
        let withdrawn = CancellationToken::new();
        let withdraw = withdrawn.clone().drop_guard();
        let asked = Asked {
            server,
            method,
            params,
            origin,
            session: Some(self.tap.session),
            round,
            place: None,
            arrival,
            arrived_at,
            withdrawn,
            receipt,
            sight: self.tap.sighting.sight(),
        };
        let unsent = |sent| {
            self.tap.settle(&context.id, sent);
            Err(withdrawn_error())
        };
        let asker = self.asker.clone();
        let answer = tokio::spawn(async move { asker.ask(asked).await });
        tokio::select! {
            // The end of the connection ends the others too, and is the reason.
            biased;
            answer = answer => {
                withdraw.disarm();
                match answer {
                    Ok(Ok(result)) => Ok(ClientResult::CustomResult(CustomResult::new(result))),
                    Ok(Err(refusal)) => Err(error_of(refusal)),
                    Err(_) => Err(ErrorData::internal_error("the request could not be answered", None)),
                }
            }
            () = self.tap.gone.cancelled() => unsent(Sent::Failed(self.tap.why())),
            () = context.ct.cancelled() => {
                // The library sends no answer to what was cancelled.
                self.tap.answered();
                unsent(Sent::Failed(self.tap.why()))
            }
            () = lost.cancelled() => unsent(Sent::Failed("the stream it was asked on broke".to_owned())),
            () = call_ended.cancelled() => unsent(Sent::Unwanted("the call was given up".to_owned())),
        }
    }
}

/// Gives back a question's share of the limits, however its handling ends.
struct Open<'a> {
    tap: &'a Tap,
    bytes: usize,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.tap.question_closed(self.bytes);
    }
}

fn withdrawn_error() -> ErrorData {
    ErrorData::new(ErrorCode(-1), "the request was withdrawn", None)
}

fn error_of(refusal: Refusal) -> ErrorData {
    let code = i32::try_from(refusal.code).unwrap_or(ErrorCode::INTERNAL_ERROR.0);
    ErrorData::new(ErrorCode(code), refusal.message, refusal.data)
}

fn refusal_in(params: Option<Value>) -> ErrorData {
    let params = params.unwrap_or_default();
    let code = params.get("code").and_then(Value::as_i64).unwrap_or(-32603);
    let message = params.get("message").and_then(Value::as_str).unwrap_or("refused");
    error_of(Refusal::new(code, message))
}
