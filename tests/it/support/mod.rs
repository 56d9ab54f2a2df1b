//! What tests share: a clean place to run the binary in, the third-party programs it meets, and the
//! practice cloud for those programs.

pub mod apart;
pub mod azure;
pub mod env;
pub mod git_servers;
pub mod identity;
pub mod peers;
pub mod practice;
pub mod runs;
pub mod served;
mod server;
pub mod terminal;

use std::process::{Command, Stdio};

/// Kills a process and everything it started. It has to lead a process group of its own.
///
/// By the shell's `kill`, because signalling a group is unsafe code otherwise.
fn kill_group(leader: u32) {
    Command::new("sh")
        .args([
            "-c",
            "kill -s KILL -- \"-$1\"",
            "kill-group",
            &leader.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("sh is on the PATH");
}
