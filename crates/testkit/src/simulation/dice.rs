//! Where all chance comes from: one number gives everything that follows.

/// Chance that repeats: the same seed gives the same throws (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for one part of a world, so that a throw more in one part changes nothing in another.
    pub(super) fn of(seed: u64, part: u64) -> Self {
        let mut dice = Self(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.throw();
        dice
    }

    pub(super) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.throw().checked_rem(end).unwrap_or(0)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// An index into so many things; `None` if there are none.
    pub(super) fn index(&mut self, len: usize) -> Option<usize> {
        let len = u64::try_from(len).ok().filter(|len| *len > 0)?;
        usize::try_from(self.below(len)).ok()
    }

    pub(super) fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        self.index(things.len()).and_then(|index| things.get(index))
    }

    /// A span of milliseconds, signed, at most `most` either way.
    pub(super) fn span(&mut self, most: i64) -> i64 {
        let wide = most.unsigned_abs().saturating_mul(2).saturating_add(1);
        i64::try_from(self.below(wide)).unwrap_or(0) - most
    }
}
