//! What npx runs: a package that is installed near the folder it starts in, one that is installed globally, or one in
//! npx's cache, in this order (libnpmexec). Each of the first and the last has a lock file with the version and the
//! integrity that the registry gave, which npm checked when it unpacked the package.

use std::path::{Path, PathBuf};

use samplegate_core::identity::{Fetched, Package, Unpinned};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::Look;

/// Version and integrity of what npx runs for this package.
pub(super) fn fetched(look: &Look, package: &Package) -> Result<Fetched, Unpinned> {
    let unpinned = |why: String| Unpinned {
        why,
        instead: format!("a folder with {} installed in it, and node with the path of its script", package.name),
    };
    let near = prefix(&look.start()).join("node_modules");
    let installed = version(&near, package).as_deref() == Some(&package.version);
    let lock = if installed {
        near.join(".package-lock.json")
    } else {
        if let Some(global) = global(look).filter(|global| version(global, package).is_some()) {
            return Err(unpinned(format!(
                "npx may run the copy of {} in {}, of which no integrity is known",
                package.name,
                global.display()
            )));
        }
        let cache = cache(look).ok_or_else(|| unpinned("npm's cache was not found".into()))?;
        cache.join("_npx").join(folder(&package.spec)).join("node_modules/.package-lock.json")
    };
    integrity(&lock, package)
        .map(|integrity| Fetched { spec: format!("{}@{}", package.name, package.version), integrity })
        .ok_or_else(|| unpinned(format!("{} has no integrity of {}", lock.display(), package.spec)))
}

/// The folder in npx's cache for a package.
fn folder(spec: &str) -> String {
    Sha512::digest(spec.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Where npm looks for what is installed: the nearest folder above with a package or modules in it.
fn prefix(start: &Path) -> PathBuf {
    let has_any = |folder: &&Path| folder.join("package.json").exists() || folder.join("node_modules").exists();
    start.ancestors().find(has_any).unwrap_or(start).to_owned()
}

/// Beside the program: `PREFIX/bin/npx` and `PREFIX/lib/node_modules`.
fn global(look: &Look) -> Option<PathBuf> {
    let prefix = match look.variable("npm_config_prefix") {
        Some(prefix) => prefix,
        None => look.program.parent()?.parent()?.to_owned(),
    };
    Some(if cfg!(windows) { prefix.join("node_modules") } else { prefix.join("lib/node_modules") })
}

fn cache(look: &Look) -> Option<PathBuf> {
    let configured = look.variable("npm_config_cache");
    if cfg!(windows) {
        return configured.or_else(|| Some(look.variable("LOCALAPPDATA")?.join("npm-cache")));
    }
    configured.or_else(|| {
        let home = look.variable("HOME")?;
        // A cache that is set in a file may hold variables: then it is not read, and nothing is found.
        let file = std::fs::read_to_string(home.join(".npmrc")).unwrap_or_default();
        let set = file
            .lines()
            .filter_map(|line| line.trim().strip_prefix("cache")?.trim_start().strip_prefix('='))
            .next_back();
        Some(set.map_or_else(|| home.join(".npm"), |set| set.trim().trim_matches('"').into()))
    })
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// The version of a package that is installed here.
fn version(modules: &Path, package: &Package) -> Option<String> {
    json(&modules.join(&package.name).join("package.json"))?.get("version")?.as_str().map(ToOwned::to_owned)
}

fn integrity(lock: &Path, package: &Package) -> Option<String> {
    let lock = json(lock)?;
    let entry = lock.get("packages")?.get(format!("node_modules/{}", package.name))?;
    let same = entry.get("version")?.as_str()? == package.version;
    entry.get("integrity")?.as_str().filter(|_| same).map(ToOwned::to_owned)
}
