//! Whose buckets a policy is about, and whether two installations would share some.

use serde_json::Value;

use crate::steps::aws::policy::list;

/// Another installation, as its policy shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Neighbour {
    /// The name of its policy, which is the name of its role.
    pub(super) name: String,
    /// The cluster that its tags name.
    pub(super) cluster: Option<String>,
    /// Its buckets.
    pub(super) buckets: Buckets,
}

/// The buckets that a policy gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Buckets {
    /// Every bucket whose name starts so.
    Prefix(String),
    /// This one.
    One(String),
}

impl Buckets {
    /// Returns the text that names of the buckets start with.
    pub(super) fn beginning(&self) -> &str {
        match self {
            Self::Prefix(text) | Self::One(text) => text,
        }
    }

    /// Whether a bucket can be one of these and start with `prefix` too.
    pub(super) fn meet(&self, prefix: &str) -> bool {
        match self {
            Self::Prefix(own) => own.starts_with(prefix) || prefix.starts_with(own.as_str()),
            Self::One(own) => own.starts_with(prefix),
        }
    }
}

/// Returns what an identity policy gives of S3 by name. A policy for all buckets is no
/// installation's.
pub(super) fn granted(document: &Value) -> Vec<Buckets> {
    let mut found = Vec::new();
    let allows = list(&document["Statement"]).iter();
    for statement in allows.filter(|statement| statement["Effect"] == "Allow") {
        for resource in list(&statement["Resource"]) {
            let buckets = resource.as_str().and_then(buckets_of);
            found.extend(buckets.filter(|buckets| !found.contains(buckets)));
        }
    }
    found
}

/// Returns the buckets that an ARN means, by the beginning of their names where it has a wildcard.
fn buckets_of(resource: &str) -> Option<Buckets> {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let ["arn", _, "s3", _, _, name] = parts[..] else {
        return None;
    };
    let bucket = name.split('/').next()?;
    let beginning = bucket.split(['*', '?']).next()?;
    match beginning {
        "" => None,
        whole if whole == bucket => Some(Buckets::One(whole.into())),
        part => Some(Buckets::Prefix(part.into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::aws::policy::bucket_policy;

    fn prefix(text: &str) -> Buckets {
        Buckets::Prefix(text.into())
    }

    #[test]
    fn a_policy_of_ours_gives_its_prefix_once() {
        for partition in ["aws", "aws-cn"] {
            let policy = bucket_policy(partition, "rok-prod");
            assert_eq!(granted(&policy), [prefix("rok-prod")]);
        }
    }

    #[test]
    fn other_policies_give_what_they_name() {
        let allow = |resource: Value| json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": resource}});
        let one = ["arn:aws:s3:::one", "arn:aws:s3:::one/*"];
        assert_eq!(granted(&allow(json!(one))), [Buckets::One("one".into())]);
        let some = json!(["arn:aws:s3:::a-?-b", "arn:aws:sqs:x:1:a"]);
        assert_eq!(granted(&allow(some)), [prefix("a-")]);
        for nothing in [json!("*"), json!("arn:aws:s3:::*"), json!(7), Value::Null] {
            assert_eq!(granted(&allow(nothing)), []);
        }
        let deny = json!({"Statement": [{"Effect": "Deny", "Resource": "arn:aws:s3:::a*"}]});
        assert_eq!(granted(&deny), []);
        assert_eq!(granted(&json!("no document")), []);
    }

    #[test]
    fn prefixes_meet_when_one_begins_the_other() {
        assert!(prefix("prod").meet("prod2") && prefix("prod2").meet("prod"));
        assert!(prefix("a").meet("a") && !prefix("prod-a").meet("prod-b"));
        let one = Buckets::One("prod".into());
        assert!(one.meet("pro") && one.meet("prod") && !one.meet("prod2"));
    }
}
