//! Follows a run without screens: plain lines or JSON, signals, and a yes-or-no where one can be
//! asked.

use std::io::{self, IsTerminal as _, Write as _};

use super::signals::{self, Signals};
use crate::cli::{Options, Output};
use crate::engine::run::Handle;
use crate::engine::{Command, EventKind, Outcome, RunState, Scope, Signal};
use crate::failure::Failure;
use crate::ui::json::json_line;

/// How approvals are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// From the terminal.
    Terminal,
    /// Not at all: what needs one is declined.
    Nobody,
}

impl Asking {
    /// Returns how this process can ask.
    pub(super) fn of_process() -> Self {
        let both = io::stdin().is_terminal() && io::stderr().is_terminal();
        if both { Self::Terminal } else { Self::Nobody }
    }
}

/// A run's place on the terminal. It listens for signals from before the run begins.
pub(super) struct Frontend {
    pub(super) asking: Asking,
    signals: Signals,
}

impl Frontend {
    /// Begins to listen.
    pub(super) fn new(asking: Asking) -> io::Result<Self> {
        Ok(Self {
            asking,
            signals: Signals::listen()?,
        })
    }

    /// Waits until a run has begun. A signal before that ends the process: there is nothing to stop.
    pub(super) async fn begun<T>(&mut self, beginning: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            begun = beginning => begun,
            signal = self.signals.next() => leave(signal),
        }
    }

    /// Follows the run to its end and returns what its events told.
    pub(super) async fn follow(
        &mut self,
        mut handle: Handle,
        options: &Options,
    ) -> Result<(Outcome, RunState), Failure> {
        let mut plain = super::plain(options);
        let mut state = RunState::default();
        let mut signals = 0;
        loop {
            let event = tokio::select! {
                biased;
                event = handle.events.recv() => event,
                signal = self.signals.next() => {
                    signals += 1;
                    stop(&handle, signal, signals);
                    continue;
                }
            };
            let Some(event) = event else { break };
            state.update(&event);
            match options.output {
                Output::Plain => plain.event(&event)?,
                Output::Json => writeln!(io::stdout(), "{}", json_line(&event))?,
            }
            if let EventKind::ApprovalNeeded { scope, .. } = event.event {
                let answer = match self.asking {
                    Asking::Terminal => self.ask(scope).await?,
                    Asking::Nobody => Command::Decline,
                };
                // A run that has ended meanwhile needs no answer.
                handle.commands.send(answer).ok();
            }
        }
        let Some((outcome, ..)) = state.finished.clone() else {
            return Err(
                Failure::failed("the run broke off without an end; this is a bug")
                    .hint("`rok-deploy resume` goes on with it"),
            );
        };
        Ok((outcome, state))
    }

    /// Asks on the terminal.
    async fn ask(&mut self, scope: Scope) -> Result<Command, Failure> {
        write!(
            io::stderr(),
            "Approve? [y]es, [a]ll of what follows too, [N]o: "
        )?;
        // A thread of its own: a line that never comes must not hold up a signal.
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let line = tokio::select! {
            line = reading => line.map_err(io::Error::other)??,
            signal = self.signals.next() => return Ok(Command::Cancel(signal)),
        };
        Ok(match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Command::Approve(scope),
            "a" | "all" => Command::ApproveAll,
            _ => Command::Decline,
        })
    }
}

fn stop(handle: &Handle, by: Signal, signals: u32) {
    if signals >= 3 {
        leave(by);
    }
    handle.commands.send(Command::Cancel(by)).ok();
}

/// Leaves at once: nothing has begun, or somebody has asked three times.
#[expect(
    clippy::exit,
    reason = "whoever asks three times must not wait for anything"
)]
fn leave(by: Signal) -> ! {
    std::process::exit(i32::from(signals::code(by)))
}
