//! Policy documents: the same as themselves, also written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::steps::aws::policy::{Admission, is_same, parse, pretty};

fuzz_target!(|text: &str| {
    let document = parse(text);
    assert!(is_same(&document, &document));
    assert_eq!(parse(&pretty(&document)), document);
    let admission = Admission {
        provider: "arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1".into(),
        issuer: "oidc.example/id/1".into(),
        subject: "system:serviceaccount:rok:rok".into(),
    };
    if admission.is_granted_by(&document) {
        let said = document.to_string();
        let names = [&admission.provider, "\"*\"", "NotPrincipal"];
        assert!(names.iter().any(|name| said.contains(name)), "{said}");
    }
});
