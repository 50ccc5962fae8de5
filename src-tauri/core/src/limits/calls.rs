//! Limits of the tool calls that a host makes.
//!
//! They are the host's and counted apart from what servers ask, so an agent at work does not use up what its servers
//! may ask, and no default meant for sampling stops it. What is not said has no limit.

use super::{Checked, Demand, Hit, Limit, Limits, Reserved, Tally, Whose, would_be};

/// The limits that a host may have; the others are about what servers ask.
pub const LIMITS_OF_CALLS: &[Limit] =
    &[Limit::PerMinute, Limit::PerDay, Limit::InFlight, Limit::Queue, Limit::PromptBytes];

/// What such a limit counts, as it is shown.
pub fn title_of_calls(limit: Limit) -> &'static str {
    match limit {
        Limit::PerMinute => "Tool calls a minute",
        Limit::PerDay => "Tool calls a day",
        Limit::InFlight => "Tool calls under way at once",
        Limit::Queue => "Tool calls waiting for you at once",
        Limit::PromptBytes => "Size of a call",
        other => other.title(),
    }
}

/// Compares a tool call of this many bytes with what its host called before.
pub fn check_calls(limits: &Limits, tally: Tally, bytes: u64) -> Checked {
    let demand = Demand { bytes, free: true, ..Demand::default() };
    let denies = LIMITS_OF_CALLS.iter().copied().filter_map(|limit| {
        let allowed = limits.for_all(limit)?;
        let would_be = would_be(limit, tally, demand, Reserved::default())?;
        (would_be > allowed).then_some(Hit { limit, whose: Whose::Host, allowed, would_be })
    });
    Checked { denies: denies.collect(), ..Checked::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_limits_calls() {
        let tally = Tally { last_minute: 1000, day: 1000, in_flight: 1000, queue: 1000, ..Tally::default() };
        assert_eq!(check_calls(&Limits::default(), tally, 1 << 30), Checked::default());
        let mut limits = Limits::default();
        for text in ["per_minute=1001", "per_day=1000", "prompt_bytes=10"] {
            limits.read(text).expect("valid");
        }
        let checked = check_calls(&limits, tally, 11);
        let reached: Vec<Limit> = checked.denies.iter().map(|hit| hit.limit).collect();
        assert_eq!(reached, [Limit::PerDay, Limit::PromptBytes]);
        assert_eq!(checked.denies[0].reason(), "The limit of this host is 1000 a day; this would make it 1001.");
    }
}
