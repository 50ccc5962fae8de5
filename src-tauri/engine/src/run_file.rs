//! Where a running gateway is found by processes of the same user: `gateway.json` in the runtime folder.
//!
//! A process that is killed leaves the file behind, and anybody may listen on its port afterwards. So it counts only
//! while somebody holds `gateway.lock`, which the operating system lets go of with the process, however that ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

const FILE: &str = "gateway.json";
const LOCK: &str = "gateway.lock";

/// The file of a gateway that listens; gone when this is dropped.
pub(crate) struct RunFile {
    path: PathBuf,
    text: String,
    _running: File,
}

/// What the file tells.
#[derive(Debug)]
pub(crate) struct Told {
    /// The TCP port, on 127.0.0.1.
    pub(crate) port: u16,
    /// Lets the bridge in.
    pub(crate) token: SecretString,
}

impl RunFile {
    /// Tells where the gateway is, to this user alone.
    pub(crate) fn write(folder: &Path, port: u16, token: &SecretString) -> io::Result<Self> {
        let running = lock_file(folder)?;
        // Shared: another gateway of this home may listen at another port.
        running.lock_shared()?;
        let path = folder.join(FILE);
        let beside = folder.join(format!("{FILE}.{}", std::process::id()));
        let text = json!({"port": port, "token": token.expose_secret()}).to_string();
        private().create(true).truncate(true).write(true).open(&beside)?.write_all(text.as_bytes())?;
        fs::rename(&beside, &path)?;
        Ok(Self { path, text, _running: running })
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // Another run may have put its own there.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where the gateway that runs is; none: none runs.
///
/// # Errors
/// The files cannot be read.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Told>> {
    let text = match fs::read(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock_file(folder)?.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(parse(&text)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn parse(text: &[u8]) -> Option<Told> {
    let told: Value = serde_json::from_slice(text).ok()?;
    Some(Told { port: told["port"].as_u64()?.try_into().ok()?, token: told["token"].as_str()?.into() })
}

fn lock_file(folder: &Path) -> io::Result<File> {
    private().create(true).truncate(false).write(true).open(folder.join(LOCK))
}

fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the folder is a person's own there"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn port(folder: &Path) -> Option<u16> {
        read(folder).unwrap().map(|told| told.port)
    }

    #[test]
    fn the_file_counts_while_its_gateway_runs() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert_eq!(port(at), None);
        let first = RunFile::write(at, 1, &"one".into()).unwrap();
        let told = read(at).unwrap().unwrap();
        assert_eq!((told.port, told.token.expose_secret()), (1, "one"));
        let second = RunFile::write(at, 2, &"two".into()).unwrap();
        drop(first);
        assert_eq!(port(at), Some(2), "a gateway that ends leaves another one's file");
        let left_behind = fs::read(at.join(FILE)).unwrap();
        drop(second);
        assert_eq!(port(at), None);
        assert!(!at.join(FILE).exists());

        // As a process that was killed leaves it.
        fs::write(at.join(FILE), left_behind).unwrap();
        assert_eq!(port(at), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let _file = RunFile::write(folder.path(), 1, &"one".into()).unwrap();
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(FILE), mode(LOCK)), (0o600, 0o600));
    }
}
