//! Versions of one cookbook as a set of their numbers in the list of its releases, a bit each. That
//! is exact where a range of versions is not: which pre-releases a constraint accepts depends on
//! how it is written.

use std::fmt;

/// A set of numbers, also of infinitely many. Equal sets are stored equally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionSet {
    /// A bit for each number from 0. The last word is not [what comes after](Self::rest).
    words: Vec<u64>,
    /// Whether the numbers after those are in the set.
    rest: bool,
}

const BITS: usize = 64;

impl VersionSet {
    /// The numbers for which `accepted` is true, in order from 0.
    pub(crate) fn of(accepted: impl IntoIterator<Item = bool>) -> Self {
        let mut words = Vec::new();
        for (number, _) in accepted.into_iter().enumerate().filter(|(_, accepted)| *accepted) {
            words.resize(number / BITS + 1, 0);
            words[number / BITS] |= 1 << (number % BITS);
        }
        Self { words, rest: false }
    }

    /// The numbers below `end` that are in it, in order.
    pub(crate) fn below(&self, end: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..end).filter(|number| self.word(number / BITS) >> (number % BITS) & 1 == 1)
    }

    /// How many numbers below `end` are in it.
    pub(crate) fn count_below(&self, end: usize) -> usize {
        self.below(end).count()
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(if self.rest { u64::MAX } else { 0 })
    }

    fn shortest(mut self) -> Self {
        let after = if self.rest { u64::MAX } else { 0 };
        while self.words.last() == Some(&after) {
            self.words.pop();
        }
        self
    }
}

impl pubgrub::VersionSet for VersionSet {
    type V = usize;

    fn empty() -> Self {
        Self { words: Vec::new(), rest: false }
    }

    fn singleton(number: usize) -> Self {
        let mut words = vec![0; number / BITS + 1];
        words[number / BITS] = 1 << (number % BITS);
        Self { words, rest: false }
    }

    fn complement(&self) -> Self {
        Self { words: self.words.iter().map(|word| !word).collect(), rest: !self.rest }
    }

    fn intersection(&self, other: &Self) -> Self {
        let words = (0..self.words.len().max(other.words.len()))
            .map(|index| self.word(index) & other.word(index))
            .collect();
        Self { words, rest: self.rest && other.rest }.shortest()
    }

    fn contains(&self, number: &usize) -> bool {
        self.word(number / BITS) >> (number % BITS) & 1 == 1
    }

    fn union(&self, other: &Self) -> Self {
        let words = (0..self.words.len().max(other.words.len()))
            .map(|index| self.word(index) | other.word(index))
            .collect();
        Self { words, rest: self.rest || other.rest }.shortest()
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        let mut indices = 0..self.words.len().max(other.words.len());
        !(self.rest && other.rest) && indices.all(|index| self.word(index) & other.word(index) == 0)
    }

    fn subset_of(&self, other: &Self) -> bool {
        let mut indices = 0..self.words.len().max(other.words.len());
        (!self.rest || other.rest)
            && indices.all(|index| self.word(index) & !other.word(index) == 0)
    }
}

impl fmt::Display for VersionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.words.len() * BITS;
        f.debug_set().entries(self.below(end)).finish()?;
        f.write_str(if self.rest { " and all after them" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pubgrub::VersionSet as _;

    use super::VersionSet;

    fn some() -> impl Strategy<Value = VersionSet> {
        let numbers = proptest::collection::vec(any::<bool>(), 0..140);
        (numbers, any::<bool>()).prop_map(|(numbers, turned)| {
            let set = VersionSet::of(numbers);
            if turned { set.complement() } else { set }
        })
    }

    proptest! {
        #[test]
        fn it_is_a_set(a in some(), b in some()) {
            let (both, either) = (a.intersection(&b), a.union(&b));
            for number in 0..200 {
                let (in_a, in_b) = (a.contains(&number), b.contains(&number));
                prop_assert_eq!(both.contains(&number), in_a && in_b);
                prop_assert_eq!(either.contains(&number), in_a || in_b);
                prop_assert_eq!(a.complement().contains(&number), !in_a);
                prop_assert_eq!(VersionSet::singleton(number).below(200).collect::<Vec<_>>(), vec![number]);
            }
            prop_assert_eq!(&either, &a.complement().intersection(&b.complement()).complement());
            prop_assert_eq!(a.is_disjoint(&b), both == VersionSet::empty());
            prop_assert_eq!(a.subset_of(&b), a == both);
            prop_assert_eq!(a.complement().complement(), a.clone());
            prop_assert_eq!(a.union(&a.complement()), VersionSet::full());
        }
    }
}
