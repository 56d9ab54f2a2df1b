//! What on AWS may be there already, for the answer `aws_adopt`.

use crate::steps::adoption::{self, Adoptable};
pub use crate::steps::adoption::{Decision, meaning_digest};

/// The key of the answer.
pub const ADOPT: &str = "aws_adopt";

/// The decisions of an answer: `policy,role@3fa9c1d2e4b5`.
pub type Decisions = adoption::Decisions<Object>;

/// What may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The IAM OIDC provider of the cluster.
    Provider,
    /// The managed policy.
    Policy,
    /// The role.
    Role,
    /// The CloudFormation stack.
    Stack,
}

impl Adoptable for Object {
    const KEY: &'static str = ADOPT;
    const EXPECTED: &'static str = "`role`, `policy`, `provider` or `stack`, or one of them with the \
                                    digest of what it is now, as in `role@3fa9c1d2e4b5`";
    const ALL: &'static [Self] = &[Self::Provider, Self::Policy, Self::Role, Self::Stack];

    fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::Stack => "stack",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Provider => "OIDC provider",
            Self::Stack => "stack",
            Self::Policy => "policy",
            Self::Role => "role",
        }
    }

    fn instead_of_keeping(self) -> Option<&'static str> {
        match self {
            Self::Provider => Some(
                "`provider`: one that is good enough is used as it is without being asked about",
            ),
            Self::Stack => Some(
                "`stack`: what a stack of others holds is used as it is with \
                 `aws_identity_method=existing`",
            ),
            Self::Policy | Self::Role => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::steps::adoption::is_digest;
    use crate::steps::aws::policy::normal;

    #[test]
    fn decisions_read_back_as_they_were_written() {
        for text in [
            "",
            "role",
            "provider,policy,role@3fa9c1d2e4b5,stack",
            "policy@000000000000,role",
        ] {
            assert_eq!(Decisions::parse(text).unwrap().to_string(), text);
        }
        let decisions = Decisions::parse(" role@3fa9c1d2e4b5 , policy,").unwrap();
        assert_eq!(decisions.to_string(), "policy,role@3fa9c1d2e4b5");
        assert_eq!(decisions.kept(Object::Role), Some("3fa9c1d2e4b5"));
        assert!(decisions.takes_over(Object::Policy) && !decisions.takes_over(Object::Role));
        assert_eq!(decisions.of(Object::Stack), None);
    }

    #[test]
    fn what_is_no_decision_is_named() {
        for (text, said) in [
            ("rolle", "`rolle`; expected `role`"),
            ("role,Policy", "`Policy`"),
            ("role@", "12 hexadecimal digits"),
            ("role@3FA9C1D2E4B5", "found `3FA9C1D2E4B5`"),
            ("role@3fa9c1d2e4b5,role", "`role` twice"),
            ("provider@3fa9c1d2e4b5", "expected `provider`"),
            ("stack@3fa9c1d2e4b5", "expected `stack`"),
        ] {
            let problem = Decisions::parse(text).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn a_later_answer_wins() {
        let mut decisions = Decisions::parse("policy,role").unwrap();
        decisions.merge(Decisions::parse("role@3fa9c1d2e4b5").unwrap());
        assert_eq!(decisions.to_string(), "policy,role@3fa9c1d2e4b5");
    }

    #[test]
    fn a_digest_follows_the_meaning() {
        let of = |statement: Value| {
            let trust = json!({ "Version": "2012-10-17", "Statement": statement });
            meaning_digest(&json!({ "path": "/", "trust": normal(&trust) }))
        };
        let one = of(json!([{
            "Sid": "x", "Effect": "Allow", "Action": ["S3:Get*", "s3:put*"], "Resource": ["*"],
        }]));
        assert_eq!(
            one,
            of(json!({ "Effect": "Allow", "Action": ["s3:Put*", "s3:get*"], "Resource": "*" }))
        );
        assert_ne!(
            one,
            of(json!({ "Effect": "Deny", "Action": ["s3:Put*", "s3:get*"], "Resource": "*" }))
        );
        assert!(is_digest(&one));
    }
}
