//! The wizard: asks, shows the plan, watches the run, tells how it ended.
//!
//! One [`model::Model`] holds everything on the screen, `update` is synchronous, and this file is
//! the only one that waits: for keys, for the run's events, for looks at the answers, and for the
//! time while something on the screen moves by itself.

mod fold;
mod form;
mod keymap;
mod log;
pub mod model;
mod moment;
mod pages;
mod picker;
mod player;
pub mod screens;
mod seek;
mod session;
mod start;
mod terminal;
mod theme;
mod ways;
mod widgets;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crossterm::event::{Event as Input, EventStream};
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::model::{Effect, Model, Msg};
use self::terminal::Screen;
use crate::engine::question::Resolution;
use crate::engine::run::Handle;
use crate::engine::{Answers, Event, Outcome, StepError};
use crate::ui::wire::Request;

/// The least time between two frames, except that a key is answered at once.
const FRAME: Duration = Duration::from_millis(33);

/// The time between two frames while only clocks and spinners move.
const TICK: Duration = Duration::from_millis(100);

/// How many events are taken in before the screen gets its turn.
const BURST: usize = 2_000;

/// What the wizard needs from the rest of the program.
#[async_trait]
pub trait WizardPort: Send + Sync + 'static {
    /// Returns the questions with their answers, candidates and problems, given the operator's own
    /// answers. May take a while; a call is dropped when newer answers make it pointless.
    async fn resolve(&self, edits: &Answers) -> Resolution;

    /// Starts a run with these answers. It looks at the world and asks for approval by events.
    /// May be called again once the run before has ended.
    ///
    /// # Errors
    ///
    /// When the run cannot be started.
    async fn start(&self, answers: &Answers) -> Result<Handle, StepError>;

    /// Returns the newest unfinished run.
    fn unfinished(&self) -> Option<Unfinished>;

    /// Goes on with an unfinished run.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    async fn resume(&self, run: &str) -> Result<Handle, StepError>;
}

/// A run that an earlier process left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub run: String,
    /// Its recipe's name.
    pub recipe: String,
    /// When it began.
    pub started: jiff::Timestamp,
    /// How far it got: "3 of 14 steps done".
    pub standing: String,
}

/// How the screens look.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether this is the practice cloud.
    pub practice: bool,
    /// Whether colours are wanted.
    pub color: bool,
    /// The version of this program.
    pub version: String,
}

/// Runs the wizard and returns how its run ended; nothing when the operator left before one.
///
/// # Errors
///
/// When the terminal cannot be used, or the run broke off without a closing word.
pub async fn wizard(port: Arc<dyn WizardPort>, options: Options) -> io::Result<Option<Outcome>> {
    let (model, effects) = Model::wizard(options, port.unfinished());
    let driver = Driver {
        port: Some(port),
        ..Driver::default()
    };
    driver.run(model, effects).await
}

/// What the player plays.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The events of the run.
    pub events: Vec<Event>,
    /// The requests that it sent, by time.
    pub requests: Vec<Request>,
    /// What somebody did to the record since, a sentence each.
    pub problems: Vec<String>,
}

impl From<Vec<Event>> for Recording {
    fn from(events: Vec<Event>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// Plays a recorded run in the screens of a run.
///
/// # Errors
///
/// When the terminal cannot be used.
pub async fn player(recording: Recording, options: Options) -> io::Result<()> {
    let model = Model::player(options, recording);
    Driver::default().run(model, Vec::new()).await?;
    Ok(())
}

/// What a task in the background brings back.
enum Brought {
    Resolution(u64, Resolution),
    Handle(Result<Handle, StepError>),
}

/// Carries out effects and brings back messages.
#[derive(Default)]
struct Driver {
    port: Option<Arc<dyn WizardPort>>,
    handle: Option<Handle>,
    looks: JoinSet<Brought>,
    starts: JoinSet<Brought>,
}

impl Driver {
    async fn run(mut self, mut model: Model, effects: Vec<Effect>) -> io::Result<Option<Outcome>> {
        let mut screen = Screen::open()?;
        model.update(Msg::Tick(jiff::Timestamp::now()));
        let size = screen.size()?;
        model.update(Msg::Resize(size.width, size.height));
        let mut keys = EventStream::new();
        let mut terminate = signal(SignalKind::terminate())?;
        self.carry_out(effects);
        let mut frame = Instant::now();
        let mut tick = frame + TICK;
        let (mut dirty, mut at_once) = (true, true);
        while !model.over {
            if dirty && (at_once || Instant::now() >= frame) {
                model.prepare();
                screen.draw(|target| screens::draw(&model, target))?;
                (dirty, at_once) = (false, false);
                frame = Instant::now() + FRAME;
            }
            let messages = tokio::select! {
                biased;
                input = keys.next() => {
                    at_once = true;
                    read_input(input).into_iter().collect()
                }
                _ = terminate.recv() => vec![Msg::Terminate],
                brought = next_of(&mut self.starts) => self.take(brought?),
                brought = next_of(&mut self.looks) => self.take(brought?),
                events = next_events(self.handle.as_mut()) => events?,
                () = sleep_until(frame), if dirty => continue,
                () = sleep_until(tick), if model.moves() => {
                    tick = Instant::now() + TICK;
                    vec![Msg::Tick(jiff::Timestamp::now())]
                }
            };
            dirty |= !messages.is_empty();
            for message in messages {
                let ends = matches!(&message, Msg::Event(event) if is_last(event));
                let effects = model.update(message);
                if ends {
                    self.handle = None;
                }
                self.carry_out(effects);
            }
        }
        Ok(model.outcome)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let port = self.port.clone();
            match (effect, port) {
                (Effect::Send(command), _) => {
                    if let Some(handle) = &self.handle {
                        // A run that has just ended takes no command; its last event is on the way.
                        let _ = handle.commands.send(command);
                    }
                }
                (Effect::Resolve { generation, edits }, Some(port)) => {
                    self.looks.abort_all();
                    self.looks.spawn(async move {
                        Brought::Resolution(generation, port.resolve(&edits).await)
                    });
                }
                (Effect::Start(answers), Some(port)) => {
                    self.starts
                        .spawn(async move { Brought::Handle(port.start(&answers).await) });
                }
                (Effect::Resume(run), Some(port)) => {
                    self.starts
                        .spawn(async move { Brought::Handle(port.resume(&run).await) });
                }
                (Effect::Resolve { .. } | Effect::Start(_) | Effect::Resume(_), None) => {}
            }
        }
    }

    fn take(&mut self, brought: Option<Brought>) -> Vec<Msg> {
        match brought {
            None => Vec::new(),
            Some(Brought::Resolution(generation, resolution)) => {
                vec![Msg::Resolved(generation, resolution)]
            }
            Some(Brought::Handle(Ok(handle))) => {
                self.handle = Some(handle);
                vec![Msg::Started(Ok(()))]
            }
            Some(Brought::Handle(Err(error))) => vec![Msg::Started(Err(error))],
        }
    }
}

/// Returns the messages of an input. A terminal that is gone is a wish to end.
fn read_input(input: Option<io::Result<Input>>) -> Option<Msg> {
    match input {
        Some(Ok(Input::Paste(text))) => Some(Msg::Paste(text)),
        Some(Ok(Input::Resize(width, height))) => Some(Msg::Resize(width, height)),
        Some(Ok(event)) => event.as_key_press_event().map(Msg::Key),
        Some(Err(_)) | None => Some(Msg::Terminate),
    }
}

/// Returns what the next finished task brings; nothing for one that was dropped.
///
/// # Errors
///
/// When it panicked: the screen was restored by then, so the loop must not go on.
async fn next_of(tasks: &mut JoinSet<Brought>) -> io::Result<Option<Brought>> {
    match tasks.join_next().await {
        Some(Ok(brought)) => Ok(Some(brought)),
        Some(Err(error)) if error.is_panic() => Err(io::Error::other(error)),
        Some(Err(_)) => Ok(None),
        None => std::future::pending().await,
    }
}

/// Returns the run's next events, several when several are there.
///
/// # Errors
///
/// When the run broke off without [`crate::engine::EventKind::RunFinished`], which is a bug of it.
async fn next_events(handle: Option<&mut Handle>) -> io::Result<Vec<Msg>> {
    let Some(handle) = handle else {
        return std::future::pending().await;
    };
    let Some(first) = handle.events.recv().await else {
        return Err(io::Error::other("the run broke off without a closing word"));
    };
    let mut messages = vec![Msg::Event(first)];
    while messages.len() < BURST
        && let Ok(event) = handle.events.try_recv()
    {
        messages.push(Msg::Event(event));
    }
    Ok(messages)
}

fn is_last(event: &Event) -> bool {
    matches!(event.event, crate::engine::EventKind::RunFinished { .. })
}
