//! `rok-deploy replay`: plays a recorded run in the same frontends. Needs no network.
//!
//! Of a damaged record the sound part is played, since support wants it all the more; the damage is
//! told before and after, and the exit code is that of a failure.

use std::io::{self, IsTerminal as _, Write as _};
use std::ops::Range;

use super::recording::Recording;
use super::rerun::rerun;
use super::wizard::screen;
use crate::cli::{Options, Output};
use crate::engine::Event;
use crate::failure::Failure;
use crate::ui::harmless::{Harmless, escaped};
use crate::ui::json::json_line;
use crate::ui::{tui, wire, words};

pub(super) async fn replay(
    options: &Options,
    run: &str,
    with_wire: bool,
    again: bool,
) -> Result<u8, Failure> {
    if again {
        return rerun(options, run).await;
    }
    let recording = Recording::open(options, run)?;
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if terminal && options.output == Output::Plain && !options.linear {
        let practice = recording.journal.header.launch.practice;
        let shown = tui::Recording {
            events: recording.journal.events.clone(),
            requests: recording.requests(),
            problems: recording.problems.clone(),
        };
        tui::player(shown, screen(options, practice)).await?;
        return recording.verdict();
    }
    for problem in &recording.problems {
        writeln!(
            Harmless::new(io::stderr(), false),
            "warning: {problem}; only what is before it is played"
        )?;
    }
    match options.output {
        Output::Json => json(&recording, with_wire)?,
        Output::Plain => plain(options, &recording, with_wire)?,
    }
    recording.verdict()
}

/// Returns the events, each with the requests that were sent since the one before it.
fn moments(recording: &Recording, with_wire: bool) -> impl Iterator<Item = (&Event, Range<usize>)> {
    let times: Vec<_> = recording.wire.iter().map(|record| record.at).collect();
    let events = &recording.journal.events;
    let ends = wire::by_event(events, if with_wire { &times } else { &[] });
    let moment = move |(place, event)| (event, wire::of_event(&ends, place));
    events.iter().enumerate().map(moment)
}

/// Prints the events as they stand in the journal, and the requests as they stand in the wire log.
fn json(recording: &Recording, with_wire: bool) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout());
    for (event, wire) in moments(recording, with_wire) {
        for record in &recording.wire[wire] {
            let line = serde_json::to_string(record).expect("records are plain values");
            writeln!(out, "{}", escaped(line))?;
        }
        writeln!(out, "{}", json_line(event))?;
    }
    out.flush()?;
    Ok(())
}

fn plain(options: &Options, recording: &Recording, with_wire: bool) -> Result<(), Failure> {
    let mut plain = super::plain(options);
    let requests = recording.requests();
    for (event, wire) in moments(recording, with_wire) {
        for request in &requests[wire] {
            plain.request(request)?;
        }
        plain.event(event)?;
    }
    let events = words::count(recording.journal.events.len(), "event", "events");
    let run = &recording.journal.header.run;
    let sound = if recording.problems.is_empty() {
        ""
    } else {
        "the sound "
    };
    let mut out = Harmless::new(io::stdout(), false);
    writeln!(out, "Replayed {sound}{events} of run {run}.")?;
    Ok(())
}
