//! Pushes: fast-forward only, never forced, and never around a hook.
//!
//! When somebody pushed first, our commits move on top of theirs (`rebase`) and the push is tried
//! again: each time that we lose somebody else's work went in, so all of us get there. When the
//! branch's rules say no, the commits go to a side branch for a pull request.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::thread;
use std::time::Duration;

use super::clone::Clone;
use super::error::{self, GitError};
use super::program::{Output, Request};
use super::remote::Target;

/// How often others may push between our fetch and our push before we give up.
const TRIES: u32 = 50;

/// How often in a row the remote may say that something moved though nothing did.
const STUCK: u32 = 5;

/// How many names a side branch may have.
const SIDE_BRANCHES: u32 = 5;

/// The longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether the remote would take a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushRight {
    /// The remote let us in. Rules on branches show only in a real push.
    Allowed,
    /// The remote said no, in these words.
    Denied(String),
    /// The remote could not be asked, for this reason.
    Unknown(String),
}

/// Where a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// The remote had everything.
    UpToDate,
    /// The remote's branch and tags are what we have.
    Pushed,
    /// The branch is protected; the commits wait on another one to be merged.
    Diverted {
        /// The side branch.
        branch: String,
        /// What the remote said about the branch itself.
        reason: String,
    },
}

/// The remote's answer to one push.
enum Answer {
    UpToDate,
    Pushed,
    /// Somebody was faster.
    Moved,
    /// The rules say no.
    Declined(String),
    /// The server cannot take several references as one.
    NotAtomic,
}

impl Clone {
    /// Asks the remote whether it would take a push, without pushing.
    pub fn can_push(&self) -> Result<PushRight, GitError> {
        let target = match self.target() {
            Ok(target) => target,
            Err(error @ (GitError::NoRemote | GitError::Detached)) => {
                return Ok(PushRight::Unknown(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let Some(head) = self.head()?.commit else {
            return Ok(PushRight::Unknown("the branch has no commit yet".into()));
        };
        let refspec = format!("{head}:{}", target.reference());
        let request = Request {
            method: "push",
            operation: format!("--dry-run {}", target.reference()),
            target: &target.remote.url,
            attempt: 1,
            write: false,
        };
        let output = self.git.network(
            &self.directory,
            &request,
            &[
                "push",
                "--dry-run",
                "--porcelain",
                "--",
                &target.remote.name,
                &refspec,
            ],
        )?;
        // Being behind is no lack of a right: the server let us in and told us.
        if output.success() || statuses(&output).any(|status| status.is_moved()) {
            return Ok(PushRight::Allowed);
        }
        Ok(match self.unreachable(&target.remote, &output.stderr) {
            GitError::Authentication { text, .. } => PushRight::Denied(text),
            GitError::RepositoryNotFound { text, .. }
            | GitError::HostKey { text, .. }
            | GitError::Unreachable { text, .. } => PushRight::Unknown(text),
            error => return Err(error),
        })
    }

    /// Pushes HEAD and `tags` to the upstream of the current branch.
    ///
    /// `side_branch` is where the commits go when the branch is protected.
    pub fn push(&self, side_branch: &str, tags: &[String]) -> Result<PushOutcome, GitError> {
        let target = self.target()?;
        self.undo_half_rebase()?;
        let mut tags = tags.to_vec();
        let mut with_branch = true;
        let (mut tried, mut stuck) = (None, 0);
        for attempt in 1..=TRIES {
            let head = self
                .head()?
                .commit
                .ok_or_else(|| GitError::other("push", "the branch has no commit yet"))?;
            let mut refspecs = Vec::new();
            if with_branch {
                refspecs.push(format!("{head}:{}", target.reference()));
            }
            refspecs.extend(tags.iter().map(|tag| format!("refs/tags/{tag}")));
            if refspecs.is_empty() {
                return Ok(PushOutcome::UpToDate);
            }
            match self.send(&target, &refspecs, attempt)? {
                Answer::UpToDate => return Ok(PushOutcome::UpToDate),
                Answer::Pushed => return Ok(PushOutcome::Pushed),
                Answer::Declined(text) if with_branch => {
                    return self.divert(&target, &head, side_branch, tags, text);
                }
                Answer::Declined(text) => return Err(rejected(&target, &text)),
                Answer::Moved | Answer::NotAtomic => {}
            }
            thread::sleep(pause(attempt));
            with_branch = self.catch_up(&target, &mut tags, attempt)?;
            let now = (refspecs, self.known_tip(&target)?);
            stuck = if tried.as_ref() == Some(&now) {
                stuck + 1
            } else {
                0
            };
            if stuck == STUCK {
                let text = "the remote says that others pushed, and has nothing new";
                return Err(diverged(target, text.into()));
            }
            tried = Some(now);
        }
        let text = format!("others pushed each of the {TRIES} times in between");
        Err(diverged(target, text))
    }

    /// Sends references as one where the server can, else one after the other, the branch first.
    fn send(&self, target: &Target, refspecs: &[String], attempt: u32) -> Result<Answer, GitError> {
        let whole = self.send_once(target, refspecs, attempt)?;
        if !matches!(whole, Answer::NotAtomic) {
            return Ok(whole);
        }
        let mut sent = Answer::UpToDate;
        for (index, refspec) in refspecs.iter().enumerate() {
            match self.send_once(target, std::slice::from_ref(refspec), attempt)? {
                Answer::UpToDate => {}
                Answer::Pushed => sent = Answer::Pushed,
                // What went before is in, so another branch would not help.
                Answer::Declined(text) if index > 0 => return Err(rejected(target, &text)),
                answer => return Ok(answer),
            }
        }
        Ok(sent)
    }

    fn send_once(
        &self,
        target: &Target,
        refspecs: &[String],
        attempt: u32,
    ) -> Result<Answer, GitError> {
        let mut arguments = vec!["push", "--porcelain"];
        if refspecs.len() > 1 {
            arguments.push("--atomic");
        }
        arguments.extend(["--", &target.remote.name]);
        arguments.extend(refspecs.iter().map(String::as_str));
        let names: Vec<_> = refspecs
            .iter()
            .map(|refspec| refspec.rsplit(':').next().unwrap_or(refspec))
            .collect();
        let request = Request {
            method: "push",
            operation: names.join(" "),
            target: &target.remote.url,
            attempt,
            write: true,
        };
        let output = self.git.network(&self.directory, &request, &arguments)?;
        self.answer(target, names[0], &output)
    }

    fn answer(&self, target: &Target, first: &str, output: &Output) -> Result<Answer, GitError> {
        if output.success() {
            let changed = statuses(output).any(|status| status.flag != '=');
            return Ok(if changed {
                Answer::Pushed
            } else {
                Answer::UpToDate
            });
        }
        if output.stderr.contains("does not support --atomic") {
            return Ok(Answer::NotAtomic);
        }
        let refused: Vec<_> = statuses(output)
            .filter(|status| status.flag == '!')
            .collect();
        // Without a word on any reference it was the way there, or the operator's own pre-push hook.
        if refused.is_empty() {
            let error = self.unreachable(&target.remote, &output.stderr);
            if output.stderr.contains("failed to push some refs") {
                return Err(GitError::Refused {
                    what: "push".into(),
                    text: output.text(),
                });
            }
            return Err(error);
        }
        // In an atomic push one culprit takes the others down; theirs says nothing of its own.
        let culprits: Vec<_> = refused
            .iter()
            .filter(|status| !status.summary.contains("atomic"))
            .collect();
        if culprits.iter().any(|status| status.destination == first) {
            if culprits
                .iter()
                .any(|status| status.destination == first && status.is_moved())
            {
                return Ok(Answer::Moved);
            }
            let summaries: Vec<_> = culprits
                .iter()
                .map(|status| status.summary.as_str())
                .collect();
            let text = format!("{}\n{}", remote_words(&output.stderr), summaries.join("\n"));
            return Ok(Answer::Declined(text.trim().to_owned()));
        }
        // Another run has given its tag the name of ours, or was faster by so little that the server
        // saw it while it took the references as one: then only its own words tell which it was.
        let is_race = culprits.is_empty() && is_moved(&remote_words(&output.stderr));
        if is_race || (!culprits.is_empty() && culprits.iter().all(|status| status.is_moved())) {
            return Ok(Answer::Moved);
        }
        let words: Vec<_> = refused
            .iter()
            .map(|status| format!("{} {}", status.destination, status.summary))
            .collect();
        Err(rejected(
            target,
            &format!("{}\n{}", remote_words(&output.stderr), words.join("\n")),
        ))
    }

    fn divert(
        &self,
        target: &Target,
        head: &str,
        side_branch: &str,
        mut tags: Vec<String>,
        reason: String,
    ) -> Result<PushOutcome, GitError> {
        let known = self.ls_remote(target)?;
        let holding = known.iter().find_map(|(name, id)| {
            let branch = name.strip_prefix("refs/heads/")?;
            (id == head && branch != target.branch).then(|| branch.to_owned())
        });
        for number in 1..=SIDE_BRANCHES {
            let branch = match (&holding, number) {
                (Some(branch), _) => branch.clone(),
                (None, 1) => side_branch.to_owned(),
                (None, number) => format!("{side_branch}-{number}"),
            };
            self.make_way(target, &mut tags)?;
            let mut refspecs = vec![format!("{head}:refs/heads/{branch}")];
            refspecs.extend(tags.iter().map(|tag| format!("refs/tags/{tag}")));
            match self.send(target, &refspecs, number)? {
                Answer::UpToDate | Answer::Pushed => {
                    return Ok(PushOutcome::Diverted { branch, reason });
                }
                // A branch of that name holds something else, which is not ours to overwrite.
                Answer::Moved | Answer::NotAtomic => {}
                Answer::Declined(again) => {
                    let text = if reason == again {
                        reason
                    } else {
                        format!("{reason}\n{again}")
                    };
                    return Err(rejected(target, &text));
                }
            }
        }
        Err(rejected(target, &reason))
    }
}

/// Returns a random pause, longer after every try: who comes at the same time comes apart.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(25) * 2_u32.saturating_pow(attempt.min(12));
    let chance = RandomState::new().build_hasher().finish();
    // The fraction needs no more than 16 bits, and those fit.
    let fraction = u16::try_from(chance >> 48).unwrap_or(u16::MAX);
    longest.min(LONGEST_PAUSE) * u32::from(fraction) / u32::from(u16::MAX)
}

fn diverged(target: Target, text: String) -> GitError {
    GitError::Diverged {
        branch: target.branch,
        paths: Vec::new(),
        text,
    }
}

fn rejected(target: &Target, text: &str) -> GitError {
    GitError::Rejected {
        remote: target.remote.url.clone(),
        text: text.trim().to_owned(),
    }
}

/// One line of `git push --porcelain`.
struct Status {
    flag: char,
    destination: String,
    summary: String,
}

impl Status {
    fn is_moved(&self) -> bool {
        self.flag == '!' && is_moved(&self.summary)
    }
}

/// Returns whether a refusal says that a reference is simply not where we thought it was.
fn is_moved(text: &str) -> bool {
    const SIGNS: [&str; 8] = [
        "(fetch first)",
        "(non-fast-forward)",
        "(already exists)",
        "(stale info)",
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value",
        "reference already exists",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
}

fn statuses(output: &Output) -> impl Iterator<Item = Status> {
    output.stdout.lines().filter_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (flag, references, summary) = (fields.next()?, fields.next()?, fields.next()?);
        let destination = references.rsplit(':').next()?;
        Some(Status {
            flag: flag.chars().next().unwrap_or(' '),
            destination: destination.to_owned(),
            summary: summary.to_owned(),
        })
    })
}

/// Returns what the server said, which for a declined push is the hook's or the rules' own text.
fn remote_words(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("remote:"))
        .collect();
    error::spoken(&lines.join("\n"))
}
