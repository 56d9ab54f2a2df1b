//! The crash matrix: stopped anywhere, every run converges to the world of the uninterrupted one.
//!
//! A process that is killed leaves nothing but what is on disk: its files and the world, which the
//! practice cloud writes down before it answers. So every row is run once, undisturbed, while a
//! [`Camera`] at the gate takes a picture of the disk before each call goes out and when it has
//! ended, its answer not yet heard. Every picture that differs from the others is then a world to
//! resume in: the run goes on, ends as if nothing had been, and another run finds nothing to do.
//! Between hearing an answer and the next call nothing leaves the process, so the third moment, the
//! answer heard, is the picture of whatever comes next.
//!
//! A picture also holds what a process that ends in good order would have put away: drafts,
//! temporary files, locks. `killed` does the same to the real binary, at fewer points.

mod camera;
mod disk;
mod git;
mod journal;
mod matrix;
mod meaning;
mod operator;
mod points;
mod rotation;

use matrix::{Row, cover};
pub use meaning::differences;
use serde_json::{Value, json};

/// What is covered. A recipe, a method or a mode joins with a line.
const ROWS: &[Row] = &[
    Row::of("rok-eks", "run"),
    Row::of(
        "rok-eks from the skeleton",
        "run --no-pod --set gitops_url=",
    ),
    Row {
        before: &["run --no-pod"],
        ..Row::of(
            "rok-eks with other answers",
            "run --no-pod --set aws_s3_bucket_prefix=rok-other",
        )
    },
    Row {
        before: &["run --no-pod"],
        ..Row::of(
            "rok-eks, existing role",
            "run --no-pod --set aws_identity_method=existing",
        )
    },
    Row::of(
        "rok-eks, stack",
        "run --no-pod --set aws_identity_method=cloudformation",
    ),
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        ..Row::of(
            "rok-eks, stack with other answers",
            "run --no-pod --set aws_identity_method=cloudformation --set aws_s3_bucket_prefix=rok-other",
        )
    },
    Row {
        before: &["run --no-pod"],
        world: made_by_others,
        ..Row::of(
            "rok-eks, taken over",
            "run --no-pod --set aws_adopt=role,policy",
        )
    },
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        world: stack_made_by_others,
        ..Row::of(
            "rok-eks, stack taken over",
            "run --no-pod --set aws_identity_method=cloudformation --set aws_adopt=stack",
        )
    },
    Row::of("rok-aks", "run --recipe rok-aks --no-pod"),
    Row::of(
        "rok-aks, pod identity",
        "run --recipe rok-aks --no-pod --set az_identity_method=pod-identity",
    ),
    Row {
        before: &["run --recipe rok-aks --no-pod --set az_identity_method=pod-identity"],
        ..Row::of(
            "rok-aks, migrated",
            "run --recipe rok-aks --no-pod --set az_identity_method=workload-identity",
        )
    },
    Row::of(
        "rok-aks, account made",
        "run --recipe rok-aks --no-pod --set storage_account_name=rokmadeanew --set az_storage_account_create=yes",
    ),
    Row {
        before: &["run --no-pod"],
        ..Row::of("verify", "verify")
    },
    Row::of("apply", "apply {home}/shop"),
    Row::of("authorize", "run --recipe authorize"),
    Row {
        before: &["run --recipe rok-aks --no-pod"],
        ..Row::of(
            "teardown of rok-aks",
            "teardown --recipe rok-aks --set teardown_git=yes",
        )
    },
    Row {
        before: &["run --recipe rok-aks --no-pod --set az_identity_method=pod-identity"],
        ..Row::of("teardown of a pod identity", "teardown --recipe rok-aks")
    },
    Row {
        before: &["run --no-pod"],
        ..Row::of("teardown", "teardown --set teardown_git=yes")
    },
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        ..Row::of("teardown of a stack", "teardown")
    },
];

/// Somebody else has made role and policy of our name, in another way.
pub fn made_by_others(aws: &mut Value) {
    let role = "rok-us-west-2-arrikto-cluster";
    let policy = format!("arn:aws:iam::123451234512:policy/{role}");
    aws["roles"][role]["tags"] = json!({ "owner": "others" });
    let trust = &mut aws["roles"][role]["trust"]["current"];
    let theirs = trust.as_str().expect("a document");
    *trust = theirs.replace("rok:rok", "theirs:theirs").into();
    let policy = &mut aws["policies"][&policy];
    policy["tags"] = json!({});
    let document = &mut policy["versions"][0]["document"];
    let theirs = document.as_str().expect("a document");
    *document = theirs.replace("s3:*", "s3:Get*").into();
}

/// Somebody else has deployed the stack of our name, from a template that allows less.
pub fn stack_made_by_others(aws: &mut Value) {
    let role = "rok-us-west-2-arrikto-cluster";
    let policy = format!("arn:aws:iam::123451234512:policy/{role}");
    let rewritten = |value: &Value| -> Value {
        let mut value = value.clone();
        forget_run(&mut value);
        let text = value.to_string().replace("rok-deploy/", "theirs/");
        let text = text.replace("s3:*", "s3:Get*");
        serde_json::from_str(&text).expect("it is JSON as before")
    };
    let stack = &mut aws["stacks"][format!("us-west-2/{role}")];
    *stack = rewritten(stack);
    for part in ["roles", "policies", "providers"] {
        let key = match part {
            "policies" => policy.as_str(),
            _ => role,
        };
        let objects = aws[part].as_object_mut().expect("objects by name");
        for (name, object) in objects {
            if part == "providers" || name == key {
                *object = rewritten(object);
            }
        }
    }
}

/// Takes away the tag that names our run, in both forms: others have none, and it is another one
/// each time.
fn forget_run(value: &mut Value) {
    const RUN: &str = "rok-deploy/run";
    match value {
        Value::Object(members) => {
            members.remove(RUN);
            members.values_mut().for_each(forget_run);
        }
        Value::Array(items) => {
            items.retain(|item| item["Key"] != RUN);
            items.iter_mut().for_each(forget_run);
        }
        _ => {}
    }
}

#[test]
fn stopped_anywhere_every_run_converges() {
    cover(ROWS);
}
