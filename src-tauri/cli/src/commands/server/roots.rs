//! `--root` of a server, and how its roots are shown.

use samplegate_engine::wire::ServerInput;

use crate::{args::ServerGiven, output};

const FORGET: &str = ":forget";

/// What is given, over what was. None: nothing was given, so what is stored stays.
pub(super) fn given(server: &ServerInput, given: &ServerGiven) -> Option<Vec<String>> {
    if given.root.is_empty() {
        return None;
    }
    let mut roots = server.roots.clone().unwrap_or_default();
    for root in &given.root {
        let path = without_last_stroke(root.strip_suffix(FORGET).unwrap_or(root));
        roots.retain(|known| known != path);
        if !root.ends_with(FORGET) {
            roots.push(path.to_owned());
        }
    }
    Some(roots)
}

/// As completion of a shell does not write it.
fn without_last_stroke(path: &str) -> &str {
    let shorter = path.trim_end_matches('/');
    if shorter.is_empty() || shorter.ends_with(':') { path } else { shorter }
}

/// In rows, for `show`.
pub(super) fn rows(server: &ServerInput) -> Vec<Vec<String>> {
    let roots = server.roots.as_deref().unwrap_or_default();
    roots.iter().map(|root| vec!["root".to_owned(), output::inline(root)]).collect()
}
