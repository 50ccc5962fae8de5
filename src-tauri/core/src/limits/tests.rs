use proptest::prelude::*;
use serde_json::json;

use super::{limit::usd, *};

fn limits(text: &[&str]) -> Limits {
    let mut limits = Limits::none();
    text.iter().for_each(|text| limits.read(text).expect("valid"));
    limits
}

fn check_server(limits: &Limits, tally: Tally, demand: Demand) -> Checked {
    check((limits, tally), (&Limits::none(), Tally::default()), demand, |_, _| None)
}

#[test]
fn a_new_server_has_sensible_limits() {
    let limits = Limits::default();
    assert_eq!(limits.for_server(Limit::PerMinute), Some(10));
    assert_eq!(limits.for_server(Limit::PerSession), Some(50));
    assert_eq!(limits.for_server(Limit::MaxTokens), Some(4096));
    assert_eq!(limits.for_server(Limit::UsdPerDay), Some(1_000_000));
    assert_eq!(limits.for_all(Limit::PerMinute), None);
}

#[test]
fn the_last_that_fits_passes_and_the_next_does_not() {
    let limits = limits(&["per_minute=3"]);
    let asked = |last_minute| check_server(&limits, Tally { last_minute, ..Tally::default() }, Demand::default());
    assert!(asked(2).denies.is_empty());
    let denied = asked(3);
    assert_eq!(denied.denies[0].reason(), "The limit of this server is 3 a minute; this would make it 4.");
}

#[test]
fn what_is_under_way_counts_at_its_most() {
    let limits = limits(&["usd_per_day=1", "tokens_out_per_day=1000"]);
    let demand = Demand { max_tokens: 800, tokens_in: 100, ..Demand::default() };
    let cost = |read, written| Some(read * 3 + written * 15);
    let check_server =
        |limits, tally, demand| check((limits, tally), (&Limits::none(), Tally::default()), demand, cost);
    let reserved = check_server(&limits, Tally::default(), demand).reserved;
    assert_eq!(reserved, Reserved { tokens_in: 100, tokens_out: 800, microusd: 300 + 12_000 });
    let after = Tally { tokens_out_day: 800, ..Tally::default() };
    assert_eq!(check_server(&limits, after, demand).denies[0].limit, Limit::TokensOutPerDay);
    let spent = Tally { microusd_day: 990_000, ..Tally::default() };
    let hit = &check_server(&limits, spent, demand).denies[0];
    assert_eq!(hit.reason(), "The limit of this server is $1.00 a day; this would make it $1.0023.");
}

#[test]
fn an_unknown_price_is_said() {
    let demand = Demand { max_tokens: 10, ..Demand::default() };
    let checked = check_server(&Limits::default(), Tally::default(), demand);
    assert!(checked.notes.iter().any(|note| note.contains("price")), "{checked:?}");
    let free = check_server(&Limits::default(), Tally::default(), Demand { free: true, ..demand });
    assert!(free.notes.is_empty(), "{free:?}");
}

#[test]
fn max_tokens_is_lowered_and_said() {
    let demand = Demand { max_tokens: 10_000, ..Demand::default() };
    let checked = check_server(&Limits::default(), Tally::default(), demand);
    assert_eq!((checked.lowered, checked.reserved.tokens_out), (Some(4096), 4096));
    assert!(checked.notes[0].contains("10000"), "{checked:?}");
}

#[test]
fn more_in_one_call_asks() {
    let limits = limits(&["per_call=1"]);
    let tally = Tally { call: Some(1), ..Tally::default() };
    let checked = check_server(&limits, tally, Demand::default());
    assert!(checked.denies.is_empty());
    assert_eq!(checked.asks[0].limit, Limit::PerCall);
    assert!(check_server(&limits, Tally::default(), Demand::default()).asks.is_empty());
}

#[test]
fn reads_and_writes_what_people_write() {
    let read: Limits =
        serde_json::from_value(json!({"per_minute": 3, "usd_per_day": 0.5, "usd_per_month": 7, "queue": "none"}))
            .expect("valid");
    assert_eq!(read.for_server(Limit::UsdPerDay), Some(500_000));
    assert_eq!(read.for_server(Limit::UsdPerMonth), Some(7_000_000));
    assert_eq!(read.for_server(Limit::Queue), None);
    let again = serde_json::to_value(&read).expect("writes");
    assert_eq!(serde_json::from_value::<Limits>(again).expect("reads"), read);
    assert_eq!(serde_json::from_value::<Limits>(json!("none")).expect("valid"), Limits::none());
    for wrong in [json!({"per_hour": 1}), json!({"per_minute": 1.5}), json!({"usd_per_day": -1.0}), json!("some")] {
        serde_json::from_value::<Limits>(wrong).expect_err("not valid");
    }
    Limits::default().read("per_minute=many").expect_err("not valid");
}

#[test]
fn money_is_printed_as_people_write_it() {
    assert_eq!([usd(0), usd(50_000), usd(1_000_000), usd(1_002_300)], ["$0.00", "$0.05", "$1.00", "$1.0023"]);
}

proptest! {
    #[test]
    fn asking_more_never_passes_where_less_did_not(before in 0u64..20, more in 0u64..20, allowed in 0u64..20) {
        let limits = limits(&[&format!("per_day={allowed}"), &format!("in_flight={allowed}")]);
        let asked = |n| check_server(&limits, Tally { day: n, in_flight: n, ..Tally::default() }, Demand::default());
        prop_assert!(asked(before + more).denies.len() >= asked(before).denies.len());
    }
}
