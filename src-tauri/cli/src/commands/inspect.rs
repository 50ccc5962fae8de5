//! `samplegate inspect`: the inspection alone, over JSON lines.
//!
//! Each line is inspected by itself. One that cannot be read is told on stderr by its number, the others still are
//! inspected, and the exit code says it.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
};

use samplegate_core::inspect::{Finding, Input};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::{
    args::Inspect,
    exit::{Exit, Failure},
    output,
};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 64 << 20;
/// How much of a text is shown before and behind what was found, in characters.
const AROUND: usize = 36;
/// How much of what was found is shown, in characters.
const SHOWN: usize = 60;

pub(crate) fn run(inspect: &Inspect) -> Result<Exit, Failure> {
    let mut reader: Box<dyn BufRead> = match inspect.file.as_deref() {
        None | Some("-") => Box::new(BufReader::new(io::stdin())),
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", output::inline(path))))?;
            Box::new(BufReader::new(file))
        }
    };
    let mut bad = 0;
    for number in 1.. {
        let mut line = Vec::new();
        if reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if u64::try_from(line.len()).is_ok_and(|length| length >= LONGEST) && !line.ends_with(b"\n") {
            return Err(Failure::usage(format!("line {number} is longer than {} MiB", LONGEST >> 20)));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match read(&line) {
            Ok(input) => print(&input, inspect.json)?,
            Err(why) => {
                bad += 1;
                output::note(&output::visible(&format!("samplegate: line {number}: {why}")));
            }
        }
    }
    match bad {
        0 => Ok(Exit::Done),
        1 => Err(Failure::usage("1 line could not be read; all others were inspected")),
        bad => Err(Failure::usage(format!("{bad} lines could not be read; all others were inspected"))),
    }
}

fn read(line: &[u8]) -> Result<Input, String> {
    let line = std::str::from_utf8(line).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))?;
    Input::parse(line).map_err(|error| {
        let why = error.to_string();
        // Serde counts lines of its own, and there is only one.
        let why = why.replace(" at line 1 column ", " at column ");
        format!(
            "{why}. A line looks like {{\"id\": \"1\", \"where\": \"request\", \"server\": \"s\", \"params\": {{…}}}}"
        )
    })
}

fn print(input: &Input, as_json: bool) -> Result<(), Failure> {
    let findings = input.inspect();
    if as_json {
        return Ok(output::json(&input.output(&findings))?);
    }
    let id = match &input.id {
        Value::String(id) => output::inline(id),
        other => output::inline(&other.to_string()),
    };
    if findings.is_empty() {
        return Ok(output::line(&format!("{id}: nothing found"))?);
    }
    let mut text = format!("{id}: {} finding{}\n", findings.len(), if findings.len() == 1 { "" } else { "s" });
    for finding in &findings {
        // A string takes everything.
        let _ = write!(text, "{}", shown(input, finding));
    }
    Ok(output::line(text.trim_end_matches('\n'))?)
}

/// A finding with the text it stands in and carets under what was found.
fn shown(input: &Input, finding: &Finding) -> String {
    let place = if finding.pointer.is_empty() { "/".to_owned() } else { output::inline(&finding.pointer) };
    let mut shown = format!(
        "  {} ({}) at {place} {}..{}\n    {}\n",
        finding.kind.as_str(),
        finding.severity.as_str(),
        finding.start,
        finding.end,
        output::inline(&finding.why)
    );
    if let Some(text) = text_of(input, finding) {
        let (start, end) = (finding.start as usize, finding.end as usize);
        let from = start.saturating_sub(AROUND);
        let until = end.min(start + SHOWN);
        let part =
            |from: usize, until: usize| output::inline(&text.chars().skip(from).take(until - from).collect::<String>());
        let (before, marked) = (part(from, start), part(start, until));
        let (after, cut) = if until < end { (String::new(), "…") } else { (part(end, end + AROUND), "") };
        let head = if from > 0 { "…" } else { "" };
        let tail = if cut.is_empty() && text.chars().nth(end + AROUND).is_some() { "…" } else { cut };
        let _ = writeln!(shown, "      {head}{before}{marked}{after}{tail}");
        let carets = "^".repeat(marked.width().max(1));
        let _ = writeln!(shown, "      {}{carets}", " ".repeat(head.width() + before.width()));
    }
    if let Some(decoded) = &finding.decoded {
        let first: String = decoded.chars().take(200).collect();
        let more = if decoded.chars().nth(200).is_some() { "…" } else { "" };
        let _ = writeln!(shown, "    Decoded: {}{more}", output::inline(&first));
    }
    let _ = writeln!(shown, "    {}", finding.kind.advice());
    shown
}

/// The string that a finding is in.
fn text_of<'a>(input: &'a Input, finding: &'a Finding) -> Option<std::borrow::Cow<'a, str>> {
    if finding.in_name {
        let name = finding.pointer.rsplit('/').next()?;
        return Some(name.replace("~1", "/").replace("~0", "~").into());
    }
    input.params.pointer(&finding.pointer)?.as_str().filter(|_| finding.end > 0).map(Into::into)
}
