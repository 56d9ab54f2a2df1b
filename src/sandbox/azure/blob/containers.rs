//! Containers: made, looked at, removed.

use std::collections::BTreeMap;

use super::super::state::{Container, StorageAccount};
use super::refusal::Refusal;
use super::{Answer, Call, etag, http_date};

pub(super) fn create(call: &Call<'_>, account: &mut StorageAccount) -> Result<Answer, Refusal> {
    let name = call.target.container();
    if account.containers.contains_key(name) {
        return Err(Refusal::exists("ContainerAlreadyExists", "container"));
    }
    let container = Container {
        created: call.now,
        etag: etag(),
        blobs: BTreeMap::new(),
    };
    let answer = Answer {
        status: 201,
        headers: version(&container),
        body: Vec::new(),
    };
    account.containers.insert(name.to_owned(), container);
    Ok(answer)
}

pub(super) fn properties(call: &Call<'_>, account: &StorageAccount) -> Result<Answer, Refusal> {
    let container = find(call, account)?;
    let mut headers = version(container);
    headers.push(("x-ms-lease-status", "unlocked".into()));
    headers.push(("x-ms-lease-state", "available".into()));
    Ok(Answer {
        status: 200,
        headers,
        body: Vec::new(),
    })
}

pub(super) fn delete(call: &Call<'_>, account: &mut StorageAccount) -> Result<Answer, Refusal> {
    let removed = account.containers.remove(call.target.container());
    removed.ok_or_else(Refusal::no_container)?;
    Ok(Answer {
        status: 202,
        ..Answer::default()
    })
}

pub(super) fn find<'a>(
    call: &Call<'_>,
    account: &'a StorageAccount,
) -> Result<&'a Container, Refusal> {
    let container = account.containers.get(call.target.container());
    container.ok_or_else(Refusal::no_container)
}

fn version(container: &Container) -> Vec<(&'static str, String)> {
    vec![
        ("etag", container.etag.clone()),
        ("last-modified", http_date(container.created)),
    ]
}
