//! What is limited: each with its unit, its default and its words.

use serde::{Deserialize, Serialize};

use super::Tally;
use crate::audit::named;

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
    pub(super) fn words(self) -> &'static str {
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

    pub(super) fn show(self, number: u64) -> String {
        if self.is_money() { usd(number) } else { number.to_string() }
    }
}

/// Millionths of a US dollar, as people write them: `$0.05`.
pub(super) fn usd(micro: u64) -> String {
    let text = format!("${}.{:06}", micro / 1_000_000, micro % 1_000_000);
    let kept = text.trim_end_matches('0');
    let cents = text.len() - 4;
    text[..kept.len().max(cents)].to_owned()
}
