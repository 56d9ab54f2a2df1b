//! The same on Azure: what S3Proxy and Rok share is made by us, stands encrypted in Git, and nowhere
//! in clear.

use std::fs;

use rok_deploy::clients::sops::{AgeKeys, Format, Keyring, open};

use super::{CONTROL, Operator};

const CREDENTIALS: &str =
    "rok/rok-external-services/s3proxy/overlays/deploy/secrets/credentials.env";
/// What the practice cloud tells of its Azure half.
const VARIABLES: [&str; 7] = [
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZ_SUBSCRIPTION",
    "ROK_AZURE_ARM_ENDPOINT",
    "SSL_CERT_FILE",
];

impl Operator {
    /// Logs in as the service principal of the practice subscription.
    fn log_in_to_azure(&mut self) {
        for name in VARIABLES {
            let value = self.cloud.variable(name).to_owned();
            self.export(name, value);
        }
        let secret = self.cloud.variable("AZURE_CLIENT_SECRET");
        self.marks.add("client secret", secret);
        let kubeconfig = fs::read_to_string(self.cloud.variable("KUBECONFIG"));
        let kubeconfig = kubeconfig.expect("the practice cloud has a kubeconfig");
        let tokens = kubeconfig
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("token: "));
        for token in tokens {
            self.marks.add("token of a cluster", token);
        }
    }

    /// The private key that the first run made.
    fn age_keys(&self) -> AgeKeys {
        let keyring = Keyring::at(self.home("config/rok-deploy/age.key"));
        let keys = keyring.keys().expect("the key can be read");
        keys.expect("the first run made it")
    }

    /// Marks the private key, and the credentials as they are in the clone now.
    fn mark_credentials(&mut self, when: &str) {
        let file = self.home("config/rok-deploy/age.key");
        let file = fs::read_to_string(file).expect("the first run made it");
        let is_key = |line: &&str| line.starts_with("AGE-SECRET-KEY-");
        let key = file.lines().find(is_key).expect("it holds a key");
        self.marks.add("private key", key);
        let path = self.home("ops/deployments").join(CREDENTIALS);
        let sealed = fs::read_to_string(path).expect("the run wrote it");
        let opened = open(Format::Dotenv, CREDENTIALS, &sealed, &self.age_keys());
        let opened = opened.expect("the key opens it");
        let lines = opened.text.expose().lines();
        let values: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
        assert_eq!(values.len(), 2, "an identity and a credential");
        for (name, value) in values {
            self.marks.add(&format!("{name} {when}"), value);
        }
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_s3proxy_and_rok_share_is_nowhere_in_clear() {
    let mut operator = Operator::new();
    operator.log_in_to_azure();
    let identity = format!("az_managed_identity={CONTROL}");
    let chosen = ["--recipe", "rok-aks", "--set", &identity];
    operator.run(3, &[&["plan"], &chosen[..]].concat());
    operator.run(3, &[&["plan", "--output", "json"], &chosen[..]].concat());
    let run = operator.run(0, &[&["run", "--yes"], &chosen[..]].concat());
    operator.mark_credentials("of the first run");
    let id = Operator::run_id(&run);
    operator.run(
        0,
        &[&["run", "--yes", "--output", "json"], &chosen[..]].concat(),
    );
    operator.run(0, &[&["verify"], &chosen[..]].concat());
    operator.run(0, &["rotate", "--yes"]);
    operator.mark_credentials("after they were rotated");
    operator.run(0, &["runs", &id]);
    operator.run(0, &["replay", &id, "--output", "json"]);
    operator.run(0, &["runs", "export", &id, "-o", "case.tar.gz"]);
    operator.open_archive("case.tar.gz");
    operator.gather();

    let places = &operator.places;
    assert_eq!(places.find(&operator.marks), [""; 0]);
    for place in [
        "stdout of command 1",
        "stdout of command 2",
        "stderr of command 3",
        "stdout of command 4",
        &format!("state/runs/{id}/journal.jsonl"),
        "clone/deploy/",
        "objects of the clone",
        "objects of the remote",
        "archive",
    ] {
        places.assert_read(place, CONTROL);
    }
    for place in ["objects of the clone", "objects of the remote"] {
        places.assert_read(place, "ENC[AES256_GCM,");
    }
    places.assert_read("children/git.", "ENV LANG=C.UTF-8");
}
