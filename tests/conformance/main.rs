//! The protocol's own conformance suite, at both revisions: Samplegate as the client, and as what stands between a host
//! and a server. `README.md` beside this says how to run one scenario by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod gateway;
mod suite;

use gateway::Gateway;
use suite::{Of, Role};
use support::servers::OverHttp;

/// The suite plays all scenarios of a client at once, which is enough for a machine.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const STATEFUL: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";

/// Plays the client's part of every scenario with Samplegate.
async fn client(revision: &str) {
    let _alone = ALONE.lock().await;
    suite::run(Role::Client, Of::Samplegate, env!("CARGO_BIN_EXE_conformance-client"), revision)
        .await
        .assert_conforms();
}

/// What passes between the suite and the reference server passes with the gateway between them.
async fn gateway(revision: &str) {
    let _alone = ALONE.lock().await;
    let reference = OverHttp::start("conforming.py").await;
    let direct = suite::run(Role::Server, Of::Reference, reference.url(), revision).await;
    let gateway = Gateway::before(reference.url()).await;
    let through = suite::run(Role::Server, Of::Samplegate, gateway.url(), revision).await;
    through.assert_as_good_as(&direct);
    // First what is ours: but nothing is shown by a server that does not conform.
    direct.assert_conforms();
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
async fn the_gateway_is_as_good_as_its_server_at_the_stateful_revision() {
    gateway(STATEFUL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_as_good_as_its_server_at_the_stateless_revision() {
    gateway(STATELESS).await;
}
