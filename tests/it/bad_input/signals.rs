//! SIGINT and SIGTERM at several moments: an exit code of their own, a closed journal, a resume.

use super::*;

const SLOW: &[&str] = &["run", "--yes", "--latency", "30ms"];

#[test]
fn ctrl_c_at_any_moment_is_resumable() {
    for moment in [
        r#""kind":"run_started""#,
        r#""kind":"step_acting","step":"aws.iam-policy""#,
        r#""kind":"step_acting","step":"gitops.env""#,
        r#""kind":"step_observing","step":"rok.storage-access""#,
    ] {
        stopped_by("INT", 130, moment);
    }
}

#[test]
fn sigterm_at_any_moment_is_resumable() {
    for moment in [
        r#""kind":"plan_ready""#,
        r#""kind":"step_acting","step":"gitops.clone""#,
        r#""kind":"step_acting","step":"aws.iam-role""#,
        r#""kind":"step_done","step":"gitops.push""#,
    ] {
        stopped_by("TERM", 143, moment);
    }
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_leaves_a_doubt() {
    let practice = Practice::new();
    let mut running = practice.start(&["run", "--yes", "--latency", "300ms"]);
    says(
        &practice,
        &mut running,
        r#""kind":"step_acting","step":"aws.iam-policy""#,
    );
    running.signal("INT");
    says(&practice, &mut running, r#""kind":"stop_requested""#);
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(
        output
            .stderr
            .contains("note: in doubt until the next look:"),
        "{output:?}"
    );
    practice.expect(0, &["resume"]);
    practice.history();
}

fn stopped_by(signal: &str, code: i32, moment: &str) {
    let practice = Practice::new();
    let mut running = practice.start(SLOW);
    says(&practice, &mut running, moment);
    running.signal(signal);
    let output = running.finish();
    assert_eq!(output.status.code(), Some(code), "{moment}: {output:?}");
    let said = output.stdout.lines().last().unwrap_or_default();
    assert!(said.starts_with("Stopped"), "{moment}: {output:?}");
    assert!(
        output.stderr.contains("hint: `rok-deploy resume "),
        "{moment}: {output:?}"
    );
    let run = practice.run_of(&output);
    let last = events(&run).pop().expect("a run has events");
    assert_eq!(last["event"]["kind"], "run_finished", "{moment}");
    let doubts = output.stderr.contains("in doubt");
    assert!(
        !doubts,
        "{moment}: a polite stop leaves no doubt: {output:?}"
    );

    // Before the plan was approved there is no approval to reuse.
    let approved = json_lines(&run.join("journal.jsonl"))
        .iter()
        .any(|line| line["event"]["kind"] == "approved");
    let resume: &[&str] = if approved {
        &["resume"]
    } else {
        &["resume", "--yes"]
    };
    practice.expect(0, resume);
    practice.history();
    let output = practice.journey();
    assert_eq!(
        writes(&practice.run_of(&output)),
        [Value::Null; 0],
        "{moment}"
    );
}

fn says(practice: &Practice, running: &mut super::super::support::practice::Running, line: &str) {
    running.wait_for(line, || {
        let journal = practice.runs().first()?.join("journal.jsonl");
        let text = fs::read_to_string(journal).ok()?;
        text.contains(line).then_some(())
    });
}
