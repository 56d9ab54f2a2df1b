//! What policy documents decide, and which of them are refused.

use crate::sandbox::aws::condition::Context;
use crate::sandbox::aws::policy::{Decision, Document, Kind, Request};

fn decide(document: &str, action: &str, resource: &str) -> Decision {
    let context = Context::default().with("aws:username", "ada");
    let request = Request {
        action,
        resource,
        context: &context,
    };
    Document::parse(document, Kind::Identity)
        .unwrap()
        .decide(request)
}

fn malformed(document: &str, kind: Kind) -> String {
    Document::parse(document, kind).unwrap_err().0
}

#[test]
fn an_explicit_deny_wins_and_silence_denies() {
    let document = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::rok-*"},
        {"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}"#;
    let bucket = "arn:aws:s3:::rok-a";
    assert_eq!(
        decide(document, "s3:CreateBucket", bucket),
        Decision::Allowed
    );
    assert_eq!(
        decide(document, "S3:createbucket", bucket),
        Decision::Allowed
    );
    assert_eq!(
        decide(document, "s3:DeleteBucket", bucket),
        Decision::ExplicitDeny
    );
    assert_eq!(
        decide(document, "s3:CreateBucket", "arn:aws:s3:::b"),
        Decision::ImplicitDeny
    );
    assert_eq!(
        decide(document, "s3:CreateBucket", "arn:aws:s3:::ROK-a"),
        Decision::ImplicitDeny
    );
    assert_eq!(
        decide(document, "iam:GetRole", bucket),
        Decision::ImplicitDeny
    );
}

#[test]
fn not_action_and_not_resource_cover_the_rest() {
    let document = r#"{"Version":"2012-10-17","Statement":
        {"Effect":"Allow","NotAction":"iam:*","NotResource":["arn:aws:s3:::secret*"]}}"#;
    assert_eq!(
        decide(document, "s3:GetObject", "arn:aws:s3:::a/b"),
        Decision::Allowed
    );
    assert_eq!(
        decide(document, "s3:GetObject", "arn:aws:s3:::secret/b"),
        Decision::ImplicitDeny
    );
    assert_eq!(
        decide(document, "iam:GetRole", "arn:aws:iam::1:role/r"),
        Decision::ImplicitDeny
    );
}

#[test]
fn variables_and_conditions_narrow_a_statement() {
    let home = r#"{"Version":"2012-10-17","Statement":
        {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"}}"#;
    assert_eq!(
        decide(home, "s3:GetObject", "arn:aws:s3:::home/ada/x"),
        Decision::Allowed
    );
    assert_eq!(
        decide(home, "s3:GetObject", "arn:aws:s3:::home/bob/x"),
        Decision::ImplicitDeny
    );
    let other = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
        "Condition":{"StringEquals":{"aws:username":["bob","eve"]}}}}"#;
    assert_eq!(
        decide(other, "s3:GetObject", "arn:aws:s3:::a"),
        Decision::ImplicitDeny
    );
}

#[test]
fn identity_documents_are_refused_in_aws_words() {
    let statement = |inner: &str| {
        malformed(
            &format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inner}}}]}}"#),
            Kind::Identity,
        )
    };
    assert_eq!(malformed("{", Kind::Identity), "Syntax errors in policy.");
    assert_eq!(
        malformed(r#"{"Version":"2012-10-17"}"#, Kind::Identity),
        "Syntax errors in policy."
    );
    assert_eq!(
        malformed(r#"{"Version":"2020-01-01","Statement":[]}"#, Kind::Identity),
        "Syntax errors in policy."
    );
    assert_eq!(
        statement(r#""Action":"s3:*""#),
        "Policy statement must contain resources."
    );
    assert_eq!(
        statement(r#""Resource":"*""#),
        "Policy statement must contain actions."
    );
    assert_eq!(
        statement(r#""Action":"GetObject","Resource":"*""#),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    );
    assert_eq!(
        statement(r#""Action":"s3:*","Resource":"bucket""#),
        "Resource bucket must be in ARN format or \"*\"."
    );
    assert_eq!(
        statement(r#""Action":"s3:*","Resource":"arn:foo:s3:::b""#),
        "Partition \"foo\" is not valid for resource \"arn:foo:s3:::b\"."
    );
    assert_eq!(
        statement(r#""Action":"s3:*","Resource":"*","Principal":"*""#),
        "Policy document should not specify a principal."
    );
    assert_eq!(
        statement(r#""Action":"s3:*","Resource":"*","Condition":{"StringEqual":{"aws:a":"b"}}"#),
        "Invalid Condition type : StringEqual."
    );
}

#[test]
fn trust_documents_are_refused_in_aws_words() {
    let statement = |inner: &str| {
        malformed(
            &format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inner}}}]}}"#),
            Kind::Trust,
        )
    };
    assert_eq!(
        malformed("nonsense", Kind::Trust),
        "This policy contains invalid Json"
    );
    assert_eq!(
        statement(r#""Action":"sts:AssumeRole""#),
        "Missing required field Principal"
    );
    assert_eq!(
        statement(r#""Action":"sts:AssumeRole","Principal":"*","Resource":"*""#),
        "Has prohibited field Resource"
    );
    assert_eq!(
        statement(r#""Action":"s3:GetObject","Principal":"*""#),
        "AssumeRole policy may only specify STS AssumeRole actions."
    );
    assert_eq!(
        statement(r#""Action":"sts:AssumeRole","Principal":{"AWS":"somebody"}"#),
        "Invalid principal in policy: \"AWS\":\"somebody\""
    );
}
