//! A dry run: what rules would have said about questions that are over.
//!
//! Data flow: the rules to try and those that are saved → [`DryRun`]; the cases of a question, one a gate, oldest
//! question first → [`Replayed`]. Uses are counted from none as the run goes on, so a rule for five uses lets five
//! through. Absent on purpose: grants, which end, and limits, whose counts of that time are not kept.

use std::collections::BTreeMap;

use super::{Case, Evaluation, Gate, Rule, Rules, Standing, Verdict, evaluate, verdict_of};
use crate::limits::Checked;

/// Rules that are tried.
#[derive(Debug, Clone)]
pub struct DryRun {
    tried: Vec<Rule>,
    all: Rules,
    used_alone: BTreeMap<String, u64>,
    used_together: BTreeMap<String, u64>,
}

/// What was said about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// By the tried rules alone: Allow only where they let it through at every gate that they are about; none: nothing.
    pub alone: Option<Verdict>,
    /// By all rules and the server's settings together, at the strictest gate.
    pub together: Verdict,
    /// Why, in a sentence.
    pub reason: String,
}

impl DryRun {
    /// Tries rules beside those that are saved; one that is saved under the same id is replaced.
    pub fn new(tried: Vec<Rule>, saved: &[Rule]) -> Self {
        let others = saved.iter().filter(|saved| tried.iter().all(|rule| rule.id != saved.id));
        let all = Rules::new(others.chain(&tried).cloned().collect());
        Self { tried, all, used_alone: BTreeMap::new(), used_together: BTreeMap::new() }
    }

    /// Judges a question: its case at the request gate, and at the answer gate where it came so far.
    pub fn judge(&mut self, request: &Case<'_>, answer: Option<&Case<'_>>) -> Replayed {
        let mut alone = Vec::new();
        let mut together: Option<Evaluation> = None;
        for case in [Some(request), answer].into_iter().flatten() {
            let speaks = |rule: &Rule| !rule.disabled && rule.is_about(case.gate) && rule.speaks_of(case.kind);
            if self.tried.iter().any(speaks) {
                alone.push(self.alone(case));
            }
            let said = self.together(case);
            let stricter = together.as_ref().is_none_or(|before| said.verdict > before.verdict);
            if stricter {
                together = Some(said);
            }
        }
        let (together, reason) = together
            .map_or_else(|| (Verdict::Deny, String::new()), |evaluation| (evaluation.verdict, evaluation.reason));
        Replayed { alone: over_gates(&alone), together, reason }
    }

    fn alone(&mut self, case: &Case<'_>) -> Option<Verdict> {
        let used = &self.used_alone;
        let left = |rule: &&Rule| rule.uses.is_none_or(|uses| used.get(&rule.id).copied().unwrap_or(0) < uses);
        let matches = |rule: &&Rule| rule.speaks_of(case.kind) && rule.matches(case);
        let matched: Vec<&Rule> = self.tried.iter().filter(left).filter(matches).collect();
        let verdict = matched.iter().map(|rule| verdict_of(rule.action)).max();
        if verdict == Some(Verdict::Allow) {
            count(&mut self.used_alone, case.gate, matched.into_iter());
        }
        verdict
    }

    fn together(&mut self, case: &Case<'_>) -> Evaluation {
        let limits = Checked::default();
        let standing = Standing { rules: &self.all, uses: &self.used_together, grants: &[], limits: &limits };
        let evaluation = evaluate(case, standing);
        if evaluation.verdict == Verdict::Allow {
            let matched = self.all.all().iter().filter(|rule| evaluation.rules.contains(&rule.id));
            count(&mut self.used_together, case.gate, matched);
        }
        evaluation
    }
}

/// Uses are counted where questions are: at the request gate.
fn count<'a>(used: &mut BTreeMap<String, u64>, gate: Gate, rules: impl Iterator<Item = &'a Rule>) {
    for rule in rules.filter(|rule| gate == Gate::Request && rule.uses.is_some()) {
        *used.entry(rule.id.clone()).or_default() += 1;
    }
}

fn over_gates(said: &[Option<Verdict>]) -> Option<Verdict> {
    let strictest = said.iter().copied().flatten().max()?;
    (strictest != Verdict::Allow || said.iter().all(Option::is_some)).then_some(strictest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{Action, FindingsAre, tests::case},
        policy::{Facts, tests::hidden},
        settings::Gates,
    };

    fn facts(prompt: &str) -> Facts {
        Facts { prompt: prompt.into(), max_tokens: 100, ..Facts::default() }
    }

    fn rule(id: &str, action: Action) -> Rule {
        Rule { gate: Gates::Request, ..Rule::new(id, action) }
    }

    #[test]
    fn a_rule_alone_and_with_all() {
        let asked = facts("hello");
        let case = case(Gate::Request, &asked);
        let mut run = DryRun::new(vec![rule("new", Action::Allow)], &[rule("old", Action::Deny)]);
        let said = run.judge(&case, None);
        assert_eq!((said.alone, said.together), (Some(Verdict::Allow), Verdict::Deny));
        assert_eq!(said.reason, "A rule denies it.");
        // What is saved under the id that is tried does not count beside it.
        let mut run = DryRun::new(vec![rule("old", Action::Allow)], &[rule("old", Action::Deny)]);
        assert_eq!(run.judge(&case, None).together, Verdict::Allow);
    }

    #[test]
    fn uses_are_counted_from_none() {
        let asked = facts("hello");
        let case = case(Gate::Request, &asked);
        let mut run = DryRun::new(vec![Rule { uses: Some(2), ..rule("r", Action::Allow) }], &[]);
        let said: Vec<_> = (0..3).map(|_| run.judge(&case, None)).map(|said| (said.alone, said.together)).collect();
        let (allow, nothing) = ((Some(Verdict::Allow), Verdict::Allow), (None, Verdict::Ask));
        assert_eq!(said, [allow, allow, nothing]);
    }

    #[test]
    fn a_rule_about_both_gates_allows_only_where_it_does_at_both() {
        let asked = facts("hello");
        let answered = asked.clone().with_answer(&crate::answer::SamplingAnswer::by_hand("hi"));
        let found = hidden();
        let request = case(Gate::Request, &asked);
        let clean = case(Gate::Answer, &answered);
        let odd = Case { findings: &found, ..clean };
        let none = FindingsAre::from_argument("none").expect("valid");
        let both = Rule { gate: Gates::Both, findings: Some(none), ..Rule::new("r", Action::Allow) };
        let said = |answer| DryRun::new(vec![both.clone()], &[]).judge(&request, answer).alone;
        assert_eq!(said(None), Some(Verdict::Allow));
        assert_eq!(said(Some(&clean)), Some(Verdict::Allow));
        assert_eq!(said(Some(&odd)), None);
    }

    #[test]
    fn what_findings_and_risk_hold_up_is_said() {
        let asked = facts("hello");
        let case = Case { risk: crate::policy::Risk::High, ..case(Gate::Request, &asked) };
        let said = DryRun::new(vec![rule("r", Action::Allow)], &[]).judge(&case, None);
        assert_eq!((said.alone, said.together), (Some(Verdict::Allow), Verdict::Ask));
        assert!(said.reason.contains("high risk"), "{}", said.reason);
    }
}
