//! What the conformance suite runs as the client under test. It plays one scenario's part with Samplegate itself, and
//! has no protocol code of its own:
//!
//!     conformance-client URL
//!
//! The suite may add facts in `MCP_CONFORMANCE_CONTEXT`. What the `samplegate` command can do is done by it, in a home
//! of the scenario's own.
//!
//! All that happens is printed, so that a failed scenario can be read afterwards. What the scenario wants is judged by
//! the suite alone; a command that fails only makes the exit code 1, because some scenarios want that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "test code")]

mod terminal;

use serde_json::{Value, json};

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url] = args.as_slice() else { panic!("usage: conformance-client URL") };
    let context = std::env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_default();
    let context = serde_json::from_str(&context).unwrap_or(Value::Null);
    let went_well = terminal::play(url, &context).await;
    std::process::exit(i32::from(!went_well));
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
