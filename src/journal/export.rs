//! Writes the archive of a run: one self-contained file for somebody without the customer's cloud.
//!
//! Exporting the same run twice gives the same bytes. A run may be held or unfinished: of its logs
//! the archive has the lines that were whole when they were read.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::archive::{
    ArchiveError, FORMAT, MANIFEST, MOST_EXPORTED, MOST_FILES, Manifest, ManifestFile, is_plain,
};
use super::chain::{chained_anew, chained_lines, hash};
use super::reader::{JournalError, parse, whole_lines};
use super::redact::redact;
use super::store::RunFolder;

/// How deep folders in a run's folder are followed.
const DEPTH: usize = 8;

/// What was exported.
#[derive(Debug)]
pub struct Export {
    /// What is in the archive.
    pub manifest: Manifest,
    /// What is wrong with the run's journal, which was exported as it is.
    pub damage: Option<JournalError>,
}

/// Writes the archive of a run to `out`.
///
/// # Errors
///
/// When the run's folder cannot be read, is larger than an archive may be, or `out` cannot be
/// written.
pub fn export(
    folder: &RunFolder,
    tool_version: &str,
    out: impl Write,
) -> Result<Export, ArchiveError> {
    let mut found = Vec::new();
    collect(&folder.path, "", DEPTH, &mut found)?;
    found.sort();
    if found.len() > MOST_FILES {
        return Err(ArchiveError::TooLarge {
            path: folder.path.clone(),
            reason: format!(
                "it holds {} files, an archive at most {MOST_FILES}",
                found.len()
            ),
        });
    }
    let mut files = Vec::new();
    let (mut damage, mut began, mut total) = (None, 0, 0);
    for (name, path) in found {
        let mut bytes = fs::read(&path).map_err(io_error(&path))?;
        let is_chained = path
            .extension()
            .is_some_and(|extension| extension == "jsonl");
        if is_chained {
            bytes.truncate(whole_lines(&bytes).len());
        }
        let mut sound = false;
        if path == folder.journal() {
            let journal = parse(&bytes, &path);
            let events = journal
                .as_ref()
                .map_or(&[][..], |sound| &sound.journal.events);
            began = events.first().map_or(0, |event| event.at.as_second());
            damage = match journal {
                Ok(sound) => sound.damage,
                Err(error) => Some(error),
            };
            sound = damage.is_none();
        } else if is_chained {
            sound = chained_lines(&bytes, &path).1.is_none();
        }
        let mut redacted = false;
        if let Ok(text) = str::from_utf8(&bytes)
            && let Cow::Owned(changed) = redact(text)
        {
            // What was sound is chained anew, so that it still proves itself; what is damaged
            // keeps its damage.
            bytes = if sound {
                chained_anew(&changed)
            } else {
                changed.into_bytes()
            };
            redacted = true;
        }
        total += bytes.len() as u64;
        if total > MOST_EXPORTED {
            let most = MOST_EXPORTED >> 20;
            return Err(ArchiveError::TooLarge {
                path: folder.path.clone(),
                reason: format!("it holds more than {most} MiB"),
            });
        }
        let listed = ManifestFile {
            size: bytes.len() as u64,
            sha256: hash(&bytes),
            name,
            redacted,
        };
        files.push((listed, bytes));
    }
    let manifest = Manifest {
        format: FORMAT.into(),
        tool_version: tool_version.into(),
        run: folder.run.clone(),
        files: files.iter().map(|(listed, _)| listed.clone()).collect(),
    };
    let began = u64::try_from(began).unwrap_or_default();
    write(&manifest, &files, began, out).map_err(io_error(Path::new("archive")))?;
    Ok(Export { manifest, damage })
}

fn write(
    manifest: &Manifest,
    files: &[(ManifestFile, Vec<u8>)],
    began: u64,
    out: impl Write,
) -> io::Result<()> {
    // Neither host nor time of the export gets in.
    let packed = GzBuilder::new()
        .operating_system(255)
        .write(out, Compression::default());
    let mut tar = tar::Builder::new(packed);
    let mut append = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(began);
        header.set_path(format!("{}/{name}", manifest.run))?;
        header.set_cksum();
        tar.append(&header, bytes)
    };
    let mut listing = serde_json::to_vec_pretty(manifest).expect("a manifest is plain values");
    listing.push(b'\n');
    append(MANIFEST, &listing)?;
    for (listed, bytes) in files {
        append(&listed.name, bytes)?;
    }
    tar.into_inner()?.finish()?.flush()
}

/// Collects the regular files of a folder with their paths in it. Links lead elsewhere, and a draft
/// is of no use to anybody.
fn collect(
    folder: &Path,
    inside: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), ArchiveError> {
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let entry = entry.map_err(io_error(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(io_error(&path))?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .filter(|name| is_plain(name))
            .map(str::to_owned)
        else {
            continue;
        };
        let is_draft = path.extension().is_some_and(|extension| extension == "new");
        let name = format!("{inside}{name}");
        if kind.is_dir() && depth > 0 {
            collect(&path, &format!("{name}/"), depth - 1, found)?;
        } else if kind.is_file() && !is_draft && name != MANIFEST {
            found.push((name, path));
        }
    }
    Ok(())
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    let path = path.to_path_buf();
    move |source| ArchiveError::Io {
        path: path.clone(),
        source,
    }
}
