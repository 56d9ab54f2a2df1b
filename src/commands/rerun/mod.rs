//! `rok-deploy replay --rerun`: drives the same code against the recorded answers, with nothing in
//! reach, and stops at the first difference.

mod clock;
mod difference;
mod tape;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::process::Process;
use super::recorded::{LEFT, ProcessSession};
use super::recording::Recording;
use super::session::{self, Session, Settled};
use super::wizard::screen;
use crate::cli::{Options, Output};
use crate::clients::recording::{self as calls, CallLine, Line, ProcessLine};
use crate::clients::wire::WireLog;
use crate::engine::ports::Recorder as _;
use crate::engine::run::Earlier;
use crate::engine::{Answers, Command, Event, EventKind, RunState};
use crate::failure::Failure;
use crate::journal::{Journal, Writer, chained_lines};
use crate::recipes;
use crate::ui::json::json_line;
use crate::ui::tui;
use clock::TapeClock;
use difference::Difference;
use tape::{Comparing, Player, Tape};

/// One process of a recorded run.
struct Recorded {
    process: ProcessLine,
    calls: Vec<CallLine>,
}

/// Does a run again: by its id, its folder, its journal or its archive.
pub(super) async fn rerun(options: &Options, what: &str) -> Result<u8, Failure> {
    let recording = Recording::open(options, what)?;
    recording.verdict()?;
    let processes = read(&recording)?;
    let journal = recording.journal;
    let run = journal.header.run.clone();
    let ours = env!("CARGO_PKG_VERSION");
    if let Some(other) = processes
        .iter()
        .map(|recorded| &recorded.process.tool_version)
        .find(|version| *version != ours)
    {
        writeln!(
            io::stderr(),
            "note: run {run} was recorded by rok-deploy {other}, this is {ours}; a difference may be one between them"
        )?;
    }
    let scratch = tempfile::Builder::new()
        .prefix("rok-deploy-rerun-")
        .tempdir()?;
    let place = fs::canonicalize(scratch.path())?;
    let copy = place.join("journal.jsonl");
    let mut writer = Writer::create(&copy, &journal.header)?;
    let mut screen = Frontend::new(options, &journal);
    let mut calls = 0;
    for (number, recorded) in processes.iter().enumerate() {
        let begins = recorded.process.position;
        let ends = processes
            .get(number + 1)
            .map_or(u64::MAX, |next| next.process.position);
        let (earlier, events): (Vec<Event>, Vec<Event>) = journal
            .events
            .iter()
            .filter(|event| event.seq <= ends)
            .cloned()
            .partition(|event| event.seq <= begins);
        let again = Again {
            journal: &journal,
            recorded,
            earlier: &earlier,
            events: &events,
            root: place.join("root"),
        };
        let (made, difference) = again.process(&mut writer, &mut screen).await?;
        calls += made;
        if let Some(difference) = difference {
            screen.end().await?;
            return Err(Failure::failed(format!(
                "the rerun of run {run} stops at its first difference: {difference}"
            )));
        }
    }
    drop(writer);
    let (recorded, now) = (recording.text, fs::read(&copy)?);
    if !recorded.starts_with(&now) || recorded[now.len()..].contains(&b'\n') {
        return Err(Failure::failed(format!(
            "the rerun of run {run} had the same events, and wrote another journal; this is a bug"
        )));
    }
    screen.end().await?;
    let events = journal.events.len();
    screen.say(&format!(
        "Rerun of run {run}: {events} events, {calls} calls, identical."
    ))?;
    Ok(0)
}

/// Reads what was answered and takes it apart into processes.
fn read(recording: &Recording) -> Result<Vec<Recorded>, Failure> {
    let header = &recording.journal.header;
    let Some((path, bytes)) = &recording.answers else {
        let (run, version) = (&header.run, &header.tool_version);
        return Err(Failure::usage(format!(
            "run {run} cannot be done again: rok-deploy {version} kept no `recording.jsonl` of what was answered beside its journal"
        ))
        .hint("`rok-deploy replay` without `--rerun` plays its events"));
    };
    let (lines, damage) = chained_lines(bytes, path);
    if let Some(damage) = damage {
        return Err(Failure::failed(damage.to_string())
            .hint("what was recorded is not as it was written; ask for the untouched record"));
    }
    let mut processes: Vec<Recorded> = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        let damaged = |reason: String| {
            Failure::failed(format!("{}: line {}: {reason}", path.display(), number + 1))
        };
        // The version first: a later line may hold what this program does not know.
        let value: serde_json::Value =
            serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
        if let Some(format) = value["format"]
            .as_str()
            .filter(|format| !calls::reads(format))
        {
            let version = value["tool_version"].as_str().unwrap_or("?");
            return Err(Failure::usage(format!(
                "{} has format {format} of rok-deploy {version}, this program reads {}; use that version",
                path.display(),
                calls::FORMAT
            )));
        }
        match serde_json::from_value(value).map_err(|error| damaged(error.to_string()))? {
            Line::Process(process) => processes.push(Recorded {
                process,
                calls: Vec::new(),
            }),
            Line::Call(call) => match processes.last_mut() {
                Some(recorded) => recorded.calls.push(call),
                None => return Err(damaged("a call before any process".into())),
            },
        }
    }
    Ok(processes)
}

/// A process that is done again.
struct Again<'a> {
    journal: &'a Journal,
    recorded: &'a Recorded,
    /// The events of the processes before.
    earlier: &'a [Event],
    events: &'a [Event],
    root: PathBuf,
}

impl Again<'_> {
    /// Does it; returns how many calls were made, and the first difference.
    async fn process(
        &self,
        writer: &mut Writer,
        screen: &mut Frontend,
    ) -> Result<(usize, Option<Difference>), Failure> {
        // A process may have ended before it said anything.
        let Some(answers) = self.answers() else {
            self.skip(writer, screen)?;
            return Ok((0, None));
        };
        let session: ProcessSession = serde_json::from_value(self.recorded.process.session.clone())
            .map_err(|error| Failure::failed(format!("the recording: {error}")))?;
        let (out, mut told) = mpsc::unbounded_channel();
        let root = self.root.display().to_string();
        let tape = Tape::new(self.recorded.calls.clone(), self.events, &root, out)?;
        let time = Arc::clone(&tape);
        let wire = WireLog::at(Arc::new(move || time.time()));
        wire.keep(Arc::new(Player(Arc::clone(&tape))));
        let home = session.home.clone().map(|home| ("HOME".to_owned(), home));
        let process = Process {
            environment: home.into_iter().collect::<BTreeMap<_, _>>(),
            clock: Arc::new(TapeClock(Arc::clone(&tape))),
            wire,
        };
        let header = &self.journal.header;
        let spec = recipes::find(&header.recipe).ok_or_else(|| {
            Failure::usage(format!("unknown recipe `{}` in the journal", header.recipe))
        })?;
        let settled = Settled {
            answers,
            notices: session.warnings,
        };
        let known = session::Again {
            root: self.root.clone(),
            holder: session.holder,
            state: session.state,
        };
        let folder = self.root.join(session.folder.trim_start_matches('/'));
        let again = Session::again(spec, session.launch, process, known)?;
        let has_earlier = !self.earlier.is_empty();
        let earlier = has_earlier.then(|| Earlier::of(RunState::of(self.earlier)));
        let recorder = Box::new(Comparing(Arc::clone(&tape)));
        let launching = again.launch(
            &settled,
            session.approval,
            &header.run,
            earlier,
            recorder,
            Some(&folder),
        );
        let handle = match launching.await {
            Ok(handle) => handle,
            Err(failure) => return self.not_launched(&tape, failure).await,
        };
        let commands = tokio::spawn(command(Arc::clone(&tape), handle.commands));
        let mut engine = handle.events;
        let ended = tape.ended();
        tokio::pin!(ended);
        let mut difference = loop {
            tokio::select! {
                biased;
                Some(event) = told.recv() => {
                    writer.record(&event, false)?;
                    screen.event(&event)?;
                }
                difference = &mut ended => break difference,
                // The events that are told are the recorded ones.
                Some(_) = engine.recv() => {}
            }
        };
        while let Ok(event) = told.try_recv() {
            writer.record(&event, false)?;
            screen.event(&event)?;
        }
        commands.abort();
        if difference.is_none() && self.is_finished() {
            // The loop ends after its last event, and with it everything that it has started.
            while engine.recv().await.is_some() {}
            difference = tape.left();
        }
        Ok((tape.calls(), difference))
    }

    /// A session that does not come to a run has met a difference, or had none in the recording.
    async fn not_launched(
        &self,
        tape: &Tape,
        failure: Failure,
    ) -> Result<(usize, Option<Difference>), Failure> {
        let stopped = tokio::time::timeout(std::time::Duration::ZERO, tape.ended()).await;
        match stopped {
            Ok(Some(difference)) => Ok((tape.calls(), Some(difference))),
            _ => Err(failure),
        }
    }

    fn skip(&self, writer: &mut Writer, screen: &mut Frontend) -> Result<(), Failure> {
        for event in self.events {
            writer.record(event, false)?;
            screen.event(event)?;
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        let last = self.events.last().map(|event| &event.event);
        matches!(last, Some(EventKind::RunFinished { .. }))
    }

    fn answers(&self) -> Option<Answers> {
        let resolved = self.events.iter().find_map(|event| match &event.event {
            EventKind::AnswersResolved { answers } => Some(answers),
            _ => None,
        })?;
        let mut answers = Answers::default();
        for answer in resolved {
            answers.set(&answer.key, &answer.value, answer.origin.clone());
        }
        Some(answers)
    }
}

/// Gives the run the commands of its operator, each in its turn.
async fn command(tape: Arc<Tape>, run: mpsc::UnboundedSender<Command>) {
    for place in tape.commands() {
        let Ok((operation, _)) = tape.turn(place).await else {
            return;
        };
        if operation == LEFT {
            return;
        }
        if let Ok(command) = serde_json::from_str(&operation) {
            run.send(command).ok();
        }
    }
    // A process that was killed had its operator to the end.
    std::future::pending::<()>().await;
}

/// Who sees the rerun: the frontends of every run.
struct Frontend {
    output: Output,
    plain: crate::ui::plain::Plain<io::Stderr, io::Stdout>,
    /// In a terminal, the events so far and how the screens look.
    screens: Option<(Vec<Event>, tui::Options)>,
}

impl Frontend {
    fn new(options: &Options, journal: &Journal) -> Self {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let screens = terminal && options.output == Output::Plain && !options.linear;
        let practice = journal.header.launch.practice;
        Self {
            output: options.output,
            plain: super::plain(options),
            screens: screens.then(|| (Vec::new(), screen(options, practice))),
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match (&mut self.screens, self.output) {
            (Some((events, _)), _) => {
                events.push(event.clone());
                Ok(())
            }
            (None, Output::Json) => writeln!(io::stdout(), "{}", json_line(event)),
            (None, Output::Plain) => self.plain.event(event),
        }
    }

    /// Shows in a terminal what came, to be looked at step by step.
    async fn end(&mut self) -> io::Result<()> {
        match self.screens.take() {
            Some((events, look)) if !events.is_empty() => {
                let shown = tui::Recording {
                    events,
                    requests: Vec::new(),
                    problems: Vec::new(),
                };
                tui::player(shown, look).await
            }
            _ => Ok(()),
        }
    }

    fn say(&self, sentence: &str) -> io::Result<()> {
        match self.output {
            Output::Json => writeln!(io::stderr(), "{sentence}"),
            Output::Plain => writeln!(io::stdout(), "{sentence}"),
        }
    }
}
