//! A share of the seeds, tried in a process of its own: with a home of its own.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use super::tried::{Tally, Tried, Usual};
use crate::support::apart::in_memory;
use crate::support::env::TestEnv;

const SHARE: &str = "ROK_FAULT_SHARE";

/// Every `step`th seed from `first`.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub first: u64,
    pub end: u64,
    pub step: u64,
}

impl Share {
    /// The share that this process was started for.
    pub fn of_environment() -> Option<Self> {
        let text = env::var(SHARE).ok()?;
        let numbers: Vec<u64> = text
            .split(' ')
            .map(|number| number.parse().expect("a share is numbers"))
            .collect();
        let [first, end, step] = numbers[..] else {
            panic!("a share is three numbers: {text}");
        };
        Some(Self { first, end, step })
    }

    /// Tries its seeds in another process and tells what came of them.
    pub fn in_a_process(self) -> Tally {
        let env = TestEnv::new();
        let this = env::current_exe().expect("this is a program");
        let test = "faults::seeds_end_like_a_run_without_faults";
        let mut command = env.program(this, &["--exact", test, "--nocapture"]);
        let numbers = [self.first, self.end, self.step].map(|number| number.to_string());
        command
            .env(SHARE, numbers.join(" "))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = in_memory(&mut command)
            .spawn()
            .expect("this program starts");
        let mut stderr = child.stderr.take().expect("it is piped");
        let errors = std::thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).ok();
            said
        });
        let mut tally = Tally::default();
        let stdout = child.stdout.take().expect("it is piped");
        for line in BufReader::new(stdout).lines() {
            tally.read(&line.expect("it is text"));
        }
        let ended = child.wait().expect("a child can be waited for");
        let errors = errors.join().expect("reading does not panic");
        if !ended.success() {
            tally.fail(format!("{self:?} broke off: {errors}"));
        }
        tally
    }

    /// Tries its seeds here.
    pub fn try_all(self) {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let usual = Usual::find();
        let mut seed = self.first;
        while seed < self.end {
            Tried::seed(seed, &usual).print();
            seed += self.step;
        }
    }
}
