//! `samplegate grant …`

use samplegate_engine::{
    engine::Engine,
    wire::{Gates, GrantScope, GrantView},
};
use serde_json::{Value, json};

use crate::{
    args::{Grant, Revoke},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Grant) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Grant::List(list) => self::list(&engine, list.json).await,
        Grant::Revoke(which) => revoke(&engine, which).await,
    };
    engine.shutdown().await;
    done
}

async fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    let grants = engine.list_grants().await?;
    output::listing(&grants, as_json, to_json, |grant| {
        let suspended = grant.suspended.as_ref().map(|why| format!(" (allows nothing now: {why})"));
        let used = if grant.used == 1 { "used once".into() } else { format!("used {} times", grant.used) };
        let says = format!("{}{}", grant.sentence, suspended.unwrap_or_default());
        vec![grant.id.clone(), grant.given_at.clone(), used, output::inline(&says)]
    })?;
    Ok(Exit::Done)
}

async fn revoke(engine: &Engine, which: Revoke) -> Result<Exit, Failure> {
    match which.id {
        Some(id) => engine.revoke_grant(&id).await?,
        None => {
            let revoked = engine.revoke_grants().await?;
            let grants = if revoked == 1 { "grant" } else { "grants" };
            output::note(&format!("{revoked} {grants} revoked"));
        }
    }
    Ok(Exit::Done)
}

/// A grant as scripts read it.
fn to_json(grant: &GrantView) -> Value {
    let scope = match grant.scope {
        GrantScope::Call => "call",
        GrantScope::Minutes => "minutes",
        GrantScope::Session => "session",
        GrantScope::Always => "always",
    };
    let gate = match grant.gates {
        Gates::Both => "both",
        Gates::Request => "request",
        Gates::Answer => "answer",
    };
    json!({
        "id": grant.id,
        "server": grant.server,
        "tool": grant.tool,
        "gate": gate,
        "scope": scope,
        "until": grant.until,
        "given_at": grant.given_at,
        "reviewer": grant.reviewer,
        "question": grant.question,
        "used": grant.used,
        "used_at": grant.used_at,
        "suspended": grant.suspended,
        "sentence": grant.sentence,
    })
}
