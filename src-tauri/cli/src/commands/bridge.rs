//! `samplegate bridge`: a stdio MCP server for a host to spawn, which is a pipe to the running app.

use samplegate_engine::bridge::{self, BridgeError, Options};
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use super::call::told_to_end;
use crate::{
    args::Bridge,
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, bridge: Bridge) -> Result<Exit, Failure> {
    let end = CancellationToken::new();
    let options = Options {
        runtime: start.home()?.runtime,
        server: bridge.server,
        host: bridge.host,
        alone: Box::new(|| Box::pin(async { Err("Samplegate is not running. Start it, and try again.".to_owned()) })),
        note: Box::new(|text| output::note(&output::visible(text))),
        end: end.clone(),
    };
    tokio::spawn(async move {
        told_to_end().await;
        end.cancel();
    });
    bridge::run(options, BufReader::new(tokio::io::stdin()), tokio::io::stdout()).await?;
    Ok(Exit::Done)
}

impl From<BridgeError> for Failure {
    fn from(error: BridgeError) -> Self {
        Self::usage(error)
    }
}
