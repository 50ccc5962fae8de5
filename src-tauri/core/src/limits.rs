//! Limits: how often, how much and at what cost a server may ask. Fail closed, each with its reason.
//!
//! Data flow: [`Limits`] (the server's, and those for all servers together), a [`Tally`] of what was asked before,
//! counted in the database in the transaction that admits the question, and the [`Demand`] of this one → [`Checked`].
//!
//! Invariants: a question counts from the moment it was received; a question under way is counted with the most it can
//! use, so that many at once cannot pass where one after the other could not. A day and a month are those of the
//! person's calendar. Where a price is unknown the money limits do not count it, and [`Checked::notes`] says so.

mod calls;
mod limit;
mod settings;
#[cfg(test)]
mod tests;

pub use calls::{LIMITS_OF_CALLS, check_calls, title_of_calls};
pub use limit::Limit;
pub use settings::Limits;

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was asked before, this question not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Questions in the last 60 seconds.
    pub last_minute: u64,
    /// Questions of this session.
    pub session: u64,
    /// Questions of this tool call; none where the call is not known.
    pub call: Option<u64>,
    /// Questions today.
    pub day: u64,
    /// Questions under way.
    pub in_flight: u64,
    /// Questions waiting for a person.
    pub queue: u64,
    /// Tokens read today, those of questions under way at their most.
    pub tokens_in_day: u64,
    /// Tokens written today, those of questions under way at their most.
    pub tokens_out_day: u64,
    /// Millionths of a US dollar today, questions under way at their most.
    pub microusd_day: u64,
    /// The same, this month.
    pub microusd_month: u64,
}

/// What a question would use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Bytes of its params as JSON.
    pub bytes: u64,
    /// maxTokens, as asked for.
    pub max_tokens: u32,
    /// Tokens that a model would read.
    pub tokens_in: u64,
    /// Tool uses in its messages.
    pub rounds: u64,
    /// How deep it is nested, from 0.
    pub depth: u64,
    /// Whether no model will be asked: neither tokens nor money are used then.
    pub free: bool,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The server's.
    Server,
    /// That of all servers together.
    All,
    /// The host's: it is about the tool calls it makes.
    Host,
}

impl Whose {
    fn words(self) -> &'static str {
        match self {
            Self::Server => "this server",
            Self::All => "all servers together",
            Self::Host => "this host",
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub limit: Limit,
    /// Whose it is.
    pub whose: Whose,
    /// What is allowed.
    pub allowed: u64,
    /// What it would be with this question.
    pub would_be: u64,
}

impl Hit {
    /// Why, in a sentence.
    pub fn reason(&self) -> String {
        let whose = self.whose.words();
        let limit = self.limit.words().replace("{}", &self.limit.show(self.allowed));
        format!("The limit of {whose} is {limit}; this would make it {}.", self.limit.show(self.would_be))
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

/// What the limits say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Limits that deny.
    pub denies: Vec<Hit>,
    /// Limits that ask a person, and deny where nobody can be asked.
    pub asks: Vec<Hit>,
    /// maxTokens as it was lowered; none: it is within its limit.
    pub lowered: Option<u32>,
    /// What the person should know, each in a sentence.
    pub notes: Vec<String>,
    /// The most that this question can use, to be counted while it is under way.
    pub reserved: Reserved,
}

/// The most that a question under way can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reserved {
    /// Tokens read.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
    /// Millionths of a US dollar.
    pub microusd: u64,
}

/// Compares a question with what was asked before. `cost` tells what reading and writing this many tokens would cost,
/// in millionths of a US dollar; none if the price is not known.
pub fn check(
    server: (&Limits, Tally),
    all: (&Limits, Tally),
    demand: Demand,
    cost: impl FnOnce(u64, u64) -> Option<u64>,
) -> Checked {
    let mut checked = Checked::default();
    let cap = [server.0.for_server(Limit::MaxTokens), all.0.for_all(Limit::MaxTokens)].into_iter().flatten().min();
    let cap = cap.map(|cap| u32::try_from(cap).unwrap_or(u32::MAX)).filter(|cap| *cap < demand.max_tokens);
    if let Some(cap) = cap {
        checked.lowered = Some(cap);
        checked.notes.push(format!("It asks for {} tokens; your limit lowers that to {cap}.", demand.max_tokens));
    }
    if !demand.free {
        let tokens_out = u64::from(cap.unwrap_or(demand.max_tokens));
        let microusd = cost(demand.tokens_in, tokens_out);
        checked.reserved = Reserved { tokens_in: demand.tokens_in, tokens_out, microusd: microusd.unwrap_or(0) };
        let counts_money = |limits: &Limits, for_all: bool| {
            [Limit::UsdPerDay, Limit::UsdPerMonth]
                .into_iter()
                .any(|limit| if for_all { limits.for_all(limit) } else { limits.for_server(limit) }.is_some())
        };
        if microusd.is_none() && (counts_money(server.0, false) || counts_money(all.0, true)) {
            checked.notes.push("The price of this model is not known: the money limits do not count it.".into());
        }
    }
    if let Some(before) = server.1.call.filter(|before| *before > 0) {
        checked.notes.push(format!("This tool call has asked {} before.", times(before)));
    }
    for (limits, tally, whose) in [(server.0, server.1, Whose::Server), (all.0, all.1, Whose::All)] {
        for limit in Limit::ALL.iter().copied() {
            let allowed = if whose == Whose::All { limits.for_all(limit) } else { limits.for_server(limit) };
            let Some(allowed) = allowed else { continue };
            let Some(would_be) = would_be(limit, tally, demand, checked.reserved) else { continue };
            if would_be > allowed {
                let hit = Hit { limit, whose, allowed, would_be };
                if limit == Limit::PerCall { checked.asks.push(hit) } else { checked.denies.push(hit) }
            }
        }
    }
    checked
}

fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        more => format!("{more} times"),
    }
}

/// What a limit's number would be with this question; none where it does not apply.
fn would_be(limit: Limit, tally: Tally, demand: Demand, reserved: Reserved) -> Option<u64> {
    Some(match limit {
        Limit::PerMinute => tally.last_minute + 1,
        Limit::PerSession => tally.session + 1,
        Limit::PerCall => tally.call? + 1,
        Limit::PerDay => tally.day + 1,
        Limit::InFlight => tally.in_flight + 1,
        Limit::Queue => tally.queue + 1,
        Limit::Rounds => demand.rounds,
        Limit::Depth => demand.depth,
        Limit::PromptBytes => demand.bytes,
        Limit::TokensInPerDay => tally.tokens_in_day.saturating_add(reserved.tokens_in),
        Limit::TokensOutPerDay => tally.tokens_out_day.saturating_add(reserved.tokens_out),
        Limit::UsdPerDay => tally.microusd_day.saturating_add(reserved.microusd),
        Limit::UsdPerMonth => tally.microusd_month.saturating_add(reserved.microusd),
        Limit::MaxTokens => return None,
    })
}
