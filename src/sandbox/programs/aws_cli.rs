//! The AWS CLI, version 2, as far as people use it to look at a Pod's identity and its bucket.
//!
//! It finds its credentials in the order of the real one, asks the practice AWS through the real
//! SDK, and fails with the real words and exit codes.

use std::error::Error;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::aws_options::Options;
use super::tools::{failed, printed};
use crate::sandbox::aws::Instance;
use crate::sandbox::cluster::{Output, Process};

const VERSION: &str = "aws-cli/2.7.12 Python/3.9.11 Linux/6.1.0 exe/x86_64.debian.11 prompt/off\n";

/// A command line that makes no sense.
const USAGE: i32 = 252;
/// Something about the set-up is missing: the region, the credentials.
const SET_UP: i32 = 253;
/// AWS has refused.
const REFUSED: i32 = 254;
/// Anything else.
const GENERAL: i32 = 255;

pub(super) struct AwsCli {
    endpoint: String,
    instance: Instance,
}

/// Why a command fails: its exit code and its words.
struct Failure(i32, String);

type Answer = Result<Document, Failure>;

/// What is printed: members in the order of the real CLI, which is not that of the alphabet.
#[derive(Default)]
struct Document(Vec<(&'static str, Value)>);

impl Serialize for Document {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl AwsCli {
    pub(super) fn new(endpoint: &str, instance: Instance) -> Self {
        Self {
            endpoint: endpoint.into(),
            instance,
        }
    }

    pub(super) async fn run(&self, arguments: &[String], process: &Process) -> Output {
        let options = match Options::parse(arguments) {
            Ok(options) => options,
            Err(words) => return usage(&words),
        };
        if options.get("version").is_some() {
            return printed(VERSION);
        }
        match self.answer(&options, process).await {
            Ok(document) => show(&options, &document),
            Err(Failure(USAGE, words)) => usage(&words),
            Err(Failure(code, words)) => failed(code, &format!("\n{words}\n")),
        }
    }

    async fn answer(&self, options: &Options, process: &Process) -> Answer {
        let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
        let known: &[&str] = match words[..] {
            ["sts", "get-caller-identity"] => &[],
            ["s3api", "list-object-versions"] => &["bucket", "prefix", "max-items"],
            ["s3api", "create-bucket"] => &["bucket", "create-bucket-configuration"],
            ["s3api", "head-bucket"] => &["bucket"],
            _ => {
                let words = "argument operation: Invalid choice, valid choices are:\n\nsts get-caller-identity | s3api list-object-versions | s3api create-bucket | s3api head-bucket";
                return Err(Failure(USAGE, words.into()));
            }
        };
        options
            .check(known)
            .map_err(|words| Failure(USAGE, words))?;
        let region = region(options, process).ok_or_else(|| {
            let words = "You must specify a region. You can also configure your region by running \"aws configure\".";
            Failure(SET_UP, words.into())
        })?;
        let required = |name: &str| {
            let value = options.required(name);
            value.map_err(|words| Failure(USAGE, words))
        };
        if words[0] == "sts" {
            return self.caller_identity(process, &region).await;
        }
        let bucket = required("bucket")?;
        let location = match options.get("create-bucket-configuration") {
            None => None,
            Some(text) => Some(text.strip_prefix("LocationConstraint=").ok_or_else(|| {
                let words = format!("\nParameter validation failed:\nUnknown parameter in CreateBucketConfiguration: \"{text}\", must be one of: LocationConstraint");
                Failure(USAGE, words)
            })?),
        };
        let s3 = self.s3(process, &region).await?;
        match words[1] {
            "list-object-versions" => list_object_versions(&s3, bucket, options).await,
            "create-bucket" => create_bucket(&s3, bucket, location).await,
            _ => head_bucket(&s3, bucket).await,
        }
    }

    async fn caller_identity(&self, process: &Process, region: &str) -> Answer {
        let config = self.config(region, Some(self.credentials(process, region).await?));
        let answer = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send();
        let answer = answer
            .await
            .map_err(|error| self.refused("GetCallerIdentity", error))?;
        Ok(Document(vec![
            ("UserId", answer.user_id.into()),
            ("Account", answer.account.into()),
            ("Arn", answer.arn.into()),
        ]))
    }

    async fn s3(&self, process: &Process, region: &str) -> Result<S3<'_>, Failure> {
        let config = self.config(region, Some(self.credentials(process, region).await?));
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        Ok(S3 {
            client: aws_sdk_s3::Client::from_conf(config.build()),
            cli: self,
        })
    }

    /// Looks for credentials: in variables, behind a token, at the instance.
    async fn credentials(&self, process: &Process, region: &str) -> Result<Credentials, Failure> {
        let variable = |name: &str| process.environment.get(name).map(String::as_str);
        if let (Some(key), Some(secret)) = (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        ) {
            let token = variable("AWS_SESSION_TOKEN").map(str::to_owned);
            return Ok(Credentials::new(key, secret, token, None, "practice"));
        }
        if let (Some(role), Some(file)) = (
            variable("AWS_ROLE_ARN"),
            variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        ) {
            let name = variable("AWS_ROLE_SESSION_NAME").map_or_else(
                || format!("botocore-session-{}", jiff::Timestamp::now().as_second()),
                str::to_owned,
            );
            let token = process.files.get(file).ok_or_else(|| {
                let words = format!("[Errno 2] No such file or directory: '{file}'");
                Failure(GENERAL, words)
            })?;
            return self.assume(role, &name, token, region).await;
        }
        let found = if process.instance_metadata {
            let found = self.instance.credentials();
            found.map_err(|error| Failure(GENERAL, error.to_string()))?
        } else {
            None
        };
        let found = found.ok_or_else(|| {
            let words = "Unable to locate credentials. You can configure credentials by running \"aws configure\".";
            Failure(SET_UP, words.into())
        })?;
        Ok(Credentials::new(
            found.access_key,
            found.secret_key,
            Some(found.session_token),
            None,
            "practice",
        ))
    }

    async fn assume(
        &self,
        role: &str,
        name: &str,
        token: &[u8],
        region: &str,
    ) -> Result<Credentials, Failure> {
        let answer = aws_sdk_sts::Client::new(&self.config(region, None))
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name(name)
            .web_identity_token(String::from_utf8_lossy(token))
            .send()
            .await
            .map_err(|error| self.refused("AssumeRoleWithWebIdentity", error))?;
        let session = answer
            .credentials
            .ok_or_else(|| Failure(GENERAL, "the answer holds no credentials".into()))?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            None,
            "practice",
        ))
    }

    fn config(&self, region: &str, credentials: Option<Credentials>) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.endpoint)
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        if let Some(credentials) = credentials {
            config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        }
        config.build()
    }

    /// The CLI's words for an error of the SDK.
    fn refused<E, R>(&self, operation: &str, error: SdkError<E, R>) -> Failure
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        match error.as_service_error() {
            Some(refusal) => Failure(
                REFUSED,
                format!(
                    "An error occurred ({}) when calling the {operation} operation: {}",
                    refusal.code().unwrap_or("Unknown"),
                    refusal.message().unwrap_or_default()
                ),
            ),
            None => Failure(
                GENERAL,
                format!(
                    "Could not connect to the endpoint URL: \"{}/\"",
                    self.endpoint
                ),
            ),
        }
    }
}

/// S3 with the process's credentials.
struct S3<'a> {
    client: aws_sdk_s3::Client,
    cli: &'a AwsCli,
}

async fn list_object_versions(s3: &S3<'_>, bucket: &str, options: &Options) -> Answer {
    let most = match options.get("max-items").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(most)) => most,
        Some(Err(_)) => {
            let words = "argument --max-items: expected an integer";
            return Err(Failure(USAGE, words.into()));
        }
    };
    let mut pages = s3
        .client
        .list_object_versions()
        .bucket(bucket)
        .set_prefix(options.get("prefix").map(str::to_owned));
    let mut versions: Vec<Value> = Vec::new();
    let mut is_cut = false;
    loop {
        let page = pages.clone().send().await;
        let page = page.map_err(|error| s3.cli.refused("ListObjectVersions", error))?;
        for version in page.versions() {
            if versions.len() == most {
                is_cut = true;
                break;
            }
            versions.push(shown(version));
        }
        if is_cut || page.is_truncated() != Some(true) {
            break;
        }
        pages = pages
            .set_key_marker(page.next_key_marker)
            .set_version_id_marker(page.next_version_id_marker);
    }
    let mut document = Document::default();
    if is_cut {
        let mark =
            json!({ "KeyMarker": null, "VersionIdMarker": null, "boto_truncate_amount": most });
        document
            .0
            .push(("NextToken", STANDARD.encode(mark.to_string()).into()));
    }
    if !versions.is_empty() {
        document.0.push(("Versions", versions.into()));
    }
    Ok(document)
}

fn shown(version: &aws_sdk_s3::types::ObjectVersion) -> Value {
    let modified = version.last_modified().map(|at| {
        let at = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
        at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    });
    json!({
        "ETag": version.e_tag(),
        "Size": version.size(),
        "StorageClass": version.storage_class().map(|class| class.as_str().to_owned()),
        "Key": version.key(),
        "VersionId": version.version_id(),
        "IsLatest": version.is_latest(),
        "LastModified": modified,
    })
}

async fn create_bucket(s3: &S3<'_>, bucket: &str, location: Option<&str>) -> Answer {
    let configuration = location.map(|location| {
        CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(location))
            .build()
    });
    let made = s3
        .client
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(configuration)
        .send();
    let made = made
        .await
        .map_err(|error| s3.cli.refused("CreateBucket", error))?;
    Ok(Document(vec![("Location", made.location.into())]))
}

async fn head_bucket(s3: &S3<'_>, bucket: &str) -> Answer {
    let seen = s3.client.head_bucket().bucket(bucket).send().await;
    match seen {
        Ok(_) => Ok(Document::default()),
        // An answer to HEAD has no body, so the CLI has nothing but the number to name it by.
        Err(error) => {
            let code = error
                .raw_response()
                .map(|response| response.status().as_u16());
            let words = match code {
                Some(404) => "(404) when calling the HeadBucket operation: Not Found",
                Some(403) => "(403) when calling the HeadBucket operation: Forbidden",
                _ => return Err(s3.cli.refused("HeadBucket", error)),
            };
            Err(Failure(REFUSED, format!("An error occurred {words}")))
        }
    }
}

fn region(options: &Options, process: &Process) -> Option<String> {
    let variable = |name: &str| process.environment.get(name).map(String::as_str);
    options
        .get("region")
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
}

/// Prints a document. One member of it can be asked for with `--query`.
fn show(options: &Options, document: &Document) -> Output {
    let is_text = options.get("output") == Some("text");
    let chosen = match options.get("query") {
        None if document.0.is_empty() => return Output::default(),
        None if is_text => {
            let fields = document.0.iter().map(|(_, value)| plain(value));
            return printed(fields.collect::<Vec<_>>().join("\t") + "\n");
        }
        None => return printed(pretty(document)),
        Some(query) => document.0.iter().find(|(name, _)| *name == query),
    };
    let value = chosen.map_or(&Value::Null, |(_, value)| value);
    if is_text {
        printed(plain(value) + "\n")
    } else {
        printed(pretty(value))
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "None".into(),
        other => other.to_string(),
    }
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value
        .serialize(&mut serializer)
        .expect("texts and numbers are JSON");
    bytes.push(b'\n');
    bytes
}

fn usage(words: &str) -> Output {
    failed(
        USAGE,
        &format!(
            "\nusage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]\nTo see help text, you can run:\n\n  aws help\n  aws <command> help\n  aws <command> <subcommand> help\n\naws: error: {words}\n"
        ),
    )
}
