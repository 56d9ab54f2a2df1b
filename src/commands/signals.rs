//! The signals that ask a process to stop.

use std::io;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use crate::engine::Signal;
use crate::failure::exit;

/// Listens from the time that it is made.
pub(super) struct Signals {
    interrupt: Listener,
    terminate: Listener,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Returns the exit code of a process that a signal has ended.
pub(super) fn code(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => exit::INTERRUPTED,
        Signal::Terminate => exit::TERMINATED,
    }
}
