//! A million questions, measured by hand:
//! `cargo test --release -p samplegate-engine million -- --ignored --nocapture`. `SAMPLEGATE_BENCH_LOG` names a file
//! to keep between runs, `SAMPLEGATE_BENCH_QUESTIONS` another number.

use std::time::{Duration, Instant};

use super::*;

const WORDS: &[&str] = &[
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
}

async fn fill(store: &Store, questions: usize) {
    let mut dice = Dice(7);
    let mut waiting = Vec::new();
    for n in 0..questions {
        let mut text = format!("question{n}");
        for _ in 0..20 {
            // Common words, and a tail of rare ones.
            let word =
                if dice.roll(5) == 0 { format!("rare{}", dice.roll(20_000)) } else { WORDS[dice.roll(20)].to_owned() };
            text.push(' ');
            text.push_str(&word);
        }
        let server = format!("server{}", dice.roll(20).min(dice.roll(20)));
        let ask = Ask::new(n as i64 * 1000, &server, &text);
        let id = new_id(ask.at);
        let events = if dice.roll(3) == 0 { ask.denied(id) } else { ask.answered(id, WORDS[dice.roll(20)]) };
        let store = store.clone();
        waiting.push(tokio::spawn(async move { store.append(events).await.unwrap() }));
        if waiting.len() == 512 {
            for task in waiting.drain(..) {
                task.await.unwrap();
            }
        }
    }
    for task in waiting {
        task.await.unwrap();
    }
}

#[ignore = "takes minutes and gigabytes"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_questions_are_listed_at_once() {
    let place = Place::new();
    let path = std::env::var_os("SAMPLEGATE_BENCH_LOG").map_or_else(|| place.path(), PathBuf::from);
    let wanted = std::env::var("SAMPLEGATE_BENCH_QUESTIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let store = Store::open(&path).unwrap();
    let there = store.facets().await.unwrap().total as usize;
    if there < wanted {
        let started = Instant::now();
        fill(&store, wanted - there).await;
        eprintln!("filled: {:.0} questions/s", (wanted - there) as f64 / started.elapsed().as_secs_f64());
    }
    eprintln!("size: {} MiB", std::fs::metadata(&path).unwrap().len() >> 20);

    let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    let server = |name: &str| Filter { server: Some(name.to_owned()), ..Filter::default() };
    let denied = || Filter { outcome: Some(Outcome::Denied), ..Filter::default() };
    let released = || Filter { outcome: Some(Outcome::Released), ..Filter::default() };
    let human = || Filter { model: Some("human".to_owned()), ..Filter::default() };
    let half = at(wanted as i64 * 500);
    let cases = [
        ("first page", Filter::default()),
        ("time", Filter { from: Some(at(0)), to: Some(half), ..Filter::default() }),
        ("common server", server("server0")),
        ("rare server", server("server19")),
        ("outcome", denied()),
        ("model", human()),
        (
            "server + outcome + model",
            Filter {
                outcome: Some(Outcome::Released),
                ..Filter { model: Some("human".to_owned()), ..server("server3") }
            },
        ),
        ("contradiction: denied by a rule", Filter { decided_by: Some(DecidedBy::Rule), ..denied() }),
        ("contradiction in the past", Filter { to: Some(half), model: Some("human".to_owned()), ..denied() }),
        ("common word", text("payment")),
        ("three common words", text("payment invoice weather")),
        ("rare word", text("rare777")),
        ("two rare words", text("rare777 rare778")),
        ("rare word, denied", Filter { text: Some("rare777".to_owned()), ..denied() }),
        ("common word, rare server", Filter { text: Some("payment".to_owned()), ..server("server19") }),
        ("phrase", text("\"payment invoice\"")),
        ("rare phrase", text("\"payment invoice weather password\"")),
        ("one question", text("question4711")),
        ("common word, released, old", Filter { to: Some(half), text: Some("report".to_owned()), ..released() }),
        ("no such word", text("xylophone")),
    ];
    let mut all = Vec::new();
    for (name, filter) in cases {
        let mut times: Vec<Duration> = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let started = Instant::now();
            found = store.list(filter.clone()).await.unwrap().questions.len();
            times.push(started.elapsed());
        }
        let first = times[0];
        times.sort_unstable();
        all.extend(times.iter().copied());
        eprintln!("{name:32} {found:4} rows  first {first:9.2?}  p50 {:9.2?}  p95 {:9.2?}", times[10], times[18]);
    }
    all.sort_unstable();
    eprintln!("all: p95 {:.2?}", all[all.len() * 95 / 100]);
    let started = Instant::now();
    let facets = store.facets().await.unwrap();
    eprintln!("facets: {:.2?} ({} servers)", started.elapsed(), facets.servers.len());
    let id = store.list(text("question4711")).await.unwrap().questions[0].id;
    let started = Instant::now();
    store.show(id).await.unwrap();
    eprintln!("show: {:.2?}", started.elapsed());
    let started = Instant::now();
    let report = store.verify(None).await.unwrap().unwrap();
    eprintln!("verify: {:.1?} for {} events", started.elapsed(), report.events);
}
