//! Tokens: for whom, for what, and why not.

use std::time::Duration;

use serde_json::{Value, json};

use super::practice::{
    AUDIENCE, Answered, CLIENT, ISSUER, MANAGEMENT, Practice, SECRET, STORAGE, SUBJECT, TENANT,
    identity,
};
use crate::sandbox::web_token::WebToken;

/// The number after `AADSTS`, after a look at the form of the whole.
fn aadsts(answer: &Answered) -> i64 {
    let code = answer.body["error_codes"][0].as_i64().unwrap();
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{code}: ")),
        "{description}"
    );
    assert!(description.contains(" Trace ID: "), "{description}");
    assert!(answer.body["correlation_id"].is_string());
    code
}

async fn trust(practice: &Practice, name: &str, issuer: &str, subject: &str) -> Answered {
    let path = format!("{}/federatedIdentityCredentials/{name}", identity("rok"));
    let properties = json!({ "issuer": issuer, "subject": subject, "audiences": [AUDIENCE] });
    let body = json!({ "properties": properties });
    practice.ask("PUT", &path, Some(body)).await
}

#[tokio::test]
async fn a_secret_gets_a_token_that_says_who_and_for_what() {
    let practice = Practice::start().await;
    let answer = practice.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
    assert_eq!(answer["token_type"], "Bearer");
    let token = WebToken::read(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(token.claim("aud"), Some(MANAGEMENT));
    assert_eq!(
        token.claim("iss"),
        Some(format!("https://sts.windows.net/{TENANT}/").as_str())
    );
    assert_eq!(token.claim("appid"), Some(CLIENT));
    assert_eq!(token.claim("idtyp"), Some("app"));
    let keys = practice.open("/common/discovery/v2.0/keys").await.good();
    assert!(token.is_signed_by(&keys));
}

#[tokio::test]
async fn refusals_carry_entras_numbers() {
    let practice = Practice::start().await;
    let wrong = practice.token_of(CLIENT, "guess", MANAGEMENT).await;
    assert_eq!((wrong.status, aadsts(&wrong)), (401, 7_000_215));
    let nobody = practice.token_of(TENANT, SECRET, MANAGEMENT).await;
    assert_eq!((nobody.status, aadsts(&nobody)), (400, 700_016));
    let nothing = practice
        .token_of(CLIENT, SECRET, "https://example.com")
        .await;
    assert_eq!((nothing.status, aadsts(&nothing)), (400, 500_011));
    let elsewhere = practice
        .token_request("elsewhere", &[("grant_type", "client_credentials")])
        .await;
    assert_eq!((elsewhere.status, aadsts(&elsewhere)), (400, 90002));
    let empty = practice.token_request(TENANT, &[]).await;
    assert_eq!((empty.status, aadsts(&empty)), (400, 900_144));
}

#[tokio::test]
async fn discovery_leads_to_the_token_endpoint() {
    let practice = Practice::start().await;
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    let found = practice.open(&path).await.good();
    let endpoint = practice.server.endpoint();
    assert_eq!(
        found["token_endpoint"],
        format!("{endpoint}/{TENANT}/oauth2/v2.0/token")
    );
    let instance = practice
        .open("/common/discovery/instance?api-version=1.1")
        .await
        .good();
    assert!(instance["tenant_discovery_endpoint"].is_string());
}

#[tokio::test]
async fn an_assertion_stands_for_the_identity_only_letter_by_letter() {
    let practice = Practice::start().await;
    let client = practice.identity().await["properties"]["clientId"].clone();
    let client = client.as_str().unwrap();
    let good = practice.assertion(SUBJECT, AUDIENCE);
    let refused = async |assertion: &str| {
        let answer = practice.exchange(client, assertion).await;
        (answer.status, aadsts(&answer))
    };

    assert_eq!(refused(&good).await, (401, 70021));
    let other = trust(&practice, "other", "https://other.example/", SUBJECT).await;
    assert_eq!(other.status, 201);
    assert_eq!(refused(&good).await, (401, 700_211));
    trust(&practice, "rok", ISSUER, &SUBJECT.to_uppercase())
        .await
        .good();
    assert_eq!(refused(&good).await, (401, 7_002_138));
    trust(&practice, "rok", ISSUER, "system:serviceaccount:a:b")
        .await
        .good();
    assert_eq!(refused(&good).await, (401, 700_213));
    trust(&practice, "rok", ISSUER, SUBJECT).await.good();
    let wrong = practice.assertion(SUBJECT, "sts.amazonaws.com");
    assert_eq!(refused(&wrong).await, (401, 700_212));

    let token = practice.exchange(client, &good).await.good();
    let token = WebToken::read(token["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(token.claim("aud"), Some(STORAGE));
    assert!(
        token
            .claim("xms_mirid")
            .unwrap()
            .contains("/resourcegroups/")
    );

    let (head, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = practice
        .assertion("x", AUDIENCE)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(
        refused(&format!("{head}.{signature}")).await,
        (401, 5_002_711)
    );
    practice.pass(Duration::from_hours(2));
    assert_eq!(refused(&good).await, (401, 700_024));
}

#[tokio::test]
async fn keys_of_an_issuer_that_is_off_cannot_be_fetched() {
    let practice = Practice::start().await;
    let client = practice.identity().await["properties"]["clientId"].clone();
    trust(&practice, "rok", ISSUER, SUBJECT).await.good();
    practice
        .server
        .state()
        .write(|state| {
            for cluster in state.clusters.values_mut() {
                cluster.properties["oidcIssuerProfile"]["enabled"] = false.into();
            }
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap()
        .unwrap();
    let assertion = practice.assertion(SUBJECT, AUDIENCE);
    let answer = practice
        .exchange(client.as_str().unwrap(), &assertion)
        .await;
    assert_eq!(aadsts(&answer), 90061);
}

#[tokio::test]
async fn entra_learns_late_of_identities_and_credentials() {
    let lag = Duration::from_mins(1);
    let practice = Practice::with_lag(lag).await;
    let client = practice.identity().await["properties"]["clientId"].clone();
    let client = client.as_str().unwrap();
    let early = trust(&practice, "rok", ISSUER, SUBJECT).await;
    assert_eq!(early.code(), (404, "ParentResourceNotFound"));
    let assertion = practice.assertion(SUBJECT, AUDIENCE);
    let answer = practice.exchange(client, &assertion).await;
    assert_eq!(aadsts(&answer), 700_016);
    practice.pass(lag);
    trust(&practice, "rok", ISSUER, SUBJECT).await.good();
    let answer = practice.exchange(client, &assertion).await;
    assert_eq!(aadsts(&answer), 70021);
    practice.pass(lag);
    assert_ne!(
        practice.exchange(client, &assertion).await.good(),
        Value::Null
    );
}
