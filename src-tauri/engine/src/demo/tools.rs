//! The demo server's tools: one that asks for a yes, one that asks twice, one that shows a picture.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::Client;

type Outcome = Result<Value, (i64, String)>;

/// What `tools/list` tells.
pub(super) fn list() -> Value {
    json!([
        {
            "name": "confirm_payment",
            "title": "Confirm a payment",
            "description": "Asks, by sampling, whether to pay, and pays only if the answer is “yes”. It is a demo: no money moves.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "amount": {"type": "integer", "title": "Amount", "minimum": 1, "default": 1000},
                    "to": {"type": "string", "title": "To whom", "default": "Acme GmbH"},
                },
                "required": ["amount", "to"],
            },
            "annotations": {"readOnlyHint": false, "destructiveHint": true, "openWorldHint": true},
        },
        {
            "name": "rewrite_then_answer",
            "title": "Rewrite, then answer",
            "description": "Samples twice in a row: first to write a better prompt about the topic, then with that prompt.",
            "inputSchema": {
                "type": "object",
                "properties": {"topic": {"type": "string", "title": "Topic", "default": "the chemical elements"}},
                "required": ["topic"],
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false},
        },
        {
            "name": "describe_picture",
            "title": "Describe a picture",
            "description": "Sends a small picture and asks what is on it. A person can answer, or a model that sees.",
            "inputSchema": {"type": "object", "properties": {}},
            "annotations": {"readOnlyHint": true, "openWorldHint": false},
        },
    ])
}

/// Runs a tool; none if there is none of that name.
pub(super) async fn call(client: &Client, name: &str, arguments: &Value) -> Option<Outcome> {
    Some(match name {
        "confirm_payment" => confirm_payment(client, arguments).await,
        "rewrite_then_answer" => rewrite_then_answer(client, arguments).await,
        "describe_picture" => describe_picture(client).await,
        _ => return None,
    })
}

async fn confirm_payment(client: &Client, arguments: &Value) -> Outcome {
    let amount = arguments["amount"].as_i64().filter(|amount| *amount > 0);
    let amount = amount.ok_or((-32602, "amount is a whole number from 1 on".to_owned()))?;
    let to = arguments["to"].as_str().ok_or((-32602, "to is a text".to_owned()))?;
    let answer = client
        .sample(json!({
            "systemPrompt": "You confirm payments. Answer with yes or no and nothing else.",
            "messages": [user(&format!("Pay {amount} to {to}?"))],
            "maxTokens": 10,
            "temperature": 0,
        }))
        .await;
    Ok(match answer {
        Ok(answer) if answer.trim().eq_ignore_ascii_case("yes") => {
            text(&format!("Payment of {amount} to {to} sent."), false)
        }
        Ok(_) => text(&format!("Payment of {amount} to {to} refused."), false),
        Err(why) => text(&format!("Payment of {amount} to {to} not made: {why}"), true),
    })
}

async fn rewrite_then_answer(client: &Client, arguments: &Value) -> Outcome {
    let topic = arguments["topic"].as_str().ok_or((-32602, "topic is a text".to_owned()))?;
    let prompt = client
        .sample(json!({
            "systemPrompt": "You rewrite prompts. Return the rewritten text only.",
            "messages": [user(&format!("Rewrite this prompt so that it asks for exactly five words: “Tell me about {topic}.”"))],
            "modelPreferences": {"speedPriority": 0.9},
            "maxTokens": 200,
        }))
        .await;
    let prompt = match prompt {
        Ok(prompt) => prompt,
        Err(why) => return Ok(text(&format!("The prompt was not rewritten: {why}"), true)),
    };
    let answer = client.sample(json!({"messages": [user(&prompt)], "maxTokens": 400})).await;
    Ok(match answer {
        Ok(answer) => text(&format!("Prompt: {prompt}\nAnswer: {answer}"), false),
        Err(why) => text(&format!("Prompt: {prompt}\nNo answer: {why}"), true),
    })
}

async fn describe_picture(client: &Client) -> Outcome {
    let picture = json!({"type": "image", "mimeType": "image/png", "data": STANDARD.encode(include_bytes!("../../../../icons/128x128.png"))});
    let question = json!({"type": "text", "text": "What is on this picture? One sentence."});
    let answer = client
        .sample(json!({
            "messages": [{"role": "user", "content": picture}, {"role": "user", "content": question}],
            "maxTokens": 100,
        }))
        .await;
    Ok(match answer {
        Ok(answer) => text(&answer, false),
        Err(why) => text(&format!("Nobody described it: {why}"), true),
    })
}

fn user(words: &str) -> Value {
    json!({"role": "user", "content": {"type": "text", "text": words}})
}

fn text(words: &str, is_error: bool) -> Value {
    json!({"content": [{"type": "text", "text": words}], "isError": is_error})
}
