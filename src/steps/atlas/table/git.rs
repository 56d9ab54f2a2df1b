//! The deployments repository: the clone, the remote and its rules.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;

const GIT: &[Source] = &[Source::Git];

/// An entry of one of our own error kinds, which needs no text.
const fn kind(
    id: &'static str,
    row: u8,
    codes: &'static [&'static str],
    response: Response,
    causes: &'static [&'static Cause],
) -> Entry {
    Entry {
        id,
        row,
        sources: GIT,
        codes,
        response,
        causes,
        ..ENTRY
    }
}

/// A cause that breaks no link.
const fn cause(id: &'static str, text: &'static str, remedies: &'static [&'static str]) -> Cause {
    Cause {
        id,
        link: None,
        text,
        remedies,
    }
}

const DIVERGED: Cause = cause(
    "diverged",
    "somebody else pushed first, and both sides changed the same thing",
    &["run `git pull --rebase` in the clone, resolve, and run this again"],
);
const BRANCH_RULES: Cause = cause(
    "branch-rules",
    "the remote's rules keep the branch from being pushed to",
    &[
        "open a pull request from a branch of your own: `git push --set-upstream origin HEAD:BRANCH`",
    ],
);
const REJECTED: Cause = cause(
    "rejected",
    "the remote's rules do not let the push in",
    &["ask the owner of the repository's rules"],
);
const DETACHED: Cause = cause(
    "detached",
    "HEAD points at a commit and not at a branch",
    &["run `git switch --create BRANCH` in the clone"],
);
const BUSY: Cause = cause(
    "busy",
    "somebody is in the middle of something in the clone",
    &["finish or abort it; remove a lock file only if no Git runs"],
);
const IDENTITY: Cause = cause(
    "identity",
    "Git does not know who the operator is",
    &[
        "run `git config --global user.name \"Your Name\"` and `git config --global user.email you@example.com`",
    ],
);
const REFUSED: Cause = cause(
    "refused",
    "a hook or the signing program said no",
    &["the files are kept: mend what it complains about and retry"],
);
const OWNERSHIP: Cause = cause(
    "dubious-ownership",
    "the clone belongs to another user",
    &["run `git config --global --add safe.directory {found}`, or change the owner"],
);
const TAG_EXISTS: Cause = cause(
    "tag-exists",
    "tag `{found}` exists already and points elsewhere",
    &["`git show {found}` tells what it marks; if it is a left-over: `git tag --delete {found}`"],
);

pub(super) const ENTRIES: &[Entry] = &[
    kind("diverged", 76, &["Diverged"], Response::Ask, &[&DIVERGED]),
    Entry {
        id: "diverged",
        row: 76,
        sources: GIT,
        texts: &[
            "[rejected]…(fetch first)",
            "[rejected]…(non-fast-forward)",
            "non-fast-forward update",
        ],
        response: Response::Fix,
        causes: &[&DIVERGED],
        ..ENTRY
    },
    kind("rejected", 77, &["Rejected"], Response::Ask, &[&REJECTED]),
    Entry {
        id: "branch-rules",
        row: 77,
        sources: GIT,
        codes: &["Rejected"],
        texts: &[
            "GH006",
            "GH013",
            "Protected branch update failed",
            "Repository rule violations found",
            "push declined due to repository rule violations",
        ],
        seen: false,
        response: Response::Fix,
        causes: &[&BRANCH_RULES],
        ..ENTRY
    },
    kind("detached", 78, &["Detached"], Response::Ask, &[&DETACHED]),
    Entry {
        id: "detached",
        row: 78,
        sources: GIT,
        texts: &["You are not currently on a branch"],
        response: Response::Ask,
        causes: &[&DETACHED],
        ..ENTRY
    },
    kind("busy", 80, &["Busy"], Response::Stop, &[&BUSY]),
    Entry {
        id: "busy",
        row: 80,
        sources: GIT,
        texts: &[
            "Unable to create '{found}.lock': File exists",
            "MERGE_HEAD exists",
            "rebase-merge",
        ],
        causes: &[&BUSY],
        ..ENTRY
    },
    kind("identity", 81, &["Identity"], Response::Ask, &[&IDENTITY]),
    Entry {
        id: "identity",
        row: 81,
        sources: GIT,
        texts: &["Please tell me who you are", "empty ident name"],
        response: Response::Ask,
        causes: &[&IDENTITY],
        ..ENTRY
    },
    kind("refused", 81, &["Refused"], Response::Ask, &[&REFUSED]),
    Entry {
        id: "not-signed",
        row: 81,
        sources: GIT,
        codes: &["Refused"],
        texts: &["gpg failed to sign the data", "failed to sign"],
        seen: false,
        response: Response::Ask,
        causes: &[&cause(
            "not-signed",
            "the signing program did not sign the commit",
            &[
                "`git commit --allow-empty --message test` must work without a prompt: start the agent and unlock the key; the files are kept",
            ],
        )],
        ..ENTRY
    },
    Entry {
        id: "dubious-ownership",
        row: 82,
        sources: GIT,
        codes: &["DubiousOwnership"],
        texts: &[
            "open `{found}`: the directory belongs to another user",
            "detected dubious ownership in repository at '{found}'",
            "detected dubious ownership",
        ],
        seen: false,
        response: Response::Ask,
        causes: &[&OWNERSHIP],
        ..ENTRY
    },
    Entry {
        id: "tag-exists",
        row: 83,
        sources: GIT,
        codes: &["TagExists"],
        texts: &[
            "create tag `{found}`: it exists",
            "tag '{found}' already exists",
        ],
        seen: false,
        response: Response::Ask,
        causes: &[&TAG_EXISTS],
        ..ENTRY
    },
    Entry {
        id: "up-to-date",
        row: 84,
        sources: GIT,
        texts: &[
            "already up-to-date",
            "Everything up-to-date",
            "nothing to commit",
        ],
        response: Response::Success,
        causes: &[&cause("up-to-date", "nothing has changed", &[])],
        ..ENTRY
    },
    kind(
        "not-a-repository",
        0,
        &["NotARepository"],
        Response::Ask,
        &[&cause(
            "not-a-repository",
            "the directory is no Git repository",
            &["give the address of a repository to clone, or an empty directory"],
        )],
    ),
    kind(
        "authentication",
        0,
        &["Authentication"],
        Response::Ask,
        &[&cause(
            "authentication",
            "the remote wants other credentials",
            &[
                "`git push --dry-run` in the clone must work without a prompt: set up a credential helper, or an ssh key in the agent",
            ],
        )],
    ),
    kind(
        "host-key",
        0,
        &["HostKey"],
        Response::Ask,
        &[&cause(
            "host-key",
            "the remote's ssh host key is unknown or has changed",
            &[
                "compare the host's key with the one its owner publishes, then add it to `~/.ssh/known_hosts`",
            ],
        )],
    ),
    kind(
        "remote-unreachable",
        0,
        &["Unreachable"],
        Response::Wait,
        &[&cause(
            "remote-unreachable",
            "the remote does not answer",
            &["check the address, the network and the proxy"],
        )],
    ),
    kind(
        "repository-not-found",
        0,
        &["RepositoryNotFound"],
        Response::Ask,
        &[&cause(
            "repository-not-found",
            "the remote has no such repository, or hides it from this user",
            &["check the address, and that this user may read the repository"],
        )],
    ),
    kind(
        "branch-not-found",
        0,
        &["BranchNotFound"],
        Response::Ask,
        &[&cause(
            "branch-not-found",
            "the remote has no such branch",
            &["choose a branch that the repository has, or none for its default"],
        )],
    ),
    kind(
        "no-remote",
        0,
        &["NoRemote"],
        Response::Ask,
        &[&cause(
            "no-remote",
            "there is nowhere to push to",
            &["run `git remote add origin URL` in the clone"],
        )],
    ),
    kind(
        "directory-taken",
        0,
        &["Exists"],
        Response::Ask,
        &[&cause(
            "directory-taken",
            "the place for a new repository is taken",
            &["choose an empty directory, or the clone that is there"],
        )],
    ),
    Entry {
        id: "program-missing",
        sources: GIT,
        codes: &["ProgramMissing"],
        texts: &["run `{found}`: program not found"],
        response: Response::Ask,
        causes: &[&cause(
            "program-missing",
            "program `{found}` is not there",
            &["install `{found}`, or put it on the PATH"],
        )],
        ..ENTRY
    },
    disk(
        "disk-full",
        &[
            "No space left on device",
            "Out of diskspace",
            "no storage space",
            "Disk quota exceeded",
            "quota exceeded",
        ],
        &[&cause(
            "disk-full",
            "the disk is full",
            &["free disk space"],
        )],
    ),
    disk(
        "disk-read-only",
        &["Read-only file system", "read-only filesystem"],
        &[&cause(
            "disk-read-only",
            "the clone is on a file system that takes no writes",
            &["choose a clone on a writable file system"],
        )],
    ),
    disk(
        "file-not-ours",
        &["Permission denied", "insufficient permission for"],
        &[&cause(
            "file-not-ours",
            "the clone has files of another user",
            &["check the owner and mode of the clone"],
        )],
    ),
    Entry {
        id: "template-variable",
        row: 86,
        sources: GIT,
        texts: &["undefined value"],
        causes: &[&cause(
            "template-variable",
            "a template uses a variable that has no value",
            &["correct the template in the clone, or give the variable's answer"],
        )],
        ..ENTRY
    },
    Entry {
        id: "kustomize-build",
        row: 89,
        sources: GIT,
        texts: &[
            "accumulating resources",
            "no matches for Id",
            "kustomization",
        ],
        causes: &[&cause(
            "kustomize-build",
            "the overlay does not build",
            &[
                "`kustomize build rok/rok-cluster/overlays/deploy` in the clone shows the same error; `bases` and a patch whose target is gone are the usual reasons",
            ],
        )],
        ..ENTRY
    },
];

const fn disk(
    id: &'static str,
    texts: &'static [&'static str],
    causes: &'static [&'static Cause],
) -> Entry {
    Entry {
        id,
        sources: GIT,
        codes: &["Io"],
        texts,
        causes,
        ..ENTRY
    }
}
