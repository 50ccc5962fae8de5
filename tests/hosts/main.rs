//! Hosts that are not ours, with the libraries that people use, in front of servers that people use: over HTTP and over
//! the bridge, against `samplegate serve`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod answering;
mod clients;
mod gemini;
mod serving;

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../terminal/pty.rs"]
mod pty;
