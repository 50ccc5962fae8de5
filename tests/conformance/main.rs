//! The protocol's own conformance suite, at both revisions: Samplegate as the client, and as what stands between a host
//! and a server. `README.md` beside this says how to run one scenario by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod suite;

use suite::Role;
use support::servers::OverHttp;

const STATEFUL: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";

/// Plays the client's part of every scenario with Samplegate.
async fn client(revision: &str) {
    suite::run(Role::Client, env!("CARGO_BIN_EXE_conformance-client"), revision).await.assert_conforms();
}

/// The reference: without it, what goes wrong through the gateway could be the server's fault.
async fn server(revision: &str) {
    let reference = OverHttp::start("conforming.py").await;
    suite::run(Role::Server, reference.url(), revision).await.assert_conforms();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_conforms_at_the_stateful_revision() {
    client(STATEFUL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_conforms_at_the_stateless_revision() {
    client(STATELESS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server_conforms_at_the_stateful_revision() {
    server(STATEFUL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server_conforms_at_the_stateless_revision() {
    server(STATELESS).await;
}
