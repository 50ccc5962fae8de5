//! `samplegate audit …`: it only reads, and works while others write.

use samplegate_core::audit::{Head, QuestionId, QuestionSummary, Verifier, format_time};
use samplegate_engine::store::{Change, Filter, Page, Store, StoreError};
use serde_json::{Value, json};

use crate::{
    args::{Audit, AuditChanges, AuditList},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Audit) -> Result<Exit, Failure> {
    let database = start.home()?.database();
    let store = match Store::open_read_only(&database) {
        Ok(store) => Some(store),
        // Nothing was ever asked here.
        Err(StoreError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match command {
        Audit::List(list) => self::list(store.as_ref(), *list).await,
        Audit::Show(show) => {
            let id: QuestionId = show.id.parse().map_err(Failure::usage)?;
            let store = store.ok_or(StoreError::Unknown(id))?;
            output::pretty(&store.show(id).await?)?;
            Ok(Exit::Done)
        }
        Audit::Changes(wanted) => changes(store.as_ref(), &wanted).await,
        Audit::Verify(verify) => {
            let known: Option<Head> = verify.head.map(|head| head.parse()).transpose().map_err(Failure::usage)?;
            self::verify(store.as_ref(), known, verify.json).await
        }
    }
}

async fn verify(store: Option<&Store>, known: Option<Head>, as_json: bool) -> Result<Exit, Failure> {
    let verified = match store {
        Some(store) => store.verify(known).await?,
        None => Verifier::new(known).finish(Head::empty(), 0),
    };
    match verified {
        Ok(report) => {
            if as_json {
                let mut object = json!({"ok": true});
                if let (Value::Object(object), Ok(Value::Object(report))) = (&mut object, serde_json::to_value(report))
                {
                    object.extend(report);
                }
                output::json(&object)?;
            } else if report.events == 0 {
                output::line("The log is empty.")?;
            } else {
                let count = |count: u64, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
                let events = count(report.events, "event");
                output::line(&format!("The chain holds: {events} of {}.", count(report.questions, "question")))?;
                if let Some(known) = known {
                    output::line(&format!("The head that was noted down, {}, is in it.", known.seq))?;
                }
                output::line(&format!(
                    "Its head, to note down and to give with --head the next time: {}",
                    report.head
                ))?;
            }
            Ok(Exit::Done)
        }
        Err(finding) => {
            if as_json {
                let message = finding.to_string();
                output::json(
                    &json!({"ok": false, "seq": finding.seq, "question": finding.question, "message": message}),
                )?;
            }
            Err(Failure::new(Exit::Own, format!("the log does not hold: {finding}")))
        }
    }
}

async fn list(store: Option<&Store>, list: AuditList) -> Result<Exit, Failure> {
    let filter = filter(&list)?;
    let page = match store {
        Some(store) => store.list(filter).await?,
        None => Page::default(),
    };
    output::listing(&page.questions, list.json, |question| serde_json::to_value(question).unwrap_or_default(), row)?;
    if let Some(next) = page.next {
        output::note(&format!("there is more: --before {next}"));
    }
    Ok(Exit::Done)
}

async fn changes(store: Option<&Store>, wanted: &AuditChanges) -> Result<Exit, Failure> {
    let changes = match store {
        Some(store) => store.changes(wanted.before, wanted.limit).await?,
        None => Vec::new(),
    };
    let row = |change: &Change| {
        let text = change.text.as_deref().unwrap_or("(no longer kept)");
        let who = change.reviewer.as_deref().map_or("-".into(), output::inline);
        vec![format_time(change.at), change.via.to_string(), who, output::inline(&text.replace('\n', " "))]
    };
    output::listing(&changes, wanted.json, |change| serde_json::to_value(change).unwrap_or_default(), row)?;
    if let Some(last) = changes.last().filter(|_| changes.len() >= wanted.limit as usize) {
        output::note(&format!("there may be more: --before {}", last.id));
    }
    Ok(Exit::Done)
}

fn row(question: &QuestionSummary) -> Vec<String> {
    let by = question.decided_by.map_or(String::new(), |by| format!("by {by}"));
    let cost =
        question.cost_microusd.map_or("-".into(), |cost| format!("${}.{:06}", cost / 1_000_000, cost % 1_000_000));
    vec![
        format_time(question.at),
        output::inline(&question.server),
        output::inline(question.tool.as_deref().unwrap_or("-")),
        question.outcome.to_string(),
        by,
        output::inline(question.model.as_deref().unwrap_or("-")),
        cost,
        question.id.to_string(),
    ]
}

fn filter(list: &AuditList) -> Result<Filter, Failure> {
    let time = |text: &Option<String>| {
        text.as_ref().map(|text| text.parse::<jiff::Timestamp>()).transpose().map_err(Failure::usage)
    };
    Ok(Filter {
        from: time(&list.from)?,
        to: time(&list.to)?,
        kind: list.kind.as_ref().map(|name| name.parse()).transpose().map_err(Failure::usage)?,
        host: list.host.clone(),
        server: list.server.clone(),
        tool: list.tool.clone(),
        outcome: list.outcome.as_ref().map(|name| name.parse()).transpose().map_err(Failure::usage)?,
        decided_by: list.decided_by.as_ref().map(|name| name.parse()).transpose().map_err(Failure::usage)?,
        model: list.model.clone(),
        text: list.text.clone(),
        before: list.before.as_ref().map(|id| id.parse()).transpose().map_err(Failure::usage)?,
        limit: list.limit,
    })
}
