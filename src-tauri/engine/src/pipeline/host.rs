//! A host as the one who answers: whether it is asked, and what becomes of what it says.
//!
//! A host is a model like others to sampling ([`Outgoing::Host`](crate::review_queue::Outgoing)), and another person to
//! elicitation. Where it cannot answer, or it is not certain that its call led here, the question is answered here.

use samplegate_core::{
    answer::SamplingAnswer,
    audit::Outcome,
    model_format::Completion,
    settings::{Host, HostMode},
    upstream::HostSide,
};
use serde_json::Value;

use super::{End, Pipeline};
use crate::{
    mcp::{Asked, Origin, Refusal},
    upstream::{HostError, Turn},
};

pub(super) const SAMPLE: &str = "sampling/createMessage";
pub(super) const ELICIT: &str = "elicitation/create";

/// What a server is told in place of a host's words that nobody looked at.
const NO_ANSWER: &str = "The host gave no answer";

impl Pipeline {
    /// Who answers this: [`HostMode::Answer`] means here. Where that is not what the person chose for the host, a sentence
    /// says why. `mode` is what they chose, `cannot` why the host cannot be asked.
    pub(super) fn who_answers(
        &self,
        asked: &Asked,
        turn: Option<&Turn>,
        mode: impl Fn(&Host) -> HostMode,
        cannot: impl FnOnce(&HostSide) -> Option<String>,
    ) -> (HostMode, Option<String>) {
        let settings = self.config.settings();
        let chosen = |host: &str| settings.hosts.get(host).map(&mode).unwrap_or_default();
        let here = |why: Option<String>| (HostMode::Answer, why);
        let turn = match (&asked.origin, turn) {
            (Origin::Call(_), None) => return here(None),
            (Origin::Call(_), Some(turn)) => turn,
            (Origin::OneOf(calls), _) => {
                let host = calls.iter().map(|call| &call.host).find(|host| chosen(host) != HostMode::Answer);
                return here(host.map(|host| {
                    format!("Several calls of {host} are under way and it is not known which one asks, so it is answered here.")
                }));
            }
            (Origin::None, _) => {
                let any = settings.hosts.values().any(|host| mode(host) != HostMode::Answer);
                let why = "It was not asked in a call, so no host can be asked: it is answered here.";
                return here(any.then(|| why.to_owned()));
            }
        };
        match chosen(turn.host()) {
            HostMode::Answer => here(None),
            mode => match cannot(turn.side()) {
                Some(why) => {
                    here(Some(format!("{} does not answer it itself: {why}. It is answered here.", turn.host())))
                }
                None => (mode, None),
            },
        }
    }
}

/// Asks the host's model. The answer is the host's, whatever it holds; what cannot be read as one is told as such.
pub(super) async fn sample(asked: impl Future<Output = Result<Value, HostError>>) -> Result<Completion, HostError> {
    let result = asked.await?;
    let answer = SamplingAnswer::from_result(&result).map_err(|error| HostError::Rubbish(error.to_string()))?;
    let SamplingAnswer { content, model, stop_reason } = answer;
    Ok(Completion { content, model: Some(model), stop_reason, usage: None })
}

/// How a question ends whose host gave no answer. Of what the host said the server is told the code; the words only where
/// the person lets this host answer without a look.
pub(super) fn no_answer(error: &HostError, passes: bool) -> End {
    let why = error.to_string();
    match error {
        HostError::Refused { code, message, data } => {
            let told = match (passes, *code) {
                (true, code) => Refusal { code, message: message.clone(), data: data.clone() },
                (false, -1) => Refusal::new(-1, super::sampling::REJECTED),
                (false, code) => Refusal::new(code, NO_ANSWER),
            };
            End { outcome: Outcome::Failed, told: Some(told), ..End::failed(*code, why) }
        }
        HostError::Rubbish(_) => End { told: Some(Refusal::new(-32603, NO_ANSWER)), ..End::failed(-32603, why) },
        HostError::Gone => End { why, ..End::withdrawn() },
    }
}
