//! Roots: the folders a server is told when it asks which ones matter (`roots/list`).
//!
//! Told, not given: a root lets a server do nothing that it could not do before. What a confined server may reach is in
//! its [`Confinement`](super::Confinement).

use std::fmt::Write as _;

use super::InvalidSetting;

/// Checks that roots are absolute, name their folder without detours, and stand there once.
///
/// # Errors
/// Names the root and says what to write.
pub(super) fn check_roots(roots: &[String]) -> Result<(), InvalidSetting> {
    for (at, root) in roots.iter().enumerate() {
        let wrong = |why: &str| Err(InvalidSetting(format!("the root {root:?} {why}")));
        if form(root).is_none() {
            return wrong("is not absolute: write the whole path of the folder, without ~");
        }
        if root.split(['/', '\\']).any(|part| part == "..") {
            return wrong("has `..` in it: write the path of the folder itself");
        }
        if roots[..at].contains(root) {
            return wrong("is there twice");
        }
    }
    Ok(())
}

/// The form of an absolute path.
enum Form<'a> {
    /// `/home/me`.
    Unix(&'a str),
    /// `C:\Users\me`: the drive and what follows it.
    Drive(&'a str, &'a str),
    /// `\\server\share`: what follows the two strokes.
    Share(&'a str),
}

fn form(path: &str) -> Option<Form<'_>> {
    let bytes = path.as_bytes();
    match bytes {
        [b'\\', b'\\', b'?' | b'.', ..] => None,
        [b'\\', b'\\', rest @ ..] if !rest.is_empty() => Some(Form::Share(&path[2..])),
        [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic() => Some(Form::Drive(&path[..2], &path[2..])),
        [b'/', ..] => Some(Form::Unix(path)),
        _ => None,
    }
}

/// A root as a `file://` URI (RFC 8089): `C:\a b` is `file:///C:/a%20b`. All but letters, digits and `-._~/` is encoded,
/// as UTF-8.
pub fn root_uri(path: &str) -> String {
    let (mut uri, rest, slashes) = match form(path) {
        Some(Form::Drive(drive, rest)) => (format!("file:///{drive}"), rest, true),
        Some(Form::Share(rest)) => ("file://".to_owned(), rest, true),
        Some(Form::Unix(path)) => ("file://".to_owned(), path, false),
        // The settings hold none; said as a path below nothing.
        None => ("file:///".to_owned(), path, false),
    };
    for byte in rest.bytes() {
        match byte {
            b'\\' if slashes => uri.push('/'),
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(byte)),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

/// The name of a root's folder; all of it where it has none.
pub fn root_name(path: &str) -> &str {
    let parts = match form(path) {
        Some(Form::Drive(_, rest) | Form::Share(rest)) => rest.rsplit(['/', '\\'].as_slice()),
        Some(Form::Unix(_)) | None => path.rsplit(['/'].as_slice()),
    };
    parts.into_iter().find(|part| !part.is_empty()).unwrap_or(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_told_as_a_uri_that_reads_back_as_its_path() {
        for (path, uri, name) in [
            ("/", "file:///", "/"),
            ("/home/me/a b", "file:///home/me/a%20b", "a b"),
            ("/home/me/50%#?&+@:/x/", "file:///home/me/50%25%23%3F%26%2B%40%3A/x/", "x"),
            ("/home/Jürgen/日本", "file:///home/J%C3%BCrgen/%E6%97%A5%E6%9C%AC", "日本"),
            ("/odd\\name", "file:///odd%5Cname", "odd\\name"),
            ("C:\\Users\\Me\\a b", "file:///C:/Users/Me/a%20b", "a b"),
            ("d:/work", "file:///d:/work", "work"),
            ("\\\\nas\\share\\ü", "file://nas/share/%C3%BC", "ü"),
        ] {
            assert_eq!((root_uri(path).as_str(), root_name(path)), (uri, name));
            let read = url::Url::parse(&root_uri(path)).unwrap();
            assert_eq!(read.as_str(), uri, "a reader changes nothing of it");
        }
        let path = if cfg!(windows) { "C:\\Jürgen\\50% [a]\\x" } else { "/home/Jürgen/50% [a]\u{7f}/x\ny" };
        assert_eq!(url::Url::parse(&root_uri(path)).unwrap().to_file_path().unwrap().to_str(), Some(path));
    }

    #[test]
    fn a_root_is_absolute_and_takes_no_detour() {
        let check = |roots: &[&str]| check_roots(&roots.iter().map(|root| (*root).to_owned()).collect::<Vec<_>>());
        assert_eq!(check(&["/a", "/a/..b", "C:\\x", "\\\\nas\\share", "/"]), Ok(()));
        for (roots, why) in [
            (vec!["a"], "absolute"),
            (vec!["~/a"], "absolute"),
            (vec![""], "absolute"),
            (vec!["C:x"], "absolute"),
            (vec!["\\\\?\\C:\\x"], "absolute"),
            (vec!["/a/../b"], ".."),
            (vec!["C:\\a\\.."], ".."),
            (vec!["/a", "/b", "/a"], "twice"),
        ] {
            assert!(check(&roots).unwrap_err().to_string().contains(why), "{roots:?}");
        }
    }
}
