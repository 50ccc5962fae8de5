//! Which of the configured models answers: the server's hints first, then the default.
//!
//! `modelPreferences` is advice (MCP, sampling, model preferences): hints are parts of model names, taken in order;
//! the priorities decide among several models that one hint fits, and order the rest. There is no list of how clever or
//! fast a model is, so its price stands for both: dearer for intelligence, cheaper for speed and cost.

use std::cmp::Ordering;

use crate::request::ModelPreferences;

/// A configured model.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name in the settings.
    pub name: String,
    /// The provider's name.
    pub provider: String,
    /// The vendor's id of the model.
    pub model: String,
    /// What a call of usual size costs; none: unknown, or nothing.
    pub cost_microusd: Option<u64>,
}

/// A configured model with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The model's name in the settings.
    pub name: String,
    /// Why it stands here, in a few words.
    pub why: String,
    /// Whether the server's hints or the person's default name it. Where the first one is not chosen, the person
    /// answers unless somebody picks a model.
    pub chosen: bool,
}

/// Ranks all configured models, best first. `default` is a model's name; none where the person is the default.
#[must_use]
pub fn rank(preferences: Option<&ModelPreferences>, candidates: &[Candidate], default: Option<&str>) -> Vec<Ranked> {
    let hints: Vec<&str> = preferences
        .map(|preferences| preferences.hints.iter().map(|hint| hint.trim()).filter(|hint| !hint.is_empty()).collect())
        .unwrap_or_default();
    let mut ranked: Vec<(usize, &Candidate)> = candidates
        .iter()
        .map(|candidate| {
            let place = match hints.iter().position(|hint| fits(hint, candidate)) {
                Some(place) => place,
                None if default == Some(candidate.name.as_str()) => hints.len(),
                None => hints.len() + 1,
            };
            (place, candidate)
        })
        .collect();
    // Stable: what nothing tells apart stays in the order of the settings, the default first.
    ranked.sort_by(|(place, one), (other_place, other)| {
        let is_default = |candidate: &Candidate| default == Some(candidate.name.as_str());
        place
            .cmp(other_place)
            .then_with(|| by_price(preferences, one, other))
            .then_with(|| is_default(other).cmp(&is_default(one)))
    });
    ranked
        .into_iter()
        .map(|(place, candidate)| {
            let why = match hints.get(place) {
                Some(hint) => format!("hint “{}” matched", crate::request::one_line(hint)),
                None if place == hints.len() => "default model".to_owned(),
                None => "also configured".to_owned(),
            };
            Ranked { name: candidate.name.clone(), why, chosen: place <= hints.len() }
        })
        .collect()
}

/// Whether a hint is part of a model's id or of its name in the settings, whatever the case.
fn fits(hint: &str, candidate: &Candidate) -> bool {
    let hint = hint.to_lowercase();
    candidate.model.to_lowercase().contains(&hint) || candidate.name.to_lowercase().contains(&hint)
}

fn by_price(preferences: Option<&ModelPreferences>, one: &Candidate, other: &Candidate) -> Ordering {
    let Some(preferences) = preferences else {
        return Ordering::Equal;
    };
    let wish = |priority: Option<f64>| priority.unwrap_or(0.0);
    let cheaper = wish(preferences.cost_priority).max(wish(preferences.speed_priority));
    let dearer = wish(preferences.intelligence_priority);
    let (one, other) = (one.cost_microusd.unwrap_or(0), other.cost_microusd.unwrap_or(0));
    match cheaper.total_cmp(&dearer) {
        Ordering::Greater => one.cmp(&other),
        Ordering::Less => other.cmp(&one),
        Ordering::Equal => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        [
            ("local", "ollama", "qwen3:8b", None),
            ("big", "anthropic", "claude-opus-5", Some(900)),
            ("small", "anthropic", "claude-haiku-5", Some(90)),
        ]
        .map(|(name, provider, model, cost_microusd)| Candidate {
            name: name.into(),
            provider: provider.into(),
            model: model.into(),
            cost_microusd,
        })
        .into()
    }

    fn order(hints: &[&str], cost: f64, intelligence: f64, default: Option<&str>) -> Vec<(String, String, bool)> {
        let preferences = ModelPreferences {
            hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
            cost_priority: Some(cost),
            speed_priority: None,
            intelligence_priority: Some(intelligence),
        };
        let ranked = rank(Some(&preferences), &candidates(), default);
        ranked.into_iter().map(|ranked| (ranked.name, ranked.why, ranked.chosen)).collect()
    }

    fn line(name: &str, why: &str, chosen: bool) -> (String, String, bool) {
        (name.into(), why.into(), chosen)
    }

    #[test]
    fn hints_in_order_then_the_default() {
        assert_eq!(
            order(&["gpt", "Haiku", "claude"], 0.0, 0.0, Some("local")),
            [
                line("small", "hint “Haiku” matched", true),
                line("big", "hint “claude” matched", true),
                line("local", "default model", true),
            ]
        );
    }

    #[test]
    fn priorities_decide_within_a_hint() {
        let first = |cost, intelligence| order(&["claude"], cost, intelligence, None)[0].0.clone();
        assert_eq!(first(0.9, 0.1), "small");
        assert_eq!(first(0.1, 0.9), "big");
    }

    #[test]
    fn the_default_without_hints_and_nobody_without_a_default() {
        assert_eq!(order(&[], 1.0, 0.0, Some("big"))[0], line("big", "default model", true));
        assert_eq!(order(&["gpt", " "], 0.0, 0.0, None)[0], line("local", "also configured", false));
        assert!(rank(None, &[], Some("big")).is_empty());
    }
}
