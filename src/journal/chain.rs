//! Lines that hold the hash of the line before them, so that an edited, dropped or reordered line is
//! found: the journal's, the wire log's and the recording's.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Deserialize;

use super::damage::{self, Read};
use super::reader::{JournalError, whole_lines};

/// The link that a line carries besides its content.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    /// The hash of the line before.
    pub(super) prev: String,
    /// The number of the line; of a journal, of the event.
    pub(super) seq: u64,
}

/// A file of chained lines that is appended to. It is no journal: nothing waits for it to be on
/// disk, and the journal's lock keeps other processes away.
#[derive(Debug)]
pub struct ChainedFile {
    file: File,
    last_hash: String,
    seq: u64,
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
        let found = std::fs::read(path)?;
        let whole = whole_lines(&found);
        if whole.len() < found.len() {
            file.set_len(whole.len() as u64)?;
        }
        let last = lines(whole).last().unwrap_or_default();
        // What an older version wrote carries no link.
        let link = serde_json::from_slice::<Link>(last);
        Ok(Self {
            file,
            last_hash: hash(last),
            seq: link.map_or(0, |link| link.seq),
        })
    }

    /// Appends a JSON object as a line of the chain.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn append(&mut self, object: &[u8]) -> io::Result<()> {
        let seq = self.seq + 1;
        let start = format!("{{\"prev\":\"{}\",\"seq\":{seq},", self.last_hash);
        let content = object.strip_prefix(b"{").unwrap_or(object);
        let mut line = [start.as_bytes(), content].concat();
        let own_hash = hash(&line);
        line.push(b'\n');
        // One write: a crash tears at most the last line.
        self.file.write_all(&line)?;
        self.seq = seq;
        self.last_hash = own_hash;
        Ok(())
    }
}

/// Returns the lines of a chained file up to where somebody touched it, and what was done there. A torn
/// last line is left out. Lines at the beginning that carry no link are of a version that made none.
pub fn chained_lines<'b>(bytes: &'b [u8], path: &Path) -> (Vec<&'b [u8]>, Option<JournalError>) {
    let mut found: Vec<&[u8]> = lines(whole_lines(bytes)).collect();
    let link = |line: &[u8]| serde_json::from_slice::<Link>(line);
    let older = found.iter().take_while(|line| link(line).is_err()).count();
    let before = older.checked_sub(1).map_or(&b""[..], |last| found[last]);
    let reads: Vec<_> = found[older..]
        .iter()
        .map(|line| Read {
            hash: hash(line),
            line: link(line),
        })
        .collect();
    let Some(damage) = damage::find(&reads, &hash(before), older) else {
        return (found, None);
    };
    found.truncate(older + damage.sound);
    let damaged = JournalError::Damaged {
        path: path.into(),
        line: damage.line,
        reason: damage.reason,
    };
    (found, Some(damaged))
}

/// Chains lines anew whose content was changed; their numbers stay.
pub(super) fn chained_anew(text: &str) -> Vec<u8> {
    let mut chained = Vec::with_capacity(text.len());
    let mut before = hash(b"");
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line = match serde_json::from_str::<Link>(line) {
            Ok(link) => line.replacen(&link.prev, &before, 1),
            // A header, or what an older version left.
            Err(_) => line.to_owned(),
        };
        before = hash(line.as_bytes());
        chained.extend(line.into_bytes());
        chained.push(b'\n');
    }
    chained
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
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

    fn complaint(path: &Path) -> Option<String> {
        let bytes = fs::read(path).unwrap();
        chained_lines(&bytes, path).1.map(|error| error.to_string())
    }

    fn count(path: &Path) -> usize {
        let bytes = fs::read(path).unwrap();
        let (lines, damage) = chained_lines(&bytes, path);
        assert!(damage.is_none(), "{damage:?}");
        lines.len()
    }

    #[test]
    fn an_edited_a_dropped_and_a_moved_line_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        for (touched, told) in [
            (
                text.replace("\"number\":1", "\"number\":9"),
                "line 2: was edited",
            ),
            (
                [lines[0], lines[2], lines[3]].concat(),
                "line 2: does not follow",
            ),
            (
                [lines[1], lines[2], lines[3]].concat(),
                "line 1: does not follow",
            ),
            (
                [lines[0], lines[2], lines[1], lines[3]].concat(),
                "line 2: was moved",
            ),
            (
                text.replacen("\"seq\":2", "\"sequence\":2", 1),
                "line 2: was edited",
            ),
        ] {
            fs::write(&path, touched).unwrap();
            let complaint = complaint(&path).unwrap();
            assert!(complaint.contains(told), "{complaint}");
        }
        fs::write(&path, &text).unwrap();
        assert_eq!(count(&path), 4);
    }

    #[test]
    fn changed_lines_are_chained_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(chained_anew(&text), text.as_bytes());
        let changed = text.replace("\"number\":1", "\"number\":9");
        fs::write(&path, chained_anew(&changed)).unwrap();
        assert_eq!(count(&path), 4);
        assert!(fs::read_to_string(&path).unwrap().contains("\"number\":9"));
    }

    #[test]
    fn a_torn_last_line_is_forgiven_and_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"prev\":\"12"].concat()).unwrap();
        assert_eq!(count(&path), 4);
        let mut file = ChainedFile::open(&path).unwrap();
        file.append(b"{\"number\":4}").unwrap();
        assert_eq!(count(&path), 5);
    }

    #[test]
    fn what_an_older_version_left_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire.jsonl");
        fs::write(&path, "{\"at\":1}\n{\"at\":2}\n").unwrap();
        let mut file = ChainedFile::open(&path).unwrap();
        file.append(b"{\"at\":3}").unwrap();
        file.append(b"{\"at\":4}").unwrap();
        assert_eq!(count(&path), 4);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"at\":2", "\"at\":7")).unwrap();
        assert!(complaint(&path).is_some());
    }
}
