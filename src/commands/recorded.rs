//! What a process does besides making calls, for its recording: the time that its steps read and wait
//! for, and what its operator says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::process::Process;
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::recording::{FORMAT, ProcessLine, Recording};
use crate::engine::ports::Clock;
use crate::engine::run::Handle;
use crate::engine::{Approval, Command, at_work};
use crate::failure::Failure;
use crate::journal::{Holder, Launch};

/// The client of a recording under which time is read and waited for.
pub(super) const CLOCK: &str = "clock";

/// The client of a recording under which commands are given.
pub(super) const OPERATOR: &str = "operator";

/// How a process was launched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ProcessSession {
    pub(super) launch: Launch,
    pub(super) approval: Approval,
    /// What the operator should know about the answers.
    pub(super) warnings: Vec<String>,
    /// What `~` stands for in an answer.
    pub(super) home: Option<String>,
    /// Who works on the run.
    pub(super) holder: Holder,
    /// The opaque id of the state directory.
    pub(super) state: String,
    /// The run's folder.
    #[serde(default)]
    pub(super) folder: String,
}

impl ProcessSession {
    /// Returns the line of a process that begins behind the event of that number.
    pub(super) fn line(&self, position: u64) -> ProcessLine {
        ProcessLine {
            format: FORMAT.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            position,
            session: serde_json::to_value(self).expect("it is plain values"),
        }
    }
}

/// Starts to record what leaves the process.
pub(super) fn recording(process: &Process) -> Result<Arc<Recording>, Failure> {
    let step = || at_work().map(str::to_owned);
    let recording = Arc::new(Recording::new(process.wire.time(), step)?);
    process.wire.keep(Arc::clone(&recording) as _);
    Ok(recording)
}

/// Leads a question about another run of this machine through the gate.
pub(super) fn asks(process: &Process, run: &str, ask: impl FnOnce() -> bool) -> bool {
    let Ok(mut passage) = process
        .wire
        .pass(|| call("runs", &format!("is over {run}"), ""))
    else {
        return false;
    };
    let is_over = match passage.instead_blocking() {
        Ok(Some(Ended::Answered(answer))) => answer.status == 1,
        Ok(None) => ask(),
        _ => false,
    };
    let told = || {
        Ended::Answered(Answer {
            status: is_over.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        })
    };
    passage.end(told).is_ok() && is_over
}

/// Records the time that steps read and wait for.
pub(super) fn clock(clock: Arc<dyn Clock>, recording: &Arc<Recording>) -> Arc<dyn Clock> {
    Arc::new(RecordedClock {
        clock,
        recording: Arc::clone(recording),
    })
}

struct RecordedClock {
    clock: Arc<dyn Clock>,
    recording: Arc<Recording>,
}

#[async_trait]
impl Clock for RecordedClock {
    fn now(&self) -> jiff::Timestamp {
        let now = self.clock.now();
        // The loop's own time is that of its events.
        if at_work().is_some() {
            let ended = Ended::Answered(answer(now.to_string()));
            self.recording.note(&call(CLOCK, "now", ""), &ended);
        }
        now
    }

    async fn sleep(&self, duration: Duration) {
        let waiting = Waiting {
            recording: &self.recording,
            ended: Ended::GivenUp,
        };
        self.clock.sleep(duration).await;
        waiting.end();
    }
}

/// A wait that is noted when it ends, also when it is given up.
struct Waiting<'a> {
    recording: &'a Recording,
    ended: Ended,
}

impl Waiting<'_> {
    fn end(mut self) {
        self.ended = Ended::Answered(answer(String::new()));
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.recording.note(&call(CLOCK, "wait", ""), &self.ended);
    }
}

/// Records what the operator says to the run, and that nobody is left to say anything.
pub(super) fn commands(handle: Handle, recording: &Arc<Recording>) -> Handle {
    let (commands, mut heard) = mpsc::unbounded_channel::<Command>();
    let (recording, run) = (Arc::clone(recording), handle.commands);
    let done = || Ended::Answered(answer(String::new()));
    tokio::spawn(async move {
        while let Some(command) = heard.recv().await {
            let text = serde_json::to_string(&command).expect("a command is plain values");
            recording.note(&call(OPERATOR, &text, ""), &done());
            if run.send(command).is_err() {
                return;
            }
        }
        recording.note(&call(OPERATOR, LEFT, ""), &done());
    });
    Handle {
        events: handle.events,
        commands,
    }
}

/// What stands for a command when the operator has left.
pub(super) const LEFT: &str = "left";

fn call(client: &'static str, operation: &str, input: &str) -> Call {
    Call {
        client,
        operation: operation.into(),
        input: Bytes::copy_from_slice(input.as_bytes()),
        write: false,
    }
}

fn answer(body: String) -> Answer {
    Answer {
        status: 0,
        headers: Vec::new(),
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_ends_with_its_process() {
        let process = Process::this();
        let recording = Arc::downgrade(&recording(&process).unwrap());
        assert!(recording.upgrade().is_some(), "the gate keeps it");
        drop(process);
        assert!(recording.upgrade().is_none(), "and is not kept by it");
    }
}
