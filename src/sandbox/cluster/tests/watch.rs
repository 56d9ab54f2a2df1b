//! Watches with the `kube` crate: what they show, where they begin and how they end.

use std::pin::pin;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::watcher;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

async fn maps(server: &ClusterServer) -> Api<ConfigMap> {
    Api::namespaced(client(server).await, "default")
}

async fn create(maps: &Api<ConfigMap>, name: &str, colour: &str) -> ConfigMap {
    let map = object(json!({
        "metadata": { "name": name, "labels": { "colour": colour } },
        "data": { "colour": colour },
    }));
    maps.create(&PostParams::default(), &map).await.unwrap()
}

async fn paint(maps: &Api<ConfigMap>, name: &str, colour: &str) -> ConfigMap {
    let patch = json!({ "metadata": { "labels": { "colour": colour } } });
    maps.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap()
}

async fn delete(maps: &Api<ConfigMap>, name: &str) {
    maps.delete(name, &DeleteParams::default()).await.unwrap();
}

/// The next events of a watch, each as its type and its object's name and version.
async fn events(
    maps: &Api<ConfigMap>,
    parameters: &WatchParams,
    version: &str,
    count: usize,
) -> Vec<(String, String)> {
    let stream = maps.watch(parameters, version).await.unwrap();
    let seen = stream.take(count).try_collect::<Vec<_>>();
    let seen = tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap();
    seen.iter().map(told).collect()
}

fn told(event: &WatchEvent<ConfigMap>) -> (String, String) {
    let (what, name, version) = match event {
        WatchEvent::Added(map) => ("ADDED", map.name_any(), map.resource_version()),
        WatchEvent::Modified(map) => ("MODIFIED", map.name_any(), map.resource_version()),
        WatchEvent::Deleted(map) => ("DELETED", map.name_any(), map.resource_version()),
        WatchEvent::Bookmark(mark) => (
            "BOOKMARK",
            String::new(),
            Some(mark.metadata.resource_version.clone()),
        ),
        WatchEvent::Error(status) => (
            "ERROR",
            status.reason.clone(),
            Some(status.code.to_string()),
        ),
    };
    (format!("{what} {name}").trim().into(), version.unwrap())
}

fn words(events: &[(String, String)]) -> Vec<&str> {
    events.iter().map(|(words, _)| words.as_str()).collect()
}

#[tokio::test]
async fn conditions_are_awaited_through_creation_change_and_deletion() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let red = |map: Option<&ConfigMap>| map.is_some_and(|map| map.labels()["colour"] == "red");
    let waiting = tokio::spawn(await_condition(maps.clone(), "settings", red));
    create(&maps, "settings", "blue").await;
    create(&maps, "other", "red").await;
    let painted = paint(&maps, "settings", "red").await;
    let found = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    let found = found.unwrap().unwrap().unwrap();
    assert_eq!(found.resource_version(), painted.resource_version());

    let uid = painted.uid().unwrap();
    let waiting = await_condition(maps.clone(), "settings", conditions::is_deleted(&uid));
    let both = async { tokio::join!(waiting, delete(&maps, "settings")) };
    let (found, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert!(found.unwrap().is_none());
}

#[tokio::test]
async fn a_watch_from_a_version_misses_nothing_after_it() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let first = create(&maps, "a", "red").await.resource_version().unwrap();
    paint(&maps, "a", "blue").await;
    create(&maps, "b", "red").await;
    delete(&maps, "a").await;
    let all = WatchParams::default().disable_bookmarks();
    let seen = events(&maps, &all, &first, 3).await;
    assert_eq!(words(&seen), ["MODIFIED a", "ADDED b", "DELETED a"]);
    // Whoever goes on from any event sees the rest.
    let rest = events(&maps, &all, &seen[0].1, 2).await;
    assert_eq!(rest, seen[1..]);
    let from_the_start = events(&maps, &all, "0", 1).await;
    assert_eq!(words(&from_the_start), ["ADDED b"]);
}

#[tokio::test]
async fn an_object_that_leaves_the_selection_is_deleted_for_the_watcher() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let first = create(&maps, "a", "red").await.resource_version().unwrap();
    create(&maps, "b", "blue").await;
    let left = paint(&maps, "a", "blue").await;
    paint(&maps, "b", "red").await;
    delete(&maps, "b").await;
    let red = WatchParams::default().labels("colour=red");
    let seen = events(&maps, &red, &first, 3).await;
    assert_eq!(words(&seen), ["DELETED a", "ADDED b", "DELETED b"]);
    assert_eq!(Some(&seen[0].1), left.resource_version().as_ref());

    let named = WatchParams::default().fields("metadata.name=a");
    let seen = events(&maps, &named, &first, 1).await;
    assert_eq!(words(&seen), ["MODIFIED a"]);
}

#[tokio::test]
async fn forgotten_changes_are_expired() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let before = create(&maps(&server).await, "a", "red").await;
    paint(&maps(&server).await, "a", "blue").await;
    server.stop().await;
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let version = before.resource_version().unwrap();
    let seen = events(&maps, &WatchParams::default(), &version, 1).await;
    assert_eq!(seen, [("ERROR Expired".into(), "410".into())]);
    // A watcher begins anew by itself and sees what there is.
    let watch = watcher(maps.clone(), watcher::Config::default());
    let objects = kube::runtime::WatchStreamExt::applied_objects(watch);
    let found = tokio::time::timeout(PATIENCE, pin!(objects).next()).await;
    assert_eq!(found.unwrap().unwrap().unwrap().name_any(), "a");
}

#[tokio::test]
async fn a_list_can_be_streamed_and_ends_with_a_bookmark() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    create(&maps, "a", "red").await;
    let configuration = watcher::Config::default()
        .labels("colour")
        .streaming_lists();
    let mut watch = pin!(watcher(maps.clone(), configuration));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let event = tokio::time::timeout(PATIENCE, watch.next()).await;
        seen.push(match event.unwrap().unwrap().unwrap() {
            watcher::Event::Init => "init".to_owned(),
            watcher::Event::InitApply(map) => format!("there was {}", map.name_any()),
            watcher::Event::InitDone => {
                create(&maps, "b", "red").await;
                "done".into()
            }
            watcher::Event::Apply(map) => format!("now {}", map.name_any()),
            watcher::Event::Delete(map) => format!("gone {}", map.name_any()),
        });
    }
    assert_eq!(seen, ["init", "there was a", "done", "now b"]);
}

#[tokio::test]
async fn a_watch_ends_at_its_deadline_with_a_bookmark() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    let made = create(&maps, "a", "red").await.resource_version().unwrap();
    let seen = events(&maps, &WatchParams::default().timeout(1), &made, 10).await;
    assert_eq!(seen, [("BOOKMARK".into(), made)]);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_watches() {
    let directory = TempDir::new().unwrap();
    let server = start(&directory).await;
    let maps = maps(&server).await;
    create(&maps, "a", "red").await;
    let parameters = WatchParams::default();
    let mut stream = pin!(maps.watch(&parameters, "0").await.unwrap());
    stream.next().await.unwrap().unwrap();
    let both = async { tokio::join!(server.stop(), stream.collect::<Vec<_>>()) };
    let ((), rest) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert!(rest.iter().all(Result::is_ok), "{rest:?}");
}
