//! The real AWS CLI beside ours, with the same variables and the same token, against the same account.
//!
//! Version 1 of it is what can be had from a registry: it says the same, with other exit codes.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::*;

fn installed() -> PathBuf {
    let peers = std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    );
    peers.join("awscli/bin/aws")
}

impl World {
    /// Runs the real CLI as if it were in the Pod `probe`.
    async fn real(&self, arguments: &[&str]) -> (String, String) {
        let (environment, ..) = self.exec("probe", "env").await;
        let (token, ..) = self
            .exec(
                "probe",
                "cat /var/run/secrets/eks.amazonaws.com/serviceaccount/token",
            )
            .await;
        let home = TempDir::new().unwrap();
        let file = home.path().join("token");
        std::fs::write(&file, token).unwrap();
        // Version 2 writes times in this form by itself.
        let config = home.path().join("config");
        std::fs::write(&config, "[default]\ncli_timestamp_format = iso8601\n").unwrap();
        let variables = environment.lines().filter_map(|line| line.split_once('='));
        let variables = variables.filter(|(name, _)| name.starts_with("AWS_"));
        let output = Command::new(installed())
            .args(arguments)
            .env_clear()
            .envs(variables)
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", &file)
            .env(
                "AWS_ENDPOINT_URL",
                &self.sandbox.environment()["AWS_ENDPOINT_URL"],
            )
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .output()
            .await
            .expect("the AWS CLI is installed");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }

    /// Both say the same. Returns what they print.
    async fn assert_agreed(&self, command: &str) -> String {
        let (stdout, stderr, _) = self.exec("probe", command).await;
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let (real_stdout, real_stderr) = self.real(&arguments).await;
        let real_stderr = real_stderr.trim().trim_start_matches("aws: [ERROR]: ");
        assert_eq!(stderr.trim(), real_stderr, "{command}");
        assert_eq!(masked(&stdout), masked(&real_stdout), "{command}");
        stdout
    }
}

/// What was printed, without what differs: the name of the session from call to call, and two
/// members that newer versions add to lists.
fn masked(output: &str) -> Value {
    let Ok(Value::Object(mut document)) = serde_json::from_str(output) else {
        return if output.is_empty() {
            json!({})
        } else {
            json!(output)
        };
    };
    document.remove("RequestCharged");
    document.remove("Prefix");
    for value in document.values_mut() {
        if let Some((start, _)) = value
            .as_str()
            .and_then(|text| text.split_once("/botocore-session-"))
        {
            *value = start.into();
        }
    }
    // The id of a session ends with its name, too.
    if let Some((id, _)) = document
        .get("UserId")
        .and_then(Value::as_str)
        .and_then(|id| id.split_once(':'))
    {
        document.insert("UserId".into(), id.to_owned().into());
    }
    document.into()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers of tests/run"]
async fn the_real_aws_cli_says_the_same() {
    let world = World::new().await;
    world.pod("probe", &["sleep", "infinity"]).await;
    world.assert_agreed(LIST).await;
    world.make_provider().await;
    world.assert_agreed(LIST).await;
    world.assert_agreed("aws sts get-caller-identity").await;
    world.make_role("system:serviceaccount:rok:rok").await;
    world.assert_agreed("aws sts get-caller-identity").await;
    let arn = "aws sts get-caller-identity --query Account --output text";
    assert_eq!(world.assert_agreed(arn).await, format!("{ACCOUNT}\n"));
    world.assert_agreed(LIST).await;
    world.exec("probe", CREATE).await;
    assert_eq!(world.assert_agreed(LIST).await, "");
    world
        .assert_agreed("aws s3api list-object-versions --bucket elsewhere")
        .await;
    world
        .assert_agreed("aws s3api create-bucket --bucket elsewhere")
        .await;

    for key in ["a", "b", "c"] {
        let put = format!("s3api put-object --bucket rok-chocks-ca --key {key}");
        let arguments: Vec<&str> = put.split(' ').collect();
        let (_, said) = world.real(&arguments).await;
        assert_eq!(said, "");
    }
    let listed = world.assert_agreed(LIST).await;
    assert!(listed.contains("NextToken"), "{listed}");
    let all = "aws s3api list-object-versions --bucket rok-chocks-ca";
    assert!(world.assert_agreed(all).await.contains("\"Key\": \"c\""));
}
