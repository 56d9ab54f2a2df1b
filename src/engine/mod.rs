//! Values and one loop: recipes of tasks of steps, observed, approved, made so, believed only
//! after a second look.
//!
//! The engine knows no terminal, no cloud and no files. It takes [`Command`]s and emits
//! [`Event`]s; journal, plain output, JSON and the wizard are four readers of that one stream.
//! [`run::start`] is the loop, [`step::Step`] is what it drives, [`state::RunState`] is what a
//! reader makes of the events.

pub mod at_work;
pub mod chain;
pub mod change;
pub mod choice;
pub mod command;
pub mod event;
pub mod facts;
pub mod failure;
pub mod plan;
pub mod ports;
pub mod question;
pub mod recipe;
pub mod run;
pub mod state;
pub mod step;
mod worker;

pub use at_work::{at_work, working};
pub use chain::{Chain, ChainKind, Link, LinkFound, LinkState};
pub use change::{Change, Verb, lines};
pub use choice::Choice;
pub use command::{Approval, Command, Scope, Signal};
pub use event::{Event, EventKind, HandOff, Outcome, RightAnswer, RightView, StepOutcome};
pub use facts::{FactKey, Facts};
pub use failure::{ErrorKind, StepError};
pub use question::{Answer, Answers, Candidate, Discovery, Kind, Origin, Question};
pub use recipe::{Phase, Recipe, Task, TaskMode};
pub use state::{RunState, StepStatus};
pub use step::{Context, Finding, Observation, Settle, Step, StepMeta, When};
