//! Keeps the gate and writes down how every call ended.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

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

/// What a recording needs to know of an event.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
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
            // The journal keeps itself.
            "journal" => {
                if let Ok(event) = serde_json::from_slice::<Numbered>(&call.input) {
                    self.lock().position = event.seq;
                }
            }
            _ => self.note(call, ended),
        }
        Ok(())
    }
}
