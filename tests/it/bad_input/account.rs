//! Account, credentials, cluster and kube context that do not fit.

use super::*;

#[test]
fn a_cluster_that_is_not_there() {
    let practice = Practice::new();
    practice.make_world();
    let output = practice.run(&["run", "--yes", "--set", "eks_cluster=nonesuch"]);
    insta::assert_snapshot!(ended(&practice, &output), @"
    exit code 2
    out: `aws.cluster`: EKS cluster `nonesuch` does not exist in region us-west-2; nothing was changed.
    FAILED       aws.cluster               EKS cluster and its OIDC issuer — EKS cluster `nonesuch` does not exist in region us-west-2 (... s)
    hint: this region has: arrikto-cluster
    ");
    assert!(!practice.clone().exists());
}

#[test]
fn a_cluster_that_is_not_active() {
    let practice = Practice::new();
    practice.make_world();
    practice.change_state("aws", |aws| {
        aws["clusters"]["arrikto-cluster"]["status"] = json!("CREATING");
    });
    let output = practice.run(&["run", "--yes", "--wait", "1s"]);
    insta::assert_snapshot!(ended(&practice, &output), @"
    exit code 2
    out: `aws.cluster`: EKS cluster `arrikto-cluster` is CREATING; expected ACTIVE; nothing was changed.
    FAILED       aws.cluster               EKS cluster and its OIDC issuer — EKS cluster `arrikto-cluster` is CREATING; expected ACTIVE (... s)
    hint: wait for it:
        aws eks wait cluster-active --name arrikto-cluster --region us-west-2
    ");
    assert!(!practice.clone().exists());
}

#[test]
fn a_region_of_another_partition_and_another_account() {
    let practice = Practice::new();
    practice.make_world();
    let told: Vec<_> = [
        "aws_default_region=cn-north-1",
        "aws_default_region=eu-central-1",
        "aws_default_region=cn-north-1 --set eks_cluster=arrikto-cluster",
        "aws_account_id=999999999999",
        "eks_cluster_oidc=oidc.example/id/0",
        "kube_context=nonesuch",
    ]
    .iter()
    .map(|answer| {
        let arguments = format!("run --yes --set {answer}");
        let output = practice.run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(!practice.clone().exists(), "{answer}");
        format!("{answer}: {}", ended_or_refused(&practice, &output))
    })
    .collect();
    insta::assert_snapshot!(told.join("\n\n"), @"
    aws_default_region=cn-north-1: exit code 2
    error: `eks_cluster` is not answered, and nothing was discovered with `aws_default_region` = `cn-north-1`
    hint: answer it with `--set eks_cluster=VALUE`

    aws_default_region=eu-central-1: exit code 2
    error: `eks_cluster` is not answered, and nothing was discovered with `aws_default_region` = `eu-central-1`
    hint: answer it with `--set eks_cluster=VALUE`

    aws_default_region=cn-north-1 --set eks_cluster=arrikto-cluster: exit code 2
    out: `aws.caller`: the credentials are of partition `aws`, region `cn-north-1` is of `aws-cn`; nothing was changed.
    FAILED       aws.caller                AWS account and caller — the credentials are of partition `aws`, region `cn-north-1` is of `aws-cn` (... s)
    hint: choose a region of the credentials' own partition
    FAILED       aws.cluster               EKS cluster and its OIDC issuer — EKS cluster `arrikto-cluster` does not exist in region cn-north-1 (... s)
    hint: this region has no EKS cluster; is it the right one?

    aws_account_id=999999999999: exit code 2
    out: `aws.caller`: the credentials are of account 123451234512, the answers are for account 999999999999; nothing was changed.
    FAILED       aws.caller                AWS account and caller — the credentials are of account 123451234512, the answers are for account 999999999999 (... s)
    hint: choose the profile of that account (`--set aws_profile=NAME`), or correct `aws_account_id`

    eks_cluster_oidc=oidc.example/id/0: exit code 2
    out: `aws.cluster`: `eks_cluster_oidc` is `oidc.example/id/0`, the issuer of EKS cluster `arrikto-cluster` is `oidc.eks.us-west-2.amazonaws.com/id/................................`; nothing was changed.
    FAILED       aws.cluster               EKS cluster and its OIDC issuer — `eks_cluster_oidc` is `oidc.example/id/0`, the issuer of EKS cluster `arrikto-cluster` is `oidc.eks.us-west-2.amazonaws.com/id/................................` (... s)
    hint: leave `eks_cluster_oidc` out: it is discovered
    hint: where another API server stands for the cluster, say so with `kube_context_accept=yes`

    kube_context=nonesuch: exit code 2
    out: `cluster.context`: kubeconfig: no context `nonesuch`; there are: arrikto-cluster, arrikto-cluster-aks; nothing was changed.
    FAILED       cluster.context           Kube context reaches that cluster — kubeconfig: no context `nonesuch`; there are: arrikto-cluster, arrikto-cluster-aks (... s)
    ");
}

#[test]
fn a_kube_context_of_another_cluster() {
    let (practice, other) = (Practice::new(), Practice::new());
    let (served, others) = (practice.serve(), other.serve());
    let kubeconfig = other.world().join("kubeconfig");
    let settings = format!("KUBECONFIG='{}'", kubeconfig.display());
    let output = sourced(
        &practice,
        &served,
        &format!("export {settings}"),
        "run --yes",
    );
    insta::assert_snapshot!(ended(&practice, &output), @"
    exit code 2
    out: `cluster.context`: kube context `arrikto-cluster` reaches https://127.0.0.1:....., which is not the endpoint https://127.0.0.1:..... of EKS cluster `arrikto-cluster`; nothing was changed.
    FAILED       cluster.context           Kube context reaches that cluster — kube context `arrikto-cluster` reaches https://127.0.0.1:....., which is not the endpoint https://127.0.0.1:..... of EKS cluster `arrikto-cluster` (... s)
    hint:
        aws eks update-kubeconfig --name arrikto-cluster --region us-west-2
      makes a context; choose it with `--set kube_context=NAME`
    hint: if a bastion or proxy stands before the cluster, say so with `--set kube_context_accept=yes`
    ");
    assert!(!practice.env.home().join("ops").exists());

    // An explicit yes is for another way to the same cluster; this one has another issuer.
    let accepted = "run --yes --set kube_context_accept=yes";
    let output = sourced(&practice, &served, &format!("export {settings}"), accepted);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        output.stdout.contains("reaches another cluster than"),
        "{output:?}"
    );
    let cluster = other.state("cluster").to_string();
    assert!(
        !cluster.contains("rok-system"),
        "namespaces were made in somebody else's cluster"
    );
    served.stop();
    others.stop();
}

#[test]
fn credentials_that_are_missing_wrong_or_expired() {
    let practice = Practice::new();
    practice.journey();
    practice.change_state("aws", |aws| {
        let sessions = aws["sessions"].as_object_mut().expect("sessions");
        for session in sessions.values_mut() {
            session["expires_at"] = json!("2024-01-01T00:00:00Z");
        }
    });
    let aws = practice.state("aws");
    let (key, session) = aws["sessions"]
        .as_object()
        .and_then(|sessions| sessions.iter().next())
        .expect("the proof assumed the role");
    let text = |field: &str| session[field].as_str().expect("it is text");
    let expired = format!(
        "AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={} AWS_SESSION_TOKEN={}",
        text("secret"),
        text("token")
    );
    let (runs, served) = (practice.runs(), practice.serve());
    let told: Vec<_> = [
        ("missing", "AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY="),
        ("wrong", "AWS_SECRET_ACCESS_KEY=wrong"),
        ("unknown", "AWS_ACCESS_KEY_ID=AKIAAAAAAAAAAAAAAAAA"),
        ("expired", &expired),
    ]
    .iter()
    .map(|(name, settings)| {
        let output = sourced(
            &practice,
            &served,
            &format!("export {settings}"),
            // Nobody has begun before: every answer has to be discovered.
            "run --yes --set gitops_url=",
        );
        assert!(!output.stderr.contains(text("secret")), "{output:?}");
        format!("{name}: {}", transcript(&practice, &output))
    })
    .collect();
    insta::assert_snapshot!(told.join("\n\n"), @"
    missing: exit code 2
    error: `aws_account_id` cannot be discovered: sts:GetCallerIdentity: no credentials found in the environment, the profile or on this machine
    error: `eks_cluster` cannot be discovered: eks:ListClusters: no credentials found in the environment, the profile or on this machine
    hint: set `AWS_PROFILE` or `aws_profile`, or the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`

    wrong: exit code 2
    error: `aws_account_id` cannot be discovered: sts:GetCallerIdentity: SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details. (request id ........-....-....-....-............)
    error: `eks_cluster` cannot be discovered: eks:ListClusters: InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details. (request id ........-....-....-....-............)
    hint: check the secret key of profile `default`, and this machine's clock

    unknown: exit code 2
    error: `aws_account_id` cannot be discovered: sts:GetCallerIdentity: InvalidClientTokenId: The security token included in the request is invalid. (request id ........-....-....-....-............)
    error: `eks_cluster` cannot be discovered: eks:ListClusters: UnrecognizedClientException: The security token included in the request is invalid. (request id ........-....-....-....-............)
    hint: check that profile `default` belongs to partition `aws` of region `us-west-2`; a key made just now needs about ten seconds

    expired: exit code 2
    error: `aws_account_id` cannot be discovered: sts:GetCallerIdentity: ExpiredToken: The security token included in the request is expired (request id ........-....-....-....-............)
    error: `eks_cluster` cannot be discovered: eks:ListClusters: ExpiredTokenException: The security token included in the request is expired (request id ........-....-....-....-............)
    hint: renew the credentials of profile `default` (for SSO: `aws sso login --profile default`), then go on
    ");
    assert_eq!(practice.runs(), runs, "a run began without an account");
    assert!(!practice.env.home().join("ops").exists());
    served.stop();
}

#[test]
fn a_right_that_is_missing_makes_a_hand_off() {
    let practice = Practice::new();
    practice.make_world();
    practice.change_state("aws", |aws| {
        let allowed = [
            "eks:*",
            "sts:*",
            "s3:*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
        ];
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": allowed, "Resource": "*" },
        ] });
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        aws["policies"][arn]["versions"][0]["document"] = json!(policy.to_string());
    });
    let plan = practice.expect(6, &["plan"]);
    insta::assert_snapshot!(transcript_of_talk(&practice, &plan), @"
    exit code 6
    error: `iam:CreateRole`, `iam:TagRole`, `iam:UpdateAssumeRolePolicy`, `iam:AttachRolePolicy`, `iam:CreatePolicy`, `iam:TagPolicy`, `iam:CreatePolicyVersion`, `iam:CreateOpenIDConnectProvider`, `iam:TagOpenIDConnectProvider` seem to be missing; nothing was changed
    hint: `rok-deploy handoff` writes what an administrator needs to make it for you
    hint: `rok-deploy run` tries, and writes the same where it is refused
    ");

    let before = practice.meaning();
    let output = practice.expect(6, &["run", "--yes"]);
    // The three writes are tried at the same time; each refusal names the right.
    let told = transcript(&practice, &output);
    for right in ["CreateRole", "CreatePolicy", "CreateOpenIDConnectProvider"] {
        let hint = format!("hint: add `iam:{right}` to the caller's policy");
        assert!(told.contains(&hint), "{told}");
    }
    let closing = told.lines().skip_while(|line| !line.starts_with("error: "));
    let closing = closing.take_while(|line| !line.starts_with("note:"));
    insta::assert_snapshot!(closing.collect::<Vec<_>>().join("\n"), @"
    error: a right is missing
    hint: hand the folder of /tmp/rok-home-....../state/rok-deploy/runs/........T......Z-..../handoff/README.md to an administrator; the page says what is asked for, and why
    hint: all it takes is `aws cloudformation deploy --stack-name rok-us-west-2-arrikto-cluster --template-file /tmp/rok-home-....../state/rok-deploy/runs/........T......Z-..../handoff/s3-iam-resources.yaml --capabilities CAPABILITY_NAMED_IAM --region us-west-2 --tags rok-deploy/cluster=arrikto-cluster rok-deploy/recipe=rok-eks`, or `bash /tmp/rok-home-....../state/rok-deploy/runs/........T......Z-..../handoff/create-identity.sh`
    hint: then `rok-deploy resume ........T......Z-....` goes on
    ");
    assert_eq!(
        practice.meaning(),
        before,
        "a role without its policy is half of it"
    );
    let run = practice.run_of(&output);
    let stack = fs::read_to_string(run.join("handoff/s3-iam-resources.yaml")).expect("a hand-off");
    assert!(stack.contains(&format!("RoleName: {ROLE}\n")), "{stack}");
    assert!(stack.contains("Key: rok-deploy/cluster"), "{stack}");

    // The administrator gives the rights.
    practice.change_state("aws", |aws| {
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        aws["policies"][arn]["versions"][0]["document"] = json!(all);
    });
    practice.expect(0, &["resume"]);
}

#[test]
fn what_is_not_ours_is_never_overwritten() {
    let made_by_others: [(&str, Change); 3] = [
        ("untagged role", |aws| {
            aws["roles"][ROLE]["tags"] = json!({});
        }),
        ("another cluster's role", |aws| {
            aws["roles"][ROLE]["tags"]["rok-deploy/cluster"] = json!("other-cluster");
        }),
        ("another cluster's policy", |aws| {
            let arn = format!("arn:aws:iam::123451234512:policy/{ROLE}");
            aws["policies"][&arn]["tags"]["rok-deploy/cluster"] = json!("other-cluster");
        }),
    ];
    let mut told = Vec::new();
    for (name, change) in made_by_others {
        let practice = Practice::new();
        practice.journey();
        practice.change_state("aws", change);
        let (before, refs) = (practice.meaning(), practice.refs());
        practice.expect(4, &["plan"]);
        let output = practice.expect(4, &["run", "--yes"]);
        told.push(format!("{name}: {}", ended(&practice, &output)));
        assert_eq!(practice.meaning(), before, "{name}");
        assert_eq!(practice.refs(), refs, "{name}");
    }
    insta::assert_snapshot!(told.join("\n\n"), @"
    untagged role: exit code 4
    out: `aws.iam-role`: role `rok-us-west-2-arrikto-cluster` exists and is not ours: found no tag of this tool, expected rok-deploy/cluster=arrikto-cluster, rok-deploy/recipe=rok-eks; apart from that it is as intended; nothing was changed.
    CONFLICT     aws.iam-role              IAM role for the service account — role `rok-us-west-2-arrikto-cluster` exists and is not ours: found no tag of this tool, expected rok-deploy/cluster=arrikto-cluster, rok-deploy/recipe=rok-eks; apart from that it is as intended
    hint: `--set aws_adopt=role` takes it over: our tags are added, nothing else is changed
    hint: `--set aws_adopt=role@............` uses it exactly as it is now; nothing is written to it
    hint: `--set aws_s3_role=rok-us-west-2-arrikto-cluster-18407e` leaves it alone and takes another name

    another cluster's role: exit code 4
    out: `aws.overlap`: role `rok-us-west-2-arrikto-cluster` belongs to cluster `other-cluster`, whose names are computed the same; nothing was changed.
    CONFLICT     aws.iam-role              IAM role for the service account — role `rok-us-west-2-arrikto-cluster` exists and is not ours: found rok-deploy/cluster=other-cluster, rok-deploy/recipe=rok-eks, expected rok-deploy/cluster=arrikto-cluster, rok-deploy/recipe=rok-eks; apart from that it is as intended
    hint: `--set aws_s3_role=rok-us-west-2-arrikto-cluster-18407e` leaves it alone and takes another name
    hint: `--set aws_adopt=role` takes it away from whom its tags name, and makes these changes
    hint: `--set aws_adopt=role@............` uses it exactly as it is now; nothing is written to it
    CONFLICT     aws.overlap               Names and prefix are nobody else's — role `rok-us-west-2-arrikto-cluster` belongs to cluster `other-cluster`, whose names are computed the same
    hint: names that are nobody's: `--set aws_s3_bucket_prefix=rok-5c69adba-arrikto-cluster --set aws_s3_role=rok-5c69adba-arrikto-cluster`
    hint: if it is meant so: `--set aws_overlap_accept=yes`

    another cluster's policy: exit code 4
    out: `aws.iam-policy`: policy `rok-us-west-2-arrikto-cluster` exists and is not ours: found rok-deploy/cluster=other-cluster, rok-deploy/recipe=rok-eks, expected rok-deploy/cluster=arrikto-cluster, rok-deploy/recipe=rok-eks; apart from that it is as intended; nothing was changed.
    CONFLICT     aws.iam-policy            IAM policy for the bucket prefix — policy `rok-us-west-2-arrikto-cluster` exists and is not ours: found rok-deploy/cluster=other-cluster, rok-deploy/recipe=rok-eks, expected rok-deploy/cluster=arrikto-cluster, rok-deploy/recipe=rok-eks; apart from that it is as intended
    hint: `--set aws_s3_role=rok-us-west-2-arrikto-cluster-18407e` leaves it alone and takes another name
    hint: `--set aws_adopt=policy` takes it away from whom its tags name, and makes these changes
    hint: `--set aws_adopt=policy@............` uses it exactly as it is now; nothing is written to it
    ");
}

/// What somebody else did to the account.
type Change = fn(&mut Value);

fn ended_or_refused(practice: &Practice, output: &Output) -> String {
    if output.stderr.contains("Starts run") {
        ended(practice, output)
    } else {
        transcript(practice, output)
    }
}

/// A plan's own lines are long; here the talk about it counts.
fn transcript_of_talk(practice: &Practice, output: &Output) -> String {
    let told = transcript(practice, output);
    let talk: Vec<_> = told
        .lines()
        .filter(|line| !line.starts_with("out: "))
        .collect();
    talk.join("\n")
}
