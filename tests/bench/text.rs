//! What is done to a request of 1 MiB before anybody sees it.

use std::{hint::black_box, time::Duration};

use anyhow::Context as _;
use samplegate_core::{canonical::Sha256Hex, inspect, model_format, request::SamplingRequest, tokens};
use serde_json::{Value, json};

use crate::{
    Wanted,
    report::{Report, Times},
};

const MIB: usize = 1 << 20;
const INSPECT: Duration = Duration::from_millis(25);

/// A request with this line over and over.
fn request(line: &str) -> Value {
    let text = line.repeat(MIB / line.len());
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 100})
}

pub(crate) fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let times = wanted.times(50);
    let plain = request("The quick brown fox pays 120 EUR to Example Books; see https://example.org/invoice?id=7.\n");
    for (what, params) in [
        ("inspect 1 MiB, plain text", &plain),
        ("inspect 1 MiB, many scripts and emoji", &request("Grüße, 支払いを確認, подтвердите, تأكيد, 👩‍👩‍👧 ❤️ naïve\n")),
        ("inspect 1 MiB, hidden characters throughout", &request("a\u{200B}b\u{202E}c\u{E0061}\u{E0062}d \u{1b}[2J\n")),
    ] {
        let measured = Times::of(times, || drop(black_box(inspect::inspect(black_box(params)))));
        report.p50(what, INSPECT, &measured);
    }

    let parsed = SamplingRequest::parse(plain.clone()).context("the request")?;
    let parse = Times::of(times, || drop(black_box(SamplingRequest::parse(plain.clone()))));
    report.note("check 1 MiB against the protocol, a copy included", &parse.shown());
    let hash = Times::of(times, || _ = black_box(Sha256Hex::of_json(&plain)));
    report.note("canonical bytes and SHA-256 of 1 MiB", &hash.shown());
    let estimate = Times::of(times, || _ = black_box(tokens::estimate(&parsed)));
    report.note("estimate the tokens of 1 MiB", &estimate.shown());
    for name in ["openai", "anthropic", "gemini", "ollama"] {
        let provider = model_format::provider(name).with_context(|| format!("there is no provider {name}"))?;
        let encode = Times::of(times, || drop(black_box(model_format::encode(provider, None, "m", &parsed))));
        report.note(&format!("encode 1 MiB for {name}"), &encode.shown());
    }
    Ok(())
}
