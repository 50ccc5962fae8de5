//! What was asked and used, as limits compare it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use samplegate_core::limits::{Reserved, Tally};

use super::{ALL, Asking, HOST, a_minute_before, account, call_name, count, day, session_name};
use crate::store::error::TxError;

/// Of who asks, and of all servers together.
pub(super) fn of(connection: &Connection, asking: &Asking) -> rusqlite::Result<(Tally, Tally)> {
    let account = account(asking);
    let flights = flights(connection, &account)?;
    let asker = tally(connection, Some(asking), &account, flights.own, asking.at)?;
    let all = tally(connection, None, ALL, flights.all, asking.at)?;
    // A session and a call are one server's: a limit of all servers on these holds for each.
    Ok((asker, Tally { session: asker.session, call: asker.call, ..all }))
}

/// What a server used today and this month, for display; all servers together where none is named.
pub(in crate::store) fn used(connection: &Connection, server: Option<&str>, at: Timestamp) -> Result<Tally, TxError> {
    let flights = flights(connection, server.unwrap_or(ALL))?;
    Ok(match server {
        Some(server) => tally(connection, None, server, flights.own, at)?,
        None => tally(connection, None, ALL, flights.all, at)?,
    })
}

/// The same of a host, for its tool calls.
pub(in crate::store) fn used_by_host(connection: &Connection, host: &str, at: Timestamp) -> Result<Tally, TxError> {
    let account = format!("{HOST}{host}");
    Ok(tally(connection, None, &account, flights(connection, &account)?.own, at)?)
}

/// What is under way, in the same terms as what was used.
#[derive(Clone, Copy)]
struct Flight {
    questions: u64,
    waiting: u64,
    used: Reserved,
}

struct Flights {
    /// Of one account.
    own: Flight,
    /// Of all servers together.
    all: Flight,
}

/// What is under way, in one pass. No pattern is bound: SQLite would prepare the statement anew each time.
fn flights(connection: &Connection, account: &str) -> rusqlite::Result<Flights> {
    let sums = |of: &str| {
        let sum = |what: &str| format!("sum({what}) FILTER (WHERE {of})");
        let used = ["tokens_in", "tokens_out", "microusd"].map(|column| sum(&format!("active * {column}")));
        format!("count(*) FILTER (WHERE {of}), {}, {}", sum("waiting"), used.join(", "))
    };
    let (own, servers) = ("server = ?1", format!("substr(server, 1, {}) <> '{HOST}'", HOST.len()));
    connection.prepare_cached(&format!("SELECT {}, {} FROM under_way", sums(own), sums(&servers)))?.query_row(
        [account],
        |row| {
            let flight = |first: usize| -> rusqlite::Result<Flight> {
                let [questions, waiting, tokens_in, tokens_out, microusd] =
                    [0, 1, 2, 3, 4].map(|n| count(row, first + n));
                let used = Reserved { tokens_in: tokens_in?, tokens_out: tokens_out?, microusd: microusd? };
                Ok(Flight { questions: questions?, waiting: waiting?, used })
            };
            Ok(Flights { own: flight(0)?, all: flight(5)? })
        },
    )
}

/// `asking` is given for the tally of its server, not for that of all.
fn tally(
    connection: &Connection,
    asking: Option<&Asking>,
    server: &str,
    flight: Flight,
    at: Timestamp,
) -> Result<Tally, rusqlite::Error> {
    let today = day(at).to_string();
    let last_minute = connection
        .prepare_cached("SELECT sum(asked) FROM minutes WHERE server = ?1 AND second >= ?2")?
        .query_row(params![server, a_minute_before(at)], |row| count(row, 0))?;
    let Flight { questions, waiting, used } = flight;
    let mut tally = Tally {
        last_minute,
        in_flight: questions,
        queue: waiting,
        tokens_in_day: used.tokens_in,
        tokens_out_day: used.tokens_out,
        microusd_day: used.microusd,
        microusd_month: used.microusd,
        ..Tally::default()
    };
    let mut usage = connection.prepare_cached(
        "SELECT day, asked, tokens_in, tokens_out, microusd FROM usage WHERE server = ?1 AND day BETWEEN ?2 AND ?3",
    )?;
    let mut rows = usage.query(params![server, format!("{}-01", &today[..7]), today])?;
    while let Some(row) = rows.next()? {
        let spent = count(row, 4)?;
        tally.microusd_month = tally.microusd_month.saturating_add(spent);
        if row.get_ref(0)?.as_str()? == today {
            tally.day = count(row, 1)?;
            tally.tokens_in_day = tally.tokens_in_day.saturating_add(count(row, 2)?);
            tally.tokens_out_day = tally.tokens_out_day.saturating_add(count(row, 3)?);
            tally.microusd_day = tally.microusd_day.saturating_add(spent);
        }
    }
    if let Some(asking) = asking.filter(|asking| asking.caller.is_none()) {
        let mut counter = connection.prepare_cached("SELECT asked FROM counters WHERE name = ?1")?;
        let mut asked =
            |name: String| counter.query_row([name], |row| count(row, 0)).optional().map(Option::unwrap_or_default);
        tally.session = asked(session_name(asking))?;
        tally.call = asking.call_id.as_deref().map(|call| asked(call_name(call))).transpose()?;
    }
    Ok(tally)
}
