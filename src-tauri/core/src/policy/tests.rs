//! What the policy says, case by case; `properties` are what holds for all of them.

mod properties;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil};
use serde_json::json;

use super::*;
use crate::{
    audit::Kind,
    inspect::{Finding, Place, inspect},
    limits::{Demand, Hit, Limit, Limits, Tally, Whose, check},
    request::SamplingRequest,
};

fn facts() -> Facts {
    let params =
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}], "maxTokens": 100});
    Facts::of(&SamplingRequest::parse(params).expect("valid"), 120)
}

pub(super) fn case(gate: Gate, facts: &Facts) -> Case<'_> {
    Case {
        passes: false,
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
        calling: None,
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
        gates: Gates::Request,
        server: "s".into(),
        tool: "t".into(),
        until,
        shape: Shape::of(&case(Gate::Request, facts)),
        given_at: Timestamp::UNIX_EPOCH,
        reviewer: "me".into(),
        question: "q".into(),
    }
}

#[test]
fn that_it_was_asked_before_counts_only_where_it_is_named() {
    use crate::inspect::{Fingerprint, Recent, behaviour};
    let facts = facts();
    let asked =
        |at_ms| Recent { fingerprint: Fingerprint::of_text("sum up the note in a sentence"), at_ms: Some(at_ms) };
    let again = behaviour(asked(100_000), &[asked(0)]);
    let burst = behaviour(asked(100_000), &(0..9).map(|n| asked(99_000 + n)).collect::<Vec<_>>());
    let holds = |findings: &[Finding], are: &str| {
        let findings_are = Some(FindingsAre::from_argument(are).expect("valid"));
        let rules = [Rule { findings: findings_are, ..rule("r", Action::Deny) }];
        judge(&Case { findings, ..case(Gate::Request, &facts) }, &rules).verdict == Verdict::Deny
    };
    assert!(holds(&again, "none") && !holds(&again, "any") && !holds(&again, "low"));
    assert!(holds(&again, "near_duplicate"));
    assert!(!holds(&burst, "none") && holds(&burst, "burst") && holds(&burst, "medium"));
    // What is found never lowers a verdict.
    for are in ["any", "low", "burst", "near_duplicate"] {
        let findings = Some(FindingsAre::from_argument(are).expect("valid"));
        for action in [Action::Allow, Action::Answer] {
            let rule = Rule {
                findings: findings.clone(),
                text: (action == Action::Answer).then(|| "x".into()),
                ..rule("r", action)
            };
            assert_eq!(rule.problem().map(|(field, _)| field), Some("findings"), "{are}");
        }
    }
    for action in [Action::Ask, Action::Deny] {
        let rule = Rule { findings: Some(FindingsAre::Word(Presence::None)), ..rule("r", action) };
        assert_eq!(rule.problem().map(|(field, _)| field), Some("findings"));
    }
}

/// Where rules decide alone, what nothing allows is denied, whatever is found in it; what a grant allows is asked.
#[test]
fn a_rule_about_findings_lifts_no_denial() {
    let (facts, findings) = (facts(), hidden());
    let found = Case { sampling: Sampling::Rules, findings: &findings, ..case(Gate::Request, &facts) };
    let rules = [Rule { findings: Some(FindingsAre::Word(Presence::Any)), ..rule("r", Action::Ask) }];
    assert_eq!(judge(&found, &rules).verdict, Verdict::Deny);
    let granted = [grant(Until::Revoked, &facts)];
    let evaluation = judge_all(&found, &rules, &granted, &BTreeMap::new(), &Checked::default());
    assert_eq!(evaluation.verdict, Verdict::Ask);
}

#[test]
fn asks_unless_told_otherwise() {
    let facts = facts();
    assert_eq!(judge(&case(Gate::Request, &facts), &[]).verdict, Verdict::Ask);
    assert_eq!(judge(&case(Gate::Answer, &facts), &[]).verdict, Verdict::Ask);
}

#[test]
fn what_is_left_to_a_host_passes_where_nothing_else_speaks_against_it() {
    let facts = facts();
    let high = Case { risk: Risk::High, passes: true, ..case(Gate::Request, &facts) };
    for gate in [Gate::Request, Gate::Answer] {
        for kind in [Kind::Sampling, Kind::Elicitation] {
            let passes = Case { kind, passes: true, ..case(gate, &facts) };
            let passed = judge(&passes, &[]);
            assert_eq!((passed.verdict, passed.by, passed.answer), (Verdict::Allow, DecidedBy::Rule, None));
            assert_eq!(judge(&passes, &[rule("a", Action::Ask)]).verdict, Verdict::Ask);
            assert_eq!(judge(&passes, &[rule("a", Action::Deny)]).verdict, Verdict::Deny);
            assert_eq!(judge(&Case { gate, kind, ..high }, &[]).verdict, Verdict::Ask);
            assert_eq!(judge(&Case { findings: &hidden(), ..passes }, &[]).verdict, Verdict::Ask);
            let suspended = Case { suspended: Some(Suspension::Drift), ..passes };
            assert_eq!(judge(&suspended, &[]).verdict, Verdict::Ask);
        }
        let passes = Case { passes: true, ..case(gate, &facts) };
        assert_eq!(judge(&Case { sampling: Sampling::Off, ..passes }, &[]).verdict, Verdict::Deny);
        assert_eq!(judge(&Case { sampling: Sampling::Rules, ..passes }, &[]).verdict, Verdict::Deny);
        assert_eq!(judge(&Case { trifecta: true, ..passes }, &[]).verdict, Verdict::Deny);
        let calls = Facts { calls_tools: true, ..facts.clone() };
        assert_eq!(
            judge(&Case { facts: &calls, ..passes }, &[]).verdict,
            Verdict::Ask,
            "calls are approved by themselves"
        );
    }
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
fn an_answer_that_calls_tools_is_released_only_by_a_rule_about_these_tools() {
    let call = crate::request::ToolUse { id: "a".into(), name: "pay".into(), input: json!({}), meta: None };
    let answer = crate::answer::SamplingAnswer {
        content: vec![crate::request::Block::ToolUse(call)],
        ..crate::answer::SamplingAnswer::by_hand("")
    };
    let calls = facts().with_answer(&answer);
    assert_eq!(calls.tools, ["pay"]);
    let at = case(Gate::Answer, &calls);
    let only = |tools: ToolsAre| Rule { tools: Some(tools), ..rule("a", Action::Allow) };
    let names = |names: &[&str]| ToolsAre::Names(names.iter().map(|name| (*name).to_owned()).collect());
    for (rules, verdict) in [
        (vec![rule("a", Action::Allow)], Verdict::Ask),
        (vec![only(names(&["look_up"]))], Verdict::Ask),
        (vec![only(ToolsAre::Word(Presence::None))], Verdict::Ask),
        (vec![only(names(&["pay", "look_up"]))], Verdict::Allow),
        (vec![only(ToolsAre::Word(Presence::Any))], Verdict::Allow),
        (vec![only(names(&["pay"])), Rule { tools: Some(names(&["pay"])), ..rule("b", Action::Deny) }], Verdict::Deny),
    ] {
        assert_eq!(judge(&at, &rules).verdict, verdict, "{rules:?}");
    }
    // Neither a switched-off gate, nor a grant, nor a rule that is suspended.
    let off = Case { gates: Gates::Request, ..at };
    assert_eq!(judge(&off, &[]).verdict, Verdict::Ask);
    let suspended = Case { suspended: Some(Suspension::Drift), ..off };
    assert_eq!(judge(&suspended, &[only(names(&["pay"]))]).verdict, Verdict::Ask);
    let granted = Grant { gates: Gates::Answer, ..grant(Until::Revoked, &calls) };
    assert_eq!(judge_all(&at, &[], &[granted], &BTreeMap::new(), &Checked::default()).verdict, Verdict::Ask);
    // What calls no tools goes as before.
    let plain = facts().with_answer(&crate::answer::SamplingAnswer::by_hand("hi"));
    assert_eq!(judge(&Case { gates: Gates::Request, ..case(Gate::Answer, &plain) }, &[]).verdict, Verdict::Allow);
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
    let longer = Facts { max_tokens: 201, ..facts.clone() };
    assert!(!allows(grant(Until::Revoked, &facts), &Case { facts: &longer, ..case }));
    let with_tools = Facts { tools: vec!["search".into()], ..facts.clone() };
    assert!(!allows(grant(Until::Revoked, &facts), &Case { facts: &with_tools, ..case }));
    assert!(!allows(grant(Until::Revoked, &facts), &Case { model: Some("cloud"), ..case }), "sent elsewhere");
    let answers = Grant { gates: Gates::Answer, ..grant(Until::Revoked, &facts) };
    assert!(!allows(answers.clone(), &case));
    assert!(allows(answers, &Case { gate: Gate::Answer, ..case }));
}

#[test]
fn a_grant_says_when_it_was_given_and_what_it_does_not_cover() {
    let facts = facts();
    let judge_with =
        |case: &Case<'_>| judge_all(case, &[], &[grant(Until::Revoked, &facts)], &BTreeMap::new(), &Checked::default());
    let now = Timestamp::from_second(3600).expect("a time");
    let case = Case { now, ..case(Gate::Request, &facts) };
    assert_eq!(judge_with(&case).reason, "Allowed by the grant of 11:00.", "an hour ago, on the person's clock");
    let tomorrow = Case { now: Timestamp::from_second(24 * 3600).expect("a time"), ..case };
    assert_eq!(judge_with(&tomorrow).reason, "Allowed by the grant of 2025-12-31 12:00.");
    let other = Facts { system_prompt: Some("Be brief".into()), ..facts.clone() };
    let asked = judge_with(&Case { facts: &other, ..case });
    assert_eq!(asked.verdict, Verdict::Ask);
    assert_eq!(
        asked.reason,
        "No rule matches, so you decide. A grant of yours does not cover it: the system prompt differs."
    );
    assert_eq!(judge_with(&case).matched(), ["grant:g"]);
    assert_eq!((grant_of("grant:g"), grant_of("g")), (Some("g"), None));
    assert!(rule("grant:g", Action::Allow).check().is_err() && rule("g", Action::Allow).check().is_ok());
}

#[test]
fn rules_come_before_grants() {
    let facts = facts();
    let both = |rule| {
        let case = case(Gate::Request, &facts);
        judge_all(&case, &[rule], &[grant(Until::Revoked, &facts)], &BTreeMap::new(), &Checked::default())
    };
    let asked = both(rule("r", Action::Ask));
    assert_eq!((asked.verdict, asked.matched()), (Verdict::Ask, vec!["r".to_owned()]));
    let allowed = both(rule("r", Action::Allow));
    assert_eq!((allowed.verdict, allowed.matched()), (Verdict::Allow, vec!["r".to_owned()]));
}

#[test]
fn no_more_is_offered_than_could_hold() {
    let facts = facts();
    let plain = case(Gate::Request, &facts);
    let limits = Checked::default();
    let uses = BTreeMap::new();
    let offered = |case: &Case<'_>, rules: &[Rule], limits: &Checked| {
        let rules = Rules::new(rules.to_vec());
        offer(case, Standing { rules: &rules, uses: &uses, grants: &[], limits })
    };
    let scopes = |offer: Offer| offer.about.map(|about| about.scopes).unwrap_or_default();
    let all = [Scope::Call, Scope::Minutes, Scope::Session, Scope::Always];
    assert_eq!(scopes(offered(&plain, &[], &limits)), all);
    let answer = Case { gate: Gate::Answer, ..plain };
    assert_eq!(scopes(offered(&answer, &[], &limits)), all);
    let stateless = Case { session: None, ..plain };
    assert_eq!(scopes(offered(&stateless, &[], &limits)), [Scope::Call, Scope::Minutes, Scope::Always]);
    let found = hidden();
    let with_context = Facts { asks_for_context: true, ..facts.clone() };
    for case in [
        Case { tool: None, call_id: None, ..plain },
        Case { risk: Risk::High, ..plain },
        Case { suspended: Some(Suspension::ReviewDue), ..plain },
        Case { findings: &found, ..plain },
        Case { facts: &with_context, ..plain },
        Case { sampling: Sampling::Off, ..plain },
    ] {
        let offer = offered(&case, &[], &limits);
        assert_eq!((offer.about, offer.only_once.is_some()), (None, true), "{case:?}");
    }
    assert!(offered(&plain, &[rule("r", Action::Ask)], &limits).about.is_none(), "the rule would ask again");
    let hit = check(
        (&Limits::default(), Tally { last_minute: 1_000, ..Tally::default() }),
        (&Limits::none(), Tally::default()),
        Demand::default(),
        |_, _| None,
    );
    assert!(offered(&plain, &[], &hit).about.is_none(), "a limit asks or denies");
    let offer = offered(&plain, &[], &limits);
    assert_eq!(
        offer.says(Scope::Minutes, false).as_deref(),
        Some(
            "s › t: requests with no system prompt, for local, up to 240 bytes, for 15 minutes; the answers are still shown to you"
        )
    );
    assert_eq!((offer.gates(false), offer.gates(true)), (Gates::Request, Gates::Both));
    assert_eq!(offer.says(Scope::Once, false), None);
    assert_eq!(offer.until(Scope::Once, plain.now), None);
    let later = Timestamp::from_second(15 * 60).expect("a time");
    assert_eq!(offer.until(Scope::Minutes, plain.now), Some(Until::Time { at: later }));
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
        (Case { suspended: Some(Suspension::Drift), ..case }, Verdict::Ask, DecidedBy::Drift),
        (Case { suspended: Some(Suspension::Unseen), ..case }, Verdict::Ask, DecidedBy::Drift),
        (Case { suspended: Some(Suspension::Flagged), ..case }, Verdict::Ask, DecidedBy::Nobody),
        (
            Case { suspended: Some(Suspension::Drift), findings: &findings, risk: Risk::High, ..case },
            Verdict::Ask,
            DecidedBy::Drift,
        ),
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
