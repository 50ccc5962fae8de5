//! Shared by the integration tests: a home of one's own, a fake model server, and where the real servers are.
//!
//! Nothing of ours is faked here: the engine, its log, its connections are the real ones. The model server is a fake
//! where a test needs it to fail in a certain way, and secrets are in memory, because the keychain has tests of its own
//! on the real desktop.
#![allow(missing_docs, reason = "test code")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod caller;
pub mod corpus;
pub mod home;
pub mod local_model;
pub mod model;
pub mod oauth;
pub mod servers;
