//! Lines that hold the hash of the line before them, so that an edited, dropped or reordered line is
//! found: the journal's, the wire log's and the recording's.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Deserialize;

use super::reader::JournalError;

/// How far a chain of lines goes.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// The number of the last line; of a journal, of the last event.
    pub(super) seq: u64,
    /// The hash of the last line.
    pub(super) last_hash: String,
}

impl Chain {
    /// Returns the chain that begins behind `line`, which is not counted.
    pub(super) fn behind(line: &[u8]) -> Self {
        Self {
            seq: 0,
            last_hash: hash(line),
        }
    }

    /// Goes on to a line, or says why it is not the next one.
    pub(super) fn follow(
        &mut self,
        prev: &str,
        seq: u64,
        own_hash: String,
    ) -> Result<(), &'static str> {
        if prev != self.last_hash {
            return Err(
                "does not follow the line before it; one of them was edited, dropped or moved",
            );
        }
        if seq != self.seq + 1 {
            return Err("is out of order");
        }
        self.seq = seq;
        self.last_hash = own_hash;
        Ok(())
    }
}

/// The link that a line carries besides its content.
#[derive(Deserialize)]
struct Link {
    prev: Option<String>,
    seq: Option<u64>,
}

/// A file of chained lines that is appended to. It is no journal: nothing waits for it to be on
/// disk, and the journal's lock keeps other processes away.
#[derive(Debug)]
pub struct ChainedFile {
    file: File,
    chain: Chain,
}

impl ChainedFile {
    /// Opens or makes the file (mode 0600), and cuts off a torn last line.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(path)?;
        let mut chain = Chain::behind(b"");
        let found = std::fs::read(path)?;
        let whole = whole_lines(&found);
        if whole < found.len() {
            file.set_len(whole as u64)?;
        }
        for line in found[..whole].split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                chain.seq += 1;
                chain.last_hash = hash(line);
            }
        }
        Ok(Self { file, chain })
    }

    /// Appends a JSON object as a line of the chain.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn append(&mut self, object: &[u8]) -> io::Result<()> {
        let seq = self.chain.seq + 1;
        let link = format!("{{\"prev\":\"{}\",\"seq\":{seq},", self.chain.last_hash);
        let content = object.strip_prefix(b"{").unwrap_or(object);
        let mut line = [link.as_bytes(), content].concat();
        let own_hash = hash(&line);
        line.push(b'\n');
        // One write: a crash tears at most the last line.
        self.file.write_all(&line)?;
        self.chain.seq = seq;
        self.chain.last_hash = own_hash;
        Ok(())
    }
}

/// Reads the lines of a chained file and proves that nobody has touched them. A torn last line is
/// left out. Lines at the beginning that carry no link are of a version that made none.
///
/// # Errors
///
/// When the file cannot be read, or was touched.
pub fn chained_lines(path: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
    let bytes = std::fs::read(path).map_err(JournalError::io(path))?;
    let mut chain = Chain::behind(b"");
    let mut is_linked = false;
    let mut lines = Vec::new();
    let whole = &bytes[..whole_lines(&bytes)];
    for line in whole.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let damaged = |reason: String| JournalError::Damaged {
            path: path.into(),
            line: lines.len() + 1,
            reason,
        };
        let link: Link = serde_json::from_slice(line)
            .map_err(|error| damaged(format!("cannot be understood: {error}")))?;
        match (link.prev, link.seq) {
            (Some(prev), Some(seq)) => {
                is_linked = true;
                chain
                    .follow(&prev, seq, hash(line))
                    .map_err(|reason| damaged(reason.into()))?;
            }
            _ if is_linked => return Err(damaged("carries no link to the line before it".into())),
            _ => {
                chain.seq += 1;
                chain.last_hash = hash(line);
            }
        }
        lines.push(line.to_vec());
    }
    Ok(lines)
}

/// Returns where the last whole line ends.
pub(super) fn whole_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1)
}

/// Returns the hash that the next line carries.
pub(super) fn hash(line: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, line);
    let mut text = String::with_capacity(64);
    // By hand: `write!` takes longer than the hash, and a long journal has 100,000 of them.
    for byte in digest.as_ref() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("wire.jsonl");
        let mut file = ChainedFile::open(&path).unwrap();
        for number in 0..4 {
            file.append(format!("{{\"number\":{number}}}").as_bytes())
                .unwrap();
        }
        path
    }

    fn complaint(path: &Path) -> String {
        chained_lines(path).unwrap_err().to_string()
    }

    #[test]
    fn an_edited_a_dropped_and_a_moved_line_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        for (touched, line) in [
            (text.replace("\"number\":1", "\"number\":9"), 3),
            ([lines[0], lines[2], lines[3]].concat(), 2),
            ([lines[1], lines[2], lines[3]].concat(), 1),
            ([lines[0], lines[2], lines[1], lines[3]].concat(), 2),
            (text.replacen("\"seq\":2", "\"sequence\":2", 1), 2),
        ] {
            fs::write(&path, touched).unwrap();
            let complaint = complaint(&path);
            assert!(complaint.contains(&format!("line {line}:")), "{complaint}");
        }
        fs::write(&path, &text).unwrap();
        assert_eq!(chained_lines(&path).unwrap().len(), 4);
    }

    #[test]
    fn a_torn_last_line_is_forgiven_and_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"prev\":\"12"].concat()).unwrap();
        assert_eq!(chained_lines(&path).unwrap().len(), 4);
        let mut file = ChainedFile::open(&path).unwrap();
        file.append(b"{\"number\":4}").unwrap();
        assert_eq!(chained_lines(&path).unwrap().len(), 5);
    }

    #[test]
    fn what_an_older_version_left_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire.jsonl");
        fs::write(&path, "{\"at\":1}\n{\"at\":2}\n").unwrap();
        ChainedFile::open(&path)
            .unwrap()
            .append(b"{\"at\":3}")
            .unwrap();
        assert_eq!(chained_lines(&path).unwrap().len(), 3);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"at\":2", "\"at\":7")).unwrap();
        assert!(complaint(&path).contains("line 3:"));
    }
}
