//! A session: settings, practice cloud, clients and recipe of one process, wired together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::handoff::{InRunFolder, looking};
use super::launch::{check_task, keys, recipe, state_directory};
use super::process::{Gated, Process};
use super::recorded::{self, ProcessSession};
use crate::cli::Options;
use crate::clients::aws::AwsSettings;
use crate::clients::azure::AzureSettings;
use crate::clients::git::{Git, GitSettings, Passwords};
use crate::clients::kustomize::Kustomize;
use crate::clients::recording::Recording;
use crate::clients::sops::{Keyring, Vault};
use crate::clients::wire::WireLog;
use crate::engine::event::ResolvedAnswer;
use crate::engine::ports::{Clock, NoRecorder, Recorder};
use crate::engine::question::{Resolution, Resolved};
use crate::engine::recipe::Only;
use crate::engine::run::{self, Asks, Earlier, Handle, Waits};
use crate::engine::{Answers, Approval, Phase};
use crate::failure::Failure;
use crate::journal::{ChainedFile, FORMAT, Header, Holder, Launch, RunFolder, Runs, Writer};
use crate::recipes::{self, Modes, RecipeSpec, Tools};
use crate::sandbox::{self, Conduct, Lag, Sandbox};
use crate::settings::{self, Sources};
use crate::steps::aws::{AwsDiscovery, Connector};
use crate::steps::azure::{self, AzureDiscovery};
use crate::steps::cluster::{Clusters, Operator};
use crate::steps::discovery::Everywhere;
use crate::steps::gitops::{Remotes, Repository, skeleton};
use crate::steps::handoff::Handoff;
use crate::steps::manifests::Manifests;

/// What one process works with.
pub struct Session {
    pub(super) spec: &'static RecipeSpec,
    pub(super) sources: Sources,
    pub(super) process: Process,
    pub(super) launch: Launch,
    runs: Runs,
    sandbox: Option<Sandbox>,
    aws: Connector,
    azure: azure::Connector,
    clusters: Clusters,
    remotes: Remotes,
    passwords: Passwords,
    keyring: Keyring,
    /// Writes down what leaves the process; a rerun has none.
    recording: Option<Arc<Recording>>,
    /// What is known of the process that is done again.
    again: Option<Again>,
}

/// What a rerun knows of the process that it does again.
pub(super) struct Again {
    /// Where the paths of answers begin.
    pub(super) root: PathBuf,
    /// Who worked on the run.
    pub(super) holder: Holder,
    /// The opaque id of the state directory.
    pub(super) state: String,
}

/// Complete answers, and what the operator should know about them.
pub struct Settled {
    pub(super) answers: Answers,
    pub(super) notices: Vec<String>,
}

impl Session {
    /// Reads the settings and starts the practice cloud where it is wanted.
    ///
    /// # Errors
    ///
    /// All that is wrong with the command line and the answers file, or with the practice cloud.
    pub async fn open(
        options: &Options,
        launch: Launch,
        process: Process,
    ) -> Result<Self, Failure> {
        Self::open_for(options, launch, process, None).await
    }

    /// Does the same for a run that is resumed, with its own answers.
    pub(super) async fn open_for(
        options: &Options,
        launch: Launch,
        process: Process,
        resumed: Option<&RunFolder>,
    ) -> Result<Self, Failure> {
        let state = state_directory(options)?;
        let recording = recorded::recording(&process)?;
        let mut sources = Sources::read(
            &options.set,
            options.answers.as_deref(),
            process.environment.clone(),
        )?;
        if let Some(repo) = &options.repo {
            sources.set.insert("gitops_dir".into(), repo.clone());
        }
        if let Some(folder) = resumed {
            sources.resume(&folder.answers())?;
        }
        let spec = recipe(options, &sources)?;
        for task in launch.run_from.iter().chain(&launch.within) {
            check_task(spec, task)?;
        }
        if options.faults.is_some() && !launch.practice {
            return Err(Failure::usage(
                "`--faults` lets things go wrong in the practice cloud only",
            )
            .hint("add `--sandbox`"));
        }
        let unknown = sources.unknown(spec.questions.iter().chain(spec.also_knows));
        if !unknown.is_empty() {
            return Err(Failure::answers(unknown).hint(format!(
                "`{}` answers: {}",
                spec.name,
                keys(spec)
            )));
        }
        let sandbox = if launch.practice {
            Some(practice(options, &state, &mut sources, &process.wire).await?)
        } else {
            None
        };
        let kubeconfig = sandbox
            .as_ref()
            .and_then(|sandbox| sandbox.environment().get("KUBECONFIG").map(PathBuf::from));
        let clusters = Clusters::new(kubeconfig, process.wire.clone());
        let aws = Connector::new(aws_settings(sandbox.as_ref()), process.wire.clone());
        let azure = azure_settings(sandbox.as_ref());
        let azure = azure::Connector::new(azure, process.wire.clone());
        let passwords = Passwords::default();
        sources.take_passwords(spec.questions, &passwords);
        let git = git_settings(&passwords);
        let remotes = Remotes::new(Git::new(git, process.wire.clone()));
        let keyring = Keyring::of(&process.environment);
        let keyring = if launch.practice && !keyring.is_chosen {
            // Keys of practice are part of its world, and none of them is for anything real.
            Keyring::at(state.join("sandbox").join("age.key"))
        } else {
            keyring
        };
        Ok(Self {
            spec,
            sources,
            process,
            launch,
            runs: Runs::new(&state),
            keyring,
            sandbox,
            aws,
            azure,
            clusters,
            remotes,
            passwords,
            recording: Some(recording),
            again: None,
        })
    }

    /// Returns the session of a process that is done again from its recording: it looks for no
    /// answers, and its paths lead elsewhere.
    pub(super) fn again(
        spec: &'static RecipeSpec,
        launch: Launch,
        process: Process,
        again: Again,
    ) -> Result<Self, Failure> {
        let wire = process.wire.clone();
        let git = Git::new(GitSettings::default(), wire.clone());
        Ok(Self {
            spec,
            sources: Sources::read(&[], None, process.environment.clone())?,
            process,
            launch,
            runs: Runs::new(&again.root),
            keyring: Keyring::at(again.root.join("age.key")),
            sandbox: None,
            aws: Connector::new(AwsSettings::default(), wire.clone()),
            azure: azure::Connector::new(AzureSettings::default(), wire.clone()),
            clusters: Clusters::new(None, wire),
            recording: None,
            remotes: Remotes::new(git),
            passwords: Passwords::default(),
            again: Some(again),
        })
    }

    /// Resolves all answers.
    pub(super) async fn resolve(&self, edits: &Answers, offers: bool) -> Resolution {
        let discovery = Everywhere {
            aws: AwsDiscovery {
                connector: self.aws.clone(),
            },
            azure: AzureDiscovery {
                connector: self.azure.clone(),
            },
            cluster: self.clusters.clone(),
            uses_cluster: !self.launch.no_cluster,
            remotes: self.remotes.clone(),
        };
        let mut kept = Answers::default();
        for (key, answer) in edits.iter() {
            let value = self.passwords.take(&answer.value);
            kept.set(key, value, answer.origin.clone());
        }
        settings::resolve(
            self.spec.questions,
            &self.sources,
            &kept,
            &discovery,
            offers,
        )
        .await
    }

    /// Resolves all answers without anybody to ask.
    ///
    /// # Errors
    ///
    /// All problems at once.
    pub async fn answers(&self) -> Result<Settled, Failure> {
        let resolution = self.resolve(&Answers::default(), false).await;
        if resolution.is_complete() {
            let notice = |row: &Resolved| {
                row.notice
                    .as_ref()
                    .map(|notice| format!("`{}`: {notice}", row.question.key))
            };
            let notices = resolution.rows.iter().filter_map(notice).collect();
            return Ok(Settled {
                answers: resolution.answers,
                notices,
            });
        }
        let mut failure = Failure::answers(Vec::new());
        for (row, problem) in resolution.problems() {
            let key = row.question.key;
            failure.problems.push(format!("`{key}` {problem}"));
            failure.hints.extend(row.hints.clone());
        }
        let mut seen = BTreeSet::new();
        failure.hints.retain(|hint| seen.insert(hint.clone()));
        Err(failure)
    }

    /// Starts a new run.
    ///
    /// # Errors
    ///
    /// When its folder cannot be written, or a client cannot be set up.
    pub async fn start(
        &self,
        settled: &Settled,
        approval: Approval,
    ) -> Result<(RunFolder, Handle), Failure> {
        let now = self.process.clock.now();
        let folder = self
            .process
            .writes("run folder", || Ok::<_, Failure>(self.runs.create(now)?))?;
        let header = Header {
            format: FORMAT.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            run: folder.run.clone(),
            recipe: self.spec.name.into(),
            launch: self.launch.clone(),
        };
        self.write_answers(&folder, settled)?;
        let writer = self.process.writes("journal.jsonl", || {
            Ok::<_, Failure>(Writer::create(&folder.journal(), &header)?)
        })?;
        self.keep_records(&folder, settled, approval, 0)?;
        let handle = self
            .launch(
                settled,
                approval,
                &folder.run,
                None,
                Box::new(writer),
                Some(&folder.path),
            )
            .await?;
        Ok((folder, handle))
    }

    /// Goes on with a run whose journal is held by `writer`.
    pub(super) async fn resume(
        &self,
        settled: &Settled,
        approval: Approval,
        folder: &RunFolder,
        earlier: Earlier,
        writer: Writer,
    ) -> Result<Handle, Failure> {
        self.write_answers(folder, settled)?;
        self.keep_records(folder, settled, approval, earlier.seq)?;
        self.launch(
            settled,
            approval,
            &folder.run,
            Some(earlier),
            Box::new(writer),
            Some(&folder.path),
        )
        .await
    }

    /// Starts to write wire log and recording, beginning with what was called before.
    fn keep_records(
        &self,
        folder: &RunFolder,
        settled: &Settled,
        approval: Approval,
        position: u64,
    ) -> Result<(), Failure> {
        self.process.writes("id", || self.runs.make_id())?;
        let mut wire = ChainedFile::open(&folder.wire())?;
        self.process
            .wire
            .write_to(Box::new(move |line| wire.append(line)));
        if let Some(recording) = &self.recording {
            let mut file = ChainedFile::open(&folder.recording())?;
            let line = ProcessSession {
                launch: self.launch.clone(),
                approval,
                warnings: settled.notices.clone(),
                home: self.sources.environment.get("HOME").cloned(),
                holder: Holder::of_process(),
                state: self.runs.id().unwrap_or_default(),
                folder: folder.path.display().to_string(),
            };
            recording.write_to(Box::new(move |line| file.append(line)), line.line(position));
        }
        Ok(())
    }

    fn write_answers(&self, folder: &RunFolder, settled: &Settled) -> Result<(), Failure> {
        let text = settings::answers_file(self.spec.name, &settled.answers);
        self.process.writes("answers.yaml", || {
            Ok(folder.write(&folder.answers(), &text)?)
        })
    }

    /// Observes only, and leaves no trace.
    pub(super) async fn plan(&self, settled: &Settled) -> Result<Handle, Failure> {
        let now = self.process.clock.now();
        let run = now.strftime("%Y%m%dT%H%M%SZ-plan").to_string();
        self.launch(
            settled,
            Approval::Plan,
            &run,
            None,
            Box::new(NoRecorder),
            None,
        )
        .await
    }

    /// Looks what of the identity is missing, and builds what makes it.
    pub(super) async fn handoff(&self, answers: &Answers) -> Result<Box<dyn Handoff>, Failure> {
        let Some(over) = self.spec.handoff else {
            return Err(Failure::usage(format!(
                "recipe `{}` makes nothing that an administrator could make",
                self.spec.name
            )));
        };
        let context = looking("handoff", false);
        Ok((over.look)(answers, &self.tools(), context).await?)
    }

    /// Starts the loop; without a folder it only plans.
    pub(super) async fn launch(
        &self,
        settled: &Settled,
        approval: Approval,
        run: &str,
        earlier: Option<Earlier>,
        recorder: Box<dyn Recorder>,
        folder: Option<&Path>,
    ) -> Result<Handle, Failure> {
        let tools = self.tools();
        // A plan leaves no recording, so nobody asks what the clone held.
        let held = settled
            .answers
            .get("gitops_dir")
            .filter(|_| folder.is_some());
        if let Some(directory) = held {
            let repository = (tools.repository)(directory);
            let holding = move || repository.git.hold(&repository.directory);
            let held = tokio::task::spawn_blocking(holding).await;
            // A clone that cannot be read says so in a step of its own; one that cannot be made
            // anew is the end of a rerun.
            if let (Ok(Err(error)), Some(_)) = (held, &self.again) {
                return Err(Failure::failed(error.to_string()));
            }
        }
        let recipe = (self.spec.build)(&settled.answers, &tools).await?;
        let resolved = settled.answers.iter().map(|(key, answer)| ResolvedAnswer {
            key: key.to_owned(),
            value: answer.value.clone(),
            origin: answer.origin.clone(),
        });
        let options = run::Options {
            run: run.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            practice: self.launch.practice,
            plan_only: folder.is_none(),
            only: self.launch.only,
            within: self.launch.within.clone(),
            approval,
            wait: self.launch.wait_seconds.map(Duration::from_secs),
            answers: resolved.collect(),
            warnings: settled.notices.clone(),
            earlier,
            asks: folder.and_then(|folder| self.asks(settled, run, folder, tools)),
        };
        let recorder = Box::new(Gated {
            recorder,
            wire: self.process.wire.clone(),
        });
        let handle = run::start(recipe, options, self.clock(), recorder);
        Ok(match &self.recording {
            Some(recording) => recorded::commands(handle, recording),
            None => handle,
        })
    }

    /// Returns who is asked when a right is missing, in a run that makes what it needs rights for.
    fn asks(&self, settled: &Settled, run: &str, folder: &Path, tools: Tools) -> Option<Asks> {
        let wait = self.launch.wait_seconds.map(Duration::from_secs);
        let waits = match wait {
            Some(patience) => Waits::For(patience),
            None if self.launch.attended => Waits::UntilStopped,
            None => Waits::No,
        };
        let makes = self.spec.handoff.is_some() && self.launch.only.includes(Phase::Apply);
        makes.then(|| Asks {
            administrator: Arc::new(InRunFolder {
                spec: self.spec,
                answers: settled.answers.clone(),
                tools,
                process: self.process.clone(),
                run: run.to_owned(),
                folder: folder.to_owned(),
            }),
            waits,
        })
    }

    /// Returns the time that steps go by.
    fn clock(&self) -> Arc<dyn Clock> {
        let clock = Arc::clone(&self.process.clock);
        match &self.recording {
            Some(recording) => recorded::clock(clock, recording),
            None => clock,
        }
    }

    /// Returns the practice cloud, when there is one.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Returns the runs of this state directory.
    pub(super) fn runs(&self) -> &Runs {
        &self.runs
    }

    /// Ends the practice cloud, when this process serves it.
    pub async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }

    /// Returns the Git client. On a machine where nobody has told Git who they are, somebody
    /// practises all the same.
    fn git(&self) -> Git {
        let who =
            |(name, _): &(&String, &String)| *name == "HOME" || name.starts_with("GIT_CONFIG");
        let own = self.process.environment.iter().filter(who);
        let mut settings = GitSettings {
            environment: own
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            ..git_settings(&self.passwords)
        };
        let plain = Git::new(settings.clone(), self.process.wire.clone());
        if self.launch.practice && plain.identity(Path::new("/")).is_err() {
            let practice = [
                ("GIT_COMMITTER_NAME", "Practice"),
                ("GIT_COMMITTER_EMAIL", "practice@practice.invalid"),
            ];
            let practice = practice.map(|(name, value)| (name.to_owned(), value.to_owned()));
            settings.environment.extend(practice);
        }
        Git::new(settings, self.process.wire.clone())
    }

    /// Returns where on this machine a directory of an answer is.
    fn places(&self) -> impl Fn(&str) -> PathBuf + Send + Sync + use<> {
        let environment = self.sources.environment.clone();
        let root = self.again.as_ref().map(|again| again.root.clone());
        move |directory| {
            let directory = settings::expand(directory, &environment);
            match &root {
                Some(root) => root.join(directory.strip_prefix("/").unwrap_or(&directory)),
                None => directory,
            }
        }
    }

    /// Returns where programs are looked for. The practice cloud replaces the environment that
    /// answers come from, not this.
    fn path(&self) -> String {
        self.process
            .environment
            .get("PATH")
            .cloned()
            .unwrap_or_default()
    }

    /// Returns who this process is to other runs on the same cluster.
    fn operator(&self) -> Operator {
        let (holder, state) = match &self.again {
            Some(again) => (again.holder.clone(), again.state.clone()),
            None => (Holder::of_process(), self.runs.id().unwrap_or_default()),
        };
        let (runs, process) = (self.runs.clone(), self.process.clone());
        Operator {
            user: holder.user,
            host: holder.host,
            pid: holder.pid,
            state,
            is_over: Arc::new(move |run| recorded::asks(&process, run, || runs.is_over(run))),
            clock: self.clock(),
        }
    }

    pub(super) fn tools(&self) -> Tools {
        let before = |task: &&recipes::TaskSpec| {
            self.launch
                .run_from
                .as_deref()
                .is_some_and(|from| from != task.name)
        };
        let fast_forward = self.spec.tasks.iter().take_while(before);
        let git = self.git();
        let place = self.places();
        let repository = move |directory: &str| Repository {
            git: Clone::clone(&git),
            directory: place(directory),
            skeleton: skeleton(),
        };
        let kustomize = Kustomize::new(self.path())
            .through(self.process.wire.clone())
            .decrypting(self.keyring.clone());
        let place = self.places();
        let builder = kustomize.clone();
        let manifests = move |directory: &str| Manifests::new(builder.clone(), place(directory));
        Tools {
            aws: self.aws.clone(),
            azure: self.azure.clone(),
            cluster: self.clusters.clone(),
            repository: Arc::new(repository),
            kustomize,
            manifests: Arc::new(manifests),
            vault: Vault::new(self.keyring.clone(), self.process.wire.clone()),
            operator: self.operator(),
            modes: Modes {
                fast_forward: fast_forward.map(|task| task.name.to_owned()).collect(),
                no_cluster: self.launch.no_cluster,
                no_pod: self.launch.no_pod,
                practice: self.launch.practice,
                changes: self.launch.only != Only::Verify,
            },
        }
    }
}

/// Starts the practice cloud, or connects to the one that is served. What the operator's own
/// environment says about real clouds has no say there.
async fn practice(
    options: &Options,
    state: &Path,
    sources: &mut Sources,
    wire: &WireLog,
) -> Result<Sandbox, Failure> {
    let sandbox = Sandbox::open(world_options(options, state, wire))
        .await
        .map_err(|error| Failure::caused("the practice cloud cannot start", &error))?;
    let home = sources.environment.remove("HOME");
    sources.environment = sandbox.environment().clone();
    sources
        .environment
        .extend(home.map(|home| ("HOME".to_owned(), home)));
    let clone = state.join("sandbox").join("deployments");
    sources
        .defaults
        .insert("gitops_dir".into(), clone.display().to_string());
    Ok(sandbox)
}

/// Returns how the practice cloud is opened.
pub(super) fn world_options(options: &Options, state: &Path, wire: &WireLog) -> sandbox::Options {
    sandbox::Options {
        directory: state.join("sandbox"),
        skeleton: skeleton()
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect(),
        fresh: options.fresh,
        conduct: Conduct {
            clock: sandbox::Clock::of({
                let time = wire.time();
                move || time()
            }),
            latency: options.latency.unwrap_or_default(),
            lag: Lag::of(options.lag.unwrap_or_default()),
            faults: None,
        },
        faults: options.faults,
    }
}

fn git_settings(passwords: &Passwords) -> GitSettings {
    GitSettings {
        passwords: passwords.clone(),
        ..GitSettings::default()
    }
}

fn aws_settings(sandbox: Option<&Sandbox>) -> AwsSettings {
    let Some(sandbox) = sandbox else {
        return AwsSettings::default();
    };
    let of = |name: &str| sandbox.environment().get(name).cloned();
    AwsSettings {
        region: of("AWS_DEFAULT_REGION"),
        endpoint_url: of("AWS_ENDPOINT_URL"),
        static_credentials: of("AWS_ACCESS_KEY_ID").zip(of("AWS_SECRET_ACCESS_KEY")),
        ..AwsSettings::default()
    }
}

fn azure_settings(sandbox: Option<&Sandbox>) -> AzureSettings {
    let Some(sandbox) = sandbox else {
        return AzureSettings::default();
    };
    let of = |name: &str| sandbox.environment().get(name).cloned();
    AzureSettings {
        tenant: of("AZURE_TENANT_ID"),
        arm_endpoint: of("ROK_AZURE_ARM_ENDPOINT"),
        authority_host: of("AZURE_AUTHORITY_HOST"),
        secret: of("AZURE_CLIENT_ID").zip(of("AZURE_CLIENT_SECRET")),
        ca_file: of("SSL_CERT_FILE").map(PathBuf::from),
        cloud: None,
    }
}
