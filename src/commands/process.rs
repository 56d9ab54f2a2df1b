//! What a command gets from the process it runs in; tests bring their own.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::clients::gate::Call;
use crate::clients::wire::WireLog;
use crate::engine::Event;
use crate::engine::ports::{Clock, Recorder, SystemClock};

/// The surroundings of a command.
#[derive(Clone)]
pub struct Process {
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// The time that runs go by.
    pub clock: Arc<dyn Clock>,
    /// The way out: wire log, gate, and the time that clients go by.
    pub wire: WireLog,
}

impl Process {
    /// Returns the surroundings of this very process.
    pub fn this() -> Self {
        Self {
            environment: env::vars().collect(),
            clock: Arc::new(SystemClock),
            wire: WireLog::new(),
        }
    }

    /// Leads the writing of a file of the run through the gate.
    pub(super) fn writes<T, E: From<io::Error>>(
        &self,
        what: &str,
        write: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let passage = self.wire.pass(|| Call {
            client: "files",
            operation: format!("write {what}"),
            input: Bytes::new(),
            write: true,
        })?;
        let written = write()?;
        passage.done()?;
        Ok(written)
    }
}

/// Leads every entry of a journal through the gate, by its number.
pub(super) struct Gated {
    pub(super) recorder: Box<dyn Recorder>,
    pub(super) wire: WireLog,
}

impl Recorder for Gated {
    fn record(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        let passage = self.wire.pass(|| {
            let kind = serde_json::to_value(&event.event).expect("an event is plain values");
            let of = |name: &str| kind[name].as_str().map(str::to_owned);
            let words = ["kind", "task", "step"].into_iter().filter_map(of);
            Call {
                client: "journal",
                operation: words.collect::<Vec<_>>().join(" "),
                input: event.seq.to_string().into(),
                write: true,
            }
        })?;
        self.recorder.record(event, durable)?;
        passage.done()
    }
}
