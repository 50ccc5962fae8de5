//! Rules, and what they say about a question: Allow, Ask or Deny.
//!
//! Data flow: a [`Case`] (what is asked, at which gate) and the [`Rule`]s → [`Evaluation`]. The strictest verdict
//! wins, so the order of rules never matters, and adding a deny never allows more.
//!
//! Invariants: without a rule that a person made, or a gate that a person switched off, the verdict is Ask or Deny;
//! findings only raise a verdict; where the calling tool is not known, no rule about a tool matches.

use serde::{Deserialize, Serialize};

pub use crate::audit::{Gate, Verdict};
use crate::{
    inspect::{Family, FindingKind},
    settings::{Gates, Sampling},
};

/// A rule that a person made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id, named in the audit log.
    pub id: String,
    /// The server it is about; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The tool (or prompt, or resource) whose call led to the question; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The gate it is about.
    #[serde(default)]
    pub gate: Gates,
    /// What it does.
    pub action: Action,
    /// The text of `answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Goes on without a look.
    Allow,
    /// A person decides.
    Ask,
    /// Refused.
    Deny,
    /// Answered with a fixed text; no model is asked.
    Answer,
}

impl Rule {
    fn matches(&self, case: &Case<'_>) -> bool {
        let gate = match (self.gate, case.gate) {
            // A fixed answer is given at the request gate, or not at all.
            (_, Gate::Answer) if self.action == Action::Answer => false,
            (Gates::Both, _) | (Gates::Request, Gate::Request) | (Gates::Answer, Gate::Answer) => true,
            (Gates::Request, Gate::Answer) | (Gates::Answer, Gate::Request) => false,
        };
        gate && self.server.as_deref().is_none_or(|server| server == case.server)
            && self.tool.as_deref().is_none_or(|tool| Some(tool) == case.tool)
    }

    /// The rule in a sentence.
    pub fn sentence(&self) -> String {
        let who = match (&self.server, &self.tool) {
            (Some(server), Some(tool)) => format!("{tool} of {server}"),
            (Some(server), None) => server.clone(),
            (None, Some(tool)) => format!("the tool {tool} of any server"),
            (None, None) => "any server".into(),
        };
        let what = match self.gate {
            Gates::Both => "requests and answers",
            Gates::Request => "requests",
            Gates::Answer => "answers",
        };
        match self.action {
            Action::Allow => format!("Allow {what} of {who} without a look"),
            Action::Ask => format!("Ask about {what} of {who}"),
            Action::Deny => format!("Deny {what} of {who}"),
            Action::Answer => format!("Answer requests of {who} with “{}”", self.text.as_deref().unwrap_or_default()),
        }
    }
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    /// The gate it stands at.
    pub gate: Gate,
    /// The server's name.
    pub server: &'a str,
    /// The tool whose call led here; none where that is not known for certain.
    pub tool: Option<&'a str>,
    /// The server's sampling mode.
    pub sampling: Sampling,
    /// Which gates ask for this server.
    pub gates: Gates,
    /// The kind of the finding that raises the verdict (see [`crate::inspect::raises`]), in what stands at the gate or
    /// in the request that led to it.
    pub raised: Option<FindingKind>,
}

/// What the policy says, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The verdict.
    pub verdict: Verdict,
    /// With Allow: the text to answer with instead of asking a model.
    pub answer: Option<String>,
    /// The ids of the rules that matched.
    pub rules: Vec<String>,
    /// The rules that matched, each in a sentence.
    pub sentences: Vec<String>,
    /// Why, in a sentence.
    pub reason: String,
}

/// Judges a case. Pure: the same case and the same set of rules give the same evaluation.
pub fn evaluate(case: &Case<'_>, rules: &[Rule]) -> Evaluation {
    let mut matched: Vec<&Rule> = rules.iter().filter(|rule| rule.matches(case)).collect();
    matched.sort_by(|a, b| a.id.cmp(&b.id));
    let mut evaluation = Evaluation {
        verdict: Verdict::Ask,
        answer: None,
        rules: matched.iter().map(|rule| rule.id.clone()).collect(),
        sentences: matched.iter().map(|rule| rule.sentence()).collect(),
        reason: String::new(),
    };
    let strictest = matched.iter().map(|rule| verdict_of(rule.action)).max();
    (evaluation.verdict, evaluation.reason) = match strictest {
        Some(Verdict::Deny) => (Verdict::Deny, "A rule denies it.".into()),
        Some(Verdict::Ask) => (Verdict::Ask, "A rule asks.".into()),
        Some(Verdict::Allow) => {
            let answers = matched.iter().filter(|rule| rule.action == Action::Answer);
            // A rule without its text is refused when it is read; here it must not become an allow either.
            let mut texts: Vec<&str> = answers.map(|rule| rule.text.as_deref().unwrap_or_default()).collect();
            texts.sort_unstable();
            texts.dedup();
            match texts.as_slice() {
                [] => (Verdict::Allow, "A rule allows it.".into()),
                [text] => {
                    evaluation.answer = Some((*text).to_owned());
                    (Verdict::Allow, "A rule answers it.".into())
                }
                _ => (Verdict::Ask, "Rules answer it with different texts.".into()),
            }
        }
        None => unmatched(case),
    };
    if case.sampling == Sampling::Off && evaluation.verdict != Verdict::Deny {
        evaluation.verdict = Verdict::Deny;
        evaluation.reason = "Sampling is off for this server.".into();
    }
    if evaluation.verdict == Verdict::Allow
        && let Some(kind) = case.raised
    {
        evaluation.verdict = Verdict::Ask;
        let what = if kind.family() == Family::Data { "a secret" } else { "hidden or misleading text" };
        let place = match case.gate {
            Gate::Request => "in it",
            Gate::Answer => "in it or in its request",
        };
        evaluation.reason = format!("{} But {what} was found {place} ({}).", evaluation.reason, kind.as_str());
    }
    if evaluation.verdict != Verdict::Allow {
        evaluation.answer = None;
    }
    evaluation
}

fn verdict_of(action: Action) -> Verdict {
    match action {
        Action::Allow | Action::Answer => Verdict::Allow,
        Action::Ask => Verdict::Ask,
        Action::Deny => Verdict::Deny,
    }
}

fn unmatched(case: &Case<'_>) -> (Verdict, String) {
    match (case.gate, case.gates, case.sampling) {
        (_, _, Sampling::Off) => (Verdict::Deny, "Sampling is off for this server.".into()),
        (Gate::Answer, Gates::Request, _) => {
            (Verdict::Allow, "You switched the answer gate off for this server.".into())
        }
        (Gate::Request, Gates::Answer, _) => {
            (Verdict::Allow, "You switched the request gate off for this server.".into())
        }
        (_, _, Sampling::Rules) => (Verdict::Deny, "No rule allows it.".into()),
        (_, _, Sampling::Ask) => (Verdict::Ask, "No rule matches, so you decide.".into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case(gate: Gate) -> Case<'static> {
        Case { gate, server: "s", tool: Some("t"), sampling: Sampling::Ask, gates: Gates::Both, raised: None }
    }

    fn rule(id: &str, action: Action) -> Rule {
        Rule { id: id.into(), server: None, tool: None, gate: Gates::Both, action, text: None }
    }

    #[test]
    fn asks_unless_told_otherwise() {
        assert_eq!(evaluate(&case(Gate::Request), &[]).verdict, Verdict::Ask);
        assert_eq!(evaluate(&case(Gate::Answer), &[]).verdict, Verdict::Ask);
    }

    #[test]
    fn a_finding_turns_an_allow_into_an_ask() {
        let flagged = Case { raised: Some(FindingKind::Tag), ..case(Gate::Request) };
        assert_eq!(evaluate(&flagged, &[rule("a", Action::Allow)]).verdict, Verdict::Ask);
        assert_eq!(evaluate(&flagged, &[rule("a", Action::Deny)]).verdict, Verdict::Deny);
    }

    #[test]
    fn an_unknown_tool_matches_no_rule_about_a_tool() {
        let about_a_tool = Rule { tool: Some("t".into()), ..rule("a", Action::Allow) };
        let unknown = Case { tool: None, ..case(Gate::Request) };
        assert_eq!(evaluate(&unknown, &[about_a_tool]).verdict, Verdict::Ask);
    }

    #[test]
    fn rules_mode_denies_what_no_rule_allows() {
        let strict = Case { sampling: Sampling::Rules, ..case(Gate::Request) };
        assert_eq!(evaluate(&strict, &[]).verdict, Verdict::Deny);
        assert_eq!(evaluate(&strict, &[rule("a", Action::Allow)]).verdict, Verdict::Allow);
        assert_eq!(evaluate(&strict, &[rule("a", Action::Ask)]).verdict, Verdict::Ask);
    }

    #[test]
    fn answers_with_a_text_only_where_the_rules_agree() {
        let answer = |id: &str, text: &str| Rule { text: Some(text.into()), ..rule(id, Action::Answer) };
        let one = evaluate(&case(Gate::Request), &[answer("a", "yes")]);
        assert_eq!((one.verdict, one.answer.as_deref()), (Verdict::Allow, Some("yes")));
        assert_eq!(evaluate(&case(Gate::Request), &[answer("a", "yes"), answer("b", "no")]).verdict, Verdict::Ask);
        assert_eq!(evaluate(&case(Gate::Answer), &[answer("a", "yes")]).verdict, Verdict::Ask);
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        (
            "[a-z]{1,3}",
            proptest::option::of("[st]"),
            proptest::option::of("[tu]"),
            prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)],
            prop_oneof![Just(Action::Allow), Just(Action::Ask), Just(Action::Deny), Just(Action::Answer)],
        )
            .prop_map(|(id, server, tool, gate, action)| Rule {
                id,
                server,
                tool,
                gate,
                action,
                text: Some("x".into()),
            })
    }

    proptest! {
        #[test]
        fn adding_a_deny_never_allows_more(rules in prop::collection::vec(any_rule(), 0..8), extra in any_rule()) {
            for gate in [Gate::Request, Gate::Answer] {
                let before = evaluate(&case(gate), &rules).verdict;
                let with_deny: Vec<Rule> = rules.iter().cloned().chain([Rule { action: Action::Deny, ..extra.clone() }]).collect();
                prop_assert!(evaluate(&case(gate), &with_deny).verdict >= before);
            }
        }

        #[test]
        fn order_never_matters(rules in prop::collection::vec(any_rule(), 0..8), gate in prop_oneof![Just(Gate::Request), Just(Gate::Answer)]) {
            let mut reversed = rules.clone();
            reversed.reverse();
            let (a, b) = (evaluate(&case(gate), &rules), evaluate(&case(gate), &reversed));
            prop_assert_eq!((a.verdict, a.answer), (b.verdict, b.answer));
        }
    }
}
