//! `samplegate audit …`: it only reads, and works while others write.

use samplegate_core::audit::{QuestionId, QuestionSummary, format_time};
use samplegate_engine::store::{Filter, Store, StoreError};
use serde_json::json;

use crate::{
    args::{Audit, AuditList},
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
    match (command, store) {
        (Audit::List(list), Some(store)) => self::list(&store, *list).await,
        (Audit::List(list), None) => filter(&list).map(|_| Exit::Done),
        (Audit::Show(id), store) => {
            let id: QuestionId = id.id.parse().map_err(Failure::usage)?;
            let store = store.ok_or_else(|| Failure::usage(format!("there is no question {id}")))?;
            output::json(&store.show(id).await?);
            Ok(Exit::Done)
        }
        (Audit::Verify(verify), Some(store)) => match store.verify(None).await? {
            Ok(report) => {
                if verify.json {
                    output::json(
                        &json!({"ok": true, "events": report.events, "last_at": report.last_at.map(format_time), "head": report.head}),
                    );
                } else {
                    output::line(&format!(
                        "the chain holds: {} events of {} questions",
                        report.events, report.questions
                    ));
                }
                Ok(Exit::Done)
            }
            Err(finding) => {
                if verify.json {
                    output::json(&json!({"ok": false, "seq": finding.seq, "what": finding.to_string()}));
                }
                Err(Failure::new(Exit::Own, format!("the log does not hold: {finding}")))
            }
        },
        (Audit::Verify(_), None) => {
            output::line("the log is empty");
            Ok(Exit::Done)
        }
    }
}

async fn list(store: &Store, list: AuditList) -> Result<Exit, Failure> {
    let page = store.list(filter(&list)?).await?;
    output::listing(&page.questions, list.json, |question| serde_json::to_value(question).unwrap_or_default(), row);
    if let Some(next) = page.next {
        output::note(&format!("there is more: --before {next}"));
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
