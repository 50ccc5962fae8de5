//! Links and images: those that run programs, lead elsewhere than they say, or carry data out.

mod exfil;

use std::{collections::HashSet, ops::Range};

use exfil::{carries, is_carrier, is_place};

use super::{
    FindingKind, Severity,
    found::Found,
    url::{self, Url},
    walk::Text,
};

/// How far back a link's text, and how far its address, is followed, in bytes.
const LABEL: usize = 300;
const ADDRESS: usize = 8000;
/// The longest scheme that is looked for, with its colon, in bytes.
const SCHEME: usize = 16;

/// Finds what links and images do.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    links(text, found);
    definitions(text, found);
    attributes(text, found);
    plain(text, found);
}

/// A link or an image: its text, its address and where that is.
struct Link<'a> {
    image: bool,
    label: &'a str,
    address: &'a str,
    /// All of it, in bytes.
    span: Range<usize>,
}

/// `[text](address)` and `![text](address)`.
fn links(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let bytes = raw.as_bytes();
    let mut unclosed = 0;
    for at in memchr::memmem::find_iter(bytes, b"](") {
        // What stands in an address that never ends is no link either, and would be followed again and again.
        if at < unclosed {
            continue;
        }
        let back = raw.ceil_char_boundary(at.saturating_sub(LABEL));
        let Some(open) = opening(&bytes[back..at]) else { continue };
        let open = back + open;
        let image = open > 0 && bytes[open - 1] == b'!';
        let start = if image { open - 1 } else { open };
        if text.in_code(start) || start > 0 && bytes[start - 1] == b'`' {
            continue;
        }
        let after = &raw[at + 2..raw.floor_char_boundary((at + 2 + ADDRESS).min(raw.len()))];
        let (address, length) = destination(after);
        if length >= after.len() && !after.ends_with(')') {
            unclosed = at + 2 + length;
        }
        check(&Link { image, label: &raw[open + 1..at], address, span: start..at + 2 + length }, found);
    }
}

/// The bracket that opens the one at the end.
fn opening(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0;
    bytes.iter().rposition(|byte| {
        match byte {
            b']' => depth += 1,
            b'[' if depth == 0 => return true,
            b'[' => depth -= 1,
            _ => {}
        }
        false
    })
}

/// The address at the beginning, and how long it is with its title and bracket (CommonMark 6.3).
fn destination(text: &str) -> (&str, usize) {
    if let Some(rest) = text.strip_prefix('<')
        && let Some(end) = rest.find(['>', '\n'])
    {
        return (&rest[..end], (end + 2 + rest[end + 1..].find(')').map_or(0, |at| at + 1)).min(text.len()));
    }
    let mut depth = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            '\n' => return Some(at),
            _ => {}
        }
        None
    });
    let whole = &text[..end.unwrap_or(text.len())];
    // A title may follow in quotes; a blank elsewhere belongs to what is carried.
    let address = whole.find(" \"").map_or(whole, |title| &whole[..title]);
    (address.trim(), whole.len() + usize::from(text[whole.len()..].starts_with(')')))
}

/// `[name]: address` at the beginning of a line.
fn definitions(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let images = references(raw);
    for at in memchr::memmem::find_iter(raw.as_bytes(), b"]: ") {
        let back = raw.ceil_char_boundary(at.saturating_sub(LABEL));
        let Some(open) = raw[back..at].rfind(['[', '\n']).map(|open| back + open) else { continue };
        let begins_line = open == 0 || raw.as_bytes()[..open].ends_with(b"\n");
        if raw.as_bytes()[open] != b'[' || !begins_line || text.in_code(open) {
            continue;
        }
        let rest = &raw[at + 3..raw.floor_char_boundary((at + 3 + ADDRESS).min(raw.len()))];
        let address = rest.split(char::is_whitespace).next().unwrap_or(rest);
        let image = images.contains(&raw[open + 1..at]);
        check(&Link { image, label: "", address, span: open..at + 3 + address.len() }, found);
    }
}

/// Names that images refer to: `![text][name]` and `![name]`.
fn references(raw: &str) -> HashSet<&str> {
    let names = memchr::memmem::find_iter(raw.as_bytes(), "![").filter_map(|at| {
        let window = &raw[at + 2..raw.floor_char_boundary((at + 2 + LABEL).min(raw.len()))];
        let (label, rest) = window.split_once(']')?;
        let name = rest.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
        Some(if name.is_empty() { label } else { name })
    });
    names.collect()
}

/// `href`, `src` and their like in HTML.
fn attributes(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    for at in memchr::memchr_iter(b'=', raw.as_bytes()) {
        let name: &str = raw[..at].trim_end_matches(' ');
        let from = name.len().saturating_sub(10);
        let name = name.get(name.ceil_char_boundary(from)..).unwrap_or_default();
        let name = name.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !["href", "src", "action", "srcset", "background", "poster", "data", "formaction"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
            || text.in_code(at)
        {
            continue;
        }
        let rest = raw[at + 1..].trim_start_matches(' ');
        let start = raw.len() - rest.len();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let window = &rest[1..rest.floor_char_boundary(ADDRESS.min(rest.len())).max(1)];
        let Some(end) = window.find(quote) else { continue };
        let image = !name.eq_ignore_ascii_case("href");
        let after = &window[end + 1..];
        // The text of `<a href="…">text</a>`.
        let label = after
            .split_once('>')
            .filter(|(tag, _)| !image && tag.len() < LABEL)
            .map_or("", |(_, inner)| inner.split('<').next().unwrap_or(""));
        let tag_is_open = raw.as_bytes()[at.saturating_sub(LABEL)..at].contains(&b'<');
        if tag_is_open {
            check(&Link { image, label, address: &window[..end], span: start + 1..start + 1 + end }, found);
        }
    }
}

/// Addresses that stand in the text as they are.
fn plain(text: &Text<'_>, found: &mut Found) {
    for url in &text.urls {
        if url.user.is_some_and(|user| user.contains('.') && !user.contains(':')) && !text.in_code(url.span.start) {
            let (user, host) = (url.user.unwrap_or_default().to_owned(), url.host.to_owned());
            found.add(FindingKind::LinkMismatch, Severity::Medium, url.span.clone(), || {
                format!("It looks like a link to {user} and leads to {host}.")
            });
        }
        if matches!(url.scheme, "http" | "https") && disguised(url.host) {
            found.add(FindingKind::ActiveUrl, Severity::Medium, url.span.clone(), || {
                "A host written as a bare number, which hides where it leads.".into()
            });
        }
        let open = text.raw[url.span.end..].starts_with(['<', '{', '[']);
        let placed = url::query(url.rest)
            .any(|(key, value)| is_carrier(key) && (is_place(value) || open && value.is_empty()))
            || open
                && url.rest.ends_with('=')
                && url.rest.rsplit(['?', '&']).next().is_some_and(|key| is_carrier(key.trim_end_matches('=')));
        if placed && !text.in_code(url.span.start) && !linked(text.raw, url.span.start) {
            found.add(FindingKind::MdExfil, Severity::Medium, url.span.clone(), || {
                "An address with a place for data to be filled in.".into()
            });
        }
    }
    autolinks(text, found);
}

/// Whether the address is that of a link, which is looked at as such.
fn linked(raw: &str, at: usize) -> bool {
    raw[..at].ends_with("](") || raw[..at].ends_with("](<")
}

/// `<javascript:…>`.
fn autolinks(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let bytes = raw.as_bytes();
    for open in memchr::memchr_iter(b'<', bytes) {
        let scheme = &bytes[open + 1..bytes.len().min(open + 1 + SCHEME)];
        if memchr::memchr2(b':', b'<', scheme).is_none_or(|end| scheme[end] != b':') {
            continue;
        }
        let rest = &raw[open + 1..raw.floor_char_boundary((open + ADDRESS).min(raw.len()))];
        if let Some(end) = rest.find(['>', '\n', '<', ' ']).filter(|end| rest[*end..].starts_with('>'))
            && !text.in_code(open)
            && let Some((severity, why)) = active(&rest[..end])
            && !rest.starts_with("file:")
        {
            found.add(FindingKind::ActiveUrl, severity, open + 1..open + 1 + end, || why.into());
        }
    }
}

fn check(link: &Link<'_>, found: &mut Found) {
    let span = || link.span.clone();
    if let Some((severity, why)) = active(link.address) {
        found.add(FindingKind::ActiveUrl, severity, span(), || why.into());
        return;
    }
    let Some(url) = url::parse(link.address.trim_start_matches("//"), 0) else { return };
    // All of the address, blanks and brackets included.
    let url = Url { rest: link.address.get(url.host_at + url.host.len()..).unwrap_or(url.rest), ..url };
    if let Some(named) = named_host(link.label)
        && url::registered(&named) != url::registered(url.host)
        && !link.image
    {
        found.add(FindingKind::LinkMismatch, Severity::Medium, span(), || {
            format!("The text names {named}, the link leads to {}.", url.host)
        });
    }
    if let Some((severity, why)) = carries(&url, link.image) {
        found.add(FindingKind::MdExfil, severity, span(), || why.into());
    }
}

/// Addresses that do more than lead somewhere.
fn active(address: &str) -> Option<(Severity, &'static str)> {
    let compact: String = address.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(80).collect();
    let compact = compact.to_ascii_lowercase().replace("&colon;", ":").replace("&tab;", "").replace("&newline;", "");
    let scheme = compact.split(':').next().filter(|scheme| scheme.len() < compact.len()).unwrap_or_default();
    Some(match scheme {
        "javascript" | "vbscript" | "livescript" => (Severity::High, "A link that runs a program."),
        "data"
            if ["data:text/html", "data:image/svg", "data:application", "data:text/javascript", "data:text/xml"]
                .iter()
                .any(|active| compact.starts_with(active)) =>
        {
            (Severity::High, "A link that holds a page of its own, which can run programs.")
        }
        "blob" | "filesystem" => (Severity::Medium, "A link to content that a program made."),
        "file" => (Severity::Medium, "A link to a file on this machine or a share."),
        "smb" | "ftp+smb" | "jar" | "shell" | "ms-msdt" | "search-ms" | "ms-officecmd" | "ms-word" | "ms-excel"
        | "ms-powerpoint" | "ms-appinstaller" | "res" | "mhtml" | "view-source" | "ldap" | "dict" | "gopher" => {
            (Severity::Medium, "A link that opens another program.")
        }
        _ if address.starts_with("\\\\") => {
            (Severity::Medium, "A link to a share, which gets the user's name when opened.")
        }
        _ => return None,
    })
}

/// The host that a link's text names, if it reads like an address.
fn named_host(label: &str) -> Option<String> {
    let label = label.trim().trim_matches(['`', '*', '_', '"', '<', '>']);
    let label = label.strip_prefix("https://").or_else(|| label.strip_prefix("http://")).unwrap_or(label);
    let host = label.split(['/', '?', '#', ':']).next()?.to_lowercase();
    let last = host.rsplit('.').next()?;
    let reads = host.contains('.')
        && !host.contains(char::is_whitespace)
        && host.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-'))
        && TOP_LEVEL.contains(&last);
    reads.then_some(host)
}

/// Suffixes that make a word read like a host; names of files have others.
const TOP_LEVEL: &[&str] = &[
    "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "io", "dev", "app", "ai", "co", "us", "uk", "de",
    "fr", "es", "it", "nl", "ch", "at", "be", "pl", "ru", "ua", "cn", "jp", "kr", "in", "br", "mx", "ar", "au", "ca",
    "nz", "za", "eu", "se", "no", "fi", "dk", "pt", "cz", "gr", "tr", "ir", "sa", "ae", "eg", "example", "test",
    "shop", "online", "site", "bank", "cloud",
];

/// A host that is a number in another notation than the usual one.
fn disguised(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let number = lower.strip_prefix("0x").map_or_else(
        || lower.len() >= 8 && lower.bytes().all(|byte| byte.is_ascii_digit()),
        |hex| hex.len() >= 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.'),
    );
    number || lower.contains(".0x")
}
