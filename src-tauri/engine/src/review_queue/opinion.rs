//! A second opinion as the queue holds it: offered, asked for, given.

use samplegate_core::{
    canonical::Sha256Hex,
    inspect::{self, Place},
    model_format::is_loopback,
    request::SamplingRequest,
    review::{ModelRef, State},
};
use serde_json::json;

use super::{ActError, Desk, Entry, ReviewQueue, sampling::Sampling, subject::Subject};
use crate::{
    provider::Control,
    wire::{FindingView, OpinionView},
};

/// How it stands with a second opinion.
#[derive(Debug, Default)]
pub(crate) enum OpinionState {
    /// Nobody asked for one.
    #[default]
    None,
    /// It is being asked for.
    Asking {
        /// Ends it with the question.
        control: Control,
    },
    /// It was given, or failed.
    Given {
        /// Of which params.
        of: Sha256Hex,
        /// What was given.
        given: Box<Given>,
    },
}

/// An opinion, or why there is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// The model's words.
    pub(crate) text: String,
    /// Its name for itself.
    pub(crate) model: String,
    /// Characters of the request that it was not shown.
    pub(crate) cut: usize,
    pub(crate) tokens_in: Option<u64>,
    pub(crate) tokens_out: Option<u64>,
    pub(crate) cost_microusd: Option<u64>,
    pub(crate) error: Option<String>,
}

impl Given {
    pub(crate) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

/// Where a URL leads.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Host and port.
    pub(crate) host: String,
    /// Whether that is this computer.
    pub(crate) is_local: bool,
}

impl Desk {
    /// The model that the person chose for second opinions.
    pub(crate) fn second_opinion(&self) -> Option<ModelRef> {
        self.model(self.settings().general.second_opinion.as_deref()?)
    }

    /// Where a URL leads.
    pub(crate) fn place(&self, url: &str) -> Target {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
        Target { host, is_local: is_loopback(url) }
    }
}

impl ReviewQueue {
    /// The request at its gate that an opinion is wanted of.
    pub(crate) fn to_be_judged(
        &self,
        id: samplegate_core::audit::QuestionId,
        revision: u32,
    ) -> Result<(std::sync::Arc<Entry>, SamplingRequest), ActError> {
        let entry = self.find(id).ok_or(ActError::Gone)?;
        let judged = {
            let state = entry.state();
            let Subject::Sampling(sampling) = &state.subject else { return Err(ActError::OfAnotherKind) };
            let review = &sampling.review;
            if review.revision() != revision || !matches!(review.state(), State::Request) {
                return Err(if review.is_closed() { ActError::Gone } else { ActError::Stale });
            }
            review.draft().clone()
        };
        Ok((entry, judged))
    }
}

impl Entry {
    /// Notes that an opinion is asked for; false where one is being asked for already.
    pub(crate) fn begin_opinion(&self, asking: OpinionState) -> bool {
        match &mut self.state().subject {
            Subject::Sampling(sampling) if !matches!(sampling.opinion, OpinionState::Asking { .. }) => {
                sampling.opinion = asking;
                true
            }
            Subject::Sampling(_) | Subject::Elicitation(_) | Subject::ToolCall(_) => false,
        }
    }

    pub(crate) fn set_opinion(&self, opinion: OpinionState) {
        if let Subject::Sampling(sampling) = &mut self.state().subject {
            sampling.opinion = opinion;
        }
    }
}

impl Sampling {
    /// Nobody waits for an opinion of what is over.
    pub(super) fn end_opinion(&self) {
        if let OpinionState::Asking { control, .. } = &self.opinion {
            control.cancel();
        }
    }
}

/// What the shells are told of it; none: none can be asked for now.
pub(super) fn view(state: &Sampling, desk: &Desk) -> Option<OpinionView> {
    if !matches!(state.review.state(), State::Request) {
        return None;
    }
    let model = desk.second_opinion()?;
    let judged = state.review.draft();
    // The URL does not depend on what is asked; a format that cannot take this request has one for a plain text.
    let url = desk.encode(&plain()?, &model).ok()?.url;
    let place = desk.place(&url);
    let mut view = OpinionView {
        model: model.name,
        host: place.host,
        is_local: place.is_local,
        asking: false,
        text: None,
        by: None,
        cut: 0,
        is_old: false,
        findings: Vec::new(),
        tokens_in: None,
        tokens_out: None,
        cost_microusd: None,
        error: None,
    };
    match &state.opinion {
        OpinionState::None => {}
        OpinionState::Asking { .. } => view.asking = true,
        OpinionState::Given { of, given } => {
            view.is_old = *of != Sha256Hex::of_json(judged.params());
            view.error.clone_from(&given.error);
            if given.error.is_none() {
                let found = inspect::inspect(Place::Answer, &json!({"content": {"type": "text", "text": given.text}}));
                view.findings = found.iter().map(FindingView::from).collect();
                view.text = Some(given.text.clone());
                view.by = Some(given.model.clone());
                view.cut = u32::try_from(given.cut).unwrap_or(u32::MAX);
            }
            let small = |count: Option<u64>| count.and_then(|count| u32::try_from(count).ok());
            (view.tokens_in, view.tokens_out) = (small(given.tokens_in), small(given.tokens_out));
            view.cost_microusd = given.cost_microusd.and_then(|cost| i64::try_from(cost).ok());
        }
    }
    Some(view)
}

fn plain() -> Option<SamplingRequest> {
    let message = json!({"role": "user", "content": {"type": "text", "text": "x"}});
    SamplingRequest::parse(json!({"messages": [message], "maxTokens": 1})).ok()
}
