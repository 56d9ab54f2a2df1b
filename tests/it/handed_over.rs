//! An operator who may look and not create: what is handed over is really used, by the real AWS CLI,
//! in the practice cloud and at ministack; and the commands that write it change nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::env::{Output, TestEnv, finish};
use crate::support::identity::{Identity, ROLE};
use crate::support::peers::{ACCOUNT, Aws, Keys, Ministack};
use crate::support::practice::{DEADLINE, Practice, Running, events};
use crate::support::runs::{assert_code, newest_run, planned, writes};
use crate::support::served::{PracticeCloud, printed};
use crate::support::terminal::{ENTER, Terminal};

const REGION: &str = "us-west-2";
const EVERYTHING: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const NO_IDENTITIES: &str = r#"{"Effect":"Deny","Action":["iam:Create*","iam:Attach*","iam:Update*","iam:Tag*"],"Resource":"*"}"#;
const NO_ROLES: &str =
    r#"{"Effect":"Deny","Action":["iam:CreateRole","iam:AttachRolePolicy"],"Resource":"*"}"#;

// ---- an operator, an administrator, an account ---------------------------------------------------

/// An account with the cluster in it, an operator with few rights, and somebody with all of them.
struct Office {
    operator: TestEnv,
    administrator: Aws,
    identity: Identity,
    /// What the operator has to say besides.
    besides: Vec<String>,
    /// Named last, because the others speak to them.
    _practice: PracticeCloud,
    _ministack: Option<Ministack>,
}

impl Office {
    /// In the practice cloud.
    fn practice(denied: &str) -> Self {
        let practice = PracticeCloud::start();
        let root = practice.aws();
        let endpoint = practice.variable("AWS_ENDPOINT_URL").to_owned();
        Self::new(practice, None, root, &endpoint, "123451234512", denied)
    }

    /// At ministack, with the Kubernetes API and the Git remote of the practice cloud.
    fn ministack(denied: &str) -> Self {
        let ministack = Ministack::start(true, REGION);
        let root = Aws::new(&ministack.endpoint(), REGION, Keys::root());
        root.make_cluster();
        let endpoint = ministack.endpoint();
        let practice = PracticeCloud::start();
        let mut office = Self::new(practice, Some(ministack), root, &endpoint, ACCOUNT, denied);
        let issuer = format!("eks_cluster_oidc={}", office.identity.issuer);
        office.besides = ["--set", "kube_context_accept=yes", "--set", &issuer]
            .map(str::to_owned)
            .into();
        office
    }

    fn new(
        practice: PracticeCloud,
        ministack: Option<Ministack>,
        root: Aws,
        endpoint: &str,
        account: &str,
        denied: &str,
    ) -> Self {
        let keys = root.make_user("limited", &[EVERYTHING, denied]);
        let operator = TestEnv::new()
            .with_variable("AWS_ENDPOINT_URL", endpoint)
            .with_variable("AWS_DEFAULT_REGION", REGION)
            .with_variable("AWS_ACCESS_KEY_ID", keys.id)
            .with_variable("AWS_SECRET_ACCESS_KEY", keys.secret)
            .with_variable("KUBECONFIG", practice.variable("KUBECONFIG"))
            .with_variable("GITOPS_URL", practice.variable("GITOPS_URL"));
        let administrator = Aws::new(endpoint, REGION, root.make_admin("administrator"));
        let identity = Identity {
            account: account.to_owned(),
            issuer: practice.issuer(),
        };
        Self {
            operator,
            administrator,
            identity,
            besides: Vec::new(),
            _practice: practice,
            _ministack: ministack,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.operator.command(arguments);
        command.arg("--no-pod").args(&self.besides);
        command
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(arguments), DEADLINE)
    }

    /// Runs the recipe, which is refused, and returns the hand-off.
    fn refused(&self) -> PathBuf {
        let refused = self.deploy(&["run", "--yes"]);
        assert_code(&refused, 6);
        let folder = newest_run(&self.operator).join("handoff");
        let script = folder.join("create-identity.sh").display().to_string();
        assert!(refused.stderr.contains(&script), "{}", refused.stderr);
        folder
    }

    /// Runs the script as the administrator.
    fn run_script(&self, folder: &Path) -> String {
        let script = folder.join("create-identity.sh");
        let bash = Path::new("bash");
        printed(self.administrator.program(bash).arg("-n").arg(&script));
        printed(self.administrator.program(bash).arg(&script))
    }

    /// Runs a command line of the page as the administrator, in the folder.
    fn run_line(&self, folder: &Path, line: &str) -> String {
        let mut shell = self.administrator.program(Path::new("bash"));
        printed(shell.args(["-c", line]).current_dir(folder))
    }

    /// The run goes on to its end, and another one changes nothing.
    fn goes_on(&self) {
        assert_code(&self.deploy(&["resume", "--yes"]), 0);
        self.identity.assert_in(&self.administrator);
        let again = self.deploy(&["run", "--yes"]);
        assert_code(&again, 0);
        assert_eq!(writes(&self.operator), [""; 0]);
        assert_code(&self.deploy(&["plan"]), 0);
    }
}

/// Returns the lines of the page that are commands and begin so.
fn commands(folder: &Path, beginning: &str) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).expect("there is a page");
    let lines = page.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

fn the_script_makes_it(office: &Office) {
    let folder = office.refused();
    let said = office.run_script(&folder);
    assert_eq!(said.matches("created ").count(), 3, "{said}");
    assert_eq!(said.matches("attached ").count(), 1, "{said}");
    let again = office.run_script(&folder);
    for made in ["created ", "updated ", "attached ", "added "] {
        assert!(!again.contains(made), "{again}");
    }
    office.identity.assert_tagged_in(&office.administrator);
    // Every check of the page finds what it names.
    let checks = commands(&folder, "aws iam get-").len() + commands(&folder, "aws iam list-").len();
    assert_eq!(checks, 3);
    for check in commands(&folder, "aws iam get-") {
        office.run_line(&folder, &check);
    }
    office.goes_on();
    // And it can be undone as the page says.
    for undo in ["detach-role-policy", "delete-policy", "delete-role"] {
        let lines = commands(&folder, &format!("aws iam {undo} "));
        let [line] = &lines[..] else {
            panic!("{lines:?}")
        };
        office.run_line(&folder, line);
    }
}

fn the_stack_makes_it(office: &Office) {
    let folder = office.refused();
    let deploys = commands(&folder, "aws cloudformation deploy ");
    let [deploy] = &deploys[..] else {
        panic!("{deploys:?}")
    };
    office.run_line(&folder, deploy);
    office.goes_on();
}

#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn a_script_makes_it_in_the_practice_cloud() {
    the_script_makes_it(&Office::practice(NO_IDENTITIES));
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_script_makes_it_at_ministack() {
    the_script_makes_it(&Office::ministack(NO_IDENTITIES));
}

#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn a_stack_makes_it_in_the_practice_cloud() {
    the_stack_makes_it(&Office::practice(NO_IDENTITIES));
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_stack_makes_it_at_ministack() {
    let office = Office::ministack(NO_IDENTITIES);
    // Its CloudFormation knows no OIDC provider, so another tool of the cluster has made it.
    office.administrator.call(&[
        "iam",
        "create-open-id-connect-provider",
        "--url",
        &format!("https://{}", office.identity.issuer),
        "--client-id-list",
        "sts.amazonaws.com",
    ]);
    the_stack_makes_it(&office);
}

/// The writes go out side by side: what was allowed is there, and is not asked for.
#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn what_was_made_already_is_not_asked_for() {
    let office = Office::practice(NO_ROLES);
    let folder = office.refused();
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it was handed over");
    let stack = read("s3-iam-resources.yaml");
    assert!(stack.contains("AWS::IAM::Role"), "{stack}");
    for there in ["AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider"] {
        assert!(!stack.contains(there), "{stack}");
    }
    let script = read("create-identity.sh");
    assert!(script.contains("create-role"), "{script}");
    for there in ["create-policy", "create-open-id-connect-provider"] {
        assert!(!script.contains(there), "{script}");
    }
    // The stack of the role alone brings the policy that is there onto it.
    for deploy in commands(&folder, "aws cloudformation deploy ") {
        office.run_line(&folder, &deploy);
    }
    office.goes_on();
}

#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn a_run_that_waits_goes_on_by_itself() {
    let office = Office::practice(NO_IDENTITIES);
    let mut running = Running::start(office.command(&["run", "--yes", "--wait", "100s"]));
    let folder = running.wait_for("a run that waits", || {
        let runs = office.operator.state_dir().join("runs");
        let run = fs::read_dir(runs).ok()?.flatten().next()?.path();
        handed_over(&run)
    });
    office.run_script(&folder);
    let ended = running.finish();
    assert_code(&ended, 0);
    let run = newest_run(&office.operator);
    let went_on = events(&run)
        .iter()
        .filter(|event| event["event"]["kind"] == "step_went_on")
        .count();
    assert!(went_on > 0, "it has waited");
    office.identity.assert_in(&office.administrator);
    assert!(
        ended.stderr.contains("goes on by itself"),
        "{}",
        ended.stderr
    );
    crate::rerun::assert_identical(&run);
}

/// The folder that a paused run has told of.
fn handed_over(run: &Path) -> Option<PathBuf> {
    let journal = fs::read_to_string(run.join("journal.jsonl")).ok()?;
    // The last line may be half there: the run is at work.
    let mut lines = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|event| {
        let event = &event["event"];
        let folder = event["handoff"]["folder"].as_str()?;
        (event["kind"] == "step_paused").then(|| folder.into())
    })
}

/// What appears is not what was asked for: the wait ends with the difference.
#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn what_is_made_differently_ends_the_wait() {
    let office = Office::practice(NO_IDENTITIES);
    let mut running = Running::start(office.command(&["run", "--yes", "--wait", "100s"]));
    running.wait_for("a run that waits", || {
        let runs = office.operator.state_dir().join("runs");
        let run = fs::read_dir(runs).ok()?.flatten().next()?.path();
        handed_over(&run)
    });
    let narrower = office.identity.trust("system:serviceaccount:rok:other");
    office.administrator.call(&[
        "iam",
        "create-role",
        "--role-name",
        ROLE,
        "--assume-role-policy-document",
        &narrower.to_string(),
    ]);
    let ended = running.finish();
    assert_code(&ended, 4);
    assert!(ended.stderr.contains(ROLE), "{}", ended.stderr);
}

// ---- commands that write files and nothing else --------------------------------------------------

/// Takes every right to write away from the operator of a practice cloud; these are left.
fn may_only(practice: &Practice, allowed: &[&str]) {
    practice.change_state("aws", |aws| {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": allowed, "Resource": "*" },
        ] });
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        aws["policies"][arn]["versions"][0]["document"] = json!(policy.to_string());
    });
}

const READ: [&str; 5] = [
    "eks:*",
    "sts:*",
    "iam:Get*",
    "iam:List*",
    "cloudformation:*",
];

fn authorize(practice: &Practice, arguments: &[&str]) -> Output {
    let arguments = [arguments, &["--sandbox"]].concat();
    let program = env!("CARGO_BIN_EXE_rok-s3-authorize");
    finish(&mut practice.env.program(program, &arguments), DEADLINE)
}

#[test]
fn a_hand_off_is_written_without_a_run_and_changes_nothing() {
    let practice = Practice::new();
    practice.make_world();
    may_only(&practice, &READ);
    let before = practice.meaning();
    let output = practice.expect(0, &["handoff"]);
    let folder = practice.env.home().join("rok-handoff-arrikto-cluster");
    for file in ["README.md", "create-identity.sh", "s3-iam-resources.yaml"] {
        assert!(folder.join(file).is_file(), "{output:?}");
    }
    assert_eq!(practice.meaning(), before);
    assert!(practice.runs().is_empty(), "it is no run");

    // The same again is no difference; an edited file is kept.
    practice.expect(0, &["handoff"]);
    let page = folder.join("README.md");
    fs::write(&page, "edited").expect("it is ours");
    let kept = practice.expect(2, &["handoff"]);
    assert!(kept.stderr.contains("README.md"), "{}", kept.stderr);
    assert_eq!(fs::read_to_string(&page).expect("it is there"), "edited");
    practice.expect(0, &["handoff", "--yes"]);
    assert_ne!(fs::read_to_string(&page).expect("it is there"), "edited");

    let elsewhere = practice.expect(0, &["handoff", "-o", "for/them", "--output", "json"]);
    let document: Value = serde_json::from_str(&elsewhere.stdout).expect("it is JSON");
    assert_eq!(document["folder"], "for/them");
    assert_eq!(document["missing"].as_array().map(Vec::len), Some(4));
    assert_eq!(practice.meaning(), before);
}

#[test]
fn where_nothing_is_missing_nothing_is_handed_over() {
    let practice = Practice::new();
    practice.journey();
    let output = practice.expect(0, &["handoff"]);
    assert!(output.stdout.contains("nothing to hand over"), "{output:?}");
    let folder = practice.env.home().join("rok-handoff-arrikto-cluster");
    assert!(!folder.exists());
}

#[test]
fn a_dry_run_writes_where_it_was_told_and_overwrites_nothing() {
    let practice = Practice::new();
    practice.make_world();
    may_only(&practice, &READ);
    let before = practice.meaning();
    let nowhere = authorize(&practice, &["--dry-run"]);
    assert_code(&nowhere, 2);
    assert!(nowhere.stderr.contains("-o FILE"), "{}", nowhere.stderr);

    let printed = authorize(&practice, &["--dry-run", "-o", "-"]);
    assert_code(&printed, 0);
    assert!(printed.stdout.starts_with("# "), "{}", printed.stdout);

    let path = practice.env.home().join("stack.yaml");
    let written = authorize(&practice, &["--dry-run", "-o", "stack.yaml"]);
    assert_code(&written, 0);
    let text = fs::read_to_string(&path).expect("it was written");
    assert_eq!(text, printed.stdout);
    let command = format!(
        "aws cloudformation deploy --stack-name {ROLE} --template-file stack.yaml --capabilities CAPABILITY_NAMED_IAM"
    );
    assert!(written.stdout.contains(&command), "{}", written.stdout);

    assert_code(&authorize(&practice, &["--dry-run", "-o", "stack.yaml"]), 0);
    fs::write(&path, "mine").expect("it is writable");
    let kept = authorize(&practice, &["--dry-run", "-o", "stack.yaml"]);
    assert_code(&kept, 2);
    assert!(kept.stderr.contains("stack.yaml"), "{}", kept.stderr);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "mine");
    let forced = authorize(&practice, &["--dry-run", "-o", "stack.yaml", "--yes"]);
    assert_code(&forced, 0);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
    assert_eq!(practice.meaning(), before);
    assert_code(&authorize(&practice, &["-o", "stack.yaml"]), 2);
}

#[test]
fn a_dry_run_asks_in_a_terminal_where_to_write() {
    let practice = Practice::new();
    practice.make_world();
    let program = env!("CARGO_BIN_EXE_rok-s3-authorize");
    let command = practice.env.program(program, &["--dry-run", "--sandbox"]);
    let mut terminal = Terminal::of(&command, (120, 40));
    terminal.wait_for("Write the CloudFormation stack to");
    terminal.type_keys("asked.yaml");
    terminal.type_keys(ENTER);
    terminal.wait_for("Wrote asked.yaml");
    terminal.expect_exit(0);
    assert!(practice.env.home().join("asked.yaml").is_file());
}

#[test]
fn who_may_not_look_is_told_what_was_assumed() {
    let practice = Practice::new();
    practice.make_world();
    may_only(&practice, &["eks:*", "sts:*"]);
    let output = authorize(&practice, &["--dry-run", "-o", "-"]);
    assert_code(&output, 0);
    assert!(
        output.stdout.contains("AWS::IAM::Role"),
        "{}",
        output.stdout
    );
    let provider = output.stdout.contains("AWS::IAM::OIDCProvider");
    assert!(!provider, "{}", output.stdout);
    assert!(
        output.stderr.contains("taken for there"),
        "{}",
        output.stderr
    );
}

#[test]
fn it_authorizes_from_the_answers_of_the_longer_recipe() {
    let practice = Practice::new();
    practice.make_world();
    let answers = practice.env.home().join("answers.yaml");
    fs::write(
        &answers,
        "recipe: rok-eks\nrok_release: release-1.5\nrok_cluster_name: rok\n",
    )
    .expect("the home is writable");
    let nobody = authorize(&practice, &["--answers", "answers.yaml"]);
    assert_code(&nobody, 2);
    let done = authorize(&practice, &["--answers", "answers.yaml", "--yes"]);
    assert_code(&done, 0);
    let made = practice.meaning();
    assert!(made["roles"][ROLE].is_array());
    let again = authorize(&practice, &["--answers", "answers.yaml", "--yes"]);
    assert_code(&again, 0);
    assert_eq!(practice.meaning(), made);
    let plan = practice.expect(3, &["plan", "--output", "json"]);
    for step in ["aws.iam-role", "aws.iam-policy", "aws.oidc-provider"] {
        assert_eq!(planned(&plan, step)["finding"], "satisfied", "{step}");
    }
    let misspelt = authorize(&practice, &["--set", "rok_cluster_nam=x", "--yes"]);
    assert_code(&misspelt, 2);
}

#[test]
fn without_the_right_it_says_so_and_offers_the_dry_run() {
    let practice = Practice::new();
    practice.make_world();
    may_only(&practice, &READ);
    let refused = authorize(&practice, &["--yes"]);
    assert_code(&refused, 6);
    assert!(refused.stderr.contains("--dry-run"), "{}", refused.stderr);
    assert!(refused.stderr.contains("handoff/"), "{}", refused.stderr);
}

#[test]
fn a_plan_tells_of_each_right_and_how_it_was_found() {
    let practice = Practice::new();
    practice.make_world();
    may_only(
        &practice,
        &[&READ[..], &["iam:Simulate*", "iam:CreateRole"]].concat(),
    );
    let plan = practice.expect(6, &["plan", "--output", "json"]);
    let rights = planned(&plan, "environment.preflight")["rights"].clone();
    let of = |action: &str| {
        let rights = rights.as_array().expect("rights are a list");
        let right = rights.iter().find(|right| right["action"] == action);
        right
            .unwrap_or_else(|| panic!("no {action} in {rights:?}"))
            .clone()
    };
    assert_eq!(of("iam:CreateRole")["answer"], "allowed");
    assert_eq!(of("iam:CreatePolicy")["answer"], "denied");
    assert_eq!(of("iam:CreatePolicy")["how"], "IAM's simulator");

    may_only(&practice, &READ);
    let plan = practice.expect(3, &["plan", "--output", "json"]);
    let rights = planned(&plan, "environment.preflight")["rights"].clone();
    let rights = rights.as_array().expect("rights are a list");
    assert!(!rights.is_empty());
    assert!(
        rights.iter().all(|right| right["answer"] == "unknown"),
        "{rights:?}"
    );
}
