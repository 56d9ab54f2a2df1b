//! Who the cluster is, who may use it, and whom it vouches for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config, Error, ResourceExt as _};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn who_has_no_good_token_is_turned_away() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;

    let stranger = client_with(&server, "not-a-token").await;
    let status = refusal(stranger.apiserver_version().await);
    assert_eq!((status.code, &*status.reason), (401, "Unauthorized"));

    let anonymous = client_with(&server, "").await;
    anonymous.apiserver_version().await.unwrap();
    let namespaces: Api<Namespace> = Api::all(anonymous.clone());
    let status = refusal(namespaces.list(&ListParams::default()).await);
    assert_eq!(status.code, 403);
    let expected = "namespaces is forbidden: User \"system:anonymous\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope";
    assert_eq!(status.message, expected);
    let keys = http::Request::get("/openid/v1/jwks").body(Vec::new());
    let status = refusal(anonymous.request::<Value>(keys.unwrap()).await);
    assert_eq!(status.code, 403);
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_does_not_connect() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let other_directory = TempDir::new().unwrap();
    let other = start(&other_directory).await;
    let mut config = kubeconfig(&server, &server.kubeconfig_user_token());
    let trusted = kubeconfig(&other, "").clusters.remove(0).cluster.unwrap();
    let cluster = config.clusters[0].cluster.as_mut().unwrap();
    cluster.certificate_authority_data = trusted.certificate_authority_data;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    let error = client.apiserver_version().await.unwrap_err();
    assert!(!matches!(error, Error::Api(_)), "{error:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_token_is_signed_by_the_published_key_and_says_whose_it_is() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    create_namespace(&client, "rok").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "rok");
    let made = accounts
        .create(&PostParams::default(), &account("rok"))
        .await
        .unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "rok");
    let pod = object(json!({
        "metadata": { "name": "probe" },
        "spec": { "serviceAccountName": "rok", "containers": [{ "name": "probe" }] },
    }));
    let pod = pods.create(&PostParams::default(), &pod).await.unwrap();
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec!["sts.amazonaws.com".into()],
            expiration_seconds: Some(7200),
            bound_object_ref: Some(BoundObjectReference {
                kind: Some("Pod".into()),
                api_version: Some("v1".into()),
                name: Some("probe".into()),
                uid: pod.uid(),
            }),
        },
        ..Default::default()
    };
    let answer = accounts
        .create_token_request("rok", &PostParams::default(), &request)
        .await
        .unwrap();
    let token = answer.status.unwrap().token;

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let configuration = get_json(&client, "/.well-known/openid-configuration").await;
    assert_eq!(configuration["issuer"], server.issuer());
    let keys_url = configuration["jwks_uri"].as_str().unwrap();
    let keys_path = keys_url.strip_prefix(&server.endpoint()).unwrap();
    let keys = get_json(&client, keys_path).await;
    assert_eq!(keys, server.jwks());
    let key = &keys["keys"][0];
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("ES256"), &key["kid"])
    );
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend(decode(key[coordinate].as_str().unwrap()));
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();

    let claims: Value = serde_json::from_slice(&decode(claims)).unwrap();
    assert_eq!(claims["iss"], server.issuer());
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
    assert_eq!(claims["sub"], "system:serviceaccount:rok:rok");
    let expected = json!({
        "namespace": "rok",
        "serviceaccount": { "name": "rok", "uid": made.uid().unwrap() },
        "pod": { "name": "probe", "uid": pod.uid().unwrap() },
    });
    assert_eq!(claims["kubernetes.io"], expected);
    let seconds = |claim: &str| claims[claim].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 7200);
    assert_eq!(seconds("nbf"), seconds("iat"));
}

#[tokio::test]
async fn token_requests_that_make_no_sense_are_refused() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let client = client(&server).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let pods: Api<Pod> = Api::namespaced(client, "default");
    accounts
        .create(&PostParams::default(), &account("other"))
        .await
        .unwrap();
    let pod = object(json!({
        "metadata": { "name": "other" },
        "spec": { "serviceAccountName": "other", "containers": [{ "name": "other" }] },
    }));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    for (name, spec, code) in [
        ("none", json!({ "audiences": [] }), 404),
        (
            "default",
            json!({ "audiences": [], "expirationSeconds": 60 }),
            422,
        ),
        (
            "default",
            json!({ "audiences": [], "boundObjectRef": { "kind": "Pod", "name": "gone" } }),
            404,
        ),
        (
            "default",
            json!({ "audiences": [], "boundObjectRef": { "kind": "Pod", "name": "other" } }),
            400,
        ),
    ] {
        let request: TokenRequest = object(json!({ "spec": spec }));
        let parameters = PostParams::default();
        let result = accounts.create_token_request(name, &parameters, &request);
        assert_eq!(refusal(result.await).code, code, "{name}: {request:?}");
    }
}

#[tokio::test]
async fn a_restart_keeps_who_the_cluster_is_and_what_it_holds() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let before = (
        server.ca_pem(),
        server.issuer(),
        server.jwks(),
        server.kubeconfig_user_token(),
    );
    let namespaces: Api<Namespace> = Api::all(client(&server).await);
    let system = namespaces.get("kube-system").await.unwrap();
    create_namespace(&client(&server).await, "rok").await;
    server.stop().await;
    namespaces.get("kube-system").await.unwrap_err();

    let server = start(&directory).await;
    let after = (
        server.ca_pem(),
        server.issuer(),
        server.jwks(),
        server.kubeconfig_user_token(),
    );
    assert_eq!(before, after);
    let namespaces: Api<Namespace> = Api::all(client(&server).await);
    assert_eq!(namespaces.get("kube-system").await.unwrap(), system);
    namespaces.get("rok").await.unwrap();
}
