//! Takes up what the families find, and keeps it bounded: of each kind so many in a string, and so many in all; what is
//! beyond that is counted and told in one finding.

use std::ops::Range;

use super::{Family, Finding, FindingKind, Severity};

/// Of each kind, how many findings are listed in one string, and in all of a value.
const PER_STRING: u32 = 50;
const IN_ALL: u32 = 500;
/// How many bytes of decoded text are inspected again, in all of a value.
const DECODED: usize = 256 << 10;
const KINDS: usize = FindingKind::ALL.len();

/// A finding in the string at hand; its span is in bytes.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) kind: FindingKind,
    pub(super) severity: Severity,
    pub(super) span: Range<usize>,
    pub(super) why: String,
    pub(super) label: String,
    pub(super) decoded: Option<String>,
}

/// What was left out of one kind.
#[derive(Debug, Clone, Copy)]
struct More {
    count: u32,
    severity: Severity,
    start: usize,
    end: usize,
}

pub(super) struct Found {
    findings: Vec<Finding>,
    totals: [u32; KINDS],
    spots: Vec<Spot>,
    counts: [u32; KINDS],
    more: [Option<More>; KINDS],
    /// Of kinds whose total was reached: the finding that tells how many more there are.
    told: [Option<usize>; KINDS],
    left_out: [u32; KINDS],
    /// Whether the text was asked for as a lesson about attacks.
    pub(super) lesson: bool,
    decoded_left: usize,
}

impl Found {
    pub(super) fn new(lesson: bool) -> Self {
        Self {
            findings: Vec::new(),
            totals: [0; KINDS],
            spots: Vec::new(),
            counts: [0; KINDS],
            more: [None; KINDS],
            told: [None; KINDS],
            left_out: [0; KINDS],
            lesson,
            decoded_left: DECODED,
        }
    }

    /// Takes up a finding; `why` is not made where the finding is only counted.
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        severity: Severity,
        span: Range<usize>,
        why: impl FnOnce() -> String,
    ) {
        self.add_spot(kind, severity, span, |span| Spot {
            kind,
            severity,
            span,
            why: why(),
            label: String::new(),
            decoded: None,
        });
    }

    /// Takes up a finding that has a label or decoded text.
    pub(super) fn add_spot(
        &mut self,
        kind: FindingKind,
        severity: Severity,
        span: Range<usize>,
        spot: impl FnOnce(Range<usize>) -> Spot,
    ) {
        let index = kind as usize;
        if self.counts[index] < PER_STRING {
            self.counts[index] += 1;
            self.spots.push(spot(span));
            return;
        }
        let more = self.more[index].get_or_insert(More { count: 0, severity, start: span.start, end: span.end });
        more.count += 1;
        more.severity = more.severity.max(severity);
        more.start = more.start.min(span.start);
        more.end = more.end.max(span.end);
    }

    /// Whether more of a kind is only counted.
    pub(super) fn is_full(&self, kind: FindingKind) -> bool {
        self.counts[kind as usize] >= PER_STRING
    }

    /// What was found in the string at hand.
    pub(super) fn spots(&self) -> &[Spot] {
        &self.spots
    }

    pub(super) fn spots_mut(&mut self) -> &mut [Spot] {
        &mut self.spots
    }

    /// Inspects decoded text with a place of its own to put findings; none: it was not, as no more of what is encoded is
    /// inspected.
    pub(super) fn aside(&mut self, length: usize, inspect: impl FnOnce(&mut Self)) -> Option<Vec<Spot>> {
        let left = self.decoded_left.checked_sub(length)?;
        let mut aside = Self { decoded_left: left, ..Self::new(self.lesson) };
        inspect(&mut aside);
        self.decoded_left = aside.decoded_left;
        Some(aside.spots)
    }

    /// Ends the string at hand: spans become Unicode scalar values, in order.
    pub(super) fn end_string(&mut self, text: &str, pointer: &str, in_name: bool) {
        if self.spots.is_empty() {
            return;
        }
        for kind in FindingKind::ALL {
            if let Some(more) = self.more[*kind as usize].take() {
                let why = format!("And {} more of this kind from here on.", more.count);
                let (severity, span) = (more.severity, more.start..more.end);
                self.spots.push(Spot { kind: *kind, severity, span, why, label: String::new(), decoded: None });
            }
        }
        self.counts = [0; KINDS];
        self.spots.sort_by_key(|spot| (spot.span.start, spot.span.end, spot.kind));
        let mut positions = Positions::new(text);
        let spots = std::mem::take(&mut self.spots);
        // Ends do not come in order, so each is counted from its start; long spans are few.
        for spot in spots {
            let start = positions.at(spot.span.start);
            let end = start.saturating_add(scalars(text, spot.span.clone()));
            let index = spot.kind as usize;
            if self.totals[index] >= IN_ALL {
                self.leave_out(spot.kind, spot.severity, pointer);
                continue;
            }
            self.totals[index] += 1;
            let Spot { kind, severity, why, label, decoded, .. } = spot;
            self.findings.push(Finding {
                kind,
                severity,
                pointer: pointer.into(),
                in_name,
                start,
                end,
                why,
                label,
                decoded,
            });
        }
    }

    /// Takes up a finding about a whole value.
    pub(super) fn add_whole(&mut self, finding: Finding) {
        let index = finding.kind as usize;
        if self.totals[index] >= IN_ALL {
            self.leave_out(finding.kind, finding.severity, &finding.pointer);
            return;
        }
        self.totals[index] += 1;
        self.findings.push(finding);
    }

    fn leave_out(&mut self, kind: FindingKind, severity: Severity, pointer: &str) {
        let index = kind as usize;
        self.left_out[index] += 1;
        let at = *self.told[index].get_or_insert_with(|| {
            self.findings.push(Finding {
                kind,
                severity,
                pointer: pointer.into(),
                in_name: false,
                start: 0,
                end: 0,
                why: String::new(),
                label: String::new(),
                decoded: None,
            });
            self.findings.len() - 1
        });
        let told = &mut self.findings[at];
        told.severity = told.severity.max(severity);
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        for (at, count) in self.told.iter().zip(self.left_out) {
            if let Some(finding) = at.and_then(|at| self.findings.get_mut(at)) {
                finding.why = format!("And {count} more of this kind, here and in later texts.");
            }
        }
        self.findings
    }
}

/// Raises what hides something (a gap, a hidden element) where words that instruct, or secrets, stand in it.
pub(super) fn raise_what_hides(found: &mut Found) {
    let telling: Vec<(usize, usize)> = found
        .spots()
        .iter()
        .filter(|spot| {
            spot.severity >= Severity::Medium && matches!(spot.kind.family(), Family::Meaning | Family::Data)
        })
        .map(|spot| (spot.span.start, spot.span.end))
        .collect();
    let last = telling.iter().map(|(_, end)| *end).max().unwrap_or(0);
    for spot in found.spots_mut() {
        let hides = match spot.kind {
            FindingKind::PushOut => last > spot.span.end,
            FindingKind::HiddenHtml => {
                telling.iter().any(|(start, end)| *start < spot.span.end && *end > spot.span.start)
            }
            _ => false,
        };
        if hides && spot.severity < Severity::High {
            spot.severity = Severity::High;
            spot.why.push_str(" What it hides is an instruction or a secret.");
        }
    }
}

/// Counts scalar values up to byte offsets that only grow.
struct Positions<'a> {
    text: &'a str,
    byte: usize,
    scalar: u32,
}

impl<'a> Positions<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, byte: 0, scalar: 0 }
    }

    fn at(&mut self, byte: usize) -> u32 {
        if byte > self.byte {
            self.scalar = self.scalar.saturating_add(scalars(self.text, self.byte..byte));
            self.byte = byte;
        }
        self.scalar
    }
}

fn scalars(text: &str, span: Range<usize>) -> u32 {
    u32::try_from(text.get(span).map_or(0, |part| part.chars().count())).unwrap_or(u32::MAX)
}
