//! The gateway from outside, with real hosts and real servers: who is let in, what passes, what happens meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod addresses;
mod clients;
#[cfg(target_os = "linux")]
mod crowd;
mod door;
mod host;
mod meanwhile;
mod passing;
mod replay;
mod several;
mod subscriptions;
mod tool_calls;
mod upstream;
