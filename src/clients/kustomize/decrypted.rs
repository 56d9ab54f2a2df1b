//! A copy of what a kustomization builds from, in which encrypted files are in clear.
//!
//! It is made only when the kustomizations refer to such files, in a folder for nobody else, in memory where that
//! can be had, and is gone with the build. A process that was killed leaves its folder to the next one.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_yaml::Value;
use tempfile::TempDir;

use super::{FILES, kustomization};
use crate::clients::sops::{self, Format, Keyring, SopsError, Trouble};
use crate::clients::yaml;

/// What the folders are called; a number of a process follows.
const PREFIX: &str = "rok-deploy-build-";

/// The largest file that is looked into.
const LARGEST: u64 = 4 << 20;

/// How many files are copied at most.
const MOST: usize = 20_000;

/// A copy, as long as it lives.
pub(super) struct Decrypted {
    folder: TempDir,
    /// What the folder is a copy of.
    root: PathBuf,
    /// The directory to build, in the copy.
    pub(super) directory: PathBuf,
}

impl Decrypted {
    /// Returns a text of a program with the paths of the original.
    pub(super) fn as_original(&self, text: &str) -> String {
        let copy = self.folder.path().display().to_string();
        let root = self.root.display().to_string();
        text.replace(&copy, root.trim_end_matches('/'))
    }
}

/// Makes the copy, when something is encrypted. `known_as` is where the operator sees the directory.
pub(super) fn decrypted(
    directory: &Path,
    known_as: &Path,
    keyring: &Keyring,
) -> Result<Option<Decrypted>, SopsError> {
    let Ok(directory) = fs::canonicalize(directory) else {
        // The program says what is wrong with it.
        return Ok(None);
    };
    let tree = Tree::of(&directory);
    let known = |path: &Path| known(path, &directory, known_as);
    let mut encrypted = Vec::new();
    for path in &tree.files {
        if let Some((format, text)) = sealed(path, &known)? {
            encrypted.push((path, format, text));
        }
    }
    let Some((first, ..)) = encrypted.first() else {
        return Ok(None);
    };
    let missing = || Trouble::KeyMissing {
        key: keyring.file.clone(),
    };
    let keys = keyring.keys()?.ok_or_else(|| missing().of(known(first)))?;
    let failed = |error: &io::Error| Trouble::io("copied to be built", error).of(known(&directory));
    let root = tree.root();
    let folder = folder().map_err(|error| failed(&error))?;
    let place = |path: &Path| match path.strip_prefix(&root) {
        Ok(inside) => folder.path().join(inside),
        Err(_) => folder.path().to_owned(),
    };
    let mut left = MOST;
    for kustomized in &tree.directories {
        copy(kustomized, &place(kustomized), &mut left).map_err(|error| failed(&error))?;
    }
    for (path, format, text) in encrypted {
        let opened = sops::open(format, &known(path), &text, &keys)?;
        let target = place(path);
        fs::remove_file(&target)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| fs::write(&target, opened.text.expose()))
            .map_err(|error| failed(&error))?;
    }
    Ok(Some(Decrypted {
        directory: place(&directory),
        root,
        folder,
    }))
}

/// Returns a file when it is encrypted, and its format.
fn sealed(
    path: &Path,
    known: &impl Fn(&Path) -> String,
) -> Result<Option<(Format, String)>, SopsError> {
    let format = path.to_str().and_then(Format::of);
    let is_small = path.metadata().is_ok_and(|file| file.len() <= LARGEST);
    let (Some(format), true) = (format, is_small) else {
        return Ok(None);
    };
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(None);
    };
    // Most files are not, and are not parsed.
    if !text.contains("ENC[AES256_GCM,") {
        return Ok(None);
    }
    let recipients = sops::recipients_of(format, &text);
    let recipients = recipients.map_err(|trouble| trouble.of(known(path)))?;
    Ok(recipients.map(|_| (format, text)))
}

/// Returns where the operator sees a file of the tree.
fn known(path: &Path, directory: &Path, known_as: &Path) -> String {
    let shared = directory
        .components()
        .rev()
        .zip(known_as.components().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let up = |path: &Path| path.ancestors().nth(shared).map(Path::to_owned);
    let seen = match (up(directory), up(known_as)) {
        (Some(copy), Some(original)) => path.strip_prefix(copy).ok().map(|it| original.join(it)),
        _ => None,
    };
    seen.as_deref().unwrap_or(path).display().to_string()
}

/// Directories with a kustomization that lead to one another, and the files that they name.
#[derive(Default)]
struct Tree {
    directories: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Tree {
    fn of(directory: &Path) -> Self {
        let mut tree = Self::default();
        let mut next = vec![directory.to_owned()];
        while let Some(directory) = next.pop() {
            if tree.directories.len() >= MOST || !tree.directories.insert(directory.clone()) {
                continue;
            }
            let Ok(file) = kustomization(&directory) else {
                continue;
            };
            let Ok(bytes) = fs::read(&file) else { continue };
            if yaml::within_bounds(&bytes).is_err() {
                continue;
            }
            let Ok(value) = serde_yaml::from_slice::<Value>(&bytes) else {
                continue;
            };
            let mut names = Vec::new();
            texts(&value, &mut names);
            for name in names {
                let Ok(path) = fs::canonicalize(directory.join(name)) else {
                    continue;
                };
                if path.is_file() {
                    tree.files.insert(path);
                } else if FILES.iter().any(|file| path.join(file).is_file()) {
                    next.push(path);
                }
            }
        }
        tree
    }

    /// Returns what all directories are in.
    fn root(&self) -> PathBuf {
        let mut directories = self.directories.iter();
        let mut root = directories.next().cloned().unwrap_or_default();
        for directory in directories {
            while !directory.starts_with(&root) {
                root.pop();
            }
        }
        root
    }
}

/// Collects every text that may name a file: itself, or what follows its `=`.
fn texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(['\n', '\0']) => {
            into.push(text);
            into.extend(text.split_once('=').map(|(_, path)| path));
        }
        Value::Sequence(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Mapping(fields) => fields.values().for_each(|value| texts(value, into)),
        Value::Tagged(tagged) => texts(&tagged.value, into),
        _ => {}
    }
}

/// Copies a directory as it is, links as links, without what Git keeps.
fn copy(from: &Path, to: &Path, left: &mut usize) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".git" || to.symlink_metadata().is_ok_and(|it| !it.is_dir()) {
            continue;
        }
        *left = left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other(format!("there are more than {MOST} files")))?;
        if kind.is_dir() {
            copy(&from, &to, left)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Makes a folder for nobody else, and removes those of dead processes.
fn folder() -> io::Result<TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let places = [Some(PathBuf::from("/dev/shm")), runtime];
    let make = |place: &Path| {
        sweep(place);
        tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(place)
    };
    let in_memory = places.iter().flatten().find_map(|place| make(place).ok());
    match in_memory {
        Some(folder) => Ok(folder),
        None => make(&std::env::temp_dir()),
    }
}

/// Removes folders whose process is gone. One that is not ours to remove stays.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let process = process.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        let is_dead = process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists());
        if is_dead && Path::new("/proc/self").exists() {
            // What cannot be removed is somebody else's.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}
