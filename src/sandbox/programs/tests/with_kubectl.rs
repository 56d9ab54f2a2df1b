//! With the real kubectl, where it is installed: `cargo test -- --ignored kubectl`.

use tokio::process::Command;

use super::*;

const ACCOUNT_TEMPLATE: &str = include_str!(
    "../../../../templates/gitops/rok/rok-test/rok-verify-service-account-eks.yaml.j2"
);
const POD_TEMPLATE: &str =
    include_str!("../../../../templates/gitops/rok/rok-test/rok-verify-storage-access-eks.yaml.j2");

impl World {
    /// Runs the real kubectl.
    async fn kubectl(&self, arguments: &[&str]) -> Ended {
        let output = Command::new("kubectl")
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("KUBECONFIG", &self.sandbox.environment()["KUBECONFIG"])
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (text(output.stdout), text(output.stderr), code)
    }

    /// A command of kubectl that has to succeed.
    async fn kubectl_says(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.kubectl(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    }

    /// A file of the skeleton's `rok-test`, rendered.
    fn rendered(&self, name: &str, template: &str) -> String {
        let context = minijinja::context! {
            AWS_ACCOUNT_ID => ACCOUNT,
            AWS_DEFAULT_REGION => "us-west-2",
            AWS_S3_BUCKET_PREFIX => "rok-bucket",
            AWS_S3_ROLE => "rok",
            EKS_CLUSTER_OIDC => self.issuer().replace("https://", ""),
            ROK_CLUSTER_NAME => "rok",
            ROK_CLUSTER_NAMESPACE => "rok",
        };
        let rendered = minijinja::Environment::new().render_str(template, context);
        let path = self.directory.path().join(name);
        std::fs::write(&path, rendered.unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_follows_the_documented_verification() {
    let world = World::new().await;
    world.make_provider().await;
    world.make_role("system:serviceaccount:rok:rok").await;
    let account = world.rendered("account.yaml", ACCOUNT_TEMPLATE);
    let pod = world.rendered("pod.yaml", POD_TEMPLATE);

    let (_, said, code) = world.kubectl(&["create", "-f", &account]).await;
    let exists = format!(
        "Error from server (AlreadyExists): error when creating \"{account}\": serviceaccounts \"rok\" already exists\n"
    );
    assert_eq!((said, code), (exists, 1));
    let said = world.kubectl_says(&["create", "-f", &pod]).await;
    assert_eq!(said, "pod/rok-verify-storage-access created\n");
    let name = "rok-verify-storage-access";
    world
        .until(name, |pod| pod["status"]["phase"] == "Running")
        .await;
    let get = ["get", "pod", "-n", "rok", name, "-o"];
    let ready = "jsonpath={.status.phase} {.status.containerStatuses[*].ready}";
    let said = world.kubectl_says(&[&get[..], &[ready]].concat()).await;
    assert_eq!(said, "Running true");
    let described = world
        .kubectl_says(&["describe", "pod", "-n", "rok", name])
        .await;
    for line in [
        "AWS_ROLE_ARN:",
        "aws-iam-token",
        "Successfully assigned rok/rok-verify",
    ] {
        assert!(described.contains(line), "{described}");
    }

    let exec = ["exec", "-n", "rok", name, "--"];
    let exec = |command: &'static str| {
        let command: Vec<&str> = command.split(' ').collect();
        [&exec[..], &command].concat()
    };
    let environment = world.kubectl_says(&exec("env")).await;
    assert!(
        environment.contains("\nAWS_S3_BUCKET_PREFIX=rok-bucket\n"),
        "{environment}"
    );
    let read = exec("cat /var/run/secrets/eks.amazonaws.com/serviceaccount/token");
    let token = world.kubectl_says(&read).await;
    assert_eq!(token.split('.').count(), 3, "{token}");

    let list = exec("aws s3api list-object-versions --bucket rok-bucket-chocks-ca");
    let (_, said, code) = world.kubectl(&list).await;
    assert_eq!(code, 254);
    assert_eq!(
        said,
        "\nAn error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The specified bucket does not exist\ncommand terminated with exit code 254\n"
    );
    let create = exec(
        "aws s3api create-bucket --bucket rok-bucket-chocks-ca --region us-west-2 --create-bucket-configuration LocationConstraint=us-west-2",
    );
    let made = world.kubectl_says(&create).await;
    assert!(made.contains("\"Location\": "), "{made}");
    assert_eq!(world.kubectl_says(&list).await, "");

    let (_, said, code) = world.kubectl(&exec("teapot")).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("exec: \"teapot\": executable file not found in $PATH"),
        "{said}"
    );
    let delete = ["delete", "pod", "-n", "rok", name];
    let said = world.kubectl_says(&delete).await;
    assert!(
        said.starts_with("pod \"rok-verify-storage-access\" deleted"),
        "{said}"
    );
    world.until_gone(name).await;
    let (_, said, _) = world.kubectl(&get[..5]).await;
    assert_eq!(
        said,
        format!("Error from server (NotFound): pods \"{name}\" not found\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_tells_why_it_cannot_execute() {
    let world = World::new().await;
    let cluster = world.sandbox.cluster().unwrap();
    world.pod("ended", &["true"]).await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let said = async |pod: &str, more: &[&str]| {
        let arguments = [&["exec", "-n", "rok", pod], more, &["--", "env"]].concat();
        let (_, said, code) = world.kubectl(&arguments).await;
        assert_eq!(code, 1, "{said}");
        said
    };
    assert_eq!(
        said("gone", &[]).await,
        "Error from server (NotFound): pods \"gone\" not found\n"
    );
    assert_eq!(
        said("ended", &[]).await,
        "error: cannot exec into a container in a completed pod; current phase is Succeeded\n"
    );
    assert_eq!(
        said("probe", &["-c", "other"]).await,
        "Error from server (BadRequest): container other is not valid for pod probe\n"
    );
    cluster.sabotage(Sabotage::ExecBreaksAfterUpgrade).unwrap();
    let broken = said("probe", &[]).await;
    assert!(
        broken.contains("10250: connect: connection refused"),
        "{broken}"
    );
    cluster.sabotage(Sabotage::ExecRefused).unwrap();
    let refused = said("probe", &[]).await;
    assert!(
        refused.starts_with(
            "Error from server (Forbidden): pods \"probe\" is forbidden: ValidatingAdmissionPolicy"
        ),
        "{refused}"
    );
}
