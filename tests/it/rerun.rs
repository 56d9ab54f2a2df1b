//! `replay --rerun`: a recorded run is done again on another machine, with nothing in reach, to an
//! identical journal; against a changed recording it stops at the first difference and names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::env::{Output, TestEnv, finish};
use super::support::practice::{DEADLINE, Practice, events};

/// Another machine: no practice cloud, no clone, no credentials, and no network where the system
/// lets us take it away.
pub struct Elsewhere {
    env: TestEnv,
}

impl Elsewhere {
    pub fn new() -> Self {
        let nobody = "http://127.0.0.1:9";
        let env = TestEnv::new()
            .with_variable("AWS_ENDPOINT_URL", nobody)
            .with_variable("HTTPS_PROXY", nobody)
            .with_variable("HTTP_PROXY", nobody)
            .with_variable("KUBECONFIG", "/nowhere/kubeconfig");
        Self { env }
    }

    /// Takes a copy of a run's folder along.
    fn take(&self, run: &Path) -> PathBuf {
        let name = run.file_name().expect("a run has an id");
        let copy = self.env.home().join(name);
        fs::create_dir_all(&copy).expect("the home is writable");
        for file in ["journal.jsonl", "wire.jsonl", "recording.jsonl"] {
            fs::copy(run.join(file), copy.join(file)).expect("a run has its records");
        }
        copy
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let command = self.env.command(arguments);
        let mut offline = self.env.program("unshare", &["--net"]);
        offline.arg(command.get_program()).args(command.get_args());
        let may = Command::new("unshare")
            .args(["--net", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        finish(
            if may {
                &mut offline
            } else {
                return self.env.run(arguments);
            },
            DEADLINE,
        )
    }

    pub fn rerun(&self, run: &Path, more: &[&str]) -> Output {
        let copy = self.take(run);
        let copy = copy.to_str().expect("a temporary path is text");
        self.run(&[&["replay", copy, "--rerun"], more].concat())
    }

    /// Does a run again that was changed before.
    fn changed(&self, run: &Path, change: impl FnOnce(&mut Vec<String>)) -> Output {
        let copy = self.take(run);
        let path = copy.join("recording.jsonl");
        let text = fs::read_to_string(&path).expect("a recording is text");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(&path, lines.join("\n") + "\n").expect("the home is writable");
        let copy = copy.to_str().expect("a temporary path is text");
        self.run(&["replay", copy, "--rerun"])
    }
}

/// Does it again, twice, and asserts that nothing was different.
#[track_caller]
pub fn assert_identical(run: &Path) {
    let count = events(run).len();
    for _ in 0..2 {
        let again = Elsewhere::new().rerun(run, &[]);
        assert_eq!(again.status.code(), Some(0), "{}", again.stderr);
        let last = again.stdout.lines().last().unwrap_or_default();
        let name = run.file_name().expect("a run has an id").to_string_lossy();
        let expected = format!("Rerun of run {name}: {count} events, ");
        assert!(
            last.starts_with(&expected) && last.ends_with(" calls, identical."),
            "{last}"
        );
    }
}

#[track_caller]
fn assert_stops(again: &Output, code: i32, words: &[&str]) {
    assert_eq!(again.status.code(), Some(code), "{again:?}");
    for word in words {
        assert!(again.stderr.contains(word), "no {word} in {}", again.stderr);
    }
    assert!(!again.stdout.contains("identical"), "{}", again.stdout);
}

/// Computes the chain anew, as somebody would who knows the format.
fn chained_anew(lines: &mut [String]) {
    let hash = |text: &str| -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        let halves = digest
            .as_ref()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15]);
        halves.map(digit).collect()
    };
    let mut prev = hash("");
    for (place, line) in lines.iter_mut().enumerate() {
        let content = line.find("\"kind\":").expect("a line says what it is");
        *line = format!(
            "{{\"prev\":\"{prev}\",\"seq\":{},{}",
            place + 1,
            &line[content..]
        );
        prev = hash(line);
    }
}

/// What begins with a hexadecimal digit, beginning with another one.
fn with_another_digit(text: &str) -> String {
    let digit = if text.starts_with('0') { '1' } else { '0' };
    format!("{digit}{}", &text[1..])
}

fn place_of(lines: &[String], words: &[&str]) -> usize {
    let is_it = |line: &String| words.iter().all(|word| line.contains(word));
    lines
        .iter()
        .position(is_it)
        .unwrap_or_else(|| panic!("no line with {words:?}"))
}

#[test]
fn a_run_on_azure_is_done_again_by_either_method() {
    let pod_identity = ["--set", "az_identity_method=pod-identity"];
    for method in [&[][..], &pod_identity] {
        let practice = Practice::new();
        let run = [&["run", "--yes", "--recipe", "rok-aks"], method].concat();
        practice.expect(0, &run);
        assert_identical(&practice.runs().remove(0));
    }
}

#[test]
fn a_whole_run_is_done_again_without_a_network() {
    let practice = Practice::new();
    let recorded = practice.expect(0, &["run", "--yes", "--output", "json"]);
    let run = practice.runs().remove(0);
    assert_identical(&run);

    // The same events to the same frontends.
    let again = Elsewhere::new().rerun(&run, &["--output", "json"]);
    assert_eq!(again.stdout, recorded.stdout);
    let elsewhere = Elsewhere::new();
    let copy = elsewhere.take(&run);
    let copy = copy.to_str().expect("a temporary path is text");
    let (played, again) = (
        elsewhere.run(&["replay", copy]),
        elsewhere.run(&["replay", copy, "--rerun"]),
    );
    assert_eq!(again.stderr, played.stderr);
    let screens = |output: &Output| {
        let mut lines: Vec<_> = output.stdout.lines().map(str::to_owned).collect();
        lines.pop();
        lines
    };
    assert_eq!(screens(&again), screens(&played));

    // A second run, which changes nothing, and a verification.
    practice.journey();
    practice.expect(0, &["verify"]);
    for run in practice.runs() {
        assert_identical(&run);
    }
}

#[test]
fn a_run_that_waits_is_done_again_without_waiting() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--lag", "3s"]);
    let run = practice.runs().remove(0);
    let settled = |event: &Value| event["event"]["kind"] == "step_settling";
    assert!(events(&run).iter().any(settled), "it had to wait");
    assert_identical(&run);
}

#[test]
fn a_run_that_fails_or_is_declined_is_done_again() {
    let practice = Practice::new();
    practice.expect(2, &["run"]);
    practice.expect(5, &["verify"]);
    let runs = practice.runs();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_identical(&run);
    }
}

#[test]
fn a_run_of_two_processes_is_done_again_process_by_process() {
    let practice = Practice::new();
    let mut running = practice.start(&["run", "--yes", "--latency", "30ms"]);
    let acting = r#""kind":"step_acting","step":"aws.iam-role""#;
    let run = running.wait_for("the role", || {
        let run = practice.runs().into_iter().next()?;
        let journal = fs::read_to_string(run.join("journal.jsonl")).ok()?;
        journal.contains(acting).then_some(run)
    });
    running.kill();
    assert_identical(&run);
    practice.expect(0, &["resume", "--yes"]);
    assert_identical(&run);
}

#[test]
fn applied_manifests_are_done_again() {
    let practice = Practice::new();
    let directory = practice.env.home().join("shop");
    fs::create_dir_all(&directory).expect("the home is writable");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: key\n  namespace: default\nstringData:\n  key: the-canary\n";
    fs::write(directory.join("secret.yaml"), secret).expect("it is writable");
    fs::write(
        directory.join("kustomization.yaml"),
        "resources: [secret.yaml]\n",
    )
    .expect("it is writable");
    let directory = directory.to_str().expect("a temporary path is text");
    practice.expect(0, &["apply", directory, "--yes"]);
    let run = practice.runs().remove(0);
    for entry in fs::read_dir(&run).expect("a run has a folder") {
        let path = entry.expect("it can be listed").path();
        let text = fs::read_to_string(&path).expect("records are text");
        assert!(!text.contains("the-canary"), "{}", path.display());
        // The same in base64.
        assert!(!text.contains("dGhlLWNhbmFyeQ"), "{}", path.display());
    }
    assert_identical(&run);
}

#[test]
fn an_archive_is_done_again() {
    let practice = Practice::new();
    practice.journey();
    let run = practice.runs().remove(0);
    let id = run
        .file_name()
        .expect("an id")
        .to_string_lossy()
        .into_owned();
    let archive = practice.env.home().join("run.tar.gz");
    let archive = archive.to_str().expect("a temporary path is text");
    practice.expect(0, &["runs", "export", &id, "-o", archive]);
    let again = Elsewhere::new().run(&["replay", archive, "--rerun"]);
    assert_eq!(again.status.code(), Some(0), "{}", again.stderr);
    assert!(again.stdout.ends_with("identical.\n"), "{}", again.stdout);
}

#[test]
fn a_recording_that_was_touched_is_reported() {
    let practice = Practice::new();
    practice.journey();
    let run = practice.runs().remove(0);
    let role = ["\"client\":\"aws\"", "\"operation\":\"iam:CreateRole\""];

    let edited = Elsewhere::new().changed(&run, |lines| {
        let place = place_of(lines, &role);
        lines[place] = lines[place].replace("\"status\":200", "\"status\":403");
    });
    assert_stops(&edited, 1, &["recording.jsonl: line ", "was edited"]);
    let dropped = Elsewhere::new().changed(&run, |lines| {
        lines.remove(place_of(lines, &role));
    });
    assert_stops(&dropped, 1, &["recording.jsonl: line ", "dropped"]);
    let moved = Elsewhere::new().changed(&run, |lines| {
        let place = place_of(lines, &role);
        lines.swap(place, place + 1);
    });
    assert_stops(&moved, 1, &["recording.jsonl: line ", "was moved"]);

    // The wire log proves itself in the same way.
    let elsewhere = Elsewhere::new();
    let copy = elsewhere.take(&run);
    let wire = copy.join("wire.jsonl");
    let text = fs::read_to_string(&wire).expect("a wire log is text");
    fs::write(&wire, text.replacen("\"status\":200", "\"status\":201", 1)).expect("it is writable");
    let copy = copy.to_str().expect("a temporary path is text");
    let again = elsewhere.run(&["replay", copy, "--rerun"]);
    assert_stops(&again, 1, &["wire.jsonl: line ", "was edited"]);
}

#[test]
fn a_recording_that_was_changed_skilfully_stops_at_the_first_difference() {
    let practice = Practice::new();
    practice.journey();
    let run = practice.runs().remove(0);
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        Elsewhere::new().changed(&run, |lines| {
            change(lines);
            chained_anew(lines);
        })
    };
    let untouched = changed(&|_| {});
    assert_eq!(untouched.status.code(), Some(0), "{}", untouched.stderr);

    // Another answer: what a step sees is another.
    let uid = changed(&|lines| {
        let place = place_of(
            lines,
            &["GET /api/v1/namespaces/kube-system", "\\\"uid\\\":\\\""],
        );
        let (before, after) = lines[place]
            .split_once("\\\"uid\\\":\\\"")
            .expect("a namespace has one");
        let other = with_another_digit(after);
        lines[place] = format!("{before}\\\"uid\\\":\\\"{other}");
    });
    let words = [
        "first difference: event ",
        "(step_observed, step `cluster.context`): `note` was ",
    ];
    assert_stops(&uid, 1, &words);

    // Another request: what a step asks is not what it asked.
    let request = changed(&|lines| {
        let place = place_of(
            lines,
            &["\"client\":\"aws\"", "\"operation\":\"iam:CreateRole\""],
        );
        let (before, after) = lines[place]
            .split_once("\"input\":\"")
            .expect("a request has one");
        let other = with_another_digit(after);
        lines[place] = format!("{before}\"input\":\"{other}");
    });
    let words = [
        "step `aws.iam-role`: now aws `iam:CreateRole` is called",
        "with another input",
    ];
    assert_stops(&request, 1, &words);

    // A call that was not made.
    let call = changed(&|lines| {
        lines.remove(place_of(
            lines,
            &["\"client\":\"git\"", "push --porcelain --atomic"],
        ));
    });
    assert_stops(
        &call,
        1,
        &["step `gitops.push`: now git `push --porcelain --atomic"],
    );

    // A call that is not made any more.
    let call = changed(&|lines| {
        let place = place_of(
            lines,
            &["\"client\":\"aws\"", "\"operation\":\"iam:CreateRole\""],
        );
        let more = lines[place].replace("iam:CreateRole", "iam:DeleteRole");
        lines.insert(place, more);
    });
    assert_stops(
        &call,
        1,
        &["step `aws.iam-role`: the recording has aws `iam:DeleteRole`, which is not called now"],
    );
}

#[test]
fn what_cannot_be_done_again_says_so() {
    let practice = Practice::new();
    practice.expect(2, &["run"]);
    let run = practice.runs().remove(0);
    let newer = Elsewhere::new().changed(&run, |lines| {
        lines[0] = lines[0].replace("\"format\":\"1.0\"", "\"format\":\"2.0\"");
        chained_anew(lines);
    });
    assert_stops(
        &newer,
        2,
        &["has format 2.0", "this program reads 1.0; use that version"],
    );

    let elsewhere = Elsewhere::new();
    let copy = elsewhere.take(&run);
    fs::remove_file(copy.join("recording.jsonl")).expect("it was there");
    let copy = copy.to_str().expect("a temporary path is text");
    let older = elsewhere.run(&["replay", copy, "--rerun"]);
    assert_stops(
        &older,
        2,
        &["kept no `recording.jsonl`", "hint: `rok-deploy replay`"],
    );
    assert_eq!(elsewhere.run(&["replay", copy]).status.code(), Some(0));
}

#[test]
fn a_recording_holds_no_credentials() {
    let practice = Practice::new();
    practice.journey();
    let run = practice.runs().remove(0);
    let text = fs::read_to_string(run.join("recording.jsonl")).expect("a recording is text");
    assert!(
        text.contains("AssumeRoleWithWebIdentity"),
        "the proof gets credentials"
    );
    for element in ["SecretAccessKey", "SessionToken"] {
        for part in text.split(&format!("<{element}>")).skip(1) {
            assert!(
                part.starts_with("redacted"),
                "{element} in {}",
                run.display()
            );
        }
    }
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let tokens: Vec<&str> = text
        .match_indices("eyJ")
        .map(|(start, _)| {
            text[start..]
                .split(|letter| !is_part(letter))
                .next()
                .unwrap_or_default()
        })
        .filter(|token| token.matches('.').count() == 2)
        .collect();
    assert!(!tokens.is_empty(), "the proof gets a token");
    for token in tokens {
        assert!(token.ends_with(".redacted"), "{token}");
    }
    assert!(!text.contains("PRIVATE KEY-----\\n"), "no key");
    let secret = practice.state("aws").to_string();
    let keys: Vec<&str> = secret
        .split("\"secret")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(2))
        .filter(|key| key.len() >= 20)
        .collect();
    for key in keys {
        assert!(!text.contains(key), "{key}");
    }
}
