//! A recorded run from wherever it is kept: the state directory, a folder, a journal, an archive.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::launch::state_directory;
use super::resume::one;
use crate::cli::Options;
use crate::clients::wire::WireRecord;
use crate::failure::{Failure, exit};
use crate::journal::{Archive, Journal, Runs, is_archive, parse, read_sound, whole_lines};
use crate::ui::wire::Request;

const JOURNAL: &str = "journal.jsonl";
const WIRE: &str = "wire.jsonl";

/// A recorded run, as far as it can be trusted.
#[derive(Debug)]
pub(super) struct Recording {
    /// Its journal, up to where somebody touched it.
    pub(super) journal: Journal,
    /// Its requests, by time.
    pub(super) wire: Vec<WireRecord>,
    /// What somebody did to it, a sentence each.
    pub(super) problems: Vec<String>,
}

/// Where the files of a recording are.
enum Place {
    Folder(PathBuf),
    Archive(PathBuf, Archive),
}

impl Recording {
    /// Opens a run by its id, its folder, its journal or its archive.
    pub(super) fn open(options: &Options, what: &str) -> Result<Self, Failure> {
        let path = Path::new(what);
        if path.is_file() && is_archive(path) {
            return Self::of(&Place::Archive(path.into(), Archive::open(path)?));
        }
        if path.is_file() {
            // Beside a journal of that name stands its wire log; a copy elsewhere is alone.
            let is_named = path.file_name().is_some_and(|name| name == JOURNAL);
            return match path.parent().filter(|_| is_named) {
                Some(folder) => Self::of(&Place::Folder(folder.into())),
                None => Self::alone(path),
            };
        }
        if path.join(JOURNAL).is_file() {
            return Self::of(&Place::Folder(path.into()));
        }
        let folder = one(&Runs::new(&state_directory(options)?), what)?;
        Self::of(&Place::Folder(folder.path))
    }

    fn of(place: &Place) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let sound = match place {
            Place::Folder(folder) => read_sound(&folder.join(JOURNAL))?,
            Place::Archive(path, archive) => {
                problems.extend(archive.altered.iter().map(ToString::to_string));
                let bytes = archive.file(JOURNAL).ok_or_else(|| Failure {
                    problems: vec![format!("{}: holds no `{JOURNAL}`", path.display())],
                    ..Failure::failed("")
                })?;
                parse(bytes, &place.path(JOURNAL))?
            }
        };
        problems.extend(sound.damage.map(|damage| damage.to_string()));
        let mut wire = Vec::new();
        if let Some(bytes) = place.read(WIRE)? {
            let torn = read_wire(&bytes, &mut wire);
            let path = place.path(WIRE);
            problems.extend(torn.map(|problem| format!("{}: {problem}", path.display())));
        }
        Ok(Self {
            journal: sound.journal,
            wire,
            problems,
        })
    }

    fn alone(journal: &Path) -> Result<Self, Failure> {
        let sound = read_sound(journal)?;
        Ok(Self {
            journal: sound.journal,
            wire: Vec::new(),
            problems: sound.damage.iter().map(ToString::to_string).collect(),
        })
    }

    /// Returns the requests as frontends show them.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.wire.iter().cloned().map(Request::from).collect()
    }

    /// Fails when somebody touched the record, so that nobody takes a part for the whole.
    pub(super) fn verdict(&self) -> Result<u8, Failure> {
        if self.problems.is_empty() {
            return Ok(exit::DONE);
        }
        Err(Failure {
            code: exit::FAILED,
            problems: self.problems.clone(),
            hints: vec![format!(
                "only the first {} events are as they were written; ask for the untouched record",
                self.journal.events.len()
            )],
        })
    }
}

impl Place {
    /// Returns the path of a file for what is said about it.
    fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(name),
            Self::Archive(path, _) => path.join(name),
        }
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => match fs::read(folder.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Self::Archive(_, archive) => Ok(archive.file(name).map(<[u8]>::to_vec)),
        }
    }
}

/// Reads the lines of a wire log, in the order in which the requests were sent, and returns what is
/// wrong with the first one that cannot be understood.
fn read_wire(bytes: &[u8], records: &mut Vec<WireRecord>) -> Option<String> {
    let mut problem = None;
    for (place, line) in whole_lines(bytes).split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(error) => {
                let number = place + 1;
                problem.get_or_insert(format!("line {number}: cannot be understood: {error}"));
            }
        }
    }
    records.sort_by_key(|record: &WireRecord| record.at);
    problem
}

impl From<WireRecord> for Request {
    fn from(record: WireRecord) -> Self {
        Self {
            at: record.at,
            client: record.client,
            method: record.method,
            operation: record.operation,
            target: record.target,
            status: record.status,
            request_id: record.request_id,
            attempt: record.attempt,
            duration_ms: record.duration_ms,
            error: record.error,
            write: record.write,
        }
    }
}
