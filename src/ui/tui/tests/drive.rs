//! The wizard in a real terminal, at a made-up run: for eyes, and for tools that look at terminals.
//!
//! `ROK_DRIVE` chooses what is shown: `wizard` (the default), `unfinished`, `failure`, `conflict`,
//! `task`, `player`, `panic`. `NO_COLOR` is followed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::*;
use crate::engine::run::Handle;
use crate::engine::{Command, EventKind, Outcome, Scope, StepError};
use crate::ui::samples;
use crate::ui::tui::{WizardPort, player, wizard};

struct Port {
    what: String,
}

#[async_trait]
impl WizardPort for Port {
    async fn resolve(&self, edits: &Answers) -> Resolution {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(self.what != "panic", "a look that panics");
        resolve(edits)
    }

    async fn start(&self, _answers: &Answers) -> Result<Handle, StepError> {
        let (events_in, events) = mpsc::unbounded_channel();
        let (commands, commands_out) = mpsc::unbounded_channel();
        let story = match self.what.as_str() {
            "failure" => samples::failed(),
            "conflict" => samples::conflicting(),
            "task" => {
                let scope = Scope::Task {
                    task: "cloudidentity".into(),
                };
                samples::asking(
                    scope,
                    &samples::ACTING[..3],
                    Some("the world changed since"),
                )
            }
            _ => samples::finished(),
        };
        tokio::spawn(tell(story, events_in, commands_out));
        Ok(Handle { events, commands })
    }

    fn unfinished(&self) -> Option<Unfinished> {
        (self.what == "unfinished").then(unfinished)
    }

    async fn resume(&self, _run: &str) -> Result<Handle, StepError> {
        self.start(&Answers::default()).await
    }
}

/// Tells a story as if it happened now, and listens as a run would.
async fn tell(
    story: Vec<Event>,
    events: UnboundedSender<Event>,
    mut commands: UnboundedReceiver<Command>,
) {
    let mut before = story[0].at;
    for mut event in story {
        let pause = event
            .at
            .duration_since(before)
            .unsigned_abs()
            .min(Duration::from_millis(2_500));
        before = event.at;
        let asks = matches!(event.event, EventKind::ApprovalNeeded { .. });
        event.at = jiff::Timestamp::now();
        let seq = event.seq;
        if events.send(event).is_err() {
            return;
        }
        let command = if asks {
            commands.recv().await
        } else {
            tokio::time::timeout(pause, commands.recv())
                .await
                .ok()
                .flatten()
        };
        let outcome = match command {
            Some(Command::Decline) => Outcome::Declined,
            Some(Command::Cancel(_)) => Outcome::Interrupted,
            _ => continue,
        };
        let event = EventKind::RunFinished {
            outcome,
            summary: "It was stopped".into(),
            next: vec![],
        };
        let _ = events.send(Event {
            seq: seq + 1,
            at: jiff::Timestamp::now(),
            event,
        });
        return;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a terminal and somebody who looks at it"]
async fn drive_in_a_terminal() {
    let what = std::env::var("ROK_DRIVE").unwrap_or_else(|_| "wizard".into());
    let options = Options {
        color: std::env::var_os("NO_COLOR").is_none(),
        ..options()
    };
    if what == "player" {
        return player(samples::finished(), options).await.unwrap();
    }
    let outcome = wizard(Arc::new(Port { what }), options).await;
    println!("left with {outcome:?}");
}
