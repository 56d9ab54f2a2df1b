//! A right is missing: somebody who has it is asked, once nobody is at work any more, so that what is
//! asked for is what is missing.

use super::{Halt, Refused, Run, Waits, Workers};
use crate::engine::event::{EventKind, HandOff};
use crate::engine::failure::ErrorKind;
use crate::engine::worker::Asked;

impl Run {
    pub(super) fn note_refusal(&mut self, index: usize, kind: ErrorKind) {
        if kind == ErrorKind::Permission {
            self.forbidden.insert(self.entries[index].meta.id);
        }
    }

    /// Asks for what was refused, when every step at work waits for a person, and lets the refused
    /// ones wait for it. Where nobody is asked, or nobody waited for, they fail.
    pub(super) async fn hand_over_at_rest(&mut self, running: &Workers) -> Result<(), Halt> {
        let waiting = self.refused.len() + self.paused.len();
        // A run that ends waits for nobody.
        let waits = match &self.options.asks {
            Some(asks) if self.ending.is_none() => asks.waits,
            _ => Waits::No,
        };
        if self.refused.is_empty() || (waits != Waits::No && waiting < running.len()) {
            return Ok(());
        }
        let refused = std::mem::take(&mut self.refused);
        let asked = match waits {
            Waits::For(_) | Waits::UntilStopped => {
                let patience = match waits {
                    Waits::For(patience) => Some(patience),
                    _ => None,
                };
                let steps: Vec<_> = refused
                    .iter()
                    .map(|refused| self.entries[refused.index].meta.id)
                    .collect();
                let handoff = self.ask_administrator(&steps).await?;
                handoff.map(|handoff| Asked { handoff, patience })
            }
            Waits::No => None,
        };
        self.handed_off |= asked.is_some();
        for Refused { asked: answer, .. } in refused {
            // A worker that was stopped meanwhile needs no answer.
            answer.send(asked.clone()).ok();
        }
        Ok(())
    }

    /// Returns what was written down for an administrator, now that everything is at rest.
    pub(super) async fn hand_over_at_the_end(&mut self) -> Option<HandOff> {
        let steps: Vec<_> = self.forbidden.iter().copied().collect();
        // A journal that cannot be written is told of by the last event.
        self.ask_administrator(&steps).await.ok().flatten()
    }

    async fn ask_administrator(&mut self, steps: &[&str]) -> Result<Option<HandOff>, Halt> {
        let Some(asks) = self.options.asks.clone() else {
            return Ok(None);
        };
        match asks.administrator.ask(steps).await {
            Ok(handoff) => Ok(handoff),
            Err(text) => {
                let text = format!("the files for an administrator could not be written: {text}");
                self.emit(EventKind::Warning { text })?;
                Ok(None)
            }
        }
    }
}
