//! Blob storage: who may, what is there, and in which order that is found out.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::practice::{
    CLIENT, MANAGEMENT, Practice, SECRET, STORAGE, TENANT, account, assignment, role,
};
use crate::sandbox::random;

const HOST: &str = "rokpractice.blob.localhost";
const VERSION: (&str, &str) = ("x-ms-version", "2023-11-03");
const LIST: &str = "/rok-chocks-ca?restype=container&comp=list";
const CONTAINER: &str = "/rok-chocks-ca?restype=container";
const CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

/// Somebody with a role, and what he tells the Blob service.
struct Caller<'a> {
    practice: &'a Practice,
    authorization: String,
    object_id: String,
}

/// An answer of the Blob service.
struct Said {
    status: u16,
    code: String,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl<'a> Caller<'a> {
    async fn with(practice: &'a Practice, role: Option<(&str, &str)>) -> Self {
        let client = random::uuid();
        let now = practice.now();
        let Ok(object_id) = practice
            .server
            .state()
            .write(|state| {
                let object_id = state.add_application("somebody", &client, "s3cret");
                if let Some((role, scope)) = role {
                    state.assign(&object_id, role, scope, now);
                }
                Ok::<_, Infallible>(object_id)
            })
            .unwrap();
        let token = practice.token_of(&client, "s3cret", STORAGE).await.good();
        let token = token["access_token"].as_str().unwrap();
        Self {
            practice,
            authorization: format!("Bearer {token}"),
            object_id,
        }
    }

    async fn contributor(practice: &'a Practice) -> Self {
        Self::with(
            practice,
            Some(("Storage Blob Data Contributor", &account())),
        )
        .await
    }

    async fn ask(&self, method: &str, path: &str) -> Said {
        self.send(method, path, &[], "").await
    }

    async fn send(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Said {
        let mut headers = vec![
            ("host", HOST),
            VERSION,
            ("authorization", self.authorization.as_str()),
        ];
        headers.extend(more);
        said(self.practice, method, path, &headers, body).await
    }
}

async fn said(
    practice: &Practice,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Said {
    let (status, headers, body) = practice.blob(method, path, headers, body).await;
    let code = headers.get("x-ms-error-code");
    let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
    Said {
        status,
        code,
        headers,
        body,
    }
}

#[tokio::test]
async fn only_who_may_learns_what_is_there() {
    let practice = Practice::start().await;
    let stranger = Caller::with(&practice, None).await;
    let owner = Caller::with(&practice, Some(("Owner", &account()))).await;
    for (caller, method, path) in [
        (&stranger, "GET", LIST),
        (&owner, "GET", LIST),
        (&owner, "PUT", CONTAINER),
        (&owner, "GET", "/?comp=list"),
    ] {
        let refused = caller.ask(method, path).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (403, "AuthorizationPermissionMismatch")
        );
        assert!(
            refused.body.contains(
                "<Message>This request is not authorized to perform this operation using this permission.\nRequestId:"
            ),
            "{}",
            refused.body
        );
    }
    let reader = Caller::with(&practice, Some(("Storage Blob Data Reader", &account()))).await;
    let missing = reader.ask("GET", LIST).await;
    assert_eq!(
        (missing.status, missing.code.as_str()),
        (404, "ContainerNotFound")
    );
    let id = missing.headers["x-ms-request-id"].to_str().unwrap();
    let start = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ContainerNotFound</Code><Message>The specified container does not exist.\nRequestId:{id}\nTime:20"
    );
    assert!(missing.body.starts_with(&start), "{}", missing.body);
    assert_eq!(missing.headers["x-ms-version"], VERSION.1);
    assert_eq!(reader.ask("PUT", CONTAINER).await.status, 403);

    // A role at one container is none at another.
    let scope = format!(
        "{}/blobServices/default/containers/rok-chocks-ca",
        account()
    );
    let one = Caller::with(&practice, Some(("Storage Blob Data Reader", &scope))).await;
    assert_eq!(one.ask("GET", LIST).await.status, 404);
    let other = "/other?restype=container&comp=list";
    assert_eq!(one.ask("GET", other).await.status, 403);
    assert_eq!(one.ask("GET", "/?comp=list").await.status, 403);
}

#[tokio::test]
async fn a_container_and_its_blobs_live_and_end() {
    let practice = Practice::start().await;
    let caller = Caller::contributor(&practice).await;
    assert_eq!(caller.ask("PUT", CONTAINER).await.status, 201);
    let again = caller.ask("PUT", CONTAINER).await;
    assert_eq!(
        (again.status, again.code.as_str()),
        (409, "ContainerAlreadyExists")
    );
    assert_eq!(caller.ask("GET", CONTAINER).await.status, 200);
    let empty = caller.ask("GET", LIST).await;
    assert_eq!(empty.status, 200);
    assert!(
        empty.body.contains("<Blobs /><NextMarker />"),
        "{}",
        empty.body
    );

    let kind = ("x-ms-blob-type", "BlockBlob");
    let put = async |name: &str, more: &[(&str, &str)]| {
        let path = format!("/rok-chocks-ca/{name}");
        let headers = [&[kind, ("x-ms-meta-made", "here")], more].concat();
        caller.send("PUT", &path, &headers, "0123456789").await
    };
    for name in ["a", "dir/b%20%26", "dir/c"] {
        assert_eq!(put(name, &[]).await.status, 201);
    }
    let kept = put("a", &[("if-none-match", "*")]).await;
    assert_eq!(
        (kept.status, kept.code.as_str()),
        (409, "BlobAlreadyExists")
    );
    let bare = caller.ask("PUT", "/rok-chocks-ca/d").await;
    assert_eq!(bare.code, "MissingRequiredHeader");

    let whole = caller.ask("GET", "/rok-chocks-ca/dir/b%20%26").await;
    assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
    let part = ("x-ms-range", "bytes=2-4");
    let part = caller.send("GET", "/rok-chocks-ca/a", &[part], "").await;
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.headers["content-range"], "bytes 2-4/10");
    let head = caller.ask("HEAD", "/rok-chocks-ca/a").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], "10");

    let names = |listing: &str| -> Vec<String> {
        let names = listing.split("<Name>").skip(1);
        names
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect()
    };
    let all = caller.ask("GET", LIST).await.body;
    assert_eq!(names(&all), ["a", "dir/b &amp;", "dir/c"]);
    let below = caller.ask("GET", &format!("{LIST}&delimiter=/")).await.body;
    assert_eq!(names(&below), ["a", "dir/"]);
    assert!(below.contains("<BlobPrefix><Name>dir/</Name></BlobPrefix>"));
    let first = caller
        .ask("GET", &format!("{LIST}&maxresults=2"))
        .await
        .body;
    assert_eq!(names(&first).len(), 2);
    assert!(first.contains("<NextMarker>dir/c</NextMarker>"), "{first}");
    let next = format!("{LIST}&maxresults=2&marker=dir%2Fc&prefix=dir");
    assert_eq!(names(&caller.ask("GET", &next).await.body), ["dir/c"]);
    let containers = caller.ask("GET", "/?comp=list").await.body;
    assert_eq!(names(&containers), ["rok-chocks-ca"]);

    assert_eq!(caller.ask("DELETE", "/rok-chocks-ca/a").await.status, 202);
    let gone = caller.ask("GET", "/rok-chocks-ca/a").await;
    assert_eq!((gone.status, gone.code.as_str()), (404, "BlobNotFound"));
    assert_eq!(caller.ask("DELETE", CONTAINER).await.status, 202);
    assert_eq!(caller.ask("GET", LIST).await.code, "ContainerNotFound");
    let bad = caller.ask("PUT", "/Rok?restype=container").await;
    assert_eq!(bad.code, "InvalidResourceName");

    let requests = practice.server.requests();
    let written: Vec<&str> = requests
        .iter()
        .filter(|line| line.service == "blob" && line.write && line.status < 300)
        .map(|line| line.operation.as_str())
        .collect();
    assert_eq!(
        written,
        [
            "CreateContainer",
            "PutBlob",
            "PutBlob",
            "PutBlob",
            "DeleteBlob",
            "DeleteContainer"
        ]
    );
}

#[tokio::test]
async fn the_account_may_stand_in_the_path() {
    let practice = Practice::start().await;
    let caller = Caller::contributor(&practice).await;
    let headers = [VERSION, ("authorization", caller.authorization.as_str())];
    let path = format!("/rokpractice{LIST}");
    let missing = said(&practice, "GET", &path, &headers, "").await;
    assert_eq!(missing.code, "ContainerNotFound");
    let nobody = [("host", "nobody.blob.localhost"), VERSION, headers[1]];
    let missing = said(&practice, "GET", LIST, &nobody, "").await;
    assert_eq!(
        (missing.status, missing.code.as_str()),
        (404, "ResourceNotFound")
    );
}

#[tokio::test]
async fn a_token_must_be_good_and_for_storage() {
    let practice = Practice::start().await;
    let management = practice.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
    let management = format!("Bearer {}", management["access_token"].as_str().unwrap());
    let caller = Caller::contributor(&practice).await;
    let ask = async |authorization: &str| {
        let headers = [("host", HOST), VERSION, ("authorization", authorization)];
        said(&practice, "GET", LIST, &headers, "").await
    };
    practice.pass(Duration::from_mins(61));
    for (authorization, detail) in [
        (management.as_str(), "Lifetime validation failed."),
        (&caller.authorization, "Lifetime validation failed."),
        ("Bearer a.b.c", "Issuer validation failed."),
    ] {
        let refused = ask(authorization).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (401, "InvalidAuthenticationInfo")
        );
        assert!(refused.body.contains(detail), "{}", refused.body);
        let challenge = refused.headers["www-authenticate"].to_str().unwrap();
        let expected = format!(
            "Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize resource_id=https://storage.azure.com"
        );
        assert_eq!(challenge, expected);
    }
    let management = practice.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
    let management = format!("Bearer {}", management["access_token"].as_str().unwrap());
    let refused = ask(&management).await;
    assert!(refused.body.contains("Audience validation failed."));
    assert_eq!(ask("Basic x").await.status, 400);
    let old = [("host", HOST), ("authorization", management.as_str())];
    assert_eq!(said(&practice, "GET", LIST, &old, "").await.status, 400);
}

#[tokio::test]
async fn who_says_nothing_gets_nothing() {
    let practice = Practice::start().await;
    let anonymous = said(&practice, "GET", LIST, &[("host", HOST)], "").await;
    assert_eq!(
        (anonymous.status, anonymous.code.as_str()),
        (409, "PublicAccessNotPermitted")
    );
    let challenged = said(&practice, "GET", LIST, &[("host", HOST), VERSION], "").await;
    assert_eq!(
        (challenged.status, challenged.code.as_str()),
        (401, "NoAuthenticationInformation")
    );
    assert!(challenged.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn keys_work_until_they_are_switched_off() {
    let practice = Practice::start().await;
    let key = practice
        .server
        .state()
        .read(|state| state.accounts["rokpractice"].keys[0].clone());
    let date = "Fri, 06 Aug 2021 09:02:35 GMT";
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{}\n/rokpractice/rok-chocks-ca\nrestype:container",
        VERSION.1
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let ask = async |signature: &str| {
        let authorization = format!("SharedKey rokpractice:{signature}");
        let headers = [
            ("host", HOST),
            VERSION,
            ("x-ms-date", date),
            ("authorization", authorization.as_str()),
        ];
        said(&practice, "PUT", CONTAINER, &headers, "").await
    };
    let wrong = ask("AAAA").await;
    assert_eq!(
        (wrong.status, wrong.code.as_str()),
        (403, "AuthenticationFailed")
    );
    assert_eq!(ask(&signature).await.status, 201);
    let off = json!({ "properties": { "allowSharedKeyAccess": false } });
    practice.ask("PATCH", &account(), Some(off)).await.good();
    let refused = ask(&signature).await;
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (403, "KeyBasedAuthenticationNotPermitted")
    );
}

#[tokio::test]
async fn a_closed_network_hides_everything() {
    let practice = Practice::start().await;
    let caller = Caller::contributor(&practice).await;
    let closed = json!({ "properties": { "publicNetworkAccess": "Disabled" } });
    practice.ask("PATCH", &account(), Some(closed)).await.good();
    let refused = caller.ask("GET", LIST).await;
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (403, "AuthorizationFailure")
    );
}

#[tokio::test]
async fn a_new_role_is_in_force_after_its_lag() {
    let lag = Duration::from_mins(5);
    let practice = Practice::with_lag(lag).await;
    let caller = Caller::with(&practice, None).await;
    let body = json!({ "properties": {
        "roleDefinitionId": role(CONTRIBUTOR),
        "principalId": caller.object_id,
        "principalType": "ServicePrincipal",
    } });
    let path = assignment(&account(), 1);
    practice.ask("PUT", &path, Some(body)).await.good();
    assert_eq!(caller.ask("GET", LIST).await.status, 403);
    practice.pass(lag);
    assert_eq!(caller.ask("GET", LIST).await.status, 404);
}
