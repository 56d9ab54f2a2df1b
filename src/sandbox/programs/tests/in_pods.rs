//! What the programs say in Pods, with kube's own client.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_comes_by_its_bucket_step_by_step() {
    let world = World::new().await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let assume = "when calling the AssumeRoleWithWebIdentity operation:";
    let words = format!(
        "An error occurred (InvalidIdentityToken) {assume} No OpenIDConnect provider found in your account for {}",
        world.issuer()
    );
    world.refused(LIST, &words, 254).await;
    world.make_provider().await;
    let words = format!(
        "An error occurred (AccessDenied) {assume} Not authorized to perform sts:AssumeRoleWithWebIdentity"
    );
    world.refused(LIST, &words, 254).await;
    world.make_role("system:serviceaccount:rok:rok").await;

    let (identity, _, code) = world.exec("probe", "aws sts get-caller-identity").await;
    assert_eq!(code, 0);
    let lines: Vec<&str> = identity.lines().collect();
    assert!(lines[1].starts_with("    \"UserId\": \"AROA"), "{identity}");
    assert_eq!(lines[2], "    \"Account\": \"123451234512\",");
    assert!(
        lines[3].starts_with(
            "    \"Arn\": \"arn:aws:sts::123451234512:assumed-role/rok/botocore-session-"
        ),
        "{identity}"
    );

    let words = "An error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The specified bucket does not exist";
    world.refused(LIST, words, 254).await;
    let (made, _, code) = world.exec("probe", CREATE).await;
    assert_eq!(code, 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["Location"].is_string(), "{made}");
    assert_eq!(world.exec("probe", LIST).await, Ended::default());
    let words = "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access Denied";
    let elsewhere = "aws s3api list-object-versions --bucket elsewhere";
    world.refused(elsewhere, words, 254).await;
    let words =
        "An error occurred (AccessDenied) when calling the CreateBucket operation: Access Denied";
    world
        .refused(&CREATE.replace("rok-chocks-ca", "elsewhere"), words, 254)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_an_identity_is_its_node_and_may_nothing() {
    let world = World::new().await;
    let cluster = world.sandbox.cluster().unwrap();
    cluster.sabotage(Sabotage::WebhookOff).unwrap();
    world.pod("probe", &["sleep", "infinity"]).await;
    let region = "aws --region us-west-2";
    let ask = format!("{region} sts get-caller-identity --query Arn --output text");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{NODE_ROLE}/i-0practice00000001\n");
    assert_eq!(world.exec("probe", &ask).await, (arn, String::new(), 0));
    let words = "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access Denied";
    world
        .refused(&format!("{LIST} --region us-west-2"), words, 254)
        .await;
    cluster.sabotage(Sabotage::NodeRoleOutOfReach).unwrap();
    let words =
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".";
    world.refused(&ask, words, 253).await;
    let words = "You must specify a region. You can also configure your region by running \"aws configure\".";
    world
        .refused("aws sts get-caller-identity", words, 253)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_issuer_are_not_known_to_aws() {
    let world = World::new().await;
    world.make_provider().await;
    world.make_role("system:serviceaccount:rok:rok").await;
    let other = Sabotage::OtherIssuer("https://oidc.eks.us-west-2.amazonaws.com/id/0".into());
    world.sandbox.cluster().unwrap().sabotage(other).unwrap();
    world.pod("probe", &["sleep", "infinity"]).await;
    let words = "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://oidc.eks.us-west-2.amazonaws.com/id/0";
    world
        .refused("aws sts get-caller-identity", words, 254)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leaves_its_output_as_last_words() {
    let world = World::new().await;
    let ended = async |name: &str, command: &[&str]| {
        let shell = ["sh", "-c", r#"exec "$@" >/dev/termination-log 2>&1"#, "sh"];
        world.pod(name, &[&shell, command].concat()).await;
        let is_finished = |pod: &Value| {
            pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
        };
        let pod = world.until(name, is_finished).await;
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        let message = ended["message"].as_str().unwrap_or_default().to_owned();
        (ended["exitCode"].as_i64().unwrap(), message)
    };
    let token = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
    let (code, read) = ended("token", &["cat", token]).await;
    assert_eq!((code, read.split('.').count()), (0, 3), "{read}");
    let (code, said) = ended("list", &LIST.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(code, 254);
    assert!(
        said.starts_with("\nAn error occurred (InvalidIdentityToken)"),
        "{said}"
    );
    assert_eq!(
        ended("odd", &["teapot"]).await,
        (127, "sh: 1: exec: teapot: not found\n".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_look_around_in_a_pod() {
    let world = World::new().await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let stdout = async |command: &str| {
        let (stdout, stderr, code) = world.exec("probe", command).await;
        assert_eq!((stderr.as_str(), code), ("", 0), "{command}");
        stdout
    };
    let environment = stdout("env").await;
    assert!(
        environment.contains(&format!("\nAWS_ROLE_ARN={ROLE}\n")),
        "{environment}"
    );
    let file = stdout("printenv AWS_WEB_IDENTITY_TOKEN_FILE").await;
    assert_eq!(
        file,
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/token\n"
    );
    let token = stdout(&format!("cat {}", file.trim())).await;
    let claims = stdout(&format!("cut -d. -f2 {}", file.trim())).await;
    assert_eq!(claims.trim(), token.split('.').nth(1).unwrap());
    assert_eq!(stdout("echo a b").await, "a b\n");
    assert!(stdout("aws --version").await.starts_with("aws-cli/2."));
    assert_eq!(stdout("sleep 0").await, "");
    assert_eq!(
        world.exec("probe", "printenv NOTHING").await,
        (String::new(), String::new(), 1)
    );
    let (_, said, code) = world.exec("probe", "cat /nothing").await;
    assert_eq!(
        (said.as_str(), code),
        ("cat: /nothing: No such file or directory\n", 1)
    );
    let (_, said, code) = world.exec("probe", "sh -c ls").await;
    assert_eq!(code, 127, "{said}");
    let (_, said, code) = world
        .exec("probe", "aws s3api list-object-versions --teapot 1")
        .await;
    assert_eq!(code, 252);
    assert!(
        said.ends_with("aws: error: Unknown options: --teapot, 1\n"),
        "{said}"
    );
}
