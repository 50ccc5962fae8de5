//! All rules, found by what they name: of ten thousand, only those about this server and tool are looked at.

use std::collections::HashMap;

use super::{Case, Rule, pattern::Digested};

/// A set of rules. Order never matters.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// By server and tool, as the rules name them.
    about: HashMap<(Option<String>, Option<String>), Vec<usize>>,
}

impl Rules {
    /// Takes rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut about: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.disabled) {
            about.entry((rule.server.clone(), rule.tool.clone())).or_default().push(at);
        }
        Self { rules, about }
    }

    /// Every rule.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that match a case.
    pub(super) fn about<'a>(&'a self, case: &Case<'_>) -> impl Iterator<Item = &'a Rule> {
        let server = Some(case.server.to_owned());
        let tool = case.tool.map(ToOwned::to_owned);
        let mut keys = vec![(None, None), (server.clone(), None)];
        if tool.is_some() {
            keys.extend([(None, tool.clone()), (server, tool)]);
        }
        let prompt = Digested::new(&case.facts.prompt);
        let mut found = Vec::new();
        for key in keys {
            let rules = self.about.get(&key).into_iter().flatten().map(|at| &self.rules[*at]);
            found.extend(rules.filter(|rule| rule.matches_prompt(case, &prompt)));
        }
        found.into_iter()
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        Self::new(rules)
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}
