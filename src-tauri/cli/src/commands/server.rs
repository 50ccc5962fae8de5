//! `samplegate server …`

use samplegate_engine::{
    engine::Engine,
    wire::{self, NamedValue, SamplingMode, SamplingTools, ServerInput, TransportInput},
};
use serde_json::{Value, json};

use super::secrets_from_stdin;
use crate::{
    args::{Gates, Sampling, Server, ServerAdd, ServerGiven, ServerSet},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Server) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Server::Add(add) => self::add(&engine, add).await,
        Server::Set(set) => self::set(&engine, set).await,
        Server::List(list) => {
            let servers: Vec<ServerInput> = engine.list_servers().into_iter().map(|server| server.config).collect();
            output::listing(&servers, list.json, to_json, row);
            Ok(Exit::Done)
        }
        Server::Show(show) => find(&engine, &show.name).map(|server| {
            if show.json {
                output::json(&to_json(&server));
            } else {
                print(&server);
            }
            Exit::Done
        }),
        Server::Test(name) => match find(&engine, &name.name) {
            Ok(server) => Ok(test(&engine, &server).await),
            Err(failure) => Err(failure),
        },
        Server::Remove(name) => engine.remove_server(&name.name).await.map(|()| Exit::Done).map_err(Failure::from),
    };
    engine.shutdown().await;
    done
}

async fn add(engine: &Engine, add: ServerAdd) -> Result<Exit, Failure> {
    let server = ServerInput {
        name: add.name,
        transport: transport(&add.given, add.command)?
            .ok_or_else(|| Failure::usage("say how it is reached: --url URL, or a command after --"))?,
        enabled: true,
        sampling: SamplingMode::Off,
        gates: wire::Gates::Both,
        sampling_tools: SamplingTools::None,
    };
    let server = with_settings(server, &add.given);
    let (tried, name) = (server.clone(), server.name.clone());
    engine.save_server(None, server).await?;
    // It is saved either way: a server that is down now may be up later.
    if test(engine, &tried).await != Exit::Done {
        output::note(&format!("{name} is saved; try again with `samplegate server test {name}`"));
    }
    if matches!(tried.sampling, SamplingMode::Off) {
        output::note(&format!("{name} may not sample; allow it with `samplegate server set {name} --sampling ask`"));
    }
    Ok(Exit::Done)
}

async fn set(engine: &Engine, set: ServerSet) -> Result<Exit, Failure> {
    let mut server = find(engine, &set.name)?;
    if let Some(new) = transport(&set.given, set.command)? {
        server.transport = new;
    } else {
        let (env, headers) = named_values(&set.given)?;
        match &mut server.transport {
            TransportInput::Stdio { env: values, .. } if headers.is_empty() => merge(values, env),
            TransportInput::Http { headers: values, .. } if env.is_empty() => merge(values, headers),
            TransportInput::Demo if env.is_empty() && headers.is_empty() => {}
            TransportInput::Stdio { .. } | TransportInput::Http { .. } | TransportInput::Demo => {
                return Err(Failure::usage("--env is for commands, --header for URLs"));
            }
        }
    }
    server.enabled = set.enabled.unwrap_or(server.enabled);
    let server = with_settings(server, &set.given);
    engine.save_server(Some(&set.name), server).await?;
    Ok(Exit::Done)
}

fn merge(values: &mut Vec<NamedValue>, new: Vec<NamedValue>) {
    values.retain(|value| new.iter().all(|new| new.name != value.name));
    values.extend(new);
}

async fn test(engine: &Engine, server: &ServerInput) -> Exit {
    let report = engine.test_server(server).await;
    if report.ok {
        output::note(&format!("{}: {}", server.name, output::visible(&report.message)));
        Exit::Done
    } else {
        output::error(&format!("{}: {}", server.name, output::visible(&report.message)));
        Exit::Server
    }
}

fn find(engine: &Engine, name: &str) -> Result<ServerInput, Failure> {
    let found = engine.list_servers().into_iter().find(|server| server.config.name == name);
    found.map(|server| server.config).ok_or_else(|| Failure::usage(format!("there is no server {name:?}")))
}

fn transport(given: &ServerGiven, command: Vec<String>) -> Result<Option<TransportInput>, Failure> {
    let mut words = command.into_iter();
    Ok(match (&given.url, words.next()) {
        (Some(_), Some(_)) => return Err(Failure::usage("a server has a URL or a command, not both")),
        (None, None) => None,
        (Some(url), None) => {
            let (env, headers) = named_values(given)?;
            if !env.is_empty() {
                return Err(Failure::usage("--env is for commands, --header for URLs"));
            }
            Some(TransportInput::Http { url: url.clone(), headers })
        }
        (None, Some(command)) => {
            let (env, headers) = named_values(given)?;
            if !headers.is_empty() {
                return Err(Failure::usage("--env is for commands, --header for URLs"));
            }
            Some(TransportInput::Stdio { command, args: words.collect(), cwd: None, env })
        }
    })
}

fn named_values(given: &ServerGiven) -> Result<(Vec<NamedValue>, Vec<NamedValue>), Failure> {
    let mut secrets = secrets_from_stdin(given.header_stdin.len() + given.env_stdin.len())?.into_iter();
    let plain = |texts: &[String]| {
        texts
            .iter()
            .map(|text| match text.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    Ok(NamedValue { name: name.into(), value: Some(value.into()), secret: false })
                }
                _ => Err(Failure::usage(format!("{text:?} is not of the form K=V"))),
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let mut secret = |names: &[String]| {
        let values = names.iter().zip(secrets.by_ref());
        values
            .map(|(name, value)| NamedValue { name: name.clone(), value: Some(value), secret: true })
            .collect::<Vec<_>>()
    };
    let mut headers = plain(&given.header)?;
    headers.extend(secret(&given.header_stdin));
    let mut env = plain(&given.env)?;
    env.extend(secret(&given.env_stdin));
    Ok((env, headers))
}

fn with_settings(mut server: ServerInput, given: &ServerGiven) -> ServerInput {
    if let Some(sampling) = given.sampling {
        server.sampling = match sampling {
            Sampling::Off => SamplingMode::Off,
            Sampling::Ask => SamplingMode::Ask,
            Sampling::Rules => SamplingMode::Rules,
        };
    }
    if let Some(gates) = given.gates {
        server.gates = self::gates(gates);
    }
    if let Some(tools) = &given.sampling_tools {
        server.sampling_tools = match samplegate_core::settings::SamplingTools::from_list(tools) {
            samplegate_core::settings::SamplingTools::None => SamplingTools::None,
            samplegate_core::settings::SamplingTools::All => SamplingTools::All,
            samplegate_core::settings::SamplingTools::Only(names) => SamplingTools::Only(names),
        };
    }
    server
}

pub(super) fn gates(gates: Gates) -> wire::Gates {
    match gates {
        Gates::Both => wire::Gates::Both,
        Gates::Request => wire::Gates::Request,
        Gates::Answer => wire::Gates::Answer,
    }
}

/// A server as scripts read it; secrets are null.
fn to_json(server: &ServerInput) -> Value {
    let values = |values: &[NamedValue]| {
        let values =
            values.iter().map(|value| (value.name.clone(), value.value.clone().map_or(Value::Null, Value::String)));
        Value::Object(values.collect())
    };
    let mut object = json!({
        "name": server.name,
        "enabled": server.enabled,
        "sampling": server.sampling,
        "gates": server.gates,
        "sampling_tools": match &server.sampling_tools {
            SamplingTools::None => json!("none"),
            SamplingTools::All => json!("all"),
            SamplingTools::Only(names) => json!(names),
        },
    });
    match &server.transport {
        TransportInput::Stdio { command, args, cwd, env } => {
            object["transport"] = json!("stdio");
            object["command"] = json!(command);
            object["args"] = json!(args);
            object["cwd"] = json!(cwd);
            object["env"] = values(env);
        }
        TransportInput::Http { url, headers } => {
            object["transport"] = json!("http");
            object["url"] = json!(url);
            object["headers"] = values(headers);
        }
        TransportInput::Demo => object["transport"] = json!("demo"),
    }
    object
}

fn reached(server: &ServerInput) -> String {
    match &server.transport {
        TransportInput::Stdio { command, args, .. } => {
            shell_words::join(std::iter::once(command.as_str()).chain(args.iter().map(String::as_str)))
        }
        TransportInput::Http { url, .. } => url.clone(),
        TransportInput::Demo => "the built-in demo server".into(),
    }
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}

fn row(server: &ServerInput) -> Vec<String> {
    let state = if server.enabled { "on" } else { "off" };
    vec![
        server.name.clone(),
        state.into(),
        format!("sampling {}", word(&server.sampling)),
        output::visible(&reached(server)),
    ]
}

fn print(server: &ServerInput) {
    let mut rows = vec![
        vec!["name".to_owned(), server.name.clone()],
        vec!["reached".into(), output::visible(&reached(server))],
        vec!["enabled".into(), server.enabled.to_string()],
        vec!["sampling".into(), word(&server.sampling)],
        vec!["gates".into(), word(&server.gates)],
        vec![
            "sampling tools".into(),
            match &server.sampling_tools {
                SamplingTools::None => "none".into(),
                SamplingTools::All => "all".into(),
                SamplingTools::Only(names) => names.join(","),
            },
        ],
    ];
    let (what, values) = match &server.transport {
        TransportInput::Stdio { env, .. } => ("env", env.as_slice()),
        TransportInput::Http { headers, .. } => ("header", headers.as_slice()),
        TransportInput::Demo => ("", [].as_slice()),
    };
    for value in values {
        let shown = value.value.as_deref().unwrap_or("(in the keychain)");
        rows.push(vec![what.into(), format!("{}={shown}", value.name)]);
    }
    output::table(&rows);
}
