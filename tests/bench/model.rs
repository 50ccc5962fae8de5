//! Both gates passed by a rule to a fast local model, beside a bare HTTP client that sends the same bytes.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{Router, body::Body, http::Response, routing::post};
use samplegate_core::{
    model_format::{self, WireRequest},
    request::SamplingRequest,
};
use serde_json::json;

use crate::{
    Wanted,
    disk::Disk,
    load::{self, Load},
    report::{Report, Times, Verdict, time},
    running::{self, Running},
};

const ROUNDS: usize = 4;
const MODEL: &str = "fast-1";

/// A model server of OpenAI's format that answers at once, in three pieces. Gives its base URL.
async fn model() -> anyhow::Result<String> {
    let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        format!("data: {}\n\n", json!({"id": "c", "model": MODEL, "choices": choices}))
    };
    let usage = json!({"model": MODEL, "choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 1}});
    let pieces = [
        chunk(json!({"role": "assistant", "content": "yes"}), serde_json::Value::Null),
        chunk(json!({}), json!("stop")),
        format!("data: {usage}\n\ndata: [DONE]\n\n"),
    ];
    let answer = move || {
        let stream = futures::stream::iter(pieces.clone().map(Ok::<_, Infallible>));
        let mut response = Response::new(Body::from_stream(stream));
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
        std::future::ready(response)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base_url = format!("http://{}/v1", listener.local_addr()?);
    let app = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(base_url)
}

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let base_url = model().await?;
    let config = format!(
        "default_model = \"fast\"\n{}\n[models.fast]\nprovider = \"openai\"\nbase_url = {base_url:?}\n\
         model = \"{MODEL}\"\nkey = \"none\"\n\n[[rules]]\nid = \"yes\"\nserver = \"load\"\naction = \"allow\"\n",
        running::server("load", "rules", &[])?
    );
    let ours = Running::start(&config).await?;
    let disk = Disk::open(ours.folder.path())?;
    let request = SamplingRequest::parse(load::request()?).context("the load's request")?;
    let provider = model_format::provider("openai").context("there is no provider openai")?;
    let wire = model_format::encode(provider, Some(&base_url), MODEL, &request)?;
    let client = reqwest::Client::new();

    ours.load(Load { count: 50, in_flight: 1 }).await?;
    bare(&client, &wire, 50).await?;
    let count = wanted.times(500);
    let (mut our_times, mut bare_times, mut commits) = (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        bare_times.add(bare(&client, &wire, count).await?);
        commits.add(disk.two_commits(wanted.times(200))?);
        our_times.add(ours.load(Load { count, in_flight: 1 }).await?.times());
    }
    let budget = bare_times.p50().mul_f64(1.1) + commits.p50();
    report.note("fast local model: bare HTTP client", &bare_times.shown());
    report.line(
        "fast local model: both gates passed by a rule, durable",
        &format!("p50 {} (bare + 10 % + two)", time(budget)),
        &our_times.shown(),
        Verdict::of_time(our_times.p50(), budget),
    );
    drop(ours.stop().await);
    Ok(())
}

async fn bare(client: &reqwest::Client, wire: &WireRequest, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        let mut post = client.post(&wire.url).body(wire.body.clone());
        for (name, value) in &wire.headers {
            post = post.header(*name, value);
        }
        post.send().await?.error_for_status()?.bytes().await?;
        times.push(started.elapsed());
    }
    Ok(times)
}
