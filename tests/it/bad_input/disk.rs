//! State directories that cannot be written.

use super::*;

#[test]
fn a_state_directory_that_is_a_file() {
    let practice = Practice::new();
    fs::write(practice.env.home().join("file"), "mine\n").expect("the home is writable");
    let output = practice.run(&["run", "--yes", "--state-dir", "file/state"]);
    insta::assert_snapshot!(transcript(&practice, &output), @"
    exit code 1
    error: the practice cloud cannot start: /tmp/rok-home-....../file/state/sandbox: Not a directory (os error 20)
    ");
    let text = fs::read_to_string(practice.env.home().join("file")).expect("it is there");
    assert_eq!(text, "mine\n");
}

#[test]
fn a_disk_that_fills_up_stops_the_run_before_its_next_change() {
    let practice = Practice::new();
    practice.make_world();
    // The world is served by a process with room; the run has room for its plan and little more.
    let served = practice.serve();
    for kilobytes in ["1", "8", "24", "32", "36"] {
        let script = format!(
            "trap '' XFSZ; ulimit -f {kilobytes}; exec '{}' run --yes --sandbox",
            env!("CARGO_BIN_EXE_rok-deploy"),
        );
        let output = finish(
            &mut practice.env.program("bash", &["-c", &script]),
            DEADLINE,
        );
        assert_eq!(output.status.code(), Some(1), "{kilobytes} kB: {output:?}");
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains("journal"), "{kilobytes} kB: {said}");
        assert!(said.contains("File too large"), "{kilobytes} kB: {said}");

        // Whatever was sent had been announced: on disk before the act.
        let Some(run) = output
            .stderr
            .contains("Starts run")
            .then(|| practice.run_of(&output))
        else {
            continue;
        };
        let journal = fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
        let written = json_lines_of(&run.join("wire.jsonl"));
        for operation in ["iam:CreateRole", "iam:CreatePolicy"] {
            let sent = written
                .iter()
                .any(|record| record["operation"] == operation);
            let announced = journal.contains(r#""kind":"step_acting""#);
            assert!(
                announced || !sent,
                "{kilobytes} kB: {operation} was sent unannounced"
            );
        }
    }
    // With room again, everything goes on.
    practice.journey();
    let (meaning, history) = (practice.meaning(), practice.history());
    served.stop();
    let whole = Practice::new();
    whole.journey();
    assert_eq!((meaning, history), (whole.meaning(), whole.history()));
}

/// The records of a wire log, the torn last one aside.
fn json_lines_of(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
