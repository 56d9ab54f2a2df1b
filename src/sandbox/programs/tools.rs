//! The small tools: they look at files and variables and say what they see.

use std::time::Duration;

use super::filters;
use crate::sandbox::cluster::{Output, Process};

/// Runs a tool; `None` when there is none of that name.
pub(super) fn run(name: &str, arguments: &[String], process: &Process) -> Option<Output> {
    Some(match name {
        "base64" => filters::base64(arguments, process),
        "cat" => cat(arguments, process),
        "cut" => filters::cut(arguments, process),
        "echo" => echo(arguments),
        "env" => env(process),
        "false" => failed(1, ""),
        "jq" => filters::jq(arguments, process),
        "printenv" => printenv(arguments, process),
        "true" => Output::default(),
        _ => return None,
    })
}

/// A program that fails with these words.
pub(super) fn failed(code: i32, words: &str) -> Output {
    Output {
        stderr: words.into(),
        code,
        ..Output::default()
    }
}

/// A program that succeeds and prints this.
pub(super) fn printed(text: impl Into<Vec<u8>>) -> Output {
    Output {
        stdout: text.into(),
        ..Output::default()
    }
}

/// Sleeps; not a number is not a time.
pub(super) async fn sleep(arguments: &[String]) -> Output {
    let Some(time) = arguments.first() else {
        return failed(1, "sleep: missing operand\n");
    };
    if time == "infinity" {
        return std::future::pending().await;
    }
    let seconds = time.strip_suffix('s').unwrap_or(time).parse();
    match seconds.map(Duration::try_from_secs_f64) {
        Ok(Ok(pause)) => {
            tokio::time::sleep(pause).await;
            Output::default()
        }
        _ => failed(1, &format!("sleep: invalid time interval '{time}'\n")),
    }
}

fn cat(paths: &[String], process: &Process) -> Output {
    if paths.is_empty() {
        return printed(process.input.clone());
    }
    let mut output = Output::default();
    for path in paths {
        match content("cat", path, process) {
            Ok(content) => output.stdout.extend_from_slice(content),
            Err(missing) => {
                output.stderr.extend_from_slice(&missing.stderr);
                output.code = 1;
            }
        }
    }
    output
}

/// What a file holds, or with `-` what comes in; or what a tool says of a file that is not there.
pub(super) fn content<'a>(
    tool: &str,
    path: &str,
    process: &'a Process,
) -> Result<&'a [u8], Output> {
    if path == "-" {
        return Ok(&process.input);
    }
    let content = process.files.get(path).map(Vec::as_slice);
    content.ok_or_else(|| failed(1, &format!("{tool}: {path}: No such file or directory\n")))
}

fn echo(words: &[String]) -> Output {
    match words.split_first() {
        Some((flag, words)) if flag == "-n" => printed(words.join(" ")),
        _ => printed(words.join(" ") + "\n"),
    }
}

fn env(process: &Process) -> Output {
    let lines = process.environment.iter();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    printed(lines.concat())
}

fn printenv(names: &[String], process: &Process) -> Output {
    if names.is_empty() {
        return env(process);
    }
    let mut output = Output::default();
    for name in names {
        match process.environment.get(name) {
            Some(value) => {
                output.stdout.extend_from_slice(value.as_bytes());
                output.stdout.push(b'\n');
            }
            None => output.code = 1,
        }
    }
    output
}
