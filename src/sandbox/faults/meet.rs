//! A request and the fault that it meets.

use std::io;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use http::header::CONTENT_LENGTH;

use super::{Fault, Fuse, Refused};

/// Answers a request, or lets go wrong what a fault says.
pub(in crate::sandbox) async fn meet<F>(
    fault: Option<Fault>,
    fuse: &Fuse,
    refuse: impl FnOnce(Refused) -> Response,
    answer: impl FnOnce() -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    match fault {
        None => answer().await,
        Some(Fault::Refused(refused)) => refuse(refused),
        Some(Fault::DoneButRefused(refused)) => {
            answer().await;
            refuse(refused)
        }
        Some(Fault::Reset) => {
            fuse.blow();
            Response::default()
        }
        Some(Fault::DoneButReset) => {
            answer().await;
            fuse.blow();
            Response::default()
        }
        Some(Fault::Late(time)) => {
            tokio::time::sleep(time).await;
            answer().await
        }
        Some(Fault::AnsweredLate(time)) => {
            let response = answer().await;
            tokio::time::sleep(time).await;
            response
        }
        Some(Fault::Truncated) => halve(answer().await, fuse).await,
    }
}

/// Promises the whole body and sends half of it.
async fn halve(response: Response, fuse: &Fuse) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if whole.is_empty() {
        fuse.blow();
        return Response::default();
    }
    head.headers.insert(CONTENT_LENGTH, whole.len().into());
    let parts: [io::Result<Bytes>; 2] = [
        Ok(whole.slice(..whole.len() / 2)),
        Err(io::ErrorKind::ConnectionReset.into()),
    ];
    let body = Body::from_stream(futures::stream::iter(parts));
    Response::from_parts(head, body)
}
