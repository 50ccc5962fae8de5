//! Listing and searching: one page at a time, newest first.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use samplegate_core::audit::{DecidedBy, Kind, Outcome, QuestionId, QuestionSummary};

use super::{
    error::{StoreError, TxError},
    facets::{self, Field},
    meta, questions, search,
};

/// Which questions to list. All that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Received at this time or later.
    pub from: Option<Timestamp>,
    /// Received before this time.
    pub to: Option<Timestamp>,
    /// What they ask for.
    pub kind: Option<Kind>,
    /// The host.
    pub host: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// How they ended.
    pub outcome: Option<Outcome>,
    /// Who decided; questions that are open are not found by it.
    pub decided_by: Option<DecidedBy>,
    /// The model that answered; questions that are open are not found by it.
    pub model: Option<String>,
    /// Words that all occur in what was asked or answered; `"a phrase"`.
    pub text: Option<String>,
    /// Only questions older than this one: the cursor of the next page.
    pub before: Option<QuestionId>,
    /// At most this many; 0: the default of 100.
    pub limit: u32,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The questions, newest first.
    pub questions: Vec<QuestionSummary>,
    /// The cursor of the next page; none: this is the last.
    pub next: Option<QuestionId>,
}

/// What can be filtered by: the values that occur.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// The hosts.
    pub hosts: Vec<String>,
    /// The servers.
    pub servers: Vec<String>,
    /// The tools.
    pub tools: Vec<String>,
    /// The models.
    pub models: Vec<String>,
    /// How many questions there are.
    pub total: u64,
}

impl Filter {
    /// The facets asked for, as words of the search index; none where a value never occurred.
    fn words(&self, connection: &Connection) -> rusqlite::Result<Option<Vec<String>>> {
        let asked = [
            (Field::Kind, self.kind.map(Kind::as_str)),
            (Field::Host, self.host.as_deref()),
            (Field::Server, self.server.as_deref()),
            (Field::Tool, self.tool.as_deref()),
            (Field::Outcome, self.outcome.map(Outcome::as_str)),
            (Field::DecidedBy, self.decided_by.map(DecidedBy::as_str)),
            (Field::Model, self.model.as_deref()),
        ];
        let mut words = Vec::new();
        for (field, value) in asked {
            let Some(value) = value else { continue };
            match facets::find(connection, field, value)? {
                Some(id) => words.push(format!("facets : {}", facets::word(id))),
                None => return Ok(None),
            }
        }
        Ok(Some(words))
    }
}

/// Lists a page.
pub(super) fn page(connection: &Connection, filter: &Filter) -> Result<Page, TxError> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit as usize };
    let Some(mut terms) = filter.words(connection)? else { return Ok(Page::default()) };
    if let Some(typed) = filter.text.as_deref().filter(|typed| !typed.trim().is_empty()) {
        // Nothing but punctuation is in no index.
        let Some(expression) = search::expression(typed) else { return Ok(Page::default()) };
        terms.push(expression);
    }

    let lowest = filter.from.map_or(i64::MIN, questions::key_at);
    let mut end = filter.to.map_or(i64::MAX, questions::key_at);
    if let Some(id) = filter.before {
        end = end.min(questions::find(connection, id)?.ok_or(StoreError::Unknown(id))?.0);
    }

    let columns = questions::COLUMNS;
    let more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let found: rusqlite::Result<Vec<(i64, QuestionSummary)>> = if terms.is_empty() {
        connection
            .prepare_cached(&format!(
                "SELECT {columns} FROM questions WHERE n >= ?1 AND n < ?2 ORDER BY n DESC LIMIT ?3"
            ))?
            .query_map(params![lowest, end, more], questions::read)?
            .collect()
    } else {
        // CROSS JOIN: the index leads, whatever the planner thinks.
        connection
            .prepare_cached(&format!(
                "SELECT {columns} FROM search CROSS JOIN questions ON questions.n = search.rowid \
                 WHERE search MATCH ?4 AND search.rowid >= ?1 AND search.rowid < ?2 \
                 ORDER BY search.rowid DESC LIMIT ?3"
            ))?
            .query_map(params![lowest, end, more, terms.join(" AND ")], questions::read)?
            .collect()
    };
    let mut questions: Vec<QuestionSummary> = found?.into_iter().map(|(_, summary)| summary).collect();
    let next = if questions.len() > limit {
        questions.truncate(limit);
        questions.last().map(|last| last.id)
    } else {
        None
    };
    Ok(Page { questions, next })
}

/// Lists what can be filtered by.
pub(super) fn facets(connection: &Connection) -> Result<Facets, TxError> {
    Ok(Facets {
        hosts: facets::values(connection, Field::Host)?,
        servers: facets::values(connection, Field::Server)?,
        tools: facets::values(connection, Field::Tool)?,
        models: facets::values(connection, Field::Model)?,
        total: meta::questions(connection)?,
    })
}
