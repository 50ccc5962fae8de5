//! Listing and searching a large audit log.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use samplegate_core::{
    audit::{
        Closed, Content, Decided, DecidedBy, Decision, Gate, Kind, NewEvent, Outcome, QuestionId, Received, Released,
        Replied, Role,
    },
    canonical::Sha256Hex,
};
use samplegate_engine::store::{Filter, Store, question_id};
use serde_json::json;

use crate::{
    Wanted,
    report::{Report, Times, time},
};

const FIRST_PAGE: Duration = Duration::from_millis(50);
const ANY: Duration = Duration::from_millis(100);
const TIMES: usize = 20;

/// When the first question was received, in milliseconds.
const BEGAN: i64 = 1_790_000_000_000;

const WORDS: [&str; 20] = [
    "confirm",
    "payment",
    "page",
    "summary",
    "translate",
    "invoice",
    "customer",
    "report",
    "weather",
    "password",
    "calendar",
    "meeting",
    "draft",
    "abstract",
    "rewrite",
    "keyword",
    "search",
    "result",
    "article",
    "review",
];

/// A fixed sequence: what is measured does not change from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    /// Common words, and now and then one of a long tail.
    fn text(&mut self, n: usize) -> String {
        let mut text = format!("question{n}");
        for _ in 0..20 {
            text.push(' ');
            match self.roll(5) {
                0 => text.push_str(&format!("rare{}", self.roll(20_000))),
                _ => text.push_str(WORDS[self.roll(WORDS.len())]),
            }
        }
        text
    }
}

pub(crate) async fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let questions: usize = match (wanted.million, wanted.quick) {
        (true, _) => 1_000_000,
        (false, false) => 100_000,
        (false, true) => 10_000,
    };
    let folder = crate::folder()?;
    let path = folder.path().join("samplegate.db");
    let store = Store::open(&path)?;
    let started = Instant::now();
    fill(&store, questions).await?;
    let rate = questions as f64 / started.elapsed().as_secs_f64();
    let size = std::fs::metadata(&path)?.len() >> 20;
    let smaller = if wanted.million { "" } else { " (not the million of the budget: --million)" };
    report
        .note(&format!("audit log of {questions} questions"), &format!("{size} MiB, written at {rate:.0}/s{smaller}"));

    let page = ask(&store, &Filter::default()).await?;
    report.p95("audit: first page", FIRST_PAGE, &page);
    let (mut all, mut slowest) = (Times::default(), (Duration::ZERO, ""));
    for (name, filter) in filters(questions) {
        let times = ask(&store, &filter).await?;
        if times.p95() > slowest.0 {
            slowest = (times.p95(), name);
        }
        all.add(times.all());
    }
    report.p95("audit: filters and full text", ANY, &all);
    report.p95(
        &format!("audit: the slowest of them ({})", slowest.1),
        ANY,
        &ask_slowest(&store, questions, slowest.1).await?,
    );
    let started = Instant::now();
    store.facets().await?;
    report.note("audit: what can be filtered by", &time(started.elapsed()));
    let one = Filter { text: Some("question4711".into()), ..Filter::default() };
    let id = store.list(one).await?.questions.first().context("question4711 is not found")?.id;
    let started = Instant::now();
    store.show(id).await?;
    report.note("audit: one question in full", &time(started.elapsed()));
    let started = Instant::now();
    let verified = store.verify(None).await?;
    let held = if verified.is_ok() { "holds" } else { "does not hold" };
    report.note("audit: verify all of it", &format!("{}, it {held}", time(started.elapsed())));
    Ok(())
}

async fn ask(store: &Store, filter: &Filter) -> anyhow::Result<Times> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let started = Instant::now();
        store.list(filter.clone()).await?;
        times.push(started.elapsed());
    }
    Ok(times.into_iter().collect())
}

async fn ask_slowest(store: &Store, questions: usize, name: &str) -> anyhow::Result<Times> {
    let slowest = filters(questions).into_iter().find(|(known, _)| *known == name);
    ask(store, &slowest.context("nothing was measured")?.1).await
}

fn filters(questions: usize) -> Vec<(&'static str, Filter)> {
    let text = |text: &str| Filter { text: Some(text.into()), ..Filter::default() };
    let server = |name: &str| Filter { server: Some(name.into()), ..Filter::default() };
    let outcome = |outcome| Filter { outcome: Some(outcome), ..Filter::default() };
    let half = at(questions / 2);
    vec![
        ("time", Filter { to: Some(half), ..Filter::default() }),
        ("common server", server("server0")),
        ("rare server", server("server19")),
        ("outcome", outcome(Outcome::Denied)),
        ("model", Filter { model: Some("human".into()), ..Filter::default() }),
        (
            "server, outcome and model",
            Filter { outcome: Some(Outcome::Released), model: Some("human".into()), ..server("server3") },
        ),
        ("denied by a rule: none", Filter { decided_by: Some(DecidedBy::Rule), ..outcome(Outcome::Denied) }),
        (
            "denied with a model, old: none",
            Filter { to: Some(half), model: Some("human".into()), ..outcome(Outcome::Denied) },
        ),
        ("common word", text("payment")),
        ("three common words", text("payment invoice weather")),
        ("rare word", text("rare777")),
        ("two rare words", text("rare777 rare778")),
        ("rare word, denied", Filter { text: Some("rare777".into()), ..outcome(Outcome::Denied) }),
        ("common word, rare server", Filter { text: Some("payment".into()), ..server("server19") }),
        ("phrase", text("\"payment invoice\"")),
        ("rare phrase", text("\"payment invoice weather password\"")),
        (
            "common word, released, old",
            Filter { to: Some(half), text: Some("report".into()), ..outcome(Outcome::Released) },
        ),
        ("no such word", text("xylophone")),
    ]
}

/// When the n-th question was received.
fn at(n: usize) -> Timestamp {
    Timestamp::from_millisecond(BEGAN + n as i64 * 1000).unwrap_or(Timestamp::MAX)
}

async fn fill(store: &Store, questions: usize) -> anyhow::Result<()> {
    let mut dice = Dice(7);
    let mut waiting = Vec::new();
    for n in 0..questions {
        let text = dice.text(n);
        let server = format!("server{}", dice.roll(20).min(dice.roll(20)));
        let answer = (dice.roll(3) > 0).then(|| WORDS[dice.roll(WORDS.len())]);
        let events = question(question_id(at(n))?, at(n), &server, &text, answer);
        let store = store.clone();
        waiting.push(tokio::spawn(async move { store.append(events).await }));
        if waiting.len() == 512 {
            for appended in waiting.drain(..) {
                appended.await??;
            }
        }
    }
    for appended in waiting {
        appended.await??;
    }
    Ok(())
}

/// A question from first to last: answered by a rule's text, or denied by a person.
fn question(id: QuestionId, at: Timestamp, server: &str, text: &str, answer: Option<&str>) -> Vec<NewEvent> {
    let request = json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 100});
    let received = Received {
        kind: Kind::Sampling,
        host: None,
        server: server.into(),
        tool: Some("summarise".into()),
        call_id: None,
        round: 1,
        one_of: None,
        context_class: Some("text".into()),
        owner: None,
        request_sha256: Some(Sha256Hex::of_json(&request)),
        first_line: Some(text.into()),
    };
    let by_rule = answer.is_some();
    let decided = Decided {
        gate: Gate::Request,
        decision: if by_rule { Decision::AnsweredByHand } else { Decision::Denied },
        by: if by_rule { DecidedBy::Rule } else { DecidedBy::Person },
        reviewer: (!by_rule).then(|| "ada".into()),
        reason: None,
        rules: Vec::new(),
        scope: None,
        grant: None,
        granted: None,
        approved_sha256: None,
        tool_calls: None,
    };
    let mut events =
        vec![NewEvent::received(id, at, received, Content::json(&request)), NewEvent::new(id, at, decided)];
    let outcome = match answer {
        None => Outcome::Denied,
        Some(answer) => {
            let answer = json!({"role": "assistant", "content": {"type": "text", "text": answer}, "model": "human"});
            let released = Released {
                edited: false,
                model: Some("human".into()),
                answer_class: Some("text".into()),
                released_sha256: Some(Sha256Hex::of_json(&answer)),
            };
            events.push(NewEvent::new(id, at, released).with(Role::Released, Content::json(&answer)));
            events.push(NewEvent::new(id, at, Replied {}));
            Outcome::Released
        }
    };
    events.push(NewEvent::new(id, at, Closed { outcome, decided_by: None, reason: None }));
    events
}
