//! Programs that write down how they were called, and then are what they stand for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::search::Places;

/// A folder of programs, and one of what they wrote down.
pub struct Spies {
    folder: tempfile::TempDir,
}

impl Spies {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["bin", "log"] {
            fs::create_dir(folder.path().join(name)).expect("it is new");
        }
        Self { folder }
    }

    /// The search path with the spies first.
    pub fn path(&self) -> String {
        let rest = std::env::var("PATH").expect("tests run with a PATH");
        format!("{}:{rest}", self.folder.path().join("bin").display())
    }

    /// Puts a spy before the program of that name.
    pub fn watch(&self, name: &str) -> PathBuf {
        let path = std::env::var_os("PATH").expect("tests run with a PATH");
        let real = std::env::split_paths(&path).map(|folder| folder.join(name));
        let real = real.into_iter().find(|program| program.is_file());
        let real = real.unwrap_or_else(|| panic!("no {name} on the PATH"));
        self.put(name, &format!("exec '{}' \"$@\"", real.display()))
    }

    /// Makes a program that writes down how it was called, and what lies in the folder for temporary
    /// files just then.
    pub fn put(&self, name: &str, script: &str) -> PathBuf {
        let log = self.folder.path().join("log").display().to_string();
        let program = self.folder.path().join("bin").join(name);
        let text = format!(
            "#!/bin/sh\n\
             record=$(mktemp '{log}/{name}.XXXXXXXX')\n\
             {{ printf 'ARGV %s\\n' \"$0\" \"$@\"; env | sed 's/^/ENV /'; }} >\"$record\"\n\
             [ -z \"$TMPDIR\" ] || cp -a \"$TMPDIR\" \"$record.files\"\n\
             {script}\n"
        );
        fs::write(&program, text).expect("it is writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        program
    }

    /// What the spies wrote down, without the variables that the operator has set: what they export
    /// is for their own programs, such as credential helpers, under the name that they gave it.
    pub fn add_to(&self, places: &mut Places, exported: &BTreeMap<String, String>) {
        let log = self.folder.path().join("log");
        let mut calls = Places::default();
        calls.add_folder("children", &log);
        for (place, content) in calls.0 {
            if place.contains(".files/") {
                let file = log.join(place.trim_start_matches("children/"));
                check_file(&file, &content, places, &place);
                continue;
            }
            let text = String::from_utf8_lossy(&content).into_owned();
            let is_theirs = |line: &&str| {
                let pair = line
                    .strip_prefix("ENV ")
                    .and_then(|line| line.split_once('='));
                pair.is_none_or(|(name, value)| {
                    exported.get(name).map(String::as_str) != Some(value)
                })
            };
            let kept: Vec<_> = text.lines().filter(is_theirs).collect();
            places.add(&place, kept.join("\n"));
        }
    }
}

/// A temporary file may hold a line of Git's credential store, for the helper that reads it, when
/// nobody else may read it.
fn check_file(file: &Path, content: &[u8], places: &mut Places, place: &str) {
    let mode = fs::metadata(file)
        .expect("it is there")
        .permissions()
        .mode();
    let text = String::from_utf8_lossy(content);
    let is_store = text.lines().count() == 1 && text.starts_with("http://rok:");
    if !(is_store && mode & 0o777 == 0o600) {
        places.add(place, content);
    }
}
