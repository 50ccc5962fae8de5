//! `samplegate tools|prompts|resources SERVER`

use serde_json::Value;

use crate::{
    args::List,
    exit::{Exit, Failure},
    output,
    start::Start,
};

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Tools,
    Prompts,
    Resources,
}

pub(crate) async fn run(start: &Start, list: List, what: What) -> Result<Exit, Failure> {
    let engine = start.engine(vec![list.server.clone()]).await?;
    let offers = engine.server_offers(&list.server).await;
    engine.shutdown().await;
    let offers = offers?;
    let items = match what {
        What::Tools => offers.tools,
        What::Prompts => offers.prompts,
        What::Resources => offers.resources.into_iter().chain(offers.resource_templates).collect(),
    };
    output::listing(&items, list.json, Value::clone, |item| {
        let text = |field: &str| output::inline(item[field].as_str().unwrap_or_default());
        let place = match what {
            What::Resources if item["uri"].is_string() => text("uri"),
            What::Resources => text("uriTemplate"),
            What::Tools | What::Prompts => text("name"),
        };
        let says = item["description"].as_str().or(item["title"].as_str()).unwrap_or_default();
        vec![place, output::inline(says.lines().find(|line| !line.trim().is_empty()).unwrap_or_default())]
    })?;
    Ok(Exit::Done)
}
