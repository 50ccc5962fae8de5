//! `samplegate server import`: shows what is found first; nothing is taken that was not named.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use samplegate_core::host_files::App;
use samplegate_engine::{
    engine::Engine,
    host_files::HostFiles,
    wire::{ImportFile, ImportServer, ImportTake, Imported},
};
use serde_json::{Value, json};

use crate::{
    args::import::ServerImport,
    exit::{Exit, Failure},
    output,
};

/// Where it is looked: hosts, or one file.
struct From {
    apps: Vec<App>,
    file: Option<PathBuf>,
}

pub(super) async fn run(engine: &Engine, files: &HostFiles, import: ServerImport) -> Result<Exit, Failure> {
    let from = from(&import.from)?;
    let found = engine.find_servers(files, &from.apps, from.file.as_deref());
    if let (Some(file), [only]) = (&from.file, found.as_slice())
        && let Some(trouble) = &only.trouble
    {
        return Err(Failure::usage(format!("{}: {trouble}", file.display())));
    }
    let takes = if import.all {
        found.iter().flat_map(|file| &file.servers).filter(|server| is_offered(server)).map(take).collect()
    } else if !import.take.is_empty() {
        import.take.iter().map(|wanted| named(&found, wanted)).collect::<Result<Vec<_>, _>>()?
    } else {
        show(&found, import.json, import.plain)?;
        if import.list || import.json || !io::stdin().is_terminal() {
            return Ok(Exit::Done);
        }
        ask(&found)?
    };
    let takes =
        takes.into_iter().map(|take| if import.plain { ImportTake { secrets: Vec::new(), ..take } } else { take });
    let results = engine.take_servers(files, &from.apps, from.file.as_deref(), takes.collect()).await;
    tell(&results, import.json)
}

fn from(words: &[String]) -> Result<From, Failure> {
    let apps: Vec<App> = words.iter().filter_map(|word| App::from_id(word)).collect();
    match words {
        [] => Ok(From { apps: App::ALL.to_vec(), file: None }),
        [file] if apps.is_empty() => Ok(From { apps, file: Some(std::path::absolute(Path::new(file))?) }),
        _ if apps.len() == words.len() => Ok(From { apps, file: None }),
        _ => {
            let known: Vec<&str> = App::ALL.iter().map(|app| app.id()).collect();
            Err(Failure::usage(format!("the hosts that are known are {}; or name one file", known.join(", "))))
        }
    }
}

/// What `--all` and a `*` stand for.
fn is_offered(server: &ImportServer) -> bool {
    server.cannot.is_none() && server.here_as.is_none()
}

fn take(server: &ImportServer) -> ImportTake {
    ImportTake {
        id: server.id.clone(),
        name: server.free_name.clone(),
        secrets: server.values.iter().filter(|value| value.secret).map(|value| value.name.clone()).collect(),
    }
}

/// `NAME`, `HOST/NAME`, and either with `=AS`.
fn named(found: &[ImportFile], wanted: &str) -> Result<ImportTake, Failure> {
    let all = || found.iter().flat_map(|file| file.servers.iter().map(move |server| (file, server)));
    let of = |name: &str| {
        let is = |file: &ImportFile, server: &ImportServer| {
            server.name == name
                || name.strip_prefix(&file.app).and_then(|rest| rest.strip_prefix('/')) == Some(&server.name)
        };
        all().filter(|(file, server)| is(file, server)).collect::<Vec<_>>()
    };
    let (matches, renamed) = match (of(wanted), wanted.rsplit_once('=')) {
        (matches, None) => (matches, None),
        (matches, Some(_)) if !matches.is_empty() => (matches, None),
        (_, Some((name, renamed))) => (of(name), Some(renamed)),
    };
    match matches.as_slice() {
        [] => Err(Failure::usage(format!("no host has a server {wanted:?}; see `samplegate server import --list`"))),
        [(_, server)] => {
            if let Some(why) = &server.cannot {
                return Err(Failure::usage(format!("{wanted} cannot be taken: {why}")));
            }
            let name = renamed.map_or_else(|| server.free_name.clone(), ToOwned::to_owned);
            Ok(ImportTake { name, ..take(server) })
        }
        several => {
            let names: Vec<String> =
                several.iter().map(|(file, server)| format!("{}/{}", file.app, server.name)).collect();
            Err(Failure::usage(format!(
                "several are called {wanted:?}: say one of {}, or name its file",
                names.join(", ")
            )))
        }
    }
}

/// Shows what is found. Values are not.
fn show(found: &[ImportFile], as_json: bool, plain: bool) -> Result<(), Failure> {
    if as_json {
        for file in found {
            if let Some(trouble) = &file.trouble {
                output::note(&format!("{}: {}", file.path, output::visible(trouble)));
            }
            file.servers.iter().try_for_each(|server| output::json(&to_json(file, server)))?;
        }
        return Ok(());
    }
    if found.iter().all(|file| file.servers.is_empty() && file.trouble.is_none()) {
        output::note("No host that is known here has servers in its files.");
    }
    for file in found.iter().filter(|file| !file.servers.is_empty() || file.trouble.is_some()) {
        output::line(&format!("{}  {}", file.title, output::inline(&file.path)))?;
        if let Some(trouble) = &file.trouble {
            output::line(&format!("  {}", output::visible(trouble)))?;
        }
        file.servers.iter().try_for_each(|server| show_server(server, plain))?;
    }
    Ok(())
}

fn show_server(server: &ImportServer, plain: bool) -> Result<(), Failure> {
    let mark = if is_offered(server) { '*' } else { ' ' };
    let state = match (&server.here_as, server.free_name == server.name) {
        _ if server.cannot.is_some() => String::new(),
        (Some(name), _) => format!("  (here already, as {name})"),
        (None, false) => format!("  (here it would be {})", server.free_name),
        (None, true) => String::new(),
    };
    let off = if server.enabled { "" } else { ", switched off" };
    let project =
        server.project.as_ref().map(|project| format!("  for {}", output::inline(project))).unwrap_or_default();
    output::line(&format!("{mark} {}{off}{state}{project}", output::inline(&server.name)))?;
    if !server.reached.is_empty() {
        output::line(&format!("      {}", output::inline(&server.reached)))?;
    }
    for value in &server.values {
        let place = if value.secret && !plain { "in the keychain" } else { "in the configuration file" };
        output::line(&format!("      {}: its value would be {place}", output::inline(&value.name)))?;
    }
    if server.secret_in_reached {
        output::line(
            "      Its command line or URL holds what looks like a secret: it stays in the configuration file.",
        )?;
    }
    for what in &server.left_out {
        output::line(&format!("      {}", output::inline(what)))?;
    }
    if let Some(why) = &server.cannot {
        output::line(&format!("      It cannot be taken: {}.", output::inline(why)))?;
    }
    Ok(())
}

fn ask(found: &[ImportFile]) -> Result<Vec<ImportTake>, Failure> {
    let offered: Vec<&ImportServer> =
        found.iter().flat_map(|file| &file.servers).filter(|server| is_offered(server)).collect();
    if offered.is_empty() {
        output::note("There is nothing to take.");
        return Ok(Vec::new());
    }
    output::note(
        "Sampling stays off for what is taken, and no rule counts for it until you approve it. Servers that are taken are \
         started by the app.",
    );
    output::ask("Take which? (names with spaces between, or `all` for those with a *; nothing: none) ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "all" => Ok(offered.into_iter().map(take).collect()),
        names => {
            let names = shell_words::split(names).map_err(Failure::usage)?;
            names.iter().map(|name| named(found, name)).collect()
        }
    }
}

fn tell(results: &[Imported], as_json: bool) -> Result<Exit, Failure> {
    for result in results {
        if as_json {
            output::json(&json!({"name": result.name, "error": result.error}))?;
        } else if result.error.is_none() {
            output::line(&result.name)?;
        }
        if let Some(error) = &result.error {
            output::note(&format!("{} was not taken: {}", output::inline(&result.name), output::visible(error)));
        }
    }
    if results.is_empty() {
        output::note("Nothing was taken.");
    }
    for result in results.iter().filter(|result| result.error.is_none()) {
        let (shown, name) = (output::inline(&result.name), &result.name);
        output::note(&format!("{shown} is not approved yet: see what it is with `samplegate server approve {name}`."));
    }
    Ok(if results.iter().any(|result| result.error.is_some()) { Exit::Own } else { Exit::Done })
}

/// A server that was found, as scripts read it.
fn to_json(file: &ImportFile, server: &ImportServer) -> Value {
    json!({
        "name": server.name,
        "host": file.app,
        "path": file.path,
        "project": server.project,
        "free_name": server.free_name,
        "here_as": server.here_as,
        "reached": server.reached,
        "secret_in_reached": server.secret_in_reached,
        "values": server.values.iter().map(|value| json!({"name": value.name, "secret": value.secret})).collect::<Vec<_>>(),
        "enabled": server.enabled,
        "left_out": server.left_out,
        "cannot": server.cannot,
    })
}
