//! Runs in a practice cloud where things go wrong, in time that need not be waited for.
//!
//! Every seed is a world of its own with faults, lags and a clock of its own. Whatever they are, the
//! run, resumed where it has to be, ends with the world and the history of a run without faults.
//!
//! `ROK_FAULT_SEEDS=10000` tries that many, `ROK_FAULT_FIRST=N` begins at N.

mod never;
mod share;
mod time;
mod trial;
mod tried;

use std::env;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use share::Share;
use tried::Tally;

/// How many seeds are tried when nobody says.
const SEEDS: u64 = 500;
/// How many sorts of faults there are: refusals of seven sorts, three of them also of what was done
/// all the same, and five of another kind.
const SORTS: usize = 14;
/// How many failed seeds of a share are shown.
const SHOWN: usize = 5;

#[test]
fn seeds_end_like_a_run_without_faults() {
    if let Some(share) = Share::of_environment() {
        return share.try_all();
    }
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("ROK_FAULT_FIRST").unwrap_or(0);
    let end = first + number("ROK_FAULT_SEEDS").unwrap_or(SEEDS);
    let processes = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let processes = processes.min(end - first);

    let began = Instant::now();
    let shares: Vec<_> = (0..processes)
        .map(|number| Share {
            first: first + number,
            end,
            step: processes,
        })
        .map(|share| thread::spawn(move || share.in_a_process()))
        .collect();
    let mut all = Tally::default();
    for share in shares {
        all.add(share.join().expect("a share does not panic"));
    }
    say(&all.in_words(began.elapsed()));
    assert!(
        all.failures.is_empty(),
        "{} seeds failed",
        all.failures.len()
    );
    assert_eq!(all.seeds, end - first, "every seed was tried");
    if all.seeds >= SEEDS {
        assert_eq!(
            all.sorts.len(),
            SORTS,
            "every sort of fault: {:?}",
            all.sorts
        );
    }
}

/// Says it even when nobody asked for the output of tests that pass.
fn say(words: &str) {
    writeln!(io::stderr(), "{words}").expect("somebody listens");
}

fn hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3600.0
}
