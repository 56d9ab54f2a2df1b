//! The AWS command line as a second opinion on the wire formats.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::practice::{ACCOUNT, ISSUER, KEY, Practice, REGION, SECRET, role_arn, storage_policy};

/// `aws` with a home of its own, so that neither settings nor cached credentials leak in.
struct Cli {
    endpoint: String,
    home: TempDir,
}

impl Cli {
    async fn run(&self, keys: &[(&str, &str)], arguments: &[&str]) -> Result<Value, String> {
        let nothing = self.home.path().join("none");
        std::fs::write(&nothing, "").unwrap();
        let output = Command::new("aws")
            .args(arguments)
            .args(["--output", "json"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("AWS_CONFIG_FILE", &nothing)
            .env("AWS_SHARED_CREDENTIALS_FILE", &nothing)
            .env("AWS_PAGER", "")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_MAX_ATTEMPTS", "1")
            .envs(keys.iter().copied())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        if output.status.success() {
            let text = String::from_utf8(output.stdout).unwrap();
            Ok(if text.trim().is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&text).unwrap()
            })
        } else {
            Err(String::from_utf8(output.stderr).unwrap().trim().to_owned())
        }
    }
}

#[tokio::test]
#[ignore = "needs the aws program, and half a second for each call"]
async fn aws_cli_reads_the_practice_cloud() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let cli = Cli {
        endpoint: practice.server.endpoint(),
        home: tempfile::tempdir().unwrap(),
    };
    let operator = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let ask = async |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        cli.run(&operator, &arguments).await
    };

    let me = ask("sts get-caller-identity").await.unwrap();
    assert_eq!(me["Arn"], "arn:aws:iam::123451234512:user/operator");
    let clusters = ask("eks list-clusters").await.unwrap();
    assert_eq!(
        clusters["clusters"],
        json!(["arrikto-cluster", "other-cluster"])
    );
    let cluster = ask("eks describe-cluster --name arrikto-cluster")
        .await
        .unwrap();
    assert_eq!(cluster["cluster"]["identity"]["oidc"]["issuer"], ISSUER);
    let absent = ask("eks describe-cluster --name nowhere")
        .await
        .unwrap_err();
    assert!(
        absent.ends_with(
            "An error occurred (ResourceNotFoundException) when calling the DescribeCluster \
         operation: No cluster found for name: nowhere."
        ),
        "{absent}"
    );
    let role = ask("iam get-role --role-name rok").await.unwrap();
    assert_eq!(role["Role"]["Arn"], role_arn("rok"));
    let statement = &role["Role"]["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
    let attached = ask("iam list-attached-role-policies --role-name rok")
        .await
        .unwrap();
    let arn = attached["AttachedPolicies"][0]["PolicyArn"]
        .as_str()
        .unwrap();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:policy/rok"));
    let policy = ask(&format!("iam get-policy --policy-arn {arn}"))
        .await
        .unwrap();
    assert_eq!(policy["Policy"]["DefaultVersionId"], "v1");
    let version = format!("iam get-policy-version --policy-arn {arn} --version-id v1");
    let version = ask(&version).await.unwrap();
    let document: Value = serde_json::from_str(&storage_policy("rok-prefix")).unwrap();
    assert_eq!(version["PolicyVersion"]["Document"], document);
    let providers = ask("iam list-open-id-connect-providers").await.unwrap();
    let provider = providers["OpenIDConnectProviderList"][0]["Arn"]
        .as_str()
        .unwrap();
    let provider =
        format!("iam get-open-id-connect-provider --open-id-connect-provider-arn {provider}");
    let provider = ask(&provider).await.unwrap();
    assert_eq!(provider["Url"], ISSUER.trim_start_matches("https://"));

    let assume = format!(
        "sts assume-role-with-web-identity --role-session-name cli --role-arn {} \
         --web-identity-token {}",
        role_arn("rok"),
        practice.token()
    );
    let session = ask(&assume).await.unwrap();
    let credentials = &session["Credentials"];
    let text = |name: &str| credentials[name].as_str().unwrap();
    let keys = [
        ("AWS_ACCESS_KEY_ID", text("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", text("SessionToken")),
    ];
    let rok = async |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        cli.run(&keys, &arguments).await
    };
    let list = "s3api list-object-versions --bucket rok-prefix-chocks-ca";
    let absent = rok(list).await.unwrap_err();
    assert!(
        absent.ends_with(
            "An error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The \
         specified bucket does not exist"
        ),
        "{absent}"
    );
    let create = "s3api create-bucket --bucket rok-prefix-chocks-ca --region us-west-2 \
                  --create-bucket-configuration LocationConstraint=us-west-2";
    let created = rok(create).await.unwrap();
    assert_eq!(
        created["Location"],
        "http://rok-prefix-chocks-ca.s3.amazonaws.com/"
    );
    rok(list).await.unwrap();
    let body = cli.home.path().join("body");
    std::fs::write(&body, "hello").unwrap();
    let put = format!(
        "s3api put-object --bucket rok-prefix-chocks-ca --key dir/hello --body {}",
        body.display()
    );
    rok(&put).await.unwrap();
    let versions = rok(list).await.unwrap();
    assert_eq!(versions["Versions"][0]["Key"], "dir/hello");
    let denied = rok("s3api list-object-versions --bucket elsewhere")
        .await
        .unwrap_err();
    assert!(denied.ends_with(
        "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access \
         Denied"
    ), "{denied}");
    let buckets = ask("s3api list-buckets --prefix rok-").await.unwrap();
    assert_eq!(buckets["Buckets"][0]["Name"], "rok-prefix-chocks-ca");
}
