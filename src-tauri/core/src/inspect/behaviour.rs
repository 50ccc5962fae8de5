//! How a request relates to those before it: nearly the same again, or many at once.
//!
//! Fingerprints are simhashes (Charikar 2002) over runs of three words, figures left out, so that texts which differ
//! in a few words differ in a few bits.

use serde_json::Value;

use super::{Finding, FindingKind, Severity, fold::Folded};

/// Requests within a minute from which on it is a burst.
const BURST: usize = 8;
/// How long a burst is looked for, milliseconds.
const MINUTE: i64 = 60_000;
/// Bits in which nearly equal texts may differ.
const NEAR: u32 = 8;
/// Texts with fewer words are alike too easily.
const FEWEST: usize = 4;
/// This much of a request is compared, bytes. What is longer is alike in its beginning, or it is not alike.
const COMPARED: usize = 64 * 1024;

/// A simhash of what a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    bits: u64,
    words: usize,
}

impl Fingerprint {
    /// The fingerprint of all texts in a request's messages.
    pub fn of(params: &Value) -> Self {
        let mut texts = String::new();
        collect(params.get("messages").unwrap_or(params), &mut texts);
        Self::of_text(&texts)
    }

    /// From what [`Fingerprint::parts`] gave.
    pub fn from_parts(bits: u64, words: u64) -> Self {
        Self { bits, words: usize::try_from(words).unwrap_or(usize::MAX) }
    }

    /// To be kept: the simhash, and the number of words it was made of.
    pub fn parts(self) -> (u64, u64) {
        (self.bits, self.words as u64)
    }

    /// The fingerprint of a text.
    pub fn of_text(text: &str) -> Self {
        let folded = Folded::new(text).text;
        let words: Vec<u64> =
            folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).flat_map(units).collect();
        let mut votes = [0_i32; 64];
        let mut vote = |hash: u64| {
            for (bit, votes) in votes.iter_mut().enumerate() {
                *votes += if hash >> bit & 1 == 1 { 1 } else { -1 };
            }
        };
        words.iter().for_each(|word| vote(*word));
        words.windows(3).for_each(|run| vote(run.iter().fold(17, |hash, word| mix(hash ^ word))));
        let bits = votes.iter().enumerate().fold(0, |bits, (bit, votes)| bits | u64::from(*votes > 0) << bit);
        Self { bits, words: words.len() }
    }

    /// Whether two texts are nearly the same.
    pub fn is_near(self, other: Self) -> bool {
        let alike = self.words.abs_diff(other.words) * 4 <= self.words.max(other.words);
        self.words >= FEWEST && alike && (self.bits ^ other.bits).count_ones() <= NEAR
    }
}

/// A request that came before: what it asked, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// What it asked.
    pub fingerprint: Fingerprint,
    /// When, in milliseconds of any clock; none where that is not known.
    pub at_ms: Option<i64>,
}

/// Compares a request with those of the same server before it, oldest first.
pub fn behaviour(now: Recent, before: &[Recent]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let near = before.iter().filter(|recent| recent.fingerprint.is_near(now.fingerprint)).count();
    if near > 0 {
        let severity = if near >= 3 { Severity::Medium } else { Severity::Low };
        let times = if near == 1 { "a recent request".to_owned() } else { format!("{near} recent requests") };
        findings.push(whole(FindingKind::NearDuplicate, severity, format!("It is nearly the same as {times}.")));
    }
    // Without times, what is given is taken for recent.
    let recent = before.iter().filter(|recent| match (now.at_ms, recent.at_ms) {
        (Some(now), Some(then)) => (0..=MINUTE).contains(&now.saturating_sub(then)),
        (_, _) => true,
    });
    let count = recent.count() + 1;
    if count >= BURST {
        findings.push(whole(
            FindingKind::Burst,
            Severity::Medium,
            format!("It is one of {count} requests within a minute."),
        ));
    }
    findings
}

fn whole(kind: FindingKind, severity: Severity, why: String) -> Finding {
    Finding {
        kind,
        severity,
        pointer: String::new(),
        in_name: false,
        start: 0,
        end: 0,
        why,
        label: String::new(),
        decoded: None,
    }
}

fn collect(value: &Value, texts: &mut String) {
    if texts.len() >= COMPARED {
        return;
    }
    match value {
        Value::String(text) => {
            texts.push_str(&text[..text.floor_char_boundary(COMPARED - texts.len())]);
            texts.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => {
            let says = |key: &str| !matches!(key, "type" | "role" | "data" | "blob" | "mimeType" | "id" | "toolUseId");
            fields.iter().filter(|(key, _)| says(key)).for_each(|(_, field)| collect(field, texts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A word, or where none are parted by spaces, each of its characters.
fn units(word: &str) -> Vec<u64> {
    if word.chars().any(|c| matches!(c, '\u{3040}'..='\u{9fff}')) {
        word.chars().map(|c| mix(u64::from(c as u32))).collect()
    } else {
        vec![word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))]
    }
}

/// The finaliser of splitmix64.
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
