//! What all processes of a home share besides the log: how much was asked, how often rules were used, and which identity
//! of a server was approved; what a person granted is in [`super::grants`].
//!
//! Limits hold only if counting and admitting are one step: [`before`] reads and [`admit`] counts in the transaction
//! that writes the question's first events. Counts follow the log from there: [`follow`] sees every event that is
//! appended, by whatever process, so a question that dies with its process stops counting when it is closed.

mod tally;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rusqlite::{Connection, OptionalExtension as _, params};
use samplegate_core::{
    audit::{AuditEvent, NewEvent, QuestionId, Verdict},
    identity::Pin,
    inspect::{Fingerprint, Recent},
    limits::{Reserved, Tally},
    policy::Grant,
};

use super::{
    error::TxError,
    grants,
    pins::{self, Known, Pinned},
    recent,
};

pub(super) use tally::{used, used_by_host};

/// The tables.
pub(super) const SCHEMA: &str = "
CREATE TABLE under_way (
    question BLOB PRIMARY KEY,
    server TEXT NOT NULL,
    waiting INTEGER NOT NULL,
    active INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    microusd INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE recent (at INTEGER NOT NULL, question BLOB NOT NULL, server TEXT NOT NULL, PRIMARY KEY (at, question))
    STRICT, WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, asked INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE usage (
    server TEXT NOT NULL,
    day TEXT NOT NULL,
    asked INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    microusd INTEGER NOT NULL,
    PRIMARY KEY (server, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE rule_uses (rule TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    owner TEXT NOT NULL,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_about ON grants (server, tool);
CREATE TABLE pins (server TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Questions of the last minute, counted by the second: a flood must not make its own counting slow. `recent` of the
/// first version had a row for each.
pub(super) const MINUTES: &str = "
DROP TABLE recent;
CREATE TABLE minutes (server TEXT NOT NULL, second INTEGER NOT NULL, asked INTEGER NOT NULL, PRIMARY KEY (server, second))
    STRICT, WITHOUT ROWID;
";

/// Counters of sessions and calls that nobody counted on for this long are forgotten, in milliseconds: 30 days.
const FORGET_AFTER_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// The row of [`usage`] that counts all servers together: no server can have this name.
const ALL: &str = "";
/// What the names begin with under which tool calls of hosts are counted.
const HOST: &str = "host ";

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The question.
    pub question: QuestionId,
    /// The server.
    pub server: String,
    /// Of a tool call: the host that makes it. It is counted for that host, and not for the server.
    pub caller: Option<String>,
    /// The tool whose call leads here, where it is known.
    pub tool: Option<String>,
    /// The connection; none where the protocol has none, then a day is one.
    pub session: Option<String>,
    /// The call, where it is known.
    pub call_id: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Of what is asked, where a server asks.
    pub fingerprint: Option<Fingerprint>,
}

/// What was there before the question.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Of its server; of a tool call, of the host that makes it.
    pub asker: Tally,
    /// Of all servers together.
    pub all: Tally,
    /// How often rules were used.
    pub uses: BTreeMap<String, u64>,
    /// Grants about its server and tool.
    pub grants: Vec<Grant>,
    /// The approved identity of the server.
    pub pin: Option<Pinned>,
    /// What its server asked lately, oldest first.
    pub recent: Vec<Recent>,
}

/// What came of judging a question.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    /// The events to write.
    pub events: Vec<NewEvent>,
    /// The most that it can use; none: it was refused by a limit, and counts for nothing.
    pub counts: Option<Reserved>,
    /// Rules that let it through, and are used once more.
    pub used: Vec<String>,
}

/// A change of what is shared, written together with the events that tell of it.
#[derive(Debug, Clone)]
pub enum GuardChange {
    /// A person granted something. `owner` is the process in which its call or session lives.
    Grant {
        /// What.
        grant: Box<Grant>,
        /// The process.
        owner: String,
    },
    /// A grant ends.
    EndGrant {
        /// Its id.
        id: String,
    },
    /// Every grant ends.
    EndGrants,
    /// A call or a session has ended, and with it what was granted for it.
    EndScope {
        /// The id of the call or the session.
        id: String,
    },
    /// A server's identity was approved, or differs from what was approved.
    Pin {
        /// The server.
        server: String,
        /// What is to be known from now on.
        pin: Box<Pin>,
        /// What was known when that was decided; none: nothing. Where it is something else by now, nothing changes.
        known: Option<Known>,
    },
    /// A server has another name, and is what it was.
    Rename {
        /// As it was called.
        from: String,
        /// As it is called.
        to: String,
    },
    /// What nobody counts on any more is forgotten.
    Tidy {
        /// Now.
        now: Timestamp,
        /// The processes that live.
        alive: Vec<String>,
    },
    /// All that was granted about a server ends.
    EndGrantsOf {
        /// The server.
        server: String,
    },
    /// A server was removed: nothing that was approved about it is left.
    Forget {
        /// The server.
        server: String,
    },
}

/// The day on a person's calendar.
fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::system()).date()
}

/// The second from which questions count towards a minute: some of up to a second more, never of less.
fn a_minute_before(at: Timestamp) -> i64 {
    at.as_second() - 60
}

/// Under which name a question is counted. What a host calls is counted apart from what servers ask, and in no sum of
/// these; no server has a name with a space.
fn account(asking: &Asking) -> String {
    match &asking.caller {
        Some(host) => format!("{HOST}{host}"),
        None => asking.server.clone(),
    }
}

fn session_name(asking: &Asking) -> String {
    match &asking.session {
        Some(session) => format!("session {session}"),
        None => format!("day {} {}", day(asking.at), asking.server),
    }
}

fn call_name(call_id: &str) -> String {
    format!("call {call_id}")
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0).cast_unsigned())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads what was there before a question.
pub(super) fn before(connection: &Connection, asking: &Asking) -> Result<Before, TxError> {
    let (asker, all) = tally::of(connection, asking)?;
    Ok(Before {
        asker,
        all,
        recent: recent::before(connection, asking)?,
        ..standing(connection, &asking.server, asking.tool.as_deref())?
    })
}

/// The part of [`before`] that also counts at the answer gate.
pub(super) fn standing(connection: &Connection, server: &str, tool: Option<&str>) -> Result<Before, TxError> {
    let uses = rule_uses(connection)?;
    let pin = pins::pinned(connection, server)?;
    let grants = tool.map(|tool| grants::about(connection, server, tool)).transpose()?.unwrap_or_default();
    Ok(Before { uses, pin, grants, ..Before::default() })
}

/// How often rules with a number of uses were used.
pub(super) fn rule_uses(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    connection
        .prepare_cached("SELECT rule, used FROM rule_uses")?
        .query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?
        .collect()
}

/// Counts a question that was not refused by a limit, and remembers what it asked.
pub(super) fn admit(connection: &Connection, asking: &Asking, admitted: &Admitted) -> rusqlite::Result<()> {
    recent::keep(connection, asking)?;
    let Some(reserved) = admitted.counts else { return Ok(()) };
    let at = asking.at.as_millisecond();
    let id = asking.question.as_bytes();
    let account = account(asking);
    let accounts = if asking.caller.is_some() { vec![account.as_str()] } else { vec![account.as_str(), ALL] };
    for server in &accounts {
        connection
            .prepare_cached("DELETE FROM minutes WHERE server = ?1 AND second < ?2")?
            .execute(params![server, a_minute_before(asking.at)])?;
        connection
            .prepare_cached("INSERT INTO minutes VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET asked = asked + 1")?
            .execute(params![server, asking.at.as_second()])?;
    }
    let waiting = admitted.events.iter().any(|new| asks(&new.event));
    connection.prepare_cached("INSERT OR REPLACE INTO under_way VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, ?6)")?.execute(
        params![
            id,
            account,
            waiting,
            signed(reserved.tokens_in),
            signed(reserved.tokens_out),
            signed(reserved.microusd)
        ],
    )?;
    let names = [Some(session_name(asking)), asking.call_id.as_deref().map(call_name)];
    for name in names.into_iter().flatten().filter(|_| asking.caller.is_none()) {
        connection
            .prepare_cached(
                "INSERT INTO counters VALUES (?1, 1, ?2) ON CONFLICT DO UPDATE SET asked = asked + 1, at = excluded.at",
            )?
            .execute(params![name, at])?;
    }
    for account in accounts {
        add_to(connection, account, day(asking.at), 1, counted(Reserved::default()))?;
    }
    for rule in &admitted.used {
        connection
            .prepare_cached("INSERT INTO rule_uses VALUES (?1, 1) ON CONFLICT DO UPDATE SET used = used + 1")?
            .execute([rule])?;
    }
    Ok(())
}

fn asks(event: &AuditEvent) -> bool {
    matches!(event, AuditEvent::Evaluated(evaluated) if evaluated.verdict == Verdict::Ask)
}

fn add_usage(connection: &Connection, server: &str, day: Date, used: Reserved) -> rusqlite::Result<()> {
    // A tool call uses no model.
    if server.starts_with(HOST) {
        return Ok(());
    }
    add_to(connection, server, day, 0, counted(used))?;
    add_to(connection, ALL, day, 0, counted(used))
}

/// Tokens read, tokens written, and money, as the table has them.
fn counted(used: Reserved) -> [i64; 3] {
    [signed(used.tokens_in), signed(used.tokens_out), signed(used.microusd)]
}

fn add_to(connection: &Connection, server: &str, day: Date, asked: i64, used: [i64; 3]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
             asked = asked + excluded.asked, tokens_in = tokens_in + excluded.tokens_in, \
             tokens_out = tokens_out + excluded.tokens_out, microusd = microusd + excluded.microusd",
        )?
        .execute(params![server, day.to_string(), asked, used[0], used[1], used[2]])?;
    Ok(())
}

/// Keeps the counts in step with an event that is appended.
pub(super) fn follow(
    connection: &Connection,
    id: QuestionId,
    at: Timestamp,
    event: &AuditEvent,
) -> rusqlite::Result<()> {
    let set = |what: &str| -> rusqlite::Result<()> {
        connection
            .prepare_cached(&format!("UPDATE under_way SET {what} WHERE question = ?1"))?
            .execute([id.as_bytes()])?;
        Ok(())
    };
    match event {
        AuditEvent::Evaluated(evaluated) if evaluated.verdict == Verdict::Ask => set("waiting = 1"),
        AuditEvent::Decided(decided) => {
            grants::note_use(connection, at, decided)?;
            set("waiting = 0")
        }
        AuditEvent::Sent(_) => set("active = 1, sent = 1"),
        AuditEvent::Answered(answered) => {
            let Some((server, reserved, _)) = under_way(connection, id)? else { return Ok(()) };
            // What the provider does not tell counts at its most, whether it answered or broke off. An unknown price is
            // not counted, and so not reserved either; the person was told.
            let used = Reserved {
                tokens_in: answered.tokens_in.unwrap_or(reserved.tokens_in),
                tokens_out: answered.tokens_out.unwrap_or(reserved.tokens_out),
                microusd: answered.cost_microusd.unwrap_or(reserved.microusd),
            };
            add_usage(connection, &server, day(at), used)?;
            set("active = 0, sent = 0")
        }
        AuditEvent::Closed(_) => {
            // Sent and never answered: it may have cost all it could.
            if let Some((server, reserved, true)) = under_way(connection, id)? {
                add_usage(connection, &server, day(at), reserved)?;
            }
            connection.prepare_cached("DELETE FROM under_way WHERE question = ?1")?.execute([id.as_bytes()])?;
            Ok(())
        }
        // An opinion is the person's own: it counts for all servers together, from the moment it is asked for.
        AuditEvent::OpinionAsked(asked) => add_to(connection, ALL, day(at), 0, counted(asked.most)),
        AuditEvent::Opinion(opinion) => {
            let told = [opinion.tokens_in, opinion.tokens_out, opinion.cost_microusd];
            let most = counted(opinion.most);
            let corrected = std::array::from_fn(|at| told[at].map_or(0, |told| signed(told) - most[at]));
            add_to(connection, ALL, day(at), 0, corrected)
        }
        AuditEvent::Received(_)
        | AuditEvent::Evaluated(_)
        | AuditEvent::Shown(_)
        | AuditEvent::Released(_)
        | AuditEvent::Replied(_)
        | AuditEvent::ReplyFailed(_)
        | AuditEvent::SettingsChanged(_)
        | AuditEvent::Note(_) => Ok(()),
    }
}

/// The server, what is reserved, and whether a model is being asked.
fn under_way(connection: &Connection, id: QuestionId) -> rusqlite::Result<Option<(String, Reserved, bool)>> {
    connection
        .prepare_cached("SELECT server, tokens_in, tokens_out, microusd, sent FROM under_way WHERE question = ?1")?
        .query_row([id.as_bytes()], |row| {
            let reserved = Reserved { tokens_in: count(row, 1)?, tokens_out: count(row, 2)?, microusd: count(row, 3)? };
            Ok((row.get(0)?, reserved, row.get(4)?))
        })
        .optional()
}

/// Makes a change; false where there was nothing to change.
pub(super) fn change(connection: &Connection, change: &GuardChange) -> Result<bool, TxError> {
    let changed = match change {
        GuardChange::Grant { grant, owner } => grants::insert(connection, grant, owner)?,
        GuardChange::EndGrant { id } => grants::end(connection, id)?,
        GuardChange::EndGrants => connection.execute("DELETE FROM grants", [])?,
        GuardChange::EndScope { id } => {
            connection
                .execute("DELETE FROM counters WHERE name IN (?1, ?2)", [format!("session {id}"), call_name(id)])?;
            grants::end_scope(connection, id)?
        }
        GuardChange::Pin { server, pin, known } => pins::write(connection, server, pin, *known)?,
        GuardChange::Rename { from, to } => pins::rename(connection, from, to)?,
        GuardChange::Tidy { now, alive } => tidy(connection, *now, alive)?,
        GuardChange::EndGrantsOf { server } => connection.execute("DELETE FROM grants WHERE server = ?1", [server])?,
        GuardChange::Forget { server } => {
            connection.execute("DELETE FROM fingerprints WHERE server = ?1", [server])?;
            connection.execute("DELETE FROM grants WHERE server = ?1", [server])? + pins::forget(connection, server)?
        }
    };
    Ok(changed > 0)
}

/// Forgets what nobody counts on any more, and what was granted for calls and sessions of processes that died.
fn tidy(connection: &Connection, now: Timestamp, alive: &[String]) -> Result<usize, TxError> {
    connection.execute("DELETE FROM counters WHERE at < ?1", [now.as_millisecond() - FORGET_AFTER_MS])?;
    Ok(grants::tidy(connection, now, alive)?)
}
