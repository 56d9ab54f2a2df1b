//! Which remote counts, and what of ours it does not have yet.

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use super::clone::Clone;
use super::error::{self, GitError};
use super::program::{Request, redact};

/// Where pushed branches go that the branch itself did not let in.
const SIDE_BRANCHES: &str = "refs/heads/rok-deploy/";

/// The remote that the current branch belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name in the clone.
    pub name: String,
    /// Its address, without user and password.
    pub url: String,
}

/// What a push would have to carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushState {
    /// Commits of HEAD that the remote's branch lacks.
    pub commits: usize,
    /// Our tags (`deploy/…`) that the remote lacks.
    pub tags: Vec<String>,
    /// The remote's side branch that already holds HEAD, while `commits` wait to be merged.
    pub diverted: Option<String>,
    /// Whether there is a remote at all; without one the rest is empty.
    pub remote_known: bool,
}

/// Where a push of the current branch goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) remote: Remote,
    /// The remote's branch.
    pub(super) branch: String,
}

impl Target {
    /// The reference under which the clone remembers the remote's branch.
    pub(super) fn tracking(&self) -> String {
        format!("refs/remotes/{}/{}", self.remote.name, self.branch)
    }

    /// The reference of the branch at the remote.
    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

impl Clone {
    /// Returns the remote of the branch's upstream, else `origin`, else the only one.
    pub fn remote(&self) -> Result<Option<Remote>, GitError> {
        let repository = self.repository()?;
        let names = repository
            .remotes()
            .map_err(|error| self.failed("read the remotes", &error))?;
        let names: Vec<&str> = names.iter().flatten().flatten().collect();
        let upstream = self.head()?.branch.and_then(|branch| {
            let buffer = repository
                .branch_upstream_remote(&format!("refs/heads/{branch}"))
                .ok()?;
            Some(String::from_utf8_lossy(&buffer).into_owned())
        });
        let name = match (upstream, names.as_slice()) {
            (Some(upstream), names) if names.contains(&upstream.as_str()) => upstream,
            (_, names) if names.contains(&"origin") => "origin".into(),
            (_, [only]) => (*only).into(),
            _ => return Ok(None),
        };
        let remote = repository
            .find_remote(&name)
            .map_err(|error| self.failed("read the remote", &error))?;
        let url = String::from_utf8_lossy(remote.url_bytes()).into_owned();
        Ok(Some(Remote {
            name,
            url: redact(&url),
        }))
    }

    /// Asks the remote what it lacks of HEAD and of our tags.
    pub fn unpushed(&self) -> Result<PushState, GitError> {
        let target = match self.target() {
            Ok(target) => target,
            Err(GitError::NoRemote) => return Ok(PushState::default()),
            Err(error) => return Err(error),
        };
        let Some(head) = self.head()?.commit else {
            return Ok(PushState {
                remote_known: true,
                ..PushState::default()
            });
        };
        let remote = self.ls_remote(&target)?;
        let commits = self.ahead(&target, &head, remote.get(&target.reference()))?;
        let mut tags = Vec::new();
        for tag in self.tags("deploy/*")? {
            // Another run's tag of the same name and second is not ours.
            if !self.has_tag(&remote, &tag.name, &tag.commit)? {
                tags.push(tag.name);
            }
        }
        let diverted = remote
            .iter()
            .find(|(name, id)| commits > 0 && name.starts_with(SIDE_BRANCHES) && **id == head)
            .map(|(name, _)| name["refs/heads/".len()..].to_owned());
        Ok(PushState {
            commits,
            tags,
            diverted,
            remote_known: true,
        })
    }

    /// Returns where a push of the current branch goes: its upstream, else a branch of the same name.
    pub(super) fn target(&self) -> Result<Target, GitError> {
        let remote = self.remote()?.ok_or(GitError::NoRemote)?;
        let branch = self.head()?.branch.ok_or(GitError::Detached)?;
        let reference = format!("refs/heads/{branch}");
        let repository = self.repository()?;
        let is_upstream = repository
            .branch_upstream_remote(&reference)
            .is_ok_and(|name| name[..] == *remote.name.as_bytes());
        let upstream = repository
            .branch_upstream_merge(&reference)
            .ok()
            .filter(|_| is_upstream)
            .map(|buffer| String::from_utf8_lossy(&buffer).into_owned());
        let branch = upstream
            .as_deref()
            .and_then(|name| name.strip_prefix("refs/heads/"))
            .map_or(branch, str::to_owned);
        Ok(Target { remote, branch })
    }

    /// Returns the remote's references that concern us, each with its id.
    pub(super) fn ls_remote(&self, target: &Target) -> Result<BTreeMap<String, String>, GitError> {
        let output = self.git.network(
            &self.directory,
            &Request {
                method: "ls-remote",
                operation: target.reference(),
                target: &target.remote.url,
                attempt: 1,
                write: false,
            },
            &[
                "ls-remote",
                "--",
                &target.remote.name,
                &target.reference(),
                &format!("{SIDE_BRANCHES}*"),
                "refs/tags/deploy/*",
            ],
        )?;
        if !output.success() {
            return Err(self.unreachable(&target.remote, &output.stderr));
        }
        let pairs = output
            .stdout
            .lines()
            .filter_map(|line| line.split_once('\t'));
        Ok(pairs
            .map(|(id, name)| (name.to_owned(), id.to_owned()))
            .collect())
    }

    /// Returns whether the remote has the clone's tag, or one of that name on the same commit.
    pub(super) fn has_tag(
        &self,
        remote: &BTreeMap<String, String>,
        name: &str,
        commit: &str,
    ) -> Result<bool, GitError> {
        let reference = format!("refs/tags/{name}");
        let Some(found) = remote.get(&reference) else {
            return Ok(false);
        };
        let own = self
            .repository()?
            .refname_to_id(&reference)
            .map_err(|error| self.failed("read a tag", &error))?;
        let leads_to = remote.get(&format!("{reference}^{{}}")).unwrap_or(found);
        Ok(*found == own.to_string() || leads_to == commit)
    }

    /// Brings the remote's branch up to date in the clone. Returns whether the remote has it.
    pub(super) fn fetch(&self, target: &Target, attempt: u32) -> Result<bool, GitError> {
        let refspec = format!("+{}:{}", target.reference(), target.tracking());
        let output = self.git.network(
            &self.directory,
            &Request {
                method: "fetch",
                operation: target.reference(),
                target: &target.remote.url,
                attempt,
                write: false,
            },
            &[
                "fetch",
                "--quiet",
                "--no-tags",
                "--",
                &target.remote.name,
                &refspec,
            ],
        )?;
        if output.success() {
            return Ok(true);
        }
        if output.stderr.contains("couldn't find remote ref") {
            return Ok(false);
        }
        Err(self.unreachable(&target.remote, &output.stderr))
    }

    /// Returns where the remote's branch was when we last looked.
    pub(super) fn known_tip(&self, target: &Target) -> Result<Option<Oid>, GitError> {
        Ok(self.repository()?.refname_to_id(&target.tracking()).ok())
    }

    pub(super) fn unreachable(&self, remote: &Remote, text: &str) -> GitError {
        error::local(&self.directory, text).unwrap_or_else(|| error::network(&remote.url, text))
    }

    /// Counts the commits of `head` that the remote lacks, as far as the clone can know.
    fn ahead(
        &self,
        target: &Target,
        head: &str,
        remote_tip: Option<&String>,
    ) -> Result<usize, GitError> {
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("compare with the remote", &error);
        // The remote may be ahead of what was fetched; what was fetched is then still there.
        let known = remote_tip
            .and_then(|id| known_commit(&repository, id))
            .or_else(|| repository.refname_to_id(&target.tracking()).ok());
        let mut walk = repository.revwalk().map_err(failed)?;
        walk.push(Oid::from_str(head).map_err(failed)?)
            .map_err(failed)?;
        if let Some(id) = known {
            walk.hide(id).map_err(failed)?;
        } else {
            let glob = format!("refs/remotes/{}/*", target.remote.name);
            walk.hide_glob(&glob).map_err(failed)?;
        }
        Ok(walk.count())
    }
}

fn known_commit(repository: &Repository, id: &str) -> Option<Oid> {
    let id = Oid::from_str(id).ok()?;
    repository.find_commit(id).ok().map(|commit| commit.id())
}
