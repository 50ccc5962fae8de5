//! Properties of the policy: what can raise a verdict, and that nothing else lowers one.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    audit::Kind,
    inspect::{Finding, Place, inspect},
    limits::{Demand, Limits, Tally, check},
    request::SamplingRequest,
};

fn facts() -> Facts {
    let params =
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}], "maxTokens": 100});
    Facts::of(&SamplingRequest::parse(params).expect("valid"), 120)
}

pub(super) fn case(gate: Gate, facts: &Facts) -> Case<'_> {
    Case {
        gate,
        kind: Kind::Sampling,
        host: None,
        server: "s",
        tool: Some("t"),
        arguments: None,
        call_id: Some("c"),
        session: Some("x"),
        facts,
        model: Some("local"),
        findings: &[],
        raised_before: None,
        now: Timestamp::UNIX_EPOCH,
        local: civil::date(2026, 1, 1).at(12, 0, 0, 0),
        sampling: Sampling::Ask,
        gates: Gates::Both,
        risk: Risk::Low,
        suspended: None,
        trifecta: false,
    }
}

fn rule(id: &str, action: Action) -> Rule {
    let text = (action == Action::Answer).then(|| "yes".to_owned());
    Rule { text, ..Rule::new(id, action) }
}

fn judge(case: &Case<'_>, rules: &[Rule]) -> Evaluation {
    judge_all(case, rules, &[], &BTreeMap::new(), &Checked::default())
}

fn judge_all(
    case: &Case<'_>,
    rules: &[Rule],
    grants: &[Grant],
    uses: &BTreeMap<String, u64>,
    limits: &Checked,
) -> Evaluation {
    evaluate(case, Standing { rules: &Rules::new(rules.to_vec()), uses, grants, limits })
}

pub(super) fn hidden() -> Vec<Finding> {
    inspect(Place::Request, &json!({"messages": [{"role": "user", "content": {"type": "text", "text": "a\u{202e}b"}}]}))
}

fn grant(until: Until, facts: &Facts) -> Grant {
    Grant {
        id: "g".into(),
        gate: Gate::Request,
        server: "s".into(),
        tool: "t".into(),
        until,
        shape: Shape { system_prompt: facts.system_prompt_sha256(), bytes: facts.bytes, tools: facts.tools.clone() },
        given_at: Timestamp::UNIX_EPOCH,
        reviewer: "me".into(),
    }
}

#[test]
fn asks_unless_told_otherwise() {
    let facts = facts();
    assert_eq!(judge(&case(Gate::Request, &facts), &[]).verdict, Verdict::Ask);
    assert_eq!(judge(&case(Gate::Answer, &facts), &[]).verdict, Verdict::Ask);
}

#[test]
fn rules_mode_denies_what_no_rule_allows() {
    let facts = facts();
    let strict = Case { sampling: Sampling::Rules, ..case(Gate::Request, &facts) };
    assert_eq!(judge(&strict, &[]).verdict, Verdict::Deny);
    assert_eq!(judge(&strict, &[rule("a", Action::Allow)]).verdict, Verdict::Allow);
    assert_eq!(judge(&strict, &[rule("a", Action::Ask)]).verdict, Verdict::Ask);
}

#[test]
fn an_unknown_tool_matches_no_rule_about_a_tool() {
    let facts = facts();
    let about_a_tool = Rule { tool: Some("t".into()), ..rule("a", Action::Allow) };
    let unknown = Case { tool: None, ..case(Gate::Request, &facts) };
    assert_eq!(judge(&unknown, &[about_a_tool]).verdict, Verdict::Ask);
}

#[test]
fn answers_with_a_text_only_where_the_rules_agree() {
    let facts = facts();
    let one = judge(&case(Gate::Request, &facts), &[rule("a", Action::Answer)]);
    assert_eq!((one.verdict, one.answer.as_deref()), (Verdict::Allow, Some("yes")));
    let other = Rule { text: Some("no".into()), ..rule("b", Action::Answer) };
    assert_eq!(judge(&case(Gate::Request, &facts), &[rule("a", Action::Answer), other]).verdict, Verdict::Ask);
    assert_eq!(judge(&case(Gate::Answer, &facts), &[rule("a", Action::Answer)]).verdict, Verdict::Ask);
}

#[test]
fn every_condition_narrows() {
    let facts = facts();
    let arguments = json!({"path": "/notes/a.txt", "n": 3});
    let case = Case { arguments: Some(&arguments), host: Some("claude"), ..case(Gate::Request, &facts) };
    let base = || rule("a", Action::Allow);
    let glob = |glob: &str| Some(Pattern::glob(glob).expect("valid"));
    let argument =
        |name: &str, pattern: &str| BTreeMap::from([(name.to_owned(), Pattern::glob(pattern).expect("valid"))]);
    let hours = |text: &str| Some(Hours::try_from(text.to_owned()).expect("valid"));
    let holds = [
        Rule { host: Some("claude".into()), ..base() },
        Rule { kind: Some(Kind::Sampling), ..base() },
        Rule { model: Some("local".into()), ..base() },
        Rule { prompt: glob("Say *"), ..base() },
        Rule { system_prompt: glob(""), ..base() },
        Rule { arguments: argument("path", "/notes/*"), ..base() },
        Rule { arguments: argument("n", "3"), ..base() },
        Rule { max_bytes: Some(120), max_tokens: Some(100), ..base() },
        Rule { over_bytes: Some(119), over_tokens: Some(99), ..base() },
        Rule { tools: Some(ToolsAre::Word(Presence::None)), ..base() },
        Rule { findings: Some(FindingsAre::Word(Presence::None)), ..base() },
        Rule { include_context: Some(false), ..base() },
        Rule { hours: hours("08:00-18:00"), ..base() },
        Rule { hours: hours("22:00-13:00"), ..base() },
        Rule { expires: Some(Timestamp::from_second(1).expect("a time")), ..base() },
    ];
    for rule in holds {
        assert_eq!(judge(&case, std::slice::from_ref(&rule)).verdict, Verdict::Allow, "{}", rule.sentence());
    }
    let holds_not = [
        Rule { server: Some("other".into()), ..base() },
        Rule { host: Some("other".into()), ..base() },
        Rule { kind: Some(Kind::ToolCall), ..base() },
        Rule { model: Some("other".into()), ..base() },
        Rule { prompt: glob("Say"), ..base() },
        Rule { system_prompt: glob("?*"), ..base() },
        Rule { arguments: argument("path", "/etc/*"), ..base() },
        Rule { arguments: argument("missing", "*"), ..base() },
        Rule { max_bytes: Some(119), ..base() },
        Rule { max_tokens: Some(99), ..base() },
        Rule { over_bytes: Some(120), ..base() },
        Rule { over_tokens: Some(100), ..base() },
        Rule { tools: Some(ToolsAre::Word(Presence::Any)), ..base() },
        Rule { findings: Some(FindingsAre::Word(Presence::Any)), ..base() },
        Rule { include_context: Some(true), ..base() },
        Rule { hours: hours("18:00-08:00"), ..base() },
        Rule { expires: Some(Timestamp::UNIX_EPOCH), ..base() },
        Rule { gate: Gates::Answer, ..base() },
    ];
    for rule in holds_not {
        assert_eq!(judge(&case, std::slice::from_ref(&rule)).verdict, Verdict::Ask, "{}", rule.sentence());
    }
}

#[test]
fn a_rule_that_is_used_up_allows_no_more() {
    let facts = facts();
    let twice = Rule { uses: Some(2), ..rule("a", Action::Allow) };
    let used = |n| {
        let uses = BTreeMap::from([("a".to_owned(), n)]);
        judge_all(&case(Gate::Request, &facts), std::slice::from_ref(&twice), &[], &uses, &Checked::default()).verdict
    };
    assert_eq!([used(0), used(1), used(2), used(3)], [Verdict::Allow, Verdict::Allow, Verdict::Ask, Verdict::Ask]);
}

#[test]
fn grants_hold_for_what_was_looked_at_and_no_longer() {
    let facts = facts();
    let at = |second| Timestamp::from_second(second).expect("a time");
    let allows = |grant: Grant, case: &Case<'_>| {
        judge_all(case, &[], &[grant], &BTreeMap::new(), &Checked::default()).verdict == Verdict::Allow
    };
    let case = case(Gate::Request, &facts);
    for until in [
        Until::Revoked,
        Until::Call { call_id: "c".into() },
        Until::Session { session: "x".into() },
        Until::Time { at: at(1) },
    ] {
        assert!(allows(grant(until.clone(), &facts), &case), "{until:?}");
    }
    let over = Case { now: at(1), call_id: Some("d"), session: Some("y"), ..case };
    for until in
        [Until::Call { call_id: "c".into() }, Until::Session { session: "x".into() }, Until::Time { at: at(1) }]
    {
        assert!(!allows(grant(until.clone(), &facts), &over), "{until:?}");
    }
    assert!(!allows(grant(Until::Revoked, &facts), &Case { tool: None, ..case }));
    assert!(!allows(grant(Until::Revoked, &facts), &Case { gate: Gate::Answer, ..case }));
    let mut larger = facts.clone();
    larger.bytes *= 3;
    assert!(!allows(grant(Until::Revoked, &facts), &Case { facts: &larger, ..case }));
    let with_tools = Facts { tools: vec!["search".into()], ..facts.clone() };
    assert!(!allows(grant(Until::Revoked, &facts), &Case { facts: &with_tools, ..case }));
}

#[test]
fn what_no_rule_can_undo() {
    let facts = facts();
    let all_context = Facts { asks_for_context: true, asks_for_all_context: true, ..facts.clone() };
    let findings = hidden();
    let allow = [rule("a", Action::Allow)];
    let case = case(Gate::Request, &facts);
    let raised = [
        (Case { risk: Risk::High, ..case }, Verdict::Ask, DecidedBy::Nobody),
        (Case { risk: Risk::High, gates: Gates::Answer, ..case }, Verdict::Ask, DecidedBy::Nobody),
        (Case { findings: &findings, ..case }, Verdict::Ask, DecidedBy::Nobody),
        (Case { suspended: Some(Suspension::Drift), ..case }, Verdict::Ask, DecidedBy::Nobody),
        (
            Case { suspended: Some(Suspension::Drift), sampling: Sampling::Rules, ..case },
            Verdict::Ask,
            DecidedBy::Drift,
        ),
        (Case { suspended: Some(Suspension::ReviewDue), gates: Gates::Answer, ..case }, Verdict::Ask, DecidedBy::Drift),
        (Case { facts: &all_context, ..case }, Verdict::Ask, DecidedBy::Nobody),
        (Case { trifecta: true, ..case }, Verdict::Deny, DecidedBy::Rule),
        (Case { sampling: Sampling::Off, ..case }, Verdict::Deny, DecidedBy::Rule),
    ];
    for (case, verdict, by) in raised {
        let evaluation = judge(&case, &allow);
        assert_eq!((evaluation.verdict, evaluation.by), (verdict, by), "{}", evaluation.reason);
    }
}

#[test]
fn limits_deny_whatever_rules_say() {
    let facts = facts();
    let mut limits = Limits::none();
    limits.set(crate::limits::Limit::PerDay, Some(1));
    limits.set(crate::limits::Limit::PerCall, Some(1));
    let tally = |day| Tally { day, call: Some(1), ..Tally::default() };
    let judge = |day| {
        let checked = check((&limits, tally(day)), (&Limits::none(), Tally::default()), Demand::default(), |_, _| None);
        judge_all(&case(Gate::Request, &facts), &[rule("a", Action::Allow)], &[], &BTreeMap::new(), &checked)
    };
    assert_eq!((judge(0).verdict, judge(0).by), (Verdict::Ask, DecidedBy::Limit));
    assert_eq!((judge(1).verdict, judge(1).by), (Verdict::Deny, DecidedBy::Limit));
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Allow), Just(Action::Ask), Just(Action::Deny), Just(Action::Answer)]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    (
        "[a-z]{1,3}",
        any_action(),
        proptest::option::of("[st]"),
        proptest::option::of("[tu]"),
        prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)],
        proptest::option::of(-1i64..2),
        proptest::option::of(prop_oneof![Just("Say *"), Just("Sing *")]),
    )
        .prop_map(|(id, action, server, tool, gate, expires, prompt)| Rule {
            server,
            tool,
            gate,
            expires: expires.and_then(|second| Timestamp::from_second(second).ok()),
            prompt: prompt.and_then(|glob| Pattern::glob(glob).ok()),
            ..rule(&id, action)
        })
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let until = prop_oneof![
        Just(Until::Revoked),
        "[cd]".prop_map(|call_id| Until::Call { call_id }),
        "[xy]".prop_map(|session| Until::Session { session }),
        (-1i64..2).prop_map(|second| Until::Time { at: Timestamp::from_second(second).unwrap_or_default() }),
    ];
    ("[a-z]{1,3}", until, prop_oneof![Just(Gate::Request), Just(Gate::Answer)], "[st]", "[tu]", 0usize..200).prop_map(
        |(id, until, gate, server, tool, bytes)| Grant {
            id,
            gate,
            server,
            tool,
            shape: Shape { system_prompt: None, bytes, tools: vec![] },
            ..grant(until, &facts())
        },
    )
}

/// Conditions under which a question stands, from the most harmless on.
fn any_case() -> impl Strategy<Value = (Gate, Sampling, Gates, Risk, Option<Suspension>, bool, bool)> {
    (
        prop_oneof![Just(Gate::Request), Just(Gate::Answer)],
        prop_oneof![Just(Sampling::Ask), Just(Sampling::Rules), Just(Sampling::Off)],
        prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)],
        prop_oneof![Just(Risk::Low), Just(Risk::Medium), Just(Risk::High)],
        prop_oneof![Just(None), Just(Some(Suspension::Drift)), Just(Some(Suspension::ReviewDue))],
        any::<bool>(),
        any::<bool>(),
    )
}

type Circumstances = (Gate, Sampling, Gates, Risk, Option<Suspension>, bool, bool);

fn in_case(circumstances: Circumstances, rules: &[Rule], grants: &[Grant]) -> Evaluation {
    let (gate, sampling, gates, risk, suspended, trifecta, flagged) = circumstances;
    let (facts, findings) = (facts(), if flagged { hidden() } else { Vec::new() });
    let case = Case { sampling, gates, risk, suspended, trifecta, findings: &findings, ..case(gate, &facts) };
    judge_all(&case, rules, grants, &BTreeMap::new(), &Checked::default())
}

proptest! {
    #[test]
    fn adding_a_deny_never_allows_more(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..8),
        grants in prop::collection::vec(any_grant(), 0..4),
        extra in any_rule(),
    ) {
        let before = in_case(circumstances, &rules, &grants).verdict;
        let deny = Rule { action: Action::Deny, text: None, ..extra };
        let with_deny: Vec<Rule> = rules.iter().cloned().chain([deny]).collect();
        prop_assert!(in_case(circumstances, &with_deny, &grants).verdict >= before);
    }

    #[test]
    fn order_never_matters(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..8),
        grants in prop::collection::vec(any_grant(), 0..4),
    ) {
        let reversed: Vec<Rule> = rules.iter().rev().cloned().collect();
        let granted: Vec<Grant> = grants.iter().rev().cloned().collect();
        let (a, b) = (in_case(circumstances, &rules, &grants), in_case(circumstances, &reversed, &granted));
        prop_assert_eq!((a.verdict, a.by, a.answer, a.reason), (b.verdict, b.by, b.answer, b.reason));
    }

    #[test]
    fn an_expired_or_drifted_grant_never_allows(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..4),
        grants in prop::collection::vec(any_grant(), 0..8),
    ) {
        let now = Timestamp::UNIX_EPOCH;
        let live: Vec<Grant> = grants.iter().filter(|grant| !matches!(grant.until, Until::Time { at } if at <= now)).cloned().collect();
        prop_assert_eq!(in_case(circumstances, &rules, &grants), in_case(circumstances, &rules, &live));
        let drifted = (circumstances.0, circumstances.1, circumstances.2, circumstances.3, Some(Suspension::Drift), circumstances.5, circumstances.6);
        prop_assert_ne!(in_case(drifted, &rules, &grants).verdict, Verdict::Allow);
    }

    #[test]
    fn risk_findings_and_trifecta_only_raise(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..8),
        grants in prop::collection::vec(any_grant(), 0..4),
    ) {
        let mut worse = circumstances;
        worse.3 = Risk::High;
        worse.5 = true;
        worse.6 = true;
        prop_assert!(in_case(worse, &rules, &grants).verdict >= in_case(circumstances, &rules, &grants).verdict);
    }
}
