//! What parsers of ours are fed with in tests: kept seeds, and what chance makes of them.
//!
//! `tests/corpus/<parser>/` holds samples of the real world, nasty ones, and as `found-N` what
//! `fuzz/` came upon. A parser's tests feed it each of them, then random changes and mixtures of
//! them. `PROPTEST_CASES=100000 cargo test whatever_comes` feeds more.

use std::fs;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// The longest input that chance makes.
const LONGEST: usize = 64 << 10;

/// Returns the seeds of a parser by their file names.
pub(crate) fn seeds(parser: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(parser);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{folder:?} holds no seeds");
    seeds
}

/// A change of an input, by places that are taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    Put(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// The end of another seed in place of its own.
    Splice(Index, Index, Index),
}

/// Letters that mean something to some parser.
const PIECES: [&str; 32] = [
    "\0",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "=",
    "&",
    "*",
    "#",
    "%",
    "%ff",
    "\u{e9}",
    "-",
    "\n",
    "\t",
    "9999999999999999999999",
    "-1",
    "1e999",
    "null",
    "~",
    "<<",
    "!",
    "$",
];

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        (place(), proptest::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), place())
            .prop_map(|(at, piece)| { Change::Insert(at, piece.get(&PIECES).as_bytes().to_vec()) }),
        (place(), 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (place(), 1_usize..20, 1_usize..200)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (place(), place(), place()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
    ]
}

/// Returns inputs: seeds that were changed, and a few that were never any.
pub(crate) fn inputs(parser: &str) -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<Vec<u8>> = seeds(parser)
        .into_iter()
        .map(|(_, seed)| seed)
        .filter(|seed| seed.len() <= LONGEST)
        .collect();
    let changed = (any::<Index>(), proptest::collection::vec(change(), 0..6)).prop_map(
        move |(seed, changes)| {
            let start = seed.get(&seeds).clone();
            changes
                .iter()
                .fold(start, |input, change| changed(input, change, &seeds))
        },
    );
    prop_oneof![
        9 => changed,
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

fn changed(mut input: Vec<u8>, change: &Change, seeds: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
    let range = |at: &Index, length: usize, input: &[u8]| -> Range<usize> {
        let start = place(at, input);
        start..(start + length).min(input.len())
    };
    match change {
        Change::Put(at, byte) if !input.is_empty() => *at.get_mut(&mut input) = *byte,
        Change::Put(..) => {}
        Change::Insert(at, bytes) => {
            let at = place(at, &input);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, length) => {
            let range = range(at, *length, &input);
            input.drain(range);
        }
        Change::Repeat(at, length, times) => {
            let range = range(at, *length, &input);
            let again = input[range.clone()].repeat(*times);
            input.splice(range, again);
        }
        Change::Splice(at, seed, from) => {
            let other = seed.get(seeds);
            input.truncate(place(at, &input));
            input.extend_from_slice(&other[place(from, other)..]);
        }
    }
    input.truncate(LONGEST);
    input
}

/// Makes the tests of a parser: `feed` takes any bytes and asserts what holds for all of them.
macro_rules! fed {
    ($parser:literal, $feed:path) => {
        #[test]
        fn every_seed_is_taken_or_refused() {
            for (name, seed) in $crate::corpus::seeds($parser) {
                let begun = std::time::Instant::now();
                $feed(&seed);
                let took = begun.elapsed();
                assert!(took.as_secs() < 20, "{name} took {took:?}");
            }
        }

        proptest::proptest! {
            #[test]
            fn whatever_comes_is_taken_or_refused(input in $crate::corpus::inputs($parser)) {
                $feed(&input);
            }
        }
    };
}
pub(crate) use fed;
