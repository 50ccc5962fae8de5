//! What the conformance suite runs as the client under test. It plays one scenario's part with Samplegate itself, and
//! has no protocol code of its own:
//!
//!     conformance-client URL            play a scenario against the suite's server
//!     conformance-client browse URL     be the browser that `server login` opens
//!
//! The suite names the scenario in `MCP_CONFORMANCE_SCENARIO` and may add facts in `MCP_CONFORMANCE_CONTEXT`. What the
//! `samplegate` command can do by itself is done by it, in a home of the scenario's own; where a person has to fill
//! something in, an engine runs here and its queue is answered.
//!
//! All that happens is printed, so that a failed scenario can be read afterwards. What the scenario wants is judged by
//! the suite alone; a command that fails only makes the exit code 1, because some scenarios want that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "test code")]

mod person;
mod terminal;

use serde_json::{Value, json};

/// The scenarios in which a person fills in what the server asks.
const WITH_A_PERSON: [&str; 2] = ["elicitation-sep1034-client-defaults", "sep-2322-client-request-state"];

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let went_well = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["browse", url] => reqwest::get(*url).await.is_ok(),
        [url] => play(url).await,
        _ => panic!("usage: conformance-client [browse] URL"),
    };
    std::process::exit(i32::from(!went_well));
}

async fn play(url: &str) -> bool {
    let scenario = std::env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let context = std::env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_default();
    let context = serde_json::from_str(&context).unwrap_or(Value::Null);
    if WITH_A_PERSON.contains(&scenario.as_str()) {
        person::play(url).await
    } else {
        terminal::play(&scenario, url, &context).await
    }
}

/// The arguments for a tool of the suite's servers. `listed` is the tool as it was listed, `all` the whole list.
fn arguments(listed: &Value, all: &[Value], context: &Value) -> Value {
    let name = listed["name"].as_str().unwrap();
    let given = context["toolCalls"].as_array().into_iter().flatten().find(|call| call["name"] == name);
    if let Some(call) = given {
        return call["arguments"].clone();
    }
    match name {
        "add_numbers" => json!({"a": 2, "b": 3}),
        "json_schema_echo" => {
            let other = all.iter().find(|other| other["name"] != name).unwrap();
            json!({"schema": other["inputSchema"]})
        }
        _ => json!({}),
    }
}
