//! The small tools: they look at files and variables and say what they see.

use std::time::Duration;

use crate::sandbox::cluster::{Output, Process};

/// Runs a tool; `None` when there is none of that name.
pub(super) fn run(name: &str, arguments: &[String], process: &Process) -> Option<Output> {
    Some(match name {
        "cat" => cat(arguments, process),
        "cut" => cut(arguments, process),
        "echo" => echo(arguments),
        "env" => env(process),
        "false" => failed(1, ""),
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
    let mut output = Output::default();
    for path in paths {
        if let Some(content) = process.files.get(path) {
            output.stdout.extend_from_slice(content);
        } else {
            let words = format!("cat: {path}: No such file or directory\n");
            output.stderr.extend_from_slice(words.as_bytes());
            output.code = 1;
        }
    }
    output
}

/// `cut -d. -f2 FILE`: one field of each line.
fn cut(arguments: &[String], process: &Process) -> Output {
    let (mut delimiter, mut field, mut paths) = ("\t", None, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = |flag: &str| -> Option<&str> {
            match argument.strip_prefix(flag)? {
                "" => arguments.next().map(String::as_str),
                value => Some(value),
            }
        };
        if let Some(value) = value("-d") {
            delimiter = value;
        } else if let Some(value) = value("-f") {
            field = value.parse::<usize>().ok().filter(|number| *number > 0);
        } else {
            paths.push(argument);
        }
    }
    let Some(field) = field else {
        let words = "cut: you must specify a list of bytes, characters, or fields\n";
        return failed(1, words);
    };
    let mut output = Output::default();
    for path in paths {
        let Some(content) = process.files.get(path) else {
            let words = format!("cut: {path}: No such file or directory\n");
            return failed(1, &words);
        };
        for line in String::from_utf8_lossy(content).lines() {
            // A line without the delimiter is printed as it is.
            let part = if line.contains(delimiter) {
                line.split(delimiter).nth(field - 1).unwrap_or_default()
            } else {
                line
            };
            output.stdout.extend_from_slice(part.as_bytes());
            output.stdout.push(b'\n');
        }
    }
    output
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
