//! Policies that are about others, or about everybody, and what is none.

use serde_json::json;

use super::super::Certainty::{No, Unsure, Yes};
use super::{AUD, Labelled, PROVIDER, STS, SUB, but, policy, rok, web};

const ROK_ONLY: &str =
    "service account `rok/rok` of issuer `ISSUER` with audience `sts.amazonaws.com`";

pub(super) fn policies() -> Vec<Labelled> {
    let of = |name, document, words, warnings, judged| Labelled {
        name,
        document,
        words,
        warnings,
        judged,
    };
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let china =
        "arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/C3";
    let assume = |principal| json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
    vec![
        of(
            "GitHub Actions of one repository",
            policy(json!([but(
                web(json!({
                    "StringEquals": { "token.actions.githubusercontent.com:aud": STS },
                    "StringLike": { "token.actions.githubusercontent.com:sub": "repo:octo/app:*" },
                })),
                json!({ "Principal": { "Federated": github } }),
            )])),
            &[
                "any subject like `repo:octo/app:*` of issuer `token.actions.githubusercontent.com` with audience `sts.amazonaws.com`",
            ],
            &[],
            [No, No],
        ),
        of(
            "GitHub Actions of everybody",
            policy(json!([but(
                web(json!({ "StringEquals": { "token.actions.githubusercontent.com:aud": STS } })),
                json!({ "Principal": { "Federated": github } }),
            )])),
            &[
                "any subject of issuer `token.actions.githubusercontent.com` with audience `sts.amazonaws.com`",
            ],
            &["any subject of issuer `token.actions.githubusercontent.com` may assume it"],
            [No, No],
        ),
        of(
            "a cluster in China",
            policy(json!([but(
                web(json!({ "StringEquals": {
                    "oidc.eks.cn-north-1.amazonaws.com.cn/id/C3:sub": "system:serviceaccount:rok:rok",
                    "oidc.eks.cn-north-1.amazonaws.com.cn/id/C3:aud": STS,
                } })),
                json!({ "Principal": { "Federated": china } }),
            )])),
            &[
                "service account `rok/rok` of issuer `oidc.eks.cn-north-1.amazonaws.com.cn/id/C3` with audience `sts.amazonaws.com`",
            ],
            &[],
            [No, No],
        ),
        of(
            "two statements: the cluster and an account",
            policy(json!([
                rok(),
                assume(json!({ "AWS": "arn:aws:iam::444455556666:root" }))
            ])),
            &[ROK_ONLY],
            &["account `444455556666` may assume it too, by `sts:AssumeRole`"],
            [Yes, No],
        ),
        of(
            "EKS Pod Identity",
            policy(json!([but(
                assume(json!({ "Service": "pods.eks.amazonaws.com" })),
                json!({ "Action": ["sts:AssumeRole", "sts:TagSession"] }),
            )])),
            &[],
            &["service `pods.eks.amazonaws.com` may assume it too, by `sts:AssumeRole`"],
            [No, No],
        ),
        of(
            "a node role",
            policy(json!([assume(
                json!({ "Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"] })
            )])),
            &[],
            &["service `ec2.amazonaws.com`", "service `ssm.amazonaws.com`"],
            [No, No],
        ),
        of(
            "SAML",
            policy(json!([{
                "Effect": "Allow",
                "Principal": { "Federated": "arn:aws:iam::111122223333:saml-provider/corp" },
                "Action": "sts:AssumeRoleWithSAML",
                "Condition": { "StringEquals": { "SAML:aud": "https://signin.aws.amazon.com/saml" } },
            }])),
            &[],
            &[
                "users of SAML provider `arn:aws:iam::111122223333:saml-provider/corp` may assume it too, by `sts:AssumeRoleWithSAML`, if",
            ],
            [No, No],
        ),
        of(
            "principal *",
            policy(json!([but(rok(), json!({ "Principal": "*" }))])),
            &[
                "any subject of any identity provider of the account with any audience, if `oidc.eks.eu-west-1.amazonaws.com/id/A1:aud` StringEquals `sts.amazonaws.com` and `oidc.eks.eu-west-1.amazonaws.com/id/A1:sub` StringEquals `system:serviceaccount:rok:rok`",
            ],
            &["principal `*`"],
            [Yes, No],
        ),
        of(
            "NotPrincipal with Allow",
            policy(json!([but(
                web(json!(null)),
                json!({ "Principal": null, "NotPrincipal": { "Federated": PROVIDER } }),
            )])),
            &[
                "any subject of any identity provider of the account with any audience, except issuer `ISSUER`",
            ],
            &["`NotPrincipal` with `Allow`"],
            [No, No],
        ),
        of(
            "all actions of STS, in odd case",
            policy(json!([but(rok(), json!({ "Action": ["STS:assume*"] }))])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "a pattern as a principal",
            policy(json!([but(
                rok(),
                json!({ "Principal": { "Federated": "arn:aws:iam::111122223333:oidc-provider/*" } }),
            )])),
            &[],
            &["is nobody"],
            [No, No],
        ),
        of(
            "a variable",
            policy(json!([web(
                json!({ "StringEquals": { SUB: "${aws:username}", AUD: STS } })
            )])),
            &[
                "perhaps any service account of the cluster of issuer `ISSUER` with audience `sts.amazonaws.com`, if `sub` StringEquals `${aws:username}`",
            ],
            &["any service account of the cluster"],
            [Unsure, Unsure],
        ),
        of(
            "a word",
            json!("no json"),
            &[],
            &["no statements"],
            [No, No],
        ),
        of(
            "an effect in lower case",
            policy(json!([but(rok(), json!({ "Effect": "allow" }))])),
            &[
                "perhaps service account `rok/rok` of issuer `ISSUER` with audience `sts.amazonaws.com`",
            ],
            &["statement 1: `Effect` is neither"],
            [Unsure, No],
        ),
    ]
}
