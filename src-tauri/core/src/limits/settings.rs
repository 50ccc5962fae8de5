//! Limits as a person sets them, in the file and on the command line.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Limit;
use crate::settings::InvalidSetting;

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
