//! Which words stand near an anchor, and whether they are those of a rule.

use std::ops::Range;

use super::{
    super::{FindingKind, walk::Place},
    rules::{FARTHEST, Rule},
    words::{Role, Roles},
};

/// A word in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) role: Role,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) sentence: u32,
}

/// The words that any rule may look at around the anchor, one word after the other.
pub(super) struct Window<'a> {
    /// In the order in which they begin.
    hits: &'a [Hit],
    index: usize,
    range: Range<usize>,
    /// How many of each role are in the range.
    counts: [u32; Roles::MOST],
    present: Roles,
    /// The length of the longest word, in bytes.
    longest: usize,
}

impl<'a> Window<'a> {
    pub(super) fn new(hits: &'a [Hit]) -> Self {
        let longest = hits.iter().map(|hit| hit.end - hit.start).max().unwrap_or(0);
        Self { hits, index: 0, range: 0..0, counts: [0; Roles::MOST], present: Roles::of(&[]), longest }
    }

    /// Goes on to this word; both ends of the window only grow.
    pub(super) fn move_to(&mut self, index: usize) {
        self.index = index;
        let anchor = self.hits[index];
        while let Some(hit) = self.hits.get(self.range.end).filter(|hit| hit.start <= anchor.end + FARTHEST) {
            self.counts[hit.role as usize] += 1;
            self.present = self.present.and(hit.role);
            self.range.end += 1;
        }
        while let Some(hit) = self.hits.get(self.range.start).filter(|hit| hit.start + FARTHEST < anchor.start) {
            let count = &mut self.counts[hit.role as usize];
            *count -= 1;
            if *count == 0 {
                self.present = self.present.but(hit.role);
            }
            self.range.start += 1;
        }
    }

    /// The span of a rule's words around the anchor.
    pub(super) fn matched(&self, rule: &Rule, place: Place) -> Option<Range<usize>> {
        if !rule.with.iter().all(|roles| self.present.meets(*roles)) {
            return None;
        }
        let anchor = self.hits[self.index];
        if rule.anchor == Role::Ignore && self.negated(self.index) {
            return None;
        }
        let guards = matches!(place, Place::SystemPrompt | Place::ToolDescription | Place::Answer);
        let without = if guards { rule.without } else { rule.without.but(Role::Guard) };
        let excludes = |(at, hit): (usize, &Hit)| {
            self.range.start + at != self.index && without.has(hit.role) && hit.sentence == anchor.sentence
        };
        if self.present.meets(without) && self.hits[self.range.clone()].iter().enumerate().any(excludes) {
            return None;
        }
        let mut span = anchor.start..anchor.end;
        for roles in rule.with {
            let hit = self.nearest(rule, *roles)?;
            span = span.start.min(hit.start)..span.end.max(hit.end);
        }
        Some(span)
    }

    /// The nearest word of these roles that a rule takes; of two the earlier.
    fn nearest(&self, rule: &Rule, roles: Roles) -> Option<Hit> {
        let anchor = self.hits[self.index];
        let takes = |at: usize, hit: &Hit| {
            roles.has(hit.role) && !(matches!(hit.role, Role::Reveal | Role::Open | Role::Ignore) && self.negated(at))
        };
        let after = (self.index + 1..self.range.end)
            .map(|at| (at, self.hits[at]))
            .take_while(|(_, hit)| {
                hit.start <= anchor.end + rule.reach && hit.sentence - anchor.sentence <= rule.sentences
            })
            .find(|(at, hit)| hit.start >= anchor.end && takes(*at, hit))
            .map(|(_, hit)| (hit.start - anchor.end, hit));
        if rule.first {
            return after.map(|(_, hit)| hit);
        }
        // Verbs stand last in some languages, but close to what they are about.
        let back = if rule.kind == FindingKind::Override { rule.reach / 2 } else { rule.reach };
        let mut best = after;
        for at in (self.range.start..self.index).rev() {
            let hit = self.hits[at];
            // The order is that of where words begin, so a longer one may end nearer.
            let farthest = best.map_or(back, |(distance, _)| distance.min(back)) + self.longest;
            if hit.start + farthest < anchor.start
                || hit.start + rule.reach < anchor.start
                || anchor.sentence - hit.sentence > rule.sentences
            {
                break;
            }
            let Some(distance) = anchor.start.checked_sub(hit.end).filter(|distance| *distance <= back) else {
                continue;
            };
            if best.is_none_or(|(least, _)| distance <= least) && takes(at, &hit) {
                best = Some((distance, hit));
            }
        }
        best.map(|(_, hit)| hit)
    }

    /// Whether a "not" stands right before the word.
    fn negated(&self, index: usize) -> bool {
        let hit = self.hits[index];
        self.hits[..index]
            .iter()
            .rev()
            .take(8)
            .any(|before| before.role == Role::Not && before.end <= hit.start && before.end + 2 >= hit.start)
    }
}
