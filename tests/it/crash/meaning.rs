//! What a whole home means: the cloud, the cluster, both repositories and every other file.
//!
//! Worlds of one row begin as the same bytes: the same issuer, keys, accounts. So only this is left
//! out or replaced:
//!
//! - times, ids and versions that a server gives to what it makes: an object that is made a moment
//!   later has others;
//! - the ids that Azure gives to an identity, wherever they stand, and what follows from them;
//! - the run's id and the date in it, when a run had to begin anew; they become `<run>` and `<date>`;
//! - the port that the practice cluster was served on, and the note about where it is served;
//! - the keys that Azure gives to a storage account, and the random values that S3Proxy and Rok share:
//!   of those it counts where which of them stands;
//! - temporary credentials and the cluster's events, which count how often somebody tried;
//! - what is in `.git` besides refs, configuration and working tree: objects that nothing leads to,
//!   the history of refs; but not names of files that should not be there;
//! - journal and wire log, which tell how the run went; which process held it; the random id of the
//!   state directory, when it was not written yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::disk::{Entry, Picture};
use super::git;
use super::sealed::Sealed;

/// The folder of renders that are remembered, in `.git`.
const RENDERS: &str = "rok-deploy-renders";

/// Of the home on disk, of which `picture` was taken just now, after `run`. Runs of `others` are not
/// looked at.
pub(super) fn meaning(home: &Path, picture: &Picture, run: &str, others: &[String]) -> Value {
    let sealed = Sealed::of(home);
    let mut files = BTreeMap::new();
    for (path, entry) in &picture.entries {
        if path.ends_with("environment.json") || is_of(others, path) {
            continue;
        }
        let name = path.display().to_string();
        if is_gits(path) {
            if path.ends_with("config") {
                files.insert(name, of_a_file(path, entry, &sealed));
            } else if let (false, Entry::File { .. }) = (is_left_out(path), entry) {
                files.insert(name, json!("of Git"));
            }
        } else {
            files.insert(name, of_a_file(path, entry, &sealed));
        }
    }
    let repositories = in_repositories(picture, |path| git::meaning(&home.join(path), &sealed));
    let mut meaning = json!({ "files": files, "repositories": repositories });
    let (time, _) = run.split_once('-').expect("an id is a time and a suffix");
    let date = format!(
        "{}-{}-{}T{}.{}.{}Z",
        &time[..4],
        &time[4..6],
        &time[6..8],
        &time[9..11],
        &time[11..13],
        &time[13..15]
    );
    let given = given_by_azure(picture);
    let given = given.iter().map(|(from, to)| (from.as_str(), to.as_str()));
    let replacements: Vec<_> = given.chain([(run, "<run>"), (&date, "<date>")]).collect();
    replace(&mut meaning, &replacements);
    meaning
}

/// What a meaning leaves out of a home and the next run looks at all the same: what its clones remember
/// of their remotes, and of files that are not committed. The rest of it is of no run but its own.
pub(super) fn left_out(home: &Path, picture: &Picture) -> Value {
    let is_a_render = |path: &Path| path.iter().any(|part| part == RENDERS);
    let files = picture.entries.iter();
    let renders = files.filter(|(path, _)| is_a_render(path));
    let renders = renders.map(|(path, entry)| format!("{} {entry:?}", path.display()));
    json!({
        "remotes": in_repositories(picture, |path| git::remotes(&home.join(path))),
        "renders": renders.collect::<Vec<_>>(),
    })
}

/// Asks every repository of a home, by its path there.
fn in_repositories(picture: &Picture, ask: impl Fn(&Path) -> Value) -> BTreeMap<String, Value> {
    let paths = picture.entries.keys();
    let repositories = paths.filter(|path| path.ends_with(".git") || path.ends_with("gitops.git"));
    repositories
        .map(|path| (path.display().to_string(), ask(path)))
        .collect()
}

/// Returns the ids of identities, and the names of role assignments that follow from them.
fn given_by_azure(picture: &Picture) -> Vec<(String, String)> {
    let Some(content) = picture.content(Path::new("state/sandbox/azure.json")) else {
        return Vec::new();
    };
    let azure: Value = serde_json::from_slice(content).expect("the world is JSON");
    let values = |part: &str| azure[part].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut given = Vec::new();
    for (_, identity) in values("identities") {
        let name = text(&identity["name"]);
        let principal = text(&identity["principal_id"]);
        for (_, assignment) in values("assignments") {
            if assignment["principal"] == principal.as_str() {
                let role = text(&assignment["role"]);
                given.push((
                    text(&assignment["name"]),
                    format!("<role {role} of {name}>"),
                ));
            }
        }
        given.push((text(&identity["client_id"]), format!("<client of {name}>")));
        given.push((principal, format!("<principal of {name}>")));
    }
    given
}

/// Every place where two meanings differ.
pub fn differences(path: &str, expected: &Value, found: &Value, into: &mut Vec<String>) {
    if expected == found {
        return;
    }
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let keys = expected.keys().chain(found.keys());
            for key in keys.collect::<std::collections::BTreeSet<_>>() {
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                differences(&format!("{path}/{key}"), &of(expected), &of(found), into);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(&format!("{path}/{index}"), expected, found, into);
            }
        }
        _ => into.push(format!("{path}: expected {expected}, found {found}")),
    }
}

/// Whether a file is in the folder of one of these runs.
fn is_of(runs: &[String], path: &Path) -> bool {
    path.strip_prefix("state/runs").is_ok_and(|inside| {
        let folder = inside.iter().next();
        folder.is_some_and(|folder| runs.iter().any(|run| **run == *folder))
    })
}

/// Whether a file only tells how a run went, which processes it had, or in which home.
fn is_a_record(path: &Path) -> bool {
    let records = ["journal.jsonl", "wire.jsonl", "recording.jsonl", "holder"];
    records.iter().any(|record| path.ends_with(record)) || path == Path::new("state/id")
}

fn is_gits(path: &Path) -> bool {
    path.iter()
        .any(|part| part == ".git" || part == "gitops.git")
}

/// What Git keeps for itself, and `git` looks at as a whole.
fn is_left_out(path: &Path) -> bool {
    let inside: PathBuf = path
        .iter()
        .skip_while(|part| *part != ".git" && *part != "gitops.git")
        .skip(1)
        .collect();
    // Renders that were remembered are forgotten by the next commit of their files.
    ["objects", "logs", "refs", RENDERS]
        .iter()
        .any(|folder| inside.starts_with(folder))
        || inside == Path::new("packed-refs")
}

fn of_a_file(path: &Path, entry: &Entry, sealed: &Sealed) -> Value {
    if is_a_record(path) {
        return json!("is there");
    }
    let (mode, content) = match entry {
        Entry::Folder { mode } => return json!(format!("folder {mode:o}")),
        Entry::Link { target } => return json!(["link", target]),
        Entry::File { mode, content } => (mode, content),
    };
    let state = ["aws.json", "cluster.json", "azure.json", "aks.json"];
    let is_state = path
        .parent()
        .is_some_and(|parent| parent.ends_with("sandbox"))
        && state.iter().any(|name| path.ends_with(name));
    let meant = if is_state {
        let mut state: Value = serde_json::from_slice(content).expect("the world is JSON");
        state["sessions"] = Value::Null;
        state["operations"] = Value::Null;
        for account in state["accounts"].as_object_mut().into_iter().flatten() {
            account.1["keys"] = Value::Null;
        }
        if let Some(objects) = state["objects"].as_object_mut() {
            objects.retain(|key, _| !key.starts_with("events/"));
        }
        without_what_servers_give(&mut state);
        state
    } else {
        let clear = sealed.meaning(&path.to_string_lossy(), content);
        let text = clear.unwrap_or_else(|| String::from_utf8_lossy(content).into_owned());
        text.into()
    };
    let mut file = json!([format!("{mode:o}"), meant]);
    without_ports(&mut file);
    file
}

/// Blanks times, ids and versions.
fn without_what_servers_give(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let given = [
                    "uid",
                    "id",
                    "role_id",
                    "resourceVersion",
                    "resource_version",
                    "etag",
                ];
                if given.contains(&key.as_str()) {
                    *value = json!(format!("<{key}>"));
                } else {
                    without_what_servers_give(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_what_servers_give),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => *text = "<time>".into(),
        _ => {}
    }
}

/// Blanks the ports of the practice cloud's addresses: each process takes those that are free.
fn without_ports(value: &mut Value) {
    const SERVER: &str = "https://127.0.0.1:";
    each_text(value, &mut |text| {
        let mut parts: Vec<_> = text.split(SERVER).collect();
        for after in &mut parts[1..] {
            *after = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
        }
        *text = parts.join(&format!("{SERVER}<port>"));
    });
}

fn replace(value: &mut Value, replacements: &[(&str, &str)]) {
    if let Value::Object(fields) = value {
        *fields = std::mem::take(fields)
            .into_iter()
            .map(|(mut key, value)| {
                for (from, to) in replacements {
                    key = key.replace(from, to);
                }
                (key, value)
            })
            .collect();
        fields
            .values_mut()
            .for_each(|value| replace(value, replacements));
    } else if let Value::Array(values) = value {
        for value in values {
            replace(value, replacements);
        }
    } else {
        each_text(value, &mut |text| {
            for (from, to) in replacements {
                *text = text.replace(from, to);
            }
        });
    }
}

fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| each_text(value, change)),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::String(text) => change(text),
        _ => {}
    }
}
