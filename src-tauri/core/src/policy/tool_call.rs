//! What is particular to tool calls: the host's setting says what happens to those that no rule and no grant speaks about.
//!
//! A rule is about tool calls only where it says so: one that was written for what servers ask does not come to mean
//! what hosts do. Off, calls pass: but a rule that denies or asks holds for every host, and high risk asks always.

use serde_json::Value;

use super::{Action, Calling, Case, FindingsAre, Gate, Pattern, Presence, Risk, Rule, Rules, UNMATCHED, Verdict};
use crate::{
    audit::{DecidedBy, Kind},
    settings::{Gates, ToolCalls},
};

/// What happens where nothing else says so.
pub(super) fn unmatched(case: &Case<'_>, calling: Calling) -> (Verdict, DecidedBy, &'static str) {
    match (case.gate, calling.mode) {
        (_, ToolCalls::Off) => (Verdict::Allow, DecidedBy::Rule, "You let the tool calls of this host pass."),
        (Gate::Answer, _) if calling.results => {
            (Verdict::Ask, DecidedBy::Nobody, "You look at the results of this host's tool calls.")
        }
        (Gate::Answer, _) => {
            (Verdict::Allow, DecidedBy::Rule, "You do not look at the results of this host's tool calls.")
        }
        // Drift and a review that is due ask, where a rule might have allowed it.
        (Gate::Request, ToolCalls::Rules) if case.suspended.is_some() => {
            (Verdict::Ask, DecidedBy::Drift, "No rule allows it.")
        }
        (Gate::Request, ToolCalls::Rules) => (Verdict::Deny, DecidedBy::Rule, "No rule allows it."),
        (Gate::Request, ToolCalls::Ask) => (Verdict::Ask, DecidedBy::Nobody, UNMATCHED),
    }
}

/// Whether a tool call is judged at all. One that is not passes as if there were no gate, and leaves nothing in the log.
pub fn is_looked_at(rules: &Rules, mode: ToolCalls, risk: Risk, host: &str, server: &str, tool: &str) -> bool {
    let names = |named: &Option<String>, name: &str| named.as_deref().is_none_or(|named| named == name);
    let holds = |rule: &Rule| {
        rule.kind == Some(Kind::ToolCall)
            && !rule.disabled
            && !rule.action.lets_through()
            && names(&rule.host, host)
            && names(&rule.server, server)
            && names(&rule.tool, tool)
    };
    mode != ToolCalls::Off || risk == Risk::High || rules.all().iter().any(holds)
}

/// "Make a rule from this": the narrowest rule that does this with a call of these params and those just like it. What
/// lets through holds for these arguments and no more, where nothing is found in them.
pub fn propose_call_rule(action: Action, host: Option<&str>, server: &str, tool: Option<&str>, params: &Value) -> Rule {
    let exactly = |value: &Value| Pattern::exact(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
    let arguments = params["arguments"].as_object().into_iter().flatten();
    let mut rule = Rule::new("", action);
    rule.kind = Some(Kind::ToolCall);
    rule.gate = Gates::Request;
    rule.host = host.map(ToOwned::to_owned);
    rule.server = Some(server.to_owned());
    rule.tool = tool.map(ToOwned::to_owned);
    rule.arguments = arguments.map(|(name, value)| (name.clone(), exactly(value))).collect();
    // Whatever else a call brought would make it longer.
    rule.max_bytes = action.lets_through().then(|| params.to_string().len());
    rule.findings = action.lets_through().then_some(FindingsAre::Word(Presence::None));
    rule
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        inspect::{Place, inspect},
        limits::Checked,
        policy::{
            Action, Evaluation, Facts, FindingsAre, Grant, Hints, Pattern, Presence, Scope, Shape, Standing,
            Suspension, ToolsAre, Until, evaluate, offer, tests::case,
        },
        settings::Sampling,
        tool_call::CallAnswer,
    };

    fn call<'a>(gate: Gate, facts: &'a Facts, arguments: &'a Value) -> Case<'a> {
        Case {
            kind: Kind::ToolCall,
            host: Some("claude"),
            arguments: Some(arguments),
            model: None,
            risk: Risk::Medium,
            // Whatever the server may ask says nothing about what hosts may call.
            sampling: Sampling::Off,
            calling: Some(Calling { mode: ToolCalls::Ask, results: false, hints: Hints::default() }),
            ..case(gate, facts)
        }
    }

    fn in_mode(mode: ToolCalls, case: Case<'_>) -> Case<'_> {
        Case { calling: case.calling.map(|calling| Calling { mode, ..calling }), ..case }
    }

    fn rule(action: Action) -> Rule {
        Rule { kind: Some(Kind::ToolCall), ..Rule::new("a", action) }
    }

    fn judge(case: &Case<'_>, rules: &[Rule], grants: &[Grant]) -> Evaluation {
        let (uses, limits) = (BTreeMap::new(), Checked::default());
        evaluate(case, Standing { rules: &Rules::new(rules.to_vec()), uses: &uses, grants, limits: &limits })
    }

    fn grant(case: &Case<'_>) -> Grant {
        Grant {
            id: "g".into(),
            gates: Gates::Request,
            server: "s".into(),
            tool: "t".into(),
            until: Until::Revoked,
            shape: Shape::of(case),
            given_at: jiff::Timestamp::UNIX_EPOCH,
            reviewer: "me".into(),
            question: "q".into(),
        }
    }

    #[test]
    fn the_host_says_what_happens_where_nothing_else_does() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "a"}));
        let verdict = |mode, gate| judge(&in_mode(mode, call(gate, &facts, &arguments)), &[], &[]).verdict;
        assert_eq!(verdict(ToolCalls::Off, Gate::Request), Verdict::Allow);
        assert_eq!(verdict(ToolCalls::Ask, Gate::Request), Verdict::Ask);
        assert_eq!(verdict(ToolCalls::Rules, Gate::Request), Verdict::Deny);
        for mode in [ToolCalls::Off, ToolCalls::Ask, ToolCalls::Rules] {
            assert_eq!(verdict(mode, Gate::Answer), Verdict::Allow);
        }
        let results = Calling { mode: ToolCalls::Rules, results: true, hints: Hints::default() };
        let case = Case { calling: Some(results), ..call(Gate::Answer, &facts, &arguments) };
        assert_eq!(judge(&case, &[], &[]).verdict, Verdict::Ask);
        assert_eq!(judge(&case, &[rule(Action::Allow)], &[]).verdict, Verdict::Allow);
    }

    #[test]
    fn a_rule_made_from_a_call_is_about_just_that_call() {
        let arguments = json!({"path": "a", "n": 1.0});
        let params = json!({"name": "t", "arguments": arguments});
        let facts = Facts::of_call(params.to_string().len());
        let case = call(Gate::Request, &facts, &arguments);
        let rule = propose_call_rule(Action::Allow, case.host, case.server, case.tool, &params);
        assert_eq!(rule.check(), Ok(()));
        assert_eq!(judge(&case, std::slice::from_ref(&rule), &[]).verdict, Verdict::Allow);
        let (other, another) = (json!({"path": "b", "n": 1.0}), json!({"path": "a"}));
        for arguments in [&other, &another] {
            let case = Case { arguments: Some(arguments), ..case };
            assert_eq!(judge(&case, std::slice::from_ref(&rule), &[]).verdict, Verdict::Ask);
        }
        assert_eq!(judge(&Case { host: Some("other"), ..case }, &[rule], &[]).verdict, Verdict::Ask);
    }

    #[test]
    fn a_rule_made_from_a_call_covers_no_more_than_it_brought() {
        let bare = json!({"name": "t"});
        let more = json!({"force": true});
        let rule = propose_call_rule(Action::Allow, None, "s", Some("t"), &bare);
        let facts = |params: &Value| Facts::of_call(params.to_string().len());
        let (same, with) = (facts(&bare), facts(&json!({"name": "t", "arguments": more})));
        let case = Case { arguments: None, ..call(Gate::Request, &same, &more) };
        assert_eq!(judge(&case, std::slice::from_ref(&rule), &[]).verdict, Verdict::Allow);
        assert_eq!(judge(&call(Gate::Request, &with, &more), &[rule], &[]).verdict, Verdict::Ask);
    }

    #[test]
    fn a_rule_about_questions_of_servers_is_none_about_tool_calls() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "a"}));
        let case = call(Gate::Request, &facts, &arguments);
        for action in [Action::Allow, Action::Deny] {
            for kind in [None, Some(Kind::Sampling)] {
                assert_eq!(judge(&case, &[Rule { kind, ..rule(action) }], &[]).verdict, Verdict::Ask, "{kind:?}");
            }
        }
        assert_eq!(judge(&case, &[rule(Action::Allow)], &[]).verdict, Verdict::Allow);
        assert_eq!(judge(&case, &[rule(Action::Deny), rule(Action::Allow)], &[]).verdict, Verdict::Deny);
    }

    #[test]
    fn what_a_tool_call_does_not_have_is_never_matched() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "a"}));
        let any = || Some(Pattern::glob("*").expect("valid"));
        for rule in [
            Rule { prompt: any(), ..rule(Action::Allow) },
            Rule { system_prompt: any(), ..rule(Action::Allow) },
            Rule { max_tokens: Some(100), ..rule(Action::Allow) },
            Rule { include_context: Some(false), ..rule(Action::Allow) },
            Rule { tools: Some(ToolsAre::Word(Presence::None)), ..rule(Action::Allow) },
        ] {
            let said = judge(&call(Gate::Request, &facts, &arguments), std::slice::from_ref(&rule), &[]);
            assert_eq!(said.verdict, Verdict::Ask, "{}", rule.sentence());
            assert!(rule.check().is_err());
        }
        assert!(Rule { read_only: Some(true), ..Rule::new("a", Action::Allow) }.check().is_err());
        assert!(Rule { text: Some("x".into()), ..rule(Action::Answer) }.check().is_err());
    }

    #[test]
    fn conditions_on_class_annotations_arguments_and_result_narrow() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "/notes/a"}));
        let hints = Hints { read_only: Some(true), ..Hints::default() };
        let low = Case {
            risk: Risk::Low,
            calling: Some(Calling { mode: ToolCalls::Ask, results: false, hints }),
            ..call(Gate::Request, &facts, &arguments)
        };
        let argument = |glob: &str| BTreeMap::from([("path".to_owned(), Pattern::glob(glob).expect("valid"))]);
        let allows = |case: &Case<'_>, rule: Rule| judge(case, &[rule], &[]).verdict == Verdict::Allow;
        let base = || rule(Action::Allow);
        assert!(allows(&low, Rule { risk: Some(Risk::Low), read_only: Some(true), ..base() }));
        assert!(allows(&low, Rule { destructive: Some(false), arguments: argument("/notes/*"), ..base() }));
        assert!(allows(
            &low,
            Rule { host: Some("claude".into()), findings: Some(FindingsAre::Word(Presence::None)), ..base() }
        ));
        assert!(!allows(&low, Rule { arguments: argument("/etc/*"), ..base() }));
        assert!(!allows(&low, Rule { read_only: Some(false), ..base() }));
        let unsaid = call(Gate::Request, &facts, &arguments);
        assert!(!allows(&unsaid, Rule { risk: Some(Risk::Low), ..base() }));
        assert!(!allows(&unsaid, Rule { read_only: Some(true), ..base() }));
        assert!(!allows(&unsaid, Rule { destructive: Some(false), ..base() }));
        let denies = |case: &Case<'_>, rule: Rule| judge(case, &[rule], &[]).verdict == Verdict::Deny;
        assert!(denies(&unsaid, Rule { risk: Some(Risk::Medium), destructive: Some(true), ..rule(Action::Deny) }));
        assert!(!denies(&low, Rule { risk: Some(Risk::Medium), ..rule(Action::Deny) }));
        let result = CallAnswer::Result(json!({"content": [{"type": "text", "text": "the secret plan"}]}));
        let facts = facts.clone().with_result(&result);
        let back = call(Gate::Answer, &facts, &arguments);
        let about_results =
            Rule { gate: Gates::Answer, answer: Some(Pattern::glob("*secret*").expect("valid")), ..rule(Action::Deny) };
        assert!(denies(&back, about_results));
    }

    #[test]
    fn off_still_knows_high_risk_and_what_a_rule_forbids() {
        let looked =
            |rules: &[Rule], mode, risk| is_looked_at(&Rules::new(rules.to_vec()), mode, risk, "claude", "s", "t");
        assert!(!looked(&[], ToolCalls::Off, Risk::Medium));
        assert!(looked(&[], ToolCalls::Off, Risk::High) && looked(&[], ToolCalls::Ask, Risk::Low));
        let about = |server: &str, action| Rule { server: Some(server.into()), ..rule(action) };
        assert!(looked(&[about("s", Action::Deny)], ToolCalls::Off, Risk::Low));
        assert!(looked(&[about("s", Action::Ask)], ToolCalls::Off, Risk::Low));
        assert!(!looked(&[about("other", Action::Deny), about("s", Action::Allow)], ToolCalls::Off, Risk::Low));
        assert!(!looked(&[Rule { disabled: true, ..about("s", Action::Deny) }], ToolCalls::Off, Risk::Low));
        assert!(!looked(&[Rule::new("a", Action::Deny)], ToolCalls::Off, Risk::Low));

        let (facts, arguments) = (Facts::of_call(10), json!({}));
        let off = in_mode(ToolCalls::Off, call(Gate::Request, &facts, &arguments));
        assert_eq!(judge(&off, &[rule(Action::Deny)], &[]).verdict, Verdict::Deny);
        for gate in [Gate::Request, Gate::Answer] {
            let high = Case { risk: Risk::High, gate, ..off };
            assert_eq!(judge(&high, &[], &[]).verdict, Verdict::Ask);
        }
        let result = Case { suspended: Some(Suspension::Unseen), ..call(Gate::Answer, &facts, &arguments) };
        assert_eq!(judge(&result, &[rule(Action::Allow)], &[]).verdict, Verdict::Allow, "nobody wanted to look at it");
        // Where nothing is allowed by a rule or a grant, there is nothing that drift could suspend.
        let drifted = Case { suspended: Some(Suspension::Drift), ..off };
        assert_eq!(judge(&drifted, &[], &[]).verdict, Verdict::Allow);
    }

    #[test]
    fn a_grant_covers_the_same_host_tool_and_arguments() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "a", "n": 1}));
        let case = call(Gate::Request, &facts, &arguments);
        let given = grant(&case);
        assert_eq!(
            given.sentence(),
            "s › t: calls from claude with the arguments n, path, up to 20 bytes, until you revoke it; their results \
             are looked at as before"
        );
        let said = |case: &Case<'_>| judge(case, &[], std::slice::from_ref(&given));
        let others = json!({"n": 2, "path": "b"});
        assert_eq!(said(&Case { arguments: Some(&others), ..case }).verdict, Verdict::Allow);
        assert_eq!(said(&in_mode(ToolCalls::Rules, case)).verdict, Verdict::Allow);
        let more = json!({"n": 2, "path": "b", "force": true});
        assert_eq!(said(&Case { arguments: Some(&more), ..case }).missed, Some("it has other arguments"));
        assert_eq!(said(&Case { host: Some("other"), ..case }).missed, Some("another host calls"));
        let besides = Facts::of_call(10).with_besides(vec!["task".into()]);
        let brings = Case { facts: &besides, ..case };
        assert_eq!(said(&brings).missed, Some("it brings other things besides its arguments"));
        assert!(grant(&brings).sentence().contains("with the arguments n, path, and task, up to"));
        let large = Facts::of_call(21);
        assert_eq!(said(&Case { facts: &large, ..case }).missed, Some("it is much larger"));
        assert_eq!(said(&Case { risk: Risk::High, ..case }).verdict, Verdict::Ask);
        assert_eq!(said(&Case { suspended: Some(Suspension::Drift), ..case }).verdict, Verdict::Ask);
        assert_eq!(said(&Case { tool: Some("other"), ..case }).verdict, Verdict::Ask);
        // What the tool's questions were granted is another matter, and the other way round.
        let asked = Case { kind: Kind::Sampling, calling: None, sampling: Sampling::Ask, ..case };
        assert_eq!((said(&asked).verdict, said(&asked).missed), (Verdict::Ask, None));
        let (uses, limits, none) = (BTreeMap::new(), Checked::default(), Rules::default());
        let offered = offer(&case, Standing { rules: &none, uses: &uses, grants: &[], limits: &limits });
        assert_eq!(offered.about.expect("offered").scopes, [Scope::Minutes, Scope::Session, Scope::Always]);
    }

    #[test]
    fn hidden_text_asks_whatever_allows_it() {
        let (facts, arguments) = (Facts::of_call(10), json!({"path": "a\u{202e}b"}));
        let findings = inspect(Place::Request, &json!({"name": "t", "arguments": arguments}));
        let case = Case { findings: &findings, ..call(Gate::Request, &facts, &arguments) };
        assert_eq!(judge(&case, &[rule(Action::Allow)], &[grant(&case)]).verdict, Verdict::Ask);
    }

    proptest! {
        /// Nothing but a rule, a grant or a gate that is off lets a call through, and high risk always asks.
        #[test]
        fn nothing_passes_unallowed(
            mode in prop_oneof![Just(ToolCalls::Ask), Just(ToolCalls::Rules)],
            risk in prop_oneof![Just(Risk::Low), Just(Risk::Medium), Just(Risk::High)],
            read_only in any::<Option<bool>>(),
            allow: bool, granted: bool, deny: bool, suspended: bool,
        ) {
            let (facts, arguments) = (Facts::of_call(10), json!({"path": "a"}));
            let hints = Hints { read_only, ..Hints::default() };
            let case = Case {
                risk,
                suspended: suspended.then_some(Suspension::Drift),
                calling: Some(Calling { mode, results: false, hints }),
                ..call(Gate::Request, &facts, &arguments)
            };
            let mut rules = Vec::new();
            if allow { rules.push(rule(Action::Allow)); }
            if deny { rules.push(Rule { id: "b".into(), ..rule(Action::Deny) }); }
            let grants: Vec<Grant> = granted.then(|| grant(&case)).into_iter().collect();
            let said = judge(&case, &rules, &grants);
            if said.verdict == Verdict::Allow {
                prop_assert!((allow || granted) && !deny && !suspended && risk != Risk::High);
            }
            prop_assert_eq!(said.verdict == Verdict::Deny, deny || (mode == ToolCalls::Rules && !allow && !granted && !suspended));
        }
    }
}
