//! The engine against real servers: every question through both gates, and everything a server can do wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod bad_input;
mod changes;
mod gates;
mod limits;
mod models;
mod record;
mod replies;
mod servers;
mod several;
