//! Calls within calls: a server that is called may be a host itself, and call on through the gateway.
//!
//! Each call goes out with a mark that names the calls it is part of. A server that passes on what it does not know sends
//! it back, and then it is known how deep the next call is, and whether it is one that is already under way. A mark
//! counts only with the home's signature; without one a call counts as the first.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use samplegate_core::canonical::{Sha256Hex, canonical_bytes};
use serde_json::json;

use super::CallKind;

/// Under which a mark stands in a call's `_meta`.
pub(crate) const MARK: &str = "samplegate/chain";
/// A call deeper than this is not made.
pub(crate) const DEEPEST: usize = 16;

/// The calls that a call is part of, outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(Vec<Sha256Hex>);

impl Chain {
    /// How many calls it is within.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether exactly this is already under way.
    pub(crate) fn has(&self, server: &str, call: &CallKind) -> bool {
        self.0.contains(&link(server, call))
    }

    /// The chain of what comes up in this call.
    pub(super) fn then(&self, server: &str, call: &CallKind) -> Self {
        let mut links = self.0.clone();
        links.push(link(server, call));
        Self(links)
    }
}

/// What is called, and of whom.
fn link(server: &str, call: &CallKind) -> Sha256Hex {
    let mut params = call.params();
    params.insert("server".into(), json!([server, call.method()]));
    Sha256Hex::of(&canonical_bytes(&params.into()))
}

/// Marks calls, and knows its marks again.
#[derive(Clone)]
pub struct Marks([u8; 32]);

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Marks(…)")
    }
}

impl Marks {
    /// Those of a home, whose secret is in its data folder; makes it where there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or the system gives no random bits.
    pub fn of_home(data: &Path) -> io::Result<Self> {
        let path = data.join("chain.key");
        if let Some(key) = read(&path)? {
            return Ok(Self(key));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        let beside = data.join(format!("chain.key.{}", uuid::Uuid::now_v7().simple()));
        let mut options = fs::OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&beside)?.write_all(&key)?;
        // Whole or not at all; of two processes the first one's counts.
        let linked = fs::hard_link(&beside, &path);
        fs::remove_file(&beside)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(Self(read(&path)?.unwrap_or(key))),
        }
    }

    /// Those of one process, which know no others.
    #[cfg(test)]
    pub(crate) fn alone() -> Self {
        Self([7; 32])
    }

    pub(super) fn mark(&self, chain: &Chain) -> String {
        let links: Vec<String> = chain.0.iter().map(ToString::to_string).collect();
        let said = links.join("-");
        format!("{}.{said}", self.signature(&said))
    }

    /// What is said here, so that it can be known again; for one purpose only.
    pub(crate) fn signed(&self, purpose: &str, said: &str) -> String {
        format!("{}.{said}", self.signature(&format!("{purpose} {said}")))
    }

    /// What was said, if it was signed here and for this purpose.
    pub(crate) fn said<'a>(&self, purpose: &str, signed: &'a str) -> Option<&'a str> {
        let (signature, said) = signed.split_once('.')?;
        (signature == self.signature(&format!("{purpose} {said}")).to_string()).then_some(said)
    }

    /// The chain that a mark of ours names.
    pub(crate) fn read(&self, mark: &str) -> Option<Chain> {
        let (signature, said) = mark.split_once('.')?;
        if signature != self.signature(said).to_string() {
            return None;
        }
        let links: Option<Vec<_>> = said.split('-').map(|link| link.parse().ok()).collect();
        links.map(Chain)
    }

    /// Twice, so that nothing can be added to what is signed.
    fn signature(&self, said: &str) -> Sha256Hex {
        let inner = Sha256Hex::of_pair(&self.0, said.as_bytes());
        Sha256Hex::of_pair(&self.0, inner.as_bytes())
    }
}

fn read(path: &Path) -> io::Result<Option<[u8; 32]>> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tool(name: &str, x: u32) -> CallKind {
        CallKind::Tool { name: name.into(), arguments: json!({"x": x}) }
    }

    #[test]
    fn a_mark_is_known_again_and_nobody_else_makes_one() {
        let marks = Marks::alone();
        let chain = Chain::default().then("s", &tool("t", 1)).then("z", &tool("u", 2));
        let mark = marks.mark(&chain);
        assert_eq!(marks.read(&mark), Some(chain.clone()));
        assert!(chain.has("s", &tool("t", 1)));
        assert!(!chain.has("s", &tool("t", 2)) && !chain.has("z", &tool("t", 1)));
        assert_eq!(Marks([8; 32]).read(&mark), None);
        let (signature, said) = mark.split_once('.').unwrap();
        let (first, _) = said.split_once('-').unwrap();
        for forged in
            [format!("{signature}.{first}"), format!("{signature}.{said}-{first}"), said.to_owned(), String::new()]
        {
            assert_eq!(marks.read(&forged), None, "{forged}");
        }
    }

    #[test]
    fn the_processes_of_a_home_share_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Marks::of_home(folder.path()).unwrap().mark(&Chain::default().then("s", &tool("t", 1)));
        assert_eq!(Marks::of_home(folder.path()).unwrap().read(&mark).unwrap().depth(), 1);
        let other = tempfile::tempdir().unwrap();
        assert_eq!(Marks::of_home(other.path()).unwrap().read(&mark), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
