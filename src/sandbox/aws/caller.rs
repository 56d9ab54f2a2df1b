//! Who asks: looks up the key of a signed request and checks the signature.

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::refusal::Refusal;
use super::service::Service;
use super::sigv4::{Signed, header};
use super::state::AwsState;
use super::text::{basic, iso, parse_basic, sha256_hex};

/// A principal whose signature was right.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) arn: String,
    /// `AIDA…` of a user, `AROA…:session` of an assumed role.
    pub(super) id: String,
    pub(super) identity: Identity,
    /// For the chunks of a streamed body, which are signed one by one.
    pub(super) secret: String,
}

/// What the principal's rights hang on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// By name.
    User(String),
    /// By access key id.
    Session(String),
}

/// Finds the principal behind a signature, or says why there is none.
pub(super) fn authenticate(
    state: &AwsState,
    service: Service,
    parts: &Parts,
    body: &[u8],
    signed: &Signed,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let caller = find(state, service, signed, now)?;
    check_time(service, signed, now)?;
    let payload_hash = payload_hash(service, parts, body, signed)?;
    let canonical = signed.canonical_request(parts, &payload_hash);
    let string_to_sign = signed.string_to_sign(&canonical);
    if signed.expected(&caller.secret, &string_to_sign) == signed.signature {
        Ok(caller)
    } else {
        Err(mismatch(service, signed, &canonical, &string_to_sign))
    }
}

fn find(
    state: &AwsState,
    service: Service,
    signed: &Signed,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    if let Some(key) = state.access_keys.get(&signed.access_key) {
        let user = state
            .users
            .get(&key.user)
            .ok_or_else(|| unknown_key(service, signed))?;
        return Ok(Caller {
            arn: state.user_arn(user),
            id: user.id.clone(),
            identity: Identity::User(user.name.clone()),
            secret: key.secret.clone(),
        });
    }
    let session = state
        .sessions
        .get(&signed.access_key)
        .ok_or_else(|| unknown_key(service, signed))?;
    if signed.token.as_ref() != Some(&session.token) {
        return Err(match service {
            Service::S3 => Refusal::new(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
            _ => unknown_key(service, signed),
        });
    }
    if now >= session.expires_at {
        return Err(expired(service));
    }
    Ok(Caller {
        arn: format!(
            "arn:aws:sts::{}:assumed-role/{}/{}",
            state.account, session.role, session.name
        ),
        id: format!("{}:{}", session.role_id, session.name),
        identity: Identity::Session(signed.access_key.clone()),
        secret: session.secret.clone(),
    })
}

/// S3 allows a quarter of an hour, the others five minutes; a presigned URL has its own end.
fn check_time(service: Service, signed: &Signed, now: Timestamp) -> Result<(), Refusal> {
    let minutes = if service == Service::S3 { 15 } else { 5 };
    let skew = SignedDuration::from_mins(minutes);
    let at = parse_basic(&signed.at)
        .filter(|_| signed.at.starts_with(&signed.day))
        .ok_or_else(|| signature_code(service, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"))?;
    let lifetime = signed.expires.map_or(skew, SignedDuration::from_secs);
    if at + lifetime >= now && at <= now + skew {
        return Ok(());
    }
    if service == Service::S3 {
        return Err(if signed.expires.is_some() {
            Refusal::new(403, "AccessDenied", "Request has expired")
        } else {
            Refusal::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
            .with("RequestTime", &signed.at)
            .with("ServerTime", iso(now))
            .with("MaxAllowedSkewMilliseconds", skew.as_millis().to_string())
        });
    }
    let (here, there) = (basic(now), basic(at));
    Err(signature_code(
        service,
        &if at < now {
            let bound = basic(now - lifetime);
            format!(
                "Signature expired: {there} is now earlier than {bound} ({here} - {} min.)",
                lifetime.as_mins()
            )
        } else {
            let bound = basic(now + skew);
            format!(
                "Signature not yet current: {there} is still later than {bound} ({here} + {minutes} min.)"
            )
        },
    ))
}

/// The hash that went into the signature. Only S3 lets the client say that it hashed nothing, or
/// that the chunks of the body have signatures of their own.
fn payload_hash(
    service: Service,
    parts: &Parts,
    body: &[u8],
    signed: &Signed,
) -> Result<String, Refusal> {
    let actual = sha256_hex(body);
    if service != Service::S3 {
        return Ok(actual);
    }
    match header(parts, "x-amz-content-sha256") {
        None if signed.expires.is_some() => Ok("UNSIGNED-PAYLOAD".into()),
        Some(claimed) if claimed.starts_with("STREAMING-") || claimed == "UNSIGNED-PAYLOAD" => {
            Ok(claimed)
        }
        Some(claimed) if claimed != actual => Err(Refusal::new(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
        .with("ClientComputedContentSHA256", claimed)
        .with("S3ComputedContentSHA256", actual)),
        _ => Ok(actual),
    }
}

fn unknown_key(service: Service, signed: &Signed) -> Refusal {
    let message = "The security token included in the request is invalid.";
    match service {
        Service::S3 => Refusal::new(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with("AWSAccessKeyId", &signed.access_key),
        Service::Eks => Refusal::new(403, "UnrecognizedClientException", message),
        Service::Sts | Service::Iam | Service::CloudFormation => {
            Refusal::new(403, "InvalidClientTokenId", message)
        }
    }
}

fn expired(service: Service) -> Refusal {
    let message = "The security token included in the request is expired";
    match service {
        Service::S3 => Refusal::new(400, "ExpiredToken", "The provided token has expired."),
        Service::Eks => Refusal::new(403, "ExpiredTokenException", message),
        Service::Sts | Service::Iam | Service::CloudFormation => {
            Refusal::new(403, "ExpiredToken", message)
        }
    }
}

fn mismatch(service: Service, signed: &Signed, canonical: &str, string_to_sign: &str) -> Refusal {
    if service == Service::S3 {
        return Refusal::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. \
             Check your key and signing method.",
        )
        .with("AWSAccessKeyId", &signed.access_key)
        .with("StringToSign", string_to_sign)
        .with("SignatureProvided", &signed.signature)
        .with("CanonicalRequest", canonical);
    }
    signature_code(
        service,
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details.",
    )
}

/// A refusal in the code that the service uses for everything about signatures.
pub(super) fn signature_code(service: Service, message: &str) -> Refusal {
    let code = match service {
        Service::Eks => "InvalidSignatureException",
        _ => "SignatureDoesNotMatch",
    };
    Refusal::new(403, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::aws::tests::practice::{KEY, SECRET, new_state};

    const NOON: &str = "2026-11-22T12:00:00Z";

    /// A request signed for that service at noon.
    fn request(service: &str) -> (Parts, Signed) {
        let unsigned = http::Request::get("/")
            .header("host", "127.0.0.1")
            .header("x-amz-date", "20261122T120000Z")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={KEY}/20261122/us-west-2/{service}/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=none"
                ),
            );
        let (parts, ()) = unsigned.body(()).unwrap().into_parts();
        let mut signed = Signed::read(&parts).unwrap().unwrap();
        let canonical = signed.canonical_request(&parts, &sha256_hex(b""));
        signed.signature = signed.expected(SECRET, &signed.string_to_sign(&canonical));
        (parts, signed)
    }

    fn at(service: Service, seconds_after_noon: i64) -> Result<Caller, Refusal> {
        let (parts, signed) = request(service.name());
        let noon: Timestamp = NOON.parse().unwrap();
        let now = noon + SignedDuration::from_secs(seconds_after_noon);
        authenticate(&new_state(), service, &parts, b"", &signed, now)
    }

    #[test]
    fn a_clock_may_be_five_minutes_off() {
        assert!(at(Service::Sts, 299).is_ok());
        assert!(at(Service::Sts, -299).is_ok());
        let late = at(Service::Sts, 600).unwrap_err();
        assert_eq!(late.code, "SignatureDoesNotMatch");
        assert_eq!(
            late.message,
            "Signature expired: 20261122T120000Z is now earlier than 20261122T120500Z \
             (20261122T121000Z - 5 min.)"
        );
        let early = at(Service::Eks, -600).unwrap_err();
        assert_eq!(early.code, "InvalidSignatureException");
        assert_eq!(
            early.message,
            "Signature not yet current: 20261122T120000Z is still later than 20261122T115500Z \
             (20261122T115000Z + 5 min.)"
        );
        assert!(at(Service::S3, 800).is_ok());
        assert_eq!(
            at(Service::S3, 1000).unwrap_err().code,
            "RequestTimeTooSkewed"
        );
    }

    #[test]
    fn a_body_that_was_not_signed_is_noticed() {
        let (parts, signed) = request("iam");
        let noon = NOON.parse().unwrap();
        let state = new_state();
        assert!(authenticate(&state, Service::Iam, &parts, b"", &signed, noon).is_ok());
        let other = authenticate(&state, Service::Iam, &parts, b"Action=X", &signed, noon);
        assert_eq!(other.unwrap_err().code, "SignatureDoesNotMatch");
    }
}
