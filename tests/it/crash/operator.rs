//! An operator whose runs happen in this process: a home, command lines, and a yes where one is due.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use rok_deploy::cli::{self, Cli};
use rok_deploy::clients::gate::Keeper;
use rok_deploy::clients::wire::WireLog;
use rok_deploy::commands::resume::{go_on, newest};
use rok_deploy::commands::session::Session;
use rok_deploy::commands::{Process, launch_of};
use rok_deploy::engine::ports::SystemClock;
use rok_deploy::engine::recipe::Only;
use rok_deploy::engine::run::Handle;
use rok_deploy::engine::{Approval, Command, EventKind, Outcome, RunState};
use rok_deploy::failure::exit;
use rok_deploy::journal::{Launch, RunFolder, Runs};
use rok_deploy::recipes::{apply, rotate, teardown};

/// When a hang becomes a failure.
const DEADLINE: Duration = Duration::from_mins(1);

/// Manifests to apply, with an object of each kind that waits for another.
const SHOP: [(&str, &str); 4] = [
    (
        "kustomization.yaml",
        "namespace: shop\nresources: [config.yaml, account.yaml, namespace.yaml]\n",
    ),
    (
        "namespace.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
    ),
    (
        "config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n",
    ),
    (
        "account.yaml",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: shop\n",
    ),
];

/// Who keeps the gate of a run.
pub(super) type Keepers = [Arc<dyn Keeper>];

/// Who says yes to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Yes {
    /// The operator, when asked.
    Asked,
    /// The operator, beforehand.
    Given,
    /// Nobody: being asked is a failure.
    Nobody,
}

/// A home, and a command line that is given there.
pub(super) struct Operator {
    home: PathBuf,
    command: String,
}

impl Operator {
    /// Moves into an empty home.
    pub(super) fn new(home: &Path, command: &str) -> Self {
        let git = "[user]\n\tname = Operator\n\temail = operator@example.com\n\
                   [init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n";
        fs::write(home.join(".gitconfig"), git).expect("the home is writable");
        let shop = home.join("shop");
        fs::create_dir(&shop).expect("the home is writable");
        for (file, text) in SHOP {
            fs::write(shop.join(file), text).expect("the home is writable");
        }
        Self {
            home: home.into(),
            command: command.into(),
        }
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The same home, another command.
    pub(super) fn with(&self, command: &str) -> Self {
        Self {
            home: self.home.clone(),
            command: command.into(),
        }
    }

    /// Starts a run and follows it to its end.
    pub(super) fn run(&self, keepers: &Keepers, yes: Yes) -> Result<RunState, String> {
        let (options, launch) = self.launch();
        on_runtime(async {
            let process = self.process(keepers);
            let session = Session::open(&options, launch.clone(), process).await;
            let session = session.map_err(said)?;
            let settled = session.answers().await.map_err(said)?;
            let approval = match yes {
                Yes::Given => Approval::Given,
                _ if launch.only == Only::Verify => Approval::Given,
                _ => Approval::Plan,
            };
            let (_, handle) = session.start(&settled, approval).await.map_err(said)?;
            let end = follow(handle, yes).await;
            session.close().await;
            end
        })
    }

    /// Goes on with the newest unfinished run.
    pub(super) fn resume(&self, keepers: &Keepers, yes: Yes) -> Result<RunState, String> {
        let (options, _) = self.launch();
        let folder = self.unfinished().expect("only called when there is one");
        on_runtime(async {
            let resumed = go_on(&options, &folder, self.process(keepers)).await;
            let (session, _, handle) = resumed.map_err(said)?;
            let end = follow(handle, yes).await;
            session.close().await;
            end
        })
    }

    /// The run that `resume` picks; none when it says that there is none.
    pub(super) fn unfinished(&self) -> Option<RunFolder> {
        match newest(&self.runs(), true) {
            Ok(folder) => Some(folder),
            Err(failure) => {
                assert_eq!(failure.code, exit::USAGE, "{failure}");
                None
            }
        }
    }

    /// The runs of this home.
    pub(super) fn runs(&self) -> Runs {
        Runs::new(&self.home.join("state"))
    }

    /// Reads the command line as `main` does.
    fn launch(&self) -> (cli::Options, Launch) {
        let home = self.home.to_str().expect("a temporary path is text");
        let state = format!("{home}/state");
        let command = self.command.replace("{home}", home);
        let program = ["rok-deploy", "--sandbox", "--state-dir", &state];
        let line = program.into_iter().chain(command.split(' '));
        let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut options = cli.options;
        let mut launch = launch_of(&options);
        match cli.command {
            Some(cli::Command::Run) => {}
            Some(cli::Command::Verify { task }) => {
                launch.only = Only::Verify;
                launch.within = task;
            }
            Some(cli::Command::Apply { directory }) => {
                options.recipe = Some(apply::SPEC.name.into());
                let directory = directory.display();
                options
                    .set
                    .push(format!("{}={directory}", apply::DIRECTORY));
            }
            Some(cli::Command::Teardown) => options.recipe = Some(teardown::eks::SPEC.name.into()),
            Some(cli::Command::Rotate) => options.recipe = Some(rotate::NAME.into()),
            other => panic!("{other:?} makes no run"),
        }
        (options, launch)
    }

    fn process(&self, keepers: &Keepers) -> Process {
        let wire = WireLog::new();
        for keeper in keepers {
            wire.keep(Arc::clone(keeper));
        }
        let home = self.home.display();
        let environment = [
            ("HOME", home.to_string()),
            (
                "PATH",
                std::env::var("PATH").expect("tests run with a PATH"),
            ),
            ("GIT_CONFIG_GLOBAL", format!("{home}/.gitconfig")),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ];
        Process {
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            clock: Arc::new(SystemClock),
            wire,
        }
    }
}

/// Runs one process's worth of work. When it returns, nothing of it goes on.
fn on_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, work).await })
        .unwrap_or_else(|_| Err(format!("did not end within {DEADLINE:?}")))
}

async fn follow(mut handle: Handle, yes: Yes) -> Result<RunState, String> {
    let mut state = RunState::default();
    while let Some(event) = handle.events.recv().await {
        state.update(&event);
        if let EventKind::ApprovalNeeded { scope, reason, .. } = event.event {
            if yes != Yes::Asked {
                return Err(format!("was asked to approve {scope:?}: {reason:?}"));
            }
            // A run that has ended meanwhile needs no answer.
            handle.commands.send(Command::Approve(scope)).ok();
        }
    }
    match &state.finished {
        Some((Outcome::Done, ..)) => Ok(state),
        Some((outcome, summary, _)) => Err(format!("ended {outcome:?}: {summary}")),
        None => Err("broke off without an end".into()),
    }
}

fn said(failure: rok_deploy::failure::Failure) -> String {
    failure.to_string().trim_end().to_owned()
}

/// What a home's runs are, by id. Their journals are not read.
pub(super) fn by_id(runs: &Runs) -> BTreeMap<String, RunFolder> {
    let all = runs.find("").expect("runs can be listed");
    let named = all.into_iter().map(|folder| (folder.run.clone(), folder));
    named.collect()
}
