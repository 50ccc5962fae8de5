//! `samplegate server …`

mod approve;
mod import;
mod login;
mod roots;

use samplegate_core::limits::Limit;
use samplegate_engine::{
    engine::{Engine, ServerError},
    wire::{self, NamedValue, OauthClientInput, SamplingMode, SamplingTools, ServerInput, ServerView, TransportInput},
};
use serde_json::{Value, json};

use super::{confine, record, stdin};
use crate::{
    args::{Elicitation, Gates, Sampling, Server, ServerAdd, ServerGiven, ServerSet},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Server) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Server::Add(add) => self::add(&engine, *add).await,
        Server::Set(set) => self::set(&engine, *set).await,
        Server::List(list) => self::list(&engine, list.json),
        Server::Show(show) => self::show(&engine, &show.name, show.json),
        Server::Record(named) => record::print(&engine, &named).await,
        Server::Test(name) => self::test(&engine, &name.name).await,
        Server::Login(name) => login::login(&engine, &name.name).await,
        Server::Logout(name) => login::logout(&engine, &name.name).await,
        Server::Approve(approve) => approve::run(&engine, approve).await,
        Server::Import(import) => self::import::run(&engine, &start.host_files()?, import).await,
        Server::Remove(name) => engine.remove_server(&name.name).await.map(|()| Exit::Done).map_err(Failure::from),
    };
    super::finish(&engine).await;
    done
}

async fn add(engine: &Engine, add: ServerAdd) -> Result<Exit, Failure> {
    let server = ServerInput {
        name: add.name,
        transport: transport(None, &add.given, add.command)?,
        enabled: true,
        sampling: SamplingMode::Off,
        gates: wire::Gates::Both,
        sampling_tools: SamplingTools::None,
        elicitation: None,
        roots: None,
        limits: None,
        confinement: None,
        oauth: None,
    };
    let server = with_settings(server, &add.given)?;
    let (mut tried, name) = (server.clone(), server.name.clone());
    engine.save_server(None, server).await?;
    if super::is_waiting(engine) {
        record::note_unsaved(&add.given.approved);
        return Ok(Exit::Done);
    }
    record::save(engine, &name, &add.given.approved).await?;
    // As it was saved, with what was proposed.
    tried.confinement = find(engine, &name)?.confinement;
    let report = engine.test_server(&tried).await;
    output::note(&format!("{name}: {}", output::visible(&report.message)));
    if !report.ok {
        // It is saved all the same: a server that is down now may be up later.
        output::note(&format!("{name} is saved; try it again with `samplegate server test {name}`."));
    }
    approve::tell_findings(engine, &name);
    note_confinement(engine, &tried, add.given.confine.is_some()).await;
    if tried.sampling == SamplingMode::Off {
        output::note(&format!("{name} may not sample; allow it with `samplegate server set {name} --sampling ask`."));
    }
    Ok(Exit::Done)
}

async fn set(engine: &Engine, set: ServerSet) -> Result<Exit, Failure> {
    let mut server = find(engine, &set.name)?;
    server.transport = transport(Some(server.transport), &set.given, set.command)?;
    server.enabled = set.enabled.unwrap_or(server.enabled);
    let was = server.confinement.as_ref().is_some_and(|confinement| confinement.enabled);
    engine.save_server(Some(&set.name), with_settings(server, &set.given)?).await?;
    if super::is_waiting(engine) {
        record::note_unsaved(&set.given.approved);
        return Ok(Exit::Done);
    }
    if !set.given.env_stdin.is_empty() || !set.given.header_stdin.is_empty() {
        // The settings are what they were, so nobody else can notice.
        output::note(&format!(
            "Where {} runs already, in the app or in `samplegate serve`, it has the old value until it is started again.",
            set.name
        ));
    }
    record::save(engine, &set.name, &set.given.approved).await?;
    let saved = find(engine, &set.name)?;
    let is = saved.confinement.as_ref().is_some_and(|confinement| confinement.enabled);
    if is != was || saved.sampling != SamplingMode::Off && !is {
        note_confinement(engine, &saved, set.given.confine.is_some()).await;
    }
    Ok(Exit::Done)
}

/// Says whether a program is confined, where the person did not just say so, and what that means.
async fn note_confinement(engine: &Engine, server: &ServerInput, said: bool) {
    let name = &server.name;
    match confine::word(server) {
        "confined" if !said => output::note(&format!(
            "{name} is confined: it reads the system but not Samplegate, the session and the keychain, and writes only to \
             its own caches. Give it a folder with `samplegate server set {name} --folder PATH:rw`, or opt out with \
             `--confine off`."
        )),
        "not confined" if server.sampling != SamplingMode::Off && server.transport != TransportInput::Demo => {
            let report = engine.probe_confinement().await;
            let how = if report.ok {
                format!("confine it with `samplegate server set {name} --confine on`")
            } else {
                report.message
            };
            output::note(&format!(
                "{name} is not confined, so it can reach everything you can: {}.",
                output::visible(&how)
            ));
        }
        _ => {}
    }
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.list_servers(), as_json, to_json, row)?;
    Ok(Exit::Done)
}

fn show(engine: &Engine, name: &str, as_json: bool) -> Result<Exit, Failure> {
    let server = view(engine, name)?;
    let pin = engine.pin_view(name);
    if as_json {
        let mut object = to_json(&server);
        object["pin"] = pin.as_ref().map_or(Value::Null, approve::to_json);
        output::json(&object)?;
    } else {
        let rows =
            rows(&server.config).into_iter().chain(login::rows(&server)).chain(approve::rows(&server, pin.as_ref()));
        output::table(&rows.collect::<Vec<_>>())?;
    }
    Ok(Exit::Done)
}

async fn test(engine: &Engine, name: &str) -> Result<Exit, Failure> {
    let report = engine.test_server(&find(engine, name)?).await;
    if report.ok {
        output::line(&output::visible(&report.message))?;
        Ok(Exit::Done)
    } else {
        Err(Failure::new(Exit::Server, report.message))
    }
}

fn view(engine: &Engine, name: &str) -> Result<ServerView, Failure> {
    let found = engine.list_servers().into_iter().find(|server| server.config.name == name);
    found.ok_or_else(|| ServerError::NotFound(name.into()).into())
}

fn find(engine: &Engine, name: &str) -> Result<ServerInput, Failure> {
    view(engine, name).map(|server| server.config)
}

/// How a server is reached: as it was, with what was given in place of it.
fn transport(
    old: Option<TransportInput>,
    given: &ServerGiven,
    command: Vec<String>,
) -> Result<TransportInput, Failure> {
    let mut words = command.into_iter();
    let mut transport = match (given.url.clone(), words.next(), old) {
        (Some(url), _, Some(TransportInput::Http { headers, .. })) => TransportInput::Http { url, headers },
        (Some(url), _, _) => TransportInput::Http { url, headers: Vec::new() },
        (None, Some(command), Some(TransportInput::Stdio { cwd, env, .. })) => {
            TransportInput::Stdio { command, args: words.collect(), cwd, env }
        }
        (None, Some(command), _) => {
            TransportInput::Stdio { command, args: words.collect(), cwd: None, env: Vec::new() }
        }
        (None, None, Some(old)) => old,
        (None, None, None) => {
            return Err(Failure::usage("say how it is reached: --url URL, or a command after --"));
        }
    };
    let gives_env = !given.env.is_empty() || !given.env_stdin.is_empty();
    let gives_headers = !given.header.is_empty() || !given.header_stdin.is_empty();
    match &mut transport {
        TransportInput::Stdio { env, .. } if !gives_headers => {
            merge(env, values(&given.env, &given.env_stdin)?, |one, other| one == other);
        }
        TransportInput::Http { headers, .. } if !gives_env => {
            merge(headers, values(&given.header, &given.header_stdin)?, str::eq_ignore_ascii_case);
        }
        TransportInput::Demo if !gives_env && !gives_headers => {}
        TransportInput::Stdio { .. } | TransportInput::Http { .. } | TransportInput::Demo => {
            return Err(Failure::usage("variables are for commands, headers for URLs"));
        }
    }
    Ok(transport)
}

fn merge(values: &mut Vec<NamedValue>, new: Vec<NamedValue>, same: impl Fn(&str, &str) -> bool) {
    values.retain(|value| new.iter().all(|new| !same(&new.name, &value.name)));
    values.extend(new);
}

/// Values given as `K=V`, and those whose names are given and that come from stdin.
fn values(plain: &[String], from_stdin: &[String]) -> Result<Vec<NamedValue>, Failure> {
    let mut values = Vec::new();
    for text in plain {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::usage(format!("{text:?} is not of the form K=V")))?;
        values.push(NamedValue { name: name.into(), value: Some(value.into()), secret: false });
    }
    let secrets = stdin::secrets(from_stdin)?;
    values.extend(from_stdin.iter().zip(secrets).map(|(name, value)| NamedValue {
        name: name.clone(),
        value: Some(value),
        secret: true,
    }));
    Ok(values)
}

fn with_settings(mut server: ServerInput, given: &ServerGiven) -> Result<ServerInput, Failure> {
    server.confinement = confine::given(&server, given)?;
    server.roots = roots::given(&server, given);
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
    if let Some(id) = &given.oauth_client_id {
        if !matches!(server.transport, TransportInput::Http { .. }) {
            return Err(Failure::usage("--oauth-client-id is for a server with a --url"));
        }
        let secret = match given.oauth_client_secret_stdin {
            true => Some(stdin::secrets(&["client secret".to_owned()])?.remove(0)),
            false => None,
        };
        let client_id = Some(id.clone()).filter(|id| !id.is_empty());
        server.oauth = Some(OauthClientInput { client_id, has_secret: secret.is_some(), secret });
    }
    if let Some(elicitation) = given.elicitation {
        server.elicitation = Some(elicitation == Elicitation::Ask);
    }
    for limit in &given.limit {
        let limits = server.limits.get_or_insert_default();
        limits.read(limit).map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(server)
}

pub(super) fn gates(gates: Gates) -> wire::Gates {
    match gates {
        Gates::Both => wire::Gates::Both,
        Gates::Request => wire::Gates::Request,
        Gates::Answer => wire::Gates::Answer,
    }
}

/// A server as scripts read it; secrets are null.
fn to_json(view: &ServerView) -> Value {
    let server = &view.config;
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
        "elicitation": if server.elicitation == Some(false) { "off" } else { "ask" },
        "confinement": confine::to_json(server),
        "roots": server.roots,
        "limits": limits(server).map(|(limit, value)| (limit.as_str().to_owned(), number(limit, value))).collect::<serde_json::Map<_, _>>(),
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
            object["oauth_client_id"] = json!(server.oauth.as_ref().and_then(|oauth| oauth.client_id.as_ref()));
            object["login"] = login::to_json(view);
        }
        TransportInput::Demo => object["transport"] = json!("demo"),
    }
    object["needs_approval"] = json!(view.needs_approval);
    object["pin"] = view.pin.as_ref().map_or(Value::Null, approve::summary_json);
    object
}

/// Every limit as it holds.
fn limits(server: &ServerInput) -> impl Iterator<Item = (Limit, Option<u64>)> {
    let limits = server.limits.clone().unwrap_or_default();
    Limit::ALL.iter().map(move |limit| (*limit, limits.for_server(*limit)))
}

/// A limit as people give it: US dollars for money; null for none.
#[expect(clippy::cast_precision_loss, reason = "amounts are small")]
fn number(limit: Limit, value: Option<u64>) -> Value {
    match value {
        Some(micro) if limit.is_money() => json!(micro as f64 / 1e6),
        Some(number) => json!(number),
        None => Value::Null,
    }
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

fn row(view: &ServerView) -> Vec<String> {
    let server = &view.config;
    vec![
        server.name.clone(),
        if server.enabled { "on".into() } else { "off".into() },
        format!("sampling {}", word(&server.sampling)),
        approve::state(view).into(),
        login::word(view).into(),
        confine::word(server).into(),
        output::inline(&reached(server)),
    ]
}

fn rows(server: &ServerInput) -> Vec<Vec<String>> {
    let mut rows = vec![
        vec!["name".to_owned(), server.name.clone()],
        vec!["reached".into(), output::inline(&reached(server))],
        vec!["enabled".into(), server.enabled.to_string()],
        vec!["sampling".into(), word(&server.sampling)],
        vec!["gates".into(), word(&server.gates)],
        vec![
            "sampling tools".into(),
            match &server.sampling_tools {
                SamplingTools::None => "none".into(),
                SamplingTools::All => "all".into(),
                SamplingTools::Only(names) => output::inline(&names.join(",")),
            },
        ],
    ];
    rows.extend(confine::rows(server));
    rows.extend(roots::rows(server));
    for (limit, value) in limits(server) {
        let value = value.map_or_else(|| "none".into(), |_| number(limit, value).to_string());
        rows.push(vec!["limit".into(), format!("{limit}={value}")]);
    }
    let (what, values) = match &server.transport {
        TransportInput::Stdio { env, .. } => ("env", env.as_slice()),
        TransportInput::Http { headers, .. } => ("header", headers.as_slice()),
        TransportInput::Demo => ("", [].as_slice()),
    };
    if let Some(id) = server.oauth.as_ref().and_then(|oauth| oauth.client_id.as_ref()) {
        rows.push(vec!["oauth client id".into(), output::inline(id)]);
    }
    for value in values {
        let shown = value.value.as_deref().unwrap_or("(in the keychain)");
        rows.push(vec![what.into(), output::inline(&format!("{}={shown}", value.name))]);
    }
    rows
}
