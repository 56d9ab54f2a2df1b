//! Who works on a run: what a process leaves beside the journal that it locks, for another one that
//! finds it locked.

use std::env;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// A process, as it introduces itself to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The machine's name; in a Pod, the Pod's.
    pub host: String,
    /// The process.
    pub pid: u32,
}

impl Holder {
    /// Returns what this process says of itself.
    pub fn of_process() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let user = variable("USER").or_else(|| variable("LOGNAME"));
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        Self {
            user: user
                .or_else(|| said("id", "-un"))
                .unwrap_or_else(|| "somebody".into()),
            host: host
                .map(|name| name.trim().to_owned())
                .or_else(|| said("uname", "-n"))
                .unwrap_or_else(|| "an unknown machine".into()),
            pid: process::id(),
        }
    }

    /// Writes who holds the journal from now on.
    pub(super) fn sign(&self, journal: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(beside(journal))?;
        write!(file, "{self} since {:.0}", jiff::Timestamp::now())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, pid } = self;
        write!(formatter, "{user}@{host} (pid {pid})")
    }
}

/// Returns who holds a journal that is locked; nothing when it does not say.
pub(super) fn holder_of(journal: &Path) -> Option<String> {
    let text = fs::read_to_string(beside(journal)).ok()?;
    (!text.is_empty()).then_some(text)
}

fn beside(journal: &Path) -> PathBuf {
    journal.with_file_name("holder")
}

/// Returns the one line that a program prints.
fn said(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
