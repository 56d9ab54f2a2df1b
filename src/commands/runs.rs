//! `rok-deploy runs`: lists runs, or shows one.

use std::io::{self, Write as _};

use super::launch::state_directory;
use super::resume::one;
use crate::cli::{Options, Output};
use crate::engine::{Outcome, RunState};
use crate::failure::Failure;
use crate::journal::{RunSummary, Runs};
use crate::ui::harmless::escaped;
use crate::ui::json::json_line;
use crate::ui::summary::run_summary_lines;
use crate::ui::words;

pub(super) fn runs(options: &Options, run: Option<&str>) -> Result<u8, Failure> {
    let runs = Runs::new(&state_directory(options)?);
    let mut out = io::stdout();
    if let Some(id) = run {
        let journal = one(&runs, id)?.read()?;
        if options.output == Output::Json {
            for event in &journal.events {
                writeln!(out, "{}", json_line(event))?;
            }
            return Ok(0);
        }
        let color = super::uses_color(options, &out);
        write!(
            out,
            "{}",
            run_summary_lines(&RunState::of(&journal.events), color)
        )?;
        return Ok(0);
    }
    let all: Vec<_> = runs.list()?.collect();
    for summary in &all {
        match options.output {
            Output::Plain => writeln!(out, "{}", words::block(&line(summary)))?,
            Output::Json => writeln!(out, "{}", escaped(json(summary).to_string()))?,
        }
    }
    writeln!(io::stderr(), "{}.", words::count(all.len(), "run", "runs"))?;
    Ok(0)
}

fn line(summary: &RunSummary) -> String {
    let run = &summary.folder.run;
    match &summary.state {
        Err(error) => format!("{run}  unreadable: {error}"),
        Ok(state) => {
            let practice = if state.practice { "  PRACTICE" } else { "" };
            format!(
                "{run}  {}  {}{practice}  {}",
                state.recipe,
                ended(summary, state),
                summary.standing()
            )
        }
    }
}

fn ended(summary: &RunSummary, state: &RunState) -> String {
    match &state.finished {
        Some((outcome, ..)) => words::outcome(*outcome).word.to_owned(),
        None if summary.is_unfinished() => "unfinished".into(),
        None => "running or broken off".into(),
    }
}

fn json(summary: &RunSummary) -> serde_json::Value {
    match &summary.state {
        Err(error) => serde_json::json!({ "run": summary.folder.run, "error": error }),
        Ok(state) => serde_json::json!({
            "run": summary.folder.run,
            "recipe": state.recipe,
            "practice": state.practice,
            "unfinished": summary.is_unfinished(),
            "outcome": state.finished.as_ref().map(|(outcome, ..): &(Outcome, _, _)| outcome),
        }),
    }
}
