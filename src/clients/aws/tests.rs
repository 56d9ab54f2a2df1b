//! The AWS client against small servers on loopback.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use aws_smithy_http_client::proxy::ProxyConfig;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::{Router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::http::Trust;
use super::*;
use crate::clients::wire::WireLog;

const SECRET: &str = "canary-secret-key";
const TOKEN: &str = "canary-web-identity-token";
const SESSION_SECRET: &str = "canary-session-secret";
const SESSION_TOKEN: &str = "canary-session-token";

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
    <Arn>arn:aws:iam::123456789012:user/ops</Arn><UserId>AIDA</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

#[tokio::test]
async fn a_busy_server_is_asked_again_and_each_attempt_leaves_a_line() {
    let server = Server::start(|number, _| match number {
        1 => (503, refusal("ServiceUnavailable", "come back")),
        _ => (200, IDENTITY.into()),
    })
    .await;
    let wire = WireLog::in_memory();
    let aws = Aws::connect(&server.settings(), wire.clone())
        .await
        .unwrap();

    let caller = aws.caller_identity().await.unwrap();
    assert_eq!(caller.account, "123456789012");
    let again = aws.clone().caller_identity().await.unwrap();
    assert_eq!(again, caller);

    let records = wire.records();
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.attempt, record.status, record.error.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, Some(503), Some("ServiceUnavailable")),
            (2, Some(200), None)
        ]
    );
    for record in records {
        assert_eq!(record.client, "aws");
        assert_eq!(record.operation, "sts:GetCallerIdentity");
        assert_eq!(record.method, "POST");
        assert_eq!(record.target, server.url);
        assert_eq!(record.request_id.as_deref(), Some("request-1"));
        assert!(!record.write);
    }
    assert_eq!(server.seen().len(), 2, "the caller is remembered");
}

#[tokio::test]
async fn a_request_given_up_leaves_its_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = AwsSettings {
        endpoint_url: Some(format!("http://{}", listener.local_addr().unwrap())),
        ..Server::practice()
    };
    let wire = WireLog::in_memory();
    let aws = Aws::connect(&settings, wire.clone()).await.unwrap();
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    };
    tokio::select! {
        _ = aws.caller_identity() => panic!("nobody answers"),
        () = silent => {}
    }
    let [record] = &wire.records()[..] else {
        panic!("{:?}", wire.records())
    };
    assert_eq!(record.status, None);
    assert_eq!(record.error.as_deref(), Some("given up before an answer"));
}

#[tokio::test]
async fn a_failure_to_tell_the_caller_is_not_remembered() {
    let server = Server::start(|number, _| match number {
        1 => (
            403,
            refusal("ExpiredToken", "The provided token has expired."),
        ),
        _ => (200, IDENTITY.into()),
    })
    .await;
    let aws = server.aws().await;
    let error = aws.caller_identity().await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Credentials);
    assert_eq!(
        error.to_string(),
        "sts:GetCallerIdentity: ExpiredToken: The provided token has expired. \
         (request id request-1)"
    );
    let around = error.surroundings.as_deref().unwrap();
    assert_eq!(around.endpoint.as_deref(), Some(server.url.as_str()));
    assert!(aws.caller_identity().await.is_ok());
}

#[tokio::test]
async fn a_session_calls_for_itself_and_no_secret_is_written_anywhere() {
    let server = Server::start(|_, seen| {
        if seen.body.contains("AssumeRoleWithWebIdentity") {
            (200, session())
        } else if seen.method == "PUT" {
            (200, String::new())
        } else {
            (
                404,
                refusal("NoSuchBucket", "The specified bucket does not exist"),
            )
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wire.jsonl");
    let wire = WireLog::new();
    let mut kept = std::fs::File::create(&file).unwrap();
    wire.write_to(Box::new(move |line| {
        std::io::Write::write_all(&mut kept, &[line, b"\n"].concat())
    }));
    let settings = server.settings();
    let aws = Aws::connect(&settings, wire.clone()).await.unwrap();

    let session = aws
        .assume_role_with_web_identity("arn:aws:iam::123456789012:role/rok", "proof", TOKEN)
        .await
        .unwrap();
    assert_eq!(
        session.arn,
        "arn:aws:sts::123456789012:assumed-role/rok/proof"
    );
    let error = aws
        .list_object_versions("rok-bucket", Some(&session))
        .await
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::NotFound);
    assert_eq!(error.code.as_deref(), Some("NoSuchBucket"));
    aws.create_bucket("rok-bucket", "eu-west-1", Some(&session))
        .await
        .unwrap();
    aws.create_bucket("rok-bucket", "us-east-1", None)
        .await
        .unwrap();

    let seen = server.seen();
    assert!(seen[0].body.contains(TOKEN));
    let authorization = |index: usize| seen[index].header("authorization");
    assert_eq!(authorization(0), "", "a web identity call is not signed");
    assert_eq!(seen[1].uri.path(), "/rok-bucket/", "path style");
    assert!(authorization(1).contains("Credential=ASIASESSION/"));
    assert!(authorization(1).contains("/us-west-2/s3/"));
    assert_eq!(seen[1].header("x-amz-security-token"), SESSION_TOKEN);
    assert!(authorization(2).contains("/eu-west-1/s3/"));
    assert!(seen[2].body.contains(">eu-west-1</LocationConstraint>"));
    assert!(authorization(3).contains("Credential=AKIAPRACTICE/"));
    assert_eq!(seen[3].body, "", "us-east-1 must not be named");

    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 4);
    assert_eq!(wire.writes(), 2, "only the two buckets");
    let shown = format!("{written} {settings:?} {session:?} {aws:?} {error:?} {error}");
    for canary in [SECRET, TOKEN, SESSION_SECRET, SESSION_TOKEN, "Credential="] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart_by_their_code() {
    use AwsErrorKind as Kind;
    let table = [
        (403, "AccessDenied", Kind::AccessDenied),
        (409, "EntityAlreadyExists", Kind::AlreadyExists),
        (400, "MalformedPolicyDocument", Kind::Invalid),
        (409, "LimitExceeded", Kind::Invalid),
        (403, "InvalidClientTokenId", Kind::Credentials),
        (403, "SignatureDoesNotMatch", Kind::Credentials),
    ];
    let server = Server::start(move |number, _| {
        let (status, code, _) = table[number - 1];
        (status, refusal(code, "why\n  not"))
    })
    .await;
    let aws = server.aws().await;
    for (status, code, kind) in table {
        let error = aws.update_trust_policy("rok", "{}").await.unwrap_err();
        assert_eq!((error.status, error.kind), (Some(status), kind), "{code}");
        assert_eq!(error.message, "why not");
        assert!(!error.is_transient(), "{code}");
    }
}

#[tokio::test]
async fn a_404_that_is_not_from_aws_does_not_mean_absent() {
    let server = Server::start(|_, _| (404, "<html>Not Found</html>".into())).await;
    let error = server.aws().await.role("rok").await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Other);
    assert_eq!(error.status, Some(404));
}

#[tokio::test]
async fn the_clock_of_the_server_is_compared_with_ours() {
    let server =
        Server::start(|_, _| (403, refusal("SignatureDoesNotMatch", "Signature expired"))).await;
    *server.date.lock().unwrap() =
        Some(jiff::Timestamp::now() + jiff::SignedDuration::from_mins(20));
    let aws = server.aws().await;
    assert_eq!(aws.clock_skew(), None);
    let error = aws.role("rok").await.unwrap_err();
    let skew = aws.clock_skew().unwrap();
    assert!((1190..=1201).contains(&skew.as_secs()), "{skew}");
    let around = error.surroundings.unwrap();
    assert_eq!(around.skew, Some(skew), "the error tells of it");
}

#[tokio::test]
async fn the_simulator_is_read_in_both_of_its_forms() {
    let server = Server::start(|_, _| {
        let member = |inside: &str| format!("<member>{inside}</member>");
        let inner = member(
            "<EvalResourceName>arn:a</EvalResourceName>\
             <EvalResourceDecision>allowed</EvalResourceDecision>",
        ) + &member(
            "<EvalResourceName>arn:b</EvalResourceName>\
             <EvalResourceDecision>implicitDeny</EvalResourceDecision>",
        );
        let results = member(&format!(
            "<EvalActionName>iam:GetRole</EvalActionName><EvalDecision>implicitDeny</EvalDecision>\
             <ResourceSpecificResults>{inner}</ResourceSpecificResults>"
        )) + &member(
            "<EvalActionName>iam:CreateRole</EvalActionName>\
             <EvalResourceName>*</EvalResourceName><EvalDecision>implicitDeny</EvalDecision>\
             <OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations>\
             </OrganizationsDecisionDetail>",
        );
        (
            200,
            format!(
                "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult>\
                 <IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            ),
        )
    })
    .await;
    let aws = server.aws().await;
    let results = aws
        .simulate(
            "arn:me",
            &["iam:GetRole", "iam:CreateRole"],
            &["arn:a", "arn:b"],
        )
        .await
        .unwrap();
    let short: Vec<_> = results
        .iter()
        .map(|one| {
            let resource = one.resource.as_str();
            (
                one.action.as_str(),
                resource,
                one.allowed,
                one.denied_by_organization,
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("iam:GetRole", "arn:a", true, false),
            ("iam:GetRole", "arn:b", false, false),
            ("iam:CreateRole", "*", false, true),
        ]
    );
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_endpoint() {
    let proxy = Server::start(|_, _| (200, IDENTITY.into())).await;
    let trust = Trust {
        system: false,
        bundle: None,
    };
    let http = http::client(ProxyConfig::http(proxy.url.as_str()).unwrap(), &trust).unwrap();
    let mut settings = proxy.settings();
    settings.endpoint_url = Some("http://sts.far-away.example".into());
    let wire = WireLog::in_memory();
    let aws = Aws::connect_through(http, &settings, wire.clone()).await;
    aws.caller_identity().await.unwrap();
    assert_eq!(proxy.seen()[0].uri.host(), Some("sts.far-away.example"));
    assert_eq!(wire.records()[0].target, "http://sts.far-away.example");
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_by_name() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let (url, pem) = tls_server().await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    fs::write(&bundle, pem).unwrap();
    let mut settings = AwsSettings {
        endpoint_url: Some(url.clone()),
        ..Server::practice()
    };

    let aws = Aws::connect(&settings, WireLog::new()).await.unwrap();
    let error = aws.caller_identity().await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Network, "{error}");
    assert!(error.is_transient());
    assert!(error.message.contains("certificate"), "{error}");

    settings.ca_bundle = Some(bundle);
    let aws = Aws::connect(&settings, WireLog::new()).await.unwrap();
    assert_eq!(aws.caller_identity().await.unwrap().user_id, "AIDA");
}

/// Tells a test that a parent has prepared its environment. Without it there is nothing to try.
const CHILD: &str = "ROK_DEPLOY_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What depends on the environment is tried in a child process that has only what it is given.
fn in_child(test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!(
            "{}::{test}",
            module_path!().split_once("::").unwrap().1
        ))
        .env_clear()
        .env(CHILD, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn without_credentials_the_hint_says_where_to_put_them() {
    let home = tempfile::tempdir().unwrap();
    in_child(
        "child_without_credentials",
        &[("HOME", home.path().to_str().unwrap())],
    );
}

#[tokio::test]
async fn child_without_credentials() {
    if !is_child() {
        return;
    }
    let aws = Aws::connect(&AwsSettings::default(), WireLog::new())
        .await
        .unwrap();
    assert_eq!(aws.region(), None);
    let error = aws.caller_identity().await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Credentials, "{error}");
    assert!(error.message.starts_with("no credentials found"), "{error}");

    let mut settings = Server::practice();
    settings.region = None;
    let aws = Aws::connect(&settings, WireLog::new()).await.unwrap();
    let error = aws.list_clusters().await.unwrap_err();
    assert_eq!(error.message, "no region is set", "{error:?}");
}

#[test]
fn an_sso_profile_without_a_session_asks_for_a_login() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    fs::write(
        &config,
        "[profile corp]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = ops\n\
         region = eu-central-1\n[sso-session s]\nsso_region = eu-central-1\n\
         sso_start_url = https://corp.example/start\n",
    )
    .unwrap();
    in_child(
        "child_with_an_sso_profile",
        &[
            ("HOME", home.path().to_str().unwrap()),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("AWS_PROFILE", "corp"),
        ],
    );
}

#[tokio::test]
async fn child_with_an_sso_profile() {
    if !is_child() {
        return;
    }
    assert_eq!(profiles(), ["corp"]);
    let aws = Aws::connect(&AwsSettings::default(), WireLog::new())
        .await
        .unwrap();
    assert_eq!(aws.region(), Some("eu-central-1"));
    let error = aws.caller_identity().await.unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Credentials, "{error}");
    assert!(
        error.message.to_ascii_lowercase().contains("sso"),
        "{error}"
    );
    let around = error.surroundings.unwrap();
    assert_eq!(around.profile.as_deref(), Some("corp"));
}

/// What a server was sent.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

/// A server that answers by script: the number of the request (from 1) and the request make the
/// status and the body.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Seen>>>,
    date: Arc<Mutex<Option<jiff::Timestamp>>>,
}

impl Server {
    async fn start<F>(script: F) -> Self
    where
        F: Fn(usize, &Seen) -> (u16, String) + Clone + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let date: Arc<Mutex<Option<jiff::Timestamp>>> = Arc::default();
        let (kept, clock) = (requests.clone(), date.clone());
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let seen = Seen {
                method,
                uri,
                headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(seen.clone());
                kept.len()
            };
            let (status, body) = script(number, &seen);
            let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
            let headers = answer.headers_mut();
            headers.insert("x-amzn-requestid", "request-1".parse().unwrap());
            if let Some(date) = *clock.lock().unwrap() {
                let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                headers.insert("date", date.parse().unwrap());
            }
            answer
        };
        tokio::spawn(async move { serve(listener, Router::new().fallback(handler)).await });
        Self {
            url,
            requests,
            date,
        }
    }

    fn practice() -> AwsSettings {
        AwsSettings {
            region: Some("us-west-2".into()),
            static_credentials: Some(("AKIAPRACTICE".into(), SECRET.into())),
            ..AwsSettings::default()
        }
    }

    fn settings(&self) -> AwsSettings {
        AwsSettings {
            endpoint_url: Some(self.url.clone()),
            ..Self::practice()
        }
    }

    async fn aws(&self) -> Aws {
        Aws::connect(&self.settings(), WireLog::new())
            .await
            .unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

/// Serves [`IDENTITY`] over TLS with a certificate of its own, which it returns.
async fn tls_server() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{IDENTITY}",
                IDENTITY.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, made.cert.pem())
}

/// An XML refusal that both the query services and S3 would send: each reads its own form.
fn refusal(code: &str, message: &str) -> String {
    let inside = format!("<Code>{code}</Code><Message>{message}</Message>");
    if code == "NoSuchBucket" {
        format!("<Error>{inside}</Error>")
    } else {
        format!("<ErrorResponse><Error>{inside}</Error></ErrorResponse>")
    }
}

fn session() -> String {
    format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
         <AssumedRoleUser><AssumedRoleId>AROA:proof</AssumedRoleId>\
         <Arn>arn:aws:sts::123456789012:assumed-role/rok/proof</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIASESSION</AccessKeyId>\
         <SecretAccessKey>{SESSION_SECRET}</SecretAccessKey>\
         <SessionToken>{SESSION_TOKEN}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
}
