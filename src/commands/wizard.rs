//! `rok-deploy`: the wizard, on screens or line by line.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::frontend::{Asking, Frontend};
use super::launch::{approval_of, launch_of, named, told_by_context};
use super::process::Process;
use super::resume::{go_on, one};
use super::run::{finish, to_the_end};
use super::session::{Session, Settled};
use crate::cli::Options;
use crate::engine::question::{Kind, Resolution, Resolved};
use crate::engine::run::Handle;
use crate::engine::{Answers, ErrorKind, Origin, Outcome, RunState, StepError};
use crate::failure::{Failure, exit};
use crate::journal::RunFolder;
use crate::recipes::RECIPES;
use crate::settings::Sources;
use crate::ui::harmless::Harmless;
use crate::ui::tui::{self, Unfinished, WizardPort};
use crate::ui::words;

pub(super) async fn wizard(options: &Options) -> Result<u8, Failure> {
    let options = &Options {
        attended: true,
        ..options.clone()
    };
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::usage("the wizard needs a terminal")
            .hint("`rok-deploy run` does the same without prompts, `rok-deploy plan` only looks"));
    }
    let Some(options) = &with_recipe(options).await? else {
        return left();
    };
    let session = Session::open(options, launch_of(options), Process::this()).await?;
    if options.linear {
        return line_by_line(options, session).await;
    }
    let practice = session.launch.practice;
    let port = Arc::new(Port {
        options: options.clone(),
        session: Arc::new(session),
        work: Mutex::default(),
    });
    let ended = tui::wizard(port.clone(), screen(options, practice)).await?;
    port.close(ended)
}

/// Returns the options with a recipe, asked for where nothing else tells it; nothing when the input has
/// ended. Everything else that is asked follows from it, so it comes before the screens.
async fn with_recipe(options: &Options) -> Result<Option<Options>, Failure> {
    let sources = Sources::read(&options.set, options.answers.as_deref(), BTreeMap::new())?;
    if named(options, &sources)?.is_some() || told_by_context(options).is_some() {
        return Ok(Some(options.clone()));
    }
    writeln!(
        io::stderr(),
        "The kube context does not tell where Rok is to run."
    )?;
    for spec in RECIPES {
        writeln!(io::stderr(), "  {}: {}", spec.name, spec.title)?;
    }
    loop {
        let Some(line) = read("Recipe (recipe): ").await? else {
            return Ok(None);
        };
        let found = RECIPES.iter().find(|spec| spec.name == line.trim());
        if let Some(spec) = found {
            return Ok(Some(Options {
                recipe: Some(spec.name.into()),
                ..options.clone()
            }));
        }
        writeln!(
            io::stderr(),
            "`{}` is none of them",
            words::clean(line.trim())
        )?;
    }
}

/// Returns how screens look.
pub(super) fn screen(options: &Options, practice: bool) -> tui::Options {
    tui::Options {
        practice,
        color: super::uses_color(options, &std::io::stderr()),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// What the screens may ask for.
struct Port {
    options: Options,
    session: Arc<Session>,
    work: Mutex<Option<Work>>,
}

/// The run that the wizard works on.
struct Work {
    folder: RunFolder,
    /// A resumed run may have been launched in another way; its session lives as long as it does.
    session: Arc<Session>,
}

#[async_trait]
impl WizardPort for Port {
    async fn resolve(&self, edits: &Answers) -> Resolution {
        self.session.resolve(edits, true).await
    }

    async fn start(&self, answers: &Answers) -> Result<Handle, StepError> {
        let session = Arc::clone(&self.session);
        // The form has shown what there is to know about them.
        let settled = Settled {
            answers: answers.clone(),
            notices: Vec::new(),
        };
        let started = session.start(&settled, approval_of(&self.options)).await;
        let (folder, handle) = started.map_err(told)?;
        self.works_on(Work { folder, session });
        Ok(handle)
    }

    fn unfinished(&self) -> Option<Unfinished> {
        // A list that cannot be read offers nothing; `rok-deploy runs` tells why.
        let mut runs = self.session.runs().list().ok()?;
        runs.find_map(|summary| {
            let state = summary.state.as_ref().ok()?;
            let fits = summary.is_unfinished() && state.practice == self.session.launch.practice;
            fits.then(|| Unfinished {
                run: summary.folder.run.clone(),
                recipe: state.recipe.clone(),
                started: state
                    .span
                    .map_or(jiff::Timestamp::UNIX_EPOCH, |(first, _)| first),
                standing: summary.standing(),
            })
        })
    }

    async fn resume(&self, run: &str) -> Result<Handle, StepError> {
        self.go_on(run).await.map_err(told)
    }
}

impl Port {
    async fn go_on(&self, run: &str) -> Result<Handle, Failure> {
        let folder = one(self.session.runs(), run)?;
        let (session, _, handle) = go_on(&self.options, &folder, Process::this()).await?;
        let session = Arc::new(session);
        self.works_on(Work { folder, session });
        Ok(handle)
    }

    fn works_on(&self, work: Work) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// Says on the restored terminal how it ended, since the screens are gone by then.
    fn close(&self, ended: Option<Outcome>) -> Result<u8, Failure> {
        let work = self
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (Some(outcome), Some(work)) = (ended, work) else {
            writeln!(io::stderr(), "Nothing was changed.")?;
            return Ok(exit::DONE);
        };
        let state = RunState::of(&work.folder.read()?.events);
        if let Some((_, summary, next)) = &state.finished {
            writeln!(io::stdout(), "{summary}")?;
            for next in next {
                writeln!(io::stderr(), "next: {next}")?;
            }
        }
        writeln!(
            io::stderr(),
            "The run is kept in {}",
            work.folder.path.display()
        )?;
        drop(work.session);
        finish(outcome, &state, Asking::Terminal, &work.folder)
    }
}

/// What the screens show of a failure.
fn told(failure: Failure) -> StepError {
    let kind = match failure.code {
        exit::USAGE => ErrorKind::Answers,
        exit::CONFLICT => ErrorKind::Conflict,
        exit::PERMISSION => ErrorKind::Permission,
        _ => ErrorKind::Failed,
    };
    let mut error = StepError::new(kind, failure.problems.join("; "));
    error.hints = failure.hints;
    error
}

// ---- line by line -----------------------------------------------------------------------------

/// The wizard for screen readers and dumb terminals: every question is a line.
async fn line_by_line(options: &Options, session: Session) -> Result<u8, Failure> {
    let mut edits = Answers::default();
    let mut said = BTreeMap::new();
    let answers = loop {
        let resolution = session.resolve(&edits, true).await;
        // One at a time: the next may follow from this one.
        if let Some(row) = resolution.rows.iter().find(|row| row.problem.is_some()) {
            let key = row.question.key;
            explain(row)?;
            let Some(line) = read(&format!("{key}: ")).await? else {
                return left();
            };
            edits.set(key, line.trim(), Origin::Asked);
            continue;
        }
        say(&resolution, &mut said)?;
        let line = read("Change an answer (KEY=VALUE), or press Enter to make the plan: ").await?;
        match line.as_deref().map(str::trim) {
            None => return left(),
            Some("") => break resolution.answers,
            Some(edit) => change(&mut edits, edit, &resolution)?,
        }
    };
    let settled = Settled {
        answers,
        notices: Vec::new(),
    };
    let mut frontend = Frontend::new(Asking::Terminal)?;
    let starting = session.start(&settled, approval_of(options));
    let (folder, handle) = frontend.begun(starting).await?;
    to_the_end(session, handle, options, frontend, &folder).await
}

/// The input has ended before there was a run.
fn left() -> Result<u8, Failure> {
    writeln!(io::stderr(), "\nNothing was changed.")?;
    Ok(exit::DONE)
}

/// Says what is wrong with an answer and what would be right.
fn explain(row: &Resolved) -> io::Result<()> {
    let mut out = Harmless::new(io::stderr(), false);
    let (key, title) = (row.question.key, row.question.title);
    let problem = row.problem.as_deref().unwrap_or_default();
    writeln!(out, "{title} ({key}) {}", words::clean(problem))?;
    writeln!(out, "{}", row.question.help)?;
    for hint in &row.hints {
        writeln!(out, "hint: {hint}")?;
    }
    for candidate in &row.candidates {
        writeln!(out, "  {} {}", candidate.value, candidate.detail)?;
    }
    if let Kind::Choice(choices) = row.question.kind {
        for (choice, meaning) in choices {
            writeln!(out, "  {choice}: {meaning}")?;
        }
    }
    Ok(())
}

/// Says the answers that were not said yet, so that a change is not lost among what stays.
fn say(resolution: &Resolution, said: &mut BTreeMap<&'static str, String>) -> io::Result<()> {
    for row in &resolution.rows {
        let Some(answer) = &row.answer else { continue };
        let value = if answer.value.is_empty() {
            "none"
        } else {
            &answer.value
        };
        let (key, title) = (row.question.key, row.question.title);
        let origin = &answer.origin;
        let notice = row.notice.as_ref();
        let notice = notice.map_or_else(String::new, |notice| format!("\nnote: {notice}"));
        let text = format!(
            "{title} ({key}): {} [{origin}]{notice}",
            words::clean(value)
        );
        if said.get(key) != Some(&text) {
            writeln!(Harmless::new(io::stderr(), false), "{text}")?;
            said.insert(key, text);
        }
    }
    Ok(())
}

fn change(edits: &mut Answers, edit: &str, resolution: &Resolution) -> io::Result<()> {
    let known = |key: &str| resolution.rows.iter().any(|row| row.question.key == key);
    match edit.split_once('=') {
        Some((key, value)) if known(key.trim()) => {
            edits.set(key.trim(), value.trim(), Origin::Asked);
            Ok(())
        }
        _ => writeln!(io::stderr(), "`{edit}` is no KEY=VALUE of a question above"),
    }
}

/// Reads a line; nothing at the end of input.
async fn read(prompt: &str) -> io::Result<Option<String>> {
    write!(io::stderr(), "{prompt}")?;
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .map(|read| (read > 0).then_some(line))
    });
    reading.await.map_err(io::Error::other)?
}
