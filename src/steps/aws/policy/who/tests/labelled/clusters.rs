//! Policies that are about service accounts of a cluster.

use serde_json::json;

use super::super::Certainty::{No, Unsure, Yes};
use super::{AUD, Labelled, PROVIDER, ROK, STS, SUB, but, policy, rok, web};

const ROK_ONLY: &str =
    "service account `rok/rok` of issuer `ISSUER` with audience `sts.amazonaws.com`";
const EVERYONE: &str =
    "any service account of the cluster of issuer `ISSUER` with audience `sts.amazonaws.com`";

pub(super) fn policies() -> Vec<Labelled> {
    let of = |name, document, words, warnings, judged| Labelled {
        name,
        document,
        words,
        warnings,
        judged,
    };
    let deny = |changes| {
        but(
            json!({ "Effect": "Deny", "Principal": "*", "Action": "*" }),
            changes,
        )
    };
    vec![
        of(
            "eksctl and ours",
            policy(json!([rok()])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "a statement that is no list",
            policy(rok()),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "terraform: assumable role with several accounts",
            policy(json!([web(json!({ "StringEquals": {
                SUB: [ROK, "system:serviceaccount:default:other"], AUD: [STS],
            } }))])),
            &[
                ROK_ONLY,
                "service account `default/other` of issuer `ISSUER` with audience `sts.amazonaws.com`",
            ],
            &[],
            [Yes, Yes],
        ),
        of(
            "sub without aud",
            policy(json!([web(json!({ "StringEquals": { SUB: ROK } }))])),
            &["service account `rok/rok` of issuer `ISSUER` with any audience"],
            &[],
            [Yes, No],
        ),
        of(
            "aud alone, as in tutorials",
            policy(json!([web(json!({ "StringEquals": { AUD: STS } }))])),
            &[EVERYONE],
            &["no condition on `sub` keeps others out"],
            [Yes, Yes],
        ),
        of(
            "no condition at all",
            policy(json!([web(json!(null))])),
            &["any service account of the cluster of issuer `ISSUER` with any audience"],
            &["any service account of the cluster"],
            [Yes, Yes],
        ),
        of(
            "a namespace by StringLike",
            policy(json!([web(json!({
                "StringLike": { SUB: "system:serviceaccount:rok:*" }, "StringEquals": { AUD: STS },
            }))])),
            &[
                "any service account of namespace `rok` of issuer `ISSUER` with audience `sts.amazonaws.com`",
            ],
            &[],
            [Yes, No],
        ),
        of(
            "all namespaces by StringLike",
            policy(json!([web(json!({
                "StringLike": { SUB: "system:serviceaccount:*:*", AUD: STS },
            }))])),
            &[EVERYONE],
            &["any service account of the cluster"],
            [Yes, Yes],
        ),
        of(
            "one name in any namespace",
            policy(json!([web(json!({
                "StringLike": { SUB: "system:serviceaccount:*:rok", AUD: STS },
            }))])),
            &[
                "service account `rok` of any namespace of issuer `ISSUER` with audience `sts.amazonaws.com`",
            ],
            &[],
            [Yes, No],
        ),
        of(
            "a pattern under StringEquals",
            policy(json!([web(json!({
                "StringEquals": { SUB: "system:serviceaccount:rok:*", AUD: STS },
            }))])),
            &[],
            &["never matches"],
            [No, No],
        ),
        of(
            "two conditions on sub",
            policy(json!([web(json!({
                "StringLike": { SUB: "system:serviceaccount:rok:*" },
                "StringNotEquals": { SUB: "system:serviceaccount:rok:admin" },
                "StringEquals": { AUD: STS },
            }))])),
            &[
                "any service account of namespace `rok` of issuer `ISSUER` with audience `sts.amazonaws.com`, except service account `rok/admin`",
            ],
            &[],
            [Yes, No],
        ),
        of(
            "everyone but one",
            policy(json!([web(
                json!({ "StringNotEquals": { SUB: ROK }, "StringEquals": { AUD: STS } })
            )])),
            &[
                "any service account of the cluster of issuer `ISSUER` with audience `sts.amazonaws.com`, except service account `rok/rok`",
            ],
            &["any service account of the cluster"],
            [No, Yes],
        ),
        of(
            "another audience",
            policy(json!([web(
                json!({ "StringEquals": { SUB: ROK, AUD: "sts.eu-west-1.amazonaws.com" } })
            )])),
            &[
                "service account `rok/rok` of issuer `ISSUER` with audience `sts.eu-west-1.amazonaws.com`",
            ],
            &[],
            [No, No],
        ),
        of(
            "ForAllValues on aud",
            policy(json!([web(json!({
                "ForAllValues:StringEquals": { AUD: STS }, "StringEquals": { SUB: ROK },
            }))])),
            &[ROK_ONLY],
            &["ForAllValues:StringEquals"],
            [Yes, No],
        ),
        of(
            "ForAllValues with a companion",
            policy(json!([web(json!({
                "ForAllValues:StringEquals": { AUD: STS }, "StringEquals": { SUB: ROK }, "Null": { AUD: "false" },
            }))])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "IfExists on sub",
            policy(json!([web(
                json!({ "StringEqualsIfExists": { SUB: ROK }, "StringEquals": { AUD: STS } })
            )])),
            &[ROK_ONLY],
            &["StringEqualsIfExists"],
            [Yes, No],
        ),
        of(
            "keys in another case",
            policy(json!([web(
                json!({ "StringEquals": { SUB.to_uppercase(): ROK, AUD: STS } })
            )])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "the other cluster's keys",
            policy(json!([web(json!({ "StringEquals": {
                "oidc.eks.eu-west-1.amazonaws.com/id/B2:sub": ROK,
            } }))])),
            &[],
            &[],
            [No, No],
        ),
        of(
            "an address is asked for too",
            policy(json!([web(json!({
                "StringEquals": { SUB: ROK, AUD: STS }, "IpAddress": { "aws:SourceIp": "10.0.0.0/8" },
            }))])),
            &[
                "perhaps service account `rok/rok` of issuer `ISSUER` with audience `sts.amazonaws.com`, if `aws:SourceIp` IpAddress `10.0.0.0/8`",
            ],
            &[],
            [Unsure, No],
        ),
        of(
            "an operator that nobody knows",
            policy(json!([web(
                json!({ "StringMatches": { SUB: ROK }, "StringEquals": { AUD: STS } })
            )])),
            &[
                "perhaps any service account of the cluster of issuer `ISSUER` with audience `sts.amazonaws.com`, if `sub` StringMatches `system:serviceaccount:rok:rok`",
            ],
            &["any service account of the cluster"],
            [Unsure, Unsure],
        ),
        of(
            "everyone, and a denial of all others",
            policy(json!([
                web(json!({ "StringEquals": { AUD: STS } })),
                deny(json!({ "Condition": { "StringNotEquals": { SUB: ROK } } })),
            ])),
            &[
                EVERYONE,
                "never any service account of the cluster of issuer `ISSUER` with any audience, except service account `rok/rok`",
            ],
            &[],
            [Yes, No],
        ),
        of(
            "a denial of the one",
            policy(json!([
                rok(),
                deny(json!({ "Condition": { "StringEquals": { SUB: ROK } } }))
            ])),
            &[],
            &[],
            [No, No],
        ),
        of(
            "a denial of all",
            policy(json!([rok(), deny(json!({}))])),
            &[],
            &[],
            [No, No],
        ),
        of(
            "a denial of what is something else",
            policy(json!([rok(), deny(json!({ "Action": "sts:TagSession" }))])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "a denial of everybody but the provider",
            policy(json!([
                rok(),
                deny(json!({ "Principal": null, "NotPrincipal": { "Federated": [PROVIDER] } })),
            ])),
            &[ROK_ONLY],
            &[],
            [Yes, No],
        ),
        of(
            "a denial by address",
            policy(json!([
                rok(),
                deny(json!({ "Condition": { "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } } })),
            ])),
            &[
                "perhaps service account `rok/rok` of issuer `ISSUER` with audience `sts.amazonaws.com`",
            ],
            &[],
            [Unsure, No],
        ),
    ]
}
