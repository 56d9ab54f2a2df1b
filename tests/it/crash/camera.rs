//! Watches the gate: lists every point of a run, and takes a picture of the disk at its moments.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rok_deploy::clients::gate::{Answer, Call, Ended, Keeper};

use super::disk::Picture;
use super::journal::Journal;
use super::points;

/// When a process is stopped at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// Before the call goes out.
    Before,
    /// After it was made, before its answer is heard.
    Unheard,
}

/// What was seen of a run.
#[derive(Default)]
pub(super) struct Film {
    /// Every moment, in order: its point, when, and its picture.
    pub(super) moments: Vec<(String, When, usize)>,
    /// All different pictures, in order, with what their journal tells.
    pub(super) pictures: Vec<(Picture, Journal)>,
    counts: BTreeMap<String, usize>,
    under_way: Vec<(Call, String)>,
}

/// Keeps the gate of a run.
pub(super) struct Camera {
    home: PathBuf,
    film: Mutex<Film>,
}

impl Camera {
    /// Takes pictures of a home.
    pub(super) fn new(home: &Path) -> Self {
        Self {
            home: home.into(),
            film: Mutex::default(),
        }
    }

    /// What was seen.
    pub(super) fn film(&self) -> MutexGuard<'_, Film> {
        self.film.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shoot(&self, film: &mut Film, point: String, when: When) {
        let earlier = film.pictures.last().map(|(last, known)| (last, known));
        let picture = Picture::settled(&self.home, earlier.map(|(last, _)| last));
        let journal = Journal::of(&self.home, &picture, earlier);
        let is_known = earlier.is_some_and(|(last, known)| {
            // What went over the wire, and who was at work, is only noted for people.
            const NOTED: [&str; 4] = ["wire.jsonl", "recording.jsonl", "holder", "journal.jsonl"];
            let matters = |path: &Path| !NOTED.iter().any(|name| path.ends_with(name));
            *known == journal && last.is_like(&picture, matters)
        });
        if !is_known {
            film.pictures.push((picture, journal));
        }
        film.moments.push((point, when, film.pictures.len() - 1));
    }
}

impl Keeper for Camera {
    fn before(&self, call: &Call) -> io::Result<Option<Answer>> {
        // Whoever else comes to the gate waits until the picture is taken.
        let mut film = self.film();
        let name = points::name(call, &self.home);
        let count = film.counts.entry(name.clone()).or_default();
        *count += 1;
        let point = format!("{name} #{count}");
        film.under_way.push((call.clone(), point.clone()));
        self.shoot(&mut film, point, When::Before);
        Ok(None)
    }

    fn after(&self, call: &Call, _ended: &Ended) -> io::Result<()> {
        let mut film = self.film();
        let place = film.under_way.iter().position(|(going, _)| going == call);
        let (_, point) = film.under_way.remove(place.expect("it was seen going out"));
        self.shoot(&mut film, point, When::Unheard);
        Ok(())
    }
}

/// Answers a build of manifests from an earlier one of the very same files, of whatever home, since
/// the program takes longer than all the rest of a run.
pub(super) struct Builds {
    home: PathBuf,
    under_way: Mutex<Vec<(Call, Build)>>,
}

/// What is built, and all that it is built of.
type Build = (String, Picture);

/// What was built.
static BUILT: Mutex<BTreeMap<Build, Answer>> = Mutex::new(BTreeMap::new());

impl Builds {
    pub(super) fn new(home: &Path) -> Self {
        Self {
            home: home.into(),
            under_way: Mutex::default(),
        }
    }

    /// Takes in what it may be built of: a clone, a draft of one, else the whole home.
    fn build_of(&self, call: &Call) -> Build {
        let files = call.operation.strip_prefix("build ").map(|directory| {
            let is_root = |place: &&Path| {
                let name = place.file_name().unwrap_or_default();
                name.to_string_lossy().starts_with(".tmp") || place.join(".git").exists()
            };
            let root = Path::new(directory).ancestors().find(is_root);
            Picture::of_sources(root.unwrap_or(&self.home))
        });
        (points::name(call, &self.home), files.unwrap_or_default())
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<(Call, Build)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn built() -> MutexGuard<'static, BTreeMap<Build, Answer>> {
        BUILT.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Builds {
    fn before(&self, call: &Call) -> io::Result<Option<Answer>> {
        if !is_repeatable(call) {
            return Ok(None);
        }
        let build = self.build_of(call);
        let earlier = Self::built().get(&build).cloned();
        if earlier.is_none() {
            self.under_way().push((call.clone(), build));
        }
        Ok(earlier)
    }

    fn after(&self, call: &Call, ended: &Ended) -> io::Result<()> {
        let mut under_way = self.under_way();
        if let Some(place) = under_way.iter().position(|(going, _)| going == call) {
            let (_, build) = under_way.remove(place);
            if let Ended::Answered(answer) = ended {
                Self::built().insert(build, answer.clone());
            }
        }
        Ok(())
    }
}

/// Whether a call has the same answer when the same is there.
fn is_repeatable(call: &Call) -> bool {
    call.client == "kustomize"
}
