//! A stack as it is kept on disk.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::caller::{Caller, Identity};
use super::super::state::Tags;

/// A stack; a deleted one is kept for whoever asks for it by its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    pub id: String,
    pub name: String,
    pub region: String,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub status: String,
    pub reason: Option<String>,
    /// What it was last made or changed with; empty as long as it has only change sets.
    pub template: String,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    pub outputs: BTreeMap<String, Output>,
    /// By logical id.
    pub resources: BTreeMap<String, Resource>,
    /// By name.
    pub change_sets: BTreeMap<String, ChangeSet>,
    /// The id of the change set that was executed last.
    pub executed: Option<Executed>,
    /// The oldest first.
    pub events: Vec<Event>,
    /// What is under way.
    pub work: Option<Work>,
}

/// A value that a stack tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub value: String,
    pub description: Option<String>,
}

/// The change set that was executed last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Executed {
    pub id: String,
}

/// A resource that a stack has made, or tried to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resource {
    pub kind: String,
    /// Its name or ARN, once it was made.
    pub physical_id: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub updated: Timestamp,
    /// What it was made with, without intrinsic functions.
    pub properties: Value,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub at: Timestamp,
    pub logical_id: String,
    pub physical_id: String,
    pub kind: String,
    pub status: String,
    pub reason: Option<String>,
}

/// A change set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeSet {
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    pub creates: bool,
    pub template: String,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    pub description: Option<String>,
    /// Until then it is being computed.
    pub ready_at: Timestamp,
    /// Why there is nothing to execute, if so.
    pub failure: Option<String>,
    pub changes: Vec<Planned>,
    pub is_executed: bool,
}

/// A change of one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    pub action: Action,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub kind: String,
    /// Whether it would be made anew, under another id.
    pub replaces: bool,
}

/// What is done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Make,
    Change,
    Remove,
    /// Bring back what was there before.
    Revert,
}

/// What a stack is on its way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    Create,
    Rollback,
    Update,
    UpdateRollback,
    Delete,
}

/// What is under way, and with whose rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    pub goal: Goal,
    pub actor: Actor,
    pub queue: VecDeque<Task>,
    /// When the next task is due.
    pub due: Timestamp,
    /// How long each takes.
    pub pace: SignedDuration,
    /// What was there before, for an update that has to go back.
    pub before: Option<Before>,
    /// What has failed.
    pub failed: Vec<String>,
}

/// A task, begun or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub action: Action,
    pub logical_id: String,
    pub begun: bool,
}

/// A stack before an update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Before {
    pub template: String,
    pub tags: Tags,
    pub capabilities: Vec<String>,
    pub resources: BTreeMap<String, Resource>,
}

/// Whoever asked for the work; the stack does it with their rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Actor {
    arn: String,
    user: Option<String>,
    session: Option<String>,
    principal: String,
}

impl Actor {
    pub(super) fn of(caller: &Caller) -> Self {
        let (user, session) = match &caller.identity {
            Identity::User(name) => (Some(name.clone()), None),
            Identity::Session(key) => (None, Some(key.clone())),
        };
        Self {
            arn: caller.arn.clone(),
            user,
            session,
            principal: caller.id.clone(),
        }
    }

    pub(super) fn caller(&self) -> Caller {
        let session = || Identity::Session(self.session.clone().unwrap_or_default());
        Caller {
            arn: self.arn.clone(),
            id: self.principal.clone(),
            identity: self.user.clone().map_or_else(session, Identity::User),
            secret: String::new(),
        }
    }
}

impl Stack {
    /// Whether something is due.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.work.as_ref().is_some_and(|work| work.due <= now)
    }

    /// Whether nothing is under way and an update can begin.
    pub(super) fn is_updatable(&self) -> bool {
        [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ]
        .contains(&self.status.as_str())
    }
}

impl Resource {
    /// Whether it is there, and the stack's.
    pub(super) fn is_held(&self) -> bool {
        self.physical_id.is_some() && !self.status.starts_with("DELETE_COMPLETE")
    }
}

impl Action {
    /// The word of the status while it is done, and after.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Make => "CREATE",
            Self::Change | Self::Revert => "UPDATE",
            Self::Remove => "DELETE",
        }
    }
}
