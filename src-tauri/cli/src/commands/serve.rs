//! `samplegate serve`: all servers and the gateway, until it is ended; what is asked is reviewed in this terminal.

use samplegate_engine::engine::{Engine, GatewayState};
use tokio_util::sync::CancellationToken;

use super::call::told_to_end;
use crate::{
    args::Serve,
    exit::{Exit, Failure},
    output,
    review::Terminal,
    start::Start,
};

pub(crate) async fn run(start: &Start, serve: Serve) -> Result<Exit, Failure> {
    let engine = start.serving().await?;
    engine.serve_gateway(serve.port);
    let mut terminal = Terminal::detect();
    let served = match listening(&engine, terminal.is_some()).await {
        Ok(()) => {
            until_ended(&engine, terminal.as_mut()).await;
            output::note("Ending: hosts and servers are disconnected, and what still waits is not answered.");
            Ok(Exit::Done)
        }
        Err(why) => Err(Failure::new(Exit::Own, why)),
    };
    engine.shutdown().await;
    served
}

/// Waits until hosts can connect, and says where.
async fn listening(engine: &Engine, reviewed: bool) -> Result<(), String> {
    let mut states = engine.gateway();
    let settings = engine.config().settings();
    loop {
        match states.borrow_and_update().clone() {
            GatewayState::Listening { port } => {
                output::note(&format!("Hosts connect at http://127.0.0.1:{port}/mcp. Ctrl-C ends it."));
                break;
            }
            GatewayState::Failed { why } => return Err(why),
            GatewayState::Off if !settings.gateway.enabled => {
                output::note("No host can connect: the gateway is switched off in the configuration. Ctrl-C ends it.");
                break;
            }
            GatewayState::Off => {}
        }
        if states.changed().await.is_err() {
            return Err("the gateway ended".into());
        }
    }
    if settings.hosts.is_empty() {
        output::note("No host has a token yet: `samplegate host add NAME` makes one.");
    }
    if !reviewed {
        output::note("This is no terminal, so nobody is asked here: what no rule allows is denied.");
    }
    Ok(())
}

async fn until_ended(engine: &Engine, terminal: Option<&mut Terminal>) {
    let cancel = CancellationToken::new();
    let work = async {
        tokio::select! {
            () = told_to_end() => {}
            () = cancel.cancelled() => {}
        }
    };
    match terminal {
        Some(terminal) => terminal.review_while(engine, work, cancel.clone()).await,
        None => work.await,
    }
}
