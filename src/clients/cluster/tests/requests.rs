//! Events, reviews, dry runs and exact deletes: what is asked for, and how answers are read.

use super::*;

#[tokio::test]
async fn events_of_a_pod_come_in_the_order_they_happened() {
    let event = |reason: &str, times: Value| {
        let mut event = json!({"metadata": {"name": reason, "namespace": "rok"},
            "involvedObject": {"uid": "uid-7"}, "reason": reason, "type": "Warning",
            "message": format!("{reason} it is")});
        for (field, value) in times.as_object().unwrap() {
            event[field] = value.clone();
        }
        event
    };
    let list = json!({"apiVersion": "v1", "kind": "EventList", "metadata": {}, "items": [
        event("Old", json!({"count": 3, "firstTimestamp": "2030-01-01T00:00:00Z",
            "lastTimestamp": "2030-01-01T00:00:09Z"})),
        event("Series", json!({"eventTime": "2030-01-01T00:00:01.000000Z",
            "series": {"count": 5, "lastObservedTime": "2030-01-01T00:00:10.000000Z"}})),
        event("New", json!({"eventTime": "2030-01-01T00:00:02.000000Z"})),
    ]});
    let server = Server::start(move |_, _| (200, list.clone())).await;
    let cluster = server.cluster(WireLog::new()).await;
    let events = cluster.pod_events("rok", "uid-7").await.unwrap();
    let found: Vec<_> = events
        .iter()
        .map(|event| (event.reason.as_str(), event.count))
        .collect();
    assert_eq!(found, [("New", 1), ("Old", 3), ("Series", 5)]);
    assert_eq!(events[0].type_, "Warning");
    assert_eq!(events[0].message, "New it is");
    assert_eq!(
        events[2].last,
        Some("2030-01-01T00:00:10Z".parse().unwrap())
    );

    let uri = &server.seen()[0].uri;
    assert_eq!(uri.path(), "/api/v1/namespaces/rok/events");
    let query = uri.query().unwrap();
    assert!(
        query.contains("fieldSelector=involvedObject.uid%3Duid-7"),
        "{query}"
    );
}

#[tokio::test]
async fn pods_of_a_workload_are_found_by_all_its_labels() {
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {},
        "items": [{"metadata": {"name": "web-1"}, "status": {"phase": "Pending"}}]});
    let server = Server::start(move |_, _| (200, list.clone())).await;
    let cluster = server.cluster(WireLog::new()).await;
    let labels = [("app", "web"), ("tier", "front")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let pods = cluster.pods("rok", &labels.into()).await.unwrap();
    assert_eq!(pods[0]["kind"], "Pod");
    assert_eq!(pods[0]["status"]["phase"], "Pending");
    let uri = &server.seen()[0].uri;
    assert_eq!(uri.path(), "/api/v1/namespaces/rok/pods");
    let query = uri.query().unwrap();
    assert!(
        query.contains("labelSelector=app%3Dweb%2Ctier%3Dfront"),
        "{query}"
    );
}

#[tokio::test]
async fn a_review_asks_for_one_right_and_changes_nothing() {
    let server = Server::start(|_, seen| {
        let sent: Value = serde_json::from_str(&seen.body).unwrap();
        let attributes = &sent["spec"]["resourceAttributes"];
        let mut answer = json!({"apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview", "spec": sent["spec"], "status": {"allowed": true}});
        if attributes["subresource"] == "exec" {
            answer["status"] = json!({"allowed": false, "reason": "no rule",
                "evaluationError": "role \"x\" not found"});
        }
        (201, answer)
    })
    .await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let review = cluster
        .access_review("create", "", "pods", Some("exec"), Some("rok"))
        .await
        .unwrap();
    assert_eq!(
        review,
        Review {
            allowed: false,
            reason: "no rule; role \"x\" not found".into()
        }
    );
    let review = cluster
        .access_review("list", "apps", "deployments", None, None)
        .await
        .unwrap();
    assert!(review.allowed && review.reason.is_empty());

    let sent = |number: usize| -> Value {
        let sent: Value = serde_json::from_str(&server.seen()[number].body).unwrap();
        sent["spec"]["resourceAttributes"].clone()
    };
    assert_eq!(
        sent(0),
        json!({"verb": "create", "group": "", "resource": "pods", "subresource": "exec",
            "namespace": "rok"})
    );
    assert_eq!(
        sent(1),
        json!({"verb": "list", "group": "apps", "resource": "deployments"})
    );
    assert_eq!(wire.writes(), 0);
}

#[tokio::test]
async fn dry_runs_say_so_and_change_nothing() {
    let server = Server::start(|_, seen| match seen.method.as_str() {
        "GET" => (200, core_kinds()),
        _ if !seen.uri.query().unwrap_or_default().contains("dryRun=All") => {
            panic!("{}", seen.uri)
        }
        "POST" => (409, refusal(409, "AlreadyExists", "already exists")),
        _ => (200, account()),
    })
    .await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let foreseen = cluster
        .apply_dry_run(&account(), "rok-deploy")
        .await
        .unwrap();
    assert_eq!(foreseen["metadata"]["uid"], "uid-1");
    cluster
        .forced_dry_run(&account(), "rok-deploy")
        .await
        .unwrap();
    let error = cluster.create_dry_run(&account()).await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::AlreadyExists);
    assert_eq!(error.operation, "dry run of create serviceaccounts/rok");

    let forced: Vec<_> = server.seen()[1..3]
        .iter()
        .map(|seen| seen.uri.query().unwrap().contains("force=true"))
        .collect();
    assert_eq!(forced, [false, true]);
    assert_eq!(wire.writes(), 0);
}

#[tokio::test]
async fn only_the_object_of_that_uid_is_deleted() {
    let server = Server::start(|_, seen| {
        if seen.method == "GET" {
            return (200, core_kinds());
        }
        let sent: Value = serde_json::from_str(&seen.body).unwrap();
        if sent["preconditions"]["uid"] == "uid-1" {
            return (200, account());
        }
        let message = "Operation cannot be fulfilled on serviceaccounts \"rok\": Precondition \
                       failed: UID in precondition: uid-0, UID in object meta: uid-1";
        (409, refusal(409, "Conflict", message))
    })
    .await;
    let cluster = server.cluster(WireLog::new()).await;
    assert!(!cluster.delete_exact(&account(), "uid-0").await.unwrap());
    assert!(cluster.delete_exact(&account(), "uid-1").await.unwrap());
    assert_eq!(server.seen().len(), 3);
}

/// The bodies are those of a real server; the summary before the list differs with the number.
#[tokio::test]
async fn every_conflict_is_told_with_manager_and_field() {
    let server = Server::start(|_, seen| {
        if seen.method == "GET" {
            return (200, core_kinds());
        }
        let mut conflict = refusal(
            409,
            "Conflict",
            "Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using \
             v1:\n- .metadata.labels.app\nconflicts with \"kubectl-edit\" with subresource \
             \"status\" using v1 at 2030-01-01T00:00:00Z:\n- .data.\"a.b\"",
        );
        conflict["details"] = json!({"causes": [
            {"reason": "FieldManagerConflict", "field": ".metadata.labels.app",
                "message": "conflict with \"kubectl-client-side-apply\" using v1"},
            {"reason": "FieldManagerConflict", "field": ".data.\"a.b\"",
                "message": "conflict with \"kubectl-edit\" with subresource \"status\" using v1 \
                            at 2030-01-01T00:00:00Z"},
        ]});
        (409, conflict)
    })
    .await;
    let cluster = server.cluster(WireLog::new()).await;
    let error = cluster.apply(&account(), "rok-deploy").await.unwrap_err();
    let found: Vec<_> = error
        .conflicts
        .iter()
        .map(|conflict| (conflict.manager.as_str(), conflict.field.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("kubectl-client-side-apply", ".metadata.labels.app"),
            ("kubectl-edit", ".data.\"a.b\""),
        ]
    );
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn what_a_server_no_longer_knows_is_told_in_its_words() {
    let message = "The provided continue parameter is too old";
    let server = Server::start(move |number, _| match number {
        1 => (
            200,
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                "metadata": {"continue": "next"}, "items": []}),
        ),
        _ => (410, refusal(410, "Expired", message)),
    })
    .await;
    let cluster = server.cluster(WireLog::new()).await;
    let error = cluster.node_regions().await.unwrap_err();
    assert_eq!(error.status, Some(410));
    assert_eq!(error.to_string(), format!("list nodes: Expired: {message}"));
}
