//! The engine against real servers: every question through both gates, and everything a server can do wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod addresses;
mod bad_input;
mod changes;
#[cfg(target_os = "linux")]
mod confinement;
mod elicitation;
mod flood;
mod gates;
mod grants;
mod held;
mod import;
mod inspected;
mod limits;
mod logins;
mod malicious;
mod models;
mod pins;
mod record;
mod replies;
mod roots;
mod servers;
mod several;
