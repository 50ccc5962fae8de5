//! Secrets asked for in a form: they would pass through this app, the log and the server's transport. The protocol
//! forbids it (MCP, elicitation: form mode); the person is told.

use super::{Elicitation, Mode};
use crate::inspect::{Finding, FindingKind, Severity, wants_a_secret};

/// A finding for each text of a form that asks for a secret: the message, and of each field its name, title and
/// description. None for an address: that is where secrets belong.
pub fn secret_requests(asked: &Elicitation) -> Vec<Finding> {
    let Mode::Form(form) = asked.mode() else { return Vec::new() };
    let mut findings: Vec<Finding> = found("/message", asked.message(), false).into_iter().collect();
    for field in form.fields() {
        let pointer = format!("/requestedSchema/properties/{}", field.name.replace('~', "~0").replace('/', "~1"));
        findings.extend(found(&pointer, &field.name, true));
        for (member, text) in [("title", &field.title), ("description", &field.description)] {
            findings.extend(text.as_deref().and_then(|text| found(&format!("{pointer}/{member}"), text, false)));
        }
    }
    findings
}

fn found(pointer: &str, text: &str, in_name: bool) -> Option<Finding> {
    let (span, what) = wants_a_secret(text)?;
    let scalars =
        |bytes: usize| u32::try_from(text.get(..bytes).map_or(0, |text| text.chars().count())).unwrap_or(u32::MAX);
    Some(Finding {
        kind: FindingKind::SecretRequest,
        severity: Severity::High,
        pointer: pointer.to_owned(),
        start: scalars(span.start),
        end: scalars(span.end),
        in_name,
        why: format!("It asks for {what} in a form. The protocol forbids that: what you type is seen by this server."),
        label: String::new(),
        decoded: None,
    })
}
