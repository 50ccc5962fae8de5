//! What uvx runs: a wheel that uv unpacked into its cache. Its RECORD lists the digest of every file in it (PyPA,
//! "Recording installed projects"), so the digest of the RECORD names the wheel's content.

use std::{collections::BTreeSet, path::PathBuf};

use samplegate_core::identity::{Fetched, Package, Unpinned};

use super::{Look, hash};

/// The digest of what uv unpacked for this package.
pub(super) fn fetched(look: &Look, package: &Package) -> Result<Fetched, Unpinned> {
    let unpinned = |why: String| Unpinned {
        why,
        instead: format!("uv tool install {}, and the program that this makes", package.spec),
    };
    let archives = cache(look).map(|cache| cache.join("archive-v0"));
    let archives = archives.ok_or_else(|| unpinned("uv's cache was not found".into()))?;
    // Names of wheels have underscores, and are in lower case (PyPA, "Binary distribution format").
    let name: String = package.name.to_ascii_lowercase().replace(['-', '.'], "_");
    let record = format!("{name}-{}.dist-info/RECORD", package.version);
    let folders = std::fs::read_dir(&archives).into_iter().flatten().flatten();
    let digests: BTreeSet<_> = folders.filter_map(|folder| hash(&folder.path().join(&record)).ok()).collect();
    match digests.into_iter().collect::<Vec<_>>().as_slice() {
        [digest] => Ok(Fetched { spec: package.spec.clone(), integrity: format!("sha256 of RECORD: {digest}") }),
        [] => Err(unpinned(format!("{} has no {}", archives.display(), package.spec))),
        _ => Err(unpinned(format!("{} has several builds of {}", archives.display(), package.spec))),
    }
}

fn cache(look: &Look) -> Option<PathBuf> {
    let configured = look.variable("UV_CACHE_DIR");
    if cfg!(windows) {
        return configured.or_else(|| Some(look.variable("LOCALAPPDATA")?.join("uv").join("cache")));
    }
    configured
        .or_else(|| Some(look.variable("XDG_CACHE_HOME")?.join("uv")))
        .or_else(|| Some(look.variable("HOME")?.join(".cache/uv")))
}
