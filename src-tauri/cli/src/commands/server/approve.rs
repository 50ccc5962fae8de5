//! `samplegate server approve`, and what the other commands say about what a server was when it was approved.

use std::io::{self, IsTerminal as _};

use samplegate_engine::{
    engine::Engine,
    wire::{DifferenceKind, DifferenceView, PinFinding, PinSummary, PinView},
};
use serde_json::{Value, json};

use crate::{
    args::ServerApprove,
    exit::{Exit, Failure},
    output,
};

pub(super) async fn run(engine: &Engine, approve: ServerApprove) -> Result<Exit, Failure> {
    let ServerApprove { name, pin: wanted } = approve;
    let report = engine.test_server(&super::find(engine, &name)?).await;
    if !report.ok {
        output::note(&format!("{name} cannot be looked at now: {}", output::visible(&report.message)));
    }
    let Some(pin) = engine.pin_view(&name) else {
        return Err(Failure::usage(format!(
            "{name} was never pinned: it is when it may sample and is reached, see `samplegate server set {name} --sampling ask`"
        )));
    };
    let Some(drift) = &pin.drift else {
        output::note(&format!("{name} is what you approved on {}: {}", pin.summary.at, words(&pin.summary)));
        return Ok(Exit::Done);
    };
    output::note(&format!("{name} changed since you approved it on {}:", pin.summary.at));
    drift.differences.iter().for_each(show);
    drift.findings.iter().for_each(show_finding);
    let sha256 = match wanted {
        Some(wanted) if wanted == drift.sha256 => wanted,
        Some(_) => {
            return Err(Failure::usage(format!("that is not what {name} is now, which is {}", drift.sha256)));
        }
        None if !io::stdin().is_terminal() => {
            return Err(Failure::usage(format!(
                "approve it in a terminal, or say what you approve: --pin {}",
                drift.sha256
            )));
        }
        None => {
            output::ask(&format!("Approve {name} as it is now ({})? [y/N] ", drift.sha256));
            let mut answer = String::new();
            io::stdin().read_line(&mut answer)?;
            if !matches!(answer.trim(), "y" | "Y" | "yes") {
                output::note("Nothing was approved; its rules and grants stay suspended.");
                return Ok(Exit::Denied);
            }
            drift.sha256.clone()
        }
    };
    let sha256 = sha256.parse().map_err(Failure::usage)?;
    engine.approve_server(&name, sha256).await?;
    output::note(&format!("{name} is approved as it is now; its rules and grants count again."));
    Ok(Exit::Done)
}

fn show(difference: &DifferenceView) {
    let change = match difference.change {
        DifferenceKind::Added => "added",
        DifferenceKind::Removed => "removed",
        DifferenceKind::Changed => "changed",
    };
    let of = difference.tool.as_ref().map(|tool| format!(" {}", output::inline(tool))).unwrap_or_default();
    let what = match (&difference.tool, difference.what.as_str()) {
        (Some(_), "tool") => format!("tool{of}"),
        (Some(_), what) => format!("{} of tool{of}", output::inline(what)),
        (None, what) => what.to_owned(),
    };
    output::note(&format!("  {what} {change}"));
    let lines = |sign: char, text: &Option<String>| {
        for line in text.iter().flat_map(|text| text.lines()) {
            output::note(&format!("    {sign} {}", output::visible(line)));
        }
    };
    lines('-', &difference.before);
    lines('+', &difference.after);
}

fn show_finding(found: &PinFinding) {
    let place = found
        .tool
        .as_ref()
        .map_or_else(|| "in its instructions".to_owned(), |tool| format!("in its tool {}", output::inline(tool)));
    let kind = &found.finding.kind;
    output::note(&format!("  ! {kind} {place}: {}", output::visible(&found.finding.why)));
}

/// Says what inspection found in a server that was just added.
pub(super) fn tell_findings(engine: &Engine, name: &str) {
    let Some(pin) = engine.pin_view(name) else { return };
    output::note(&format!("{name} is pinned: {}.", words(&pin.summary)));
    if let (Some(why), Some(instead)) = (&pin.summary.unpinned, &pin.instead) {
        let (why, instead) = (output::visible(why), output::visible(instead));
        output::note(&format!("What it runs cannot be pinned: {why}. Write instead: {instead}."));
    }
    pin.findings.iter().for_each(show_finding);
}

fn words(summary: &PinSummary) -> String {
    output::inline(&summary.what.join(", "))
}

/// A word for a listing.
pub(super) fn state(pin: Option<&PinSummary>) -> &'static str {
    match pin {
        None => "not pinned",
        Some(PinSummary { changed: Some(_), .. }) => "changed",
        Some(PinSummary { flagged: true, .. }) => "flagged",
        Some(_) => "pinned",
    }
}

/// A pin in a line, as scripts read it.
pub(super) fn summary_json(pin: &PinSummary) -> Value {
    json!({
        "state": state(Some(pin)),
        "at": pin.at,
        "by": pin.by,
        "sha256": pin.sha256,
        "unpinned": pin.unpinned,
        "flagged": pin.flagged,
        "changed": pin.changed,
    })
}

/// A pin in full, as scripts read it.
pub(super) fn to_json(pin: &PinView) -> Value {
    let finding = |found: &PinFinding| json!({"tool": found.tool, "kind": found.finding.kind, "severity": found.finding.severity, "why": found.finding.why});
    let findings = |found: &[PinFinding]| found.iter().map(finding).collect::<Vec<_>>();
    let mut object = summary_json(&pin.summary);
    object["identity"] = pin.lines.iter().map(|line| (line.what.clone(), json!(line.text))).collect();
    object["tools"] =
        pin.tools.iter().map(|tool| serde_json::from_str::<Value>(&tool.text).unwrap_or_default()).collect();
    object["instead"] = json!(pin.instead);
    object["findings"] = json!(findings(&pin.findings));
    object["drift"] = pin.drift.as_ref().map_or(Value::Null, |drift| {
        json!({
            "at": drift.at,
            "sha256": drift.sha256,
            "differences": drift.differences,
            "findings": findings(&drift.findings),
        })
    });
    object
}

/// A pin as rows of a table.
pub(super) fn rows(pin: Option<&PinView>) -> Vec<Vec<String>> {
    let Some(pin) = pin else {
        return vec![vec!["pinned".into(), "no: it is when it may sample and is reached".into()]];
    };
    let mut rows =
        vec![vec!["pinned".to_owned(), format!("{} by {}", pin.summary.at, output::inline(&pin.summary.by))]];
    for line in &pin.lines {
        rows.push(vec![line.what.clone(), output::inline(&line.text)]);
    }
    let tools: Vec<&str> = pin.tools.iter().map(|tool| tool.name.as_str()).collect();
    rows.push(vec!["tools".into(), output::inline(&tools.join(", "))]);
    if let Some(instead) = &pin.instead {
        rows.push(vec!["write instead".into(), output::inline(instead)]);
    }
    let found = pin.drift.as_ref().map_or(&pin.findings, |drift| &drift.findings);
    for PinFinding { tool, finding } in found {
        let tool = tool.as_deref().unwrap_or("instructions");
        rows.push(vec!["found".into(), output::inline(&format!("{} in {tool}: {}", finding.kind, finding.why))]);
    }
    if let Some(changed) = &pin.summary.changed {
        rows.push(vec!["changed".into(), output::inline(changed)]);
        rows.push(vec!["".into(), "see it, and approve it anew: samplegate server approve".into()]);
    }
    rows
}
