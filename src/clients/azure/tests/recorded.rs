//! What a recording keeps of calls, and that they can be made again from it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::server::{SECRET, SIGNATURE, Said, Server, ok, refusal, token};
use crate::clients::azure::{Azure, AzureSettings, Token};
use crate::clients::gate::{Answer, Call, Ended, Instead, Keeper};
use crate::clients::recording::CallLine;
use crate::clients::recording::redact::Redactor;
use crate::clients::wire::WireLog;

/// Keeps the gate and writes down every call as a recording does.
struct Keeps {
    redactor: Redactor,
    lines: Mutex<Vec<CallLine>>,
}

impl Keeper for Keeps {
    fn before(&self, _call: &Call) -> io::Result<Option<Answer>> {
        Ok(None)
    }

    fn after(&self, call: &Call, ended: &Ended) -> io::Result<()> {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let line = CallLine::of(call, ended, &self.redactor, at);
        self.lines.lock().unwrap().push(line);
        Ok(())
    }
}

/// Answers every call as it was recorded, and refuses any other.
struct Plays(Mutex<VecDeque<CallLine>>, Redactor);

impl Keeper for Plays {
    fn before(&self, _call: &Call) -> io::Result<Option<Answer>> {
        Ok(None)
    }

    fn instead(&self, call: &Call) -> Option<Instead> {
        let recorded = self.0.lock().unwrap().pop_front().expect("it was recorded");
        let again = CallLine::of(call, &Ended::GivenUp, &self.1, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            (&again.operation, &again.input),
            (&recorded.operation, &recorded.input)
        );
        let ended = recorded.ended.ended().unwrap();
        Some(Box::pin(async move { Ok(ended) }))
    }

    fn after(&self, _call: &Call, _ended: &Ended) -> io::Result<()> {
        Ok(())
    }
}

/// Asks a bit of everything, and returns what was understood.
async fn journey(settings: &AzureSettings, blob: &str, wire: &WireLog) -> Vec<String> {
    let azure = Azure::connect(settings, wire.clone()).await.unwrap();
    let scope = azure.cloud().storage_scope();
    let mut said = vec![format!("{:?}", azure.caller().await)];
    said.push(format!("{:?}", azure.identity("s", "g", "rok").await));
    said.push(format!(
        "{:?}",
        azure.cluster_access("/x/managedClusters/c").await
    ));
    let assertion = format!("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyb2sifQ.{SIGNATURE}");
    let token = azure.exchange("tenant-1", "c", &assertion, &scope).await;
    said.push(format!("{token:?}"));
    let listed = azure
        .list_blobs(blob, "rok", Token::Of(&token.unwrap()))
        .await;
    said.push(format!("{listed:?}"));
    said.push(format!(
        "{:?}",
        azure.list_blobs(blob, "rok", Token::Caller).await
    ));
    said
}

#[tokio::test]
async fn a_journey_is_made_again_without_network_credentials_or_secrets() {
    let server = Server::start(|number, _| match number {
        1 => ok(json!({
            "id": "/i", "name": "rok", "location": "eastus",
            "properties": {"clientId": "c", "principalId": "p", "tenantId": "t"},
        })),
        2 => {
            let config = "clusters:\n- name: c\n  cluster:\n    server: https://c.hcp:443\n    \
                 certificate-authority-data: UEVN\nusers:\n- name: u\n  user:\n    \
                 client-key-data: Y2FuYXJ5LWtleQ==\n    token: canary-kubeconfig-token\n";
            ok(json!({"kubeconfigs": [
                {"name": "clusterUser", "value": BASE64_STANDARD.encode(config)}
            ]}))
        }
        3 => ok(json!({"access_token": token(9), "expires_in": 3600})),
        4 => Said::Text(404, "<Error><Code>ContainerNotFound</Code></Error>".into()),
        _ => refusal(403, "AuthorizationPermissionMismatch", "no"),
    })
    .await;
    let wire = WireLog::in_memory();
    let keeps = Arc::new(Keeps {
        redactor: Redactor::new().unwrap(),
        lines: Mutex::default(),
    });
    wire.keep(Arc::clone(&keeps) as Arc<dyn Keeper>);
    let first = journey(&server.settings(), &server.blob_endpoint(), &wire).await;

    let lines = std::mem::take(&mut *keeps.lines.lock().unwrap());
    let operations: Vec<_> = lines.iter().map(|line| &line.operation[..]).collect();
    assert_eq!(
        operations,
        [
            "connect",
            "credentials",
            "GET Microsoft.ManagedIdentity/userAssignedIdentities rok",
            "POST x/managedClusters/c/listClusterUserCredential",
            "POST oauth2/v2.0/token",
            "GET blobs rok",
            "credentials",
            "GET blobs rok",
        ]
    );
    let recorded = serde_json::to_string(&lines).unwrap();
    let wired = serde_json::to_string(&wire.records()).unwrap();
    for text in [&recorded, &wired, &format!("{first:?}")] {
        let secrets = [SECRET, SIGNATURE, "canary-kubeconfig-token", "Y2FuYXJ5"];
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let inside = BASE64_STANDARD.encode("canary-kubeconfig");
        assert!(!text.contains(&inside[..16]), "{text}");
    }

    let again = WireLog::in_memory();
    again.keep(Arc::new(Plays(
        Mutex::new(lines.into()),
        Redactor::new().unwrap(),
    )));
    let nobody = AzureSettings::default();
    assert_eq!(
        journey(&nobody, &server.blob_endpoint(), &again).await,
        first
    );
}
