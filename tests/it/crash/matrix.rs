//! Covers rows: runs each once undisturbed, and goes on from every picture of it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rok_deploy::clients::gate::Keeper;
use rok_deploy::clients::sops::Keyring;
use rok_deploy::engine::RunState;
use serde_json::Value;

use super::camera::{Builds, Camera, When};
use super::disk::Picture;
use super::meaning::{differences, left_out, meaning};
use super::operator::{Operator, Yes, by_id};
use super::others::{NOBODY, Others};
use super::points::{self, Points};
use crate::support::practice::{Practice, json_lines};
use crate::support::runs::is_change;

/// How many places are told of one failure.
const TOLD: usize = 5;

/// A run to be stopped anywhere.
pub(super) struct Row {
    /// What the list of points calls it.
    pub(super) name: &'static str,
    /// Command lines that make the world it begins in.
    pub(super) before: &'static [&'static str],
    /// What somebody else does to it then.
    pub(super) others: Others,
    /// Its own command line.
    pub(super) command: &'static str,
}

impl Row {
    /// A run in a new world.
    pub(super) const fn of(name: &'static str, command: &'static str) -> Self {
        Self {
            name,
            before: &[],
            others: NOBODY,
            command,
        }
    }
}

/// What was covered of a row.
struct Covered {
    row: &'static str,
    points: Points,
    worlds: usize,
    took: Duration,
    /// Where, and what became of it.
    failures: Vec<(String, String)>,
}

/// Set to cover only the rows whose names hold this.
const ONLY: &str = "ROK_CRASH_ROWS";

/// Covers all rows, on all processors, and holds the points against the list.
pub(super) fn cover(rows: &'static [Row]) {
    let start = Instant::now();
    let only = std::env::var(ONLY).ok();
    let is_wanted = |row: &&Row| only.as_ref().is_none_or(|only| row.name.contains(only));
    let rows: Vec<_> = rows.iter().filter(is_wanted).collect();
    assert!(!rows.is_empty(), "{ONLY}={only:?} is in the name of no row");
    let covered = at_the_same_time(rows);

    let count: usize = covered.iter().flat_map(|row| row.points.values()).sum();
    let worlds: usize = covered.iter().map(|row| row.worlds).sum();
    // Past the test harness, which keeps to itself what passing tests print.
    writeln!(
        io::stderr(),
        "crash matrix: {count} points x 3 moments in {} rows, {worlds} different worlds, {} s",
        covered.len(),
        start.elapsed().as_secs()
    )
    .expect("stderr is open");
    let mut points = BTreeMap::new();
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in covered {
        let (name, worlds, took) = (row.row, row.worlds, row.took.as_secs());
        writeln!(io::stderr(), "  {took:3} s, {worlds:3} worlds: {name}").expect("stderr is open");
        points.insert(name.to_owned(), row.points);
        for (place, error) in row.failures {
            failures.entry(error).or_default().push(place);
        }
    }
    let told = failures.iter().map(|(error, places)| {
        let some = &places[..places.len().min(TOLD)];
        format!("{} worlds: {error}\n  {}", places.len(), some.join("\n  "))
    });
    let told: Vec<_> = told.collect();
    assert!(
        told.is_empty(),
        "worlds that do not converge:\n{}",
        told.join("\n")
    );
    if only.is_none() {
        points::held_against_the_list(&points);
    }
}

/// Covers rows, as many at a time as there are processors; in the order they were given in.
fn at_the_same_time(rows: Vec<&'static Row>) -> Vec<Covered> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let queue: Mutex<VecDeque<_>> = Mutex::new(rows.into_iter().enumerate().collect());
    let covered = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((index, row)) = next else {
                        break;
                    };
                    let done = cover_row(row);
                    let mut covered = covered.lock().unwrap_or_else(PoisonError::into_inner);
                    covered.insert(index, done);
                }
            });
        }
    });
    let covered = covered.into_inner().unwrap_or_else(PoisonError::into_inner);
    covered.into_values().collect()
}

fn cover_row(row: &'static Row) -> Covered {
    let start = Instant::now();
    let place = tempfile::Builder::new()
        .prefix("rok-crash-")
        .tempdir()
        .expect("a temporary folder");
    let home = place.path().join("home");
    fs::create_dir(&home).expect("it is writable");
    let mut stage = Stage::set(row, &home);
    let camera = Arc::new(Camera::new(&home));
    let keepers = [
        Arc::clone(&camera) as Arc<dyn Keeper>,
        Arc::clone(&stage.builds) as Arc<dyn Keeper>,
    ];
    let whole = stage.operator.run(&keepers, Yes::Asked);
    let whole = whole.unwrap_or_else(|error| panic!("{}, undisturbed: {error}", row.name));
    let film = std::mem::take(&mut *camera.film());
    let end = Picture::take(&home, film.pictures.last().map(|(last, _)| last));
    let expected = meaning(&home, &end, &whole.run, &stage.others);

    let mut failures = Vec::new();
    let pictures = film.pictures.iter().enumerate();
    // Who only lists the points need not go on from them.
    let pictures = pictures.filter(|_| !points::are_listed_anew());
    for (index, (picture, _)) in pictures {
        picture.put(&home);
        if let Err(error) = stage.converges(picture, &expected) {
            let moments = film.moments.iter().filter(|moment| moment.2 == index);
            let mut moments = moments.map(|(point, when, _)| match when {
                When::Before => format!("before {point}"),
                When::Unheard => format!("after {point}"),
            });
            let first = moments.next().expect("every picture is of a moment");
            let last = moments.next_back().map(|last| format!(" up to {last}"));
            let place = format!("{}, {first}{}", row.name, last.unwrap_or_default());
            failures.push((place, error));
        }
    }
    Covered {
        row: row.name,
        points: points::count(film.moments.iter().map(|(point, ..)| point)),
        worlds: film.pictures.len(),
        took: start.elapsed(),
        failures,
    }
}

/// Where a row begins.
struct Stage {
    operator: Operator,
    builds: Arc<Builds>,
    /// The runs that made the world.
    others: Vec<String>,
    /// What was left out of the meaning of worlds in which the next run did nothing.
    at_rest: Vec<Value>,
}

impl Stage {
    fn set(row: &Row, home: &Path) -> Self {
        let operator = Operator::new(home, row.command);
        let builds = Arc::new(Builds::new(home));
        // Worlds of a row begin as the same bytes: the key that secrets are encrypted with too.
        let keyring = Keyring::at(home.join("state/sandbox/age.key"));
        let made = keyring.open_or_make(jiff::Timestamp::UNIX_EPOCH);
        made.expect("the home is writable");
        for command in row.before {
            let keepers = [Arc::clone(&builds) as Arc<dyn Keeper>];
            let made = operator.with(command).run(&keepers, Yes::Given);
            made.unwrap_or_else(|error| panic!("{command}: {error}"));
            // Names of tags hold the second of their run.
            Practice::next_second();
        }
        let (half, change) = row.others;
        let world = home.join(format!("state/sandbox/{half}.json"));
        if let Ok(text) = fs::read(&world) {
            let mut state = serde_json::from_slice(&text).expect("the world is JSON");
            change(&mut state);
            fs::write(&world, state.to_string()).expect("the world is writable");
        }
        let others = by_id(&operator.runs()).into_keys().collect();
        Self {
            operator,
            builds,
            others,
            at_rest: Vec::new(),
        }
    }

    /// Goes on in the world of a picture, which is in place, and then runs once more, unless that is
    /// known of a world that is the same.
    fn converges(&mut self, picture: &Picture, expected: &Value) -> Result<(), String> {
        let keepers = [Arc::clone(&self.builds) as Arc<dyn Keeper>];
        let state = self.goes_on(picture, &keepers)?;
        let run = state.run.as_str();
        let home = self.operator.home();
        let mut others = self.others.clone();
        others.extend(self.dead(run)?);
        let end = Picture::take(home, Some(picture));
        is_as(expected, &meaning(home, &end, run, &others))?;
        let left_out = left_out(home, &end);
        if self.at_rest.contains(&left_out) {
            return Ok(());
        }

        let again = self.operator.run(&keepers, Yes::Given);
        let again = again.map_err(|error| format!("the next run: {error}"))?;
        let runs = by_id(&self.operator.runs());
        let wire = json_lines(&runs[&again.run].wire());
        let writes: Vec<_> = wire.iter().filter(|line| is_change(line)).collect();
        if !writes.is_empty() {
            return Err(format!("the next run writes {writes:?}"));
        }
        others.push(again.run);
        let found = meaning(home, &Picture::take(home, Some(picture)), run, &others);
        is_as(expected, &found).map_err(|error| format!("the next run: {error}"))?;
        self.at_rest.push(left_out);
        Ok(())
    }

    /// Does what the operator does after a crash: resumes, or starts anew when there is nothing to
    /// resume. What was approved once is not asked again.
    fn goes_on(&self, picture: &Picture, keepers: &[Arc<dyn Keeper>]) -> Result<RunState, String> {
        let journal = self.journal(picture);
        let says = |kind: &str| journal.contains(&format!(r#""kind":"{kind}""#));
        if says("run_finished") {
            let run = self.new_runs().pop().expect("it has a journal");
            let journal = by_id(&self.operator.runs())[&run].read();
            let journal = journal.map_err(|error| error.to_string())?;
            return Ok(RunState::of(&journal.events));
        }
        let Some(unfinished) = self.operator.unfinished() else {
            if says("run_started") {
                return Err("is not offered to be resumed".into());
            }
            let anew = self.operator.run(keepers, Yes::Asked);
            return anew.map_err(|error| format!("begun anew: {error}"));
        };
        let yes = if says("approved") {
            Yes::Nobody
        } else {
            Yes::Asked
        };
        let state = self.operator.resume(keepers, yes);
        let state = state.map_err(|error| format!("resumed: {error}"))?;
        if state.run != unfinished.run {
            return Err(format!("{} was resumed as {}", unfinished.run, state.run));
        }
        Ok(state)
    }

    /// The runs that did not make the world.
    fn new_runs(&self) -> Vec<String> {
        let runs = by_id(&self.operator.runs()).into_keys();
        runs.filter(|run| !self.others.contains(run)).collect()
    }

    /// What the picture's own run has written down.
    fn journal(&self, picture: &Picture) -> String {
        let runs = self.new_runs();
        let journal = runs.first().and_then(|run| {
            let path = PathBuf::from("state/runs").join(run).join("journal.jsonl");
            picture.content(&path)
        });
        journal
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default()
    }

    /// Runs that ended before they began: folders without a journal.
    fn dead(&self, run: &str) -> Result<Vec<String>, String> {
        let runs = by_id(&self.operator.runs());
        let mut dead = Vec::new();
        for other in self.new_runs().into_iter().filter(|other| other != run) {
            let folder = &runs[&other];
            if folder.read().is_ok() {
                return Err(format!("{other} is a second run beside {run}"));
            }
            dead.push(other);
        }
        Ok(dead)
    }
}

fn is_as(expected: &Value, found: &Value) -> Result<(), String> {
    let mut differ = Vec::new();
    differences("", expected, found, &mut differ);
    if differ.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the world is another one:\n    {}",
        differ.join("\n    ")
    ))
}
