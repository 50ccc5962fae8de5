//! One line of `samplegate inspect`: what is to be inspected, as JSON, and the findings as JSON.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Finding, Fingerprint, Place, Recent, behaviour, inspect_in};

/// What is to be inspected.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// Given back with the findings.
    pub id: Value,
    /// Where the text stands.
    #[serde(rename = "where")]
    pub place: Place,
    /// The server it comes from.
    #[serde(default)]
    pub server: Option<String>,
    /// The protocol's object: a request's params, a result, a tool.
    pub params: Value,
    /// What led to it: for an answer, the params of its request. `at` in it is when this came.
    #[serde(default)]
    pub context: Option<Value>,
    /// Requests of this server that came before, oldest first: each a request's params, an object with `params` or
    /// `text` and perhaps `at` (milliseconds, or RFC 3339), or a text.
    #[serde(default)]
    pub sequence: Option<Vec<Value>>,
}

impl Input {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with the line, and where in it.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// Everything there is to find.
    pub fn inspect(&self) -> Vec<Finding> {
        let mut findings = inspect_in(self.place, &self.params, self.context.as_ref());
        if let Some(sequence) = &self.sequence {
            let now =
                Recent { fingerprint: Fingerprint::of(&self.params), at_ms: self.context.as_ref().and_then(at_ms) };
            let before: Vec<Recent> = sequence.iter().map(recent).collect();
            findings.extend(behaviour(now, &before));
        }
        findings
    }

    /// The line that answers this one.
    pub fn output(&self, findings: &[Finding]) -> Value {
        let findings: Vec<Value> = findings
            .iter()
            .map(|finding| {
                let mut value = json!({
                    "kind": finding.kind.as_str(),
                    "severity": finding.severity.as_str(),
                    "pointer": finding.pointer,
                    "start": finding.start,
                    "end": finding.end,
                    "why": finding.why,
                    "advice": finding.kind.advice(),
                });
                if finding.in_name {
                    value["in_name"] = true.into();
                }
                if let Some(decoded) = &finding.decoded {
                    value["decoded"] = decoded.as_str().into();
                }
                value
            })
            .collect();
        json!({ "id": self.id, "findings": findings })
    }
}

fn recent(value: &Value) -> Recent {
    let fingerprint = match (value.get("params"), value.get("text").and_then(Value::as_str)) {
        (Some(params), _) => Fingerprint::of(params),
        (None, Some(text)) => Fingerprint::of_text(text),
        (None, None) => Fingerprint::of(value),
    };
    Recent { fingerprint, at_ms: at_ms(value) }
}

fn at_ms(value: &Value) -> Option<i64> {
    match value.get("at")? {
        Value::Number(number) => number.as_i64(),
        Value::String(time) => time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond),
        _ => None,
    }
}
