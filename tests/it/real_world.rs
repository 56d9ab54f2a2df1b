//! What the operator's environment says about real clouds has no say in the practice cloud, and
//! what is wrong with it does no harm there.

use std::fs;

use crate::support::env::TestEnv;
use crate::support::identity::ROLE;
use crate::support::runs::{assert_code, planned, requests};

/// Nobody listens on the discard port, so whoever is sent there fails.
const NOBODY: &str = "http://127.0.0.1:9";

/// Runs the journey and sees that every request stayed on this machine.
fn assert_practises(place: &TestEnv) {
    assert_code(&place.run(&["run", "--sandbox", "--yes"]), 0);
    let targets: Vec<_> = requests(place)
        .iter()
        .map(|request| request["target"].as_str().expect("a target").to_owned())
        .collect();
    let here = |target: &String| {
        target.starts_with("http://127.0.0.1:")
            || target.starts_with("https://127.0.0.1:")
            || target.starts_with("file://")
    };
    assert!(
        !targets.is_empty() && targets.iter().all(here),
        "{targets:?}"
    );
}

#[test]
fn loopback_is_never_asked_through_a_proxy() {
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let names = names
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_lowercase()]);
    let place = names.fold(TestEnv::new(), |place, name| {
        place.with_variable(&name, NOBODY)
    });
    assert_practises(&place);
}

#[test]
fn answers_and_accounts_of_the_real_world_are_left_out() {
    let place = TestEnv::new();
    let kubeconfig = place.home().join("kubeconfig");
    let production = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: production\n\
         clusters: [{{name: production, cluster: {{server: \"{NOBODY}\"}}}}]\n\
         users: [{{name: production, user: {{token: none}}}}]\n\
         contexts: [{{name: production, context: {{cluster: production, user: production}}}}]\n"
    );
    fs::write(&kubeconfig, production).expect("the home is writable");
    let config = place.home().join("aws-config");
    let profile = format!(
        "[profile production]\nregion = eu-central-1\ncredential_process = /bin/false\n\
         endpoint_url = {NOBODY}\nuse_fips_endpoint = true\n"
    );
    fs::write(&config, profile).expect("the home is writable");
    let clone = place.home().join("production");
    let (kubeconfig, config, clone_text) = (
        kubeconfig.display().to_string(),
        config.display().to_string(),
        clone.display().to_string(),
    );
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIAPRODUCTION"),
        ("AWS_SECRET_ACCESS_KEY", "production"),
        ("AWS_SESSION_TOKEN", "production"),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_PROFILE", "production"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", NOBODY),
        ("AWS_ENDPOINT_URL_IAM", NOBODY),
        ("AWS_ACCOUNT_ID", "999999999999"),
        ("AWS_S3_ROLE", "production"),
        ("EKS_CLUSTER", "production"),
        (
            "EKS_CLUSTER_OIDC",
            "oidc.eks.eu-central-1.amazonaws.com/id/0",
        ),
        ("GITOPS_DIR", &clone_text),
        ("GITOPS_URL", "https://git.example.com/production.git"),
        ("KUBECONFIG", &kubeconfig),
        ("KUBE_CONTEXT", "production"),
        ("ROK_CLUSTER_NAME", "production"),
    ];
    let place = variables.into_iter().fold(place, |place, (name, value)| {
        place.with_variable(name, value)
    });
    let plan = place.run(&["plan", "--sandbox", "--output", "json"]);
    assert_eq!(planned(&plan, "aws.iam-role")["changes"][0]["name"], ROLE);
    assert_practises(&place);
    assert!(!clone.exists());
}

/// The SDK would refuse to start with each of these.
#[test]
fn wishes_that_only_fit_the_real_world_do_no_harm() {
    let absent = "/nonexistent/certificates.pem";
    let variables = [
        ("AWS_CA_BUNDLE", absent),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("SSL_CERT_FILE", absent),
    ];
    for (name, value) in variables {
        assert_practises(&TestEnv::new().with_variable(name, value));
    }
}
