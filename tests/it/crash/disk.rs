//! A picture of a directory: all that a process leaves behind when it is killed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What a directory held at a moment. Pictures of one world share what did not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Picture {
    /// By path; a folder comes before what is in it.
    pub(super) entries: BTreeMap<PathBuf, Entry>,
}

/// What was at a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Folder { mode: u32 },
    File { mode: u32, content: Arc<[u8]> },
    Link { target: PathBuf },
}

/// What a picture is taken of.
struct Look<'a> {
    directory: &'a Path,
    /// What need not be read again.
    earlier: Option<&'a Picture>,
    is_of_interest: fn(&Path) -> bool,
    /// Folders that are looked at last, when any are.
    later: Option<Vec<PathBuf>>,
}

impl Picture {
    /// Takes a picture while others may be at work. What Git, or we beside it, have begun to write is
    /// waited for, as it is done within moments: it belongs to a call that is under way and has points
    /// of its own.
    pub(super) fn settled(directory: &Path, earlier: Option<&Self>) -> Self {
        loop {
            let picture = Self::take(directory, earlier);
            if !picture.entries.keys().any(|path| is_begun(path)) {
                return picture;
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Takes a picture. What an earlier one of the same directory knows need not be read again.
    pub(super) fn take(directory: &Path, earlier: Option<&Self>) -> Self {
        let mut picture = Self::default();
        // Git writes objects before what names them, so what names them is looked at first.
        let mut look = Look {
            directory,
            earlier,
            is_of_interest: |_| true,
            later: Some(Vec::new()),
        };
        picture.add(Path::new(""), &mut look);
        for folder in look.later.take().unwrap_or_default() {
            picture.add(&folder, &mut look);
        }
        picture
    }

    /// Takes a picture of what manifests may be built of: neither of what is Git's own nor of our state.
    pub(super) fn of_sources(directory: &Path) -> Self {
        let mut look = Look {
            directory,
            earlier: None,
            is_of_interest: |path| !path.ends_with(".git") && path != "state",
            later: None,
        };
        let mut picture = Self::default();
        picture.add(Path::new(""), &mut look);
        picture
    }

    fn add(&mut self, folder: &Path, look: &mut Look<'_>) {
        // What is temporary may be gone by now.
        let Ok(entries) = fs::read_dir(look.directory.join(folder)) else {
            return;
        };
        for entry in entries {
            let entry = entry.expect("the world is readable");
            let path = folder.join(entry.file_name());
            if !(look.is_of_interest)(&path) {
                continue;
            }
            // Git names an object by what is in it.
            let known = look.earlier.filter(|_| is_an_object(&path));
            if let Some(known) = known.and_then(|earlier| earlier.entries.get(&path)) {
                self.entries.insert(path, known.clone());
                continue;
            }
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_dir() {
                self.entries.insert(path.clone(), Entry::Folder { mode });
                match &mut look.later {
                    Some(later) if path.ends_with("objects") => later.push(path),
                    _ => self.add(&path, look),
                }
            } else if metadata.is_symlink() {
                let target = fs::read_link(entry.path()).expect("a link can be read");
                self.entries.insert(path, Entry::Link { target });
            } else if let Ok(content) = fs::read(entry.path()) {
                let content = match look.earlier.and_then(|earlier| earlier.content(&path)) {
                    Some(known) if **known == *content => Arc::clone(known),
                    _ => content.into(),
                };
                self.entries.insert(path, Entry::File { mode, content });
            }
        }
    }

    /// Makes a directory of the picture, in place of what is there.
    pub(super) fn put(&self, directory: &Path) {
        fs::remove_dir_all(directory).expect("it is ours");
        fs::create_dir(directory).expect("it is writable");
        for (path, entry) in &self.entries {
            let path = directory.join(path);
            let made = match entry {
                Entry::Folder { .. } => fs::create_dir(&path),
                Entry::File { content, .. } => fs::write(&path, content),
                Entry::Link { target } => symlink(target, &path),
            };
            made.expect("it is writable");
            if let Entry::Folder { mode } | Entry::File { mode, .. } = entry {
                let permissions = fs::Permissions::from_mode(*mode);
                fs::set_permissions(&path, permissions).expect("it is ours");
            }
        }
    }

    /// The content of a file.
    pub(super) fn content(&self, path: &Path) -> Option<&Arc<[u8]>> {
        match self.entries.get(path)? {
            Entry::File { content, .. } => Some(content),
            _ => None,
        }
    }

    /// Whether both hold the same files, of those that `matter`.
    pub(super) fn is_like(&self, other: &Self, matter: impl Fn(&Path) -> bool) -> bool {
        let matters = |(path, _): &(&PathBuf, &Entry)| matter(path);
        let own = self.entries.iter().filter(matters);
        own.eq(other.entries.iter().filter(matters))
    }
}

/// Whether this is the file of an object of Git's: 38 hexadecimal digits in a folder of two.
fn is_an_object(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.len() == 38 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// Whether a file is one that is written to be renamed: a lock of Git's, a file of ours with a random
/// name in `.git`.
fn is_begun(path: &Path) -> bool {
    const RANDOM: usize = 6;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let random = name.strip_prefix("rok-deploy-").unwrap_or_default();
    let is_ours = path.parent().is_some_and(|folder| folder.ends_with(".git"));
    name.ends_with(".lock") || (is_ours && random.len() == RANDOM)
}
