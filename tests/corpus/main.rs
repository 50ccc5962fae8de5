//! Inspection on texts: how much of what attacks it finds, and how often it cries wolf.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use support::corpus::{load, score};

#[test]
fn the_corpus_is_as_large_as_it_says() {
    let (attacks, benign) = (load("attacks.jsonl"), load("benign.jsonl"));
    assert!(attacks.len() >= 170 && benign.len() >= 330, "{} attacks, {} benign", attacks.len(), benign.len());
    for cases in [&attacks, &benign] {
        let held_out = cases.iter().filter(|case| case.expect.held_out).count();
        assert!(held_out * 4 >= cases.len(), "{held_out} of {} were held out", cases.len());
    }
    let mut ids: Vec<&str> = attacks.iter().chain(&benign).map(|case| case.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), attacks.len() + benign.len(), "each has an id of its own");
}

#[test]
fn attacks_are_found_and_benign_texts_are_quiet() {
    let score = score();
    let report = score.misses.join("\n");
    for (family, least) in [("byte-level", 98.0), ("meaning", 90.0), ("data", 98.0), ("behaviour", 98.0)] {
        let rate = score.of(family);
        assert!(rate.percent() >= least, "{family}: {} of {}\n{report}", rate.good, rate.all);
    }
    assert!(score.false_alarms() <= 2.0, "{:.1} % false alarms\n{report}", score.false_alarms());
}
