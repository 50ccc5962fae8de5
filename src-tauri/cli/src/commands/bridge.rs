//! `samplegate bridge`: a stdio MCP server for a host to spawn, which is a pipe to the running app, or to an engine
//! in this process where no app runs.

use samplegate_engine::bridge::{self, Alone, BridgeError, Options, StartAlone};
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
        server: bridge.server.clone(),
        host: bridge.host,
        alone: alone(start.clone(), bridge.server),
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

/// Serves in this process, with nobody to ask.
fn alone(start: Start, server: Option<String>) -> StartAlone {
    Box::new(move || {
        let (start, server) = (start.clone(), server.clone());
        Box::pin(async move {
            let engine = match server {
                Some(server) => start.engine(vec![server]).await,
                None => start.serving().await,
            };
            let engine = engine.map_err(|failure| failure.message)?;
            match engine.serve_alone().await {
                Ok((port, token)) => Ok(Alone { port, token, stop: Box::pin(async move { engine.shutdown().await }) }),
                Err(why) => {
                    engine.shutdown().await;
                    Err(why)
                }
            }
        })
    })
}

impl From<BridgeError> for Failure {
    fn from(error: BridgeError) -> Self {
        Self::usage(error)
    }
}
