//! What came of a seed, and of many.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use rok_deploy::engine::{ErrorKind, EventKind, Outcome};
use rok_deploy::sandbox::faults::{Fault, Refused};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trial::{Go, Trial};
use super::{SHOWN, hours, say, time};
use crate::crash::{AKS_WITHOUT_ISSUER, AZURE_MADE, MADE, NOBODY, Others, STACK_MADE, differences};
use crate::support::practice::{Practice, json_lines};

/// How often an operator tries at most.
const GOES: usize = 8;
/// How many requests a minute may see. A whole run without faults sends a hundred in no time.
const REQUESTS_A_MINUTE: usize = 600;
/// After how many seeds somebody who waits for many is told.
const TOLD: u64 = 500;
/// What a line of ours begins with; the test harness prints others.
const MARK: &str = "tried ";
/// What is run, and what was before, without faults.
struct Way {
    before: Option<&'static [&'static str]>,
    /// What somebody else does to the world then.
    others: Others,
    arguments: &'static [&'static str],
}

impl Way {
    const fn of(arguments: &'static [&'static str]) -> Self {
        Self {
            before: None,
            others: NOBODY,
            arguments,
        }
    }
}

const PLAIN: &[&str] = &["--no-pod"];
const STACK: &[&str] = &["--no-pod", "--set", "aws_identity_method=cloudformation"];
const TAKEN_OVER: &[&str] = &["--no-pod", "--set", "aws_adopt=role,policy"];
const STACK_TAKEN_OVER: &[&str] = &[
    "--no-pod",
    "--set",
    "aws_identity_method=cloudformation",
    "--set",
    "aws_adopt=stack",
];
const TEARDOWN: &[&str] = &["--recipe", "teardown", "--set", "teardown_git=yes"];

const AKS: &[&str] = &["--recipe", "rok-aks", "--no-pod"];
const AKS_POD_IDENTITY: &[&str] = &[
    "--recipe",
    "rok-aks",
    "--no-pod",
    "--set",
    "az_identity_method=pod-identity",
];
const AKS_TAKEN_OVER: &[&str] = &[
    "--recipe",
    "rok-aks",
    "--no-pod",
    "--set",
    "az_adopt=identity,credential",
];
const AKS_SWITCHED_ON: &[&str] = &[
    "--recipe",
    "rok-aks",
    "--no-pod",
    "--set",
    "az_cluster_enable=yes",
];
const TEARDOWN_AKS: &[&str] = &["--recipe", "teardown-aks", "--set", "teardown_git=yes"];

/// Ways to run; a seed takes the one of its number. The test Pod takes longer, so few have it.
const WAYS: [Way; 15] = [
    Way::of(STACK),
    Way::of(PLAIN),
    Way {
        before: Some(PLAIN),
        ..Way::of(TEARDOWN)
    },
    Way::of(PLAIN),
    Way::of(&[]),
    Way::of(STACK),
    Way {
        before: Some(PLAIN),
        others: MADE,
        ..Way::of(TAKEN_OVER)
    },
    Way {
        before: Some(STACK),
        ..Way::of(TEARDOWN)
    },
    Way {
        before: Some(STACK),
        others: STACK_MADE,
        ..Way::of(STACK_TAKEN_OVER)
    },
    Way::of(&["--recipe", "authorize"]),
    Way {
        // What makes a world without touching Azure.
        before: Some(&["--recipe", "authorize"]),
        others: AKS_WITHOUT_ISSUER,
        ..Way::of(AKS_SWITCHED_ON)
    },
    Way::of(AKS_POD_IDENTITY),
    Way {
        before: Some(AKS),
        ..Way::of(TEARDOWN_AKS)
    },
    Way {
        before: Some(AKS),
        others: AZURE_MADE,
        ..Way::of(AKS_TAKEN_OVER)
    },
    Way::of(&["--recipe", "rok-aks"]),
];

/// Which way a seed goes.
fn way_of(seed: u64) -> usize {
    usize::try_from(seed % WAYS.len() as u64).expect("there are few")
}

/// World and history after a run without faults.
pub struct Usual([(Value, Value); WAYS.len()]);

impl Usual {
    pub fn find() -> Self {
        Self(std::array::from_fn(|way| {
            let practice = begun(way);
            let goes = go(&practice, way, None, 1).0;
            let events = &goes[0].events;
            assert_eq!(goes[0].end, Ok(Outcome::Done), "{events:#?}");
            (meaning(&practice), history(&practice))
        }))
    }
}

/// What came of a seed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tried {
    seed: u64,
    faults: usize,
    goes: usize,
    virtual_time: Duration,
    busiest_minute: usize,
    /// The sorts of faults.
    sorts: BTreeMap<String, usize>,
    /// What ended goes early.
    errors: Vec<String>,
    failure: Option<String>,
}

/// Returns the world that a way begins in.
fn begun(way: usize) -> Practice {
    let practice = Practice::new();
    if let Some(arguments) = WAYS[way].before {
        let trial = || Trial::new(&practice.env.state_dir(), arguments).a_day_earlier();
        let goes = go_on(trial, None, 1).0;
        assert_eq!(goes[0].end, Ok(Outcome::Done), "{:#?}", goes[0].events);
        let (half, change) = WAYS[way].others;
        practice.change_state(half, change);
    }
    practice
}

/// Returns what clone and remote hold, where the way needs a clone.
fn history(practice: &Practice) -> Value {
    if practice.clone().is_dir() {
        practice.history()
    } else {
        Value::Null
    }
}

/// Goes the way itself.
fn go(practice: &Practice, way: usize, seed: Option<u64>, goes: usize) -> (Vec<Go>, Duration) {
    let trial = || Trial::new(&practice.env.state_dir(), WAYS[way].arguments);
    go_on(trial, seed, goes)
}

/// Begins within the runtime whose time it goes by.
fn go_on(begin: impl FnOnce() -> Trial, seed: Option<u64>, goes: usize) -> (Vec<Go>, Duration) {
    fastrand::seed(seed.unwrap_or(0));
    let runtime = time::runtime();
    runtime.block_on(async {
        let trial = begin();
        (trial.go_on(seed, goes).await, trial.time.passed())
    })
}

impl Tried {
    /// Tries one.
    pub fn seed(seed: u64, usual: &Usual) -> Self {
        let way = way_of(seed);
        let practice = begun(way);
        let (goes, virtual_time) = go(&practice, way, Some(seed), GOES);
        let mut tried = Self {
            seed,
            faults: goes.iter().map(|go| go.injected.len()).sum(),
            goes: goes.len(),
            virtual_time,
            busiest_minute: busiest_minute(&practice),
            sorts: sorts(&goes),
            errors: goes.iter().flat_map(errors).collect(),
            failure: None,
        };
        let (meaning, history) = &usual.0[way];
        let failure = tried.wrong(&goes).or_else(|| {
            let mut places = Vec::new();
            differences("world", meaning, &self::meaning(&practice), &mut places);
            differences("history", history, &self::history(&practice), &mut places);
            (!places.is_empty()).then(|| format!("the end is another one: {}", places.join("; ")))
        });
        tried.failure = failure.map(|failure| tried.told(&failure, &goes));
        tried
    }

    /// What is wrong with the way it went.
    fn wrong(&self, goes: &[Go]) -> Option<String> {
        if goes.last().is_none_or(|go| go.end != Ok(Outcome::Done)) {
            return Some(format!("not done after {} goes", self.goes));
        }
        if self.busiest_minute > REQUESTS_A_MINUTE {
            return Some(format!("{} requests in a minute", self.busiest_minute));
        }
        goes.iter().find_map(misjudged)
    }

    fn told(&self, failure: &str, goes: &[Go]) -> String {
        let mut text = format!("seed {}: {failure}\n", self.seed);
        for (number, go) in goes.iter().enumerate() {
            writeln!(text, "  go {}: {:?}", number + 1, go.end).expect("it is a text");
            for injected in &go.injected {
                writeln!(text, "    {injected}").expect("it is a text");
            }
            let last = go.events.len().saturating_sub(12);
            for event in &go.events[last..] {
                let words = format!("{:?}", event.event);
                let words: String = words.chars().take(300).collect();
                writeln!(text, "    {} {words}", event.at).expect("it is a text");
            }
        }
        let seed = self.seed;
        write!(
            text,
            "  again: ROK_FAULT_FIRST={seed} ROK_FAULT_SEEDS=1 cargo test --test it faults::seeds"
        )
        .expect("it is a text");
        text
    }

    /// Tells the process that started this one.
    pub fn print(&self) {
        let line = serde_json::to_string(self).expect("it is plain values");
        writeln!(io::stdout(), "{MARK}{line}").expect("who started this listens");
    }
}

/// What the world means. A Lease whose removal was refused to the last expires within half a minute.
fn meaning(practice: &Practice) -> Value {
    let mut meaning = practice.meaning();
    let objects = meaning["objects"].as_object_mut();
    objects
        .expect("objects have their keys")
        .retain(|key, _| !key.starts_with("leases."));
    meaning
}

fn errors(go: &Go) -> Vec<String> {
    let failed = go.events.iter().filter_map(|event| match &event.event {
        EventKind::StepFailed { step, error } => Some(format!("{step} {:?}", error.kind)),
        _ => None,
    });
    match &go.end {
        // What kept it from beginning; request ids and endpoints are none of it.
        Err(words) => vec![words.chars().take(60).collect()],
        Ok(_) => failed.collect(),
    }
}

/// A failure for another reason than what went wrong.
fn misjudged(go: &Go) -> Option<String> {
    let expired = go
        .injected
        .iter()
        .any(|injected| injected.fault == Fault::Refused(Refused::Expired));
    match &go.end {
        Err(words) if words.is_empty() => return Some("it ended without a word".to_owned()),
        Err(words) if go.injected.is_empty() => {
            return Some(format!("it did not begin: {words}"));
        }
        _ => {}
    }
    let failed = |step: &str, error: &rok_deploy::engine::StepError| match error.kind {
        ErrorKind::Credentials if is_about_the_clock(error) => go.injected.is_empty(),
        ErrorKind::Credentials => !expired,
        ErrorKind::Failed => go.injected.is_empty(),
        // A command in the Pod that was broken off is told as such.
        ErrorKind::Verification if asks_in_the_pod(step) => go.injected.is_empty(),
        _ => true,
    };
    go.events.iter().find_map(|event| match &event.event {
        EventKind::StepFailed { step, error } if failed(step, error) => {
            Some(format!("{step} failed as {:?}: {error}", error.kind))
        }
        _ => None,
    })
}

fn asks_in_the_pod(step: &str) -> bool {
    step.starts_with("rok.pod-") || step.starts_with("azure.verify-pod-")
}

/// A clock that is off is corrected by the SDK, unless its few attempts are eaten up by faults; then
/// the run says so, which is true.
fn is_about_the_clock(error: &rok_deploy::engine::StepError) -> bool {
    const WORDS: [&str; 3] = [
        "Signature expired",
        "Signature not yet current",
        "RequestTimeTooSkewed",
    ];
    WORDS.iter().any(|words| error.message.contains(words))
}

fn sorts(goes: &[Go]) -> BTreeMap<String, usize> {
    let mut sorts = BTreeMap::new();
    for injected in goes.iter().flat_map(|go| &go.injected) {
        // Words without the numbers and their units.
        let words = format!("{:?}", injected.fault);
        let words = words.split(|letter: char| !letter.is_alphabetic());
        let words: Vec<_> = words.filter(|word| word.len() > 2).collect();
        *sorts.entry(words.join(" ")).or_default() += 1;
    }
    sorts
}

fn busiest_minute(practice: &Practice) -> usize {
    let mut minutes: BTreeMap<String, usize> = BTreeMap::new();
    for run in practice.runs() {
        for record in json_lines(&run.join("wire.jsonl")) {
            let at = record["at"].as_str().expect("a record has its time");
            *minutes.entry(at.chars().take(16).collect()).or_default() += 1;
        }
    }
    minutes.into_values().max().unwrap_or(0)
}

/// What came of many.
#[derive(Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    faults: usize,
    goes: usize,
    virtual_time: Duration,
    busiest_minute: usize,
    pub sorts: BTreeMap<String, usize>,
    errors: BTreeMap<String, usize>,
    pub failures: Vec<String>,
}

impl Tally {
    /// Takes a line of a share.
    pub fn read(&mut self, line: &str) {
        // The harness begins a line of its own, without an end.
        let Some((_, line)) = line.split_once(MARK) else {
            return;
        };
        let tried: Tried = serde_json::from_str(line).expect("it was written by us");
        self.seeds += 1;
        self.faults += tried.faults;
        self.goes += tried.goes;
        self.virtual_time += tried.virtual_time;
        self.busiest_minute = self.busiest_minute.max(tried.busiest_minute);
        add(&mut self.sorts, tried.sorts);
        add(
            &mut self.errors,
            tried.errors.into_iter().map(|error| (error, 1)),
        );
        if let Some(failure) = tried.failure {
            self.fail(failure);
        }
        if self.seeds.is_multiple_of(TOLD) {
            say(&format!(
                "{} seeds of a share, up to {}",
                self.seeds, tried.seed
            ));
        }
    }

    /// Says a failure at once: the rest may take an hour.
    pub fn fail(&mut self, failure: String) {
        if self.failures.len() < SHOWN {
            say(&failure);
        }
        self.failures.push(failure);
    }

    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.faults += other.faults;
        self.goes += other.goes;
        self.virtual_time += other.virtual_time;
        self.busiest_minute = self.busiest_minute.max(other.busiest_minute);
        add(&mut self.sorts, other.sorts);
        add(&mut self.errors, other.errors);
        self.failures.extend(other.failures);
    }

    pub fn in_words(&self, real: Duration) -> String {
        let mut text = format!(
            "faults: {} seeds, {} faults injected, {:.1} virtual hours, {:.0} s; {} resumed, at most {} requests a minute",
            self.seeds,
            self.faults,
            hours(self.virtual_time),
            real.as_secs_f64(),
            self.goes as u64 - self.seeds.min(self.goes as u64),
            self.busiest_minute,
        );
        for (sort, times) in &self.sorts {
            write!(text, "\n  {times} x {sort}").expect("it is a text");
        }
        text.push_str("\nwhat ended a run early, for `resume` to go on:");
        for (error, times) in &self.errors {
            write!(text, "\n  {times} x {error}").expect("it is a text");
        }
        text
    }
}

fn add(to: &mut BTreeMap<String, usize>, more: impl IntoIterator<Item = (String, usize)>) {
    for (name, times) in more {
        *to.entry(name).or_default() += times;
    }
}
