//! Follows a run without screens: plain lines or JSON, signals, and a yes-or-no where one can be
//! asked.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::signal::unix::{SignalKind, signal};

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

/// Follows the run to its end and returns what its events told.
pub(super) async fn follow(
    mut handle: Handle,
    options: &Options,
    asking: Asking,
) -> Result<(Outcome, RunState), Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut plain = super::plain(options);
    let mut state = RunState::default();
    let mut signals = 0;
    loop {
        let event = tokio::select! {
            biased;
            event = handle.events.recv() => event,
            _ = interrupt.recv() => {
                signals += 1;
                stop(&handle, Signal::Interrupt, signals);
                continue;
            }
            _ = terminate.recv() => {
                signals += 1;
                stop(&handle, Signal::Terminate, signals);
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
            let answer = match asking {
                Asking::Terminal => ask(scope, &mut interrupt).await?,
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
async fn ask(
    scope: Scope,
    interrupt: &mut tokio::signal::unix::Signal,
) -> Result<Command, Failure> {
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
        _ = interrupt.recv() => return Ok(Command::Cancel(Signal::Interrupt)),
    };
    Ok(match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Command::Approve(scope),
        "a" | "all" => Command::ApproveAll,
        _ => Command::Decline,
    })
}

fn stop(handle: &Handle, by: Signal, signals: u32) {
    if signals >= 3 {
        leave(by);
    }
    handle.commands.send(Command::Cancel(by)).ok();
}

/// Leaves at once: somebody has asked three times.
#[expect(clippy::exit, reason = "the third signal must not wait for anything")]
fn leave(by: Signal) -> ! {
    std::process::exit(match by {
        Signal::Interrupt => i32::from(crate::failure::exit::INTERRUPTED),
        Signal::Terminate => i32::from(crate::failure::exit::TERMINATED),
    })
}
