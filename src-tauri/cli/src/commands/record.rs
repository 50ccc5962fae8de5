//! `samplegate server record`, and the options of `server add|set` that fill the record in.

use samplegate_core::policy::Label;
use samplegate_engine::{
    engine::{Engine, RecordError},
    wire::{self, RecordInput, RiskClass, RiskInput, ToolSaid},
};

use crate::{
    args::{Approved, RecordFormat, Risk, ServerRecord},
    exit::{Exit, Failure},
    output,
};

pub(super) async fn print(engine: &Engine, record: &ServerRecord) -> Result<Exit, Failure> {
    if record.renew {
        engine.renew_record(&record.name)?;
    }
    let format = match record.format {
        RecordFormat::Markdown => wire::RecordFormat::Markdown,
        RecordFormat::Json => wire::RecordFormat::Json,
    };
    let text = engine.record_text(&record.name, format).await.map_err(failure)?;
    for line in text.lines() {
        output::line(&output::visible(line))?;
    }
    Ok(Exit::Done)
}

/// Puts what was given into the record and into what is said about the server's tools.
pub(super) async fn save(engine: &Engine, name: &str, given: &Approved) -> Result<(), Failure> {
    let risk = risk(engine, name, given)?;
    if fills(given) {
        let mut record = engine.record(name).await.map_err(failure)?.record;
        fill(&mut record, given)?;
        engine.save_record(name, record).await?;
    }
    if risk != RiskInput::default() {
        engine.save_risk(name, risk)?;
    }
    Ok(())
}

/// Says that nothing can be put into the record while the server itself waits for confirmation.
pub(super) fn note_unsaved(given: &Approved) {
    let is_said = given.risk.is_some() || given.typed_confirmation.is_some();
    if fills(given) || is_said || !given.tool_risk.is_empty() || !given.tool_labels.is_empty() {
        output::note(
            "What was given about the record, risk and labels is not saved: say it again once the change is accepted.",
        );
    }
}

fn fills(given: &Approved) -> bool {
    let texts = [&given.purpose, &given.context, &given.models, &given.tools_may, &given.owner, &given.review_by];
    given.allow_trifecta.is_some() || texts.into_iter().any(Option::is_some)
}

fn fill(record: &mut RecordInput, given: &Approved) -> Result<(), Failure> {
    let set = |text: &mut String, given: &Option<String>| {
        if let Some(given) = given {
            text.clone_from(given);
        }
    };
    set(&mut record.purpose, &given.purpose);
    set(&mut record.context, &given.context);
    set(&mut record.tools_may, &given.tools_may);
    set(&mut record.owner, &given.owner);
    record.allow_trifecta = given.allow_trifecta.unwrap_or(record.allow_trifecta);
    if let Some(models) = &given.models {
        let names: Vec<&str> = models.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        record.models = match names.as_slice() {
            // An empty variable of a script must not lift the restriction.
            [] => return Err(Failure::usage("--models names no model: say any, if any model may answer")),
            ["any"] => Vec::new(),
            names => names.iter().map(|name| (*name).to_owned()).collect(),
        };
    }
    if let Some(date) = &given.review_by {
        record.review_by = Some(date.clone()).filter(|date| date != "none");
    }
    Ok(())
}

fn risk(engine: &Engine, name: &str, given: &Approved) -> Result<RiskInput, Failure> {
    let mut input =
        RiskInput { risk: given.risk.map(class), typed_confirmation: given.typed_confirmation, ..RiskInput::default() };
    if given.tool_risk.is_empty() && given.tool_labels.is_empty() {
        return Ok(input);
    }
    let known = engine.risk(name)?.tools;
    let mut said = |tool: &str, change: &dyn Fn(&mut ToolSaid)| {
        let known = known.iter().find(|known| known.name == tool);
        let known = known.map(|known| ToolSaid { risk: known.risk, labels: known.labels.clone() }).unwrap_or_default();
        change(input.tools.entry(tool.to_owned()).or_insert(known));
    };
    for text in &given.tool_risk {
        let (tool, word) = pair(text, "TOOL=low|medium|high|none")?;
        let risk = match word {
            "none" => None,
            word => {
                Some(word.parse::<samplegate_core::policy::Risk>().map_err(|error| Failure::usage(error.to_string()))?)
            }
        };
        said(tool, &|said| said.risk = risk.map(Into::into));
    }
    for text in &given.tool_labels {
        let (tool, words) = pair(text, "TOOL=private+untrusted+outward, TOOL= or TOOL=none")?;
        let labels = match words {
            "none" => None,
            words => {
                let words = words.split('+').map(str::trim).filter(|word| !word.is_empty());
                let labels = words.map(|word| word.parse::<Label>().map(Into::into)).collect::<Result<Vec<_>, _>>();
                Some(labels.map_err(|error| Failure::usage(error.to_string()))?)
            }
        };
        said(tool, &|said| said.labels.clone_from(&labels));
    }
    Ok(input)
}

fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    text.rsplit_once('=')
        .filter(|(tool, _)| !tool.is_empty())
        .ok_or_else(|| Failure::usage(format!("{text:?} is not of the form {form}")))
}

fn class(risk: Risk) -> RiskClass {
    match risk {
        Risk::Low => RiskClass::Low,
        Risk::Medium => RiskClass::Medium,
        Risk::High => RiskClass::High,
    }
}

fn failure(error: RecordError) -> Failure {
    match error {
        RecordError::Server(error) => error.into(),
        RecordError::Host(error) => error.into(),
        RecordError::Store(error) => error.into(),
    }
}
