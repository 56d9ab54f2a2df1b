//! Makes S3Proxy's credentials, or finds them, and keeps them in the clone for S3Proxy and for Rok's daemon.
//!
//! Credentials that are there are never made again: not by a second run, not on another machine, and
//! not after a process that was killed between two files. The files are committed by the step whose
//! commit names this one.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::credentials::Credentials;
use super::files::{self, CONFIGVARS, CREDENTIALS, RECIPIENTS, SECRET_VARS};
use super::look::{self, Found, Looked};
use super::{ConfigVars, refused};
use crate::clients::git::Clone as GitClone;
use crate::clients::sops::Vault;
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Step, StepError, StepMeta, Verb,
};
use crate::steps::gitops::{Drafts, Repository, Telling, Written, failed};

/// How secrets are kept in Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Encrypted, in files of their own.
    Encrypted,
    /// In clear, as the documentation has it: only on an explicit answer.
    InClear,
}

impl Keeping {
    /// Returns what an answer means; nothing but `cleartext` is in clear.
    pub fn of(answer: &str) -> Self {
        if answer == "cleartext" {
            Self::InClear
        } else {
            Self::Encrypted
        }
    }

    /// Returns the files that it writes in any case.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Encrypted => &[RECIPIENTS, SECRET_VARS, CREDENTIALS],
            Self::InClear => &[CONFIGVARS, CREDENTIALS],
        }
    }
}

/// Keeps S3Proxy's credentials.
#[derive(Clone)]
pub struct S3ProxyCredentials {
    /// What the engine needs to know.
    pub meta: StepMeta,
    /// The clone.
    pub repository: Repository,
    /// The keys.
    pub vault: Vault,
    /// How Rok's settings name them.
    pub vars: ConfigVars,
    /// How they are kept.
    pub keeping: Keeping,
    /// The fact that tells the files; an empty id is one that is not known yet.
    pub gives: &'static FactKey<Written>,
}

#[async_trait]
impl Step for S3ProxyCredentials {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let this = self.clone();
        self.repository.with(move |clone| this.observe(clone)).await
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let this = self.clone();
        self.repository
            .with_clone(move |clone| this.write(clone))
            .await
    }
}

impl S3ProxyCredentials {
    fn observe(&self, clone: Option<&GitClone>) -> Result<Observation, StepError> {
        let found = Found::read(&self.repository, clone)?;
        let input = self.input(&found);
        let looked = self
            .vault
            .work("look at S3Proxy's credentials", &input, false, |keyring| {
                look::look(&found, self.keeping, self.vars, keyring)
            })
            .map_err(closed)?
            .map_err(|error| refused(&error))?;
        if let Some([one, other]) = &looked.disagree {
            return Ok(Observation::conflict(
                format!("`{one}` and `{other}` hold other credentials than one another, expected the same"),
                Vec::new(),
                vec![
                    "`rok-deploy rotate` makes new ones in both".into(),
                    format!("or take one back: `git log -p -- {one} {other}`"),
                ],
            )
            .with(self.gives, &Written::new()));
        }
        let changes = self.changes(&found, &looked);
        if let (Some(clone), false) = (clone, changes.is_empty()) {
            let paths = looked.writes.iter().map(String::as_str);
            clone.expect_writable(paths).map_err(failed)?;
        }
        let written = self.written(&found, &looked);
        let note = match self.keeping {
            Keeping::Encrypted => "encrypted, the same in both files",
            Keeping::InClear => "in clear, the same in both files",
        };
        let mut observation = Observation::of_changes(changes, note).with(self.gives, &written);
        for other in &looked.others {
            observation = observation.notice(format!(
                "{other} can read the credentials and is not in `{RECIPIENTS}`; `rok-deploy rotate` leaves them out"
            ));
        }
        if let Some(about_key) = looked.about_key {
            observation = observation.notice(about_key);
        }
        if looked.were_in_clear {
            observation = observation.notice(
                "the credentials were in clear, and stay so in Git's history; `rok-deploy rotate` makes new ones",
            );
        }
        if self.keeping == Keeping::InClear {
            observation = observation.notice(
                "the credentials are in clear in Git, as asked for (`s3proxy_secrets=cleartext`)",
            );
        }
        Ok(observation)
    }

    fn write(&self, clone: &GitClone) -> Result<(), StepError> {
        let found = Found::read(&self.repository, Some(clone))?;
        let input = self.input(&found);
        let now = self.vault.now();
        let texts = self
            .vault
            .work("keep S3Proxy's credentials", &input, true, |keyring| {
                look::intend(&found, self.keeping, self.vars, keyring, now)
            })
            .map_err(closed)?
            .map_err(|error| refused(&error))?;
        for (path, text) in &texts {
            let text = text.as_bytes();
            if found.id(path).is_none() {
                // A new file is all ours, so that a revert may take it back.
                clone.remember_render(path, text, text).map_err(failed)?;
            }
            clone.write(path, text).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns what the work depends on.
    fn input(&self, found: &Found) -> impl serde::Serialize + use<> {
        let how = format!("{:?}, {:?}", self.keeping, self.vars);
        let ids: BTreeMap<_, _> = found.ids();
        (how, ids)
    }

    /// Returns the changes; they say no value, so the plan's are those of the act.
    fn changes(&self, found: &Found, looked: &Looked) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(key) = &looked.makes_key {
            changes.push(
                Change::new(Verb::Create, "private key", key)
                    .after("an age key that opens the encrypted files; keep a copy of it\n"),
            );
        }
        for path in &looked.writes {
            let verb = match found.id(path) {
                Some(_) => Verb::Update,
                None => Verb::Create,
            };
            changes.push(Change::new(verb, "file", path).after(self.shown(path)));
        }
        changes
    }

    /// Says what a file will hold, without its values.
    fn shown(&self, path: &str) -> String {
        let encrypted = format!("encrypted for everybody in {RECIPIENTS}\n");
        let how = match self.keeping {
            Keeping::Encrypted => encrypted.as_str(),
            Keeping::InClear => "in clear\n",
        };
        let [identity, credential] = self.vars.names();
        match path {
            RECIPIENTS => {
                "the recipient of this machine's key, after those that are there\n".into()
            }
            CREDENTIALS => format!("S3PROXY_IDENTITY=***\nS3PROXY_CREDENTIAL=***\n{how}"),
            CONFIGVARS if self.keeping == Keeping::Encrypted => {
                format!("without {identity} and {credential}, which get a file of their own\n")
            }
            _ => format!("{identity}: ***\n{credential}: ***\n{how}"),
        }
    }

    /// Returns the ids of the files as they will be, as far as they are known.
    fn written(&self, found: &Found, looked: &Looked) -> Written {
        let mut written = Written::new();
        for path in self.keeping.files() {
            let is_known = !looked.writes.iter().any(|other| other == path);
            let id = found.id(path).filter(|_| is_known);
            written.insert((*path).to_owned(), id.unwrap_or_default());
        }
        // What only loses its values is committed with the rest, once.
        if looked.writes.iter().any(|path| path == CONFIGVARS) {
            written.insert(CONFIGVARS.to_owned(), String::new());
        }
        written
    }
}

impl Drafts for S3ProxyCredentials {
    /// What HEAD has builds as it is; what it has not yet is tried with values that everybody knows.
    fn drafted(&self, _facts: &Facts) -> Result<Telling, StepError> {
        let this = self.clone();
        Ok(Box::new(move |clone| {
            let mut outputs = Vec::new();
            let tried = Credentials::tried();
            for path in [SECRET_VARS, CREDENTIALS] {
                let is_there = match clone {
                    Some(clone) => clone.read_head(path).map_err(failed)?.is_some(),
                    None => this.repository.skeleton_file(path).is_some(),
                };
                let is_wanted = this.keeping.files().contains(&path);
                if !is_there && is_wanted {
                    let text = files::with(path, None, this.vars, &tried);
                    let text = text.map_err(|error| refused(&error))?;
                    outputs.push((path.to_owned(), text.into_bytes()));
                }
            }
            Ok(outputs)
        }))
    }
}

/// The gate let the work not through.
pub(super) fn closed(error: std::io::Error) -> StepError {
    StepError::failed(error.to_string())
}
