//! A rule in a sentence.

use super::{Action, FindingsAre, Risk, Rule};
use crate::{audit::Kind, settings::Gates};

impl Rule {
    /// The rule in a sentence.
    pub fn sentence(&self) -> String {
        let who = match (&self.server, &self.tool) {
            (Some(server), Some(tool)) => format!("{tool} of {server}"),
            (Some(server), None) => server.clone(),
            (None, Some(tool)) => format!("the tool {tool} of any server"),
            (None, None) => "any server".into(),
        };
        let what = match (self.kind, self.gate) {
            (Some(Kind::ToolCall), Gates::Both) => "tool calls and their results",
            (Some(Kind::ToolCall), Gates::Request) => "tool calls",
            (Some(Kind::ToolCall), Gates::Answer) => "results of tool calls",
            (Some(Kind::Sampling | Kind::Elicitation) | None, Gates::Both) => "requests and answers",
            (Some(Kind::Sampling | Kind::Elicitation) | None, Gates::Request) => "requests",
            (Some(Kind::Sampling | Kind::Elicitation) | None, Gates::Answer) => "answers",
        };
        let mut sentence = match self.action {
            Action::Allow => format!("Allow {what} of {who} without a look"),
            Action::Ask => format!("Ask about {what} of {who}"),
            Action::Deny => format!("Deny {what} of {who}"),
            Action::Answer => format!("Answer requests of {who} with “{}”", self.text.as_deref().unwrap_or_default()),
        };
        let conditions = self.conditions();
        if !conditions.is_empty() {
            sentence.push_str(" when ");
            sentence.push_str(&conditions.join(", and "));
        }
        if let Some(expires) = self.expires {
            sentence.push_str(&format!(", until {}", crate::audit::format_time(expires)));
        }
        if let Some(uses) = self.uses {
            sentence.push_str(&format!(", at most {uses} {}", if uses == 1 { "time" } else { "times" }));
        }
        sentence
    }

    fn conditions(&self) -> Vec<String> {
        let (action, reach) = (self.action, self.action.reach());
        let mut words = Vec::new();
        let mut add = |text: Option<String>| words.extend(text);
        add(self.kind.and_then(|kind| match kind {
            Kind::Sampling => Some("it asks for sampling".into()),
            Kind::Elicitation => Some("it asks for your input".into()),
            // Said already: tool calls are what it is about.
            Kind::ToolCall => None,
        }));
        add(self.host.as_ref().map(|host| format!("the call comes from {host}")));
        for (name, pattern) in &self.arguments {
            add(Some(format!("its argument {name} {}", pattern.words(reach))));
        }
        add(self.prompt.as_ref().map(|pattern| format!("its prompt {}", pattern.words(reach))));
        add(self.system_prompt.as_ref().map(|pattern| format!("its system prompt {}", pattern.words(reach))));
        add(self.answer.as_ref().map(|pattern| format!("the answer {}", pattern.words(reach))));
        add(self.max_bytes.map(|max| format!("it has at most {max} bytes")));
        add(self.over_bytes.map(|over| format!("it has more than {over} bytes")));
        add(self.max_tokens.map(|max| format!("it asks for at most {max} tokens")));
        add(self.over_tokens.map(|over| format!("it asks for more than {over} tokens")));
        add(self.model.as_ref().map(|model| format!("{model} would answer")));
        add(self.findings.as_ref().map(FindingsAre::words));
        add(self.risk.map(|risk| match (action.lets_through(), risk) {
            (true, Risk::Low) => "its risk is low".into(),
            (true, Risk::Medium | Risk::High) => format!("its risk is at most {risk}"),
            (false, Risk::High) => "its risk is high".into(),
            (false, Risk::Low | Risk::Medium) => format!("its risk is at least {risk}"),
        }));
        add(self.read_only.map(|says| match says {
            true => "its server says that it only reads".into(),
            false => "its server does not say that it only reads".into(),
        }));
        add(self.destructive.map(|may| match may {
            true => "by its server's word or silence it may destroy something".into(),
            false => "its server says that it destroys nothing".into(),
        }));
        add(self.tools.as_ref().map(|tools| tools.words(action)));
        add(self.include_context.map(|asks| match asks {
            true => "it asks for context of servers".into(),
            false => "it asks for no context of servers".into(),
        }));
        add(self.hours.map(|hours| format!("it is between {}", String::from(hours).replace('-', " and "))));
        words
    }
}
