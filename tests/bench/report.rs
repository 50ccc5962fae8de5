//! The table: what was measured, its budget, the figures, and whether they are within it.

use std::time::Duration;

/// Durations, for their percentiles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        let mut times: Vec<Duration> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// Measures something so many times.
    pub(crate) fn of(times: usize, mut action: impl FnMut()) -> Self {
        (0..times)
            .map(|_| {
                let started = std::time::Instant::now();
                action();
                started.elapsed()
            })
            .collect()
    }

    pub(crate) fn add(&mut self, more: impl IntoIterator<Item = Duration>) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    /// The value below which this part of them is, e.g. 0.95. Zero where there are none.
    pub(crate) fn at(&self, part: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn all(self) -> Vec<Duration> {
        self.0
    }

    pub(crate) fn p50(&self) -> Duration {
        self.at(0.5)
    }

    pub(crate) fn p95(&self) -> Duration {
        self.at(0.95)
    }

    /// "p50 … p95 … p99 …", the last only where it means something.
    pub(crate) fn shown(&self) -> String {
        let mut shown = format!("p50 {}  p95 {}", time(self.p50()), time(self.p95()));
        if self.0.len() >= 200 {
            shown.push_str(&format!("  p99 {}", time(self.at(0.99))));
        }
        shown
    }
}

/// A duration with three figures.
pub(crate) fn time(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 0.1 => format!("{:.0} µs", ms * 1000.0),
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

/// What came of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Within,
    Over,
    /// There is no budget for it: it is measured to compare with.
    None,
}

impl Verdict {
    pub(crate) fn of(measured: impl PartialOrd<f64>, budget: f64) -> Self {
        if measured <= budget { Self::Within } else { Self::Over }
    }

    pub(crate) fn of_time(measured: Duration, budget: Duration) -> Self {
        if measured <= budget { Self::Within } else { Self::Over }
    }
}

pub(crate) struct Report {
    over: usize,
    judged: usize,
}

impl Report {
    pub(crate) fn begin() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        println!("Samplegate {}, {}, {cores} cores, {}", env!("CARGO_PKG_VERSION"), today(), profile());
        println!("{:<58} | {:<32} | {:<46} | verdict", "what", "budget", "measured");
        Self { over: 0, judged: 0 }
    }

    pub(crate) fn line(&mut self, what: &str, budget: &str, measured: &str, verdict: Verdict) {
        let said = match verdict {
            Verdict::Within => "within",
            Verdict::Over => "OVER",
            Verdict::None => "",
        };
        self.judged += usize::from(verdict != Verdict::None);
        self.over += usize::from(verdict == Verdict::Over);
        println!("{what:<58} | {budget:<32} | {measured:<46} | {said}");
    }

    /// A figure to compare with.
    pub(crate) fn note(&mut self, what: &str, measured: &str) {
        self.line(what, "", measured, Verdict::None);
    }

    /// Times whose p95 has a budget.
    pub(crate) fn p95(&mut self, what: &str, budget: Duration, times: &Times) {
        let verdict = Verdict::of_time(times.p95(), budget);
        self.line(what, &format!("p95 {}", time(budget)), &times.shown(), verdict);
    }

    /// Times whose p50 has a budget.
    pub(crate) fn p50(&mut self, what: &str, budget: Duration, times: &Times) {
        let verdict = Verdict::of_time(times.p50(), budget);
        self.line(what, &format!("p50 {}", time(budget)), &times.shown(), verdict);
    }

    pub(crate) fn not_measured(&mut self, what: &str, why: &str) {
        self.line(what, "", &format!("not measured here: {why}"), Verdict::None);
    }

    pub(crate) fn end(&self) {
        println!("{} of {} budgets that were measured are kept.", self.judged - self.over, self.judged);
    }
}

fn today() -> String {
    jiff::Timestamp::now().to_string().chars().take(10).collect()
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "a debug build: the figures mean nothing" } else { "release build" }
}
