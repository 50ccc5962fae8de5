//! What is done to a request of 1 MiB before anybody sees it.

use std::hint::black_box;

use anyhow::Context as _;
use samplegate_core::{canonical::Sha256Hex, model_format, request::SamplingRequest, tokens};

use crate::{
    Wanted,
    inspect::request,
    report::{Report, Times},
};

pub(crate) fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let times = wanted.times(50);
    let plain = request("The quick brown fox pays 120 EUR to Example Books; see https://example.org/invoice?id=7.\n");
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
