//! Watches: a list that goes on, one JSON line per change, until a deadline or the server's end.
//!
//! What a watch shows is computed from the history of all changes, so it misses none: an object
//! that begins to match the selector is added for this watch, one that ceases to match is deleted.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::history::Change;
use super::kinds::Kind;
use super::refusal::{FieldProblem, Refusal};
use super::selector::Selector;
use super::server::Cluster;
use super::state::{ClusterState, prefix};
use super::table::Table;
use super::versions;
use crate::sandbox::store::Store;

/// How long a watch goes on that names no end of its own.
const LONGEST: Duration = Duration::from_mins(30);
/// How often a watch that wants bookmarks gets one.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// Tells the bookmark that closes the objects which were there before.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What a client asks of a watch beside the selector, as its query says.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) resource_version: String,
    pub(super) version_match: String,
    pub(super) send_initial_events: Option<bool>,
    pub(super) bookmarks: bool,
    pub(super) timeout_seconds: Option<u64>,
}

/// Which objects a watch is about.
#[derive(Debug)]
pub(super) struct Interest {
    kind: &'static Kind,
    prefix: String,
    selector: Selector,
    /// Objects are shown as rows.
    table: Option<Table>,
}

struct Watch {
    store: Store<ClusterState>,
    changed: watch::Receiver<u64>,
    stopping: CancellationToken,
    interest: Interest,
    /// Lines that are due before anything else.
    first: String,
    /// The version up to which everything has been sent.
    version: u64,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    over: bool,
}

impl Interest {
    pub(super) fn new(
        kind: &'static Kind,
        namespace: Option<&str>,
        selector: Selector,
        table: Option<Table>,
    ) -> Self {
        Self {
            kind,
            prefix: prefix(kind, namespace),
            selector,
            table,
        }
    }

    /// What a change means to someone who sees only the objects of this interest.
    fn event(&self, change: &Change) -> Option<Value> {
        if !change.key.starts_with(&self.prefix) {
            return None;
        }
        let seen = |object: &&Value| self.selector.matches(object);
        let before = change.before.as_deref().filter(seen);
        let after = change.after.as_deref().filter(seen);
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(self.shown("ADDED", object.clone())),
            (Some(_), Some(object)) => Some(self.shown("MODIFIED", object.clone())),
            (Some(object), None) => {
                let mut object = object.clone();
                object["metadata"]["resourceVersion"] = change.version.to_string().into();
                Some(self.shown("DELETED", object))
            }
        }
    }

    /// An event with the object as the client wants to see it.
    fn shown(&self, what: &str, mut object: Value) -> Value {
        versions::show(self.kind, &mut object);
        match &self.table {
            Some(table) => event(what, &table.of(&object)),
            None => event(what, &object),
        }
    }

    fn bookmark(&self, version: u64) -> Value {
        let object = json!({
            "kind": self.kind.name,
            "apiVersion": self.kind.api_version(),
            "metadata": { "resourceVersion": version.to_string(), "creationTimestamp": null },
        });
        event("BOOKMARK", &object)
    }
}

/// Answers with the changes of what `interest` is about.
pub(super) fn answer(
    cluster: &Cluster,
    interest: Interest,
    wish: &Wish,
) -> Result<Response, Refusal> {
    let from = start(wish)?;
    let (first, version) = cluster.store.read(|state| match from {
        Some(version) => (String::new(), version),
        None => (initial(state, &interest, wish), state.resource_version),
    });
    let now = Instant::now();
    let watch = Watch {
        store: cluster.store.clone(),
        changed: cluster.changed.subscribe(),
        stopping: cluster.stopping.clone(),
        interest,
        first,
        version,
        bookmarks: wish.bookmarks,
        next_bookmark: now + BOOKMARKS,
        deadline: now + wish.timeout_seconds.map_or(LONGEST, Duration::from_secs),
        over: false,
    };
    let lines = stream::unfold(watch, async |mut watch| {
        let lines = watch.next().await?;
        Some((Ok::<_, Infallible>(lines), watch))
    });
    let body = Body::from_stream(lines);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The version after which changes are wanted; `None` when all objects are to be sent first.
fn start(wish: &Wish) -> Result<Option<u64>, Refusal> {
    if let Some(initial) = wish.send_initial_events {
        if wish.version_match != "NotOlderThan" {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(Refusal::invalid_option(
                "resourceVersionMatch",
                &FieldProblem::Forbidden(why),
            ));
        }
        if initial {
            return Ok(None);
        }
    }
    match wish.resource_version.as_str() {
        "" | "0" => Ok(None),
        version => version.parse().map(Some).map_err(|_| {
            Refusal::bad_request(format!(
                "invalid resource version \"{version}\": it is not a number"
            ))
        }),
    }
}

fn initial(state: &ClusterState, interest: &Interest, wish: &Wish) -> String {
    let mut lines: String = state
        .objects
        .range(&interest.prefix)
        .filter(|(_, object)| interest.selector.matches(object))
        .map(|(_, object)| line(&interest.shown("ADDED", object.clone())))
        .collect();
    if wish.send_initial_events == Some(true) && wish.bookmarks {
        let mut end = interest.bookmark(state.resource_version);
        end["object"]["metadata"]["annotations"] = json!({ INITIAL_END: "true" });
        lines.push_str(&line(&end));
    }
    lines
}

impl Watch {
    /// The next lines, as soon as there are any.
    async fn next(&mut self) -> Option<String> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first));
        }
        while !self.over {
            // Whatever happens after this look wakes the wait below.
            self.changed.borrow_and_update();
            let lines = self.news();
            if !lines.is_empty() {
                return Some(lines);
            }
            tokio::select! {
                () = self.stopping.cancelled() => self.over = true,
                () = tokio::time::sleep_until(self.deadline) => {
                    self.over = true;
                    return self.bookmarks.then(|| self.bookmark());
                }
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    return Some(self.bookmark());
                }
                alive = self.changed.changed() => self.over = alive.is_err(),
            }
        }
        None
    }

    fn news(&mut self) -> String {
        let (changes, newest) = self.store.read(|state| {
            let newest = state.resource_version;
            (state.objects.since(self.version, newest), newest)
        });
        let Some(changes) = changes else {
            self.over = true;
            let refusal = Refusal::expired(self.version, newest);
            return line(&event("ERROR", &refusal.body()));
        };
        self.version = self.version.max(newest);
        changes
            .iter()
            .filter_map(|change| self.interest.event(change))
            .map(|event| line(&event))
            .collect()
    }

    fn bookmark(&mut self) -> String {
        self.next_bookmark = Instant::now() + BOOKMARKS;
        line(&self.interest.bookmark(self.version))
    }
}

fn event(what: &str, object: &Value) -> Value {
    json!({ "type": what, "object": object })
}

fn line(event: &Value) -> String {
    format!("{event}\n")
}
