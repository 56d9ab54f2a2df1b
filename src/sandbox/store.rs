//! A part of the practice world, on disk before a write to it is answered.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that lives in memory and in one JSON file. Clones share it.
#[derive(Debug)]
pub struct Store<T> {
    inner: Arc<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    path: PathBuf,
    value: Mutex<T>,
}

impl<T> Clone for Store<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Clone> Store<T> {
    /// Opens the file, or starts it with `initial`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, written or understood.
    pub fn open(path: &Path, initial: impl FnOnce() -> T) -> io::Result<Self> {
        // A process that was killed while it wrote may have left one.
        fs::remove_file(draft_of(path)).ok();
        let value = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}: {error}", path.display()),
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let value = initial();
                save(path, &value)?;
                value
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.into(),
                value: Mutex::new(value),
            }),
        })
    }

    /// Looks at the value.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Sets what is not kept on disk.
    pub(super) fn set(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.lock());
    }

    /// Changes the value. When `change` fails, or the file cannot be written, nothing is changed.
    ///
    /// # Errors
    ///
    /// The outer error when the file cannot be written, the inner one is `change`'s own.
    pub fn write<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> io::Result<Result<R, E>> {
        let mut value = self.lock();
        let mut next = value.clone();
        let outcome = change(&mut next);
        if outcome.is_ok() {
            save(&self.inner.path, &next)?;
            *value = next;
        }
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.inner
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the file as a whole. There is one writer, so one name does for what it is making.
fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let draft = draft_of(path);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    fs::rename(&draft, path)
}

fn draft_of(path: &Path) -> PathBuf {
    path.with_extension("new")
}
