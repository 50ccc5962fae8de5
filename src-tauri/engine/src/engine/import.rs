//! Servers of other hosts: found in their files when a person asks, and taken one by one.
//!
//! Nothing is kept between looking and taking: the files are read again, and what is taken is exactly what was shown, or
//! nothing.

use std::{collections::BTreeSet, path::Path};

use samplegate_core::{
    canonical::Sha256Hex,
    host_files::{self, App, FoundServer, Named, Reached, Source},
    inspect,
    settings::{PinAt, Server, Transport, check_name},
};

use super::{Engine, ServerError};
use crate::{
    host_files::{HostFiles, files},
    wire::{
        Gates, ImportFile, ImportServer, ImportTake, ImportValue, Imported, NamedValue, SamplingMode, SamplingTools,
        ServerInput, TransportInput,
    },
};

/// A file with the servers in it.
struct Looked {
    app: App,
    path: String,
    found: Result<Vec<FoundServer>, String>,
}

impl Engine {
    /// The servers in the files of these hosts, those of the project included, or in one file that a person names. Files
    /// that do not exist are left out. Nothing is changed.
    pub fn find_servers(&self, files: &HostFiles, apps: &[App], file: Option<&Path>) -> Vec<ImportFile> {
        let mut names: BTreeSet<String> = self.config().settings().servers.keys().cloned().collect();
        look(files, apps, file)
            .into_iter()
            .map(|looked| ImportFile {
                app: looked.app.id().into(),
                title: looked.app.title().into(),
                trouble: looked.found.as_ref().err().cloned(),
                servers: looked
                    .found
                    .iter()
                    .flatten()
                    .map(|server| self.import_view(&looked.path, server, &mut names))
                    .collect(),
                path: looked.path,
            })
            .collect()
    }

    fn import_view(&self, path: &str, server: &FoundServer, names: &mut BTreeSet<String>) -> ImportServer {
        let reached = server.reached.as_ref();
        let here_as = reached.ok().and_then(|reached| self.server_like(reached));
        let free_name = free_name(&server.name, names);
        if reached.is_ok() && here_as.is_none() {
            names.insert(free_name.clone());
        }
        let line = reached.ok().map(line).unwrap_or_default();
        let secrets = inspect::secrets_in(&line);
        let values = match reached {
            Ok(Reached::Command { env: values, .. } | Reached::Url { headers: values, .. }) => values.as_slice(),
            Err(_) => &[],
        };
        ImportServer {
            id: id(path, server),
            name: server.name.clone(),
            free_name,
            project: server.project.clone(),
            reached: inspect::hide(&line, &secrets),
            secret_in_reached: !secrets.is_empty(),
            values: values.iter().map(|value| ImportValue { name: value.name.clone(), secret: value.secret }).collect(),
            enabled: server.enabled,
            left_out: server.left_out.clone(),
            cannot: reached.err().cloned(),
            here_as,
        }
    }

    /// The name of a configured server that is reached in this way.
    pub(super) fn server_like(&self, reached: &Reached) -> Option<String> {
        let settings = self.config().settings();
        let same = |server: &Server| match (&server.transport, reached) {
            (Transport::Stdio { command, args, .. }, Reached::Command { command: c, args: a, .. }) => {
                (command, args) == (c, a)
            }
            (Transport::Http { url, .. }, Reached::Url { url: other, .. }) => {
                url.trim_end_matches('/') == other.trim_end_matches('/')
            }
            _ => false,
        };
        settings.servers.iter().find(|(_, server)| same(server)).map(|(name, _)| name.clone())
    }

    /// Takes servers that were found: each is saved with sampling off and not approved, and its secrets go into the keychain. One that
    /// fails does not keep the others back.
    pub async fn take_servers(
        &self,
        files: &HostFiles,
        apps: &[App],
        file: Option<&Path>,
        takes: Vec<ImportTake>,
    ) -> Vec<Imported> {
        let looked = look(files, apps, file);
        let mut results = Vec::new();
        for take in takes {
            let name = take.name.clone();
            let found = looked
                .iter()
                .find_map(|file| file.found.iter().flatten().find(|server| id(&file.path, server) == take.id));
            let error = match found.map(|server| input(server, &take)) {
                None => Some("its entry is not what was shown any more: look again".to_owned()),
                Some(Err(why)) => Some(why),
                Some(Ok(input)) => {
                    let saved = self.save_server_pinned(None, input, PinAt::Approval).await;
                    saved.err().map(|error: ServerError| error.to_string())
                }
            };
            results.push(Imported { name, error });
        }
        results
    }
}

fn look(files: &HostFiles, apps: &[App], file: Option<&Path>) -> Vec<Looked> {
    let home = files.folders.home().display().to_string();
    if let Some(path) = file {
        return vec![look_at_named(path, &home)];
    }
    let mut looked = Vec::new();
    for app in apps {
        for place in files.folders.of(*app) {
            let path = place.path.display().to_string();
            let project = place.project.map(|project| project.display().to_string());
            let found = match files::read(&place.path) {
                Ok(None) => continue,
                Ok(Some(text)) => read(&text, *app, &home, project.as_deref()),
                Err(error) => Err(error.to_string()),
            };
            looked.push(Looked { app: *app, path, found });
        }
    }
    looked
}

/// A file that a person named: whose it is, is told by its name and by what is in it.
fn look_at_named(path: &Path, home: &str) -> Looked {
    let shown = path.display().to_string();
    let failed = |why: String| Looked { app: App::Cursor, path: shown.clone(), found: Err(why) };
    let text = match files::read(path) {
        Ok(Some(text)) => text,
        Ok(None) => return failed(format!("there is no file {shown}")),
        Err(error) => return failed(error.to_string()),
    };
    match host_files::whose(&shown, &text) {
        Some(app) => Looked { app, found: read(&text, app, home, None), path: shown },
        None => failed(format!("{shown} is not the configuration of a host that is known")),
    }
}

fn read(text: &str, app: App, home: &str, project: Option<&str>) -> Result<Vec<FoundServer>, String> {
    host_files::read(text, Source { app, home, project }).map_err(|error| error.to_string())
}

/// Names an entry with all that is in it. A digest tells nothing of the values.
fn id(path: &str, server: &FoundServer) -> String {
    let reached = server.reached.as_ref().ok().map(|reached| {
        let values = |values: &[Named]| values.iter().map(|v| (v.name.clone(), v.value.clone())).collect::<Vec<_>>();
        match reached {
            Reached::Command { command, args, cwd, env } => serde_json::json!([command, args, cwd, values(env)]),
            Reached::Url { url, headers } => serde_json::json!([url, values(headers)]),
        }
    });
    let whole = serde_json::json!([path, server.place, server.project, server.enabled, reached]);
    Sha256Hex::of(whole.to_string().as_bytes()).to_hex()
}

/// The command line or the URL.
fn line(reached: &Reached) -> String {
    match reached {
        Reached::Url { url, .. } => url.clone(),
        Reached::Command { command, args, .. } => {
            let words = std::iter::once(command).chain(args).map(|word| {
                let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
                if plain { word.clone() } else { format!("{word:?}") }
            });
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

/// The name itself, made one that is allowed here, or with a number where it is taken.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let allowed: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let allowed = allowed.trim_matches(['-', '.']);
    let base = allowed.get(..allowed.len().min(56)).filter(|base| check_name(base).is_ok()).unwrap_or("server");
    let mut names = std::iter::once(base.to_owned()).chain((2_u32..).map(|n| format!("{base}-{n}")));
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

fn input(server: &FoundServer, take: &ImportTake) -> Result<ServerInput, String> {
    let named = |values: &[Named]| {
        let named = values.iter().map(|value| NamedValue {
            name: value.name.clone(),
            value: Some(value.value.clone()),
            secret: take.secrets.contains(&value.name),
        });
        named.collect::<Vec<_>>()
    };
    let transport = match server.reached.clone()? {
        Reached::Command { command, args, cwd, env } => TransportInput::Stdio { command, args, cwd, env: named(&env) },
        Reached::Url { url, headers } => TransportInput::Http { url, headers: named(&headers) },
    };
    Ok(ServerInput {
        name: take.name.clone(),
        transport,
        enabled: server.enabled,
        sampling: SamplingMode::Off,
        gates: Gates::Both,
        sampling_tools: SamplingTools::None,
        elicitation: None,
        roots: None,
        limits: None,
        confinement: None,
        oauth: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_one_that_is_allowed_and_free() {
        let taken: BTreeSet<String> = ["a".to_owned(), "a-2".to_owned()].into();
        for (name, free) in [
            ("b", "b"),
            ("a", "a-3"),
            ("io.github.me/my server", "io.github.me-my-server"),
            ("-x", "x"),
            ("", "server"),
            ("日本", "server"),
        ] {
            assert_eq!(free_name(name, &taken), free, "{name}");
        }
        assert_eq!(free_name(&"n".repeat(200), &taken).len(), 56);
    }
}
