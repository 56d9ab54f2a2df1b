//! Steps that read again what was made, and judge it.

use rok_deploy::steps::aws::{ExistingRole, Permissions, Trust};

use super::*;

fn trust(practice: &Practice) -> Trust {
    Trust {
        aws: practice.aws.clone(),
        identity: identity(),
        existing: false,
    }
}

fn permissions(practice: &Practice) -> Permissions {
    Permissions {
        aws: practice.aws.clone(),
        identity: identity(),
        existing: false,
    }
}

/// A refusal now, and "not yet" right after our own act.
async fn assert_fails(practice: &Practice, step: &dyn Step, word: &str) {
    let error = practice.refusal(step).await;
    assert_eq!(error.kind, ErrorKind::Verification, "{error:?}");
    assert!(error.message.contains(word), "{}", error.message);
    let seen = practice
        .try_look(step, &["aws.iam-role"])
        .await
        .expect("it waits");
    assert!(matches!(seen.finding, Finding::Pending { .. }), "{seen:?}");
}

#[tokio::test]
async fn trust_must_be_exactly_as_intended() {
    let practice = Practice::new().await.with_identity().await;
    let step = trust(&practice);
    assert!(is_satisfied(&practice.look(&step).await));
    for (from, to) in [
        ("rok:rok", "rok:*"),
        ("sts.amazonaws.com", "sts.other.com"),
        ("StringEquals", "StringLike"),
        ("oidc-provider/", "oidc-provider/x"),
    ] {
        let right = practice.change(|state| {
            let role = state.roles.get_mut(ROLE).unwrap();
            let right = role.trust.current.clone();
            role.trust = settled(right.replace(from, to));
            right
        });
        assert_fails(&practice, &step, "is not as intended").await;
        practice.change(|state| state.roles.get_mut(ROLE).unwrap().trust = settled(right));
    }
    let weak = Trust {
        aws: practice.weak().await,
        ..trust(&practice)
    };
    assert_permission(&practice.refusal(&weak).await, "iam:GetRole");
    practice.change(|state| state.roles.remove(ROLE));
    assert_fails(&practice, &step, "does not exist").await;
}

#[tokio::test]
async fn permissions_must_be_those_of_the_prefix() {
    let practice = Practice::new().await.with_identity().await;
    let step = permissions(&practice);
    assert!(is_satisfied(&practice.look(&step).await));
    let other = Permissions {
        identity: with_prefix("rok-other"),
        ..permissions(&practice)
    };
    assert_fails(&practice, &other, "allows s3:* on `rok-other*`").await;
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().grants.attached.clear());
    assert_fails(&practice, &step, "no attached policy").await;
    let weak = Permissions {
        aws: practice.weak().await,
        ..permissions(&practice)
    };
    assert_permission(
        &practice.refusal(&weak).await,
        "iam:ListAttachedRolePolicies",
    );
}

#[tokio::test]
async fn a_role_that_was_brought_is_judged_by_what_it_lets_in() {
    let practice = Practice::new().await.with_identity().await;
    let role = ExistingRole {
        aws: practice.aws.clone(),
        name: ROLE.into(),
    };
    assert!(is_satisfied(&practice.look(&role).await));
    let existing = Trust {
        existing: true,
        ..trust(&practice)
    };
    let retrust = |change: &dyn Fn(&mut serde_json::Value)| {
        practice.change(|state| {
            let role = state.roles.get_mut(ROLE).unwrap();
            let mut document = serde_json::from_str(&role.trust.current).unwrap();
            change(&mut document);
            role.trust = settled(document.to_string());
        });
    };
    retrust(&|trust| {
        let condition = &mut trust["Statement"][0]["Condition"];
        let tests = condition["StringEquals"].take();
        *condition = serde_json::json!({ "StringLike": tests });
    });
    let seen = practice.look(&existing).await;
    assert!(
        is_satisfied(&seen) && seen.notices.is_empty() && seen.warnings.is_empty(),
        "{seen:?}"
    );
    retrust(&|trust| {
        let condition = &mut trust["Statement"][0]["Condition"]["StringLike"];
        condition
            .as_object_mut()
            .unwrap()
            .retain(|key, _| key.ends_with(":aud"));
    });
    let seen = practice.look(&existing).await;
    assert!(is_satisfied(&seen));
    let everyone = "any service account of the cluster";
    assert!(seen.notices[0].contains(everyone), "{seen:?}");
    assert!(seen.warnings[0].contains(everyone), "{seen:?}");
    let planned = practice.look(&role).await.notices.join("\n");
    assert!(
        planned.contains(&format!("lets in {everyone}")),
        "{planned}"
    );
    retrust(&|trust| {
        let deny = serde_json::json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
        trust["Statement"].as_array_mut().unwrap().push(deny);
    });
    assert_fails(&practice, &existing, "is not as intended").await;

    let missing = ExistingRole {
        name: "nobody".into(),
        ..role
    };
    let error = practice.refusal(&missing).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.hints[0].contains("`aws_s3_role`"));
}

#[tokio::test]
async fn the_simulator_is_asked_about_a_role_that_was_brought_and_stops_nothing() {
    let practice = Practice::new().await.with_identity().await;
    let existing = |aws: &Aws| Permissions {
        aws: aws.clone(),
        existing: true,
        ..permissions(&practice)
    };
    let seen = practice.look(&existing(&practice.aws)).await;
    assert!(is_satisfied(&seen) && seen.notices.is_empty(), "{seen:?}");
    let weak = practice.look(&existing(&practice.weak().await)).await;
    assert!(weak.notices[0].contains("proven by use only"), "{weak:?}");
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().grants.attached.clear());
    let denied = practice.look(&existing(&practice.aws)).await;
    assert!(is_satisfied(&denied));
    assert!(denied.notices[0].contains("s3:CreateBucket"), "{denied:?}");
}
