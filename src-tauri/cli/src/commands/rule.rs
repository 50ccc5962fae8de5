//! `samplegate rule …`

use samplegate_core::{
    audit::UnknownName,
    policy::{self, Action, FindingsAre, Hours, Pattern, ToolsAre},
    settings::{self, InvalidSetting},
};
use samplegate_engine::engine::Engine;
use serde_json::{Value, json};

use crate::{
    args::{Gates, Rule, RuleAction, RuleAdd},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Rule) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Rule::Add(add) => self::add(&engine, *add),
        Rule::List(list) => self::list(&engine, list.json),
        Rule::Remove(id) => engine.remove_rule(&id.id).map(|()| Exit::Done).map_err(Failure::from),
    };
    super::finish(&engine).await;
    done
}

fn add(engine: &Engine, add: RuleAdd) -> Result<Exit, Failure> {
    let id = engine.make_rule(rule(add, engine)?)?;
    output::line(&id)?;
    Ok(Exit::Done)
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.config().settings().rules, as_json, to_json, |rule| {
        vec![rule.id.clone(), output::inline(&rule.sentence())]
    })?;
    Ok(Exit::Done)
}

fn rule(add: RuleAdd, engine: &Engine) -> Result<policy::Rule, Failure> {
    let settings = engine.config().settings();
    if let Some(server) = add.server.as_ref().filter(|server| !settings.servers.contains_key(*server)) {
        return Err(Failure::usage(format!("there is no server {server:?}")));
    }
    if let Some(model) = add.model.as_ref().filter(|model| !settings.models.contains_key(*model)) {
        return Err(Failure::usage(format!("there is no model {model:?}")));
    }
    let action = match add.action {
        RuleAction::Allow => Action::Allow,
        RuleAction::Ask => Action::Ask,
        RuleAction::Deny => Action::Deny,
        RuleAction::Answer => Action::Answer,
    };
    let wrong = |error: InvalidSetting| Failure::usage(error.to_string());
    let pattern = |text: Option<String>| text.map(|text| Pattern::from_argument(&text)).transpose().map_err(wrong);
    let arguments = add.argument.iter().map(|argument| {
        let (name, text) = argument
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("{argument:?} is not of the form NAME=PATTERN")))?;
        Ok((name.to_owned(), Pattern::from_argument(text).map_err(wrong)?))
    });
    let rule = policy::Rule {
        text: add.text,
        gate: match add.gate {
            Gates::Both => settings::Gates::Both,
            Gates::Request => settings::Gates::Request,
            Gates::Answer => settings::Gates::Answer,
        },
        server: add.server,
        tool: add.tool,
        arguments: arguments.collect::<Result<_, Failure>>()?,
        kind: add
            .kind
            .map(|kind| kind.parse())
            .transpose()
            .map_err(|error: UnknownName| Failure::usage(error.to_string()))?,
        host: add.host,
        prompt: pattern(add.prompt)?,
        system_prompt: pattern(add.system_prompt)?,
        answer: pattern(add.answer)?,
        max_bytes: add.max_bytes,
        over_bytes: add.over_bytes,
        max_tokens: add.max_tokens,
        over_tokens: add.over_tokens,
        model: add.model,
        findings: add.findings.map(|text| FindingsAre::from_argument(&text)).transpose().map_err(wrong)?,
        tools: add.tools.map(|text| ToolsAre::from_argument(&text)),
        include_context: add.include_context,
        hours: add.hours.map(Hours::try_from).transpose().map_err(wrong)?,
        expires: add
            .expires
            .map(|time| time.parse().map_err(|error| Failure::usage(format!("--expires {time:?}: {error}"))))
            .transpose()?,
        uses: add.uses,
        note: add.note,
        ..policy::Rule::new("", action)
    };
    rule.check().map_err(|error| Failure::usage(error.to_string().replace("rules, \"\": ", "")))?;
    Ok(rule)
}

/// A rule as scripts read it: as it stands in the file, and in a sentence.
fn to_json(rule: &policy::Rule) -> Value {
    let mut object = json!({"server": null, "tool": null, "text": null});
    if let (Value::Object(all), Ok(Value::Object(said))) = (&mut object, serde_json::to_value(rule)) {
        all.extend(said);
    }
    object["sentence"] = json!(rule.sentence());
    object
}
