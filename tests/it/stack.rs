//! The identity as a CloudFormation stack: made, changed, repaired, and left alone where it is not
//! ours.

use std::fs;

use serde_json::{Value, json};

use crate::crash::STACK_MADE;
use crate::support::env::{Output, TestEnv};
use crate::support::identity::Identity;
use crate::support::peers::{Aws, CLUSTER};
use crate::support::practice::{Practice, ROLE, outcomes, writes};
use crate::support::runs::{self, assert_code};
use crate::support::served::{PracticeCloud, printed};

const METHOD: [&str; 3] = ["--no-pod", "--set", "aws_identity_method=cloudformation"];
const TEMPLATE: &str = "rok/eks/s3-iam-resources.yaml";

fn run(practice: &Practice, code: i32, more: &[&str]) -> Output {
    practice.expect(code, &[&["run", "--yes"], &METHOD[..], more].concat())
}

fn stack(practice: &Practice) -> Value {
    practice.state("aws")["stacks"][format!("us-west-2/{ROLE}")].clone()
}

fn operations(practice: &Practice, output: &Output) -> Vec<String> {
    let writes = writes(&practice.run_of(output));
    let operation = |write: &Value| write["operation"].as_str().unwrap_or_default().to_owned();
    let operations = writes.iter().map(operation);
    operations
        .filter(|operation| operation.starts_with("cloudformation:"))
        .collect()
}

#[test]
fn a_stack_makes_what_requests_of_our_own_make_and_a_second_run_changes_nothing() {
    let (stacked, direct) = (Practice::new(), Practice::new());
    let output = run(&stacked, 0, &[]);
    direct.expect(0, &["run", "--yes", "--no-pod"]);
    let meaning = |practice: &Practice| {
        let mut meaning = practice.meaning();
        // CloudFormation cannot tag a managed policy.
        for policy in meaning["policies"].as_object_mut().unwrap().values_mut() {
            policy[2] = Value::Null;
        }
        meaning
    };
    assert_eq!(meaning(&stacked), meaning(&direct));
    let made = [
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
    ];
    assert_eq!(operations(&stacked, &output), made);
    let found = stack(&stacked);
    assert_eq!(found["status"], "CREATE_COMPLETE");
    assert_eq!(found["tags"]["rok-deploy/cluster"], CLUSTER);
    // What is committed is what is deployed.
    let committed = fs::read_to_string(stacked.clone().join(TEMPLATE)).unwrap();
    assert_eq!(found["template"], committed);
    assert!(committed.contains("AWS::IAM::OIDCProvider"), "{committed}");

    let refs = stacked.refs();
    let again = run(&stacked, 0, &[]);
    assert_eq!(writes(&stacked.run_of(&again)), [Value::Null; 0]);
    assert_eq!(stacked.refs(), refs);
    stacked.expect(0, &[&["plan"], &METHOD[..]].concat());
}

#[test]
fn other_answers_become_an_update_in_place() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    let role = practice.state("aws")["roles"][ROLE]["id"].clone();
    Practice::next_second();
    let boundary = "arn:aws:iam::aws:policy/AdministratorAccess";
    let answer = format!("aws_permissions_boundary={boundary}");
    let other = ["--set", "aws_s3_bucket_prefix=rok-other", "--set", &answer];
    run(&practice, 0, &other);
    let state = practice.state("aws");
    assert_eq!(stack(&practice)["status"], "UPDATE_COMPLETE");
    assert_eq!(state["roles"][ROLE]["id"], role, "it is the same role");
    assert_eq!(state["roles"][ROLE]["grants"]["boundary"], boundary);
    let policy = &state["policies"][format!("arn:aws:iam::123451234512:policy/{ROLE}")];
    let document = policy["versions"][1]["document"].to_string();
    assert!(document.contains(":::rok-other*"), "{document}");
    let committed = fs::read_to_string(practice.clone().join(TEMPLATE)).unwrap();
    assert!(committed.contains(boundary), "{committed}");

    let again = run(&practice, 0, &other);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    // Without the boundary it is an update again.
    Practice::next_second();
    run(&practice, 0, &["--set", "aws_permissions_boundary="]);
    let state = practice.state("aws");
    assert_eq!(state["roles"][ROLE]["grants"]["boundary"], Value::Null);
}

#[test]
fn a_failure_names_its_cause_and_the_dead_stack_is_replaced() {
    let practice = Practice::new();
    let nowhere = "aws_permissions_boundary=arn:aws:iam::123451234512:policy/nowhere";
    let failed = run(&practice, 1, &["--set", nowhere]);
    assert!(
        failed
            .stderr
            .contains("RokRole (AWS::IAM::Role) CREATE_FAILED")
            && failed.stderr.contains("policy/nowhere does not exist"),
        "{failed:?}"
    );
    assert_eq!(stack(&practice)["status"], "ROLLBACK_COMPLETE");
    let state = practice.state("aws");
    assert_eq!(state["providers"], json!({}), "nothing is left of it");
    assert_eq!(state["roles"][ROLE], Value::Null);

    let plan = practice.expect(3, &[&["plan"], &METHOD[..]].concat());
    for words in ["deletes stack", "creates stack", "policy/nowhere"] {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.stdout);
    }
    let repaired = run(&practice, 0, &[]);
    let done = [
        "cloudformation:DeleteStack",
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
    ];
    assert_eq!(operations(&practice, &repaired), done);
    assert_eq!(stack(&practice)["status"], "CREATE_COMPLETE");
}

#[test]
fn an_update_that_was_rolled_back_is_tried_again() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    let before = practice.meaning();
    Practice::next_second();
    let nowhere = "aws_permissions_boundary=arn:aws:iam::123451234512:policy/nowhere";
    let failed = run(&practice, 1, &["--set", nowhere]);
    assert!(
        failed
            .stderr
            .contains("RokRole (AWS::IAM::Role) UPDATE_FAILED"),
        "{failed:?}"
    );
    assert_eq!(stack(&practice)["status"], "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(practice.meaning()["roles"], before["roles"]);
    Practice::next_second();
    let other = ["--set", "aws_s3_bucket_prefix=rok-other"];
    run(&practice, 0, &other);
    assert_eq!(stack(&practice)["status"], "UPDATE_COMPLETE");
}

#[test]
fn a_right_that_is_missing_is_found_in_the_events() {
    let practice = Practice::new();
    practice.make_world();
    practice.change_state("aws", |aws| {
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateRole","Resource":"*"}]}"#;
        aws["users"]["operator"]["grants"]["inline"]["deny"] =
            json!({ "current": deny, "previous": null, "visible_at": "1970-01-01T00:00:00Z" });
    });
    let refused = run(&practice, 6, &[]);
    assert!(refused.stderr.contains("iam:CreateRole"), "{refused:?}");
    assert_eq!(stack(&practice)["status"], "ROLLBACK_COMPLETE");
    // The stack that failed takes no template, so the hand-off has none.
    let handoff = practice.run_of(&refused).join("handoff");
    let page = fs::read_to_string(handoff.join("README.md")).unwrap();
    let delete = format!("`aws cloudformation delete-stack --stack-name {ROLE}`");
    assert!(page.contains(&delete), "{page}");
    assert!(!page.contains("cloudformation deploy"), "{page}");
    assert!(!handoff.join("s3-iam-resources.yaml").exists());
    let state = practice.state("aws");
    assert_eq!(state["providers"], json!({}), "nothing is left of it");
}

#[test]
fn what_is_ours_already_is_left_out_of_the_stack() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--no-pod"]);
    let before = practice.meaning();
    // All of it is there: no stack is made, and nothing else is.
    let again = run(&practice, 0, &[]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    assert_eq!(stack(&practice), Value::Null);
    // A part of it is gone: the stack holds that part only.
    practice.change_state("aws", |aws| {
        let arn = format!("arn:aws:iam::123451234512:policy/{ROLE}");
        aws["policies"].as_object_mut().unwrap().remove(&arn);
        let attached = &mut aws["roles"][ROLE]["grants"]["attached"];
        attached.as_object_mut().unwrap().remove(&arn);
    });
    Practice::next_second();
    run(&practice, 0, &[]);
    let held = stack(&practice)["resources"].clone();
    let held: Vec<_> = held.as_object().unwrap().keys().cloned().collect();
    assert_eq!(held, ["RokPolicy"]);
    assert_eq!(practice.meaning()["roles"], before["roles"]);
    let again = run(&practice, 0, &[]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
}

/// The practice cloud in a process of its own, and an operator beside the aws CLI.
struct Served {
    place: TestEnv,
    aws: Aws,
    identity: Identity,
    _practice: PracticeCloud,
}

impl Served {
    fn new() -> Self {
        let practice = PracticeCloud::start();
        let sourced = practice.variables().iter();
        let place = sourced.fold(TestEnv::new(), |place, (name, value)| {
            place.with_variable(name, value)
        });
        Self {
            place,
            aws: practice.aws(),
            identity: Identity {
                account: "123451234512".to_owned(),
                issuer: practice.issuer(),
            },
            _practice: practice,
        }
    }

    fn deploy(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.place.run(&[arguments, &METHOD[..]].concat());
        assert_code(&output, code);
        output
    }

    /// Renders and commits the template, and changes nothing else.
    fn template(&self) -> String {
        self.deploy(0, &["run", "--yes", "--only", "generate"]);
        let file = self.place.home().join("ops/deployments").join(TEMPLATE);
        file.display().to_string()
    }

    fn by_hand(&self, template: &str, more: &[&str]) -> String {
        let deploy = [
            "cloudformation",
            "deploy",
            "--stack-name",
            ROLE,
            "--template-file",
            template,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
        ];
        printed(&mut self.aws.command(&[&deploy, more].concat()))
    }

    fn stack(&self) -> Value {
        let all = ["cloudformation", "describe-stacks", "--stack-name", ROLE];
        self.aws.call(&all)["Stacks"][0].clone()
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_an_administrator_deployed_by_hand_is_taken_as_it_is() {
    let served = Served::new();
    let template = served.template();
    served.by_hand(&template, &[]);
    served.identity.assert_in(&served.aws);
    let before = served.stack();
    assert_eq!(before["Tags"], json!([]));
    served.deploy(0, &["run", "--yes"]);
    assert_eq!(served.stack(), before);
    let sent = runs::writes(&served.place);
    assert!(
        !sent
            .iter()
            .any(|write| write.contains("cloudformation") || write.contains("iam:")),
        "{sent:?}"
    );
    // By hand again there is nothing to do either.
    let again = served.by_hand(&template, &["--no-fail-on-empty-changeset"]);
    assert!(again.contains("No changes to deploy"), "{again}");
}

#[test]
fn a_stack_of_others_is_compared_and_taken_over_on_a_word() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    practice.change_state(STACK_MADE.0, STACK_MADE.1);
    let theirs = stack(&practice);
    let refs = practice.refs();
    let refused = run(&practice, 4, &[]);
    for words in [
        "stack `rok-us-west-2-arrikto-cluster` exists and is not ours: found no tag of this tool",
        "permissions: ",
        "aws_adopt=stack",
        "aws_identity_method=existing",
        "aws_cf_s3_resources=",
    ] {
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
    }
    assert_eq!((stack(&practice), practice.refs()), (theirs, refs));

    let taken = ["--set", "aws_adopt=stack"];
    let output = run(&practice, 0, &taken);
    let made = [
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
    ];
    assert_eq!(operations(&practice, &output), made);
    let ours = stack(&practice);
    assert_eq!(ours["status"], "UPDATE_COMPLETE");
    assert_eq!(ours["tags"]["rok-deploy/cluster"], CLUSTER);
    assert_eq!(ours["tags"]["theirs/cluster"], CLUSTER, "{}", ours["tags"]);
    let committed = fs::read_to_string(practice.clone().join(TEMPLATE)).unwrap();
    assert_eq!(ours["template"], committed);
    // The decision is kept, and it is ours from now on.
    let again = run(&practice, 0, &[]);
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    practice.expect(0, &[&["plan"], &METHOD[..]].concat());
}

#[test]
fn a_stack_that_holds_more_cannot_be_taken_over() {
    let practice = Practice::new();
    run(&practice, 0, &[]);
    let more = "Resources:\n  TheirPolicy:\n    Type: AWS::IAM::ManagedPolicy\n    Properties: { \
                ManagedPolicyName: theirs, PolicyDocument: { Version: '2012-10-17', Statement: [{ \
                Effect: Deny, Action: 's3:*', Resource: '*' }] } }\n";
    practice.change_state(STACK_MADE.0, STACK_MADE.1);
    practice.change_state("aws", |aws| {
        let stack = &mut aws["stacks"][format!("us-west-2/{ROLE}")];
        let text = stack["template"].as_str().expect("a template");
        stack["template"] = text.replace("Resources:\n", more).into();
        let mut policy = stack["resources"]["RokPolicy"].clone();
        policy["physical_id"] = "arn:aws:iam::123451234512:policy/theirs".into();
        stack["resources"]["TheirPolicy"] = policy;
    });
    let before = stack(&practice);
    let refused = run(&practice, 4, &["--set", "aws_adopt=stack"]);
    let told = "it holds `TheirPolicy` (AWS::IAM::ManagedPolicy \
                `arn:aws:iam::123451234512:policy/theirs`) too, which an update to our template \
                would delete";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert!(
        !refused.stderr.contains("aws_adopt=stack"),
        "{}",
        refused.stderr
    );
    assert_eq!(stack(&practice), before);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_stack_of_others_is_left_alone() {
    let served = Served::new();
    let file = served.place.home().join("theirs.yaml");
    let theirs = "Resources:\n  Theirs:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      \
                  PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: Deny, Action: \
                  's3:*', Resource: '*' }] }\n";
    fs::write(&file, theirs).unwrap();
    served.by_hand(&file.display().to_string(), &["--tags", "owner=others"]);
    let before = served.stack();
    let refused = served.deploy(4, &["run", "--yes"]);
    assert!(refused.stderr.contains(ROLE), "{refused:?}");
    assert_eq!(served.stack(), before);
    assert_eq!(runs::writes(&served.place), [""; 0]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_stack_that_was_only_planned_is_finished_or_left_to_its_owner() {
    let served = Served::new();
    let template = served.template();
    let body = format!("file://{template}");
    let plan = |name: &str, more: &[&str]| {
        let create = [
            "cloudformation",
            "create-change-set",
            "--change-set-type",
            "CREATE",
            "--stack-name",
            ROLE,
            "--change-set-name",
            name,
            "--template-body",
            &body,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
        ];
        served.aws.call(&[&create, more].concat());
    };
    plan("somebodys", &[]);
    assert_eq!(served.stack()["StackStatus"], "REVIEW_IN_PROGRESS");
    served.deploy(4, &["plan"]);
    // With a change set that an earlier run of ours has left, for other answers, it is ours.
    let cluster = format!("Key=rok-deploy/cluster,Value={CLUSTER}");
    let ours = ["--tags", &cluster, "Key=rok-deploy/recipe,Value=rok-eks"];
    plan("rok-deploy-0123456789abcdef", &ours);
    let plan = served.deploy(3, &["plan"]);
    assert!(plan.stdout.contains("deletes stack"), "{}", plan.stdout);
    served.deploy(0, &["run", "--yes"]);
    assert_eq!(served.stack()["StackStatus"], "CREATE_COMPLETE");
    served.identity.assert_in(&served.aws);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_was_changed_behind_the_stacks_back_is_reverted() {
    let served = Served::new();
    served.deploy(0, &["run", "--yes"]);
    let trust = served
        .identity
        .trust("system:serviceaccount:rok:*")
        .to_string();
    let change = [
        "iam",
        "update-assume-role-policy",
        "--role-name",
        ROLE,
        "--policy-document",
        &trust,
    ];
    served.aws.call(&change);
    let plan = served.deploy(3, &["plan"]);
    assert!(plan.stdout.contains("role trust policy"), "{}", plan.stdout);
    served.deploy(0, &["run", "--yes"]);
    served.identity.assert_in(&served.aws);
    assert_eq!(served.stack()["StackStatus"], "UPDATE_COMPLETE");
    served.deploy(0, &["plan"]);
}

/// What the aws CLI does all day, and what it is told when it must not.
#[test]
#[ignore = "needs the peers of tests/run"]
fn the_aws_cli_makes_changes_and_deletes_stacks() {
    let served = Served::new();
    let template = served.template();
    let said = served.by_hand(&template, &["--tags", "owner=me"]);
    assert!(
        said.contains("Successfully created/updated stack"),
        "{said}"
    );
    let missing = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        "second",
        "--template-body",
        &format!("file://{template}"),
    ];
    let refused = served.aws.refusal(&missing);
    assert!(
        refused.contains("InsufficientCapabilitiesException"),
        "{refused}"
    );
    let second = [&missing[..], &["--capabilities", "CAPABILITY_NAMED_IAM"]].concat();
    served.aws.call(&second);
    let events = [
        "cloudformation",
        "describe-stack-events",
        "--stack-name",
        "second",
    ];
    let events = served.aws.call(&events)["StackEvents"].to_string();
    assert!(events.contains("already exists"), "{events}");
    assert!(events.contains("ROLLBACK_COMPLETE"), "{events}");
    let update = [&["cloudformation", "update-stack"], &second[2..]].concat();
    let refused = served.aws.refusal(&update);
    assert!(
        refused.contains("is in ROLLBACK_COMPLETE state and can not be updated."),
        "{refused}"
    );
    let listed = [
        "cloudformation",
        "list-stack-resources",
        "--stack-name",
        ROLE,
    ];
    let listed = served.aws.call(&listed);
    assert_eq!(
        listed["StackResourceSummaries"].as_array().map(Vec::len),
        Some(3)
    );

    // A role with a policy that the stack does not know cannot be deleted.
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    let of_role = |operation| {
        [
            "iam",
            operation,
            "--role-name",
            ROLE,
            "--policy-arn",
            everything,
        ]
    };
    served.aws.call(&of_role("attach-role-policy"));
    let delete = ["cloudformation", "delete-stack", "--stack-name", ROLE];
    served.aws.call(&delete);
    assert_eq!(served.stack()["StackStatus"], "DELETE_FAILED");
    served.aws.call(&of_role("detach-role-policy"));
    served.aws.call(&delete);
    let wait = [
        "cloudformation",
        "wait",
        "stack-delete-complete",
        "--stack-name",
        ROLE,
    ];
    printed(&mut served.aws.command(&wait));
    let describe = ["cloudformation", "describe-stacks", "--stack-name", ROLE];
    let gone = served.aws.refusal(&describe);
    assert!(
        gone.contains(&format!("Stack with id {ROLE} does not exist")),
        "{gone}"
    );
    crate::support::identity::assert_nothing_made_in(&served.aws);
}

#[test]
fn the_steps_of_a_stack_are_told_by_name() {
    let practice = Practice::new();
    let output = run(&practice, 0, &[]);
    let told = outcomes(&practice.run_of(&output));
    for step in [
        "aws.stack-parts unchanged",
        "aws.stack-template changed",
        "aws.stack changed",
    ] {
        assert!(told.iter().any(|told| told == step), "{step}: {told:?}");
    }
}
