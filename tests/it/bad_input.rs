//! Bad input ends in a message that names it, the right exit code, and nothing half-written.
//!
//! Transcripts hold exit code, standard output, and of the talk what was said about the trouble.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::env::{Output, finish};
use super::support::practice::{
    DEADLINE, Practice, ROLE, events, json_lines, snapshot, sourced, writes,
};

mod account;
mod answers;
mod disk;
mod repository;
mod signals;

/// Starts of lines that say how a run goes along, which is not what is looked at here.
const GOES_ALONG: [&str; 13] = [
    "PRACTICE",
    "Starts run",
    "Goes on with run",
    "The plan is ready",
    "Approved beforehand",
    "will change",
    "unchanged",
    "changed",
    "verified",
    "Task ",
    "note: every bucket",
    "note: only service account",
    "note: a verification",
];

/// What an operator is told, with what differs from run to run masked at its width.
fn transcript(practice: &Practice, output: &Output) -> String {
    let talk = output
        .stderr
        .lines()
        .filter(|line| !GOES_ALONG.iter().any(|start| line.starts_with(start)));
    // Steps look and act at the same time: which of two failures or conflicts is told first is chance.
    let mut blocks: Vec<String> = Vec::new();
    for line in talk {
        match blocks.last_mut() {
            Some(block) if line.starts_with("hint:") || line.starts_with(' ') => {
                block.push('\n');
                block.push_str(line);
            }
            _ => blocks.push(line.to_owned()),
        }
    }
    let is_told = |block: &String| block.starts_with("FAILED") || block.starts_with("CONFLICT");
    if blocks.iter().any(is_told) {
        blocks.sort();
    }
    let code = output.status.code().expect("it ends by itself");
    let mut text = vec![format!("exit code {code}")];
    text.extend(output.stdout.lines().map(|line| format!("out: {line}")));
    text.extend(blocks);
    let home = practice
        .env
        .home()
        .to_str()
        .expect("a temporary path is text");
    masked(&text.join("\n").replace(home, &masked_home(home)))
}

fn masked_home(home: &str) -> String {
    let kept = home
        .rfind("rok-home-")
        .map_or(0, |at| at + "rok-home-".len());
    format!("{}{}", &home[..kept], ".".repeat(home.len() - kept))
}

/// Masks durations, ports, UUIDs, ids of issuers and runs, access keys, times and digests.
fn masked(text: &str) -> String {
    const SHAPES: [&str; 10] = [
        "(d.d s)",
        "127.0.0.1:ddddd",
        "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh",
        "HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH",
        "ddddddddTddddddZ-hhhh",
        "dddd-dd-ddTdd.dd.ddZ",
        "dddd-dd-ddTdd:dd:ddZ",
        "AKIAAAAAAAAAAAAAAAAA",
        "ASIAAAAAAAAAAAAAAAAA",
        "@hhhhhhhhhhhh",
    ];
    let mut characters: Vec<char> = text.chars().collect();
    let fits = |shape: char, found: char| match shape {
        'd' => found.is_ascii_digit(),
        'h' => matches!(found, '0'..='9' | 'a'..='f'),
        'H' => matches!(found, '0'..='9' | 'A'..='F'),
        'A' => found.is_ascii_uppercase() || found.is_ascii_digit(),
        other => found == other,
    };
    for shape in SHAPES {
        let shape: Vec<char> = shape.chars().collect();
        for start in 0..characters.len().saturating_sub(shape.len() - 1) {
            let window = &mut characters[start..start + shape.len()];
            if shape
                .iter()
                .zip(&*window)
                .all(|(shape, found)| fits(*shape, *found))
            {
                for (shape, found) in shape.iter().zip(window) {
                    if matches!(shape, 'd' | 'h' | 'H' | 'A') {
                        *found = '.';
                    }
                }
            }
        }
    }
    characters.into_iter().collect()
}

/// Expects that a command is refused before it began a run, and left everything as it was.
fn refused(practice: &Practice, arguments: &[&str]) -> String {
    let before = practice.everything();
    let output = practice.run(arguments);
    assert_ne!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert_eq!(practice.everything(), before, "{arguments:?}");
    transcript(practice, &output)
}

/// Expects that a run ends early with its journal closed and no write sent.
fn ended(practice: &Practice, output: &Output) -> String {
    let run = practice.run_of(output);
    let last = events(&run).pop().expect("a run has events");
    assert_eq!(last["event"]["kind"], "run_finished", "{output:?}");
    assert_eq!(writes(&run), [Value::Null; 0], "{output:?}");
    transcript(practice, output)
}

impl Practice {
    /// Everything that must stay as it is when nothing happened.
    fn everything(&self) -> Value {
        let clone: Vec<_> = snapshot(&self.clone())
            .into_iter()
            .map(|(path, content)| (path.display().to_string(), content))
            .collect();
        let runs: Vec<_> = self
            .runs()
            .iter()
            .map(|run| run.display().to_string())
            .collect();
        json!([runs, clone, self.world().is_dir().then(|| self.meaning())])
    }
}

#[test]
fn masks_keep_the_width() {
    let text = "at https://127.0.0.1:37549, run 20261123T171501Z-eb2d, id 0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a";
    let masked = masked(text);
    assert_eq!(masked.len(), text.len());
    assert_eq!(
        masked,
        "at https://127.0.0.1:....., run ........T......Z-...., id ........-....-....-....-............"
    );
}
