//! The client side of MCP: connections to servers, the questions they ask, and the calls made to them.
//!
//! Data flow: [`Servers`] keeps one [`Connection`] per configured server. A call goes out through
//! [`Connection::call`]; whatever the server asks, on its own (up to 2025-11-25) or as an `input_required` result
//! (2026-07-28), becomes an [`Asked`] and goes to the [`Asker`], whose answer goes back. Everything worth showing or
//! logging besides is a [`ServerEvent`]; what a host is to hear of it is [`News`], as it came.
//!
//! Invariants:
//! - Params of a question, results of calls and listings are the JSON that arrived, never a typed round trip: the
//!   `tap` between transport and protocol library takes them aside before anything parses them.
//! - Provenance is never guessed: see [`Origin`].
//! - Every question is put to the asker at most once, and its [`Asked::withdrawn`] fires as soon as nobody waits for
//!   the answer any more, and its [`Receipt`] tells once whether the reply was written.
//! - A server process gets [`BaseEnv`] and what its specification gives it, runs in a process group of its own, and is
//!   ended as a group. One that is to be confined runs confined ([`confine`]) or not at all.
//! - Nothing here logs content.
//!
//! Absent on purpose: policy, audit, review, the conversion of params into domain types; reading of the environment or
//! of configuration files. Not built yet: tasks.

pub(crate) mod chain;
mod child;
pub mod confine;
pub(crate) mod connection;
mod error;
mod event;
pub(crate) mod event_stream;
mod flight;
mod handler;
mod host_call;
mod http;
mod launch;
pub(crate) mod line_reader;
mod lines;
mod news;
pub mod oauth;
mod opening;
pub(crate) mod oversized;
mod question;
mod receipt;
mod remote;
mod required;
mod retry;
mod roots;
mod rounds;
mod sampling;
mod servers;
mod sight;
mod spawn;
mod spec;
mod sse;
mod stdio;
mod tap;
#[cfg(test)]
mod tests;
mod watches;

pub use chain::{Chain, Marks};
pub use connection::{Connection, Listing};
pub use error::{CallError, ConnectError};
pub use event::{Events, LogLevel, Noted, ServerEvent};
pub use host_call::HostReply;
pub use lines::LineError;
pub use news::{KEPT_NEWS, News};
pub use opening::{Connector, EraHint};
pub use question::{Asked, Asker, CallKind, CallRef, Era, Origin, Refusal, RoundPlace, ServerIdentity, TransportKind};
pub use receipt::{Receipt, Sent};
pub use required::{Opened, Wanted};
pub use servers::{ServerState, ServerStatus, Servers, Timing};
pub use sight::{Seen, Sight};
pub use spawn::{BaseEnv, SHIM_COMMAND, Spawner, run_spawn_shim};
pub use spec::{Arrivals, ClientSettings, Declare, Kept, Secret, ServerSpec, TransportSpec};
pub use watches::Watch;

/// The largest message accepted from a server, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How often a call is sent again at most to answer `input_required` (2026-07-28).
pub const MAX_ROUNDS: u32 = 32;
