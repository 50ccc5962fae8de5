//! What a model costs, from a price list that is part of the program. An unknown price is unknown, never 0.

use std::time::SystemTime;

use genai_prices::{Calculator, PriceRequest, UsageKey};

use crate::model_format::{self, Usage};

/// Micro-dollars in a dollar.
const MICRO: f64 = 1_000_000.0;

/// The cost of a call at a time, in micro-dollars, rounded up; none if the price is not known.
///
/// Programs on this machine have no price: that a model of the same name costs something elsewhere does not matter.
#[must_use]
pub fn cost_microusd(provider: &str, model: &str, usage: Usage, at: SystemTime) -> Option<u64> {
    let vendor = model_format::provider(provider)?.price_id?;
    let mut tokens = genai_prices::Usage::from([
        (UsageKey::INPUT_TOKENS, usage.input as f64),
        (UsageKey::OUTPUT_TOKENS, usage.output as f64),
    ]);
    if usage.cached > 0 {
        tokens.insert(UsageKey::CACHE_READ_TOKENS, usage.cached.min(usage.input) as f64);
    }
    let request = PriceRequest::new(model, &tokens).with_provider_id(vendor).with_timestamp(at);
    let price = Calculator::bundled().calculate(&request).ok()?;
    // Rounded up, but not for the last bit of a float.
    let micro = (price.total_price * MICRO - 1e-6).ceil();
    // A price of nothing for something means that the list has a gap.
    let free = micro <= 0.0 && usage.input + usage.output > 0;
    (micro.is_finite() && micro >= 0.0 && !free).then_some(micro as u64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_000_000)
    }

    fn usage(input: u64, output: u64, cached: u64) -> Usage {
        Usage { input, output, cached }
    }

    #[test]
    fn known_and_unknown_prices() {
        // gpt-4o: $2.50 and $10 a million, half for cached input.
        assert_eq!(cost_microusd("openai", "gpt-4o", usage(1000, 100, 0), at()), Some(3500));
        assert_eq!(cost_microusd("openai", "gpt-4o", usage(1000, 100, 1000), at()), Some(2250));
        assert_eq!(cost_microusd("openai", "gpt-4o", usage(1, 0, 0), at()), Some(3));
        assert!(cost_microusd("anthropic", "claude-sonnet-4-5", usage(1000, 100, 0), at()).is_some());
        assert!(cost_microusd("gemini", "gemini-2.5-flash", usage(1000, 100, 0), at()).is_some());
        assert_eq!(cost_microusd("openai", "no-such-model", usage(1, 1, 0), at()), None);
        assert_eq!(cost_microusd("ollama", "gpt-4o", usage(1, 1, 0), at()), None);
        assert_eq!(cost_microusd("nobody", "gpt-4o", usage(1, 1, 0), at()), None);
    }

    #[test]
    fn every_vendor_with_a_price_list_is_in_it() {
        for provider in model_format::PROVIDERS {
            if let Some(id) = provider.price_id {
                assert!(matches!(Calculator::bundled().find_provider(Some(id), None), Ok(Some(_))), "{id}");
            }
        }
    }
}
