//! The MCP server that every client is measured against: raw JSON lines, one thread, as little work as possible.
//!
//! Its tool `load` sends so many sampling requests, keeps so many of them in flight, and gives how long each took from
//! the last byte written to the line read. It speaks the protocol up to 2025-11-25.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, Write as _},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The arguments of `load`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) count: usize,
    pub(crate) in_flight: usize,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// Microseconds of each round trip.
    times: Vec<f64>,
    /// From the first request to the last answer.
    seconds: f64,
    /// How many were answered by an error.
    errors: usize,
}

impl Loaded {
    /// Reads the result of a call of `load`.
    pub(crate) fn read(result: &Value) -> anyhow::Result<Self> {
        let text = result["content"][0]["text"].as_str();
        let text = text.ok_or_else(|| anyhow::anyhow!("the load server gave no figures but {result}"))?;
        Self::parse(text)
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let loaded: Self = serde_json::from_str(text)?;
        anyhow::ensure!(loaded.errors == 0, "{} of {} requests were refused", loaded.errors, loaded.times.len());
        Ok(loaded)
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = Duration> {
        self.times.iter().map(|time| Duration::from_secs_f64(time / 1e6))
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }
}

const REQUEST: &str = r#""method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"Please confirm the payment of 120 EUR to Example Books. Answer yes or no."}}],"maxTokens":100,"systemPrompt":"You confirm payments."}}"#;

/// What the server asks by itself, once it is initialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing: only what it is called for.
    Called,
    /// One question after the other: see [`ask_one_by_one`].
    Ask,
    /// So many at once, each of [`LARGE_MIB`].
    Large(usize),
    /// So many at once.
    Many(usize),
}

impl Mode {
    /// Reads what follows `serve-load` on the command line.
    pub(crate) fn parse(args: &[String]) -> anyhow::Result<Self> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Ok(match args[..] {
            [] => Self::Called,
            ["ask"] => Self::Ask,
            ["large", count] => Self::Large(count.parse()?),
            ["many", count] => Self::Many(count.parse()?),
            _ => anyhow::bail!("serve-load does not know {args:?}"),
        })
    }
}

/// The size of a large question's text.
pub(crate) const LARGE_MIB: usize = 5;

/// Serves until the end of its input.
pub(crate) fn serve(mode: Mode) -> anyhow::Result<()> {
    let mut pipe = Pipe { lines: io::stdin().lock(), out: io::stdout(), line: String::new() };
    let (answered, answers) = mpsc::channel();
    let mut answers = Some(answers);
    while let Some(message) = pipe.read()? {
        if message["method"] == "notifications/initialized" {
            match (mode, answers.take()) {
                (Mode::Ask, Some(answers)) => drop(std::thread::spawn(move || ask_one_by_one(io::stdout(), &answers))),
                (Mode::Large(count), _) => {
                    let large = large()?;
                    ask_at_once(&mut pipe.out, count, |_| Ok(large.clone()))?;
                }
                (Mode::Many(count), _) => ask_at_once(&mut pipe.out, count, different)?,
                (Mode::Called | Mode::Ask, _) => {}
            }
        }
        if message.get("method").is_none() {
            // Without anybody who asks, nobody listens.
            let _ = answered.send(());
        }
        pipe.answer(&message)?;
    }
    Ok(())
}

struct Pipe {
    lines: io::StdinLock<'static>,
    out: io::Stdout,
    line: String,
}

impl Pipe {
    fn read(&mut self) -> anyhow::Result<Option<Value>> {
        self.line.clear();
        if self.lines.read_line(&mut self.line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&self.line)?))
    }

    fn answer(&mut self, message: &Value) -> anyhow::Result<()> {
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else { return Ok(()) };
        let result = match method {
            "initialize" => json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "load", "version": "1"},
            }),
            "ping" => json!({}),
            "tools/list" => json!({"tools": [{
                "name": "load",
                "description": "Sends sampling requests and measures them.",
                "inputSchema": {"type": "object", "properties": {
                    "count": {"type": "integer"}, "in_flight": {"type": "integer"},
                }},
            }]}),
            "tools/call" => {
                let load = serde_json::from_value(message["params"]["arguments"].clone())?;
                let loaded = self.load(load)?;
                json!({"content": [{"type": "text", "text": serde_json::to_string(&loaded)?}]})
            }
            _ => {
                let error = json!({"code": -32601, "message": "Method not found"});
                writeln!(self.out, "{}", json!({"jsonrpc": "2.0", "id": id, "error": error}))?;
                return Ok(self.out.flush()?);
            }
        };
        writeln!(self.out, "{}", json!({"jsonrpc": "2.0", "id": id, "result": result}))?;
        Ok(self.out.flush()?)
    }

    fn load(&mut self, load: Load) -> anyhow::Result<Loaded> {
        let mut loaded = Loaded { times: Vec::with_capacity(load.count), seconds: 0.0, errors: 0 };
        let mut flying = HashMap::with_capacity(load.in_flight);
        let mut sent = 0;
        let started = Instant::now();
        while loaded.times.len() < load.count {
            while flying.len() < load.in_flight && sent < load.count {
                // One write for each: a line at a time is how servers speak.
                let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":\"q{sent}\",{REQUEST}\n");
                flying.insert(format!("q{sent}"), Instant::now());
                self.out.write_all(line.as_bytes())?;
                self.out.flush()?;
                sent += 1;
            }
            let message = self.read()?.ok_or_else(|| anyhow::anyhow!("the client went away"))?;
            match message["id"].as_str().and_then(|id| flying.remove(id)) {
                Some(since) => {
                    loaded.times.push(since.elapsed().as_secs_f64() * 1e6);
                    loaded.errors += usize::from(message.get("error").is_some());
                }
                None => self.answer(&message)?,
            }
        }
        loaded.seconds = started.elapsed().as_secs_f64();
        Ok(loaded)
    }
}

/// The pause before the next question.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

/// Asks one question after the other, by itself: each when the one before was answered, and a pause later.
fn ask_one_by_one(mut out: io::Stdout, answers: &mpsc::Receiver<()>) -> anyhow::Result<()> {
    for n in 0.. {
        out.write_all(format!("{{\"jsonrpc\":\"2.0\",\"id\":\"q{n}\",{REQUEST}\n").as_bytes())?;
        out.flush()?;
        answers.recv()?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn ask_at_once(
    out: &mut io::Stdout,
    count: usize,
    request: impl Fn(usize) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    for n in 0..count {
        let request = request(n)?;
        out.write_all(format!("{{\"jsonrpc\":\"2.0\",\"id\":\"q{n}\",{request}\n").as_bytes())?;
    }
    Ok(out.flush()?)
}

/// The question with a long text: the end of a line of its JSON, as [`REQUEST`] is.
fn large() -> anyhow::Result<String> {
    const LINE: &str = "The quick brown fox pays 120 EUR to Example Books; see https://example.org/invoice?id=7.\n";
    let mut params = request()?;
    params["messages"][0]["content"]["text"] = LINE.repeat((LARGE_MIB << 20) / LINE.len()).into();
    Ok(line_end(&params))
}

/// A question unlike the others: those that are alike fold into one card.
fn different(n: usize) -> anyhow::Result<String> {
    let mut params = request()?;
    // Any words do, as long as no two questions share many of them.
    let words: Vec<String> = (0..12).map(|word| format!("{:x}", (n * 12 + word + 1) * 2_654_435_761)).collect();
    params["messages"][0]["content"]["text"] = format!("What do these have in common: {}?", words.join(", ")).into();
    Ok(line_end(&params))
}

fn line_end(params: &Value) -> String {
    format!("\"method\":\"sampling/createMessage\",\"params\":{params}}}")
}

/// The params of the question it asks.
pub(crate) fn request() -> anyhow::Result<Value> {
    let mut message: Value = serde_json::from_str(&format!("{{{REQUEST}"))?;
    Ok(message["params"].take())
}
