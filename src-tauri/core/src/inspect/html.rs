//! Text that a page would not show: comments, hidden elements, markdown's comments.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{FindingKind, Severity, found::Found, walk::Text};

/// How far a tag, and how far a hidden element, is followed, in bytes.
const TAG: usize = 2000;
const ELEMENT: usize = 50_000;
/// How far the ends of hidden elements are looked for, all of a text's together, in bytes.
const SEARCHED: usize = 8 << 20;

/// Styles that hide what they are given to.
static HIDING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*(?:0|0?\.0\d*)\s*(?:[;\x22'!]|$)",
        r"|font-size\s*:\s*(?:0|0?\.\d+|1)\s*(?:px|pt|em|rem|%)?\s*(?:[;\x22'!]|$)",
        r"|(?:left|top|right|text-indent|margin-left|margin-top)\s*:\s*-\d{3,}",
        r"|(?:^|[;\x22'\s])color\s*:\s*(?:white|#fff(?:fff)?|transparent|rgba?\([^)]*,\s*0\s*\))\s*(?:[;\x22'!]|$)",
        r"|(?:max-)?(?:height|width)\s*:\s*[01](?:px)?\s*(?:[;\x22'!]|$)|clip-path\s*:\s*(?:inset\(100%|circle\(0)",
        r"|clip\s*:\s*rect\(\s*[01]|transform\s*:\s*scale\(0\)|mso-hide\s*:\s*all",
    ))
    .ok()
});

/// The attribute `hidden`, and inputs that are not shown.
static HIDDEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\s(?:hidden(?:\s|=|/|$)|type\s*=\s*["']?hidden)"#).ok());

/// Words that no comment for people has: they talk to a model.
static TO_A_MODEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)system ?:|\b(?:ai|assistants?|llms?|gpt|claude|gemini|copilot|ai agents?|the agent|chatbots?|language model|instructions?|prompts?",
        r"|reveal|exfiltrat\w*|passwords?|api[ _-]?keys?|credentials?|conversation|do not (?:tell|mention)",
        r"|ignore (?:all|any|the|previous|your)|forward (?:the|this|it|all)|send (?:the|all|it|this|an?)|instrucci\w+|instruç\w+|anweisung\w*)\b",
        r"|системн|инструкц|ассистент|模型|助手|指令|指示|系统|系統|システム|アシスタント|تعليمات|المساعد|निर्देश|सहायक",
    ))
    .ok()
});

/// Markdown's ways to write a comment: a link definition that nothing uses.
static MARKDOWN_COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)^ {0,3}\[(?://|comment|_|hidden|#)[^\]\n]{0,40}\]:\s*(?:#|<>|/)\s*[("']([^\n]{8,4000})[)"']\s*$"#)
        .ok()
});

fn matches(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// Finds hidden text.
pub(super) fn scan(text: &Text<'_>, found: &mut Found) {
    let raw = text.raw;
    let bytes = raw.as_bytes();
    let mut at = 0;
    // Where no comment ends after here, none needs to be looked for: this keeps the time linear.
    let mut unclosed = false;
    let mut left = SEARCHED;
    while let Some(next) = memchr::memchr(b'<', &bytes[at..]) {
        let start = at + next;
        at = start + 1;
        let rest = &raw[start..];
        if rest.starts_with("<!--") {
            let end = if unclosed { None } else { memchr::memmem::find(&bytes[start..], b"-->") };
            unclosed |= end.is_none();
            let (body, end) = match end {
                Some(end) => (start + 4.min(end)..start + end, start + end + 3),
                None => (
                    start + 4..raw.len().min(boundary(raw, start + ELEMENT)),
                    raw.len().min(boundary(raw, start + ELEMENT)),
                ),
            };
            comment(text, body, start..end, found);
            at = end.max(at);
        } else if rest.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) {
            let window = &bytes[start..bytes.len().min(start + TAG)];
            let Some(length) = memchr::memchr(b'>', window) else { continue };
            at = element(text, start, start + length + 1, &mut left, found).max(at);
        }
    }
    if raw.contains("]:") {
        for captures in MARKDOWN_COMMENT.iter().flat_map(|regex| regex.captures_iter(raw)) {
            if let (Some(whole), Some(body)) = (captures.get(0), captures.get(1)) {
                comment(text, body.range(), whole.range(), found);
            }
        }
    }
}

fn comment(text: &Text<'_>, body: Range<usize>, span: Range<usize>, found: &mut Found) {
    let Some(body) = text.raw.get(body) else { return };
    let words = words(body);
    let severity = match (words, text.in_code(span.start)) {
        (0..=2, _) => return,
        (3.., false) if matches(&TO_A_MODEL, body) => Severity::Medium,
        (3.., _) => Severity::Info,
    };
    found.add(FindingKind::HiddenHtml, severity, span, || {
        format!("A comment of {words} words, which a page would not show.")
    });
}

/// Takes up an element if it is hidden, and gives where to go on: what stands in a hidden one is hidden with it.
fn element(text: &Text<'_>, start: usize, opened: usize, left: &mut usize, found: &mut Found) -> usize {
    let raw = text.raw;
    let tag = &raw[start..opened];
    // A tag without attributes hides nothing, and most have none.
    let name_length = tag[1..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = &tag[1..1 + name_length];
    let template = name.eq_ignore_ascii_case("template") || name.eq_ignore_ascii_case("noscript");
    let attributes = &tag[1 + name_length..tag.len() - 1];
    let hidden = attributes.len() > 4 && (styled(attributes) || matches(&HIDDEN, attributes));
    if !hidden && !template {
        return opened;
    }
    let window = &raw[opened..boundary(raw, opened + ELEMENT)];
    let close = closing(window, name, left);
    let content = &window[..close];
    // An input has its text in an attribute.
    let words =
        words(&without_tags(content)).max(if name.eq_ignore_ascii_case("input") { words(attributes) / 2 } else { 0 });
    let severity = match (words, text.in_code(start)) {
        (0..=2, _) => return opened + close,
        (_, false) if !template || matches(&TO_A_MODEL, content) => Severity::Medium,
        _ => Severity::Info,
    };
    found.add(FindingKind::HiddenHtml, severity, start..opened + close, || {
        format!("An element of {words} words that a page would not show.")
    });
    opened + close
}

fn styled(attributes: &str) -> bool {
    let names =
        |start: usize| attributes.as_bytes()[start..].get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"style"));
    memchr::memchr2_iter(b's', b'S', attributes.as_bytes()).any(names) && matches(&HIDING, attributes)
}

/// Where the element ends: at its closing tag, or at the next line's end for want of one.
fn closing(window: &str, name: &str, left: &mut usize) -> usize {
    let near = &window.as_bytes()[..window.len().min(*left)];
    let closes = |at: &usize| {
        near.get(at + 2..at + 2 + name.len()).is_some_and(|closes| closes.eq_ignore_ascii_case(name.as_bytes()))
    };
    let close = memchr::memmem::find_iter(near, b"</").find(closes);
    *left -= close.unwrap_or(near.len());
    close.or_else(|| window.find('\n')).unwrap_or(window.len())
}

fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

/// Words as a person would read them; scripts without spaces count by two characters.
fn words(text: &str) -> usize {
    let spaced = text.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2).count();
    let wide = text.chars().filter(|c| matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')).count();
    spaced + wide / 2
}

fn boundary(text: &str, at: usize) -> usize {
    if at >= text.len() { text.len() } else { text.floor_char_boundary(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_element_is_looked_for_within_bounds() {
        let mut left = 40;
        assert_eq!(closing("text</b></P> more", "p", &mut left), 8);
        assert_eq!(left, 32);
        assert_eq!(closing("what has no end\nand goes on for more than is left of it", "p", &mut left), 15);
        assert_eq!(left, 0);
        assert_eq!(closing("text</p>", "p", &mut left), 8, "to the end, for want of a line's");
    }
}
