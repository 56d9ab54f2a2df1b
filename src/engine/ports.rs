//! What the engine needs from outside: the time, and a place to write down what it is about to do.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::event::{Event, HandOff};

/// The time. Tests bring their own, so that they do not wait.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the time of day.
    fn now(&self) -> jiff::Timestamp;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The time of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The first reader of every event.
pub trait Recorder: Send {
    /// Writes the event down; with `durable`, it must be on disk when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot be written. The run then stops: what cannot be recorded is not done.
    fn record(&mut self, event: &Event, durable: bool) -> io::Result<()>;
}

/// Asks somebody who has the rights that the caller lacks.
#[async_trait]
pub trait Administrator: Send + Sync {
    /// Writes down what is still to be made of what these steps make; nothing when nobody else
    /// could make it for them either. Called while no step is at work.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the text says why.
    async fn ask(&self, steps: &[&str]) -> Result<Option<HandOff>, String>;
}

/// A recorder for runs that leave no trace: `plan`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn record(&mut self, _event: &Event, _durable: bool) -> io::Result<()> {
        Ok(())
    }
}
