//! Keeps the gate and writes down how every call ended.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::format::{CallLine, Line, ProcessLine};
use super::redact::Redactor;
use crate::clients::gate::{Answer, Call, Ended, Keeper};
use crate::clients::wire::{Sink, Time};

/// How many calls from before the run wait for a file at most.
const WAITING: usize = 10_000;

/// The recording of a process.
pub struct Recording {
    redactor: Redactor,
    time: Time,
    /// The step that the current task works for.
    step: fn() -> Option<String>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sink: Option<Sink>,
    /// Calls from before there was a sink.
    waiting: Vec<CallLine>,
    position: u64,
    failure: Option<String>,
}

impl Recording {
    /// Starts to remember. `step` tells for which step the current task works.
    ///
    /// # Errors
    ///
    /// When the machine has no random numbers.
    pub fn new(time: Time, step: fn() -> Option<String>) -> io::Result<Self> {
        Ok(Self {
            redactor: Redactor::new()?,
            time,
            step,
            inner: Mutex::default(),
        })
    }

    /// Starts to write to `sink`, beginning with what was called before.
    pub fn write_to(&self, sink: Sink, process: ProcessLine) {
        let mut inner = self.lock();
        inner.sink = Some(sink);
        inner.position = process.position;
        inner.write(&Line::Process(process));
        for mut line in std::mem::take(&mut inner.waiting) {
            line.early = true;
            inner.write(&Line::Call(line));
        }
    }

    /// Writes down a call that has ended.
    pub fn note(&self, call: &Call, ended: &Ended) {
        let mut line = CallLine::of(call, ended, &self.redactor, (self.time)());
        line.step = (self.step)();
        let mut inner = self.lock();
        line.position = inner.position;
        if inner.sink.is_some() {
            inner.write(&Line::Call(line));
        } else if inner.waiting.len() < WAITING {
            inner.waiting.push(line);
        }
    }

    /// Returns what kept the recording from being written, when something did.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A recording that cannot be written stops no run: what was called is not undone by that.
    fn write(&mut self, line: &Line) {
        let Some(sink) = self.sink.as_mut() else {
            return;
        };
        let written = serde_json::to_vec(line)
            .map_err(io::Error::from)
            .and_then(|line| sink(&line));
        if let Err(error) = written {
            self.failure.get_or_insert(error.to_string());
        }
    }
}

impl Keeper for Recording {
    fn before(&self, _call: &Call) -> io::Result<Option<Answer>> {
        Ok(None)
    }

    fn after(&self, call: &Call, ended: &Ended) -> io::Result<()> {
        match call.client {
            // The journal keeps itself; only where it stands is of use here.
            "journal" => {
                let number = str::from_utf8(&call.input).map(str::parse);
                if let Ok(Ok(position)) = number {
                    self.lock().position = position;
                }
            }
            _ => self.note(call, ended),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::clients::recording::FORMAT;

    fn process() -> ProcessLine {
        ProcessLine {
            format: FORMAT.into(),
            tool_version: "0.1.0".into(),
            position: 0,
            session: serde_json::Value::Null,
        }
    }

    /// Lets calls pass and returns what was written.
    fn recorded(calls: &[(Call, Ended)]) -> String {
        let written = Arc::new(Mutex::new(String::new()));
        let recording = Recording::new(Arc::new(jiff::Timestamp::now), || None).unwrap();
        let sink = Arc::clone(&written);
        let keep = move |line: &[u8]| {
            sink.lock().unwrap().push_str(str::from_utf8(line).unwrap());
            Ok(())
        };
        recording.write_to(Box::new(keep), process());
        for (call, ended) in calls {
            recording.after(call, ended).unwrap();
        }
        assert_eq!(recording.failure(), None);
        let written = written.lock().unwrap();
        written.clone()
    }

    #[test]
    fn marked_secrets_get_into_no_field() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyb2sifQ.canary";
        let call = |client: &'static str, operation: &str, input: &str| Call {
            client,
            operation: operation.into(),
            input: Bytes::copy_from_slice(input.as_bytes()),
            write: true,
        };
        let answered = |headers: &[(&str, &str)], body: &str| {
            let header = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Ended::Answered(Answer {
                status: 200,
                headers: headers.iter().map(header).collect(),
                body: Bytes::copy_from_slice(body.as_bytes()),
            })
        };
        let secret = r#"{"kind":"Secret","stringData":{"password":"canary"}}"#;
        let text = recorded(&[
            (
                call(
                    "aws",
                    "sts:AssumeRoleWithWebIdentity",
                    &format!("POST /\nWebIdentityToken={token}"),
                ),
                answered(
                    &[("set-cookie", "canary"), ("x-amz-security-token", "canary")],
                    "<SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken>",
                ),
            ),
            (
                call("kubernetes", "PATCH /x", &format!("PATCH /x\n{secret}")),
                answered(&[], secret),
            ),
            (
                call("kubernetes", "exec pods/x", "env"),
                answered(
                    &[],
                    r#"{"stdout":"AWS_SECRET_ACCESS_KEY=canary","stderr":"","code":0}"#,
                ),
            ),
            (
                call("git", "clone -- https://me:canary@host/x y", ""),
                answered(&[("stderr", "fatal: https://me:canary@host/x")], token),
            ),
            (
                call("aws", "credentials", ""),
                Ended::Failed("Authorization: Bearer canary".into()),
            ),
        ]);
        assert!(text.contains("exec pods/x"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn a_body_that_is_too_large_is_known_by_its_length() {
        let call = Call {
            client: "aws",
            operation: "s3:ListObjectVersions".into(),
            input: Bytes::new(),
            write: false,
        };
        let body = Bytes::from(vec![b'x'; 2 << 20]);
        let answer = Answer {
            status: 200,
            headers: Vec::new(),
            body,
        };
        let text = recorded(&[(call, Ended::Answered(answer))]);
        assert!(
            text.contains(r#""too_large":2097152"#) && text.len() < 1_000,
            "{text}"
        );
    }
}
