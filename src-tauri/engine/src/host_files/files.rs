//! Reads and writes a host's file: bounded, whole, and never half.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use samplegate_core::canonical::Sha256Hex;

/// The longest file that is read, in bytes: some hosts keep their history in it.
const LONGEST: u64 = 64 << 20;

/// Why a file cannot be read or written. It never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("{path} cannot be {what}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        cause: io::Error,
    },
    /// It is a folder, a pipe or the like.
    #[error("{0} is not a file")]
    NotAFile(String),
    /// It is longer than a configuration is.
    #[error("{0} is too long: more than 64 MiB")]
    TooLong(String),
    /// It is no text.
    #[error("{0} is not text in UTF-8")]
    NotText(String),
    /// Somebody else wrote it.
    #[error("{0} was changed since it was shown: look at it again")]
    Changed(String),
}

/// The text of a file; none: there is none.
///
/// # Errors
/// It is there and cannot be read as a text of a sensible length.
pub fn read(path: &Path) -> Result<Option<String>, FileError> {
    let shown = || path.display().to_string();
    let io_error = |cause| FileError::Io { path: shown(), what: "read", cause };
    // Opening a pipe would wait for somebody to write into it.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(FileError::NotAFile(shown())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(io_error)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileError::TooLong(shown()));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| FileError::NotText(shown()))
}

/// The digest of what is in a file; of nothing, where there is none.
pub fn digest(text: Option<&str>) -> Sha256Hex {
    match text {
        Some(text) => Sha256Hex::of(text.as_bytes()),
        None => Sha256Hex::of(b"no file"),
    }
}

/// Puts a text in place of what a file holds, whole or not at all, if it still holds what has this digest. A link stays a
/// link, and the file keeps its mode. None: the file is removed.
///
/// # Errors
/// It holds something else by now, or cannot be written. It is as it was then.
pub fn replace(path: &Path, expected: Sha256Hex, text: Option<&str>) -> Result<(), FileError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let written = |cause| FileError::Io { path: path.display().to_string(), what: "written", cause };
    let Some(text) = text else {
        check(path, expected)?;
        return fs::remove_file(&target).map_err(written);
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(written)?;
    let beside = free_name(&target, "samplegate-new");
    let result = write_new(&beside, text, mode(&target)).map_err(written).and_then(|()| {
        // As late as can be: whoever writes between this and the next line loses what they wrote, as with any editor.
        check(path, expected)?;
        fs::rename(&beside, &target).map_err(written)
    });
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    #[cfg(unix)]
    if result.is_ok() {
        // The file is whole either way; this makes its new name last.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    result
}

fn check(path: &Path, expected: Sha256Hex) -> Result<(), FileError> {
    if digest(read(path)?.as_deref()) == expected {
        Ok(())
    } else {
        Err(FileError::Changed(path.display().to_string()))
    }
}

/// Writes a copy beside a file, with its mode, under this name; nothing is overwritten.
///
/// # Errors
/// It cannot be written, or there is one.
pub fn back_up(path: &Path, copy: &Path, text: &str) -> Result<(), FileError> {
    write_new(copy, text, mode(path)).map_err(|cause| FileError::Io {
        path: copy.display().to_string(),
        what: "written",
        cause,
    })
}

/// A name beside a file that nothing has yet.
pub fn free_name(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut candidates = (1_u32..).map(|n| {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        path.with_file_name(format!("{name}.{what}{number}"))
    });
    candidates.find(|candidate| candidate.symlink_metadata().is_err()).unwrap_or_else(|| path.to_owned())
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    // What a process leaves out of new files' modes does not count for a copy.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The mode of a file; of one that is not there, that nobody else reads it.
fn mode(path: &Path) -> u32 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).map_or(0o600, |metadata| metadata.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_text_of_sensible_length_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(FileError::NotAFile(_))));
        assert!(read(&folder.path().join("none")).unwrap().is_none());
        let binary = folder.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&binary), Err(FileError::NotText(_))));
        let long = folder.path().join("long");
        fs::File::create(&long).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(matches!(read(&long), Err(FileError::TooLong(_))));
    }

    #[test]
    fn a_file_that_changed_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let shown = digest(None);
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(replace(&path, shown, Some("ours")), Err(FileError::Changed(_))));
        assert!(matches!(replace(&path, digest(Some("other")), None), Err(FileError::Changed(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing stays behind");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("dotfiles.json"), folder.path().join("mcp.json"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o664)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, digest(Some("old")), Some("new")).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o664);
        let fresh = folder.path().join("sub").join("fresh.json");
        replace(&fresh, digest(None), Some("new")).unwrap();
        assert_eq!(fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o600);
        let copy = free_name(&real, "copy");
        back_up(&real, &copy, "old").unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o664);
        assert!(back_up(&real, &copy, "again").is_err(), "a copy is never overwritten");
        assert_ne!(free_name(&real, "copy"), copy);
    }
}
