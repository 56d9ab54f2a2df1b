//! Managed identities and their credentials.

use serde_json::{Value, json};

use super::practice::{AUDIENCE, ISSUER, Practice, identity};

fn credential(name: &str) -> String {
    format!("{}/federatedIdentityCredentials/{name}", identity("rok"))
}

fn trusting(subject: &str) -> Option<Value> {
    let properties = json!({ "issuer": ISSUER, "subject": subject, "audiences": [AUDIENCE] });
    Some(json!({ "properties": properties }))
}

#[tokio::test]
async fn an_identity_keeps_its_ids_and_is_spelled_as_azure_spells_it() {
    let practice = Practice::start().await;
    let body = json!({ "location": "East US", "tags": { "a": "b" } });
    let made = practice
        .ask("PUT", &identity("rok"), Some(body.clone()))
        .await;
    assert_eq!(made.status, 201);
    let made = made.good();
    assert!(
        made["id"]
            .as_str()
            .unwrap()
            .contains("/resourcegroups/arrikto/")
    );
    assert_eq!(made["location"], "eastus");
    let again = practice.ask("PUT", &identity("ROK"), Some(body)).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.good(), made);
    let moved = json!({ "location": "westeurope" });
    let moved = practice.ask("PUT", &identity("rok"), Some(moved)).await;
    assert_eq!(moved.code(), (409, "InvalidResourceLocation"));

    let tags = json!({ "tags": { "c": "d" } });
    let patched = practice
        .ask("PATCH", &identity("rok"), Some(tags))
        .await
        .good();
    assert_eq!(patched["tags"], json!({ "c": "d" }));
    let path = format!(
        "{}/providers/Microsoft.Resources/tags/default",
        identity("rok")
    );
    let merge = json!({ "operation": "Merge", "properties": { "tags": { "e": "f" } } });
    let merged = practice.ask("PATCH", &path, Some(merge)).await.good();
    assert_eq!(merged["properties"]["tags"], json!({ "c": "d", "e": "f" }));

    assert_eq!(
        practice.ask("DELETE", &identity("rok"), None).await.status,
        200
    );
    assert_eq!(
        practice.ask("DELETE", &identity("rok"), None).await.status,
        204
    );
    let gone = practice.ask("GET", &identity("rok"), None).await;
    assert_eq!(gone.code(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn issuer_and_subject_are_had_once_and_twenty_at_most() {
    let practice = Practice::start().await;
    practice.identity().await;
    for number in 0..20 {
        let subject = format!("system:serviceaccount:n:{number}");
        let path = credential(&format!("c-{number}"));
        assert_eq!(
            practice.ask("PUT", &path, trusting(&subject)).await.status,
            201
        );
    }
    let twin = practice
        .ask(
            "PUT",
            &credential("twin"),
            trusting("system:serviceaccount:n:7"),
        )
        .await;
    assert_eq!(
        twin.error(),
        (
            409,
            "Conflict",
            "Issuer and subject combination already exists for this Managed Identity."
        )
    );
    let many = practice
        .ask("PUT", &credential("many"), trusting("x"))
        .await;
    assert_eq!(many.code(), (400, "BadRequest"));
    let list = practice
        .ask(
            "GET",
            &format!("{}/federatedIdentityCredentials", identity("rok")),
            None,
        )
        .await
        .good();
    assert_eq!(list["value"].as_array().unwrap().len(), 20);
    let orphan = credential("c-1").replace("/rok/", "/other/");
    let orphan = practice.ask("PUT", &orphan, trusting("x")).await;
    assert_eq!(orphan.code(), (404, "ParentResourceNotFound"));
}

#[tokio::test]
async fn writes_to_one_identity_at_the_same_time_are_refused() {
    let practice = Practice::start().await;
    practice.identity().await;
    let writes = (0..4).map(|number| {
        let practice = &practice;
        async move {
            let path = credential(&format!("c-{number}"));
            practice
                .ask("PUT", &path, trusting(&format!("s:{number}")))
                .await
        }
    });
    let answers = futures::future::join_all(writes).await;
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert!(refused > 0, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        let code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity";
        assert_eq!(answer.code().1, code);
    }
}
