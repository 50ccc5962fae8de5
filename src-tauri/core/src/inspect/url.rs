//! Addresses in text, found by `://` and cut into the parts that matter here.

use std::ops::Range;

use memchr::memmem;

/// An address, its parts as they stand in the text.
#[derive(Debug, Clone)]
pub(super) struct Url<'a> {
    /// In bytes.
    pub(super) span: Range<usize>,
    pub(super) scheme: &'a str,
    /// What stands before `@`, if there is one.
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    /// Where the host begins, in bytes of the text.
    pub(super) host_at: usize,
    /// Path, query and fragment.
    pub(super) rest: &'a str,
}

/// How many addresses within it an address is followed through: a text without blanks would be read again for each.
const NESTED: usize = 8;

/// Every address in a text, in order.
pub(super) fn urls(text: &str) -> Vec<Url<'_>> {
    let starts: Vec<usize> = memmem::find_iter(text.as_bytes(), b"://").collect();
    let ends = starts.iter().skip(NESTED).copied().chain(std::iter::repeat(text.len()));
    starts.iter().zip(ends).filter_map(|(at, end)| url_around(text.get(..end)?, *at)).collect()
}

/// The address at the beginning of `text`, which stands at `offset`.
pub(super) fn parse(text: &str, offset: usize) -> Option<Url<'_>> {
    let at = text.get(..40.min(text.len())).unwrap_or(text).find("://")?;
    let mut url = url_around(text, at)?;
    if url.span.start != 0 {
        return None;
    }
    url.span = offset..offset + url.span.end;
    url.host_at += offset;
    Some(url)
}

fn url_around(text: &str, at: usize) -> Option<Url<'_>> {
    let scheme_char = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = text.as_bytes()[..at].iter().rev().take(24).take_while(|byte| scheme_char(byte)).count();
    let start = at - length;
    let scheme = text.get(start..at).filter(|scheme| scheme.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    let after = text.get(at + 3..)?;
    let length = after.find(ends).unwrap_or(after.len());
    let body = after.get(..length)?.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '\'']);
    let authority_end = body.find(['/', '?', '#', '\\']).unwrap_or(body.len());
    let authority = body.get(..authority_end)?;
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let host_at = at + 3 + authority_end - host.len();
    let host = host.split(':').next().unwrap_or(host);
    Some(Url { span: start..at + 3 + body.len(), scheme, user, host, host_at, rest: body.get(authority_end..)? })
}

fn ends(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '"' | '<' | '>' | '`' | ')' | ']' | '|' | '\0'..='\u{1f}')
        || matches!(c, '。' | '，' | '、' | '」' | '）' | '；' | '】' | '》' | '”' | '’')
}

/// The part of a host that somebody registered: its last two labels, or three under the common two-part suffixes.
pub(crate) fn registered(host: &str) -> String {
    let host = host.trim_end_matches('.').to_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let two_part = labels.len() >= 3
        && matches!(labels[labels.len() - 2], "co" | "com" | "org" | "net" | "gov" | "ac" | "edu" | "or" | "ne" | "go")
        && labels[labels.len() - 1].len() == 2;
    let take = if two_part { 3 } else { 2 };
    labels[labels.len().saturating_sub(take)..].join(".")
}

/// Each `key=value` of the query.
pub(super) fn query(rest: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or(query);
    query.split(['&', ';']).filter_map(|pair| pair.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_blanks_are_not_read_again_and_again() {
        let text = "http://a/?".repeat(2000);
        let urls = urls(&text);
        assert_eq!(urls.len(), 2000);
        let read: usize = urls.iter().map(|url| url.span.len()).sum();
        assert!(read <= (NESTED + 1) * text.len(), "{read} of {}", text.len());
        // One within another is whole.
        let text = "https://a.test/login?next=https://b.test/path end";
        let spans: Vec<&str> = super::urls(text).iter().map(|url| &text[url.span.clone()]).collect();
        assert_eq!(spans, ["https://a.test/login?next=https://b.test/path", "https://b.test/path"]);
    }
}
