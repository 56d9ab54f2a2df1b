//! `rok-deploy handoff`, and the hand-off that a run writes: files for an administrator who has the
//! rights that the operator lacks.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::json;

use super::launch::launch_of;
use super::process::Process;
use super::session::Session;
use crate::cli::{Options, Output};
use crate::engine::ports::Administrator;
use crate::engine::{Answers, Context, HandOff};
use crate::failure::{Failure, exit};
use crate::recipes::{RecipeSpec, Tools};
use crate::steps::handoff::{Handoff, HandoffFile, PAGE};
use crate::ui::harmless::Harmless;

/// The folder of a run that the hand-off is written to.
const FOLDER: &str = "handoff";

// ---- the command --------------------------------------------------------------------------------

/// Looks what is missing, and writes what makes it. Changes nothing.
pub(super) async fn handoff(options: &Options, out: Option<&Path>) -> Result<u8, Failure> {
    let session = Session::open(options, launch_of(options), Process::this()).await?;
    let settled = session.answers().await?;
    let looked = session.handoff(&settled.answers).await;
    session.close().await;
    let handoff = looked?;
    if handoff.is_complete() {
        let sentence = "The identity is there as intended; there is nothing to hand over.";
        say(options, sentence, &json!({"missing": []}))?;
        return Ok(exit::DONE);
    }
    let own = || format!("rok-handoff-{}", handoff.cluster()).into();
    let folder = out.map_or_else(own, PathBuf::from);
    let files = handoff.files();
    let differ = |file: &&HandoffFile| {
        let found = fs::read(folder.join(file.name));
        found.is_ok_and(|found| found != file.text.as_bytes())
    };
    let kept: Vec<_> = files
        .iter()
        .filter(differ)
        .map(|file| folder.join(file.name).display().to_string())
        .collect();
    if !kept.is_empty() && !options.yes {
        return Err(Failure::usage(format!(
            "{} would be overwritten with something else",
            kept.join(", ")
        ))
        .hint("`-o DIR` names another folder, `--yes` overwrites"));
    }
    for file in &files {
        write(&folder, file).map_err(|error| cannot_write(&folder.join(file.name), &error))?;
    }
    let commands = handoff.commands(&folder);
    let sentence = format!(
        "{} holds what an administrator needs; nothing else was changed.",
        folder.display()
    );
    let names: Vec<_> = files.iter().map(|file| file.name).collect();
    let document = json!({
        "folder": folder,
        "files": names,
        "missing": handoff.missing(),
        "commands": commands,
    });
    say(options, &sentence, &document)?;
    if options.output == Output::Plain {
        let mut talk = Harmless::new(io::stderr(), false);
        for line in handoff.missing() {
            writeln!(talk, "missing: {line}")?;
        }
        for command in commands {
            writeln!(talk, "next: an administrator runs `{command}`")?;
        }
        writeln!(
            talk,
            "next: then `rok-deploy run` finds it, and does the rest"
        )?;
    }
    Ok(exit::DONE)
}

/// Says how it ended: a sentence for people, a document for programs.
fn say(options: &Options, sentence: &str, document: &serde_json::Value) -> io::Result<()> {
    match options.output {
        Output::Plain => writeln!(Harmless::new(io::stdout(), false), "{sentence}"),
        Output::Json => writeln!(io::stdout(), "{document}"),
    }
}

pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("write {}: {error}", path.display()))
}

// ---- within a run -------------------------------------------------------------------------------

/// Writes the hand-off of a run into its folder, when a right turns out to be missing.
pub(super) struct InRunFolder {
    pub(super) spec: &'static RecipeSpec,
    pub(super) answers: Answers,
    pub(super) tools: Tools,
    pub(super) process: Process,
    pub(super) run: String,
    /// The run's folder.
    pub(super) folder: PathBuf,
}

#[async_trait]
impl Administrator for InRunFolder {
    async fn ask(&self, steps: &[&str]) -> Result<Option<HandOff>, String> {
        let Some(over) = self.spec.handoff else {
            return Ok(None);
        };
        if !steps.iter().any(|step| over.parts.contains(step)) {
            return Ok(None);
        }
        // What is there untagged and exactly as asked for, is what was asked for before.
        let context = looking(&self.run, true);
        let handoff = (over.look)(&self.answers, &self.tools, context)
            .await
            .map_err(|error| error.to_string())?;
        self.write(&*handoff).map_err(|error| error.to_string())?;
        Ok(Some(self.told(&*handoff)))
    }
}

impl InRunFolder {
    fn path(&self) -> PathBuf {
        self.folder.join(FOLDER)
    }

    /// Writes the files, and takes away those of an earlier hand-off that asked for more.
    fn write(&self, handoff: &dyn Handoff) -> io::Result<()> {
        let folder = self.path();
        let files = handoff.files();
        for file in &files {
            let name = format!("{FOLDER}/{}", file.name);
            self.process.writes(&name, || write(&folder, file))?;
        }
        for &name in handoff.names() {
            let path = folder.join(name);
            if path.exists() && !files.iter().any(|file| file.name == name) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn told(&self, handoff: &dyn Handoff) -> HandOff {
        let folder = self.path();
        let page = folder.join(PAGE).display().to_string();
        let ways: Vec<_> = handoff
            .commands(&folder)
            .into_iter()
            .map(|command| format!("`{command}`"))
            .collect();
        HandOff {
            folder: folder.display().to_string(),
            hints: vec![
                format!(
                    "hand the folder of {page} to an administrator; the page says what is asked for, and why"
                ),
                format!("all it takes is {}", ways.join(", or ")),
            ],
        }
    }
}

/// What a look for a hand-off may know.
pub(super) fn looking(run: &str, handed_off: bool) -> Context {
    Context {
        run: run.to_owned(),
        acted: std::collections::BTreeSet::new(),
        planning: true,
        handed_off,
    }
}

/// Writes a file, whole or not at all.
fn write(folder: &Path, file: &HandoffFile) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let (path, draft) = (
        folder.join(file.name),
        folder.join(format!("{}.new", file.name)),
    );
    let mut opened = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(if file.is_program { 0o700 } else { 0o600 })
        .open(&draft)?;
    opened.write_all(file.text.as_bytes())?;
    fs::rename(&draft, path)
}
