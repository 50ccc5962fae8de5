//! What inspection found: one row for each, with why and what can be done; a run of the same hidden character is one row.

use samplegate_engine::wire::{FindingView, Severity};
use serde_json::Value;

use super::{Page, bad, muted};
use crate::output::inline;

/// Lines of decoded text that are shown; all of it is in the raw findings of the log.
const DECODED_LINES: usize = 12;
/// Kinds whose characters are not seen, so that many of the same say no more than one.
const HIDDEN: &[&str] = &["bidi", "zero_width", "variation_selector", "filler", "soft_hyphen", "control", "ansi"];

pub(super) fn findings(page: &mut Page, findings: &[FindingView]) {
    let rows = rows(findings);
    if rows.is_empty() {
        return;
    }
    page.heading(&format!(
        "Look at {} before you decide",
        if rows.len() == 1 { "one thing".into() } else { format!("{} things", rows.len()) }
    ));
    for (finding, count) in rows {
        let grave = matches!(finding.severity, Severity::High | Severity::Critical);
        let many = if count > 1 { format!(" ({count} times)") } else { String::new() };
        let line = format!("  {} {}{many}", place(finding), finding.why);
        page.line(&if grave { bad(&line) } else { inline(&line) });
        page.line(&muted(&format!("    {}", finding.advice)));
        decoded(page, finding.decoded.as_deref());
    }
}

fn place(finding: &FindingView) -> String {
    if finding.in_name { format!("the name of the field {}", finding.pointer) } else { finding.pointer.clone() }
}

fn decoded(page: &mut Page, text: Option<&str>) {
    let Some(text) = text else { return };
    page.line(&muted("    Decoded:"));
    let mut lines = text.split('\n');
    for line in lines.by_ref().take(DECODED_LINES) {
        page.foreign(line);
    }
    let more = lines.count();
    if more > 0 {
        page.line(&muted(&format!("    and {more} more lines; `samplegate inspect` prints all of it")));
    }
}

/// The findings with equal ones of hidden characters as one, and how many each stands for.
fn rows(findings: &[FindingView]) -> Vec<(&FindingView, u32)> {
    let mut rows: Vec<(&FindingView, u32)> = Vec::new();
    for finding in findings {
        let alike = |(row, _): &&mut (&FindingView, u32)| {
            HIDDEN.contains(&finding.kind.as_str())
                && (&row.kind, &row.pointer, row.in_name, &row.why, &row.decoded)
                    == (&finding.kind, &finding.pointer, finding.in_name, &finding.why, &finding.decoded)
        };
        match rows.iter_mut().find(alike) {
            Some((_, count)) => *count += 1,
            None => rows.push((finding, 1)),
        }
    }
    rows
}

/// The text that a finding is about, in one line.
pub(crate) fn spanned(object: &Value, finding: &FindingView) -> String {
    let name = || finding.pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let text = match object.pointer(&finding.pointer) {
        _ if finding.in_name => name(),
        Some(Value::String(text)) => text.clone(),
        Some(_) | None => return String::new(),
    };
    let (start, end) = (finding.start as usize, finding.end as usize);
    let shown: String = text.chars().skip(start).take(end.saturating_sub(start).min(60)).collect();
    let cut = if end.saturating_sub(start) > 60 { "…" } else { "" };
    inline(&format!("{shown}{cut}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: &str, start: u32, why: &str) -> FindingView {
        FindingView {
            kind: kind.into(),
            severity: Severity::High,
            pointer: "/a".into(),
            start,
            end: start + 3,
            in_name: false,
            why: why.into(),
            advice: "Remove it.".into(),
            label: String::new(),
            decoded: None,
            is_data: false,
        }
    }

    #[test]
    fn the_same_hidden_character_many_times_is_one_row() {
        let list =
            [finding("zero_width", 0, "U+200B"), finding("email", 4, "mail"), finding("zero_width", 8, "U+200B")];
        let rows: Vec<(&str, u32)> = rows(&list).into_iter().map(|(row, count)| (row.kind.as_str(), count)).collect();
        assert_eq!(rows, [("zero_width", 2), ("email", 1)]);
        // Two addresses are two things.
        assert_eq!(super::rows(&[finding("email", 0, "mail"), finding("email", 9, "mail")]).len(), 2);
    }

    #[test]
    fn the_text_of_a_finding_is_cut_where_it_is() {
        assert_eq!(spanned(&serde_json::json!({"a": "xyé z"}), &finding("email", 1, "")), "yé ");
        let named = FindingView { in_name: true, pointer: "/a~1b".into(), ..finding("email", 0, "") };
        assert_eq!(spanned(&serde_json::json!({"a/b": 1}), &named), "a/b");
    }
}
