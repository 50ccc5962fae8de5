//! Forms to rules and back, and what is shown of rules that were tried.

use std::collections::BTreeMap;

use samplegate_core::{
    audit::{Kind, format_time},
    inspect::FindingKind,
    policy::{self, Action, FindingsAre, Hours, Pattern, Presence, ToolsAre},
    settings::InvalidSetting,
};

use super::{
    ArgumentIs, DryRunRow, DryRunView, PatternForm, PatternInput, ProposalView, RuleAction, RuleInput, RuleProblem,
    ToolsInput,
};
use crate::{
    engine::{gates, gates_view},
    pipeline::{Dry, Missed, Proposed},
    wire::Verdict,
};

fn pattern(input: PatternInput) -> Result<Pattern, InvalidSetting> {
    let text = input.text;
    match input.form {
        PatternForm::Exact => Ok(Pattern::exact(text)),
        PatternForm::Glob => Pattern::glob(text),
        PatternForm::Regex => Pattern::regex(text),
        PatternForm::Template => Pattern::template(text),
        PatternForm::Sha256 => Pattern::from_argument(&format!("sha256:{}", text.trim())),
    }
}

fn pattern_input(pattern: &Pattern) -> PatternInput {
    let (form, text) = pattern.parts();
    let form = match form {
        "glob" => PatternForm::Glob,
        "regex" => PatternForm::Regex,
        "template" => PatternForm::Template,
        "sha256" => PatternForm::Sha256,
        _ => PatternForm::Exact,
    };
    PatternInput { form, text: text.to_owned() }
}

/// Collects what is wrong, so that a form can show all of it at once.
struct Reader(Vec<RuleProblem>);

impl Reader {
    fn take<T>(&mut self, field: &str, read: Result<T, impl ToString>) -> Option<T> {
        read.map_err(|error| self.0.push(RuleProblem { field: field.to_owned(), message: error.to_string() })).ok()
    }

    fn pattern(&mut self, field: &str, input: Option<PatternInput>) -> Option<Pattern> {
        self.take(field, pattern(input?))
    }
}

impl RuleInput {
    /// Reads it as a rule.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(self) -> Result<policy::Rule, Vec<RuleProblem>> {
        let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut reader = Reader(Vec::new());
        let mut arguments = BTreeMap::new();
        for argument in self.arguments {
            let field = format!("arguments.{}", argument.name);
            if argument.name.is_empty() {
                reader.take::<()>(&field, Err("an argument has a name"));
            } else if let Some(pattern) = reader.pattern(&field, Some(argument.is))
                && arguments.insert(argument.name, pattern).is_some()
            {
                reader.take::<()>(&field, Err("this argument is named twice"));
            }
        }
        let (action, text) = match self.action {
            RuleAction::Allow => (Action::Allow, None),
            RuleAction::Ask => (Action::Ask, None),
            RuleAction::Deny => (Action::Deny, None),
            RuleAction::Answer(text) => (Action::Answer, Some(text)),
        };
        let rule = policy::Rule {
            disabled: self.disabled,
            text,
            gate: gates(self.gate),
            server: self.server.filter(|server| !server.is_empty()),
            tool: self.tool.filter(|tool| !tool.is_empty()),
            arguments,
            kind: given(self.kind).and_then(|kind| reader.take("kind", kind.parse::<Kind>())),
            host: given(self.host),
            prompt: reader.pattern("prompt", self.prompt),
            system_prompt: reader.pattern("systemPrompt", self.system_prompt),
            answer: reader.pattern("answer", self.answer),
            max_bytes: self.max_bytes.map(|bytes| bytes as usize),
            over_bytes: self.over_bytes.map(|bytes| bytes as usize),
            max_tokens: self.max_tokens,
            over_tokens: self.over_tokens,
            model: given(self.model),
            findings: given(self.findings)
                .and_then(|text| reader.take("findings", FindingsAre::from_argument(&text.replace(' ', "")))),
            risk: self.risk.map(Into::into),
            read_only: self.read_only,
            destructive: self.destructive,
            tools: self.tools.and_then(|tools| reader.take("tools", tools.read())),
            include_context: self.include_context,
            hours: given(self.hours).and_then(|text| reader.take("hours", Hours::try_from(text))),
            expires: given(self.expires).and_then(|text| {
                reader.take("expires", text.parse().map_err(|_| "a time is like 2026-12-31T18:00:00Z"))
            }),
            uses: self.uses.map(u64::from),
            note: given(self.note),
            ..policy::Rule::new(self.id, action)
        };
        if let Some((field, why)) = rule.problem() {
            reader.take::<()>(&in_form(field), Err(why));
        }
        if reader.0.is_empty() { Ok(rule) } else { Err(reader.0) }
    }
}

/// A field of a rule, as the file names it, as the form names it: `system_prompt` is `systemPrompt`.
fn in_form(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(usize::from(!word.is_empty()));
        name + &initial.to_ascii_uppercase() + rest
    })
}

impl ToolsInput {
    fn read(self) -> Result<ToolsAre, &'static str> {
        match self {
            Self::None => Ok(ToolsAre::Word(Presence::None)),
            Self::Any => Ok(ToolsAre::Word(Presence::Any)),
            Self::Names(names) if names.is_empty() => Err("name at least one tool"),
            Self::Names(names) => Ok(ToolsAre::Names(names)),
        }
    }
}

impl From<&policy::Rule> for RuleInput {
    fn from(rule: &policy::Rule) -> Self {
        let bytes = |bytes: Option<usize>| bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        Self {
            id: rule.id.clone(),
            action: match rule.action {
                Action::Allow => RuleAction::Allow,
                Action::Ask => RuleAction::Ask,
                Action::Deny => RuleAction::Deny,
                Action::Answer => RuleAction::Answer(rule.text.clone().unwrap_or_default()),
            },
            disabled: rule.disabled,
            gate: gates_view(rule.gate),
            server: rule.server.clone(),
            tool: rule.tool.clone(),
            arguments: rule
                .arguments
                .iter()
                .map(|(name, is)| ArgumentIs { name: name.clone(), is: pattern_input(is) })
                .collect(),
            kind: rule.kind.map(|kind| kind.as_str().to_owned()),
            host: rule.host.clone(),
            prompt: rule.prompt.as_ref().map(pattern_input),
            system_prompt: rule.system_prompt.as_ref().map(pattern_input),
            answer: rule.answer.as_ref().map(pattern_input),
            max_bytes: bytes(rule.max_bytes),
            over_bytes: bytes(rule.over_bytes),
            max_tokens: rule.max_tokens,
            over_tokens: rule.over_tokens,
            model: rule.model.clone(),
            findings: rule.findings.as_ref().map(|findings| match findings {
                FindingsAre::Word(Presence::None) => "none".to_owned(),
                FindingsAre::Word(Presence::Any) => "any".to_owned(),
                FindingsAre::AtLeast(severity) => severity.as_str().to_owned(),
                FindingsAre::Kinds(kinds) => {
                    kinds.iter().map(|kind: &FindingKind| kind.as_str()).collect::<Vec<_>>().join(",")
                }
            }),
            risk: rule.risk.map(Into::into),
            read_only: rule.read_only,
            destructive: rule.destructive,
            tools: rule.tools.as_ref().map(|tools| match tools {
                ToolsAre::Word(Presence::None) => ToolsInput::None,
                ToolsAre::Word(Presence::Any) => ToolsInput::Any,
                ToolsAre::Names(names) => ToolsInput::Names(names.clone()),
            }),
            include_context: rule.include_context,
            hours: rule.hours.map(String::from),
            expires: rule.expires.map(format_time),
            uses: rule.uses.map(|uses| u32::try_from(uses).unwrap_or(u32::MAX)),
            note: rule.note.clone(),
        }
    }
}

impl From<policy::Verdict> for Verdict {
    fn from(verdict: policy::Verdict) -> Self {
        match verdict {
            policy::Verdict::Allow => Self::Allow,
            policy::Verdict::Ask => Self::Ask,
            policy::Verdict::Deny => Self::Deny,
        }
    }
}

impl From<Dry> for DryRunView {
    fn from(dry: Dry) -> Self {
        let sentence = dry.sentence();
        let rows = dry.rows.into_iter().map(|row| {
            let (alone, together, why) = match row.said {
                Ok(said) => (said.alone.map(Verdict::from), Some(said.together.into()), said.reason),
                Err(Missed::Pruned) => (None, None, "Its content is no longer kept.".into()),
                Err(Missed::Refused) => (None, None, "It was refused before any rule was asked.".into()),
            };
            let question = row.question;
            DryRunRow {
                id: question.id.to_string(),
                at: format_time(question.at),
                kind: question.kind.as_str().into(),
                host: question.host,
                server: question.server,
                tool: question.tool,
                first_line: question.first_line.unwrap_or_default(),
                outcome: question.outcome.as_str().into(),
                decided_by: question.decided_by.map(|by| by.as_str().into()),
                reviewer: question.reviewer,
                alone,
                together,
                why,
            }
        });
        Self { rows: rows.collect(), sentence }
    }
}

impl From<Proposed> for ProposalView {
    fn from(proposed: Proposed) -> Self {
        Self {
            rule: RuleInput::from(&proposed.rule),
            why: proposed.why,
            alike: u32::try_from(proposed.alike).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule with every condition.
    fn every() -> policy::Rule {
        let file = r#"
            id = "r-1"
            action = "deny"
            disabled = true
            gate = "answer"
            server = "s"
            tool = "t"
            arguments = { path = { glob = "/tmp/*" }, mode = "read" }
            kind = "sampling"
            host = "h"
            prompt = { template = "Summarise {name:word 1..20}" }
            system_prompt = { regex = "a+" }
            answer = { sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
            max_bytes = 10
            over_bytes = 1
            max_tokens = 10
            over_tokens = 1
            model = "m"
            findings = ["bidi", "tag"]
            risk = "medium"
            tools = ["none", "a,b"]
            include_context = false
            hours = "08:00-18:00"
            expires = "2030-01-01T00:00:00Z"
            note = "n"
        "#;
        toml_edit::de::from_str(file).expect("valid")
    }

    #[test]
    fn a_form_gives_back_the_rule_it_was_filled_from() {
        let rule = every();
        assert_eq!(RuleInput::from(&rule).read(), Ok(rule));
        let answer = policy::Rule { text: Some("yes".into()), uses: Some(3), ..policy::Rule::new("x", Action::Answer) };
        assert_eq!(RuleInput::from(&answer).read(), Ok(answer));
        let call = policy::Rule {
            kind: Some(Kind::ToolCall),
            read_only: Some(true),
            destructive: Some(false),
            ..policy::Rule::new("y", Action::Allow)
        };
        assert_eq!(RuleInput::from(&call).read(), Ok(call.clone()));
        // What a tool call does not have is named as the form names it.
        let never = policy::Rule { system_prompt: Some(Pattern::exact("x")), ..call };
        assert_eq!(RuleInput::from(&never).read().expect_err("wrong")[0].field, "systemPrompt");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let broken = |form, text: &str| Some(PatternInput { form, text: text.into() });
        let input = RuleInput {
            arguments: vec![ArgumentIs { name: "q".into(), is: broken(PatternForm::Regex, "(").expect("some") }],
            prompt: broken(PatternForm::Template, "{"),
            system_prompt: broken(PatternForm::Sha256, "12"),
            findings: Some("nonsense".into()),
            tools: Some(ToolsInput::Names(Vec::new())),
            hours: Some("noon".into()),
            expires: Some("tomorrow".into()),
            kind: Some("wish".into()),
            uses: Some(0),
            ..RuleInput::from(&policy::Rule::new("", Action::Allow))
        };
        let problems = input.read().expect_err("wrong");
        let mut fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["arguments.q", "expires", "findings", "hours", "kind", "prompt", "systemPrompt", "tools", "uses"]
        );
    }
}
