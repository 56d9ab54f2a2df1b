//! What goes wrong in the practice cloud, all of it from a seed.
//!
//! Whether a request meets a fault depends on the seed, on what is asked and on how often that was
//! asked before, not on the order of different requests. So a seed that failed fails again.

mod connection;
mod dice;
mod meet;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;

use super::conduct::Lag;
pub(super) use connection::{Fuse, Fused};
use dice::Dice;
pub(super) use meet::meet;

/// What a server says instead of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many requests. A service with several words for it takes one by this number.
    Throttled(usize),
    /// An error on the server's side.
    Internal,
    /// The server has no time.
    Unavailable,
    /// A server behind it has no time.
    GatewayTimeout,
    /// The caller's credentials have expired.
    Expired,
    /// Somebody else has changed the object meanwhile.
    Conflict,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and nothing was done.
    Refused(Refused),
    /// It is refused although it was done.
    DoneButRefused(Refused),
    /// The connection ends before anything was done.
    Reset,
    /// The connection ends when it was done.
    DoneButReset,
    /// It is done late.
    Late(Duration),
    /// It is done at once, and answered late.
    AnsweredLate(Duration),
    /// Half of the answer comes.
    Truncated,
}

/// A sort of faults, which a seed may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    Throttling,
    ServerErrors,
    Resets,
    Slowness,
    Truncation,
    Expiry,
    Conflicts,
}

const SORTS: [Sort; 7] = [
    Sort::Throttling,
    Sort::ServerErrors,
    Sort::Resets,
    Sort::Slowness,
    Sort::Truncation,
    Sort::Expiry,
    Sort::Conflicts,
];

/// A fault that was injected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// `iam:CreateRole`, `PATCH /api/v1/namespaces/rok`.
    pub operation: String,
    /// Which request of that operation it was, from 1.
    pub number: u32,
    /// What went wrong.
    pub fault: Fault,
}

impl fmt::Display for Injected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} no. {}: {:?}",
            self.operation, self.number, self.fault
        )
    }
}

/// All that goes wrong.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    opening: u32,
    /// Of a thousand requests.
    rate: u64,
    /// How many requests of one operation fail in a row at most.
    row: u32,
    /// Which sorts there are.
    sorts: u64,
    /// How long changes take to show.
    pub lag: Lag,
    /// By how much the clouds' clock is ahead.
    pub skew: SignedDuration,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    asked: BTreeMap<String, Asked>,
    injected: Vec<Injected>,
}

#[derive(Debug, Default)]
struct Asked {
    times: u32,
    /// Faults since the last answer without one.
    row: u32,
    faults: u32,
}

/// How many faults one operation meets in the life of a server.
const PER_OPERATION: u32 = 12;
/// In how many lives of a server credentials expire, once in each.
const EXPIRIES: u32 = 2;
/// A plain 15 minutes are too much for every service.
const LARGEST_SKEW: i64 = 15 * 60;

impl Faults {
    /// Returns what a seed lets go wrong when a world is opened for the `opening`th time. Clock and
    /// lags stay; the faults are others, so that who comes back does not meet the same ones again.
    pub fn of(seed: u64, opening: u32) -> Self {
        let mut dice = Dice::of(seed, "temper", 0);
        Self {
            seed,
            opening,
            rate: dice.pick(&[20, 50, 100, 200, 400]),
            row: dice.pick(&[1, 2, 3, 3, 3, 6]),
            sorts: match dice.next() & ((1 << SORTS.len()) - 1) {
                0 => u64::MAX,
                sorts => sorts,
            },
            lag: lag(&mut dice, &mut Dice::of(seed, "temper of Azure", 0)),
            skew: match dice.below(4) {
                0 => SignedDuration::from_secs(dice.between(-LARGEST_SKEW, LARGEST_SKEW)),
                _ => SignedDuration::ZERO,
            },
            told: Mutex::default(),
        }
    }

    /// Returns what has gone wrong so far, oldest first.
    pub fn injected(&self) -> Vec<Injected> {
        self.told().injected.clone()
    }

    /// Decides about the next request of an operation, which may meet these sorts of faults.
    pub(super) fn next(&self, operation: &str, sorts: &[Sort]) -> Option<Fault> {
        // Every outage passes.
        let rate = self.rate / u64::from(self.opening.max(1));
        let mut told = self.told();
        // Whoever has logged in again twice is not thrown out again.
        let expired = self.opening > EXPIRIES
            || (told.injected.iter())
                .any(|injected| injected.fault == Fault::Refused(Refused::Expired));
        let asked = told.asked.entry(operation.to_owned()).or_default();
        asked.times += 1;
        let number = asked.times;
        let mut dice = Dice::of(self.seed, operation, self.opening << 16 | number);
        let possible: Vec<Sort> = sorts
            .iter()
            .copied()
            .filter(|sort| self.sorts & (1 << (*sort as u8)) != 0)
            .filter(|sort| *sort != Sort::Expiry || !expired)
            .collect();
        let spared = asked.row >= self.row || asked.faults >= PER_OPERATION;
        if spared || possible.is_empty() || dice.below(1000) >= rate {
            asked.row = 0;
            return None;
        }
        asked.row += 1;
        asked.faults += 1;
        let sort = dice.pick(&possible);
        let fault = fault(sort, &mut dice);
        told.injected.push(Injected {
            operation: operation.to_owned(),
            number,
            fault,
        });
        Some(fault)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fault(sort: Sort, dice: &mut Dice) -> Fault {
    let done = dice.below(3) == 0;
    let refused = if done {
        Fault::DoneButRefused
    } else {
        Fault::Refused
    };
    match sort {
        Sort::Throttling => Fault::Refused(Refused::Throttled(dice.pick(&[0, 1, 2]))),
        Sort::ServerErrors => refused(dice.pick(&[
            Refused::Internal,
            Refused::Unavailable,
            Refused::GatewayTimeout,
        ])),
        Sort::Resets if done => Fault::DoneButReset,
        Sort::Resets => Fault::Reset,
        Sort::Slowness => {
            let time = Duration::from_millis(1_000 + dice.below(59_000));
            if done {
                Fault::AnsweredLate(time)
            } else {
                Fault::Late(time)
            }
        }
        Sort::Truncation => Fault::Truncated,
        Sort::Expiry => Fault::Refused(Refused::Expired),
        Sort::Conflicts => Fault::Refused(Refused::Conflict),
    }
}

/// Most changes show within seconds; ten minutes is the longest that anybody has told of.
/// Each cloud throws dice of its own: what a seed does to one does not depend on the other.
fn lag(aws: &mut Dice, azure: &mut Dice) -> Lag {
    fn edges(dice: &mut Dice) -> impl FnMut() -> Duration {
        let longest = dice.pick(&[0, 5_000, 5_000, 30_000, 30_000, 60_000, 180_000, 600_000]);
        move || match dice.below(4) {
            0 => Duration::ZERO,
            _ => Duration::from_millis(dice.below(longest + 1)),
        }
    }
    let mut edge = edges(aws);
    let mut azure = edges(azure);
    Lag {
        role: edge(),
        policy: edge(),
        attachment: edge(),
        provider: edge(),
        principal: azure(),
        federated_credential: azure(),
        role_assignment: azure(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(faults: &Faults, operation: &str) -> Vec<Option<Fault>> {
        (0..200).map(|_| faults.next(operation, &SORTS)).collect()
    }

    #[test]
    fn a_seed_repeats_whatever_else_is_asked_meanwhile() {
        for seed in 0..100 {
            // From the third opening on nothing expires, which is once for all operations.
            let alone = met(&Faults::of(seed, 3), "iam:GetRole");
            let busy = Faults::of(seed, 3);
            met(&busy, "iam:CreateRole");
            assert_eq!(met(&busy, "iam:GetRole"), alone, "{seed}");
        }
    }

    #[test]
    fn no_operation_fails_for_ever() {
        for seed in 0..200 {
            let faults = Faults::of(seed, 1);
            let met = met(&faults, "iam:GetRole");
            let rows = met.split(Option::is_none).map(<[_]>::len).max();
            assert!(rows <= Some(6), "{seed}: {rows:?} in a row");
            let all = met.iter().flatten().count();
            assert!(all <= PER_OPERATION as usize, "{seed}: {all}");
        }
    }

    #[test]
    fn clock_and_lags_stay_and_faults_change_when_a_world_is_opened_again() {
        let (first, second) = (Faults::of(4, 1), Faults::of(4, 2));
        assert_eq!((first.lag, first.skew), (second.lag, second.skew));
        assert_ne!(met(&first, "iam:GetRole"), met(&second, "iam:GetRole"));
    }

    #[test]
    fn seeds_have_every_lag_and_both_sides_of_the_clock() {
        let all: Vec<Faults> = (0..500).map(|seed| Faults::of(seed, 1)).collect();
        let minutes = |minutes| Duration::from_mins(minutes);
        for edge in [
            |lag: &Lag| lag.role,
            |lag: &Lag| lag.policy,
            |lag: &Lag| lag.attachment,
            |lag: &Lag| lag.provider,
            |lag: &Lag| lag.principal,
            |lag: &Lag| lag.federated_credential,
            |lag: &Lag| lag.role_assignment,
        ] {
            assert!(all.iter().any(|faults| edge(&faults.lag) > minutes(8)));
            assert!(all.iter().any(|faults| edge(&faults.lag).is_zero()));
            assert!(all.iter().all(|faults| edge(&faults.lag) <= minutes(10)));
        }
        let skew = |wanted: fn(i64) -> bool| all.iter().any(|faults| wanted(faults.skew.as_mins()));
        assert!(skew(|skew| skew > 5) && skew(|skew| skew < -5) && skew(|skew| skew == 0));
    }
}
