//! Limits: how often, how much and at what cost a server may ask. Fail closed, each with its reason.
//!
//! Data flow: [`Limits`] (the server's, and those for all servers together), a [`Tally`] of what was asked before,
//! counted in the database in the transaction that admits the question, and the [`Demand`] of this one → [`Checked`].
//!
//! Invariants: a question counts from the moment it was received; a question under way is counted with the most it can
//! use, so that many at once cannot pass where one after the other could not. A day and a month are those of the
//! person's calendar. Where a price is unknown the money limits do not count it, and [`Checked::notes`] says so.

mod calls;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use calls::{LIMITS_OF_CALLS, check_calls};

use crate::{audit::named, settings::InvalidSetting};

named! {
    /// What is limited.
    Limit:
    /// Questions in any 60 seconds.
    PerMinute = "per_minute",
    /// Questions while a connection lives; in a day where the protocol has no connections (2026-07-28 over HTTP).
    PerSession = "per_session",
    /// Questions in one tool call. More are not refused where a person can be asked.
    PerCall = "per_call",
    /// Questions in a day.
    PerDay = "per_day",
    /// Questions under way at once.
    InFlight = "in_flight",
    /// Questions waiting for a person at once.
    Queue = "queue",
    /// Tool uses in the request's messages: the rounds of a tool loop.
    Rounds = "rounds",
    /// Questions within questions.
    Depth = "depth",
    /// Bytes of the request's params as JSON.
    PromptBytes = "prompt_bytes",
    /// Tokens read in a day.
    TokensInPerDay = "tokens_in_per_day",
    /// Tokens written in a day.
    TokensOutPerDay = "tokens_out_per_day",
    /// US dollars in a day.
    UsdPerDay = "usd_per_day",
    /// US dollars in a month.
    UsdPerMonth = "usd_per_month",
    /// maxTokens of one request; a larger one is lowered, visibly.
    MaxTokens = "max_tokens",
}

impl Limit {
    /// Whether it is money, kept in millionths of a US dollar.
    pub fn is_money(self) -> bool {
        matches!(self, Self::UsdPerDay | Self::UsdPerMonth)
    }

    /// What holds for a server whose settings say nothing.
    pub fn default_for_server(self) -> Option<u64> {
        match self {
            Self::PerMinute => Some(10),
            Self::PerSession => Some(50),
            Self::PerCall => Some(5),
            Self::PerDay => Some(200),
            Self::InFlight => Some(8),
            Self::Queue => Some(20),
            Self::Rounds => Some(10),
            Self::Depth => Some(2),
            Self::PromptBytes => Some(1 << 20),
            Self::TokensInPerDay => Some(1_000_000),
            Self::TokensOutPerDay => Some(200_000),
            Self::UsdPerDay => Some(1_000_000),
            Self::UsdPerMonth => Some(10_000_000),
            Self::MaxTokens => Some(4096),
        }
    }

    /// What is counted, for a form.
    pub fn title(self) -> &'static str {
        match self {
            Self::PerMinute => "Questions a minute",
            Self::PerSession => "Questions a session",
            Self::PerCall => "Questions in one tool call",
            Self::PerDay => "Questions a day",
            Self::InFlight => "Under way at once",
            Self::Queue => "Waiting for you at once",
            Self::Rounds => "Rounds of tool use",
            Self::Depth => "Questions within questions",
            Self::PromptBytes => "Size of a request",
            Self::TokensInPerDay => "Tokens read a day",
            Self::TokensOutPerDay => "Tokens written a day",
            Self::UsdPerDay => "Money a day",
            Self::UsdPerMonth => "Money a month",
            Self::MaxTokens => "Tokens of one answer",
        }
    }

    /// The unit of its number, where the title does not say it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::PromptBytes => "bytes",
            Self::UsdPerDay | Self::UsdPerMonth => "US dollars",
            Self::TokensInPerDay | Self::TokensOutPerDay | Self::MaxTokens => "tokens",
            Self::PerMinute
            | Self::PerSession
            | Self::PerCall
            | Self::PerDay
            | Self::InFlight
            | Self::Queue
            | Self::Rounds
            | Self::Depth => "",
        }
    }

    /// What was used of it; none where it is not counted over time but belongs to one request, call or session.
    pub fn used(self, tally: Tally) -> Option<u64> {
        match self {
            Self::PerMinute => Some(tally.last_minute),
            Self::PerDay => Some(tally.day),
            Self::InFlight => Some(tally.in_flight),
            Self::Queue => Some(tally.queue),
            Self::TokensInPerDay => Some(tally.tokens_in_day),
            Self::TokensOutPerDay => Some(tally.tokens_out_day),
            Self::UsdPerDay => Some(tally.microusd_day),
            Self::UsdPerMonth => Some(tally.microusd_month),
            Self::PerSession | Self::PerCall | Self::Rounds | Self::Depth | Self::PromptBytes | Self::MaxTokens => None,
        }
    }

    /// The limit in words; `{}` stands for the number.
    fn words(self) -> &'static str {
        match self {
            Self::PerMinute => "{} a minute",
            Self::PerSession => "{} while the server runs",
            Self::PerCall => "{} in one tool call",
            Self::PerDay => "{} a day",
            Self::InFlight => "{} at once",
            Self::Queue => "{} waiting for you",
            Self::Rounds => "{} rounds of tool use",
            Self::Depth => "{} questions within questions",
            Self::PromptBytes => "{} bytes a request",
            Self::TokensInPerDay => "{} tokens read a day",
            Self::TokensOutPerDay => "{} tokens written a day",
            Self::UsdPerDay => "{} a day",
            Self::UsdPerMonth => "{} a month",
            Self::MaxTokens => "{} tokens an answer",
        }
    }

    fn show(self, number: u64) -> String {
        if self.is_money() { usd(number) } else { number.to_string() }
    }
}

/// Millionths of a US dollar, as people write them: `$0.05`.
fn usd(micro: u64) -> String {
    let text = format!("${}.{:06}", micro / 1_000_000, micro % 1_000_000);
    let kept = text.trim_end_matches('0');
    let cents = text.len() - 4;
    text[..kept.len().max(cents)].to_owned()
}

/// Limits. A key that is missing has the default; `none` means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits(BTreeMap<Limit, Option<u64>>);

impl Limits {
    /// No limit at all.
    pub fn none() -> Self {
        Self(Limit::ALL.iter().map(|limit| (*limit, None)).collect())
    }

    /// What is said about a limit; none: nothing is said, the default holds.
    pub fn said(&self, limit: Limit) -> Option<Option<u64>> {
        self.0.get(&limit).copied()
    }

    /// Says something about a limit.
    pub fn set(&mut self, limit: Limit, value: Option<u64>) {
        self.0.insert(limit, value);
    }

    /// What holds for a server; none: no limit.
    pub fn for_server(&self, limit: Limit) -> Option<u64> {
        self.said(limit).unwrap_or_else(|| limit.default_for_server())
    }

    /// What holds for all servers together; none: no limit, also where nothing is said.
    pub fn for_all(&self, limit: Limit) -> Option<u64> {
        self.said(limit).flatten()
    }

    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything is said to be without limit.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Reads `KEY=N`, `KEY=none` or `none`, as on the command line, on top of what is said already.
    ///
    /// # Errors
    /// Names what is wrong, and the keys there are.
    pub fn read(&mut self, text: &str) -> Result<(), InvalidSetting> {
        if text == "none" {
            *self = Self::none();
            return Ok(());
        }
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| InvalidSetting(format!("a limit is KEY=N, KEY=none or none, not {text:?}")))?;
        let limit: Limit = key.parse().map_err(|error: crate::audit::UnknownName| InvalidSetting(error.to_string()))?;
        let value = match value {
            "none" => None,
            number => Some(parse(limit, number)?),
        };
        self.set(limit, value);
        Ok(())
    }
}

fn parse(limit: Limit, text: &str) -> Result<u64, InvalidSetting> {
    let wrong = |what: &str| InvalidSetting(format!("{limit}: {text:?} is not {what}, or \"none\""));
    if limit.is_money() {
        let amount: f64 = text.parse().map_err(|_| wrong("an amount of US dollars"))?;
        micro(amount).ok_or_else(|| wrong("an amount of US dollars"))
    } else {
        text.parse().map_err(|_| wrong("a whole number"))
    }
}

/// US dollars to millionths of them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
fn micro(amount: f64) -> Option<u64> {
    let micro = (amount * 1e6).round();
    (0.0..=1e15).contains(&micro).then_some(micro as u64)
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Repr {
    Word(String),
    Whole(u64),
    Amount(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LimitsRepr {
    Word(String),
    Table(BTreeMap<Limit, Repr>),
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_none() {
            return LimitsRepr::Word("none".into()).serialize(serializer);
        }
        #[expect(clippy::cast_precision_loss, reason = "amounts are small")]
        let value = |limit: &Limit, value: &Option<u64>| match value {
            None => Repr::Word("none".into()),
            Some(number) if limit.is_money() => Repr::Amount(*number as f64 / 1e6),
            Some(number) => Repr::Whole(*number),
        };
        LimitsRepr::Table(self.0.iter().map(|(limit, said)| (*limit, value(limit, said))).collect())
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let table = match LimitsRepr::deserialize(deserializer) {
            Ok(LimitsRepr::Word(word)) if word == "none" => return Ok(Self::none()),
            Ok(LimitsRepr::Table(table)) => table,
            Ok(LimitsRepr::Word(_)) | Err(_) => {
                let keys: Vec<&str> = Limit::ALL.iter().map(|limit| limit.as_str()).collect();
                return Err(D::Error::custom(format!("limits are \"none\" or a table of {}", keys.join(", "))));
            }
        };
        let mut limits = Self::default();
        for (limit, repr) in table {
            let value = match repr {
                Repr::Word(word) if word == "none" => None,
                Repr::Word(word) => Some(parse(limit, &word).map_err(D::Error::custom)?),
                Repr::Whole(number) if limit.is_money() => {
                    Some(number.checked_mul(1_000_000).ok_or_else(|| D::Error::custom("too much money"))?)
                }
                Repr::Whole(number) => Some(number),
                Repr::Amount(amount) if limit.is_money() => Some(
                    micro(amount).ok_or_else(|| D::Error::custom(format!("{limit}: not an amount of US dollars")))?,
                ),
                Repr::Amount(_) => return Err(D::Error::custom(format!("{limit}: not a whole number"))),
            };
            limits.set(limit, value);
        }
        Ok(limits)
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

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
}
