//! What is tried again, what is not, and how each attempt is told.

use std::time::Duration;

use serde_json::json;

use super::server::{Said, Server, ok, refusal};
use crate::clients::azure::AzureErrorKind;
use crate::clients::wire::WireLog;

#[tokio::test]
async fn a_list_is_read_page_by_page_with_one_token() {
    let server = Server::start(|number, seen| {
        let host = seen.header("host").unwrap();
        match number {
            1 => ok(json!({
                "value": [{"subscriptionId": "s1", "displayName": "One", "tenantId": "t", "state": "Enabled"}],
                "nextLink": format!("https://{host}/subscriptions?api-version=2022-12-01&$skiptoken=x"),
            })),
            _ => ok(json!({"value": [{"subscriptionId": "s2"}]})),
        }
    })
    .await;
    let wire = WireLog::in_memory();
    let azure = server.azure(&wire).await;
    let found = azure.subscriptions().await.unwrap();
    let names: Vec<_> = found
        .iter()
        .map(|found| (&found.id[..], &found.name[..]))
        .collect();
    assert_eq!(names, [("s1", "One"), ("s2", "s2")]);
    assert_eq!(
        server.seen()[1].query,
        "api-version=2022-12-01&$skiptoken=x"
    );
    assert_eq!(server.tokens(), 1);

    let records = wire.records();
    let operations: Vec<_> = records.iter().map(|record| &record.operation[..]).collect();
    assert_eq!(
        operations,
        [
            "GET metadata/endpoints",
            "POST oauth2/v2.0/token",
            "GET subscriptions",
            "GET subscriptions",
        ]
    );
    for record in records {
        assert_eq!((&record.client[..], &record.target), ("azure", &server.url));
        assert_eq!(record.request_id.as_deref(), Some("correlation-1"));
        assert_eq!(
            (record.status, record.attempt, record.write),
            (Some(200), 1, false)
        );
    }
}

#[tokio::test]
async fn nobody_else_gets_our_token() {
    let server = Server::start(|_, _| {
        ok(json!({"value": [], "nextLink": "https://elsewhere.example/subscriptions"}))
    })
    .await;
    let error = server
        .azure(&WireLog::new())
        .await
        .subscriptions()
        .await
        .unwrap_err();
    assert!(error.message.contains("another server"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_list_without_an_end_is_left() {
    let server =
        Server::start(|_, _| ok(json!({"value": [], "nextLink": "/subscriptions?x=1"}))).await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.subscriptions().await.unwrap_err();
    assert!(error.message.contains("last page"), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_go_better_is_tried_again_when_the_server_wants_it() {
    let server = Server::start(|number, _| match number {
        1 => Said::Json(
            429,
            json!({"error": {"code": "TooManyRequests", "message": "slow"}}),
            vec![("Retry-After", "7".into())],
        ),
        2 => Said::Closed,
        3 => Said::HalfOf(json!({"value": [{"tenantId": "t"}]})),
        _ => ok(json!({"value": [{"tenantId": "t", "defaultDomain": "example.com"}]})),
    })
    .await;
    let wire = WireLog::in_memory();
    let azure = server.azure(&wire).await;
    let began = tokio::time::Instant::now();
    let tenants = azure.tenants().await.unwrap();
    assert_eq!(tenants[0].domain.as_deref(), Some("example.com"));
    assert!(
        began.elapsed() >= Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );

    let tried: Vec<_> = wire
        .records()
        .into_iter()
        .filter(|record| record.operation == "GET tenants")
        .map(|record| (record.attempt, record.status, record.error))
        .collect();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        tried,
        [
            (1, Some(429), said("TooManyRequests")),
            (2, None, said("not sent, or no answer")),
            (3, None, said("answer cut off or unreadable")),
            (4, Some(200), None),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_have_an_end() {
    let server = Server::start(|_, _| refusal(503, "ServiceUnavailable", "come back")).await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.tenants().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Unavailable);
    assert!(error.is_transient());
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn nobody_waits_for_an_hour_in_here() {
    let server =
        Server::start(|_, _| Said::Json(429, json!({}), vec![("Retry-After", "3600".into())]))
            .await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.tenants().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Throttled);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_token_that_was_kept_is_looked_up_anew_when_it_is_refused() {
    let server = Server::start(|number, _| match number {
        2 => refusal(
            401,
            "ExpiredAuthenticationToken",
            "The access token expired.",
        ),
        _ => ok(json!({"value": []})),
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    azure.tenants().await.unwrap();
    azure.tenants().await.unwrap();
    assert_eq!((server.seen().len(), server.tokens()), (3, 2));
    let seen = server.seen();
    assert_ne!(
        seen[1].header("authorization"),
        seen[2].header("authorization")
    );
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_an_error_and_the_next_call_has_another() {
    let server = Server::start(|number, _| match number {
        1 => refusal(
            401,
            "InvalidAuthenticationToken",
            "The access token is invalid.",
        ),
        _ => ok(json!({"value": []})),
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.tenants().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Credentials);
    let around = error.surroundings.as_deref().unwrap();
    assert_eq!(around.tenant.as_deref(), Some("tenant-1"));
    assert!(!around.is_renewable, "the secret was given to us");
    azure.tenants().await.unwrap();
    assert_eq!(server.tokens(), 2);
}

#[tokio::test]
async fn a_404_that_is_not_from_azure_does_not_mean_absent() {
    let server = Server::start(|_, _| Said::Text(404, "<html>not here</html>".into())).await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.resource_group("s", "g").await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Other, "{error}");
}
