//! `samplegate server approve`, and what the other commands say about what a server was when it was approved.

use std::io::{self, IsTerminal as _};

use samplegate_engine::{
    engine::Engine,
    wire::{DifferenceKind, DifferenceView, PinFinding, PinSummary, PinView, ServerView},
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
        let why = format!("{name} was never reached, so there is nothing that could be approved");
        return Err(Failure::new(Exit::Server, why));
    };
    let sha256 = match (&pin.drift, &pin.summary.approved) {
        (Some(drift), Some(approved)) => {
            output::note(&format!("{name} changed since you approved it on {}:", approved.at));
            drift.differences.iter().for_each(show);
            drift.findings.iter().for_each(show_finding);
            &drift.sha256
        }
        (_, Some(approved)) => {
            output::note(&format!("{name} is what you approved on {}: {}", approved.at, words(&pin.summary)));
            return Ok(Exit::Done);
        }
        (_, None) => {
            output::note(&format!("You have not approved {name} yet. It is:"));
            show_all(&pin);
            &pin.summary.sha256
        }
    };
    let sha256 = match wanted {
        Some(wanted) if wanted == *sha256 => wanted,
        Some(_) => return Err(Failure::usage(format!("that is not what {name} is now, which is {sha256}"))),
        None if !io::stdin().is_terminal() => {
            let how = format!("approve it in a terminal, or say what you approve: --pin {sha256}");
            return Err(Failure::usage(how));
        }
        None => {
            output::ask(&format!("Approve {name} as it is now ({sha256})? [y/N] "));
            let mut answer = String::new();
            io::stdin().read_line(&mut answer)?;
            if !matches!(answer.trim(), "y" | "Y" | "yes") {
                output::note("Nothing was approved; no rule and no grant counts for it.");
                return Ok(Exit::Denied);
            }
            sha256.clone()
        }
    };
    let sha256 = sha256.parse().map_err(Failure::usage)?;
    engine.approve_server(&name, sha256).await?;
    output::note(&format!("{name} is approved as it is now; rules and grants count for it."));
    Ok(Exit::Done)
}

/// All that would be pinned.
fn show_all(pin: &PinView) {
    for line in &pin.lines {
        output::note(&format!("  {}: {}", line.what, output::inline(&line.text)));
    }
    if let Some(instead) = &pin.instead {
        output::note(&format!("  What it runs cannot be pinned. Write instead: {}", output::visible(instead)));
    }
    for tool in &pin.tools {
        output::note(&format!("  tool {}", output::inline(&tool.name)));
        tool.text.lines().for_each(|line| output::note(&format!("    {}", output::visible(line))));
    }
    pin.findings.iter().for_each(show_finding);
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
pub(super) fn state(server: &ServerView) -> &'static str {
    match &server.pin {
        _ if server.needs_approval => "not approved",
        None => "not pinned",
        Some(pin) => state_of(pin),
    }
}

fn state_of(pin: &PinSummary) -> &'static str {
    match pin {
        PinSummary { approved: None, .. } => "not approved",
        PinSummary { changed: Some(_), .. } => "changed",
        PinSummary { flagged: true, .. } => "flagged",
        PinSummary { .. } => "pinned",
    }
}

/// A pin in a line, as scripts read it.
pub(super) fn summary_json(pin: &PinSummary) -> Value {
    json!({
        "state": state_of(pin),
        "at": pin.approved.as_ref().map(|approved| &approved.at),
        "by": pin.approved.as_ref().map(|approved| &approved.by),
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
pub(super) fn rows(server: &ServerView, pin: Option<&PinView>) -> Vec<Vec<String>> {
    let Some(pin) = pin else {
        let name = &server.config.name;
        let how =
            format!("no: you have not approved it; see what it is, and approve it: samplegate server approve {name}");
        let no = if server.needs_approval { how } else { "no: it was never reached".to_owned() };
        return vec![vec!["pinned".into(), no]];
    };
    let approved = pin.summary.approved.as_ref();
    let approved = approved.map_or("no".to_owned(), |one| format!("{} by {}", one.at, output::inline(&one.by)));
    let mut rows = vec![vec!["pinned".to_owned(), approved]];
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
        let name = &server.config.name;
        rows.push(vec!["".into(), format!("see it, and approve it anew: samplegate server approve {name}")]);
    }
    rows
}
