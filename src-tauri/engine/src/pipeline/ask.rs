//! Asking the model: the key is read now, the bytes that core encoded go out, the answer streams into the window. Or
//! asking the host for an answer of its own.

use std::time::{Duration, Instant, SystemTime};

use futures::{FutureExt as _, TryFutureExt as _};
use samplegate_core::{
    answer::SamplingAnswer,
    audit::{self, Answered, Content, Gate, Role, Sent},
    canonical::Sha256Hex,
    inspect::{self, Place},
    model_format::{Completion, Usage, WireRequest},
    price,
    review::{ApprovedRequest, Effect, Event, approved_object},
    settings::KeySource,
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::{
    End, Given, Looked, NEWEST_PROTOCOL, Pipeline, Question,
    gates::{decided, no_key},
    host,
    sampling::{Came, Passed},
};
use crate::{
    key_command,
    provider::{Control, Progress, ProviderError},
    review_queue::Outgoing,
    upstream::HostError,
};

/// How often the windows are told that an answer grew.
const SHOW_EVERY: Duration = Duration::from_millis(50);

/// What a model used that gave no answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Used {
    /// It was not asked, or refused to begin.
    Nothing,
    /// As much as this, and so many millionths of a US dollar, where they are known.
    Known(Usage, Option<u64>),
    /// Perhaps all it could.
    Unknown,
}

impl Used {
    /// After this failure.
    pub(super) fn after(error: &ProviderError) -> Self {
        if error.used_nothing() { Self::Nothing } else { Self::Unknown }
    }

    /// Tokens read, tokens written, and money, as the log has them.
    pub(super) fn counts(self) -> (Option<u64>, Option<u64>, Option<u64>) {
        match self {
            Self::Nothing => (Some(0), Some(0), Some(0)),
            Self::Known(usage, cost) => (Some(usage.input), Some(usage.output), cost),
            Self::Unknown => (None, None, None),
        }
    }
}

/// Why there is no answer.
enum NoAnswer {
    /// The model failed, with a sentence why.
    Model(String, Used),
    /// The host gave none.
    Host(HostError),
}

impl Pipeline {
    /// Asks the model and brings its answer to the answer gate.
    pub(super) async fn ask_model(
        &self,
        question: &mut Question<Effect>,
        approved: &ApprovedRequest,
    ) -> Result<Came, End> {
        let control = Control::default();
        let (shown, mut show) = mpsc::unbounded_channel();
        // The record may have changed since the model was chosen.
        if let Some(why) = self.queue.desk().forbids(&question.asked.server.name, &approved.model().name) {
            return Ok(failed(question, approved, why, Used::Nothing));
        }
        let outgoing = match self.queue.desk().outgoing(approved.request(), approved.model()) {
            Ok(outgoing) => outgoing,
            Err(error) => return Ok(failed(question, approved, error.to_string(), Used::Nothing)),
        };
        // What another answers is not what was left to the host.
        question.docket.passes &= approved.model().host().is_some();
        let mut work = match (&outgoing, &mut question.host) {
            (Outgoing::Model(wire), _) => self.send(approved, wire, &control, shown).boxed(),
            (Outgoing::Host { params, .. }, Some(host)) => {
                let asked = host::sample(host.ask(host::SAMPLE, params.clone())).map_err(NoAnswer::Host);
                let stopped = control
                    .stopped()
                    .map(|()| Err(NoAnswer::Model("stopped before the host answered".into(), Used::Unknown)));
                async move {
                    tokio::select! { answer = asked => answer, stopped = stopped => stopped }
                }
                .boxed()
            }
            (Outgoing::Host { .. }, None) => {
                return Ok(failed(question, approved, HostError::Gone.to_string(), Used::Nothing));
            }
        };
        // Durable before the effect: `sent` is written before the key is even read.
        self.note_sent(question, approved, outgoing.body()).await?;
        let mut last_shown = Instant::now();
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                Some(progress) = show.recv() => {
                    let urgent = !matches!(progress, Progress::Text(_));
                    question.entry.progress(|answer| apply(answer, progress));
                    if urgent || last_shown.elapsed() >= SHOW_EVERY {
                        last_shown = Instant::now();
                        self.queue.touch(&question.entry);
                    }
                }
                decision = question.decisions.recv() => {
                    let Some(decision) = decision else { return Err(End::withdrawn()) };
                    if decision.what == audit::Decision::Stopped {
                        control.stop();
                        let reviewer = Some(self.reviewer.clone());
                        question.record.note(decided(
                            Gate::Answer,
                            audit::Decision::Stopped,
                            audit::DecidedBy::Person,
                            reviewer,
                            None,
                            Vec::new(),
                        ));
                        continue;
                    }
                    // A denial, or an answer by hand: the model is not waited for.
                    control.cancel();
                    return match self.carry_out(question, Gate::Answer, decision, None).await? {
                        Passed::Release(released) => Ok(Came::Release(released)),
                        Passed::Send(_) => Err(End::withdrawn()),
                    };
                }
            }
        };
        while let Ok(progress) = show.try_recv() {
            question.entry.progress(|answer| apply(answer, progress));
        }
        match outcome {
            Ok(completion) => self.answered(question, approved, completion).await,
            Err(NoAnswer::Model(why, used)) => Ok(failed(question, approved, why, used)),
            Err(NoAnswer::Host(error)) => self.host_gave_none(question, &error).await,
        }
    }

    /// The host's refusal is its last word, as a person's is.
    async fn host_gave_none(&self, question: &mut Question<Effect>, error: &HostError) -> Result<Came, End> {
        // What its model read and wrote, the host pays; what it refused at once, nobody.
        let refused = matches!(error, HostError::Refused { .. });
        let (tokens_in, tokens_out, cost_microusd) = if refused { Used::Nothing } else { Used::Unknown }.counts();
        let error_told = Some(error.to_string());
        question.record.note(Answered {
            tokens_in,
            tokens_out,
            cost_microusd,
            error: error_told,
            ..Answered::default()
        });
        let end = host::no_answer(error, question.docket.passes);
        let decision = Self::fails(question, end).await?;
        match self.carry_out(question, Gate::Answer, decision, None).await? {
            Passed::Release(released) => Ok(Came::Release(released)),
            Passed::Send(_) => Err(End::withdrawn()),
        }
    }

    /// Notes the model's answer with what inspection and policy say about it, and brings it to the answer gate.
    async fn answered(
        &self,
        question: &mut Question<Effect>,
        approved: &ApprovedRequest,
        completion: Completion,
    ) -> Result<Came, End> {
        let model = completion.model.unwrap_or_else(|| approved.model().model.clone());
        let usage = completion.usage;
        let cost = usage.and_then(|usage| {
            price::cost_microusd(&approved.model().provider, &approved.model().model, usage, SystemTime::now())
        });
        question.entry.progress(|answer| {
            answer.model = Some(model.clone());
            answer.waiting = None;
            answer.took_ms = answer.since.map(|since| u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX));
            if let Some(usage) = usage {
                answer.tokens_in = Some(answer.tokens_in.unwrap_or(0) + usage.input);
                answer.tokens_out = Some(answer.tokens_out.unwrap_or(0) + usage.output);
                answer.cost_microusd = cost.map(|cost| answer.cost_microusd.unwrap_or(0) + cost);
            }
        });
        let answer = SamplingAnswer { content: completion.content, model, stop_reason: completion.stop_reason };
        let result = match answer.to_result(NEWEST_PROTOCOL) {
            Ok(result) => result,
            Err(error) => {
                let used = usage.map_or(Used::Unknown, |usage| Used::Known(usage, cost));
                return Ok(failed(question, approved, error.to_string(), used));
            }
        };
        let asked = approved.request().params();
        let findings = inspect::inspect_in(Place::Answer, &result, Some(asked));
        // What is judged is what would be returned: with the redacted values in it, which the log's answer has not.
        let returned = question.entry.as_returned(&answer);
        let judged = match returned.to_result(NEWEST_PROTOCOL) {
            Ok(value) if value != result => inspect::inspect_in(Place::Answer, &value, Some(asked)),
            Ok(_) | Err(_) => findings.clone(),
        };
        question.looked = Looked { findings: judged, answer: Some(Given::Sampling(returned)) };
        let (evaluation, offer) = self.judge(question, Gate::Answer).await?;
        question.entry.judged((&evaluation).into(), offer);
        question.record.note_with(
            Answered {
                model: Some(answer.model.clone()),
                stop_reason: Some(answer.stop_reason.as_str().to_owned()),
                answer_class: Some(answer.content_class()),
                tokens_in: usage.map(|usage| usage.input),
                tokens_out: usage.map(|usage| usage.output),
                cost_microusd: cost,
                verdict: Some(evaluation.verdict),
                rules: evaluation.matched(),
                reason: Some(evaluation.reason.clone()),
                findings: serde_json::to_value(&findings).ok(),
                error: None,
            },
            Role::Answer,
            Content::json(&result),
        );
        at_answer_gate(question, Event::Answered(Box::new(answer)));
        Ok(Came::Answer(evaluation))
    }

    async fn note_sent(
        &self,
        question: &mut Question<Effect>,
        approved: &ApprovedRequest,
        body: &[u8],
    ) -> Result<(), End> {
        // Computed anew from what goes out, not copied from what was approved: they must be equal.
        let object = approved_object(approved.request(), approved.model());
        let sent_sha256 = Sha256Hex::of_json(&object);
        if sent_sha256 != approved.sha256() {
            return Err(End::failed(-32603, "what would be sent is not what was approved; nothing was sent"));
        }
        question.attempt += 1;
        question.record.note_with(
            Sent {
                provider: Some(approved.model().provider.clone()),
                model: Some(approved.model().model.clone()),
                attempt: question.attempt,
                sent_sha256: Some(sent_sha256),
                wire_sha256: Some(Sha256Hex::of(body)),
            },
            Role::Wire,
            Content::new(body.to_vec()),
        );
        question.record.flush().await
    }

    async fn send(
        &self,
        approved: &ApprovedRequest,
        wire: &WireRequest,
        control: &Control,
        show: mpsc::UnboundedSender<Progress>,
    ) -> Result<Completion, NoAnswer> {
        let unsent = |why| NoAnswer::Model(why, Used::Nothing);
        let source = self.config.settings().models.get(&approved.model().name).map(|model| model.key.clone());
        // A locked keychain waits for its person, and a command may ask its own.
        let waits = match source {
            None | Some(KeySource::None | KeySource::Memory) => None,
            Some(KeySource::Keychain) => Some("waiting for the keychain; if it is locked, it asks you to unlock it"),
            Some(KeySource::Command(_)) => Some("waiting for the command that prints the key"),
        };
        if let Some(waits) = waits {
            let _ = show.send(Progress::Waiting(waits.into()));
        }
        let key = tokio::select! {
            key = self.key_of(approved) => key.map_err(unsent)?,
            () = control.stopped() => return Err(unsent("stopped before anything was sent".into())),
        };
        let _ = show.send(Progress::Sending);
        let progress = show.clone();
        self.models
            .complete(wire, key.as_ref(), move |event| drop(progress.send(event)), control)
            .await
            .map_err(|error: ProviderError| NoAnswer::Model(error.to_string(), Used::after(&error)))
    }

    /// Reads the key of the model that was approved, unless that name means another model by now: a key goes only
    /// where the person saw it go.
    async fn key_of(&self, approved: &ApprovedRequest) -> Result<Option<SecretString>, String> {
        let name = &approved.model().name;
        if self.queue.desk().model(name).as_ref() != Some(approved.model()) {
            return Err(format!("the model {name} was changed meanwhile: look again, and choose it anew"));
        }
        self.key(name).await
    }

    /// Reads a model's key at call time.
    pub(crate) async fn key(&self, model: &str) -> Result<Option<SecretString>, String> {
        let settings = self.config.settings();
        let Some(source) = settings.models.get(model).map(|model| model.key.clone()) else {
            return Err(format!("the model {model} was removed meanwhile: choose another"));
        };
        let name = key_name(model);
        match source {
            KeySource::None => Ok(None),
            KeySource::Command(command) => key_command::run(&command).await.map(Some),
            KeySource::Memory => match self.secrets.remembered(&name) {
                Some(key) => Ok(Some(key)),
                None => Err(format!(
                    "the key of {model} was kept in memory for an earlier run: give it again under Settings, Models"
                )),
            },
            KeySource::Keychain => match self.secrets.get(&name).await {
                Ok(Some(key)) => Ok(Some(key)),
                Ok(None) => Err(format!("there is no key of {model} in the keychain: give it under Settings, Models")),
                Err(error) => Err(no_key(model, &error)),
            },
        }
    }
}

fn failed(question: &mut Question<Effect>, approved: &ApprovedRequest, why: String, used: Used) -> Came {
    question.entry.progress(|answer| answer.waiting = None);
    let (tokens_in, tokens_out, cost_microusd) = used.counts();
    question.record.note(Answered {
        model: Some(approved.model().model.clone()),
        tokens_in,
        tokens_out,
        cost_microusd,
        error: Some(why.clone()),
        ..Answered::default()
    });
    at_answer_gate(question, Event::ModelFailed(why.clone()));
    Came::Failure(why)
}

/// The gate makes it durable and tells the windows, if it asks anybody.
fn at_answer_gate(question: &Question<Effect>, event: Event) {
    // An error: decided at this very moment; the decision is in the channel and the gate takes it from there.
    let _ = question.entry.apply(event);
}

/// The keychain entry of a model's key.
pub(crate) fn key_name(model: &str) -> String {
    format!("model:{model}")
}

fn apply(answer: &mut crate::review_queue::AnswerProgress, progress: Progress) {
    match progress {
        Progress::Sending => answer.waiting = None,
        Progress::Text(text) => {
            answer.waiting = None;
            answer.partial.push_str(&text);
        }
        Progress::Model(model) => answer.model = Some(model),
        Progress::Waiting(why) => answer.waiting = Some(why),
    }
}
