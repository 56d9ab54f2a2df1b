//! The loop.

use tokio::sync::mpsc;

use super::command::Command;
use super::event::Event;

/// A run in progress: what it says, and how to talk to it.
#[derive(Debug)]
pub struct Handle {
    /// Every event, in order; closes after [`super::EventKind::RunFinished`].
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Commands to the run.
    pub commands: mpsc::UnboundedSender<Command>,
}
