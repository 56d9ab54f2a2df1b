//! What a Git server prints reaches the operator, and does nothing but being read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::practice::Practice;

/// Letters that control a terminal, but for line breaks and tabs.
fn harm_in(text: &str) -> String {
    let is_harmful = |letter: &char| {
        let turns = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        turns || (letter.is_control() && !matches!(letter, '\n' | '\t'))
    };
    text.chars().filter(is_harmful).collect()
}

#[test]
fn escape_sequences_of_a_hook_are_shown_and_do_nothing() {
    let practice = Practice::new();
    practice.make_world();
    let hook = practice.remote().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().expect("it is in a folder")).expect("it is writable");
    let says = r"\033[2J\033]0;owned\007policy\rFAILED\302\2332J\342\200\256desrever";
    fs::write(
        &hook,
        format!("#!/bin/sh\nprintf '{says}\\nhint: run this\\n' >&2\nexit 1\n"),
    )
    .expect("it is writable");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it is ours");

    let run = practice.run(&["run", "--yes"]);
    assert!(!run.status.success(), "{run:?}");
    let folder = practice.run_of(&run);
    let id = folder
        .file_name()
        .expect("a run has an id")
        .to_string_lossy();
    let mut outputs = vec![run];
    for arguments in [
        &["runs", &*id][..],
        &["replay", &*id],
        &["replay", &*id, "--output", "json"],
    ] {
        outputs.push(practice.env.run(arguments));
    }
    for output in &outputs {
        let shown = format!("{}{}", output.stdout, output.stderr);
        assert!(
            shown.contains("owned"),
            "what the hook says is told: {shown}"
        );
        assert_eq!(harm_in(&shown), "", "{shown:?}");
        assert!(
            !shown.lines().any(|line| line.starts_with("hint: run this")),
            "{shown}"
        );
    }
}
