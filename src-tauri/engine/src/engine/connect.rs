//! Samplegate in the configuration of known hosts: put in after a person saw the difference, and taken out again.
//!
//! What was done is noted beside the database, with digests only: the file as it was is in the backup beside it. While
//! the file is what was written, undoing gives back the old bytes; after that it changes our own places only, or refuses.

use std::path::PathBuf;

use samplegate_core::{
    canonical::Sha256Hex,
    host_files::{self, App, CannotEdit, CannotUndo, Change, LineKind, Source, value_at},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Engine, HostError, hosts::endpoint};
use crate::{
    host_files::{
        HostFiles,
        files::{self, FileError},
    },
    wire::{
        DifferenceLine, DifferenceLineKind, HostConnection, HostFileChange, HostInput, HostMode, KnownHost, OtherHost,
        ToolCalls, Topic,
    },
};

/// Why a host was not connected, or not disconnected. Its file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host is not on this computer.
    #[error("{0} does not seem to be on this computer: {1} is not there")]
    NotHere(&'static str, String),
    /// There is nothing to start.
    #[error("the command `samplegate` is not beside this program, so a host could not start it: install both together")]
    NoCommand,
    /// It is there.
    #[error("Samplegate is in the file of {0} already")]
    Connected(&'static str),
    /// It was not put there.
    #[error("Samplegate did not put itself into the file of {0}, so there is nothing to undo")]
    NotConnected(&'static str),
    /// Something was moved before and is still to be put back.
    #[error("servers were moved out of the file of {0} before: undo that first")]
    Moved(&'static str),
    /// It is no server that could be moved.
    #[error("{0:?} is not a server of that file that is here as well: import it first")]
    NotMovable(String),
    /// The file or what would be written is not what was shown.
    #[error("the file is not what was shown any more: look at the difference again")]
    NotShown,
    /// The copy is needed and is not what it was.
    #[error("{0} is gone or was changed, so the file cannot be put back: take the entry out by hand")]
    NoBackup(String),
    /// The note of what was done.
    #[error("what was written cannot be noted: {0}")]
    Note(String),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its text.
    #[error("{0} is left as it is: {1}")]
    Edit(String, CannotEdit),
    /// Its text since.
    #[error("{0} is left as it is: {1}")]
    Undo(String, CannotUndo),
    /// The host that is made for it.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// What was written, to be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    path: PathBuf,
    at: String,
    /// The copy of the file as it was; none: there was none.
    backup: Option<PathBuf>,
    before: Sha256Hex,
    after: Sha256Hex,
    /// Of our entry.
    entry: Sha256Hex,
    moved: Vec<Vec<String>>,
    /// Whether the host was made for it.
    made_host: bool,
}

/// A change of a file, worked out.
struct Planned {
    app: App,
    path: PathBuf,
    before: Option<String>,
    /// None: the file is removed.
    after: Option<String>,
    backup: Option<PathBuf>,
    movable: Vec<(String, Vec<String>)>,
    exact: bool,
}

impl Planned {
    fn id(&self) -> String {
        let [before, after] = [&self.before, &self.after].map(|text| files::digest(text.as_deref()).to_hex());
        Sha256Hex::of(format!("{}\n{before}\n{after}", self.path.display()).as_bytes()).to_hex()
    }

    fn view(&self) -> HostFileChange {
        let texts = [&self.before, &self.after].map(|text| text.as_deref().unwrap_or_default());
        let lines =
            host_files::difference(self.app.syntax(), texts[0], texts[1]).into_iter().map(|line| DifferenceLine {
                kind: match line.kind {
                    LineKind::Same => DifferenceLineKind::Same,
                    LineKind::Added => DifferenceLineKind::Added,
                    LineKind::Removed => DifferenceLineKind::Removed,
                    LineKind::Gap => DifferenceLineKind::Gap,
                },
                text: line.text,
            });
        HostFileChange {
            id: self.id(),
            app: self.app.id().into(),
            title: self.app.title().into(),
            path: self.path.display().to_string(),
            lines: lines.collect(),
            backup: self.backup.as_ref().map(|path| path.display().to_string()),
            movable: self.movable.iter().map(|(name, _)| name.clone()).collect(),
            exact: self.exact,
        }
    }
}

impl Engine {
    /// The known hosts, and whether Samplegate is in their files.
    pub fn known_hosts(&self, files: &HostFiles) -> Vec<KnownHost> {
        let known = |app: &App| {
            let place = files.folders.own(*app);
            let connection = match self.connection(*app, &place.path) {
                Ok(Some(note)) => HostConnection::Connected {
                    at: note.at,
                    backup: note.backup.map(|path| path.display().to_string()),
                    moved: note.moved.iter().filter_map(|place| place.last().cloned()).collect(),
                },
                Ok(None) => HostConnection::None,
                Err(error) => HostConnection::Unreadable { why: error.to_string() },
            };
            KnownHost {
                app: app.id().into(),
                title: app.title().into(),
                is_here: place.host_is_here(),
                path: place.path.display().to_string(),
                connection,
            }
        };
        App::ALL.iter().map(known).collect()
    }

    /// What connecting a host would change in its file. Servers that are `moved` are taken out of it.
    ///
    /// # Errors
    /// It is not here, connected already, or its file cannot be read or edited.
    pub fn plan_connection(
        &self,
        files: &HostFiles,
        app: App,
        moved: &[String],
    ) -> Result<HostFileChange, ConnectError> {
        self.planned(files, app, moved).map(|planned| planned.view())
    }

    /// Connects a host: makes a host of its id, copies its file, and writes exactly the change that was shown.
    ///
    /// # Errors
    /// As [`Engine::plan_connection`]; the change is not the one shown, or something cannot be written. Nothing is
    /// changed then.
    pub fn connect_host(
        &self,
        files: &HostFiles,
        app: App,
        moved: &[String],
        shown: &str,
    ) -> Result<HostFileChange, ConnectError> {
        let planned = self.planned(files, app, moved)?;
        if planned.id() != shown {
            return Err(ConnectError::NotShown);
        }
        let made_host = match self.add_host(host(app)) {
            Ok(_) => true,
            Err(HostError::Taken(_)) => false,
            Err(error) => return Err(error.into()),
        };
        let written = self.write_connection(&planned, moved, made_host, files);
        if written.is_err() && made_host {
            self.remove_host(app.id())?;
        }
        written?;
        self.tell(Topic::Hosts, None);
        Ok(planned.view())
    }

    fn write_connection(
        &self,
        planned: &Planned,
        moved: &[String],
        made_host: bool,
        files: &HostFiles,
    ) -> Result<(), ConnectError> {
        let moved = planned.movable.iter().filter(|(name, _)| moved.contains(name));
        let note = Note {
            path: planned.path.clone(),
            at: samplegate_core::audit::format_time(jiff::Timestamp::now()),
            backup: planned.backup.clone(),
            before: files::digest(planned.before.as_deref()),
            after: files::digest(planned.after.as_deref()),
            entry: Sha256Hex::of_json(&self.entry(planned.app, files)?),
            moved: moved.map(|(_, place)| place.clone()).collect(),
            made_host,
        };
        if let (Some(text), Some(copy)) = (&planned.before, &planned.backup) {
            files::back_up(&planned.path, copy, text)?;
        }
        let written = self
            .write_note(planned.app, Some(&note))
            .and_then(|()| Ok(files::replace(&planned.path, note.before, planned.after.as_deref())?));
        if written.is_err() {
            self.write_note(planned.app, None)?;
            // It was made a moment ago, and nothing was written that it would be needed for.
            let _ = planned.backup.as_ref().map(std::fs::remove_file);
        }
        written
    }

    /// What undoing the connection of a host would change in its file.
    ///
    /// # Errors
    /// It was not connected from here, or the places that were written were changed since.
    pub fn plan_undo(&self, files: &HostFiles, app: App) -> Result<HostFileChange, ConnectError> {
        self.planned_undo(files, app).map(|(planned, _)| planned.view())
    }

    /// Undoes the connection of a host: its file is as it was, or without our places where it changed since. The host
    /// that was made for it is removed.
    ///
    /// # Errors
    /// As [`Engine::plan_undo`]; the change is not the one shown, or the file cannot be written.
    pub fn disconnect_host(&self, files: &HostFiles, app: App, shown: &str) -> Result<HostFileChange, ConnectError> {
        let (planned, note) = self.planned_undo(files, app)?;
        if planned.id() != shown {
            return Err(ConnectError::NotShown);
        }
        if planned.before != planned.after {
            files::replace(&planned.path, files::digest(planned.before.as_deref()), planned.after.as_deref())?;
        }
        self.write_note(app, None)?;
        if planned.exact {
            // The file is what the copy is.
            let _ = note.backup.as_ref().map(std::fs::remove_file);
        }
        if note.made_host {
            match self.remove_host(app.id()) {
                Ok(()) | Err(HostError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.tell(Topic::Hosts, None);
        Ok(planned.view())
    }

    fn planned(&self, files: &HostFiles, app: App, moved: &[String]) -> Result<Planned, ConnectError> {
        let place = files.folders.own(app);
        let path = place.path.clone();
        if !place.host_is_here() {
            return Err(ConnectError::NotHere(app.title(), path.display().to_string()));
        }
        if self.connection(app, &path)?.is_some() {
            return Err(ConnectError::Connected(app.title()));
        }
        // Our entry was taken out by hand, and what was moved is still to be put back.
        if self.note(app)?.is_some_and(|note| !note.moved.is_empty()) {
            return Err(ConnectError::Moved(app.title()));
        }
        let before = files::read(&path)?;
        let text = before.as_deref().unwrap_or_default();
        let movable = self.movable(files, app, text);
        let mut changes = vec![Change::Put { place: app.entry_at(), value: self.entry(app, files)? }];
        for name in moved {
            let found = movable.iter().find(|(known, _)| known == name);
            let (_, place) = found.ok_or_else(|| ConnectError::NotMovable(name.clone()))?;
            changes.push(Change::Remove { place: place.clone() });
        }
        let after = host_files::edit(app.syntax(), text, &changes)
            .map_err(|error| ConnectError::Edit(path.display().to_string(), error))?;
        if after == text {
            return Err(ConnectError::Connected(app.title()));
        }
        let backup = before.is_some().then(|| files::free_name(&path, "before-samplegate"));
        Ok(Planned { app, path, before, after: Some(after), backup, movable, exact: false })
    }

    fn planned_undo(&self, files: &HostFiles, app: App) -> Result<(Planned, Note), ConnectError> {
        let path = files.folders.own(app).path;
        let note = self.note(app)?.filter(|note| note.path == path).ok_or(ConnectError::NotConnected(app.title()))?;
        let before = files::read(&path)?;
        let now = files::digest(before.as_deref());
        let exact = now == note.after || now == note.before;
        let after = if now == note.before || before.is_none() {
            before.clone()
        } else if now == note.after && note.backup.is_none() {
            None
        } else {
            let old = backup_text(&note)?;
            Some(match (now == note.after, &old) {
                (true, Some(old)) => old.clone(),
                (true, None) => return Err(no_backup(&note)),
                (false, _) => undone(app, &note, before.as_deref().unwrap_or_default(), old.as_deref())?,
            })
        };
        let backup = note.backup.clone();
        Ok((Planned { app, path, before, after, backup, movable: Vec::new(), exact }, note))
    }

    /// The note of a connection whose entry is in the file. Files of hosts that were not connected are not read.
    fn connection(&self, app: App, path: &std::path::Path) -> Result<Option<Note>, ConnectError> {
        let Some(note) = self.note(app)?.filter(|note| note.path == path) else { return Ok(None) };
        let text = files::read(path)?.unwrap_or_default();
        let root =
            app.syntax().parse(&text).map_err(|error| ConnectError::Edit(path.display().to_string(), error.into()))?;
        Ok(value_at(&root, &app.entry_at()).is_some().then_some(note))
    }

    /// Servers of the person's own in the file that are here as well.
    fn movable(&self, files: &HostFiles, app: App, text: &str) -> Vec<(String, Vec<String>)> {
        let home = files.folders.home().display().to_string();
        let found = host_files::read(text, Source { app, home: &home, project: None }).unwrap_or_default();
        let here = |server: &host_files::FoundServer| {
            let reached = server.reached.as_ref().ok().filter(|_| server.project.is_none());
            reached.is_some_and(|reached| self.server_like(reached).is_some())
        };
        found.into_iter().filter(here).map(|server| (server.name, server.place)).collect()
    }

    /// What any other host is to be told.
    pub fn other_host(&self, files: &HostFiles) -> OtherHost {
        let command = files.command.as_ref().map(|command| {
            let words = std::iter::once(command.display().to_string()).chain(self.bridge());
            words.chain(["--host".into()]).collect()
        });
        OtherHost { command, endpoint: endpoint(&self.config().settings()) }
    }

    fn entry(&self, app: App, files: &HostFiles) -> Result<Value, ConnectError> {
        let command = files.command.as_ref().ok_or(ConnectError::NoCommand)?;
        let args: Vec<String> = self.bridge().into_iter().chain(["--host".into(), app.id().into()]).collect();
        Ok(app.entry(&command.display().to_string(), &args))
    }

    /// The arguments that start the bridge of this home.
    fn bridge(&self) -> Vec<String> {
        let home = self.options.home.folder().map(|folder| ["--home".to_owned(), folder.display().to_string()]);
        std::iter::once("bridge".to_owned()).chain(home.into_iter().flatten()).collect()
    }

    fn note_path(&self, app: App) -> PathBuf {
        self.options.home.data.join("connected").join(format!("{}.json", app.id()))
    }

    fn note(&self, app: App) -> Result<Option<Note>, ConnectError> {
        let path = self.note_path(app);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| ConnectError::Note(format!("{}: {error}", path.display())))
    }

    fn write_note(&self, app: App, note: Option<&Note>) -> Result<(), ConnectError> {
        let path = self.note_path(app);
        let was = files::read(&path)?;
        let text = note
            .map(serde_json::to_string_pretty)
            .transpose()
            .map_err(|error| ConnectError::Note(error.to_string()))?;
        if was.is_none() && text.is_none() {
            return Ok(());
        }
        Ok(files::replace(&path, files::digest(was.as_deref()), text.as_deref())?)
    }
}

/// The host that is made for one: everything is answered here.
fn host(app: App) -> HostInput {
    HostInput {
        name: app.id().into(),
        sampling: HostMode::Answer,
        elicitation: HostMode::Answer,
        tool_calls: ToolCalls::Off,
        review_results: false,
        limits: None,
    }
}

/// The file as it was, if the copy is still that.
fn backup_text(note: &Note) -> Result<Option<String>, ConnectError> {
    let Some(path) = &note.backup else { return Ok(None) };
    Ok(files::read(path)?.filter(|text| files::digest(Some(text)) == note.before))
}

fn no_backup(note: &Note) -> ConnectError {
    ConnectError::NoBackup(note.backup.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
}

/// The text without our places, where it changed since in others.
fn undone(app: App, note: &Note, now: &str, old: Option<&str>) -> Result<String, ConnectError> {
    if old.is_none() && note.backup.is_some() {
        return Err(no_backup(note));
    }
    let is_ours = |value: &Value| Sha256Hex::of_json(value) == note.entry;
    host_files::undone(app, now, old.unwrap_or_default(), is_ours, &note.moved)
        .map_err(|error| ConnectError::Undo(note.path.display().to_string(), error))
}
