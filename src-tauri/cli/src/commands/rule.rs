//! `samplegate rule …`

use samplegate_engine::{
    engine::Engine,
    wire::{self, RuleView},
};
use serde_json::{Value, json};

use super::server::gates;
use crate::{
    args::{Gates, Rule, RuleAction, RuleAdd},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Rule) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Rule::Add(add) => self::add(&engine, add),
        Rule::List(list) => self::list(&engine, list.json),
        Rule::Remove(id) => engine.remove_rule(&id.id).map(|()| Exit::Done).map_err(Failure::from),
    };
    engine.shutdown().await;
    done
}

fn add(engine: &Engine, add: RuleAdd) -> Result<Exit, Failure> {
    let id = engine.add_rule(rule(add, engine)?)?;
    output::line(&id)?;
    Ok(Exit::Done)
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.list_rules(), as_json, to_json, |rule| {
        vec![rule.id.clone(), output::inline(&rule.sentence)]
    })?;
    Ok(Exit::Done)
}

fn rule(add: RuleAdd, engine: &Engine) -> Result<RuleView, Failure> {
    if let Some(server) = &add.server
        && !engine.config().settings().servers.contains_key(server)
    {
        return Err(Failure::usage(format!("there is no server {server:?}")));
    }
    if add.action != RuleAction::Answer && add.text.is_some() {
        return Err(Failure::usage("--text goes with --action answer"));
    }
    if add.action == RuleAction::Answer && matches!(add.gate, Gates::Answer) {
        return Err(Failure::usage("a fixed answer is given at the request gate: leave --gate out, or say request"));
    }
    Ok(RuleView {
        id: String::new(),
        server: add.server,
        tool: add.tool,
        gate: gates(add.gate),
        action: match add.action {
            RuleAction::Allow => wire::RuleAction::Allow,
            RuleAction::Ask => wire::RuleAction::Ask,
            RuleAction::Deny => wire::RuleAction::Deny,
            RuleAction::Answer => wire::RuleAction::Answer(add.text.unwrap_or_default()),
        },
        sentence: String::new(),
    })
}

fn to_json(rule: &RuleView) -> Value {
    let (action, text) = match &rule.action {
        wire::RuleAction::Allow => ("allow", None),
        wire::RuleAction::Ask => ("ask", None),
        wire::RuleAction::Deny => ("deny", None),
        wire::RuleAction::Answer(text) => ("answer", Some(text)),
    };
    json!({
        "id": rule.id,
        "server": rule.server,
        "tool": rule.tool,
        "gate": rule.gate,
        "action": action,
        "text": text,
        "sentence": rule.sentence,
    })
}
