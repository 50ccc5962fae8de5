//! Properties of the policy: what can raise a verdict, and that nothing else lowers one.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Allow), Just(Action::Ask), Just(Action::Deny), Just(Action::Answer)]
}

/// Any rule that a file may hold.
fn any_rule() -> impl Strategy<Value = Rule> {
    let about = (
        proptest::option::of("[st]"),
        proptest::option::of("[tu]"),
        proptest::option::of("[hk]"),
        proptest::option::of(prop_oneof![Just(Kind::Sampling), Just(Kind::Elicitation)]),
    );
    let conditions = (
        proptest::option::of(prop_oneof![Just("Say *"), Just("Sing *")]),
        proptest::option::of(prop_oneof![Just("none"), Just("any"), Just("high"), Just("email")]),
        proptest::option::of(prop_oneof![Just("08:00-18:00"), Just("18:00-08:00")]),
        proptest::option::of(0usize..200),
    );
    let ends = (proptest::option::of(-1i64..2), proptest::option::of(1u64..3));
    let gate = prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)];
    ("[a-z]{1,3}", any_action(), gate, about, conditions, ends)
        .prop_map(
            |(id, action, gate, (server, tool, host, kind), (prompt, findings, hours, bytes), (expires, uses))| Rule {
                server,
                tool,
                host,
                kind,
                gate,
                expires: expires.and_then(|second| Timestamp::from_second(second).ok()),
                uses,
                prompt: prompt.and_then(|glob| Pattern::glob(glob).ok()),
                findings: findings
                    .filter(|are| (*are == "none") == action.lets_through())
                    .and_then(|are| FindingsAre::from_argument(are).ok()),
                hours: hours.and_then(|hours| Hours::try_from(hours.to_owned()).ok()),
                max_bytes: bytes,
                ..rule(&id, action)
            },
        )
        .prop_filter("a file with it is refused", |rule| rule.problem().is_none())
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

/// How a question stands.
#[derive(Debug, Clone, Copy)]
struct Circumstances {
    gate: Gate,
    kind: Kind,
    host: Option<&'static str>,
    sampling: Sampling,
    gates: Gates,
    risk: Risk,
    suspended: Option<Suspension>,
    trifecta: bool,
    found: Found,
    /// Whether a limit denies it.
    limited: bool,
    /// How often every rule was used.
    used: u64,
}

/// From the most harmless on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// What only advises.
    Advice,
    /// That, and what hides something.
    Hidden,
}

fn any_case() -> impl Strategy<Value = Circumstances> {
    let place = (
        prop_oneof![Just(Gate::Request), Just(Gate::Answer)],
        prop_oneof![4 => Just(Kind::Sampling), 1 => Just(Kind::Elicitation)],
        proptest::option::of(prop_oneof![Just("h"), Just("k")]),
    );
    let server = (
        prop_oneof![Just(Sampling::Ask), Just(Sampling::Rules), Just(Sampling::Off)],
        prop_oneof![Just(Gates::Both), Just(Gates::Request), Just(Gates::Answer)],
        prop_oneof![Just(Risk::Low), Just(Risk::Medium), Just(Risk::High)],
        proptest::option::of(any_suspension()),
        any::<bool>(),
    );
    let found = prop_oneof![Just(Found::Nothing), Just(Found::Advice), Just(Found::Hidden)];
    (place, server, found, proptest::bool::weighted(0.2), 0u64..3).prop_map(
        |((gate, kind, host), (sampling, gates, risk, suspended, trifecta), found, limited, used)| Circumstances {
            gate,
            kind,
            host,
            sampling,
            gates,
            risk,
            suspended,
            trifecta,
            found,
            limited,
            used,
        },
    )
}

fn findings(found: Found) -> Vec<Finding> {
    let advice = || inspect(Place::Request, &json!("Write to ada@lovelace.org, please"));
    match found {
        Found::Nothing => Vec::new(),
        Found::Advice => advice(),
        Found::Hidden => advice().into_iter().chain(hidden()).collect(),
    }
}

fn in_case(circumstances: Circumstances, rules: &[Rule], grants: &[Grant]) -> Evaluation {
    let Circumstances { gate, kind, host, sampling, gates, risk, suspended, trifecta, found, limited, used } =
        circumstances;
    let (facts, findings) = (facts(), findings(found));
    let case =
        Case { kind, host, sampling, gates, risk, suspended, trifecta, findings: &findings, ..case(gate, &facts) };
    let uses = rules.iter().map(|rule| (rule.id.clone(), used)).collect();
    let hit = Hit { limit: Limit::PerMinute, whose: Whose::Server, allowed: 1, would_be: 2 };
    let limits = Checked { denies: limited.then_some(hit).into_iter().collect(), ..Checked::default() };
    judge_all(&case, rules, grants, &uses, &limits)
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
        let drifted = Circumstances { suspended: Some(suspension), ..circumstances };
        prop_assert_ne!(in_case(drifted, &rules, &grants).verdict, Verdict::Allow);
    }

    #[test]
    fn risk_findings_limits_and_trifecta_only_raise(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..8),
        grants in prop::collection::vec(any_grant(), 0..4),
    ) {
        let worse = Circumstances { risk: Risk::High, trifecta: true, limited: true, ..circumstances };
        let before = in_case(circumstances, &rules, &grants).verdict;
        prop_assert!(in_case(worse, &rules, &grants).verdict >= before);
        for found in [Found::Advice, Found::Hidden] {
            let found = Circumstances { found: found.max(circumstances.found), ..circumstances };
            prop_assert!(in_case(found, &rules, &grants).verdict >= before);
        }
    }

    #[test]
    fn what_is_used_up_or_limited_never_allows(
        circumstances in any_case(),
        rules in prop::collection::vec(any_rule(), 0..8),
        grants in prop::collection::vec(any_grant(), 0..4),
    ) {
        let limited = in_case(Circumstances { limited: true, ..circumstances }, &rules, &grants);
        prop_assert_ne!(limited.verdict, Verdict::Allow);
        // Used up, a rule that lets through is as if it were not there.
        let left: Vec<Rule> = rules.iter().filter(|rule| rule.uses.is_none()).cloned().collect();
        let spent = Circumstances { used: 2, ..circumstances };
        prop_assert_eq!(in_case(spent, &rules, &grants).verdict, in_case(spent, &left, &grants).verdict);
    }
}
