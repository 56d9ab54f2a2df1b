//! `rok-deploy replay`: plays a recorded run in the same frontends. Needs no network.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::launch::state_directory;
use super::resume::one;
use super::wizard::screen;
use crate::cli::{Options, Output};
use crate::failure::Failure;
use crate::journal::{Journal, Runs, read};
use crate::ui::harmless::clean;
use crate::ui::json::json_line;
use crate::ui::tui;

pub(super) async fn replay(options: &Options, run: &str) -> Result<u8, Failure> {
    let journal = find(options, run)?;
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if terminal && options.output == Output::Plain && !options.linear {
        let practice = journal.header.launch.practice;
        tui::player(journal.events, screen(options, practice)).await?;
        return Ok(0);
    }
    if options.output == Output::Json {
        let mut out = io::BufWriter::new(io::stdout());
        for event in &journal.events {
            writeln!(out, "{}", json_line(event))?;
        }
        out.flush()?;
        return Ok(0);
    }
    let mut plain = super::plain(options);
    for event in &journal.events {
        plain.event(event)?;
    }
    let (events, run) = (journal.events.len(), &journal.header.run);
    writeln!(
        io::stdout(),
        "Replayed {events} events of run {}.",
        clean(run)
    )?;
    Ok(0)
}

fn find(options: &Options, run: &str) -> Result<Journal, Failure> {
    let path = Path::new(run);
    if path.is_file() {
        return Ok(read(path)?);
    }
    let journal = path.join("journal.jsonl");
    if journal.is_file() {
        return Ok(read(&journal)?);
    }
    Ok(one(&Runs::new(&state_directory(options)?), run)?.read()?)
}
