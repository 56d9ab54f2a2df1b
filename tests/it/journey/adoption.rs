//! Journeys in an account where objects of our names are there already, and are not ours.

use super::*;

fn policy_arn() -> String {
    format!("arn:aws:iam::123451234512:policy/{ROLE}")
}

/// A world in which somebody has made everything, with a statement of their own in the trust policy.
fn made_by_others() -> (Practice, Value) {
    let practice = Practice::new();
    practice.journey();
    let theirs = json!({
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::123451234512:user/operator" },
        "Action": ["sts:AssumeRole"],
    });
    practice.change_state("aws", |aws| {
        aws["roles"][ROLE]["tags"] = json!({ "owner": "others" });
        aws["policies"][policy_arn()]["tags"] = json!({});
        let mut trust = document(&aws["roles"][ROLE]["trust"]["current"]);
        trust["Statement"][0] = theirs.clone();
        aws["roles"][ROLE]["trust"]["current"] = trust.to_string().into();
    });
    (practice, theirs)
}

fn choice_values(plan: &Value, step: &str) -> Vec<String> {
    let tasks = plan["tasks"].as_array().expect("tasks");
    let mut steps = tasks
        .iter()
        .flat_map(|task| task["steps"].as_array().expect("steps"));
    let found = steps.find(|found| found["id"] == step).expect("the step");
    let choices = found["choices"].as_array().expect("choices").iter();
    choices
        .map(|choice| choice["value"].as_str().expect("a value").to_owned())
        .collect()
}

fn env_file(practice: &Practice) -> String {
    let path = practice.clone().join("deploy/env.cloudidentity");
    fs::read_to_string(path).expect("it was rendered")
}

fn assert_unchanged_by_another_run(practice: &Practice) {
    let (meaning, refs) = (practice.meaning(), practice.refs());
    let again = practice.journey();
    assert_eq!(writes(&practice.run_of(&again)), [Value::Null; 0]);
    assert_eq!((practice.meaning(), practice.refs()), (meaning, refs));
}

#[test]
fn what_others_made_is_taken_over_on_an_answer_that_lasts() {
    let (practice, theirs) = made_by_others();
    let before = practice.meaning();
    let plan = practice.expect(4, &["plan"]);
    for said in [
        "`--set aws_adopt=role` takes it over and makes these changes",
        "`--set aws_adopt=policy` takes it over: our tags are added, nothing else is changed",
        "`--set aws_adopt=policy,role` does the first of each at once",
        "- trust: ",
    ] {
        assert!(plan.stdout.contains(said), "{said}: {}", plan.stdout);
    }
    let run = practice.expect(4, &["run", "--yes"]);
    assert!(
        run.stderr.contains("`--set aws_adopt=policy,role`"),
        "{}",
        run.stderr
    );
    assert_eq!(practice.meaning(), before, "nobody has decided");
    let half = practice.expect(4, &["run", "--yes", "--set", "aws_adopt=policy"]);
    assert!(
        half.stderr.contains("`--set aws_adopt=policy,role`"),
        "{}",
        half.stderr
    );
    assert_eq!(
        practice.meaning(),
        before,
        "half of it is no decision about the rest"
    );

    let taken = practice.expect(0, &["run", "--yes", "--set", "aws_adopt=role,policy"]);
    let writes = writes(&practice.run_of(&taken));
    let of_iam: Vec<_> = writes
        .iter()
        .filter_map(|write| write["operation"].as_str())
        .filter(|operation| operation.starts_with("iam:"))
        .collect();
    let mut sorted = of_iam.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        ["iam:TagPolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy"]
    );
    let role = &practice.state("aws")["roles"][ROLE];
    let trust = document(&role["trust"]["current"]);
    assert_eq!(trust["Statement"][0], theirs, "theirs stays");
    assert_eq!(trust["Statement"].as_array().map(Vec::len), Some(2));
    assert_eq!(role["tags"]["owner"], "others");
    assert_eq!(role["tags"]["rok-deploy/cluster"], "arrikto-cluster");
    assert!(env_file(&practice).contains("\nAWS_ADOPT=policy,role\n"));
    assert_unchanged_by_another_run(&practice);
}

#[test]
fn what_others_made_is_used_as_it_is_until_it_changes() {
    let (practice, _) = made_by_others();
    practice.change_state("aws", |aws| {
        // Theirs, and the one that lets us in.
        let mut trust = document(&aws["roles"][ROLE]["trust"]["current"]);
        let stack = json!({
            "Effect": "Allow",
            "Principal": { "Federated": aws["providers"].as_object().expect("providers").keys().next() },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringLike": {
                (format!("{}:sub", aws["clusters"]["arrikto-cluster"]["issuer"].as_str().expect("an issuer").trim_start_matches("https://"))): "system:serviceaccount:rok:*",
            } },
        });
        trust["Statement"].as_array_mut().expect("a list").push(stack);
        aws["roles"][ROLE]["trust"]["current"] = trust.to_string().into();
    });
    let objects = |practice: &Practice| {
        let aws = practice.state("aws");
        (aws["roles"].clone(), aws["policies"].clone())
    };
    let before = objects(&practice);
    let plan = practice.expect(4, &["plan", "--output", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("a document");
    let kept = |step: &str| {
        let values = choice_values(&plan, step).into_iter();
        values
            .filter(|value| value.contains('@'))
            .collect::<Vec<_>>()
            .join(",")
    };
    let answer = format!(
        "aws_adopt={},{}",
        kept("aws.iam-role"),
        kept("aws.iam-policy")
    );
    practice.expect(0, &["run", "--yes", "--set", &answer]);
    assert_eq!(objects(&practice), before, "nothing is written to them");
    assert!(
        env_file(&practice).contains("\nAWS_ADOPT=policy@"),
        "{}",
        env_file(&practice)
    );
    assert_unchanged_by_another_run(&practice);
    practice.expect(0, &["verify"]);

    practice.change_state("aws", |aws| {
        let trust = &mut aws["roles"][ROLE]["trust"]["current"];
        let widened = trust.as_str().expect("a document").replace("rok:*", "*");
        *trust = widened.into();
    });
    let changed = practice.expect(4, &["plan"]);
    let said = format!("was accepted as `{}`", kept("aws.iam-role"));
    assert!(changed.stdout.contains(&said), "{}", changed.stdout);
}

#[test]
fn a_decision_about_one_name_says_nothing_about_another() {
    let (practice, _) = made_by_others();
    practice.expect(0, &["run", "--yes", "--set", "aws_adopt=role,policy"]);
    practice.change_state("aws", |aws| {
        let mut role = aws["roles"][ROLE].clone();
        role["name"] = "other".into();
        role["tags"] = json!({});
        aws["roles"]["other"] = role;
    });
    let plan = practice.expect(4, &["plan", "--set", "aws_s3_role=other"]);
    assert!(
        plan.stdout.contains("`--set aws_adopt=role` takes it over"),
        "{}",
        plan.stdout
    );
}

#[test]
fn what_is_no_decision_is_an_answer_that_cannot_be_right() {
    let practice = Practice::new();
    let output = practice.expect(2, &["plan", "--set", "aws_adopt=everything"]);
    assert!(
        output
            .stderr
            .contains("`aws_adopt` holds `everything`; expected `role`"),
        "{output:?}"
    );
}

#[test]
fn path_and_boundary_get_everywhere_and_are_kept() {
    let practice = Practice::new();
    practice.make_world();
    let boundary = "arn:aws:iam::123451234512:policy/boundary";
    practice.change_state("aws", |aws| {
        let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
        let mut policy = aws["policies"][everything].clone();
        policy["arn"] = boundary.into();
        policy["name"] = "boundary".into();
        aws["policies"][boundary] = policy;
    });
    let bounded = format!("aws_permissions_boundary={boundary}");
    let answers = ["--set", "aws_iam_path=/team/", "--set", &bounded];
    practice.expect(0, &[&["run", "--yes"], &answers[..]].concat());
    let role = practice.state("aws")["roles"][ROLE].clone();
    assert_eq!(
        (&role["path"], &role["grants"]["boundary"]),
        (&json!("/team/"), &json!(boundary))
    );
    let arn = format!("arn:aws:iam::123451234512:role/team/{ROLE}");
    for file in [
        "rok/rok-cluster/overlays/deploy/patches/storage.yaml",
        "rok/rok-test/rok-verify-service-account-eks.yaml",
    ] {
        let text = fs::read_to_string(practice.clone().join(file)).expect("it was rendered");
        assert!(text.contains(&format!(": {arn}\n")), "{text}");
    }
    let env = env_file(&practice);
    for line in [
        "AWS_IAM_PATH=/team/",
        &format!("AWS_PERMISSIONS_BOUNDARY={boundary}"),
    ] {
        assert!(env.contains(&format!("\n{line}\n")), "{env}");
    }
    assert_unchanged_by_another_run(&practice);

    // The boundary counts: it lets nothing through any more.
    practice.change_state("aws", |aws| {
        let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        aws["policies"][boundary]["versions"][0]["document"] = nothing.into();
    });
    practice.expect(5, &["verify"]);
}

#[test]
fn another_role_and_path_get_into_files_that_were_rendered_before() {
    let practice = Practice::new();
    practice.journey();
    let answers = [
        "--set",
        "aws_iam_path=/team/",
        "--set",
        "aws_s3_role=rok-team",
    ];
    practice.expect(0, &[&["run", "--yes"], &answers[..]].concat());
    let storage = "rok/rok-cluster/overlays/deploy/patches/storage.yaml";
    let text = fs::read_to_string(practice.clone().join(storage)).expect("it was rendered");
    let arn = "AWSRoleARN: arn:aws:iam::123451234512:role/team/rok-team\n";
    assert!(
        text.contains(arn),
        "ours is no edit of the operator: {text}"
    );
    assert_unchanged_by_another_run(&practice);
}
