//! One seed: a run in a faulty practice cloud, resumed until it is done.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use rok_deploy::cli::{Cli, Options};
use rok_deploy::commands::session::Session;
use rok_deploy::commands::{Process, launch_of, resume};
use rok_deploy::engine::run::Handle;
use rok_deploy::engine::{Approval, Event, EventKind, Outcome};
use rok_deploy::failure::Failure;
use rok_deploy::journal::RunFolder;
use rok_deploy::sandbox::Sandbox;
use rok_deploy::sandbox::aws::AwsServer;
use rok_deploy::sandbox::faults::{Faults, Injected};

use super::time::VirtualTime;

/// How long an operator takes before the next try.
const BREAK: Duration = Duration::from_mins(1);

/// One go at it, in a process of its own as it were.
pub struct Go {
    /// How it ended; words when it did not even begin.
    pub end: Result<Outcome, String>,
    pub events: Vec<Event>,
    pub injected: Vec<Injected>,
}

/// Does something to the world when something has happened.
pub type Meddler = Box<dyn FnMut(&Event, &AwsServer)>;

/// What is tried.
pub struct Trial {
    pub time: VirtualTime,
    arguments: Vec<String>,
    state: PathBuf,
    meddler: RefCell<Option<Meddler>>,
}

impl Trial {
    pub fn new(state: &Path, arguments: &[&str]) -> Self {
        Self {
            time: VirtualTime::begin(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            state: state.to_owned(),
            meddler: RefCell::default(),
        }
    }

    /// Lets it be done the day before. Clouds whose clocks are off and whose replicas lag know by then
    /// what was made.
    pub fn a_day_earlier(mut self) -> Self {
        self.time = self.time.a_day_earlier();
        self
    }

    /// Lets somebody do something to the world.
    pub fn with_meddler(self, meddler: Meddler) -> Self {
        self.meddler.replace(Some(meddler));
        self
    }

    /// Runs, and resumes what can be resumed.
    pub async fn go_on(&self, seed: Option<u64>, goes: usize) -> Vec<Go> {
        let mut done = Vec::new();
        let mut folder = None;
        for _ in 0..goes {
            let go = self.go(seed, &mut folder).await;
            let is_done = go.end == Ok(Outcome::Done);
            done.push(go);
            if is_done {
                break;
            }
            tokio::time::sleep(BREAK).await;
        }
        done
    }

    /// Runs, or resumes the run of a folder.
    async fn go(&self, seed: Option<u64>, folder: &mut Option<RunFolder>) -> Go {
        let options = self.options(seed);
        let mut go = Go {
            end: Err(String::new()),
            events: Vec::new(),
            injected: Vec::new(),
        };
        let begun = match folder {
            None => self.start(&options, folder, &mut go).await,
            Some(folder) => resume::go_on(&options, folder, self.process())
                .await
                .map(|(session, _, handle)| (session, handle)),
        };
        match begun {
            Err(failure) => go.end = Err(failure.to_string()),
            Ok((session, mut handle)) => {
                while let Some(event) = handle.events.recv().await {
                    if let EventKind::RunFinished { outcome, .. } = event.event {
                        go.end = Ok(outcome);
                    }
                    let aws = session.sandbox().and_then(Sandbox::aws);
                    if let (Some(meddler), Some(aws)) = (&mut *self.meddler.borrow_mut(), aws) {
                        meddler(&event, aws);
                    }
                    go.events.push(event);
                }
                go.injected = injected(&session);
                session.close().await;
            }
        }
        go
    }

    async fn start(
        &self,
        options: &Options,
        folder: &mut Option<RunFolder>,
        go: &mut Go,
    ) -> Result<(Session, Handle), Failure> {
        let session = Session::open(options, launch_of(options), self.process()).await?;
        let settled = session.answers().await;
        go.injected = injected(&session);
        let (begun, handle) = session.start(&settled?, Approval::Given).await?;
        *folder = Some(begun);
        Ok((session, handle))
    }

    fn options(&self, seed: Option<u64>) -> Options {
        let mut line = vec![
            "rok-deploy".to_owned(),
            "run".to_owned(),
            "--sandbox".to_owned(),
        ];
        line.extend(["--yes".to_owned(), "--state-dir".to_owned()]);
        line.push(self.state.display().to_string());
        line.extend(self.arguments.iter().cloned());
        if let Some(seed) = seed {
            line.extend(["--faults".to_owned(), seed.to_string()]);
        }
        Cli::try_parse_from(line)
            .expect("the command line is right")
            .options
    }

    fn process(&self) -> Process {
        Process {
            // Time would not stand still for a program that builds manifests.
            environment: std::env::vars()
                .filter(|(name, _)| name != "PATH")
                .collect(),
            clock: Arc::new(self.time),
            wire: self.time.wire(),
        }
    }
}

fn injected(session: &Session) -> Vec<Injected> {
    let faults = session.sandbox().and_then(Sandbox::faults);
    faults.map(Faults::injected).unwrap_or_default()
}
