//! Tests in a process of their own, whose temporary files are in memory: they make worlds by the
//! hundred and throw them away.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the process that a test was given.
const APART: &str = "ROK_TEST_APART";
/// Files there are in memory, and nobody waits for a disk.
const MEMORY: &str = "/dev/shm";

/// Runs the test of that name in a process of its own, and returns whether it did: in that process
/// it does not.
///
/// # Panics
///
/// When the test fails there.
pub fn began(test: &str) -> bool {
    if env::var_os(APART).is_some() {
        return false;
    }
    let this = env::current_exe().expect("this is a program");
    let mut command = Command::new(this);
    command
        .args(["--exact", test, "--nocapture"])
        .env(APART, "yes")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = in_memory(&mut command).output();
    let output = output.expect("this program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    // A name that no test has ends well too.
    let passed = output.status.success() && said.contains("test result: ok. 1 passed");
    assert!(passed, "{test}: {}: {said}", output.status);
    true
}

/// Lets a program have its temporary files in memory, where that can be had.
pub fn in_memory(command: &mut Command) -> &mut Command {
    if Path::new(MEMORY).is_dir() {
        command.env("TMPDIR", MEMORY);
    }
    command
}
