//! The corpus of `tests/corpus`: attacks and benign texts, and how inspection does on them.
//!
//! A line is what `samplegate inspect` reads, with `expect` added. Secrets are not written down: `⟦hex32⟧` and its like
//! are replaced by characters drawn from the line's id, so that no file holds anything that looks like a real key and
//! every run sees the same.

use std::{collections::BTreeMap, path::PathBuf};

use samplegate_core::inspect::{Family, Finding, FindingKind, Input, Severity};
use serde::Deserialize;
use serde_json::Value;

/// A line of the corpus.
pub struct Case {
    pub id: String,
    pub input: Input,
    pub expect: Expect,
}

#[derive(Debug, Deserialize)]
pub struct Expect {
    /// Of an attack: the kinds that have to be found. Of a benign text: those that may be.
    pub kinds: Vec<FindingKind>,
    /// What sort of text it is.
    pub class: String,
    /// The least severity that counts as found.
    #[serde(default = "medium")]
    pub least: Severity,
    /// Whether it was written after the rules and not tuned on.
    #[serde(default)]
    pub held_out: bool,
}

fn medium() -> Severity {
    Severity::Medium
}

/// Reads one of the files.
pub fn load(name: &str) -> Vec<Case> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let expect = serde_json::from_value(value["expect"].take()).unwrap();
            let id = value["id"].as_str().unwrap().to_owned();
            let mut random = Random::of(&id);
            fill(&mut value["params"], &mut random);
            Case { input: Input::parse(&value.to_string()).unwrap(), id, expect }
        })
        .collect()
}

/// What was found of what should be: of a family, in one part of the corpus.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rate {
    pub good: usize,
    pub all: usize,
}

impl Rate {
    /// In per cent; of nothing, all.
    pub fn percent(&self) -> f64 {
        if self.all == 0 { 100.0 } else { self.good as f64 * 100.0 / self.all as f64 }
    }

    fn add(&mut self, good: bool) {
        self.good += usize::from(good);
        self.all += 1;
    }
}

/// How inspection did. Keys: what is counted, and whether it was held out.
#[derive(Debug, Default)]
pub struct Score {
    pub recall: BTreeMap<(&'static str, bool), Rate>,
    /// Benign texts without a false alarm.
    pub quiet: BTreeMap<bool, Rate>,
    /// Each miss and each false alarm, in a sentence.
    pub misses: Vec<String>,
}

impl Score {
    /// All of one family, tuned on and held out.
    pub fn of(&self, family: &str) -> Rate {
        let rates = self.recall.iter().filter(|((name, _), _)| *name == family);
        rates.fold(Rate::default(), |sum, (_, rate)| Rate { good: sum.good + rate.good, all: sum.all + rate.all })
    }

    /// False alarms among all benign texts, in per cent.
    pub fn false_alarms(&self) -> f64 {
        let all: usize = self.quiet.values().map(|rate| rate.all).sum();
        let alarms: usize = self.quiet.values().map(|rate| rate.all - rate.good).sum();
        alarms as f64 * 100.0 / all.max(1) as f64
    }
}

/// The name of a family, as it is reported.
pub fn family(kind: FindingKind) -> &'static str {
    match kind.family() {
        Family::Bytes => "byte-level",
        Family::Meaning => "meaning",
        Family::Data => "data",
        Family::Behaviour => "behaviour",
    }
}

/// Inspects all of the corpus.
pub fn score() -> Score {
    let mut score = Score::default();
    for case in load("attacks.jsonl") {
        let findings = case.input.inspect();
        for kind in &case.expect.kinds {
            let found = findings.iter().any(|finding| finding.kind == *kind && finding.severity >= case.expect.least);
            score.recall.entry((family(*kind), case.expect.held_out)).or_default().add(found);
            if !found {
                let shown = kinds(&findings);
                score.misses.push(format!(
                    "{} ({}): {} not found; found {shown}",
                    case.id,
                    case.expect.class,
                    kind.as_str()
                ));
            }
        }
    }
    for case in load("benign.jsonl") {
        let findings = case.input.inspect();
        let alarms: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| finding.severity >= Severity::Medium && !case.expect.kinds.contains(&finding.kind))
            .collect();
        score.quiet.entry(case.expect.held_out).or_default().add(alarms.is_empty());
        if !alarms.is_empty() {
            score.misses.push(format!("{} ({}): false alarm {}", case.id, case.expect.class, kinds(&alarms)));
        }
    }
    score
}

fn kinds(findings: &[Finding]) -> String {
    let kinds: Vec<String> = findings
        .iter()
        .map(|finding| {
            format!("{} {} {}..{}", finding.severity.as_str(), finding.kind.as_str(), finding.start, finding.end)
        })
        .collect();
    if kinds.is_empty() { "nothing".into() } else { kinds.join(", ") }
}

/// Fills in `⟦…⟧` wherever it stands.
fn fill(value: &mut Value, random: &mut Random) {
    match value {
        Value::String(text) => {
            while let Some((start, rest)) =
                text.split_once('⟦').map(|(start, rest)| (start.to_owned(), rest.to_owned()))
            {
                let (pattern, rest) = rest.split_once('⟧').unwrap();
                *text = format!("{start}{}{rest}", random.draw(pattern));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, random)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, random)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A small generator (xorshift), the same for the same id.
struct Random(u64);

impl Random {
    fn of(id: &str) -> Self {
        Self(
            id.bytes()
                .fold(0x9e37_79b9_7f4a_7c15, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
                | 1,
        )
    }

    /// `hex32` and its like: an alphabet and a length; `join` draws nothing and parts what must not stand together.
    fn draw(&mut self, pattern: &str) -> String {
        let letters = pattern.trim_end_matches(|c: char| c.is_ascii_digit());
        let length = pattern[letters.len()..].parse().unwrap_or(0);
        let alphabet: &[u8] = match letters.trim_end_matches('_') {
            "hex" => b"0123456789abcdef",
            "digit" => b"0123456789",
            "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "lower" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "alnum" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "url" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
            // "base64_40" has digits in its name.
            "base" | "base64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "join" => b"",
            other => panic!("no alphabet {other:?}"),
        };
        (0..if alphabet.is_empty() { 0 } else { length })
            .map(|at| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                // Neither the first nor the last is a mark, which a sentence could have put there.
                let usable = if at == 0 || at + 1 == length { alphabet.len().min(62) } else { alphabet.len() };
                char::from(alphabet[(self.0 >> 33) as usize % usable])
            })
            .collect()
    }
}
