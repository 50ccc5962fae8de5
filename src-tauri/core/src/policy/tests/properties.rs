//! Properties of the policy: what can raise a verdict, and that nothing else lowers one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

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
    let gates = prop_oneof![Just(Gates::Request), Just(Gates::Answer), Just(Gates::Both)];
    ("[a-z]{1,3}", until, gates, "[st]", "[tu]", 0usize..200).prop_map(|(id, until, gates, server, tool, bytes)| {
        let given = grant(until, &facts());
        Grant { id, gates, server, tool, shape: Shape { bytes, ..given.shape.clone() }, ..given }
    })
}

fn any_suspension() -> impl Strategy<Value = Suspension> {
    prop_oneof![
        Just(Suspension::Drift),
        Just(Suspension::Unseen),
        Just(Suspension::Unapproved),
        Just(Suspension::Flagged),
        Just(Suspension::ReviewDue)
    ]
}

/// Conditions under which a question stands, from the most harmless on.
fn any_case() -> impl Strategy<Value = (Gate, Sampling, Gates, Risk, Option<Suspension>, bool, bool)> {
    (
        prop_oneof![Just(Gate::Request), Just(Gate::Answer)],
        prop_oneof![Just(Sampling::Ask), Just(Sampling::Rules), Just(Sampling::Off)],
        prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)],
        prop_oneof![Just(Risk::Low), Just(Risk::Medium), Just(Risk::High)],
        proptest::option::of(any_suspension()),
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
        suspension in any_suspension(),
        rules in prop::collection::vec(any_rule(), 0..4),
        grants in prop::collection::vec(any_grant(), 0..8),
    ) {
        let now = Timestamp::UNIX_EPOCH;
        let live: Vec<Grant> = grants.iter().filter(|grant| !matches!(grant.until, Until::Time { at } if at <= now)).cloned().collect();
        prop_assert_eq!(in_case(circumstances, &rules, &grants), in_case(circumstances, &rules, &live));
        let drifted = (circumstances.0, circumstances.1, circumstances.2, circumstances.3, Some(suspension), circumstances.5, circumstances.6);
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
