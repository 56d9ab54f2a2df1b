//! From an HTTP request to an answer: which service, who asks, what it says.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::DATE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use super::call::{Call, Params};
use super::caller::{Caller, authenticate, signature_code};
use super::cloud::{Cloud, RequestLine};
use super::refusal::Refusal;
use super::service::Service;
use super::sigv4::Signed;
use super::text::request_id;
use super::xml::Xml;
use super::{cloudformation, eks, faults, iam, s3, sts};
use crate::sandbox::faults::{Fault, Faults, Fuse, meet};

/// Larger than any object that is kept, so that its refusal can be read.
const LARGEST_BODY: usize = 16 << 20;

/// A request that has arrived whole.
#[derive(Clone)]
struct Arrived {
    parts: Parts,
    body: Bytes,
    now: Timestamp,
    id: String,
}

pub(super) async fn serve(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: Request,
) -> Response {
    tokio::time::sleep(cloud.conduct.latency).await;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return with_status(StatusCode::PAYLOAD_TOO_LARGE, Body::empty());
    };
    let id = request_id();
    let (service, fault) = match &cloud.conduct.faults {
        None => (Service::Sts, None),
        Some(all) => fate(all, &parts, &body),
    };
    let arrived = Arrived {
        parts,
        body,
        now: cloud.conduct.clock.now(),
        id,
    };
    let refuse_with = |refused| {
        let refusal = faults::refusal(service, refused);
        finished(refuse(service, &refusal, &arrived), &arrived)
    };
    meet(fault, &fuse, refuse_with, async || {
        // It may have had to wait.
        let arrived = Arrived {
            now: cloud.conduct.clock.now(),
            ..arrived.clone()
        };
        finished(answer(&cloud, &arrived), &arrived)
    })
    .await
}

/// Puts on every answer what every answer has.
fn finished(mut response: Response, arrived: &Arrived) -> Response {
    let headers = response.headers_mut();
    let id = HeaderValue::try_from(&arrived.id).expect("an id is hexadecimal");
    for name in ["x-amzn-requestid", "x-amz-request-id"] {
        headers.insert(HeaderName::from_static(name), id.clone());
    }
    // Clients see by it whose clock is wrong.
    let date = arrived
        .now
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    headers.insert(DATE, HeaderValue::try_from(date).expect("a date is text"));
    if arrived.parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// What is to go wrong with a request, and which service says so.
fn fate(all: &Faults, parts: &Parts, body: &Bytes) -> (Service, Option<Fault>) {
    let signed = Signed::read(parts).ok().flatten();
    let service = Service::of(parts, signed.as_ref()).unwrap_or(Service::Sts);
    let operation = match service {
        Service::Sts | Service::Iam | Service::CloudFormation => {
            Params::parse(parts.uri.query().unwrap_or_default(), body)
                .get("Action")
                .unwrap_or_default()
                .to_owned()
        }
        Service::Eks => eks::Operation::of(parts).name().to_owned(),
        Service::S3 => format!("{:?}", s3::Ask::read(parts, body).operation),
    };
    let operation = format!("{}:{operation}", service.name());
    (
        service,
        all.next(&operation, faults::sorts(signed.as_ref())),
    )
}

fn answer(cloud: &Cloud, arrived: &Arrived) -> Response {
    let signed = Signed::read(&arrived.parts);
    let service = Service::of(
        &arrived.parts,
        signed.as_ref().ok().and_then(Option::as_ref),
    );
    if let Err(refusal) = cloudformation::go_on(cloud, arrived.now) {
        return refuse(service.unwrap_or(Service::Sts), &refusal, arrived);
    }
    let (operation, write, outcome) = match (service, &signed) {
        (_, Err(unreadable)) => {
            let refusal = Refusal::new(400, "IncompleteSignature", unreadable.to_string());
            (String::new(), false, Err(refusal))
        }
        (None, _) => {
            let message = "The practice cloud has sts, iam, eks, s3 and cloudformation, and \
                           this request was signed for another.";
            (
                String::new(),
                false,
                Err(Refusal::new(404, "UnknownService", message)),
            )
        }
        (Some(service @ (Service::Sts | Service::Iam | Service::CloudFormation)), Ok(signed)) => {
            query(cloud, arrived, service, signed.as_ref())
        }
        (Some(Service::Eks), Ok(signed)) => clusters(cloud, arrived, signed.as_ref()),
        (Some(Service::S3), Ok(signed)) => storage(cloud, arrived, signed.as_ref()),
    };
    let dialect = service.unwrap_or(Service::Sts);
    let response = outcome.unwrap_or_else(|refusal| refuse(dialect, &refusal, arrived));
    cloud.note(RequestLine {
        service: service.map_or("unknown", Service::name),
        operation,
        write,
        status: response.status().as_u16(),
    });
    response
}

/// The operation's name, whether it writes, and what came of it.
type Outcome = (String, bool, Result<Response, Refusal>);

fn clusters(cloud: &Cloud, arrived: &Arrived, signed: Option<&Signed>) -> Outcome {
    let operation = eks::Operation::of(&arrived.parts);
    let outcome = identify(cloud, arrived, Service::Eks, signed).and_then(|(caller, signed)| {
        let (parts, now) = (&arrived.parts, arrived.now);
        eks::answer(cloud, &operation, parts, &caller, &signed.region, now)
    });
    let outcome = outcome.map(|value| json(StatusCode::OK, &value));
    (operation.name().to_owned(), false, outcome)
}

fn storage(cloud: &Cloud, arrived: &Arrived, signed: Option<&Signed>) -> Outcome {
    let ask = s3::Ask::read(&arrived.parts, &arrived.body);
    let outcome = identify(cloud, arrived, Service::S3, signed).and_then(|(caller, signed)| {
        let proof = s3::Proof {
            caller: &caller,
            signed,
            now: arrived.now,
        };
        s3::answer(cloud, &ask, &proof)
    });
    (
        format!("{:?}", ask.operation),
        ask.operation.is_write(),
        outcome,
    )
}

/// STS, IAM and CloudFormation: a form in, XML out.
fn query(cloud: &Cloud, arrived: &Arrived, service: Service, signed: Option<&Signed>) -> Outcome {
    let params = Params::parse(arrived.parts.uri.query().unwrap_or_default(), &arrived.body);
    let operation = params.get("Action").unwrap_or_default().to_owned();
    let write = match service {
        Service::Iam => iam::is_write(&operation),
        Service::CloudFormation => cloudformation::is_write(&operation),
        _ => false,
    };
    let result = if service == Service::Sts && operation == sts::WEB_IDENTITY {
        sts::assume_with_web_identity(cloud, &params, arrived.now)
    } else {
        identify(cloud, arrived, service, signed).and_then(|(caller, signed)| {
            let call = Call {
                params: &params,
                caller: &caller,
                action: &format!("{}:{operation}", service.name()),
                region: &signed.region,
                now: arrived.now,
                lag: cloud.conduct.lag,
            };
            match service {
                Service::Iam => iam::answer(cloud, &operation, &call),
                Service::CloudFormation => cloudformation::answer(cloud, &operation, &call),
                _ => sts::answer(cloud, &operation, &call),
            }
        })
    };
    let outcome = result.map(|result| {
        let metadata = Xml::new().text("RequestId", &arrived.id);
        // CloudFormation's clients look for the result even where it says nothing.
        let answer = if result.is_empty() && service != Service::CloudFormation {
            Xml::new()
        } else {
            Xml::new().node(&format!("{operation}Result"), result)
        };
        let document = answer
            .node("ResponseMetadata", metadata)
            .document(&format!("{operation}Response"), Some(namespace(service)));
        xml(StatusCode::OK, document)
    });
    (operation, write, outcome)
}

fn identify<'a>(
    cloud: &Cloud,
    arrived: &Arrived,
    service: Service,
    signed: Option<&'a Signed>,
) -> Result<(Caller, &'a Signed), Refusal> {
    let Some(signed) = signed else {
        return Err(match service {
            Service::S3 => Refusal::new(403, "AccessDenied", "Access Denied"),
            _ => Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ),
        });
    };
    if !signed.headers.iter().any(|name| name == "host") {
        return Err(signature_code(
            service,
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let caller = cloud.store.read(|state| {
        authenticate(
            state,
            service,
            &arrived.parts,
            &arrived.body,
            signed,
            arrived.now,
        )
    })?;
    Ok((caller, signed))
}

fn refuse(service: Service, refusal: &Refusal, arrived: &Arrived) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match service {
        Service::Sts | Service::Iam | Service::CloudFormation => xml(
            status,
            refusal.query_document(namespace(service), &arrived.id),
        ),
        Service::S3 => {
            let path = arrived.parts.uri.path();
            let mut response = xml(status, refusal.s3_document(path, &arrived.id));
            // A client that asked the wrong region learns the right one even from a HEAD.
            let region = refusal.details.iter().find(|(name, _)| *name == "Region");
            if let Some(Ok(region)) = region.map(|(_, region)| HeaderValue::try_from(region)) {
                response.headers_mut().insert("x-amz-bucket-region", region);
            }
            response
        }
        Service::Eks => {
            let mut response = json(status, &refusal.json_document());
            response
                .headers_mut()
                .insert("x-amzn-errortype", HeaderValue::from_static(refusal.code));
            response
        }
    }
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Iam => iam::NAMESPACE,
        Service::CloudFormation => cloudformation::NAMESPACE,
        _ => sts::NAMESPACE,
    }
}

fn xml(status: StatusCode, document: String) -> Response {
    typed(status, "text/xml", Body::from(document))
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    typed(status, "application/json", Body::from(value.to_string()))
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = with_status(status, body);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    response
}

fn with_status(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
