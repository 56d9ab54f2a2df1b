//! Opens the archive of a run, which may come from anybody.
//!
//! It is a `tar.gz` with one folder, named like the run. Its first file is the manifest, which
//! lists the others with size and SHA-256. Everything is read into memory, within bounds, and
//! nothing is ever written; whatever is not a plain file with a plain name ends the reading.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::chain::hash;
use super::format::is_readable;

/// The format's version, `major.minor`. A reader understands its own major and any lower minor.
///
/// - 1.0: the first.
pub(super) const FORMAT: &str = "1.0";

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";

/// The most bytes that an archive may unpack to.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// The most bytes that are exported: headers, padding and manifest need a place too.
pub(super) const MOST_EXPORTED: u64 = MOST_BYTES - (4 << 20);

/// The most files that an archive may hold.
pub(super) const MOST_FILES: usize = 1_000;

/// The most bytes of a manifest that lists as many files as there may be.
const MOST_MANIFEST: u64 = 1 << 20;

/// What is in an archive, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the writer.
    pub format: String,
    /// The version of the program that wrote it.
    pub tool_version: String,
    /// The run's id, and the name of the one folder.
    pub run: String,
    /// The files, by name.
    pub files: Vec<ManifestFile>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path in the run's folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Whether a secret was taken out of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// An archive in memory.
#[derive(Debug)]
pub struct Archive {
    /// Its manifest.
    pub manifest: Manifest,
    /// Where it is not what was exported.
    pub altered: Vec<Altered>,
    files: BTreeMap<String, Vec<u8>>,
}

/// A file that is not as it was exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Altered {
    /// Its bytes are others.
    #[error("{}: `{name}` was edited after the export: its SHA-256 is not that of the manifest", path.display())]
    Edited {
        /// The archive.
        path: PathBuf,
        /// The file.
        name: String,
    },
    /// It is gone.
    #[error("{}: `{name}` is missing; the manifest lists it", path.display())]
    Missing {
        /// The archive.
        path: PathBuf,
        /// The file.
        name: String,
    },
    /// It was not there.
    #[error("{}: `{name}` was added after the export: the manifest does not list it", path.display())]
    Added {
        /// The archive.
        path: PathBuf,
        /// The file.
        name: String,
    },
}

/// Why an archive cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ends early, or is no archive at all.
    #[error("{}: cannot be unpacked; it is cut off, damaged, or no archive of a run", path.display())]
    Broken {
        /// The archive.
        path: PathBuf,
        /// What the unpacking met.
        source: io::Error,
    },
    /// It begins with something else than its manifest.
    #[error("{}: begins with {found}, expected `RUN/{MANIFEST}`; it is no archive of a run", path.display())]
    NoManifest {
        /// The archive.
        path: PathBuf,
        /// What it begins with.
        found: String,
    },
    /// Its manifest cannot be understood.
    #[error("{}: `{MANIFEST}` cannot be understood: {reason}", path.display())]
    Manifest {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was written in a format that this program does not read.
    #[error(
        "{}: has format {found} of rok-deploy {tool_version}, this program reads {FORMAT}; use that version",
        path.display()
    )]
    Format {
        /// The archive.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The version that wrote it.
        tool_version: String,
    },
    /// It holds something that no export writes.
    #[error("{}: `{name}` {reason}; nothing of it was unpacked", path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is larger than any run.
    #[error("{}: is too large: {reason}", path.display())]
    TooLarge {
        /// The archive, or the folder that would become one.
        path: PathBuf,
        /// What goes beyond which bound.
        reason: String,
    },
}

/// Whether the file begins like an archive; its name does not matter.
pub fn is_archive(path: &Path) -> bool {
    let mut magic = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == [0x1f, 0x8b]
}

impl Archive {
    /// Reads an archive into memory.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is of a newer format, too large, or not what an export writes. A
    /// file that was edited, dropped or added since is told in [`Archive::altered`].
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|source| ArchiveError::Io {
            path: path.into(),
            source,
        })?;
        let bounded = Bounded {
            inner: GzDecoder::new(io::BufReader::new(file)),
            left: MOST_BYTES,
        };
        Opening { path }.read(bounded)
    }

    /// Returns a file by its path in the run's folder.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Iterates over names and bytes of all files but the manifest.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter();
        files.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }
}

/// The reading of one archive.
struct Opening<'a> {
    path: &'a Path,
}

impl Opening<'_> {
    fn read(&self, unpacked: Bounded<impl Read>) -> Result<Archive, ArchiveError> {
        let mut tar = tar::Archive::new(unpacked);
        // Raw: what a tar may say about an entry in another entry is refused like all that is no file.
        let entries = tar.entries().map_err(self.broken())?.raw(true);
        let mut manifest: Option<Manifest> = None;
        let mut files = BTreeMap::new();
        for entry in entries {
            let mut entry = entry.map_err(self.broken())?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some(manifest) = &manifest else {
                manifest = Some(self.manifest(&name, &mut entry)?);
                continue;
            };
            let refused = |reason| ArchiveError::Refused {
                path: self.path.into(),
                name: shown(&name),
                reason,
            };
            kind(entry.header().entry_type()).map_err(refused)?;
            let inside = inside(&name, &manifest.run).map_err(refused)?;
            if files.len() == MOST_FILES {
                return Err(self.too_large(format!("it holds more than {MOST_FILES} files")));
            }
            if entry.size() > MOST_BYTES {
                let size = entry.size();
                return Err(self.too_large(format!("`{inside}` claims {size} bytes")));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(self.broken())?;
            if files.insert(inside.to_owned(), bytes).is_some() {
                return Err(refused("is there twice"));
            }
        }
        // What follows the last entry is only a checksum, unless the end was cut off.
        let mut rest = tar.into_inner();
        io::copy(&mut rest, &mut io::sink()).map_err(self.broken())?;
        let Some(manifest) = manifest else {
            return Err(ArchiveError::NoManifest {
                path: self.path.into(),
                found: "nothing".into(),
            });
        };
        let altered = self.altered(&manifest, &files);
        Ok(Archive {
            manifest,
            altered,
            files,
        })
    }

    /// Reads the first entry, which has to be the manifest.
    fn manifest(
        &self,
        name: &str,
        entry: &mut tar::Entry<impl Read>,
    ) -> Result<Manifest, ArchiveError> {
        let is_first = name.strip_suffix(MANIFEST).is_some_and(|folder| {
            folder.ends_with('/')
                && is_plain(folder.trim_end_matches('/'))
                && !folder.ends_with("//")
        });
        if !is_first {
            return Err(ArchiveError::NoManifest {
                path: self.path.into(),
                found: format!("`{}`", shown(name)),
            });
        }
        kind(entry.header().entry_type()).map_err(|reason| ArchiveError::Refused {
            path: self.path.into(),
            name: shown(name),
            reason,
        })?;
        if entry.size() > MOST_MANIFEST {
            let size = entry.size();
            return Err(self.too_large(format!("`{MANIFEST}` claims {size} bytes")));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(self.broken())?;
        let unclear = |reason: String| ArchiveError::Manifest {
            path: self.path.into(),
            reason,
        };
        // The version first: a later manifest may hold what this program does not know.
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| unclear(error.to_string()))?;
        let text = |key: &str| {
            value
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or("?")
        };
        if !is_readable(text("format"), FORMAT) {
            return Err(ArchiveError::Format {
                path: self.path.into(),
                found: text("format").into(),
                tool_version: text("tool_version").into(),
            });
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|error| unclear(error.to_string()))?;
        if name.strip_suffix(MANIFEST) != Some(&format!("{}/", manifest.run)) {
            return Err(unclear(format!(
                "it is of run `{}`, its folder is another",
                manifest.run
            )));
        }
        Ok(manifest)
    }

    fn altered(&self, manifest: &Manifest, files: &BTreeMap<String, Vec<u8>>) -> Vec<Altered> {
        let path = || self.path.to_path_buf();
        let listed = manifest.files.iter().filter_map(|listed| {
            let name = listed.name.clone();
            match files.get(&listed.name) {
                None => Some(Altered::Missing { path: path(), name }),
                Some(bytes) if hash(bytes) != listed.sha256 => {
                    Some(Altered::Edited { path: path(), name })
                }
                Some(_) => None,
            }
        });
        let is_listed = |name: &String| manifest.files.iter().any(|listed| listed.name == *name);
        let added = files.keys().filter(|name| !is_listed(name));
        let added = added.map(|name| Altered::Added {
            path: path(),
            name: name.clone(),
        });
        listed.chain(added).collect()
    }

    fn broken(&self) -> impl Fn(io::Error) -> ArchiveError {
        let path = self.path.to_path_buf();
        move |source| {
            if source.kind() == io::ErrorKind::FileTooLarge {
                ArchiveError::TooLarge {
                    path: path.clone(),
                    reason: source.to_string(),
                }
            } else {
                ArchiveError::Broken {
                    path: path.clone(),
                    source,
                }
            }
        }
    }

    fn too_large(&self, reason: String) -> ArchiveError {
        ArchiveError::TooLarge {
            path: self.path.into(),
            reason,
        }
    }
}

/// Returns the path of an entry in the run's folder.
fn inside<'n>(name: &'n str, run: &str) -> Result<&'n str, &'static str> {
    let path = Path::new(name);
    let mut parts = path.components();
    if path.is_absolute() {
        return Err("has an absolute path");
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("leads out of its folder");
    }
    if parts.next() != Some(Component::Normal(run.as_ref())) {
        return Err("is not in the run's folder");
    }
    let inside = &name[run.len()..];
    let plain = inside
        .strip_prefix('/')
        .filter(|inside| inside.split('/').all(is_plain));
    plain.ok_or("has no plain name")
}

/// Says what an entry is that is no plain file.
fn kind(kind: EntryType) -> Result<(), &'static str> {
    match kind {
        EntryType::Regular => Ok(()),
        EntryType::Symlink => Err("is a symbolic link, expected a file"),
        EntryType::Link => Err("is a hard link, expected a file"),
        EntryType::Char | EntryType::Block => Err("is a device, expected a file"),
        EntryType::Fifo => Err("is a pipe, expected a file"),
        EntryType::Directory => Err("is a folder, expected a file"),
        _ => Err("is of a kind that no export writes, expected a file"),
    }
}

/// Whether a name is one that any file system takes for the name of a file in a folder.
pub(super) fn is_plain(name: &str) -> bool {
    let is_fine = |letter: char| !letter.is_control() && !matches!(letter, '/' | '\\' | '\u{fffd}');
    !name.is_empty() && name != "." && name != ".." && name.chars().all(is_fine)
}

/// Returns a name from an archive as it may be shown.
fn shown(name: &str) -> String {
    name.replace(char::is_control, "\u{fffd}")
}

/// A reader that ends with an error where a bomb would go on.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let most = MOST_BYTES >> 20;
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it unpacks to more than {most} MiB"),
            )
        })?;
        Ok(read)
    }
}

/// Whatever is packed, its headers believed: it is opened within bounds with plain names, or refused.
#[cfg(any(test, fuzzing))]
pub fn feed(tar: &[u8]) {
    let mut tar = tar.to_vec();
    for block in tar.chunks_exact_mut(512) {
        if block[257..].starts_with(b"ustar") {
            let mut header = tar::Header::from_byte_slice(block).clone();
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
    let opening = Opening {
        path: Path::new("run.tar.gz"),
    };
    let unpacked = Bounded {
        inner: &tar[..],
        left: MOST_BYTES,
    };
    if let Ok(archive) = opening.read(unpacked) {
        assert!(archive.files.len() <= MOST_FILES);
        for (name, _) in archive.files() {
            let mut parts = Path::new(name).components();
            let is_inside = parts.all(|part| matches!(part, Component::Normal(_)));
            assert!(is_inside && !name.contains(char::is_control), "{name:?}");
        }
    }
}

#[cfg(test)]
mod tests;
