//! Rules, grants and risk, and what they say about a question: Allow, Ask or Deny.
//!
//! Data flow: a [`Case`] (what is asked, at which gate, where its server stands), the [`Rule`]s, the [`Grant`]s and what
//! the limits said → [`Evaluation`]. The strictest verdict wins, so the order of rules never matters, and adding a deny
//! never allows more.
//!
//! An answer that calls tools is released by a rule only where that rule's condition on tools covers the calls: neither
//! a switched-off gate nor a grant does.
//!
//! Invariants: without a rule or a grant that a person made, or a gate that a person switched off, the verdict is Ask or
//! Deny; findings, risk, drift and limits only raise a verdict; where the calling tool is not known, no rule or grant
//! about a tool matches; an expired or suspended one never allows.

mod case;
mod conditions;
mod grant;
mod pattern;
mod propose;
mod replay;
mod risk;
mod rule;
mod rules;
mod sentence;
mod template;
#[cfg(test)]
mod tests;
mod tool_call;

pub use self::{
    case::{Calling, Case, Facts, Suspension, ToolLabels, prompt},
    conditions::{FindingsAre, Hours, Presence, ToolsAre},
    grant::{About, CallShape, Grant, MINUTES, Offer, Scope, Shape, Until, grant_name, grant_of, offer},
    pattern::{Pattern, Reach},
    propose::{Seen, propose_rule},
    replay::{DryRun, Replayed},
    risk::{Hints, Label, Proposal, Risk, is_trifecta, propose as propose_risk, propose_labels, trifecta_sentence},
    rule::{Action, Rule},
    rules::Rules,
    template::Template,
    tool_call::{is_looked_at, propose_call_rule},
};
pub use crate::audit::{Gate, Verdict};

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::{
    audit::{DecidedBy, Kind},
    canonical::Sha256Hex,
    inspect::Family,
    limits::Checked,
    settings::{Gates, Sampling, ToolCalls},
};

/// What the policy says, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The verdict.
    pub verdict: Verdict,
    /// Who says so: with Deny, who denies; with Ask, who denies where nobody can be asked.
    pub by: DecidedBy,
    /// With Allow: the text to answer with instead of asking a model.
    pub answer: Option<String>,
    /// The ids of the rules that matched, sorted.
    pub rules: Vec<String>,
    /// The ids of the grants that matched, sorted; none where a rule decides.
    pub grants: Vec<String>,
    /// The rules and grants that matched, each in a sentence.
    pub sentences: Vec<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// How it differs from what a grant covers that it would else have passed by.
    pub missed: Option<&'static str>,
    /// Why what was allowed earlier did not count.
    pub suspended: Option<Suspension>,
}

impl Evaluation {
    /// The rules and grants that matched, as the log names them.
    pub fn matched(&self) -> Vec<String> {
        self.rules.iter().cloned().chain(self.grants.iter().map(|id| grant_name(id))).collect()
    }

    /// Raises the verdict to at least this, never lowers it.
    fn raise(&mut self, verdict: Verdict, by: DecidedBy, reason: impl Into<String>) {
        if self.verdict < verdict {
            self.verdict = verdict;
            self.by = by;
            self.reason = reason.into();
        }
    }
}

/// What a question is judged against.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// How often rules with a number of uses were used, by id.
    pub uses: &'a BTreeMap<String, u64>,
    /// The grants.
    pub grants: &'a [Grant],
    /// What the limits say; nothing at the answer gate.
    pub limits: &'a Checked,
}

/// Judges a case. Pure: the same case and the same sets of rules and grants give the same evaluation.
pub fn evaluate(case: &Case<'_>, standing: Standing<'_>) -> Evaluation {
    let used_up = |rule: &Rule| rule.uses.is_some_and(|uses| standing.uses.get(&rule.id).copied().unwrap_or(0) >= uses);
    let mut matched: Vec<&Rule> = standing.rules.about(case).filter(|rule| !used_up(rule)).collect();
    matched.sort_by(|a, b| a.id.cmp(&b.id));
    let digest = (!standing.grants.is_empty()).then(|| case.facts.system_prompt_sha256()).flatten();
    // Suspended, nothing that was allowed earlier counts; what was forbidden does.
    let suspended = case.suspended.is_some();
    let counting: Vec<&Rule> =
        matched.iter().copied().filter(|rule| !suspended || !rule.action.lets_through()).collect();
    let heard = hear(case, &counting, standing.grants, digest);
    // What a rule says because something was found is said besides: where nothing allows it, it is still denied.
    let unasked: Vec<&Rule> = counting.iter().copied().filter(|rule| !rule.wants_findings()).collect();
    let heard = match unasked.len() < counting.len() {
        true => std::cmp::max_by_key(hear(case, &unasked, standing.grants, digest), heard, |heard| heard.verdict),
        false => heard,
    };
    let Heard { verdict, by, reason, answer, grants, missed } = heard;
    let mut evaluation = Evaluation {
        verdict,
        by,
        answer,
        rules: matched.iter().map(|rule| rule.id.clone()).collect(),
        grants: grants.iter().map(|grant| grant.id.clone()).collect(),
        sentences: matched
            .iter()
            .map(|rule| rule.sentence())
            .chain(grants.iter().map(|grant| grant.sentence()))
            .collect(),
        reason,
        missed: missed.filter(|_| verdict != Verdict::Allow),
        suspended: None,
    };
    if let Some(differs) = evaluation.missed {
        evaluation.reason = format!("{} A grant of yours does not cover it: {differs}.", evaluation.reason);
    }
    raise(case, standing.limits, &mut evaluation);
    if case.facts.calls_tools && !matched.iter().any(|rule| rule.releases_tool_calls() && case.suspended.is_none()) {
        let reason = "The answer calls tools, and no rule says that these calls may go back.";
        evaluation.raise(Verdict::Ask, DecidedBy::Nobody, reason);
    }
    if evaluation.verdict != Verdict::Allow {
        evaluation.answer = None;
    }
    evaluation
}

/// What these rules and the grants say.
struct Heard<'a> {
    verdict: Verdict,
    by: DecidedBy,
    reason: String,
    answer: Option<String>,
    /// The grants that let it through.
    grants: Vec<&'a Grant>,
    /// Why one that is about it does not.
    missed: Option<&'static str>,
}

/// Grants are heard where no rule says anything.
fn hear<'a>(case: &Case<'_>, rules: &[&Rule], grants: &'a [Grant], digest: Option<Sha256Hex>) -> Heard<'a> {
    let about: Vec<&Grant> = grants.iter().filter(|_| case.suspended.is_none() && rules.is_empty()).collect();
    let missed = about.iter().filter_map(|grant| grant.misses(case, digest)).min();
    let mut grants: Vec<&Grant> = about.into_iter().filter(|grant| grant.allows(case, digest)).collect();
    grants.sort_by(|a, b| a.id.cmp(&b.id));
    let (verdict, by, reason, answer) = judge(case, rules, &grants);
    Heard { verdict, by, reason, answer, grants, missed }
}

/// What rules and grants say by themselves.
fn judge(case: &Case<'_>, matched: &[&Rule], grants: &[&Grant]) -> (Verdict, DecidedBy, String, Option<String>) {
    let strictest = matched.iter().map(|rule| verdict_of(rule.action)).max();
    let said = |verdict, by, reason: &str| (verdict, by, reason.to_owned(), None);
    // What a person would say cannot be said by a rule: it may only spare them the question.
    if case.kind == Kind::Elicitation {
        return match strictest {
            Some(Verdict::Deny) => said(Verdict::Deny, DecidedBy::Rule, "A rule denies it."),
            Some(Verdict::Ask) => said(Verdict::Ask, DecidedBy::Nobody, "A rule asks."),
            // Another person answers: the host's.
            Some(Verdict::Allow) | None if case.passes => said(Verdict::Allow, DecidedBy::Rule, PASSED),
            Some(Verdict::Allow) | None => said(Verdict::Ask, DecidedBy::Nobody, UNMATCHED),
        };
    }
    match strictest {
        Some(Verdict::Deny) => said(Verdict::Deny, DecidedBy::Rule, "A rule denies it."),
        Some(Verdict::Ask) => said(Verdict::Ask, DecidedBy::Nobody, "A rule asks."),
        Some(Verdict::Allow) => {
            let answers = matched.iter().filter(|rule| rule.action == Action::Answer);
            // A rule without its text is refused when it is read; here it must not become an allow either.
            let mut texts: Vec<&str> = answers.map(|rule| rule.text.as_deref().unwrap_or_default()).collect();
            texts.sort_unstable();
            texts.dedup();
            match texts.as_slice() {
                [] => said(Verdict::Allow, DecidedBy::Rule, "A rule allows it."),
                [text] => (Verdict::Allow, DecidedBy::Rule, "A rule answers it.".to_owned(), Some((*text).to_owned())),
                _ => said(Verdict::Ask, DecidedBy::Nobody, "Rules answer it with different texts."),
            }
        }
        None => match grants.iter().max_by_key(|grant| grant.given_at) {
            Some(grant) => said(Verdict::Allow, DecidedBy::Rule, &format!("{}.", given(grant, case))),
            None => unmatched(case),
        },
    }
}

/// Why a person is asked where nothing else says so.
pub const UNMATCHED: &str = "No rule matches, so you decide.";

/// Why nobody is asked about what a host answers.
const PASSED: &str = "You leave what is asked in this host's calls to the host.";

/// Why a request whose tools bring the lethal trifecta together is denied.
pub const TRIFECTA: &str = "The lethal trifecta: its tools together read private data, see untrusted content and \
                            communicate outward; the server's record does not allow that.";

/// What no rule and no grant can undo.
fn raise(case: &Case<'_>, limits: &Checked, evaluation: &mut Evaluation) {
    if case.kind == Kind::Sampling && case.sampling == Sampling::Off {
        evaluation.raise(Verdict::Deny, DecidedBy::Rule, "Sampling is off for this server.");
    }
    if let Some(hit) = limits.denies.first() {
        evaluation.raise(Verdict::Deny, DecidedBy::Limit, hit.reason());
    }
    if case.trifecta {
        evaluation.raise(Verdict::Deny, DecidedBy::Rule, TRIFECTA);
    }
    let passes = case.calling.is_some_and(|calling| calling.mode == ToolCalls::Off);
    // What a tool gave is looked at where the person wants it, whatever was allowed earlier: that does not count.
    let of_a_result = case.calling.is_some() && case.gate == Gate::Answer;
    if let Some(suspended) = case.suspended.filter(|_| !passes && !of_a_result)
        && evaluation.verdict <= Verdict::Ask
    {
        // Of all that asks, this is what the person has to know first.
        (evaluation.verdict, evaluation.by) = (Verdict::Ask, suspended.by());
        evaluation.reason = suspended.reason().to_owned();
        evaluation.suspended = Some(suspended);
    }
    if let Some(hit) = limits.asks.first() {
        evaluation.raise(Verdict::Ask, DecidedBy::Limit, hit.reason());
    }
    if case.risk == Risk::High {
        evaluation.raise(Verdict::Ask, DecidedBy::Nobody, "It is of high risk, so you decide, whatever rules say.");
    }
    if case.facts.asks_for_all_context {
        evaluation.raise(Verdict::Ask, DecidedBy::Nobody, "It asks for the context of all servers, so you decide.");
    }
    if let Some(kind) = case.raised().filter(|_| !passes) {
        let what = if kind.family() == Family::Data { "a secret" } else { "hidden or misleading text" };
        let place = match case.gate {
            Gate::Request => "in it",
            Gate::Answer => "in it or in its request",
        };
        let reason = format!("{} But {what} was found {place} ({}).", evaluation.reason, kind.as_str());
        evaluation.raise(Verdict::Ask, DecidedBy::Nobody, reason);
    }
}

/// "Allowed by the grant of 11:02", on the person's clock; with the day, where that is not today.
fn given(grant: &Grant, case: &Case<'_>) -> String {
    let now = case.now.to_zoned(TimeZone::UTC).datetime();
    let given = grant.given_at.to_zoned(TimeZone::UTC).datetime();
    let local = now.until(given).and_then(|ago| case.local.checked_add(ago)).unwrap_or(given);
    let form = if local.date() == case.local.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    format!("Allowed by the grant of {}", local.strftime(form))
}

fn verdict_of(action: Action) -> Verdict {
    match action {
        Action::Allow | Action::Answer => Verdict::Allow,
        Action::Ask => Verdict::Ask,
        Action::Deny => Verdict::Deny,
    }
}

fn unmatched(case: &Case<'_>) -> (Verdict, DecidedBy, String, Option<String>) {
    if let Some(calling) = case.calling {
        let (verdict, by, reason) = tool_call::unmatched(case, calling);
        return (verdict, by, reason.to_owned(), None);
    }
    let (verdict, by, reason) = match (case.gate, case.gates, case.sampling) {
        (_, _, Sampling::Off) => (Verdict::Deny, DecidedBy::Rule, "Sampling is off for this server."),
        (Gate::Answer, Gates::Request, _) => {
            (Verdict::Allow, DecidedBy::Rule, "You switched the answer gate off for this server.")
        }
        (Gate::Request, Gates::Answer, _) => {
            (Verdict::Allow, DecidedBy::Rule, "You switched the request gate off for this server.")
        }
        // Drift and a review that is due ask, where a rule might have allowed it.
        (_, _, Sampling::Rules) if case.suspended.is_some() => (Verdict::Ask, DecidedBy::Drift, "No rule allows it."),
        (_, _, Sampling::Rules) => (Verdict::Deny, DecidedBy::Rule, "No rule allows it."),
        (_, _, Sampling::Ask) if case.passes => (Verdict::Allow, DecidedBy::Rule, PASSED),
        (_, _, Sampling::Ask) => (Verdict::Ask, DecidedBy::Nobody, UNMATCHED),
    };
    (verdict, by, reason.to_owned(), None)
}
