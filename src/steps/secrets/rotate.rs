//! Makes new credentials in every file that holds them, in one commit.
//!
//! The commit says which run made it, and that alone tells whether this run has rotated. A process that
//! was killed before its commit leaves files that nobody has used: they are made once more.

use async_trait::async_trait;

use super::files::{CREDENTIALS, RECIPIENTS};
use super::look::{self, Found};
use super::refused;
use super::s3proxy::closed;
use crate::clients::git::{
    Clone as GitClone, CommitRequest, RENDER_TRAILER, RUN_TRAILER, STEP_TRAILER, blob_id,
};
use crate::clients::sops::Vault;
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta, Verb, lines,
};
use crate::steps::gitops::{BRANCH, Repository, failed};

/// The commit of the new credentials: empty while it is still to be made.
pub static ROTATED: FactKey<String> = FactKey::new("rok.rotate-credentials.commit");

/// The id of the step, which its commits carry.
const ROTATE: &str = "rok.rotate-credentials";

const MESSAGE: &str = "Rotate the credentials of S3Proxy";

/// Makes new credentials.
#[derive(Clone)]
pub struct RotateCredentials {
    /// The clone.
    pub repository: Repository,
    /// The keys.
    pub vault: Vault,
    /// Whether a clone that is not there is made of a remote.
    pub is_cloned: bool,
}

#[async_trait]
impl Step for RotateCredentials {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![BRANCH.name()],
            gives: vec![ROTATED.name()],
            after: vec!["gitops.clone"],
            ..StepMeta::new(ROTATE, "New credentials of S3Proxy", Phase::Generate)
        }
    }

    async fn check(&self, _facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let (this, run) = (self.clone(), context.run.clone());
        self.repository
            .with(move |clone| this.observe(clone, &run))
            .await
    }

    async fn apply(&self, _facts: &Facts, context: &Context) -> Result<(), StepError> {
        let (this, run) = (self.clone(), context.run.clone());
        self.repository
            .with_clone(move |clone| this.write(clone, &run))
            .await
    }
}

impl RotateCredentials {
    fn observe(&self, clone: Option<&GitClone>, run: &str) -> Result<Observation, StepError> {
        let Some(clone) = clone else {
            if !self.is_cloned {
                return Err(StepError::answers(format!(
                    "no clone in {}, expected that of the deployments repository",
                    self.repository.directory.display()
                ))
                .hint("name it with `--repo DIR`, or say what to clone: `--set gitops_url=URL`"));
            }
            // It is made first, and then looked at.
            let commit = Change::new(Verb::Commit, "files", MESSAGE).after(lines([CREDENTIALS]));
            return Ok(Observation::differs(vec![commit]).with(&ROTATED, &String::new()));
        };
        if let Some(commit) = of_run(clone, run)? {
            return Ok(
                Observation::satisfied("made and committed by this run").with(&ROTATED, &commit)
            );
        }
        let found = Found::read(&self.repository, Some(clone))?;
        let holders = self
            .vault
            .work(
                "find S3Proxy's credentials",
                &found.ids(),
                false,
                |keyring| look::holders(&found, keyring),
            )
            .map_err(closed)?
            .map_err(|error| refused(&error))?;
        if holders.is_empty() {
            return Err(StepError::answers(format!(
                "found no credentials of S3Proxy in {}, expected `{CREDENTIALS}`",
                self.repository.directory.display()
            ))
            .hint("`rok-deploy run --recipe rok-aks` makes the first ones"));
        }
        let mut changes = Vec::new();
        for (path, is_encrypted) in &holders {
            let how = if *is_encrypted {
                format!("encrypted anew, for everybody in {RECIPIENTS}")
            } else {
                "in clear, as before".into()
            };
            changes.push(
                Change::new(Verb::Update, "file", path)
                    .before("identity: ***\ncredential: ***\n")
                    .after(format!(
                        "identity: *** (new)\ncredential: *** (new)\n{how}\n"
                    )),
            );
        }
        changes.push(Change::new(Verb::Commit, "files", MESSAGE).after(lines(holders.keys())));
        clone
            .expect_writable(holders.keys().map(String::as_str))
            .map_err(failed)?;
        let in_clear: Vec<_> = holders
            .iter()
            .filter(|(_, is_encrypted)| !**is_encrypted)
            .collect();
        let mut observation = Observation::differs(changes).with(&ROTATED, &String::new());
        for (path, _) in in_clear {
            observation = observation.notice(format!(
                "`{path}` is in clear, and so are the new values in it"
            ));
        }
        Ok(observation)
    }

    fn write(&self, clone: &GitClone, run: &str) -> Result<(), StepError> {
        if of_run(clone, run)?.is_some() {
            return Ok(());
        }
        let found = Found::read(&self.repository, Some(clone))?;
        let now = self.vault.now();
        let texts = self
            .vault
            .work(
                "renew S3Proxy's credentials",
                &(run, found.ids()),
                true,
                |keyring| look::renew(&found, keyring, now),
            )
            .map_err(closed)?
            .map_err(|error| refused(&error))?;
        for (path, text) in &texts {
            clone.write(path, text.as_bytes()).map_err(failed)?;
        }
        let mut trailers = vec![
            (RUN_TRAILER.to_owned(), run.to_owned()),
            (STEP_TRAILER.to_owned(), ROTATE.to_owned()),
        ];
        for (path, text) in &texts {
            // A file that was all ours still is, so that a revert may take it back.
            let was = found.id(path).unwrap_or_default();
            let ours = clone
                .commits_with_trailer(RENDER_TRAILER, &was, 1)
                .map_err(failed)?;
            if !ours.is_empty() {
                trailers.push((RENDER_TRAILER.to_owned(), blob_id(text.as_bytes())));
            }
        }
        let paths: Vec<_> = texts.into_keys().collect();
        let request = CommitRequest {
            message: MESSAGE,
            trailers: &trailers,
            paths: &paths,
        };
        clone.commit(&request).map_err(failed).map(drop)
    }
}

/// Returns the commit that this very run has made.
fn of_run(clone: &GitClone, run: &str) -> Result<Option<String>, StepError> {
    let newest = clone
        .commits_with_trailer(STEP_TRAILER, ROTATE, 1)
        .map_err(failed)?;
    let is_ours = (RUN_TRAILER.to_owned(), run.to_owned());
    let ours = newest
        .into_iter()
        .find(|commit| commit.trailers.contains(&is_ours));
    Ok(ours.map(|commit| commit.id))
}
