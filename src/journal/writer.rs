//! Writes a journal, one line an event, on disk before the act it announces.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::format::{Header, Line, hash};
use super::holder::{Holder, holder_of};
use super::reader::{Journal, JournalError, read};
use crate::engine::Event;
use crate::engine::ports::Recorder;

/// The one writer of a journal; it holds the file's lock as long as it lives.
#[derive(Debug)]
pub struct Writer {
    file: File,
    last_hash: String,
}

impl Writer {
    /// Starts a journal.
    ///
    /// # Errors
    ///
    /// When the file exists or cannot be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let mut file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(JournalError::io(path))?;
        lock(&file, &header.run, path)?;
        let line = serde_json::to_vec(header).expect("a header is plain values");
        append(&mut file, &line, true).map_err(JournalError::io(path))?;
        // The folder's entry for the new file must survive too.
        path.parent()
            .map_or(Ok(()), |folder| {
                File::open(folder).and_then(|folder| folder.sync_all())
            })
            .map_err(JournalError::io(path))?;
        Ok(Self {
            file,
            last_hash: hash(&line),
        })
    }

    /// Goes on with a journal: takes its lock, reads it, cuts off a torn last line.
    ///
    /// # Errors
    ///
    /// When another process holds it, or it cannot be read.
    pub fn resume(path: &Path) -> Result<(Self, Journal), JournalError> {
        let mut file = OpenOptions::new()
            .append(true)
            .read(true)
            .open(path)
            .map_err(JournalError::io(path))?;
        lock(&file, &run_of(path), path)?;
        let journal = read(path)?;
        file.set_len(journal.length)
            .map_err(JournalError::io(path))?;
        file.seek(SeekFrom::End(0))
            .map_err(JournalError::io(path))?;
        Ok((
            Self {
                file,
                last_hash: journal.last_hash.clone(),
            },
            journal,
        ))
    }
}

impl Recorder for Writer {
    fn record(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        let line = serde_json::to_vec(&Line::of(event, self.last_hash.clone()))?;
        append(&mut self.file, &line, durable)?;
        self.last_hash = hash(&line);
        Ok(())
    }
}

fn append(file: &mut File, line: &[u8], durable: bool) -> io::Result<()> {
    // One write: a crash tears at most the last line.
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.extend_from_slice(line);
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    if durable { file.sync_data() } else { Ok(()) }
}

fn lock(file: &File, run: &str, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Holder::of_process()
            .sign(path)
            .map_err(JournalError::io(path)),
        Err(TryLockError::WouldBlock) => Err(JournalError::Held {
            run: run.into(),
            holder: holder_of(path).unwrap_or_else(|| "it does not say which".into()),
            path: path.into(),
        }),
        Err(TryLockError::Error(source)) => Err(JournalError::Io {
            path: path.into(),
            source,
        }),
    }
}

fn run_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    folder
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
