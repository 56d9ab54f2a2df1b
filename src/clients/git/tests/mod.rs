//! The client against the real `git` program and bare repositories reached by `file://`.

mod changes;
mod commits;
mod http;
mod local;
mod merges;
mod pushes;
mod tags;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Clone, CommitRequest, Git, GitSettings};
use crate::clients::wire::WireLog;

/// A home, a bare remote with one commit on `main`, and a Git of its own.
struct World {
    root: tempfile::TempDir,
    environment: Vec<(String, String)>,
    wire: WireLog,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(
            home.join("gitconfig"),
            "[user]\n\tname = Ann Operator\n\temail = ann@example.com\n",
        )
        .unwrap();
        let home = home.to_str().unwrap();
        let environment = [
            ("HOME", home),
            ("XDG_CONFIG_HOME", home),
            ("GIT_CONFIG_GLOBAL", &format!("{home}/gitconfig")),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_DATE", "@1700000000 +0000"),
        ];
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let world = Self {
            root,
            environment,
            wire: WireLog::in_memory(),
        };
        world.run(
            world.path(),
            &["init", "-q", "--bare", "-b", "main", "remote.git"],
        );
        world.run(world.path(), &["init", "-q", "-b", "main", "seed"]);
        let seed = world.path().join("seed");
        World::put(&seed, "README.md", "ops\n");
        World::put(&seed, "theirs/notes.txt", "first\n");
        world.run(&seed, &["add", "."]);
        world.run(&seed, &["commit", "-qm", "Start"]);
        world.run(&seed, &["remote", "add", "origin", &world.url()]);
        world.run(&seed, &["push", "-q", "-u", "origin", "main"]);
        world
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn remote(&self) -> PathBuf {
        self.path().join("remote.git")
    }

    /// Another operator's clone.
    fn seed(&self) -> PathBuf {
        self.path().join("seed")
    }

    fn url(&self) -> String {
        format!("file://{}", self.remote().display())
    }

    fn git(&self) -> Git {
        let settings = GitSettings {
            environment: self.environment.clone(),
            ..GitSettings::default()
        };
        Git::new(settings, self.wire.clone())
    }

    fn clone(&self, name: &str) -> Clone {
        let directory = self.path().join(name);
        self.git().clone(&self.url(), None, &directory).unwrap();
        self.git().open(&directory).unwrap()
    }

    /// Runs the real program and returns what it printed.
    fn run(&self, directory: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {error}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn put(directory: &Path, path: &str, content: &str) {
        let file = directory.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn configure(&self, text: &str) {
        let file = self.path().join("home/gitconfig");
        fs::write(
            &file,
            format!("{}{text}\n", fs::read_to_string(&file).unwrap()),
        )
        .unwrap();
    }

    fn hook(repository: &Path, name: &str, script: &str) {
        let file = repository.join("hooks").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Somebody else pushes a change of one file.
    fn other_pushes(&self, path: &str, content: &str) {
        let seed = self.seed();
        Self::put(&seed, path, content);
        self.run(&seed, &["add", "."]);
        self.run(&seed, &["commit", "-qm", &format!("Change {path}")]);
        self.run(&seed, &["push", "-q", "origin", "main"]);
    }
}

/// Writes a file and commits it as the step `step` of the run `r1`.
fn commit(clone: &Clone, path: &str, content: &str, step: &str) -> Option<String> {
    clone.write(path, content.as_bytes()).unwrap();
    commit_paths(clone, &[path], step)
}

fn commit_paths(clone: &Clone, paths: &[&str], step: &str) -> Option<String> {
    let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
    clone
        .commit(&request("Update Rok manifests", &trailers(step), &paths))
        .unwrap()
}

fn trailers(step: &str) -> Vec<(String, String)> {
    vec![
        ("Rok-Deploy-Run".into(), "r1".into()),
        ("Rok-Deploy-Step".into(), step.into()),
    ]
}

fn request<'a>(
    message: &'a str,
    trailers: &'a [(String, String)],
    paths: &'a [String],
) -> CommitRequest<'a> {
    CommitRequest {
        message,
        trailers,
        paths,
    }
}
