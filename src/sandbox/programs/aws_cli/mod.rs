//! The AWS CLI, version 2, as far as people use it to look at a Pod's identity and its bucket.
//!
//! It finds its credentials in the order of the real one, asks the practice AWS through the real
//! SDK, and fails with the real words and exit codes.

mod credentials;
mod document;
mod options;
mod storage;

use std::error::Error;
use std::time::SystemTime;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use self::document::{Document, show};
use self::options::Options;
use super::tools::{failed, printed};
use crate::sandbox::aws::Instance;
use crate::sandbox::clock::Clock;
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

/// The time of the machine that the CLI runs on.
#[derive(Debug)]
struct MachineTime(Clock);

impl TimeSource for MachineTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

/// Why a command fails: its exit code and its words.
#[derive(Debug, PartialEq, Eq)]
struct Failure(i32, String);

impl Failure {
    /// A command line that makes no sense, with the CLI's way of saying so.
    fn usage(words: &str) -> Self {
        let words = format!(
            "usage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]\nTo see help text, you can run:\n\n  aws help\n  aws <command> help\n  aws <command> <subcommand> help\n\naws: error: {words}"
        );
        Self(USAGE, words)
    }
}

type Answer = Result<Document, Failure>;

impl AwsCli {
    pub(super) fn new(endpoint: &str, instance: Instance) -> Self {
        Self {
            endpoint: endpoint.into(),
            instance,
        }
    }

    pub(super) async fn run(&self, arguments: &[String], process: &Process) -> Output {
        let shown = async {
            let options = Options::parse(arguments)?;
            if options.get("version").is_some() {
                return Ok(printed(VERSION));
            }
            let document = self.answer(&options, process).await?;
            Ok(show(&options, &document))
        };
        match shown.await {
            Ok(output) => output,
            Err(Failure(code, words)) => failed(code, &format!("\n{words}\n")),
        }
    }

    async fn answer(&self, options: &Options, process: &Process) -> Answer {
        match options.words()[..] {
            ["sts", "get-caller-identity"] => {
                options.check(&[])?;
                self.caller_identity(options, process).await
            }
            ["s3api", "list-object-versions"] => {
                options.check(&["bucket", "prefix", "max-items"])?;
                storage::list_object_versions(self, options, process).await
            }
            ["s3api", "create-bucket"] => {
                options.check(&["bucket", "create-bucket-configuration"])?;
                storage::create_bucket(self, options, process).await
            }
            _ => Err(Failure::usage(
                "argument operation: Invalid choice, valid choices are:\n\n\
                 sts get-caller-identity | s3api list-object-versions | s3api create-bucket",
            )),
        }
    }

    async fn caller_identity(&self, options: &Options, process: &Process) -> Answer {
        let config = self.configured(options, process).await?;
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

    /// The SDK's settings for a process, with its region and its credentials.
    async fn configured(&self, options: &Options, process: &Process) -> Result<SdkConfig, Failure> {
        let region = region(options, process)?;
        let credentials = self.credentials(process, &region).await?;
        Ok(self.config(&region, Some(credentials)))
    }

    fn config(&self, region: &str, credentials: Option<Credentials>) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.endpoint)
            // As the CLI does in its own default, only sooner.
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(MachineTime(self.instance.clock()))
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

fn region(options: &Options, process: &Process) -> Result<String, Failure> {
    let variable = |name: &str| process.environment.get(name).map(String::as_str);
    options
        .get("region")
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            let words = "You must specify a region. You can also configure your region by running \"aws configure\".";
            Failure(SET_UP, words.into())
        })
}
