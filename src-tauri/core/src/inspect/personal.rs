//! Personal data: e-mail addresses, card and account numbers, telephone numbers, paths of home folders.

mod numbers;

use super::{FindingKind, Severity, found::Found, walk::Text};

/// Finds personal data.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    emails(text.raw, found);
    homes(text.raw, found);
    numbers::scan(text, found);
}

/// Hosts that stand for none (RFC 2606), and those of automatic senders.
fn is_example(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    [
        "example.com",
        "example.org",
        "example.net",
        "domain.com",
        "email.com",
        "yourdomain.com",
        "company.com",
        "test.com",
        "users.noreply.github.com",
    ]
    .iter()
    .any(|known| host == *known || host.ends_with(&format!(".{known}")))
        || [".example", ".test", ".invalid", ".localhost", ".local"].iter().any(|suffix| host.ends_with(suffix))
}

fn emails(text: &str, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut scheme = None;
    for at in memchr::memchr_iter(b'@', bytes) {
        let local_char =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'');
        let length = bytes[..at].iter().rev().take(64).take_while(|byte| local_char(byte)).count();
        let host_char = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let host_length = bytes[at + 1..].iter().take(253).take_while(|byte| host_char(byte)).count();
        let local = text[at - length..at].trim_start_matches(['.', '\'', '-', '%']);
        let host = text[at + 1..at + 1 + host_length].trim_end_matches(['.', '-']);
        let start = at - local.len();
        let Some((name, suffix)) = host.rsplit_once('.') else { continue };
        let plausible = !local.is_empty()
            && local.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && !name.is_empty()
            && !name.starts_with('.')
            && !host.contains("..")
            && (2..=24).contains(&suffix.len())
            && suffix.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !matches!(
                suffix,
                "png"
                    | "jpg"
                    | "jpeg"
                    | "svg"
                    | "gif"
                    | "webp"
                    | "js"
                    | "ts"
                    | "py"
                    | "rs"
                    | "css"
                    | "json"
                    | "md"
                    | "service"
                    | "scss"
                    | "html"
            );
        // The user of an address, or of a repository, is not a mailbox.
        let of_url = text[..start].ends_with("://")
            || start > 0
                && bytes[start - 1] == b':'
                && scheme.get_or_insert_with(|| memchr::memmem::find(bytes, b"://")).is_some_and(|at| at + 3 < start)
                && bytes.get(start.wrapping_sub(2)).is_some_and(u8::is_ascii_alphanumeric);
        let of_repository = matches!(local, "git" | "hg")
            || text[at + 1 + host.len()..].starts_with(':')
                && text[at + 2 + host.len()..].starts_with(|c: char| c.is_ascii_alphabetic());
        if !plausible || of_url || of_repository {
            continue;
        }
        let automatic = ["noreply", "no-reply", "donotreply"].contains(&local);
        let severity = if is_example(host) || automatic { Severity::Info } else { Severity::Low };
        found.add(FindingKind::Email, severity, start..at + 1 + host.len(), || "An e-mail address.".into());
    }
}

/// Names of home folders that are nobody's.
const NOBODY: &[&str] = &[
    "user",
    "users",
    "username",
    "user_name",
    "yourname",
    "yourusername",
    "your-username",
    "your_user",
    "you",
    "me",
    "name",
    "runner",
    "ubuntu",
    "app",
    "node",
    "shared",
    "public",
    "default",
    "guest",
    "vscode",
    "ec2-user",
    "circleci",
    "travis",
    "jovyan",
    "pi",
    "admin",
    "linuxbrew",
    "git",
    "someone",
    "somebody",
    "foo",
    "bar",
    "example",
    "myuser",
    "youruser",
    "appuser",
    "test",
    "home",
    "deploy",
    "developer",
    "dev",
    "root",
    "page",
    "index",
    "vagrant",
    "jenkins",
    "build",
    "builder",
    "gitpod",
    "codespace",
    "all users",
];

fn homes(text: &str, found: &mut Found) {
    for (prefix, separator) in [("/home/", '/'), ("/Users/", '/'), (":\\Users\\", '\\'), (":\\\\Users\\\\", '\\')] {
        for at in memchr::memmem::find_iter(text.as_bytes(), prefix.as_bytes()) {
            let after = &text[at + prefix.len()..];
            let name_end = after
                .find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-'))
                .unwrap_or(after.len().min(after.floor_char_boundary(64)));
            let name = after[..name_end.min(after.floor_char_boundary(64))].trim_end_matches('.');
            let bytes = text.as_bytes();
            // A path within an address, or within another path, is no home.
            let begins = at == 0
                || !bytes[at - 1].is_ascii_alphanumeric() && !matches!(bytes[at - 1], b'.' | b'}' | b'/' | b'_' | b'-')
                || separator == '\\';
            let goes_on = after[name.len()..].starts_with(separator);
            if name.len() < 2
                || !begins
                || NOBODY.contains(&name.to_lowercase().as_str())
                || !goes_on && name.contains('.')
            {
                continue;
            }
            let start = if separator == '\\' { at.saturating_sub(1) } else { at };
            found.add(FindingKind::HomePath, Severity::Low, start..at + prefix.len() + name.len(), || {
                "A path that names a person's home folder.".into()
            });
        }
    }
}
