//! The Azure CLI, as far as people use it to look at a Pod's identity and its container of blobs.
//!
//! It asks the practice Azure by Azure's own names and fails with the words of the documentation,
//! which are those of the version in the practice images.

mod account;
mod arguments;
mod credentials;
mod login;
mod storage;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use serde_json::Value;

use self::arguments::{Arguments, Known};
use self::credentials::Credential;
use super::filters::member;
use super::network::{Network, Unreachable};
use super::tools::{failed, printed};
use crate::sandbox::cluster::{Output, Process};

const VERSION: &str = "\
azure-cli                         2.27.0

core                              2.27.0
telemetry                          1.0.6
";

/// A command line that makes no sense.
const USAGE: i32 = 2;
/// Something is not there.
const MISSING: i32 = 3;
/// Anything else.
const GENERAL: i32 = 1;

/// How often a request is sent when the cloud is in trouble, and how long the first pause is.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// The CLI with what it keeps in each container's home: who has logged in there.
#[derive(Default)]
pub(super) struct AzCli {
    /// By the container's id.
    logins: Mutex<BTreeMap<String, Login>>,
}

/// Who has logged in.
#[derive(Debug, Clone)]
struct Login {
    credential: Credential,
    tenant: String,
    /// The subscriptions as they are shown; the first is the chosen one.
    subscriptions: Vec<Value>,
}

/// Why a command fails: its exit code and its words.
#[derive(Debug, PartialEq, Eq)]
struct Failure(i32, String);

impl Failure {
    fn general(words: impl Into<String>) -> Self {
        Self(GENERAL, words.into())
    }
}

/// A process that runs the CLI, and the network it does so in.
struct Session<'a> {
    cli: &'a AzCli,
    network: &'a Network,
    process: &'a Process,
}

impl AzCli {
    pub(super) async fn run(
        &self,
        network: &Network,
        arguments: &[String],
        process: &Process,
    ) -> Output {
        if arguments == ["--version"] || arguments == ["version"] {
            return printed(VERSION);
        }
        let session = Session {
            cli: self,
            network,
            process,
        };
        match session.answer(arguments).await {
            Ok(output) => output,
            Err(Failure(code, words)) => failed(code, &format!("ERROR: {words}\n")),
        }
    }
}

impl Session<'_> {
    async fn answer(&self, arguments: &[String]) -> Result<Output, Failure> {
        let end = arguments.iter().position(|word| word.starts_with('-'));
        let (words, options) = arguments.split_at(end.unwrap_or(arguments.len()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let known: &[Known] = match words[..] {
            ["login"] => login::OPTIONS,
            ["account", "show"] => &[],
            ["account", "get-access-token"] => account::TOKEN_OPTIONS,
            ["storage", "blob", "list"] => storage::LIST_OPTIONS,
            _ => {
                let words = format!(
                    "'{}' is misspelled or not recognized by the system.",
                    words.join(" ")
                );
                return Err(Failure(USAGE, words));
            }
        };
        let options = Arguments::parse(options, known)?;
        let document = match words[0] {
            "login" => self.login(&options).await?,
            "storage" => self.list_blobs(&options).await?,
            _ if words[1] == "show" => self.show_account()?,
            _ => self.get_access_token(&options).await?,
        };
        show(&options, &document)
    }

    /// Who has logged in in this container.
    fn logged_in(&self) -> Result<Login, Failure> {
        let logins = self
            .cli
            .logins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let login = logins.get(&self.process.container).cloned();
        login.ok_or_else(|| Failure::general("Please run 'az login' to setup account."))
    }

    fn remember(&self, login: Login) {
        let mut logins = self
            .cli
            .logins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        logins.insert(self.process.container.clone(), login);
    }

    /// Sends a request, and again where the cloud is in trouble, as the real CLI does it, only
    /// sooner.
    async fn send(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let answer = self.network.send(self.process, request.clone()).await;
            let is_trouble = match &answer {
                Ok(answer) => matches!(answer.status().as_u16(), 429 | 500 | 502 | 503 | 504),
                Err(Unreachable::Refused { .. }) => true,
                Err(Unreachable::NoSuchHost(_)) => false,
            };
            if !is_trouble || attempt == ATTEMPTS {
                return answer.map_err(|why| unreachable(request, &why));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }
}

fn unreachable(request: &Request<Vec<u8>>, why: &Unreachable) -> Failure {
    let (host, port, problem) = match why {
        Unreachable::NoSuchHost(host) => (
            host.as_str(),
            443,
            "[Errno -2] Name or service not known".to_owned(),
        ),
        Unreachable::Refused { host, port } => (
            host.as_str(),
            *port,
            "[Errno 111] Connection refused".into(),
        ),
    };
    let path = request.uri().path();
    Failure::general(format!(
        "HTTPSConnectionPool(host='{host}', port={port}): Max retries exceeded with url: {path} (Caused by NewConnectionError('Failed to establish a new connection: {problem}'))"
    ))
}

/// A member of an answer, as text.
fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}

/// Prints a document, or one member of it, in the form that was asked for.
fn show(options: &Arguments, document: &Value) -> Result<Output, Failure> {
    let query = options.get("--query");
    let chosen = match query {
        None => document,
        Some(query) => member(document, query).ok_or_else(|| {
            Failure::general(format!(
                "argument --query: invalid jmespath_type value: {query:?}"
            ))
        })?,
    };
    let form = options.get("--output").unwrap_or("json");
    if form == "none" || chosen.is_null() {
        return Ok(Output::default());
    }
    match form {
        "tsv" => Ok(printed(tabbed(chosen))),
        "json" | "jsonc" => Ok(printed(format!("{chosen:#}\n"))),
        other => Err(Failure(
            USAGE,
            format!(
                "argument --output/-o: invalid choice: '{other}' (choose from 'json', 'jsonc', 'tsv', 'none')"
            ),
        )),
    }
}

/// One line for each row, fields between tabs.
fn tabbed(value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Object(_) => String::new(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(items) => items.len().to_string(),
        Value::Number(number) => number.to_string(),
    };
    match value {
        Value::Array(rows) => rows.iter().map(tabbed).collect(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.values().map(plain).collect();
            fields.join("\t") + "\n"
        }
        other => plain(other) + "\n",
    }
}
