//! `samplegate host …`

mod connect;

use samplegate_core::limits::{LIMITS_OF_CALLS, Limit};
use samplegate_engine::{
    engine::{Engine, HostError},
    wire::{HostInput, HostMode, HostView, ToolCalls},
};
use serde_json::{Value, json};

use crate::{
    args::host::{self, Host, HostAdd, HostGiven, HostSet},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Host) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Host::Add(add) => self::add(&engine, add),
        Host::Set(set) => self::set(&engine, &set),
        Host::List(list) => self::list(&engine, list.json),
        Host::Connect(given) => connect::connect(&engine, &start.host_files()?, &given),
        Host::Disconnect(given) => connect::disconnect(&engine, &start.host_files()?, &given),
        Host::Known(list) => connect::known(&engine, &start.host_files()?, list.json),
        Host::Remove(name) => engine.remove_host(&name.name).map(|()| Exit::Done).map_err(Failure::from),
    };
    super::finish(&engine).await;
    done
}

fn add(engine: &Engine, add: HostAdd) -> Result<Exit, Failure> {
    let bare = HostInput {
        name: add.name,
        sampling: HostMode::Answer,
        elicitation: HostMode::Answer,
        tool_calls: ToolCalls::Off,
        review_results: false,
        limits: None,
    };
    let input = with(bare, &add.given)?;
    let added = engine.add_host(input.clone())?;
    note(&input);
    output::json(&json!({"name": added.name, "endpoint": added.endpoint, "token": added.token}))?;
    Ok(Exit::Done)
}

fn set(engine: &Engine, set: &HostSet) -> Result<Exit, Failure> {
    let found = engine.list_hosts().into_iter().find(|host| host.config.name == set.name);
    let found = found.ok_or_else(|| HostError::NotFound(set.name.clone()))?;
    let input = with(found.config, &set.given)?;
    engine.save_host(&input)?;
    note(&input);
    Ok(Exit::Done)
}

/// What was given over what is there.
fn with(input: HostInput, given: &HostGiven) -> Result<HostInput, Failure> {
    let mut limits = input.limits.unwrap_or_default();
    for limit in &given.limit {
        limits.read(limit).map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(HostInput {
        sampling: given.sampling.map_or(input.sampling, mode),
        elicitation: given.elicitation.map_or(input.elicitation, mode),
        tool_calls: given.tool_calls.map_or(input.tool_calls, |calls| match calls {
            host::ToolCalls::Off => ToolCalls::Off,
            host::ToolCalls::Ask => ToolCalls::Ask,
            host::ToolCalls::Rules => ToolCalls::Rules,
        }),
        review_results: given.review_results.unwrap_or(input.review_results),
        limits: Some(limits),
        ..input
    })
}

/// Says what of it does nothing yet.
fn note(input: &HostInput) {
    if input.tool_calls == ToolCalls::Off && (input.review_results || said(input).next().is_some()) {
        output::note("Its tool calls are not looked at (--tool-calls off), so results and limits do nothing yet.");
    }
}

/// The limits that are said.
fn said(input: &HostInput) -> impl Iterator<Item = (Limit, u64)> {
    let limits = input.limits.clone().unwrap_or_default();
    LIMITS_OF_CALLS.iter().filter_map(move |limit| Some((*limit, limits.for_all(*limit)?)))
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.list_hosts(), as_json, to_json, |host| {
        let config = &host.config;
        let results = if config.review_results { " and results" } else { "" };
        let limits: Vec<String> = said(config).map(|(limit, number)| format!("{limit}={number}")).collect();
        vec![
            config.name.clone(),
            format!("sampling: {}", mode_word(config.sampling)),
            format!("elicitation: {}", mode_word(config.elicitation)),
            format!("tool calls{results}: {}", calls_word(config.tool_calls)),
            if limits.is_empty() { "no limits".into() } else { limits.join(" ") },
            host.endpoint.clone(),
        ]
    })?;
    Ok(Exit::Done)
}

/// A host as scripts read it.
fn to_json(host: &HostView) -> Value {
    let config = &host.config;
    let limit =
        |limit: &Limit| (limit.as_str().to_owned(), json!(config.limits.as_ref().and_then(|all| all.for_all(*limit))));
    json!({
        "name": config.name,
        "endpoint": host.endpoint,
        "sampling": mode_word(config.sampling),
        "elicitation": mode_word(config.elicitation),
        "tool_calls": calls_word(config.tool_calls),
        "review_results": config.review_results,
        "limits": LIMITS_OF_CALLS.iter().map(limit).collect::<serde_json::Map<_, _>>(),
    })
}

fn mode(mode: host::HostMode) -> HostMode {
    match mode {
        host::HostMode::Answer => HostMode::Answer,
        host::HostMode::Gate => HostMode::Gate,
        host::HostMode::Pass => HostMode::Pass,
    }
}

fn mode_word(mode: HostMode) -> &'static str {
    match mode {
        HostMode::Answer => "answer",
        HostMode::Gate => "gate",
        HostMode::Pass => "pass",
    }
}

fn calls_word(calls: ToolCalls) -> &'static str {
    match calls {
        ToolCalls::Off => "off",
        ToolCalls::Ask => "ask",
        ToolCalls::Rules => "rules",
    }
}
