//! A second opinion, asked for by a person's click: the log first, then the model, then words to be shown.
//!
//! It stands beside the straight line, not on it: nothing waits for it and nothing follows from it. The click is the
//! approval of these bytes for this model; the button says where they go.

use std::{sync::Arc, time::SystemTime};

use samplegate_core::{
    answer::SamplingAnswer,
    audit::{Content, NewEvent, Opinion, OpinionAsked, QuestionId, Role},
    canonical::Sha256Hex,
    limits::{self, Checked, Demand, Limit, Limits, Tally},
    model_format::{Completion, Usage, WireRequest},
    opinion, price,
    request::SamplingRequest,
    review::ModelRef,
    settings::Settings,
    tokens,
};

use super::{Pipeline, ask::Used};
use crate::{
    provider::{Control, ProviderError},
    review_queue::{ActError, Entry, Given, OpinionState},
    store::{Admitted, Asking, Before, StoreError},
};

/// Why no opinion was asked for; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum OpinionError {
    /// No model was chosen for it.
    #[error("no model is chosen for second opinions: choose one under Settings, General")]
    NoModel,
    /// The model is on another computer.
    #[error("{0} is not on this computer: the request would be sent there before you approved it; confirm that first")]
    Remote(String),
    /// The question is over or has changed, or is not at the request gate, or is being judged.
    #[error(transparent)]
    NotNow(#[from] ActError),
    /// A limit of all servers together.
    #[error("{0}")]
    Limit(String),
    /// It cannot be written for this model.
    #[error("it cannot be asked: {0}")]
    Unsupported(String),
    /// The log cannot be written.
    #[error("the audit log cannot be written, so nothing was sent: {0}")]
    Log(#[from] StoreError),
}

/// What is asked, ready to go.
struct Prepared {
    model: ModelRef,
    wire: WireRequest,
    demand: Demand,
    cut: usize,
}

impl Pipeline {
    /// Logs that an opinion is asked for, then asks in the background.
    ///
    /// # Errors
    /// Why it was not asked; nothing was sent then.
    pub(crate) async fn ask_opinion(&self, id: QuestionId, revision: u32, confirmed: bool) -> Result<(), OpinionError> {
        let (entry, judged) = self.queue.to_be_judged(id, revision)?;
        let prepared = self.prepare(&judged)?;
        let place = self.queue.desk().place(&prepared.wire.url);
        if !place.is_local && !confirmed {
            return Err(OpinionError::Remote(place.host));
        }
        let control = Control::default();
        let asking = OpinionState::Asking { control: control.clone() };
        // Taken before the log is written, so that two clicks ask once.
        if !entry.begin_opinion(asking) {
            return Err(ActError::Stale.into());
        }
        match self.admit_opinion(&entry, &prepared, place.host, place.is_local).await {
            Ok(most) => {
                let (pipeline, of) = (self.clone(), Sha256Hex::of_json(judged.params()));
                self.queue.touch(&entry);
                self.tail.spawn(async move { pipeline.carry_out_opinion(&entry, prepared, most, of, &control).await });
                Ok(())
            }
            Err(error) => {
                entry.set_opinion(OpinionState::None);
                Err(error)
            }
        }
    }

    fn prepare(&self, judged: &SamplingRequest) -> Result<Prepared, OpinionError> {
        let model = self.queue.desk().second_opinion().ok_or(OpinionError::NoModel)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| OpinionError::Unsupported(error.to_string()))?;
        let boundary: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let unsupported = |error: &dyn std::fmt::Display| OpinionError::Unsupported(error.to_string());
        let question = opinion::question(judged, &boundary).map_err(|error| unsupported(&error))?;
        let wire = self.queue.desk().encode(&question.request, &model).map_err(|error| unsupported(&error))?;
        let demand = Demand {
            max_tokens: opinion::MOST_TOKENS,
            tokens_in: tokens::estimate(&question.request),
            ..Demand::default()
        };
        Ok(Prepared { model, wire, demand, cut: question.cut })
    }

    /// The limits of all servers together, judged and written in one transaction.
    async fn admit_opinion(
        &self,
        entry: &Arc<Entry>,
        prepared: &Prepared,
        host: String,
        is_local: bool,
    ) -> Result<limits::Reserved, OpinionError> {
        let at = jiff::Timestamp::now();
        let (server, question) = (String::new(), entry.id());
        let asking =
            Asking { question, server, caller: None, tool: None, session: None, call_id: None, at, fingerprint: None };
        let (settings, id, demand) = (self.config.settings(), entry.id(), prepared.demand);
        let (model, body, reviewer) = (prepared.model.clone(), prepared.wire.body.clone(), self.reviewer.clone());
        let checked = self.store.admit(asking, move |before: &Before| {
            let checked = check(&settings, before.all, demand, &model);
            let event = OpinionAsked {
                reviewer: Some(reviewer.clone()),
                provider: model.provider.clone(),
                model: model.model.clone(),
                host: host.clone(),
                is_local,
                most: checked.reserved,
                wire_sha256: Some(Sha256Hex::of(&body)),
            };
            let event = NewEvent::new(id, at, event).with(Role::OpinionWire, Content::new(body.clone()));
            let events = if checked.denies.is_empty() { vec![event] } else { Vec::new() };
            (Admitted { events, counts: None, used: Vec::new() }, checked)
        });
        let checked = checked.await?;
        match checked.denies.first() {
            Some(hit) => Err(OpinionError::Limit(hit.reason())),
            None => Ok(checked.reserved),
        }
    }

    async fn carry_out_opinion(
        &self,
        entry: &Arc<Entry>,
        prepared: Prepared,
        most: limits::Reserved,
        of: Sha256Hex,
        control: &Control,
    ) {
        let asked = self.send_opinion(&prepared, control).await;
        let mut event = Opinion {
            model: None,
            tokens_in: None,
            tokens_out: None,
            cost_microusd: None,
            most,
            text: None,
            error: None,
        };
        match &asked {
            Ok(completion) => {
                let answer = SamplingAnswer {
                    content: completion.content.clone(),
                    model: completion.model.clone().unwrap_or_else(|| prepared.model.model.clone()),
                    stop_reason: completion.stop_reason.clone(),
                };
                event.text = Some(opinion::words(&answer.text()));
                event.model = Some(answer.model);
                if let Some(usage) = completion.usage {
                    (event.tokens_in, event.tokens_out) = (Some(usage.input), Some(usage.output));
                    let (provider, model) = (&prepared.model.provider, &prepared.model.model);
                    event.cost_microusd = price::cost_microusd(provider, model, usage, SystemTime::now());
                }
            }
            Err((error, used)) => {
                event.error = Some(error.clone());
                (event.tokens_in, event.tokens_out, event.cost_microusd) = used.counts();
            }
        }
        let logged = self.store.append(vec![NewEvent::new(entry.id(), jiff::Timestamp::now(), event.clone())]).await;
        // What is not on the record is not shown; where the question ended meanwhile, nobody looks any more.
        let given = match (logged, event.error) {
            (Err(error), _) => Given::failed(format!("the audit log cannot be written: {error}")),
            (Ok(_), Some(error)) => Given::failed(error),
            (Ok(_), None) => Given {
                text: event.text.unwrap_or_default(),
                model: event.model.unwrap_or_default(),
                cut: prepared.cut,
                tokens_in: event.tokens_in,
                tokens_out: event.tokens_out,
                cost_microusd: event.cost_microusd,
                error: None,
            },
        };
        entry.set_opinion(OpinionState::Given { of, given: Box::new(given) });
        self.queue.touch(entry);
    }

    async fn send_opinion(&self, prepared: &Prepared, control: &Control) -> Result<Completion, (String, Used)> {
        let unsent = |why| (why, Used::Nothing);
        let key = self.key(&prepared.model.name);
        let key = tokio::select! {
            key = key => key.map_err(unsent)?,
            () = control.stopped() => return Err(unsent("the question is over; nothing was sent".into())),
        };
        let asked = self.models.complete(&prepared.wire, key.as_ref(), |_| {}, control);
        asked.await.map_err(|error: ProviderError| (error.to_string(), Used::after(&error)))
    }
}

/// Tokens and money of all servers together; nothing else of the limits is about an opinion.
fn check(settings: &Settings, all: Tally, demand: Demand, model: &ModelRef) -> Checked {
    let mut budget = Limits::none();
    for limit in [Limit::TokensInPerDay, Limit::TokensOutPerDay, Limit::UsdPerDay, Limit::UsdPerMonth] {
        budget.set(limit, settings.limits.for_all(limit));
    }
    limits::check((&Limits::none(), Tally::default()), (&budget, all), demand, |read, written| {
        let usage = Usage { input: read, output: written, cached: 0 };
        price::cost_microusd(&model.provider, &model.model, usage, SystemTime::now())
    })
}
