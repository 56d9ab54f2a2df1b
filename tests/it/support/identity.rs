//! The cloud identity that `rok-eks` promises, read back by the AWS CLI.

use serde_json::{Value, json};

use super::peers::{Aws, CLUSTER};

/// The documented names for cluster `arrikto-cluster` and Rok cluster `rok/rok` in us-west-2.
pub const ROLE: &str = "rok-us-west-2-arrikto-cluster";

/// What has to be in one account for one issuer.
pub struct Identity {
    pub account: String,
    pub issuer: String,
}

impl Identity {
    pub fn bucket_prefix(&self) -> String {
        format!("rok-{}-us-west-2-arrikto-cluster", self.account)
    }

    pub fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{ROLE}", self.account)
    }

    pub fn policy_arn(&self) -> String {
        format!("arn:aws:iam::{}:policy/{ROLE}", self.account)
    }

    pub fn provider_arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:oidc-provider/{}",
            self.account, self.issuer
        )
    }

    /// The trust policy that admits one service account, by `sub` and by `aud`.
    pub fn trust(&self, subject: &str) -> Value {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": self.provider_arn()},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {
                    format!("{}:sub", self.issuer): subject,
                    format!("{}:aud", self.issuer): "sts.amazonaws.com",
                }},
            }],
        })
    }

    /// Everything of it is there and as documented, whoever made it.
    pub fn assert_in(&self, aws: &Aws) {
        let role = &aws.call(&["iam", "get-role", "--role-name", ROLE])["Role"];
        assert_eq!(role["Arn"], self.role_arn());
        assert_eq!(
            role["AssumeRolePolicyDocument"],
            self.trust("system:serviceaccount:rok:rok")
        );
        assert_ours(&role["Tags"]);

        let attached = aws.call(&["iam", "list-attached-role-policies", "--role-name", ROLE]);
        assert_eq!(
            attached["AttachedPolicies"],
            json!([{"PolicyName": ROLE, "PolicyArn": self.policy_arn()}])
        );
        let prefix = self.bucket_prefix();
        assert_eq!(
            self.policy_document(aws),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": [
                        format!("arn:aws:s3:::{prefix}*"),
                        format!("arn:aws:s3:::{prefix}*/*"),
                    ],
                }],
            })
        );

        let provider = self.provider(aws);
        assert_eq!(provider["ClientIDList"], json!(["sts.amazonaws.com"]));
        // Ministack spells the scheme out; AWS leaves it away.
        let url = provider["Url"].as_str().expect("a provider has a URL");
        assert_eq!(url.trim_start_matches("https://"), self.issuer);
    }

    /// What a run made itself carries its tags, except for the attachment, which cannot.
    pub fn assert_tagged_in(&self, aws: &Aws) {
        let policy = aws.call(&["iam", "get-policy", "--policy-arn", &self.policy_arn()]);
        assert_ours(&policy["Policy"]["Tags"]);
        assert_ours(&self.provider(aws)["Tags"]);
    }

    fn policy_document(&self, aws: &Aws) -> Value {
        let arn = self.policy_arn();
        let policy = aws.call(&["iam", "get-policy", "--policy-arn", &arn]);
        let version = policy["Policy"]["DefaultVersionId"]
            .as_str()
            .expect("a policy has a default version");
        let mut version = aws.call(&[
            "iam",
            "get-policy-version",
            "--policy-arn",
            &arn,
            "--version-id",
            version,
        ]);
        version["PolicyVersion"]["Document"].take()
    }

    fn provider(&self, aws: &Aws) -> Value {
        aws.call(&[
            "iam",
            "get-open-id-connect-provider",
            "--open-id-connect-provider-arn",
            &self.provider_arn(),
        ])
    }
}

/// Nothing of ours is in the account.
pub fn assert_nothing_made_in(aws: &Aws) {
    let policies = aws.call(&["iam", "list-policies", "--scope", "Local"]);
    assert_eq!(policies["Policies"], json!([]));
    let providers = aws.call(&["iam", "list-open-id-connect-providers"]);
    assert_eq!(providers["OpenIDConnectProviderList"], json!([]));
}

fn assert_ours(tags: &Value) {
    let value = |key: &str| {
        let tags = tags.as_array()?;
        let tag = tags.iter().find(|tag| tag["Key"] == key)?;
        tag["Value"].as_str()
    };
    assert_eq!(value("rok-deploy/cluster"), Some(CLUSTER), "{tags}");
    assert_eq!(value("rok-deploy/recipe"), Some("rok-eks"), "{tags}");
}
