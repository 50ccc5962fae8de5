//! A scenario in which a person fills in what the server asks: an engine runs here, and its queue is answered with what
//! each form suggests.

use std::time::Duration;

use samplegate_core::audit::QuestionId;
use samplegate_engine::{
    review_queue::ReviewQueue,
    wire::{Action, ActionKind},
};
use serde_json::Value;
use support::home::Running;

/// Calls every tool that the server lists, and accepts every form as it is shown. False if a call failed.
pub(crate) async fn play(url: &str) -> bool {
    let running = Running::start(&format!("[servers.suite]\nurl = {url:?}\nlimits = \"none\"\n")).await;
    let person = tokio::spawn(accept_all(running.engine.queue().clone()));
    let tools = running.engine.server_offers("suite").await.unwrap().tools;
    let mut went_well = true;
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        let report = running.call("suite", name, super::arguments(tool, &tools, &Value::Null)).await.unwrap();
        println!("{name}: {report:?}\n");
        went_well &= report.result.is_ok();
    }
    person.abort();
    running.stop().await;
    went_well
}

async fn accept_all(queue: ReviewQueue) {
    loop {
        for question in queue.list() {
            let id = question.id.parse::<QuestionId>().unwrap();
            let Some(item) = queue.get(id) else { continue };
            if let Some(asked) = item.elicitation()
                && item.actions.contains(&ActionKind::Accept)
            {
                println!("accepted as it stands: {asked:?}");
                queue.act(id, item.revision, Action::Accept { values: asked.typed.clone() }).unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
