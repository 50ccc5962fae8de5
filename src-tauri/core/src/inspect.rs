//! Points at what a person would miss in a text.
//!
//! Data flow: a JSON value (a request's params, an answer's result, a tool) → every string in it, with the place it
//! stands in → one pass per family → [`Finding`]s, each with the exact span. What is encoded is decoded and inspected
//! again, to a small depth.
//!
//! Invariants: findings only ever raise a verdict ([`raises`]), and only those about bytes, or about data in an answer.
//! Time is linear in the text and memory is bounded: a kind that is found too often is counted, not listed.
//!
//! Deliberately absent: a model. What text means is judged by words that stand together, which misses careful prose;
//! so these findings advise and decide nothing. The payload of images and audio is not text and is not read.

mod behaviour;
mod controls;
mod encoded;
mod finder;
mod finding;
mod fold;
mod found;
mod html;
mod input;
mod invisible;
mod layout;
mod markdown;
mod meaning;
mod named;
mod personal;
mod scripts;
mod secrets;
mod tools;
mod url;
mod walk;
mod wants;

use serde_json::Value;

pub use behaviour::{Fingerprint, Recent, behaviour};
pub use finding::{Family, Finding, FindingKind, Severity};
pub use input::Input;
pub use invisible::is_invisible;
pub use named::{hide, is_secret, names_a_secret, secrets_in};
pub(crate) use scripts::drawn_host;
pub(crate) use url::registered as registered_domain;
pub use walk::Place;
pub use wants::wants_a_secret;

use crate::audit::Gate;
use found::Found;

/// Inspects every string in `value`, names of fields included, as text that stands in this place.
pub fn inspect(place: Place, value: &Value) -> Vec<Finding> {
    inspect_in(place, value, None)
}

/// Inspects as [`inspect`] does, knowing what led to the text: for an answer, the params of its request. Who asked for
/// a lesson about attacks gets an answer that quotes some.
pub fn inspect_in(place: Place, value: &Value, context: Option<&Value>) -> Vec<Finding> {
    let mut found = Found::new(context.is_some_and(meaning::asks_for_a_lesson));
    walk::walk(value, place, &mut found);
    tools::compare(value, &mut found);
    found.finish()
}

/// The severity of the worst finding.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}

/// The worst finding that turns an allow into an ask at this gate: of high severity, and about bytes that hide what is
/// there; in an answer also about data that must not leave.
pub fn raises(findings: &[Finding], gate: Gate) -> Option<&Finding> {
    let counts = |finding: &&Finding| {
        finding.severity >= Severity::High
            && match finding.kind.family() {
                Family::Bytes => true,
                Family::Data => gate == Gate::Answer,
                Family::Meaning | Family::Behaviour => false,
            }
    };
    findings.iter().filter(counts).max_by_key(|finding| finding.severity)
}

#[cfg(test)]
mod tests;
