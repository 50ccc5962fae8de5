//! `samplegate host …`

mod connect;

use samplegate_engine::{
    engine::Engine,
    wire::{HostInput, HostMode, HostView, ToolCalls},
};
use serde_json::{Value, json};

use crate::{
    args::host::{self, Host, HostAdd},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Host) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Host::Add(add) => self::add(&engine, add),
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
    let input = HostInput {
        name: add.name,
        sampling: mode(add.sampling),
        elicitation: mode(add.elicitation),
        tool_calls: match add.tool_calls {
            host::ToolCalls::Off => ToolCalls::Off,
            host::ToolCalls::Ask => ToolCalls::Ask,
            host::ToolCalls::Rules => ToolCalls::Rules,
        },
    };
    let waits = [input.sampling, input.elicitation].into_iter().any(|mode| mode != HostMode::Answer);
    let added = engine.add_host(input)?;
    if waits {
        output::note("gate and pass are kept, but not there yet: for now everything is answered here.");
    }
    output::json(&json!({"name": added.name, "endpoint": added.endpoint, "token": added.token}))?;
    Ok(Exit::Done)
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.list_hosts(), as_json, to_json, |host| {
        let HostInput { name, sampling, elicitation, tool_calls } = &host.config;
        vec![
            name.clone(),
            format!("sampling: {}", mode_word(*sampling)),
            format!("elicitation: {}", mode_word(*elicitation)),
            format!("tool calls: {}", calls_word(*tool_calls)),
            host.endpoint.clone(),
        ]
    })?;
    Ok(Exit::Done)
}

/// A host as scripts read it.
fn to_json(host: &HostView) -> Value {
    let HostInput { name, sampling, elicitation, tool_calls } = &host.config;
    json!({
        "name": name,
        "endpoint": host.endpoint,
        "sampling": mode_word(*sampling),
        "elicitation": mode_word(*elicitation),
        "tool_calls": calls_word(*tool_calls),
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
