//! Objects of our names that are not ours: told apart, taken over, used as they are, left alone.

use rok_deploy::engine::{Choice, Verb};
use rok_deploy::steps::aws::{ADOPT, POLICY_ADOPTED, Permissions, ROLE_ADOPTED, ROLE_ARN, Trust};
use serde_json::{Value, json};

use super::*;

/// The identity with these decisions.
fn deciding(adopt: &str) -> Identity {
    Identity {
        adopt: Decisions::parse(adopt).expect("decisions"),
        ..identity()
    }
}

fn handed_off() -> Context {
    Context {
        handed_off: true,
        ..context(&[])
    }
}

fn reason(seen: &Observation) -> &str {
    match &seen.finding {
        Finding::Conflict { reason, .. } => reason,
        other => panic!("no conflict: {other:?}"),
    }
}

fn choices(seen: &Observation) -> &[Choice] {
    match &seen.finding {
        Finding::Conflict { choices, .. } => choices,
        other => panic!("no conflict: {other:?}"),
    }
}

/// The decision that uses the object as it is.
fn keeping(seen: &Observation) -> String {
    let kept = choices(seen)
        .iter()
        .find(|choice| choice.value.contains('@'));
    kept.unwrap_or_else(|| panic!("{seen:?}")).value.clone()
}

fn offers(seen: &Observation, key: &str, value: &str) -> bool {
    let mut choices = choices(seen).iter();
    choices.any(|choice| choice.key == key && choice.value == value)
}

fn person() -> Value {
    json!({
        "Sid": "BreakGlass",
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::123451234512:user/operator" },
        "Action": ["sts:AssumeRole"],
    })
}

impl Practice {
    fn role_deciding(&self, adopt: &str) -> IamRole {
        IamRole {
            identity: deciding(adopt),
            ..self.role()
        }
    }

    fn policy_deciding(&self, adopt: &str) -> IamPolicy {
        IamPolicy {
            identity: deciding(adopt),
            ..self.policy()
        }
    }

    /// An account where provider, policy and role are there without our tags.
    async fn unmarked() -> Self {
        let practice = Self::new().await.with_identity().await;
        practice.change(|state| {
            state.roles.get_mut(ROLE).expect("it is there").tags.clear();
            state
                .policies
                .get_mut(&policy_arn())
                .expect("it is there")
                .tags
                .clear();
        });
        practice
    }

    fn trust(&self) -> Value {
        let text = self.change(|state| state.roles[ROLE].trust.current.clone());
        serde_json::from_str(&text).expect("a document")
    }

    fn set_trust(&self, change: impl FnOnce(&mut Value)) {
        let mut trust = self.trust();
        change(&mut trust);
        let text = trust.to_string();
        self.change(|state| state.roles.get_mut(ROLE).expect("it is there").trust = settled(text));
    }

    fn role_as_it_is(&self) -> Value {
        self.change(|state| serde_json::to_value(&state.roles[ROLE]).expect("plain values"))
    }

    async fn look_handed_off(&self, step: &dyn Step) -> Observation {
        step.check(&self.facts, &handed_off())
            .await
            .expect("it looks")
    }

    /// Does what the step wants, sees it, and looks again without a write.
    async fn settle(&self, step: &dyn Step) {
        self.act(step).await.expect("it acts");
        let writes = self.writes();
        let seen = self.look(step).await;
        assert!(is_satisfied(&seen), "{seen:?}");
        assert_eq!(self.writes(), writes);
    }
}

#[tokio::test]
async fn a_role_that_lacks_only_our_tags_says_so_and_gets_only_them() {
    let practice = Practice::unmarked().await;
    let seen = practice.look(&practice.role()).await;
    assert!(
        reason(&seen).ends_with("apart from that it is as intended"),
        "{seen:?}"
    );
    assert!(offers(&seen, ADOPT, "role"));
    assert!(
        choices(&seen)
            .iter()
            .any(|choice| choice.key == "aws_s3_role")
    );
    let before = practice.writes();
    let taking = practice.role_deciding("role");
    let seen = practice.look(&taking).await;
    assert_eq!(changes(&seen), [format!("adopts role tags `{ROLE}`")]);
    practice.settle(&taking).await;
    assert_eq!(practice.writes(), before + 1);
    assert!(
        is_satisfied(&practice.look(&practice.role()).await),
        "the mark stays"
    );
}

#[tokio::test]
async fn a_role_of_others_is_told_apart_and_taken_over_beside_their_statements() {
    let practice = Practice::unmarked().await;
    practice.set_trust(|trust| {
        let theirs = trust.to_string().replace("rok:rok", "theirs:theirs");
        *trust = serde_json::from_str(&theirs).unwrap();
        trust["Statement"]
            .as_array_mut()
            .unwrap()
            .insert(0, person());
    });
    let id = practice.change(|state| state.roles[ROLE].id.clone());
    let theirs = practice.trust();
    let before = practice.role_as_it_is();

    let seen = practice.look(&practice.role()).await;
    assert!(reason(&seen).contains("\n- trust: "), "{}", reason(&seen));
    assert_eq!(
        practice.act(&practice.role()).await.unwrap_err().kind,
        ErrorKind::Conflict,
        "nobody has decided"
    );
    assert_eq!(practice.role_as_it_is(), before);

    let taking = practice.role_deciding("role");
    let seen = practice.look(&taking).await;
    assert_eq!(
        changes(&seen),
        [
            format!("updates role trust policy `{ROLE}`"),
            format!("adopts role tags `{ROLE}`")
        ]
    );
    assert!(seen.notices[0].contains("lets in others too"), "{seen:?}");
    practice.settle(&taking).await;
    let trust = practice.trust();
    let statements = trust["Statement"].as_array().unwrap();
    assert_eq!(
        statements[..2],
        theirs["Statement"].as_array().unwrap()[..],
        "theirs stay"
    );
    assert_eq!(statements.len(), 3);
    assert_eq!(practice.change(|state| state.roles[ROLE].id.clone()), id);

    // Verification knows that it lets in others too.
    let mut practice = practice;
    practice.facts.merge(&seen.facts);
    let trust = Trust {
        aws: practice.aws.clone(),
        identity: identity(),
        existing: false,
    };
    assert!(is_satisfied(&practice.look(&trust).await));
}

#[tokio::test]
async fn a_takeover_that_broke_off_goes_on() {
    let practice = Practice::unmarked().await;
    practice.set_trust(|trust| trust["Statement"] = json!([person()]));
    let taking = practice.role_deciding("role");
    practice.act(&taking).await.unwrap();
    // The tags are what comes last.
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().tags.clear());
    let seen = practice.look(&taking).await;
    assert_eq!(changes(&seen), [format!("adopts role tags `{ROLE}`")]);
    practice.settle(&taking).await;
    assert_eq!(practice.trust()["Statement"][0], person());
}

#[tokio::test]
async fn a_role_is_used_as_it_is_until_it_changes() {
    let practice = Practice::unmarked().await;
    practice.set_trust(|trust| {
        trust["Statement"].as_array_mut().unwrap().push(person());
    });
    let (before, writes) = (practice.role_as_it_is(), practice.writes());
    let kept = keeping(&practice.look(&practice.role()).await);
    let keeping_it = practice.role_deciding(&kept);
    let seen = practice.look(&keeping_it).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    assert!(seen.notices.is_empty(), "it lets us in: {seen:?}");
    // Another spelling, another order, a tag: the same meaning.
    practice.set_trust(|trust| trust["Statement"].as_array_mut().unwrap().reverse());
    practice.change(|state| {
        let tags = &mut state.roles.get_mut(ROLE).unwrap().tags;
        tags.insert("owner".into(), "others".into());
    });
    assert!(is_satisfied(&practice.look(&keeping_it).await));
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().tags.clear());
    practice.set_trust(|trust| trust["Statement"].as_array_mut().unwrap().reverse());
    assert_eq!(
        (practice.role_as_it_is(), practice.writes()),
        (before, writes)
    );

    practice.change(|state| {
        let inline = &mut state.roles.get_mut(ROLE).unwrap().grants.inline;
        let document = r#"{"Version":"2012-10-17","Statement":[]}"#;
        inline.insert("more".into(), settled(document.to_owned()));
    });
    let seen = practice.look(&keeping_it).await;
    let text = reason(&seen);
    assert!(text.contains(&format!("accepted as `{kept}`")), "{text}");
    assert_ne!(keeping(&seen), kept);
    assert!(text.contains(&keeping(&seen)), "{text}");
    assert_eq!(
        practice.act(&keeping_it).await.unwrap_err().kind,
        ErrorKind::Conflict
    );

    practice.change(|state| state.roles.remove(ROLE));
    let seen = practice.look(&keeping_it).await;
    assert!(reason(&seen).contains("does not exist any more"));
    assert!(offers(&seen, ADOPT, ""), "a new one may be made: {seen:?}");
}

#[tokio::test]
async fn nothing_is_attached_to_a_role_that_is_used_as_it_is() {
    let mut practice = Practice::unmarked().await;
    let kept = keeping(&practice.look(&practice.role()).await);
    practice.change(|state| {
        state.roles.get_mut(ROLE).unwrap().grants.attached.clear();
        state.policies.remove(&policy_arn());
    });
    let writes = practice.writes();
    let policy = practice.policy_deciding(&kept);
    let seen = practice.look(&policy).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    practice.facts.merge(&seen.facts);
    let attachment = PolicyAttachment {
        identity: deciding(&kept),
        ..practice.attachment()
    };
    assert!(is_satisfied(&practice.look(&attachment).await));
    let seen = practice.look(&practice.role_deciding(&kept)).await;
    assert!(
        is_satisfied(&seen),
        "our own policy is no part of the digest: {seen:?}"
    );
    practice.facts.merge(&seen.facts);
    let permissions = Permissions {
        aws: practice.aws.clone(),
        identity: deciding(&kept),
        existing: false,
    };
    let seen = practice.look(&permissions).await;
    assert!(
        seen.notices[0].contains("denies"),
        "the simulator judges: {seen:?}"
    );
    assert_eq!(practice.writes(), writes);
}

#[tokio::test]
async fn a_role_of_ours_may_let_in_others_whom_somebody_added() {
    let practice = Practice::new().await.with_identity().await;
    practice.set_trust(|trust| {
        trust["Statement"].as_array_mut().unwrap().push(person());
    });
    let seen = practice.look(&practice.role()).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    assert!(seen.notices[0].contains("lets in others too"));
    practice.set_trust(|trust| {
        trust["Statement"][0]["Condition"] = json!({});
    });
    let seen = practice.look(&practice.role()).await;
    assert_eq!(
        changes(&seen),
        [format!("updates role trust policy `{ROLE}`")]
    );
    practice.settle(&practice.role()).await;
    let statements = practice.trust()["Statement"].clone();
    assert_eq!(statements.as_array().unwrap().len(), 2);
    assert_eq!(statements[1], person());
}

#[tokio::test]
async fn a_statement_that_denies_us_cannot_be_taken_over() {
    let practice = Practice::unmarked().await;
    practice.set_trust(|trust| {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity" });
        trust["Statement"].as_array_mut().unwrap().push(deny);
    });
    for adopt in ["", "role"] {
        let seen = practice.look(&practice.role_deciding(adopt)).await;
        assert!(reason(&seen).contains("denies the service account"));
        assert!(!offers(&seen, ADOPT, "role"));
    }
}

#[tokio::test]
async fn a_trust_policy_that_would_be_too_large_stops_the_plan() {
    let practice = Practice::unmarked().await;
    practice.set_trust(|trust| trust["Statement"] = vec![person(); 13].into());
    let error = practice.refusal(&practice.role_deciding("role")).await;
    assert!(
        error.message.contains("ACLSizePerRole"),
        "{}",
        error.message
    );
    assert!(is_conflict(&practice.look(&practice.role()).await));
}

#[tokio::test]
async fn a_boundary_is_put_moved_and_only_taken_away_on_a_word() {
    let practice = Practice::new().await;
    let bounds = |name: &str| format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
    practice.change(|state| {
        for name in ["one", "two"] {
            let mut policy = state.policies.values().next().unwrap().clone();
            policy.arn = bounds(name);
            policy.name = name.into();
            state.policies.insert(policy.arn.clone(), policy);
        }
    });
    let bounded = |arn: Option<String>, adopt: &str| IamRole {
        identity: Identity {
            boundary: arn,
            ..deciding(adopt)
        },
        ..practice.role()
    };
    let boundary = || practice.change(|state| state.roles[ROLE].grants.boundary.clone());

    let one = bounded(Some(bounds("one")), "");
    let seen = practice.look(&one).await;
    let bounding = format!("attaches permissions boundary of role `{ROLE}`");
    assert_eq!(
        changes(&seen),
        [format!("creates role `{ROLE}`"), bounding.clone()]
    );
    practice.settle(&one).await;
    assert_eq!(boundary(), Some(bounds("one")));

    let two = bounded(Some(bounds("two")), "");
    let seen = practice.look(&two).await;
    assert_eq!(
        changes(&seen),
        [format!("updates permissions boundary of role `{ROLE}`")]
    );
    practice.settle(&two).await;
    assert_eq!(boundary(), Some(bounds("two")));

    // No answer names it: somebody else may have put it there.
    let none = bounded(None, "");
    let seen = practice.look(&none).await;
    assert!(reason(&seen).contains(&format!("boundary: found `{}`", bounds("two"))));
    assert!(offers(&seen, "aws_permissions_boundary", &bounds("two")));
    assert_eq!(
        practice.act(&none).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    let none = bounded(None, "role");
    let seen = practice.look(&none).await;
    let Finding::Differs { changes } = &seen.finding else {
        panic!("{seen:?}")
    };
    assert_eq!(changes[0].verb, Verb::Delete);
    practice.settle(&none).await;
    assert_eq!(boundary(), None);

    let seen = practice.look(&one).await;
    assert_eq!(super::changes(&seen), [bounding]);
    practice.settle(&one).await;
}

#[tokio::test]
async fn a_role_at_another_path_is_never_moved() {
    let practice = Practice::unmarked().await;
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().path = "/team/".into());
    for adopt in ["", "role"] {
        let seen = practice.look(&practice.role_deciding(adopt)).await;
        assert!(reason(&seen).contains("path: found `/team/`, expected `/`"));
        assert!(!offers(&seen, ADOPT, "role"));
        assert!(offers(&seen, "aws_iam_path", "/team/"));
    }
    let kept = keeping(&practice.look(&practice.role()).await);
    let seen = practice.look(&practice.role_deciding(&kept)).await;
    assert!(is_satisfied(&seen));
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/team/{ROLE}");
    assert_eq!(
        seen.facts.get(&ROLE_ARN).unwrap(),
        arn,
        "files name it as it is"
    );
}

#[tokio::test]
async fn what_was_handed_off_exactly_is_adopted_for_good() {
    let practice = Practice::unmarked().await;
    let seen = practice.look_handed_off(&practice.role()).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    let decision: String = seen.facts.get(&ROLE_ADOPTED).unwrap();
    assert!(is_satisfied(
        &practice.look(&practice.role_deciding(&decision)).await
    ));
    let seen = practice.look_handed_off(&practice.policy()).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    let decision: String = seen.facts.get(&POLICY_ADOPTED).unwrap();
    assert!(is_satisfied(
        &practice.look(&practice.policy_deciding(&decision)).await
    ));

    // Another one than asked for, or another cluster's, is none that was handed off.
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().tags = tags_of("other"));
    assert!(is_conflict(
        &practice.look_handed_off(&practice.role()).await
    ));
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().tags.clear());
    practice.set_trust(|trust| {
        trust["Statement"].as_array_mut().unwrap().push(person());
    });
    assert!(is_conflict(
        &practice.look_handed_off(&practice.role()).await
    ));
    let other = IamPolicy {
        identity: with_prefix("other"),
        ..practice.policy()
    };
    assert!(is_conflict(&practice.look_handed_off(&other).await));
}

#[tokio::test]
async fn a_policy_of_others_is_told_apart_taken_over_or_used_as_it_is() {
    let practice = Practice::unmarked().await;
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    practice.change(|state| {
        let policy = state.policies.get_mut(&policy_arn()).unwrap();
        policy.versions[0].document = document.into();
    });
    let seen = practice.look(&practice.policy()).await;
    assert!(
        reason(&seen).contains("\n- permissions: "),
        "{}",
        reason(&seen)
    );
    let kept = practice.policy_deciding(&keeping(&seen));
    let writes = practice.writes();
    assert!(is_satisfied(&practice.look(&kept).await));
    assert_eq!(
        practice.act(&kept).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(practice.writes(), writes);

    let taking = practice.policy_deciding("policy");
    let seen = practice.look(&taking).await;
    assert_eq!(
        changes(&seen),
        [
            format!("updates policy `{ROLE}`"),
            format!("adopts policy tags `{ROLE}`")
        ]
    );
    practice.settle(&taking).await;
    practice.change(|state| {
        let policy = &state.policies[&policy_arn()];
        assert_eq!(policy.versions.len(), 2);
        assert_eq!(policy.versions[0].document, document, "their version stays");
        assert_eq!(policy.tags["rok-deploy/cluster"], CLUSTER);
    });
    let seen = practice.look(&kept).await;
    assert!(reason(&seen).contains("was accepted as"), "{seen:?}");
}

#[tokio::test]
async fn a_policy_is_found_at_any_path_and_mended_there() {
    let practice = Practice::new().await;
    let elsewhere = IamPolicy {
        identity: Identity {
            path: "/team/".into(),
            ..identity()
        },
        ..practice.policy()
    };
    practice.act(&elsewhere).await.unwrap();
    let other = IamPolicy {
        identity: with_prefix("other"),
        ..practice.policy()
    };
    let seen = practice.look(&other).await;
    assert_eq!(changes(&seen), [format!("updates policy `{ROLE}`")]);
    practice.settle(&other).await;
    let arns: Vec<String> = practice.change(|state| {
        let named = state.policies.values().filter(|policy| policy.name == ROLE);
        named.map(|policy| policy.arn.clone()).collect()
    });
    assert_eq!(arns, [format!("arn:aws:iam::{ACCOUNT}:policy/team/{ROLE}")]);
}

#[tokio::test]
async fn only_versions_of_our_own_make_room() {
    let practice = Practice::new().await.with_identity().await;
    let theirs = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    let versions = |ours: &[u32]| {
        practice.change(|state| {
            let policy = state.policies.get_mut(&policy_arn()).unwrap();
            let mine = policy.versions.last().unwrap().clone();
            policy.versions = (1..=5)
                .map(|number| {
                    let mut version = mine.clone();
                    version.number = number;
                    if !ours.contains(&number) {
                        version.document = theirs.into();
                    }
                    version
                })
                .collect();
            policy.last_version = 5;
            policy.default_version = settled(5);
        });
    };
    let other = IamPolicy {
        identity: with_prefix("other"),
        ..practice.policy()
    };
    versions(&[2, 4, 5]);
    let seen = practice.look(&other).await;
    assert_eq!(
        changes(&seen),
        [
            format!("deletes oldest policy version `{ROLE} v2`"),
            format!("updates policy `{ROLE}`")
        ]
    );
    practice.settle(&other).await;
    let left: Vec<u32> = practice.change(|state| {
        let policy = &state.policies[&policy_arn()];
        policy
            .versions
            .iter()
            .map(|version| version.number)
            .collect()
    });
    assert_eq!(left, [1, 3, 4, 5, 6]);

    versions(&[5]);
    let other = IamPolicy {
        identity: with_prefix("another"),
        ..practice.policy()
    };
    let error = practice.refusal(&other).await;
    assert!(error.message.contains("5 versions"), "{}", error.message);
    assert!(error.hints[0].contains("delete-policy-version"));
    assert!(practice.act(&other).await.is_err());
}

#[tokio::test]
async fn a_role_with_ten_policies_takes_no_more() {
    let practice = Practice::new().await.with_identity().await;
    practice.change(|state| {
        let role = state.roles.get_mut(ROLE).unwrap();
        role.grants.attached.clear();
        for number in 0..10 {
            let mut policy = state.policies[&policy_arn()].clone();
            policy.name = format!("p{number}");
            policy.arn = format!("arn:aws:iam::{ACCOUNT}:policy/p{number}");
            role.grants.attached.insert(policy.arn.clone(), settled(()));
            state.policies.insert(policy.arn.clone(), policy);
        }
    });
    let error = practice.refusal(&practice.attachment()).await;
    assert!(
        error.message.contains("PoliciesPerRole): p0, p1"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn a_provider_of_others_gets_the_client_id_on_a_word_and_no_tag() {
    let mut practice = Practice::new().await;
    let step = practice.provider();
    practice.make(&step).await;
    let arn = practice.change(|state| {
        let (arn, provider) = state.providers.iter_mut().next().unwrap();
        provider.tags = BTreeMap::from([("owner".to_owned(), "eksctl".to_owned())]);
        provider.client_ids = settled(["other".to_owned()].into());
        arn.clone()
    });
    let seen = practice.look(&step).await;
    assert!(offers(&seen, ADOPT, "provider"));
    assert_eq!(
        practice.act(&step).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    let taking = OidcProvider {
        identity: deciding("provider"),
        ..practice.provider()
    };
    let seen = practice.look(&taking).await;
    assert_eq!(changes(&seen), [format!("updates OIDC provider `{arn}`")]);
    practice.settle(&taking).await;
    practice.change(|state| {
        let provider = &state.providers[&arn];
        assert_eq!(provider.tags.len(), 1, "it stays the cluster's");
        assert_eq!(provider.client_ids.current.len(), 2);
    });
    assert!(is_satisfied(&practice.look(&step).await));
}

#[tokio::test]
async fn decisions_join_those_that_were_made_before() {
    let practice = Practice::unmarked().await;
    let seen = practice.look(&practice.role_deciding("policy")).await;
    let Finding::Conflict { hints, .. } = &seen.finding else {
        panic!("{seen:?}")
    };
    assert!(
        hints[0].starts_with("`--set aws_adopt=policy,role` takes it over"),
        "{hints:?}"
    );
}
