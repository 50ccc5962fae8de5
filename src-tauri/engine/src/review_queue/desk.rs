//! What lies on the reviewer's desk besides the question: the models that could answer, what each would be sent, and
//! what it would cost, all from the settings as they are now.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use samplegate_core::{
    model_choice::{self, Candidate, Ranked},
    model_format::{self, Provider, Unsupported, Usage, WireRequest},
    price,
    request::SamplingRequest,
    review::ModelRef,
    settings::{HUMAN, Settings},
    tokens, upstream,
};
use serde_json::Value;

use crate::{
    config::Config,
    wire::{ModelOption, ProvenanceView},
};

/// Encodes and prices requests by the settings as they are now.
#[derive(Debug, Clone)]
pub struct Desk {
    config: Config,
}

impl Desk {
    /// A desk with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.config.settings()
    }

    /// A configured model by name.
    pub(crate) fn model(&self, name: &str) -> Option<ModelRef> {
        let settings = self.config.settings();
        let model = settings.models.get(name)?;
        Some(ModelRef {
            name: name.into(),
            provider: model.provider.clone(),
            model: model.model.clone(),
            base_url: model.base_url.clone(),
        })
    }

    /// Exactly what goes out for this model, or to this host.
    pub(crate) fn outgoing(&self, request: &SamplingRequest, model: &ModelRef) -> Result<Outgoing, Unsupported> {
        let Some(host) = model.host() else { return self.encode(request, model).map(Outgoing::Model) };
        let params = upstream::sampling_params(request);
        Ok(Outgoing::Host { body: params.to_string().into_bytes(), params, address: format!("{host}, the host") })
    }

    /// Why the record of this server does not allow a model; none: it may answer.
    pub(crate) fn forbids(&self, server: &str, model: &str) -> Option<String> {
        self.config.settings().forbids_model(server, model)
    }

    /// What has to be typed before a question is let through; none: nothing.
    pub(crate) fn wants_typed(&self, provenance: &ProvenanceView) -> Option<String> {
        let settings = self.config.settings();
        let tool = provenance.call.as_ref().map(|call| call.name.as_str());
        settings.servers.get(&provenance.server)?.wants_typed(&provenance.server, tool)
    }

    /// What to tell the person where no model may answer this server; none: some may, or there are none.
    pub(crate) fn no_model_allowed(&self, server: &str) -> Option<String> {
        self.config.settings().forbids_all_models(server).then(|| {
            format!(
                "The record of {server} allows none of your models, so the answer is yours to write, unless you allow \
                 one in its record."
            )
        })
    }

    /// The models that could answer this request, best first, and why; whether the first is chosen without asking.
    fn rank(&self, request: &SamplingRequest) -> Vec<Ranked> {
        let settings = self.config.settings();
        let now = SystemTime::now();
        // A call of usual size, only to tell the cheap from the dear.
        let usual = Usage { input: 1000, output: 500, cached: 0 };
        let candidates: Vec<Candidate> = settings
            .models
            .iter()
            .map(|(name, model)| Candidate {
                name: name.clone(),
                provider: model.provider.clone(),
                model: model.model.clone(),
                cost_microusd: price::cost_microusd(&model.provider, &model.model, usual, now),
            })
            .collect();
        let default = (settings.default_model != HUMAN).then_some(settings.default_model.as_str());
        model_choice::rank(request.model_preferences(), &candidates, default)
    }

    /// The model that answers where nobody chooses another: none where the person is the default and no hint matches.
    /// Where the record of the server does not allow the default model, the best that it allows stands in.
    pub(crate) fn choose(&self, server: &str, request: &SamplingRequest) -> Option<ModelRef> {
        let ranked = self.rank(request).into_iter().find(|ranked| self.forbids(server, &ranked.name).is_none())?;
        if ranked.chosen || self.settings().default_model != HUMAN { self.model(&ranked.name) } else { None }
    }

    /// The exact bytes for this model.
    pub(crate) fn encode(&self, request: &SamplingRequest, model: &ModelRef) -> Result<WireRequest, Unsupported> {
        model_format::encode(provider(model)?, model.base_url.as_deref(), &model.model, request)
    }

    /// Every model with its size and price for this request, the host's own first; last those that this server's record
    /// does not allow.
    pub(crate) fn options(&self, server: &str, request: &SamplingRequest, host: Option<&ModelRef>) -> Vec<ModelOption> {
        let now = SystemTime::now();
        let tokens_in = tokens::estimate(request);
        let (allowed, forbidden): (Vec<_>, Vec<_>) =
            self.rank(request).into_iter().partition(|ranked| self.forbids(server, &ranked.name).is_none());
        let of_host = host.map(|host| (host.clone(), "this host’s own model will answer".to_owned()));
        let configured = allowed.into_iter().chain(forbidden);
        let configured = configured.filter_map(|ranked| Some((self.model(&ranked.name)?, ranked.why)));
        of_host
            .into_iter()
            .chain(configured)
            .map(|(model, why)| {
                let most = Usage { input: tokens_in, output: u64::from(request.max_tokens()), cached: 0 };
                let cost = price::cost_microusd(&model.provider, &model.model, most, now);
                ModelOption {
                    cannot: self
                        .forbids(server, &model.name)
                        .or_else(|| self.outgoing(request, &model).err().map(|error| error.to_string())),
                    name: model.name,
                    provider: model.provider,
                    model: model.model,
                    why,
                    tokens_in: u32::try_from(tokens_in).unwrap_or(u32::MAX),
                    cost_at_most_microusd: cost.and_then(|cost| i64::try_from(cost).ok()),
                }
            })
            .collect()
    }
}

/// Exactly what goes out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// To a model.
    Model(WireRequest),
    /// To the host that made the call.
    Host {
        /// The params of its request.
        params: Value,
        /// The same as bytes.
        body: Vec<u8>,
        /// Where they go, in words.
        address: String,
    },
}

impl Outgoing {
    /// The bytes.
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Model(wire) => &wire.body,
            Self::Host { body, .. } => body,
        }
    }

    /// Where they go.
    pub(crate) fn address(&self) -> &str {
        match self {
            Self::Model(wire) => &wire.url,
            Self::Host { address, .. } => address,
        }
    }
}

fn provider(model: &ModelRef) -> Result<&'static Provider, Unsupported> {
    model_format::provider(&model.provider).ok_or_else(|| Unsupported {
        what: format!("the provider {:?}", model.provider),
        why: "it is not one of those Samplegate knows".into(),
    })
}

/// What is known about the answer so far.
#[derive(Debug, Clone, Default)]
pub struct AnswerProgress {
    /// The configured name of the model that was asked.
    pub asked: Option<String>,
    /// When.
    pub since: Option<Instant>,
    /// How long it took, once it is over.
    pub took_ms: Option<u32>,
    /// The model's real name.
    pub model: Option<String>,
    /// The text so far.
    pub partial: String,
    /// Why nothing comes, while nothing does.
    pub waiting: Option<String>,
    /// Tokens read, all attempts summed.
    pub tokens_in: Option<u64>,
    /// Tokens written, all attempts summed.
    pub tokens_out: Option<u64>,
    /// Cost of all attempts.
    pub cost_microusd: Option<u64>,
}

impl AnswerProgress {
    /// The state right after a request was approved.
    pub(crate) fn asked(model: Option<&ModelRef>) -> Self {
        Self { asked: model.map(|model| model.name.clone()), since: Some(Instant::now()), ..Self::default() }
    }
}
