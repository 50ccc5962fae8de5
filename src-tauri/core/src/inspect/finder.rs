//! Finds every place where one of many words stands.
//!
//! An automaton (Aho and Corasick, 1975) waits in each step for the one before, so one alone leaves most of a processor
//! idle. Each long part of a text is therefore read at four places at once.

use std::ops::Range;

use aho_corasick::{
    Anchored, PatternID,
    automaton::{Automaton, StateID},
};

const LANES: usize = 4;
/// How much is read between two times that what was found is taken up, in bytes: so much stays in the cache.
const BLOCK: usize = 64 << 10;
/// What is shorter is read from one end to the other, in bytes: each lane begins by reading what a word may reach back.
const SHORT: usize = 4 << 10;

/// Where a word ends, counted from the block's beginning, and which.
#[derive(Debug, Clone, Copy)]
struct End {
    at: u32,
    word: PatternID,
}

/// A word that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// Its index among the words.
    pub(super) word: usize,
    /// In bytes.
    pub(super) span: Range<usize>,
}

/// Many words that are looked for at once.
pub(super) struct Finder<A> {
    automaton: A,
}

impl<A: Automaton> Finder<A> {
    /// The automaton is one of the standard kind, without a prefilter.
    pub(super) fn new(automaton: A) -> Self {
        Self { automaton }
    }

    /// Every word in each of these parts, those within one another too, by where they end.
    pub(super) fn each(&self, text: &str, parts: &[Range<usize>], mut take: impl FnMut(Match)) {
        let mut found: [Vec<End>; LANES] = Default::default();
        for part in parts {
            for start in part.clone().step_by(BLOCK) {
                let block = start..part.end.min(start + BLOCK);
                self.read_block(text.as_bytes(), part.start, block, &mut found);
                for end in found.iter_mut().flat_map(|lane| lane.drain(..)) {
                    let at = start + end.at as usize;
                    take(Match { word: end.word.as_usize(), span: at - self.automaton.pattern_len(end.word)..at });
                }
            }
        }
    }

    /// Words that do not overlap: of those that do, the one that begins first, and of these the longest.
    pub(super) fn leftmost(&self, text: &str, parts: &[Range<usize>]) -> impl Iterator<Item = Match> {
        let mut all = Vec::new();
        self.each(text, parts, |found| all.push(found));
        all.sort_unstable_by_key(|found| (found.span.start, std::cmp::Reverse(found.span.end)));
        let mut from = 0;
        all.into_iter().filter(move |found| {
            let free = found.span.start >= from;
            if free {
                from = found.span.end;
            }
            free
        })
    }

    /// Reads one block of the part that begins at `part`, each lane its share.
    fn read_block(&self, text: &[u8], part: usize, block: Range<usize>, found: &mut [Vec<End>; LANES]) {
        let Ok(start) = self.automaton.start_state(Anchored::No) else { return };
        let reach = self.automaton.max_pattern_len().saturating_sub(1);
        // What a lane knows when it begins is what stands before; words that end there are the lane's before.
        let state_at = |at: usize| {
            let before = &text[at.saturating_sub(reach).max(part)..at];
            before.iter().fold(start, |state, byte| self.automaton.next_state(Anchored::No, state, *byte))
        };
        let share = if block.len() < SHORT { 0 } else { block.len() / LANES };
        let begins: [usize; LANES] = std::array::from_fn(|lane| block.start + lane * share);
        let mut states = begins.map(state_at);
        let [first, second, third, fourth] = begins.map(|begin| &text[begin..begin + share]);
        let bytes = first.iter().zip(second).zip(third).zip(fourth);
        for (index, (((first, second), third), fourth)) in bytes.enumerate() {
            for (lane, byte) in [first, second, third, fourth].into_iter().enumerate() {
                let at = begins[lane] + index + 1 - block.start;
                states[lane] = self.step(states[lane], *byte, at, &mut found[lane]);
            }
        }
        // What does not come out even.
        let rest = begins[LANES - 1] + share;
        for (index, byte) in text[rest..block.end].iter().enumerate() {
            let at = rest + index + 1 - block.start;
            states[LANES - 1] = self.step(states[LANES - 1], *byte, at, &mut found[LANES - 1]);
        }
    }

    /// Reads a byte that ends at `at`, and takes up the words that end with it.
    #[inline]
    fn step(&self, state: StateID, byte: u8, at: usize, ends: &mut Vec<End>) -> StateID {
        let state = self.automaton.next_state(Anchored::No, state, byte);
        if self.automaton.is_special(state) && self.automaton.is_match(state) {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            let words = (0..self.automaton.match_len(state)).map(|index| self.automaton.match_pattern(state, index));
            ends.extend(words.map(|word| End { at, word }));
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use aho_corasick::{AhoCorasick, MatchKind, dfa::DFA};
    use proptest::prelude::*;

    use super::*;

    const WORDS: &[&str] = &["a", "ab", "abc", "bca", "c d", "ddd", "éa", "a longer word than the others are"];

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof!["[abcd é]{1,8}", Just("a longer word than the others are".to_owned())];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn four_places_at_once_find_what_one_finds(text in text(), times in 1_usize..120) {
            let text = text.repeat(times);
            let parts = [0..text.len() / 3, text.len() / 2..text.len()];
            let finder = Finder::new(DFA::new(WORDS).unwrap());
            let find = |kind| AhoCorasick::builder().match_kind(kind).build(WORDS).unwrap();
            let input = |part: &Range<usize>| aho_corasick::Input::new(text.as_bytes()).range(part.clone());
            let took = |found: aho_corasick::Match| Match { word: found.pattern().as_usize(), span: found.range() };

            let standard = find(MatchKind::Standard);
            let expected: Vec<Match> =
                parts.iter().flat_map(|part| standard.find_overlapping_iter(input(part))).map(took).collect();
            let mut all = Vec::new();
            finder.each(&text, &parts, |found| all.push(found));
            prop_assert_eq!(all, expected);

            let leftmost = find(MatchKind::LeftmostLongest);
            let expected: Vec<Match> = parts.iter().flat_map(|part| leftmost.find_iter(input(part))).map(took).collect();
            prop_assert_eq!(finder.leftmost(&text, &parts).collect::<Vec<_>>(), expected);
        }
    }
}
