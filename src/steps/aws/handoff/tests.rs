//! The files, with plain and with hostile values.

use super::*;
use crate::steps::aws::{Decisions, Identity, Ownership, TagNames};
use crate::steps::handoff::Handoff as _;

const HOSTILE: &str = "a'b\"c$(touch pwned)`id`\\ ;&|<>*?[x]{y}!#~%\u{202e}é";

fn handoff(part: Part) -> Handoff {
    Handoff {
        grant: Grant {
            partition: "aws".into(),
            account: "123451234512".into(),
            issuer: "oidc.example/id/1".into(),
            identity: Identity {
                role: "rok-west".into(),
                path: "/".into(),
                boundary: None,
                subject: "system:serviceaccount:rok:rok".into(),
                prefix: "rok-1".into(),
                stack: "rok-west".into(),
                ownership: Ownership {
                    cluster: "west".into(),
                    recipe: "rok-eks".into(),
                    cloud: TagNames::Aws,
                },
                adopt: Decisions::default(),
            },
        },
        standing: Standing {
            provider: part,
            policy: part,
            role: part,
            attachment: part,
        },
        about: About {
            region: "us-west-2".into(),
            installation: "rok/rok".into(),
            operator: "arn:aws:iam::123451234512:user/operator".into(),
        },
        stack: Ok("Resources: {}\n".into()),
        whole_stack: "Resources: {}\n".into(),
    }
}

fn file(handoff: &Handoff, name: &str) -> String {
    let files = handoff.files();
    let file = files.into_iter().find(|file| file.name == name);
    file.expect("there is such a file").text
}

#[test]
fn nothing_is_left_to_fill_in() {
    for part in [Part::Missing, Part::Outdated, Part::Unknown] {
        for file in handoff(part).files() {
            for mark in ["{{", "{%", "TODO", "<role", "CHANGE"] {
                assert!(!file.text.contains(mark), "{}: {mark}", file.name);
            }
            assert!(!file.text.contains("\n\n\n"), "{}", file.text);
        }
    }
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let mut handoff = handoff(Part::There);
    handoff.standing.policy = Part::Missing;
    handoff.standing.attachment = Part::Missing;
    assert_eq!(
        handoff.missing(),
        [
            "the IAM policy `rok-west` in path `/`",
            "that policy, attached to role `rok-west`"
        ]
    );
    let script = file(&handoff, SCRIPT);
    for (command, is_there) in [
        ("create-policy ", true),
        ("attach-role-policy", true),
        ("create-role ", false),
        ("create-open-id-connect-provider", false),
    ] {
        assert_eq!(script.contains(command), is_there, "{command}\n{script}");
    }
}

#[test]
fn without_a_stack_the_page_speaks_of_the_script_alone() {
    let handoff = Handoff {
        stack: Err(NoStack::NotItsOwn),
        ..handoff(Part::Outdated)
    };
    let page = file(&handoff, PAGE);
    assert!(!page.contains("cloudformation deploy"), "{page}");
    assert!(page.contains("bash create-identity.sh"), "{page}");
    let names: Vec<_> = handoff.files().iter().map(|file| file.name).collect();
    assert_eq!(names, [SCRIPT, PAGE]);
}

#[test]
fn the_command_is_the_documented_one() {
    assert_eq!(
        handoff(Part::Missing).deploy_command(Path::new(STACK)),
        "aws cloudformation deploy --stack-name rok-west --template-file s3-iam-resources.yaml \
         --capabilities CAPABILITY_NAMED_IAM --region us-west-2 \
         --tags rok-deploy/cluster=west rok-deploy/recipe=rok-eks"
    );
}

/// A program in the place of the AWS CLI writes down what it is given.
#[test]
fn hostile_values_reach_the_cli_bit_for_bit() {
    let mut handoff = handoff(Part::Missing);
    let grant = &mut handoff.grant;
    grant.issuer = HOSTILE.into();
    grant.identity.role = HOSTILE.into();
    grant.identity.path = format!("/{HOSTILE}/");
    grant.identity.boundary = Some(HOSTILE.into());
    grant.identity.prefix = HOSTILE.into();
    grant.identity.ownership.cluster = HOSTILE.into();
    handoff.about.region = HOSTILE.into();

    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::write(at("create.sh"), file(&handoff, SCRIPT)).unwrap();
    std::fs::write(at("aws"), include_str!("fake_aws.sh")).unwrap();
    let made_executable = std::process::Command::new("chmod")
        .arg("+x")
        .arg(at("aws"))
        .status()
        .unwrap();
    assert!(made_executable.success());
    let path = format!(
        "{}:{}",
        place.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = std::process::Command::new("bash")
        .arg("create.sh")
        .current_dir(place.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!at("pwned").exists(), "a value was run");
    let called = std::fs::read_to_string(at("called")).unwrap();
    let grant = &handoff.grant;
    for value in [
        HOSTILE.to_owned(),
        format!("https://{HOSTILE}"),
        format!("/{HOSTILE}/"),
        grant.trust_policy().to_string(),
        grant.permissions().to_string(),
        grant.policy_arn(),
    ] {
        let line = format!("[{value}]\n");
        assert!(called.contains(&line), "{line} is not in\n{called}");
    }
}

#[test]
fn a_page_holds_hostile_values_in_one_span_each() {
    let mut handoff = handoff(Part::Missing);
    handoff.grant.identity.ownership.cluster = "`x` # Run this".into();
    handoff.about.operator = "me\n# Run this".into();
    let page = file(&handoff, PAGE);
    assert!(!page.contains("\n# Run this"), "{page}");
    assert!(page.contains("`` `x` # Run this ``"), "{page}");
}
