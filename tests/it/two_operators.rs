//! Two operators, one cluster: real processes in one served world, each with a home of its own.
//!
//! The first one holds the cluster for as long as the test wants, because its `git clone` waits for
//! a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::env::{Output, TestEnv, finish};
use super::support::peers::kubectl;
use super::support::practice::{
    DEADLINE, Practice, Running, Served, json_lines, lines, outcomes, writes,
};

/// How long a Lease stands that nobody renews, and what a busy machine may add.
const EXPIRY: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::from_secs(15);

const LEASE: &str = "leases.coordination.k8s.io/default/rok-deploy";

/// Somebody with a home, and so with a clone and a state directory.
struct Operator {
    env: TestEnv,
    script: String,
}

impl Operator {
    fn new(name: &str, served: &Served) -> Self {
        Self {
            env: TestEnv::new().with_variable("USER", name),
            script: format!(
                ". '{}' && exec '{}' \"$@\"",
                served.env_file().display(),
                env!("CARGO_BIN_EXE_rok-deploy"),
            ),
        }
    }

    /// Lets `git clone` wait until there is a file `go`.
    fn who_clones_slowly(mut self) -> Self {
        let folder = self.env.home().join("bin");
        let found = self.env.program("sh", &["-c", "command -v git"]).output();
        let found = String::from_utf8(found.expect("sh is on the PATH").stdout).expect("text");
        let git = lines(&found).pop().expect("git is on the PATH");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" clone \"*) while ! [ -e '{}' ]; do sleep 0.02; done;; esac\n\
             exec {git} \"$@\"\n",
            self.gate().display()
        );
        let wrapper = folder.join("git");
        fs::create_dir(&folder).expect("the home is writable");
        fs::write(&wrapper, script).expect("the home is writable");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let path = std::env::var("PATH").expect("tests run with a PATH");
        let path = format!("{}:{path}", folder.display());
        self.env = self.env.with_variable("PATH", path);
        self
    }

    fn gate(&self) -> PathBuf {
        self.env.home().join("go")
    }

    fn go(&self) {
        fs::write(self.gate(), "").expect("the home is writable");
    }

    fn stop_at_the_gate(&self) {
        fs::remove_file(self.gate()).ok();
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let shell = ["-c", &self.script, "rok-deploy"];
        Running::start(self.env.program("sh", &[&shell, arguments].concat()))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let shell = ["-c", &self.script, "rok-deploy"];
        let mut command = self.env.program("sh", &[&shell, arguments].concat());
        finish(&mut command, DEADLINE)
    }

    /// The folder of the newest run.
    fn newest(&self) -> Option<PathBuf> {
        let runs = fs::read_dir(self.env.state_dir().join("runs")).ok()?;
        let folders = runs.map(|entry| entry.expect("runs are readable").path());
        folders.filter(|path| path.is_dir()).max()
    }

    /// The events of the newest run that are about the Lease.
    fn events_of_lease(&self, kind: &str) -> Vec<Value> {
        let Some(journal) = self.newest().map(|run| run.join("journal.jsonl")) else {
            return Vec::new();
        };
        let text = fs::read_to_string(journal).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let events = whole.lines().skip(1).map(|line| {
            let event: Value = serde_json::from_str(line).expect("a line is JSON");
            event
        });
        events
            .filter(|event| event["event"]["step"] == "cluster.lease")
            .filter(|event| event["event"]["kind"] == kind)
            .collect()
    }

    /// Starts a run and returns when it holds the cluster and stands at the gate.
    fn holds(&self, arguments: &[&str]) -> Running {
        let before = self.newest();
        let mut running = self.start(arguments);
        running.wait_for("the Lease", || {
            let is_new = self.newest() != before;
            let taken = self.events_of_lease("step_done").pop();
            taken.filter(|_| is_new).map(|_| ())
        });
        running
    }
}

const RUN: &[&str] = &["run", "--recipe", "rok-eks", "--yes"];

fn time_of(event: &Value) -> jiff::Timestamp {
    let text = event["at"].as_str().expect("an event has a time");
    text.parse().expect("a time")
}

fn holder(practice: &Practice) -> Value {
    practice.state("cluster")["objects"][LEASE].clone()
}

fn done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn the_second_waits_for_the_first_and_finds_its_work_done() {
    let practice = Practice::new();
    let served = practice.serve();
    let alice = Operator::new("alice", &served).who_clones_slowly();
    let bob = Operator::new("bob", &served);
    let first = alice.holds(RUN);
    let held = holder(&practice);
    let pid = first.id().to_string();
    assert_eq!(held["metadata"]["annotations"]["rok-deploy/pid"], pid[..]);

    let mut second = bob.start(RUN);
    let waits = second.wait_for("the wait", || bob.events_of_lease("step_settling").pop());
    let reason = waits["event"]["reason"].as_str().expect("a text");
    let run = alice.newest().expect("a run");
    let run = run.file_name().expect("an id").to_string_lossy();
    let since = held["spec"]["acquireTime"].as_str().expect("a time");
    let (since, _) = since.split_once('.').expect("to the microsecond");
    for part in ["alice@", &format!("(pid {pid})"), since, &run] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    alice.go();
    done(&first.finish());
    done(&second.finish());
    assert_eq!(holder(&practice), Value::Null, "nothing is left");

    let ended = |operator: &Operator| {
        let run = operator.newest().expect("a run");
        json_lines(&run.join("journal.jsonl")).split_off(1)
    };
    let (first, second) = (ended(&alice), ended(&bob));
    let last_act = first
        .iter()
        .rfind(|event| event["event"]["kind"] == "step_acted");
    let acting = |event: &&Value| event["event"]["kind"] == "step_acting";
    let first_act = second.iter().find(acting);
    assert!(
        time_of(first_act.expect("it clones")) > time_of(last_act.expect("it makes everything")),
        "one at a time"
    );
    // What the first has made is not made again, and its Pod is nobody's left-over.
    let changed: Vec<_> = outcomes(&bob.newest().expect("a run"))
        .into_iter()
        .filter(|outcome| outcome.ends_with(" changed"))
        .collect();
    assert_eq!(changed, ["gitops.clone changed"]);
    assert_eq!(writes(&bob.newest().expect("a run")), [Value::Null; 0]);
    served.stop();
}

#[test]
fn who_does_not_want_to_wait_is_told_whom_to_ask() {
    let practice = Practice::new();
    let served = practice.serve();
    let alice = Operator::new("alice", &served).who_clones_slowly();
    let bob = Operator::new("bob", &served);
    let first = alice.holds(RUN);

    let plan = bob.run(&["plan", "--recipe", "rok-eks"]);
    assert_eq!(plan.status.code(), Some(3), "{plan:?}");
    assert!(plan.stdout.contains("later: alice@"), "{}", plan.stdout);
    let output = bob.run(&[RUN, &["--wait", "1s"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = "`cluster.lease`: gave up after 1 s: another run works on this cluster: alice@";
    assert!(output.stdout.starts_with(line), "{output:?}");
    let advice = format!("or stop it on {} with Ctrl-C", hostname(&holder(&practice)));
    for part in [
        &*advice,
        "nothing has to be forced",
        "`--wait DURATION` waits longer",
    ] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    let refused = bob.newest().expect("a run");
    // A check of what is installed writes too, and is no reason to disturb.
    let output = bob.run(&["verify", "--recipe", "rok-eks", "--wait", "1s"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    alice.go();
    done(&first.finish());
    let refused = refused.file_name().expect("an id").to_string_lossy();
    done(&bob.run(&["resume", &refused]));
    served.stop();
}

fn hostname(lease: &Value) -> String {
    let host = &lease["metadata"]["annotations"]["rok-deploy/host"];
    host.as_str().expect("it says where").to_owned()
}

#[test]
fn a_killed_run_of_ones_own_is_in_nobodys_way() {
    let practice = Practice::new();
    let served = practice.serve();
    let alice = Operator::new("alice", &served).who_clones_slowly();
    for arguments in [RUN, &["resume"]] {
        alice.holds(RUN).kill();
        assert_ne!(holder(&practice), Value::Null, "nobody gave it back");
        alice.go();
        let began = Instant::now();
        done(&alice.run(arguments));
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert_eq!(alice.events_of_lease("step_settling"), [Value::Null; 0]);
        let taken = alice
            .events_of_lease("step_done")
            .pop()
            .expect("it is taken");
        let note = taken["event"]["note"].as_str().expect("a text");
        assert!(note.starts_with("taken over from alice@"), "{note}");
        assert_eq!(holder(&practice), Value::Null);
        alice.stop_at_the_gate();
        fs::remove_dir_all(alice.env.home().join("ops")).expect("there is a clone");
    }
    served.stop();
}

#[test]
fn a_killed_run_of_somebody_else_is_waited_for_until_it_expires() {
    let practice = Practice::new();
    let served = practice.serve();
    let alice = Operator::new("alice", &served).who_clones_slowly();
    let bob = Operator::new("bob", &served);
    alice.holds(RUN).kill();
    let output = bob.run(RUN);
    done(&output);
    assert!(
        output.stderr.contains("waits for another run: alice@"),
        "{}",
        output.stderr
    );
    let settling = bob.events_of_lease("step_settling");
    let taken = bob.events_of_lease("step_done").pop().expect("it is taken");
    let waited = time_of(&taken).duration_since(time_of(&settling[0]));
    let waited = Duration::try_from(waited).expect("time goes on");
    assert!(
        EXPIRY / 2 < waited && waited < EXPIRY + AT_ONCE,
        "{waited:?}"
    );
    served.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn kubectl_shows_who_works_on_the_cluster() {
    let practice = Practice::new();
    let served = practice.serve();
    let alice = Operator::new("alice", &served).who_clones_slowly();
    let first = alice.holds(RUN);
    let kubeconfig = practice.world().join("kubeconfig");
    let shown = |arguments: &[&str]| {
        let mut command = kubectl(practice.env.home(), &kubeconfig);
        let output = finish(command.args(arguments), DEADLINE);
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let table = shown(&["get", "lease"]);
    assert!(
        table.contains("HOLDER") && table.contains("alice@"),
        "{table}"
    );
    let yaml = shown(&["get", "lease", "rok-deploy", "-o", "yaml"]);
    let lease: Value = serde_yaml::from_str(&yaml).expect("it is YAML");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 30);
    assert_eq!(lease["metadata"]["annotations"]["rok-deploy/user"], "alice");
    for time in ["acquireTime", "renewTime"] {
        let text = lease["spec"][time].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("RFC 3339");
    }
    alice.go();
    done(&first.finish());
    assert!(!shown(&["get", "lease"]).contains("alice@"));
    served.stop();
}
