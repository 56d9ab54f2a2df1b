//! Blob storage, as far as containers and small block blobs go, with Azure's own order of things:
//! who asks, whether they may, and only then what is there.

mod access;
mod blobs;
mod containers;
mod listing;
mod refusal;
mod shared_key;
mod target;
mod xml;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::request::Parts;
use jiff::Timestamp;

use self::access::Need;
use self::refusal::Refusal;
use self::target::Target;
use super::call::Query;
use super::cloud::Cloud;
use super::server::{Arrived, Outcome};
use super::state::{AzureState, StorageAccount};
use crate::sandbox::faults::Refused;
use crate::sandbox::random;

/// The newest version of the protocol that is spoken here; older ones are no different in it.
const VERSION: &str = "2025-11-05";
const SERVER: &str = "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0";

/// A request, and what is around it.
struct Call<'a> {
    head: &'a Parts,
    query: Query,
    body: &'a Bytes,
    target: Target,
    now: Timestamp,
    /// What the answer is known by.
    id: &'a str,
}

impl<'a> Call<'a> {
    fn of(arrived: &'a Arrived) -> Self {
        Self {
            head: &arrived.parts,
            query: Query::parse(arrived.parts.uri.query().unwrap_or_default()),
            body: &arrived.body,
            target: Target::of(&arrived.parts),
            now: arrived.now,
            id: &arrived.id,
        }
    }
}

/// What comes back.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    ListContainers,
    CreateContainer,
    GetContainerProperties,
    DeleteContainer,
    ListBlobs,
    PutBlob,
    GetBlob,
    DeleteBlob,
}

impl Operation {
    /// The operation of a request; nothing for those that are not served here.
    fn of(parts: &Parts) -> Option<Self> {
        let Target {
            container, blob, ..
        } = Target::of(parts);
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let is_container = query.get("restype") == Some("container");
        let component = query.get("comp");
        Some(match (parts.method.as_str(), &container, &blob) {
            ("GET", None, _) if component == Some("list") => Self::ListContainers,
            ("GET", Some(_), None) if is_container && component == Some("list") => Self::ListBlobs,
            ("PUT", Some(_), None) if is_container && component.is_none() => Self::CreateContainer,
            ("GET" | "HEAD", Some(_), None) if is_container && component.is_none() => {
                Self::GetContainerProperties
            }
            ("DELETE", Some(_), None) if is_container => Self::DeleteContainer,
            ("PUT", Some(_), Some(_)) if component.is_none() => Self::PutBlob,
            ("GET" | "HEAD", Some(_), Some(_)) if component.is_none() => Self::GetBlob,
            ("DELETE", Some(_), Some(_)) => Self::DeleteBlob,
            _ => return None,
        })
    }

    /// What a role must allow.
    fn need(self) -> Need {
        match self {
            Self::ListContainers | Self::GetContainerProperties => Need::Container("read"),
            Self::CreateContainer => Need::Container("write"),
            Self::DeleteContainer => Need::Container("delete"),
            Self::ListBlobs | Self::GetBlob => Need::Blob("read"),
            Self::PutBlob => Need::Blob("write"),
            Self::DeleteBlob => Need::Blob("delete"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ListContainers => "ListContainers",
            Self::CreateContainer => "CreateContainer",
            Self::GetContainerProperties => "GetContainerProperties",
            Self::DeleteContainer => "DeleteContainer",
            Self::ListBlobs => "ListBlobs",
            Self::PutBlob => "PutBlob",
            Self::GetBlob => "GetBlob",
            Self::DeleteBlob => "DeleteBlob",
        }
    }

    fn writes(self) -> bool {
        matches!(
            self,
            Self::CreateContainer | Self::DeleteContainer | Self::PutBlob | Self::DeleteBlob
        )
    }

    fn read(self, call: &Call<'_>, account: &StorageAccount) -> Result<Answer, Refusal> {
        match self {
            Self::ListContainers => Ok(listing::containers(call, account)),
            Self::GetContainerProperties => containers::properties(call, account),
            Self::ListBlobs => listing::blobs(call, account),
            _ => blobs::get(call, account),
        }
    }

    fn write(self, call: &Call<'_>, account: &mut StorageAccount) -> Result<Answer, Refusal> {
        match self {
            Self::CreateContainer => containers::create(call, account),
            Self::DeleteContainer => containers::delete(call, account),
            Self::PutBlob => blobs::put(call, account),
            _ => blobs::delete(call, account),
        }
    }
}

/// Whether a request is for a storage account: by its host, or where that names none, by the first
/// part of its path.
pub(super) fn is_for(cloud: &Cloud, head: &Parts) -> bool {
    if target::account_of_host(head).is_some() {
        return true;
    }
    let first = head.uri.path().split('/').nth(1).unwrap_or_default();
    let first = first.to_ascii_lowercase();
    let known = |state: &AzureState| state.accounts.contains_key(&first);
    cloud.store.read(known)
}

/// The operation of a request, as the log names it.
pub(super) fn operation(parts: &Parts) -> String {
    Operation::of(parts)
        .map_or("unknown", Operation::name)
        .into()
}

/// Answers a request for a storage account.
pub(super) fn answer(cloud: &Cloud, arrived: &Arrived) -> Outcome {
    let call = Call::of(arrived);
    let operation = Operation::of(&arrived.parts);
    let answer = operation
        .ok_or_else(Refusal::not_served)
        .and_then(|operation| perform(cloud, operation, &call))
        .unwrap_or_else(|refusal| refusal.answer(&call));
    Outcome {
        operation: self::operation(&arrived.parts),
        write: operation.is_some_and(Operation::writes),
        response: respond(&call, answer),
    }
}

/// What the service says to a request that meets a fault.
pub(super) fn refuse_fault(refused: Refused, arrived: &Arrived) -> Response {
    let call = Call::of(arrived);
    respond(&call, Refusal::of_fault(refused).answer(&call))
}

fn perform(cloud: &Cloud, operation: Operation, call: &Call<'_>) -> Result<Answer, Refusal> {
    let admit = |state: &AzureState| -> Result<(), Refusal> {
        let account = account(state, call)?;
        access::check(state, account, call, operation.need())?;
        call.target.check_name()
    };
    if !operation.writes() {
        return cloud.store.read(|state| {
            admit(state)?;
            operation.read(call, account(state, call)?)
        });
    }
    let written = cloud.store.write(|state| {
        admit(state)?;
        let account = state.accounts.get_mut(&call.target.account);
        operation.write(call, account.ok_or_else(Refusal::no_account)?)
    });
    written.unwrap_or_else(|error| Err(Refusal::internal(&error)))
}

fn account<'a>(state: &'a AzureState, call: &Call<'_>) -> Result<&'a StorageAccount, Refusal> {
    let account = state.accounts.get(&call.target.account);
    account.ok_or_else(Refusal::no_account)
}

/// What every answer of the service has besides what every answer of Azure has.
fn respond(call: &Call<'_>, answer: Answer) -> Response {
    let asked = call.head.headers.get("x-ms-version");
    let asked = asked.and_then(|version| version.to_str().ok());
    let mut response = Response::builder()
        .status(answer.status)
        .header("server", SERVER)
        .header("x-ms-version", asked.unwrap_or(VERSION));
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let response = response.body(Body::from(answer.body));
    response.expect("our own headers are headers")
}

/// A version of something, as the service draws it.
fn etag() -> String {
    format!("\"0x8D{}\"", random::text(13, b"0123456789ABCDEF"))
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
