//! Numbers that look random and follow from a seed.

/// The numbers of one throw.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Returns the numbers for the request of that number of an operation.
    pub(super) fn of(seed: u64, operation: &str, number: u32) -> Self {
        // FNV-1a: the operation is part of what a throw follows from.
        let hash = operation
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash);
        dice.0 ^= u64::from(number) << 32;
        dice.next();
        dice
    }

    /// The next number: SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number of a range, both ends included.
    pub(super) fn between(&mut self, first: i64, last: i64) -> i64 {
        let width = first.abs_diff(last) + 1;
        first.saturating_add_unsigned(self.below(width))
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).expect("it is less than a length")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throw_follows_from_seed_operation_and_number() {
        let first = |seed, operation, number| Dice::of(seed, operation, number).next();
        let throw = first(1, "iam:GetRole", 1);
        assert_eq!(throw, first(1, "iam:GetRole", 1));
        for other in [
            first(2, "iam:GetRole", 1),
            first(1, "iam:GetUser", 1),
            first(1, "iam:GetRole", 2),
        ] {
            assert_ne!(throw, other);
        }
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut dice = Dice::of(7, "", 0);
        let thrown: Vec<i64> = (0..1000).map(|_| dice.between(-2, 2)).collect();
        for number in -2..=2 {
            assert!(thrown.contains(&number), "{number}");
        }
        assert!(thrown.iter().all(|number| (-2..=2).contains(number)));
    }
}
