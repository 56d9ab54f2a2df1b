//! Reads a journal and proves that nobody has touched it.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use super::chain::hash;
use super::damage::{self, Read};
use super::format::{FORMAT, Header, Line, is_readable};
use crate::engine::Event;

/// The fewest lines for which another thread is worth its start.
const SHARE: usize = 2_000;

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is empty or not there: the process ended before it wrote anything.
    #[error("{}: holds nothing; the run ended before it began", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file was written in a format that this program does not read.
    #[error(
        "{}: has format {found} of rok-deploy {tool_version}, this program reads {FORMAT}; use that version",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The version that wrote it.
        tool_version: String,
    },
    /// A line was edited, dropped or reordered.
    #[error("{}: line {line}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process works on the run.
    #[error("run {run} is held by another process: {holder} (its journal {} is locked)", path.display())]
    Held {
        /// The run's id.
        run: String,
        /// The process: who, where, since when.
        holder: String,
        /// Its journal.
        path: PathBuf,
    },
}

impl JournalError {
    /// Why a journal in the folder of a run cannot be opened.
    pub(super) fn unread(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| {
            let begun = path.parent().is_some_and(Path::is_dir);
            if source.kind() == io::ErrorKind::NotFound && begun {
                Self::Empty { path }
            } else {
                Self::Io { path, source }
            }
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// A journal that was read and found sound.
#[derive(Debug, Clone)]
pub struct Journal {
    /// Its first line.
    pub header: Header,
    /// Its events.
    pub events: Vec<Event>,
    /// Its length up to the last whole line, in bytes: where a writer goes on.
    pub(super) length: u64,
    /// The hash of its last whole line.
    pub(super) last_hash: String,
}

/// A journal as far as it can be trusted.
#[derive(Debug)]
pub struct Sound {
    /// Everything before the damage.
    pub journal: Journal,
    /// What ends it early, when somebody touched it.
    pub damage: Option<JournalError>,
}

/// Reads the journal of `path`.
///
/// # Errors
///
/// When it cannot be read, is of a newer format, or was touched.
pub fn read(path: &Path) -> Result<Journal, JournalError> {
    let sound = read_sound(path)?;
    sound.damage.map_or(Ok(sound.journal), Err)
}

/// Reads the journal of `path` up to where somebody touched it.
///
/// # Errors
///
/// When it cannot be read or is of a newer format.
pub fn read_sound(path: &Path) -> Result<Sound, JournalError> {
    let bytes = fs::read(path).map_err(JournalError::unread(path))?;
    parse(&bytes, path)
}

/// Reads the journal that `bytes` hold up to where somebody touched it; `path` is its name in
/// errors.
///
/// # Errors
///
/// When its first line is no header, or of a newer format.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Sound, JournalError> {
    let whole = whole_lines(bytes).len();
    let mut lines = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let first = lines
        .next()
        .ok_or_else(|| JournalError::Empty { path: path.into() })?;
    let header = header_of(first, path)?;
    let header_hash = hash(first);
    let lines: Vec<_> = lines.collect();
    let mut reads = understand(&lines);
    let damage = damage::find(&reads, &header_hash, 1);
    if let Some(damage) = &damage {
        reads.truncate(damage.sound);
    }
    let last_hash = reads.last().map_or(&header_hash, |read| &read.hash);
    Ok(Sound {
        journal: Journal {
            header,
            length: whole as u64,
            last_hash: last_hash.clone(),
            events: reads
                .into_iter()
                .filter_map(|read| read.line.ok())
                .map(Event::from)
                .collect(),
        },
        damage: damage.map(|damage| JournalError::Damaged {
            path: path.into(),
            line: damage.line,
            reason: damage.reason,
        }),
    })
}

/// Returns the lines that a crash has not torn: everything up to the last line break.
pub fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    &bytes[..end.map_or(0, |end| end + 1)]
}

/// Parses and hashes lines, those of a long journal on every processor: each stands for itself
/// until the chain is followed.
fn understand(lines: &[&[u8]]) -> Vec<Read<Line>> {
    let one = |line: &&[u8]| Read {
        hash: hash(line),
        line: serde_json::from_slice(line),
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let share = lines.len().div_ceil(processors).max(SHARE);
    if lines.len() <= share {
        return lines.iter().map(one).collect();
    }
    thread::scope(|scope| {
        let shares: Vec<_> = lines
            .chunks(share)
            .map(|lines| scope.spawn(move || lines.iter().map(one).collect::<Vec<_>>()))
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().expect("parsing does not panic"))
            .collect()
    })
}

fn header_of(line: &[u8], path: &Path) -> Result<Header, JournalError> {
    let damaged = |reason: String| JournalError::Damaged {
        path: path.into(),
        line: 1,
        reason,
    };
    // The version first: a later header may hold what this program does not know.
    let value: serde_json::Value = serde_json::from_slice(line)
        .map_err(|error| damaged(format!("is not a journal's header: {error}")))?;
    let text = |key: &str| {
        value
            .get(key)
            .and_then(|value| value.as_str())
            .unwrap_or("?")
            .to_owned()
    };
    let found = text("format");
    if !is_readable(&found, FORMAT) {
        let tool_version = text("tool_version");
        return Err(JournalError::Format {
            path: path.into(),
            found,
            tool_version,
        });
    }
    serde_json::from_value(value)
        .map_err(|error| damaged(format!("is not a journal's header: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::format::Line;

    crate::corpus::fed!("journal", feed);

    /// A journal that is taken holds what was written and nothing else: writing its events again
    /// gives the same lines.
    fn feed(bytes: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, bytes).unwrap();
        let Ok(journal) = read(&path) else { return };
        assert!(journal.length <= bytes.len() as u64);
        let mut prev = None;
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty()).skip(1);
        for (event, line) in journal.events.iter().zip(lines) {
            let line: Line = serde_json::from_slice(line).unwrap();
            assert!(prev.is_none_or(|prev| prev + 1 == line.seq));
            prev = Some(line.seq);
            assert_eq!(Event::from(line), *event);
        }
    }
}
