//! `samplegate host connect`, `host disconnect` and `host known`: Samplegate in the files of known hosts.

use std::io::{self, IsTerminal as _};

use samplegate_core::host_files::App;
use samplegate_engine::{
    engine::Engine,
    host_files::HostFiles,
    wire::{DifferenceLineKind, HostConnection, HostFileChange, KnownHost},
};
use serde_json::{Value, json};

use crate::{
    args::host::{HostConnect, HostDisconnect},
    exit::{Exit, Failure},
    output,
};

pub(super) fn connect(engine: &Engine, files: &HostFiles, given: &HostConnect) -> Result<Exit, Failure> {
    let app = app(&given.app)?;
    let change = engine.plan_connection(files, app, &given.moved)?;
    show(&change)?;
    if given.dry_run {
        return Ok(Exit::Done);
    }
    if !agreed()? {
        output::note("Nothing was written.");
        return Ok(Exit::Denied);
    }
    let written = engine.connect_host(files, app, &given.moved, &change.id)?;
    output::note(&format!("{} is connected; start it anew.", written.title));
    if let Some(backup) = &written.backup {
        output::note(&format!("Its file as it was: {}", output::inline(backup)));
    }
    output::note(&format!("Undo it with `samplegate host disconnect {}`.", written.app));
    let left: Vec<&str> = written
        .movable
        .iter()
        .map(String::as_str)
        .filter(|name| !given.moved.iter().any(|moved| moved == name))
        .collect();
    if !left.is_empty() {
        output::note(&format!(
            "It still starts these servers itself, which are here as well: {}. Take them out of its file with --move.",
            output::inline(&left.join(", "))
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn disconnect(engine: &Engine, files: &HostFiles, given: &HostDisconnect) -> Result<Exit, Failure> {
    let app = app(&given.app)?;
    let change = engine.plan_undo(files, app)?;
    show(&change)?;
    if given.dry_run {
        return Ok(Exit::Done);
    }
    if !agreed()? {
        output::note("Nothing was written.");
        return Ok(Exit::Denied);
    }
    let undone = engine.disconnect_host(files, app, &change.id)?;
    match (&undone.backup, undone.exact) {
        (_, true) => output::note(&format!("The file of {} is again as it was.", undone.title)),
        (Some(backup), false) => output::note(&format!(
            "The file of {} changed since in other places, which were kept. As it was before: {}",
            undone.title,
            output::inline(backup)
        )),
        (None, false) => output::note(&format!("Samplegate is no longer in the file of {}.", undone.title)),
    }
    Ok(Exit::Done)
}

pub(super) fn known(engine: &Engine, files: &HostFiles, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.known_hosts(files), as_json, to_json, |host| {
        let state = match &host.connection {
            HostConnection::Connected { .. } => "connected".to_owned(),
            HostConnection::Unreadable { why } => output::inline(why),
            HostConnection::None if host.is_here => "not connected".into(),
            HostConnection::None => "not found".into(),
        };
        vec![host.app.clone(), host.title.clone(), state, output::inline(&host.path)]
    })?;
    Ok(Exit::Done)
}

fn app(id: &str) -> Result<App, Failure> {
    App::from_id(id).ok_or_else(|| {
        let known: Vec<&str> = App::ALL.iter().map(|app| app.id()).collect();
        Failure::usage(format!(
            "the hosts whose files are known are {}; for any other one see `samplegate host add`",
            known.join(", ")
        ))
    })
}

fn show(change: &HostFileChange) -> Result<(), Failure> {
    output::line(&output::inline(&change.path))?;
    if change.lines.is_empty() {
        output::line("  (nothing in it changes)")?;
    }
    for line in &change.lines {
        let mark = match line.kind {
            DifferenceLineKind::Same => ' ',
            DifferenceLineKind::Added => '+',
            DifferenceLineKind::Removed => '-',
            DifferenceLineKind::Gap => '…',
        };
        output::line(format!("{mark} {}", output::visible(&line.text)).trim_end())?;
    }
    Ok(())
}

/// Whether it is to be written. Without a terminal the command itself says so.
fn agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    output::ask("Write this? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A known host, as scripts read it.
fn to_json(host: &KnownHost) -> Value {
    let (connected, backup, moved, trouble) = match &host.connection {
        HostConnection::Connected { at, backup, moved } => (json!(at), json!(backup), json!(moved), Value::Null),
        HostConnection::Unreadable { why } => (Value::Null, Value::Null, json!([]), json!(why)),
        HostConnection::None => (Value::Null, Value::Null, json!([]), Value::Null),
    };
    json!({
        "name": host.app,
        "title": host.title,
        "path": host.path,
        "is_here": host.is_here,
        "connected_at": connected,
        "backup": backup,
        "moved": moved,
        "trouble": trouble,
    })
}
