//! Reads a journal and proves that nobody has touched it.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use super::format::{FORMAT, Header, Line, hash};
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
    /// The file is empty: the process ended before it wrote anything.
    #[error("{}: is empty; the run ended before it began", path.display())]
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
    #[error("run {run} is held by another process (its journal {} is locked)", path.display())]
    Held {
        /// The run's id.
        run: String,
        /// Its journal.
        path: PathBuf,
    },
}

impl JournalError {
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

/// Reads the journal of `path`.
///
/// # Errors
///
/// When it cannot be read, is of a newer format, or was touched.
pub fn read(path: &Path) -> Result<Journal, JournalError> {
    let bytes = fs::read(path).map_err(JournalError::io(path))?;
    let damaged = |line: usize, reason: &str| JournalError::Damaged {
        path: path.into(),
        line,
        reason: reason.into(),
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut lines = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let first = lines
        .next()
        .ok_or_else(|| JournalError::Empty { path: path.into() })?;
    let header = header_of(first, path)?;
    let mut last_hash = hash(first);
    let mut events = Vec::new();
    let lines: Vec<_> = lines.collect();
    for (index, understood) in understand(&lines).into_iter().enumerate() {
        let number = index + 2;
        let (line, own_hash) = understood
            .map_err(|error| damaged(number, &format!("cannot be understood: {error}")))?;
        if line.prev != last_hash {
            return Err(damaged(
                number,
                "does not follow the line before it; one of them was edited, dropped or moved",
            ));
        }
        if line.seq != events.len() as u64 + 1 {
            return Err(damaged(number, "is out of order"));
        }
        last_hash = own_hash;
        events.push(Event::from(line));
    }
    Ok(Journal {
        header,
        events,
        length: whole as u64,
        last_hash,
    })
}

/// A line and its hash, when it could be understood.
type Understood = serde_json::Result<(Line, String)>;

/// Parses and hashes lines, those of a long journal on every processor: each stands for itself
/// until the chain is followed.
fn understand(lines: &[&[u8]]) -> Vec<Understood> {
    let one = |line: &&[u8]| Ok((serde_json::from_slice(line)?, hash(line)));
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
    if major(&found) != major(FORMAT) || minor(&found) > minor(FORMAT) {
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

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
