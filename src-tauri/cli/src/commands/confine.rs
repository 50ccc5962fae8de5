//! `--confine`, `--folder` and `--network` of a server, and how its confinement is shown.

use samplegate_engine::wire::{Access, ConfinementView, FolderAccess, ServerInput, TransportInput};
use serde_json::{Value, json};

use crate::{
    args::{ServerGiven, Switch},
    exit::Failure,
    output,
};

/// What is given, over what was. None: nothing was given, so what is stored stays, or what is proposed is taken.
pub(super) fn given(server: &ServerInput, given: &ServerGiven) -> Result<Option<ConfinementView>, Failure> {
    if given.confine.is_none() && given.folder.is_empty() && given.network.is_none() {
        return Ok(None);
    }
    if matches!(server.transport, TransportInput::Http { .. }) {
        return Err(Failure::usage("only a command can be confined; what answers at a URL is not a process of ours"));
    }
    let mut confinement =
        server.confinement.clone().unwrap_or(ConfinementView { enabled: true, network: true, folders: Vec::new() });
    for folder in &given.folder {
        let (path, access) = access(folder);
        if !(path.starts_with('/') || path == "~" || path.starts_with("~/")) {
            return Err(Failure::usage(format!(
                "the folder {path:?} is not absolute: say all of it, or begin with ~/"
            )));
        }
        confinement.folders.retain(|known| known.path != path);
        confinement.folders.extend(access.map(|access| FolderAccess { path: path.to_owned(), access }));
    }
    confinement.network = given.network.map_or(confinement.network, |network| network == Switch::On);
    confinement.enabled = given.confine.map_or(confinement.enabled, |confine| confine == Switch::On);
    Ok(Some(confinement))
}

fn access(folder: &str) -> (&str, Option<Access>) {
    let endings =
        [(":ro", Some(Access::Read)), (":rw", Some(Access::Write)), (":hide", Some(Access::Hide)), (":forget", None)];
    let found = endings.into_iter().find_map(|(ending, access)| Some((folder.strip_suffix(ending)?, access)));
    let (path, access) = found.unwrap_or((folder, Some(Access::Read)));
    (if path.len() > 1 { path.trim_end_matches('/') } else { path }, access)
}

/// As scripts read it; null for what is no process of ours.
pub(super) fn to_json(server: &ServerInput) -> Value {
    match (&server.transport, &server.confinement) {
        (TransportInput::Http { .. }, _) | (_, None) => Value::Null,
        (_, Some(confinement)) => json!(confinement),
    }
}

/// In a word, for listings.
pub(super) fn word(server: &ServerInput) -> &'static str {
    match (&server.transport, &server.confinement) {
        (TransportInput::Http { .. }, _) => "remote",
        (_, Some(confinement)) if confinement.enabled => "confined",
        _ => "not confined",
    }
}

/// In rows, for `show`.
pub(super) fn rows(server: &ServerInput) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["confinement".to_owned(), word(server).to_owned()]];
    if let Some(confinement) = server.confinement.as_ref().filter(|confinement| confinement.enabled) {
        rows.push(vec!["network".into(), if confinement.network { "on" } else { "off" }.into()]);
        for folder in &confinement.folders {
            let access = match folder.access {
                Access::Hide => "hide",
                Access::Read => "ro",
                Access::Write => "rw",
            };
            rows.push(vec!["folder".into(), output::inline(&format!("{}:{access}", folder.path))]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_ends_in_what_may_be_done_there() {
        assert_eq!(access("/a"), ("/a", Some(Access::Read)));
        assert_eq!(access("/a b/:rw"), ("/a b", Some(Access::Write)));
        assert_eq!(access("~:hide"), ("~", Some(Access::Hide)));
        assert_eq!(access("/:ro"), ("/", Some(Access::Read)));
        assert_eq!(access("/a:b:forget"), ("/a:b", None));
    }
}
